"""The command `new`: an experiment file and its figure file, to be rewritten from top to bottom."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
from pathlib import Path

import click

from .discovery import experiments_folder, find
from .errors import StorageError, UsageError

#: The template is an experiment of its own, so that it is checked and run as it stands.
TEMPLATE = Path(__file__).parent / "template"
STEM = "two_sigma"


@click.command()
@click.argument("name")
@click.option(
    "--in",
    "folder",
    type=click.Path(path_type=Path),
    default="my",
    show_default=True,
    metavar="DIR",
    help="The folder of your experiments; it is made if need be.",
)
def new(name, folder) -> None:
    """Write a commented experiment and its figure, ready to run.

    The experiment judges a well-known rule of thumb: replace its measurement, its check and its
    claims by yours. Nothing is overwritten.

    \b
    Examples:
      python -m theorylab new noise_length
      python -m theorylab new noise_length --in experiments_of_my_paper
    """
    files = write(name, folder)
    click.echo("\n".join(f"wrote {file}" for file in files))
    where = "" if _is_own(folder) else f" --path {shlex.quote(str(folder))}"
    click.echo("\nIt runs as it stands; edit it between the runs:")
    click.echo(f"  python -m theorylab run {name} --preset quick{where}")
    click.echo(f"  python -m theorylab figures {name} --preset quick{where}")
    click.echo(f"  python -m theorylab show {name}{where}")


def write(name: str, folder: Path) -> list[Path]:
    """Write ``folder/name.py`` and the figure file that belongs to it; returns both paths.

    Raises:
        UsageError: the name is no Python identifier, is taken, or one of the files is there.
        StorageError: the folder cannot be written.
    """
    _check(name, folder)
    files = {
        TEMPLATE / f"{STEM}.py": folder / f"{name}.py",
        TEMPLATE / "paper_figures" / f"{STEM}.py": _figure(name, folder),
    }
    for target in files.values():
        if target.exists():
            raise UsageError(f"{target} is there already and stays as it is: choose another name")
    for source, target in files.items():
        text = source.read_text(encoding="utf-8").replace(STEM, name)
        text = text.replace(STEM.replace("_", "-"), name.replace("_", "-"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise StorageError(
                f"cannot write {target}: {error.strerror}; choose another folder with --in"
            ) from None
    return list(files.values())


def _check(name: str, folder: Path) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        near = re.sub(r"\W+", "_", name.removesuffix(".py")).strip("_").lower()
        near = f"_{near}" if near[:1].isdigit() else near
        near = f"{near}_experiment" if keyword.iskeyword(near) else near
        hint = f"; did you mean {near}?" if near.isidentifier() else ""
        raise UsageError(
            f"{name!r} cannot name an experiment: it takes letters, digits and underscores{hint}"
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--in {folder}: this is a file; give a folder")
    if name == "all":
        raise UsageError("'all' means every experiment; choose another name")
    own = folder.is_dir() and any(folder.glob("*.py"))
    taken = {**find(), **({file.stem: file for file in folder.glob("*.py")} if own else {})}
    if name in taken:
        raise UsageError(
            f"there is an experiment {name!r} already, {taken[name]}; choose another name"
        )
    if importlib.util.find_spec(name):
        # Where the folder is the current one, `import name` would find the experiment instead.
        raise UsageError(f"{name!r} is the name of a Python module; choose another name")


def _figure(name: str, folder: Path) -> Path:
    """Where the figure file belongs, see :func:`theorylab.discovery.figure_file`."""
    if _is_own(folder):
        own = experiments_folder()
        inside = folder.resolve().relative_to(own.resolve())
        return own.parent / "paper_figures" / inside / f"{name}.py"
    return folder / "paper_figures" / f"{name}.py"


def _is_own(folder: Path) -> bool:
    """Whether it lies among theorylab's own experiments, where no --path is needed."""
    return folder.resolve().is_relative_to(experiments_folder().resolve())
