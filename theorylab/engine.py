"""Engines: where cells are computed. Serial or any dask.distributed cluster, one code path.

An engine is an iterator: it takes tasks and yields ``(task, outcome)`` in the order in which
they finish. The work itself, :func:`measure`, is the same everywhere, runs on one thread, and
writes its shard before it returns.
"""

from __future__ import annotations

import contextlib
import inspect
import multiprocessing
import os
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import seeds, store
from .discovery import Reference, load_reference
from .errors import Missing, StorageError, TheorylabError, UsageError


@dataclass(frozen=True)
class Task:
    """One cell to be measured, as plain values that travel to another process."""

    reference: Reference
    measurement: str
    axes: Mapping[str, Any]
    parameters: Mapping[str, Any]
    seed: int
    device: str
    data_key: str
    shard: str

    def __str__(self) -> str:
        inside = ", ".join(f"{k}={v}" for k, v in self.axes.items())
        return f"{self.reference.name}.{self.measurement}({inside})"


@dataclass(frozen=True)
class Outcome:
    """What became of a task: ``done``, ``missing`` (a data set), or ``failed``."""

    status: str
    seconds: float = 0.0
    message: str = ""
    traceback: str = ""


def measure(task: Task) -> Outcome:
    """Measure one cell on one thread and store its shard; never raises for the cell's own fault.

    Raises:
        StorageError: the shard cannot be written; nothing that follows could be either.
    """
    start = time.perf_counter()
    try:
        with one_thread():
            dataset = _call(task)
            store.check_measured(dataset)
            dataset.attrs = {"schema": store.SCHEMA, "data_key": task.data_key}
            store.write_dataset(Path(task.shard), dataset)
    except StorageError:
        raise
    except Missing as error:
        return Outcome("missing", time.perf_counter() - start, str(error))
    except TheorylabError as error:
        return Outcome("failed", time.perf_counter() - start, str(error))
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return Outcome("failed", time.perf_counter() - start, message, traceback.format_exc())
    return Outcome("done", time.perf_counter() - start)


def _call(task: Task):
    experiment = load_reference(task.reference)
    function = experiment.measurements[task.measurement].function
    wanted = inspect.signature(function).parameters
    sequence = seeds.seed_sequence(task.seed, experiment.name, task.measurement, task.axes)
    supplied: dict[str, Any] = {}
    if "rng" in wanted:
        supplied["rng"] = seeds.numpy_generator(sequence)
    if "generator" in wanted:
        supplied["generator"] = seeds.torch_generator(sequence)
    if "device" in wanted:
        supplied["device"] = task.device
    return function(**task.axes, **task.parameters, **supplied)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch, BLAS and dask: two change last bits and are slower on small cells."""
    import dask
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # On a worker xarray would otherwise ask the cluster for a lock before each file it writes.
        with threadpool_limits(1), dask.config.set(scheduler="synchronous"):
            yield
    finally:
        torch.set_num_threads(before)


def serial(tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
    """One cell after the other in this process."""
    for task in tasks:
        yield task, measure(task)


#: Imported once, in the process that local workers are forked from, not for seconds in each of
#: them. Nothing of theorylab: a worker reads that itself, as it is on the disk then.
PRELOADED = ["distributed", "torch", "xarray", "h5netcdf", "scipy.stats", "sympy", "threadpoolctl"]

#: What the C library and its thread pools read once, when a process starts.
PROCESS_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # dask's own 64 KiB makes glibc return every block to the system: a fifth of the time of cells
    # with large arrays went into mapping pages.
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
}


def warm_up() -> None:
    """Start the process that local workers are forked from, and return while it imports.

    Called as early as a run knows that it wants workers; :class:`Dask` calls it too. Does nothing
    where it runs already, and where the system cannot fork (workers import for themselves there).
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    from multiprocessing import forkserver

    with _environment_restored():
        os.environ.update(PROCESS_ENVIRONMENT)
        multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
        forkserver.ensure_running()


@contextlib.contextmanager
def _environment_restored() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


class Dask:
    """A dask.distributed cluster: a local one of ``jobs`` processes, or any ``scheduler``.

    Workers must see the experiment files and the results folder under the same paths. A worker
    that dies has its cell retried elsewhere; a cell that keeps killing workers is reported.
    """

    def __init__(self, jobs: int | None = None, scheduler: str | None = None):
        import dask
        from dask.distributed import Client, LocalCluster

        self._cluster = None
        self._settings = contextlib.ExitStack()
        try:
            if scheduler:
                self._client = Client(scheduler, timeout="20s", set_as_default=False)
            else:
                # Until the end: a worker that died is started again by the same settings.
                self._settings.enter_context(dask.config.set(_local_settings()))
                self._cluster = LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=1,
                    processes=True,
                    memory_limit=0,  # a cell's memory is the experiment's business
                    dashboard_address="127.0.0.1:0",  # None means port 8787
                    scheduler_kwargs={"dashboard": False},
                    silence_logs="CRITICAL",
                    # A forked worker has the environment of its origin, which may be older.
                    env={**os.environ, **PROCESS_ENVIRONMENT},
                )
                self._client = Client(self._cluster, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            self._settings.close()
            what = f"the scheduler {scheduler}" if scheduler else f"{jobs} processes"
            hint = (
                ""
                if scheduler
                else (
                    '; a script must ask for them below `if __name__ == "__main__":`, since each '
                    "process imports it again"
                )
            )
            raise UsageError(
                f"cannot reach or start {what}: {str(error).rstrip('.')}{hint}"
            ) from error

    def __call__(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        from dask.distributed import as_completed
        from distributed.scheduler import KilledWorker

        futures = {self._submit(task): task for task in tasks}
        suspects = []
        for future in as_completed(futures, loop=self._client.loop):
            try:
                yield futures[future], self._outcome(future)
            except KilledWorker:
                suspects.append(futures[future])
        # Cells that only waited on a worker are blamed for its death too. Alone, each one clears
        # itself or is found guilty.
        for task in suspects:
            try:
                yield task, self._outcome(self._submit(task))
            except KilledWorker:
                yield task, Outcome("failed", message="every worker that took this cell died")

    def _submit(self, task: Task):
        # pure=False: dask would otherwise take two equal calls for one.
        return self._client.submit(measure, task, pure=False)

    @staticmethod
    def _outcome(future) -> Outcome:
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except (KilledWorker, StorageError):
            raise
        except Exception as error:
            return Outcome("failed", message=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
        self._settings.close()


def _local_settings() -> dict[str, Any]:
    settings: dict[str, Any] = {
        # A cell whose worker died gets one more chance, and then one by itself.
        "distributed.scheduler.allowed-failures": 1,
        "distributed.nanny.pre-spawn-environ": PROCESS_ENVIRONMENT,
    }
    if "forkserver" in multiprocessing.get_all_start_methods():
        warm_up()
        settings["distributed.worker.multiprocessing-method"] = "forkserver"
    return settings


@contextlib.contextmanager
def engine(jobs: int = 1, scheduler: str | None = None) -> Iterator:
    """The engine for ``--jobs`` and ``--scheduler``: serial for one job and no scheduler."""
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one process is needed")
    if jobs == 1 and not scheduler:
        yield serial
        return
    # dask leaves what it sets for its workers (threads, hash seed) in this process as well.
    with _environment_restored():
        cluster = Dask(jobs, scheduler)
        try:
            yield cluster
        finally:
            cluster.close()
