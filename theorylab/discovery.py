"""Find and load experiments: one file is one experiment, found by name and loaded by path.

Experiments come from the repository (or the installed wheel), from folders or files given by
the user, and from packages that declare an entry point in the group ``theorylab.experiments``
whose value is a package; every experiment file in that package's folder is found.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UsageError
from .outline import claim_ids, is_experiment, title
from .suggest import did_you_mean

if TYPE_CHECKING:
    from types import ModuleType

    from .experiment import Experiment

ENTRY_POINT_GROUP = "theorylab.experiments"


@dataclass(frozen=True)
class Reference:
    """An experiment file, such that another process can load the very same one."""

    name: str
    path: str
    sha256: str


def find(paths: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Experiment files by name, importing none of them.

    Args:
        paths: further folders or files of the user.

    Raises:
        UsageError: a given path does not exist or holds no experiment, or two different files
            carry the same name.
    """
    found: dict[str, Path] = {}
    for path in (*_own_files(), *_entry_point_files(), *_user_files(paths)):
        path = path.resolve()
        other = found.setdefault(path.stem, path)
        if other != path:
            raise UsageError(
                f"two experiments are called {path.stem!r}: {other} and {path}; rename one file"
            )
    return dict(sorted(found.items()))


def reference(name: str, paths: Sequence[str | Path] = ()) -> Reference:
    """Look a name up; UsageError with the nearest names when there is no such experiment."""
    found = find(paths)
    if name not in found:
        raise UsageError(f"there is no experiment {name!r}: {_hint(name, found)}")
    return Reference(name, str(found[name]), _sha256(found[name]))


def load(name: str, paths: Sequence[str | Path] = ()) -> Experiment:
    """The experiment called ``name``; see :func:`find` for where it is looked for."""
    return load_reference(reference(name, paths))


@cache
def load_reference(ref: Reference) -> Experiment:
    """Load exactly the file that ``ref`` names.

    Raises:
        UsageError: the file has changed since, fails to import, or defines no experiment.
    """
    from .experiment import Experiment

    path = Path(ref.path)
    if not path.is_file() or _sha256(path) != ref.sha256:
        raise UsageError(
            f"the experiment file {path} is not the one that was scheduled (its sha256 differs); "
            "start the run again with one version of the file on every machine"
        )
    module = _import(path, f"theorylab_experiment_{ref.name}_{ref.sha256[:8]}")
    experiment = getattr(module, "experiment", None)
    if not isinstance(experiment, Experiment):
        raise UsageError(f"{path} must define `experiment = Experiment()` (found {experiment!r})")
    experiment.name = ref.name
    experiment.title = title(path)
    return experiment


def figure_file(experiment: Path) -> Path | None:
    """The figure file with the experiment's stem: in ``paper_figures`` beside or above it.

    Below ``paper_figures`` it lies in the same subfolder as the experiment in its own folder.
    """
    for parent in list(experiment.parents)[:3]:
        folder = parent / "paper_figures"
        inside = experiment.relative_to(parent)
        for name in (Path(*inside.parts[1:]), inside):
            if (folder / name).is_file():
                return folder / name
    return None


def load_figure(path: Path) -> ModuleType:
    """Import a figure file by its path."""
    return _import(path, f"theorylab_figure_{path.stem}_{_sha256(path)[:8]}")


def experiments_folder() -> Path:
    """Folder of theorylab's own experiments, in a checkout or in an installed wheel."""
    package = Path(__file__).resolve().parent
    beside = package.parent / "experiments"
    checkout = (package.parent / "pyproject.toml").is_file() and beside.is_dir()
    return beside if checkout else package / "experiments"


def _hint(name: str, found: Mapping[str, Path]) -> str:
    """What somebody who typed this name for an experiment may have meant."""
    stem = Path(name).stem
    if stem != name and stem in found:
        return f"give its name alone, {stem}"
    if Path(name).is_file():
        return f"for a file of your own: {stem} --path {name}"
    subject = [other for other, path in found.items() if path.parent.name == name.strip("/")]
    if subject:
        return f"that is a folder, with {', '.join(subject)}"
    from .catalogue import load_catalogue

    if any(name in claim_ids(path) for path in found.values()) or any(
        name in entry.claims for entry in load_catalogue().values()
    ):
        return f"that is a claim; `theorylab show {name}` says of which experiment"
    return did_you_mean(
        name, found, "`theorylab list` shows all; experiments of your own need --path DIR"
    )


def _own_files() -> list[Path]:
    return [path for path in sorted(experiments_folder().rglob("*.py")) if is_experiment(path)]


def _entry_point_files() -> list[Path]:
    from importlib.metadata import entry_points  # a third of the time that --help takes

    files = []
    for point in sorted(set(entry_points(group=ENTRY_POINT_GROUP)), key=lambda p: p.value):
        spec = importlib.util.find_spec(point.value)
        if spec is None:
            print(
                f"theorylab: the entry point {point.name!r} names {point.value!r}, which is not "
                "installed; it is left out",
                file=sys.stderr,
            )
            continue
        for folder in spec.submodule_search_locations or ():
            files += [p for p in sorted(Path(folder).rglob("*.py")) if is_experiment(p)]
    return files


def _user_files(paths: Sequence[str | Path]) -> list[Path]:
    files = []
    for given in map(Path, paths):
        if given.is_file():
            inside = [given]
        elif given.is_dir():
            inside = sorted(given.glob("*.py"))
        else:
            raise UsageError(f"--path {given}: there is no such file or folder")
        chosen = [path for path in inside if is_experiment(path)]
        if not chosen:
            raise UsageError(
                f"--path {given}: no experiment in it; an experiment file has the line "
                "`experiment = Experiment()`"
            )
        files += chosen
    return files


def _import(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == spec.origin
        ]
        place = f", line {lines[-1]}" if lines else ""
        raise UsageError(f"{path}{place}: {type(error).__name__}: {error}") from error
    return module


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
