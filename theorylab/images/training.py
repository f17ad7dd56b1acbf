r"""Training a denoiser: the preconditioned loss, a moving average of the weights, exact resumption.

    loss = E |D(x, sigma) - x0|^2 / (n c_out(sigma)^2),    x = x0 + sigma noise

which weights every noise level alike at the start (Karras et al. 2022, arXiv 2206.00364, eq. 8 and
appendix B.6). Everything random in step k is drawn from a generator seeded by (seed, k), so that a
run that was killed and resumed makes the same steps as one that was not: to the last bit with the
same arithmetic, that is the same number of threads and precision, which the card names.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from theorylab import __version__, store
from theorylab.errors import StorageError, TheorylabError, UsageError
from theorylab.images import checkpoints
from theorylab.images.datasets import ImageData
from theorylab.images.network import Architecture, UNetDenoiser

LEVEL_EDGES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 1e9)  # of the loss history's columns
WINDOW = 25  # steps in a row of the history

Progress = Callable[[int, float, float, float], None]


class Diverged(TheorylabError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Recipe:
    """How to train; part of the card.

    steps: of ``batch`` images each, over all processes. learning_rate: of AdamW with betas (0.9,
    0.99), constant for the first 40 % of the run, then linear to 0; the gradient's norm is clipped
    at 1. ema: largest decay of the `moving_average`. minutes: when given, the run ends then.
    """

    steps: int
    batch: int = 128
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.01
    ema: float = 0.999
    minutes: float | None = None
    seed: int = 0

    def __post_init__(self):
        if self.steps < 1 or self.batch < 1 or (self.minutes is not None and self.minutes <= 0):
            raise UsageError(
                "steps, batch and minutes must be positive; got "
                f"{self.steps}, {self.batch} and {self.minutes}"
            )


def noise_levels(number: int, generator: torch.Generator) -> Tensor:
    """Sigmas of a batch, float32 (number,): half log-uniform on [0.01, 80], half log-normal.

    The log-normal half has mean -0.8 and deviation 1.3 of the logarithm, where images take shape;
    the other half keeps the ends trained, which samplers visit too.
    """
    uniform = torch.rand(number, generator=generator) * math.log(80 / 0.01) + math.log(0.01)
    normal = torch.randn(number, generator=generator) * 1.3 - 0.8
    return torch.where(torch.arange(number) % 2 == 0, uniform, normal.clamp(-6.5, 4.4)).exp()


def generator_of(*what: int) -> torch.Generator:
    """A generator seeded by what is drawn from it: (seed, 0, step, rank) or (seed, 1, pass)."""
    words = np.random.SeedSequence(what).generate_state(2, np.uint32).tolist()
    return torch.Generator().manual_seed((words[0] << 31) ^ words[1])


def batches(
    data: ImageData, recipe: Recipe, start: int = 0, rank: int = 0, world: int = 1
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (x0, sigma, noise) of each step from ``start`` on: the share of one of ``world``.

    x0 and noise float32 (b, channels, height, width), sigma (b,). Every image is seen once in a
    pass of N // batch steps, in an order determined by (seed, pass).
    """
    images = with_channels(data.images)
    size = min(recipe.batch, len(images))
    if size < world:
        raise UsageError(f"{size} images a batch cannot be shared by {world} processes")
    known, order = -1, torch.empty(0)
    for step in count(start):
        turn, place = divmod(step, len(images) // size)
        if turn != known:
            known = turn
            order = torch.randperm(len(images), generator=generator_of(recipe.seed, 1, turn))
        rows = order[place * size : (place + 1) * size]
        # Everybody draws for the whole batch: the number of processes changes no step.
        generator = generator_of(recipe.seed, 0, step, 0)
        sigma = noise_levels(size, generator)
        noise = torch.randn((size, *images.shape[1:]), generator=generator)
        x0 = images[rows[rank::world]].to(torch.float32).mul_(2 / data.maximum).sub_(1)
        yield x0, sigma[rank::world], noise[rank::world]


def moving_average(decay: float) -> Callable:
    """For `AveragedModel`: decay min(decay, (1 + n)/(10 + n)) after n updates.

    With a constant decay a short run's average would still hold its first, random weights: 37 % of
    them after 1/(1 - decay) steps.
    """

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
        n = int(updates)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + n) / (10 + n)))

    return update


def loss_by_image(model: nn.Module, x0: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    """The weighted squared error of each image, (batch,): see the module. ``model``: x, sigma -> D.

    ``model`` may be a data-parallel wrapper around a `UNetDenoiser`.
    """
    level = sigma.reshape(-1, 1, 1, 1)
    _, out, _ = getattr(model, "module", model).coefficients(level)
    denoised = model(torch.addcmul(x0, level, noise), level)
    return ((denoised - x0) / out).square().mean((1, 2, 3))


def with_channels(images: Tensor) -> Tensor:
    """(N, height, width) or (N, channels, height, width) as the latter."""
    return images[:, None] if images.ndim == 3 else images


def prefers_bfloat16(device: str) -> bool:
    """Whether bfloat16 is computed by the device itself: CUDA, and CPUs with AMX."""
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device != "cpu" or bool(supported and supported())


def train(
    data: ImageData,
    architecture: Architecture,
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    compiled: bool = False,
    save_every: int = 200,
    progress: Progress | None = None,
    facts: dict | None = None,
) -> Path:
    """Train, or go on training, in ``folder``; returns the path of the finished checkpoint.

    Writes every ``save_every`` steps, each file atomically: ``training.safetensors`` (everything
    needed to go on), ``model.safetensors`` and ``model.json`` (the moving average and its card),
    ``history.nc`` (loss by step window and noise level). Threads are the caller's choice. With
    several processes (``torchrun`` or ``accelerate launch``) each takes its share of every batch,
    and the steps are those of one process but for the order of sums.
    progress(step, share, loss, images per second) is called after every window. facts: further
    entries of the card.

    Raises Diverged, naming the step, when the loss is not finite: the last checkpoint stays.
    StorageError when the folder holds a run with other data, architecture or recipe.
    """
    ranks = _Ranks(device, recipe.minutes)
    model = UNetDenoiser(
        architecture,
        low_precision=prefers_bfloat16(ranks.device),
        generator=generator_of(recipe.seed, 2),
    )
    model.to(ranks.device, memory_format=torch.channels_last)
    arithmetic = {
        "device": ranks.device,
        "precision": "bfloat16" if model.low_precision else "float32",
        "threads": torch.get_num_threads(),
    }
    average = AveragedModel(model, multi_avg_fn=moving_average(recipe.ema))
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=recipe.weight_decay,
        fused=True,  # a tenth of the time of tensor after tensor, which was 4 % of a step
    )
    about = {
        "architecture": architecture.as_dict(),
        "recipe": asdict(recipe),
        "data": {"name": data.name, "sha256": data.checksum},
    }
    state = _State(folder, about, model, average, optimizer)
    step, elapsed, history = state.restore()
    wrapped = ranks.wrap(torch.compile(model) if compiled else model)

    session = time.perf_counter()
    started, window, seen = session - elapsed, [], 0
    share = _share(recipe, step, elapsed)
    for batch in batches(data, recipe, step, ranks.rank, ranks.world):
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (1 - share) / 0.6)
        x0, sigma, noise = (part.to(ranks.device, non_blocking=True) for part in batch)
        losses = loss_by_image(wrapped, x0, sigma, noise)
        optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        step, seen = step + 1, seen + len(x0) * ranks.world
        window.append((batch[1], losses.detach()))
        elapsed = time.perf_counter() - started
        share = _share(recipe, step, elapsed)
        # The loss is read once a window, so that an accelerator is not waited for at every step.
        if step % WINDOW and share < 1:
            continue
        history.append(_row(step, ranks.gather(window), folder))
        window = []
        if ranks.rank:
            continue
        if progress is not None:
            progress(step, share, history[-1][1], seen / (time.perf_counter() - session))
        if step % save_every == 0 or share >= 1:
            state.save(step, elapsed, history)
            store.write_dataset(folder / "history.nc", _history(history))
            card = {**about, **_outcome(step, elapsed, history), "arithmetic": arithmetic}
            card |= facts or {}
            checkpoints.save(_halved(average.module), card, folder / "model")
    return folder / "model.safetensors"


class _State:
    """All that is needed to go on, in one file: a kill finds the old one or the new one."""

    def __init__(self, folder, about, model, average, optimizer):
        self.path = folder / "training.safetensors"
        self.about, self.model, self.average, self.optimizer = about, model, average, optimizer

    def save(self, step: int, elapsed: float, history: list) -> None:
        from safetensors.torch import save_file

        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in values.items()}
        tensors["history"] = torch.tensor(history, dtype=torch.float64)
        tensors["progress"] = torch.tensor([step, elapsed], dtype=torch.float64)
        tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        metadata = {"about": json.dumps(self.about, sort_keys=True)}
        store.write_atomically(self.path, lambda place: save_file(tensors, place, metadata))

    def restore(self) -> tuple[int, float, list]:
        """(steps done, seconds spent, history): 0, 0, [] for a fresh folder."""
        if not self.path.is_file():
            return 0, 0.0, []
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, "pt") as file:
                about = json.loads((file.metadata() or {}).get("about", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise StorageError(
                f"{self.path} cannot be read ({error}); delete it to start over"
            ) from error
        wanted = json.loads(json.dumps(self.about))
        for part in wanted:
            if about.get(part) != wanted[part]:
                raise StorageError(
                    f"{self.path.parent} holds a run with another {part}: {about.get(part)} "
                    f"instead of {wanted[part]}. Choose another folder, or delete this one"
                )
        self.model.load_state_dict(_under(tensors, "model."))
        self.average.load_state_dict(_under(tensors, "average."))
        weights = list(self.model.parameters())
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimizer.").items():
            index, key = name.split(".")
            if value.ndim:
                # The fused step reads memory in order: moments must lie as their weights do.
                value = torch.empty_like(weights[int(index)]).copy_(value)
            moments.setdefault(int(index), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        step, elapsed = tensors["progress"].tolist()
        return int(step), elapsed, tensors["history"].tolist()


class _Ranks:
    """One process, or the several that ``accelerate launch`` (or torchrun) has started."""

    def __init__(self, device: str, minutes: float | None):
        self.rank, self.world, self.device = 0, int(os.environ.get("WORLD_SIZE", "1")), device
        self.accelerator = None
        if self.world > 1:
            if minutes is not None:
                raise UsageError("several processes would stop at different steps: give steps")
            try:
                from accelerate import Accelerator
            except ModuleNotFoundError as error:
                raise UsageError(
                    "training in several processes needs accelerate: "
                    "python -m pip install 'theorylab[images]'"
                ) from error
            self.accelerator = Accelerator(cpu=device == "cpu")
            self.rank, self.device = self.accelerator.process_index, str(self.accelerator.device)

    def wrap(self, model: nn.Module) -> nn.Module:
        return model if self.accelerator is None else self.accelerator.prepare_model(model)

    def gather(self, window: list) -> list:
        """(levels, losses) of each step, of all processes: one NaN stops all."""
        if self.accelerator is None:
            return window
        gather = self.accelerator.gather
        return [(gather(sigma.to(self.device)), gather(losses)) for sigma, losses in window]


def _share(recipe: Recipe, step: int, elapsed: float) -> float:
    """How much of the run is done, 0 to 1."""
    if recipe.minutes is not None:
        return elapsed / (60 * recipe.minutes)
    return step / recipe.steps


def _row(step: int, window: list, folder: Path) -> list[float]:
    """step, mean loss, and the mean loss of each level bin (-1 for an empty bin)."""
    losses = torch.stack([batch.mean() for _, batch in window]).tolist()
    for k, loss in enumerate(losses):
        if not math.isfinite(loss):
            raise Diverged(
                f"the loss is {loss} at step {step - len(window) + k + 1}. The last checkpoint in "
                f"{folder} is kept; a lower learning rate or another seed may help"
            )
    sigma, every = (torch.cat([w[k].cpu().double() for w in window]) for k in (0, 1))
    bins = torch.bucketize(sigma, torch.tensor(LEVEL_EDGES[1:-1], dtype=torch.float64))
    means = [
        float(every[bins == k].mean()) if bool((bins == k).any()) else -1.0
        for k in range(len(LEVEL_EDGES) - 1)
    ]
    return [float(step), sum(losses) / len(losses), *means]


def _history(rows: list) -> xr.Dataset:
    table = np.array(rows)
    by_level = {"long_name": "loss by noise level, -1 where none was drawn"}
    return xr.Dataset(
        {
            "loss": ("step", table[:, 1], {"long_name": f"mean loss of {WINDOW} steps"}),
            "loss_by_level": (("step", "level"), table[:, 2:], by_level),
        },
        {"step": table[:, 0].astype(int), "level": list(LEVEL_EDGES[:-1])},
    )


def _outcome(step: int, elapsed: float, history: list) -> dict:
    last = [row[1] for row in history[-20:]]
    return {
        "steps": step,
        "seconds": round(elapsed, 1),
        "loss": round(sum(last) / len(last), 5),
        "versions": {"theorylab": __version__, "torch": torch.__version__},
    }


def _halved(module: nn.Module) -> dict[str, Tensor]:
    """Weights for keeping, float16: three bits more than bfloat16 products use."""
    return {name: value.to(torch.float16) for name, value in module.state_dict().items()}


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
