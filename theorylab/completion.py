"""What the shell completes: names by file stems and texts, so that no key press imports anything.

The command `completion` prints click's script for a shell; the script calls ``theorylab`` itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from . import outline
from .discovery import find
from .errors import TheorylabError
from .suggest import OneOf

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=OneOf(SHELLS), metavar="bash|zsh|fish")
def completion(shell) -> None:
    """Print the script by which a shell completes `theorylab`.

    \b
    Examples, each of which switches it on for good:
      python -m theorylab completion bash >> ~/.bashrc
      python -m theorylab completion zsh >> ~/.zshrc
      python -m theorylab completion fish > ~/.config/fish/completions/theorylab.fish
    """
    script = get_completion_class(shell)(
        click.get_current_context().find_root().command, {}, "theorylab", "_THEORYLAB_COMPLETE"
    )
    click.echo(script.source_template % script.source_vars())


def experiments(context, parameter, incomplete: str) -> list[CompletionItem]:
    """Experiments that are not on the line yet, with their titles; and `all`."""
    given = context.params.get(parameter.name) or ()
    titles = {name: _title(path) for name, path in _files(context).items() if name not in given}
    return _starting(incomplete, titles | ({} if given else {"all": "every experiment"}))


def experiment_or_claim(context, parameter, incomplete: str) -> list[CompletionItem]:
    """Experiments with their titles; claims instead where no experiment begins like that."""
    files = _files(context)
    found = _starting(incomplete, {name: _title(path) for name, path in files.items()})
    return found or _starting(incomplete, dict.fromkeys(claim_ids(files)))


def claim_ids(files: dict[str, Path]) -> list[str]:
    """Ids of claims that stand in the files' texts or in the catalogue."""
    from .catalogue import load_catalogue

    ids = {id for path in files.values() for id in outline.claim_ids(path)}
    ids.update(id for entry in load_catalogue().values() for id in entry.claims)
    return sorted(ids)


def model_names(context, parameter, incomplete: str) -> list[CompletionItem]:
    """Checkpoints that come along, and files."""
    shipped = sorted(
        path.stem for path in (Path(__file__).parent / "images/shipped").glob("*.json")
    )
    return [CompletionItem("", type="file"), *_starting(incomplete, dict.fromkeys(shipped))]


def data_names(context, parameter, incomplete: str) -> list[CompletionItem]:
    """Data sets of images, and folders."""
    named = dict.fromkeys(("digits", "fashion-mnist", "cifar10"))
    return [CompletionItem("", type="dir"), *_starting(incomplete, named)]


def _files(context) -> dict[str, Path]:
    try:
        return find(context.params.get("paths") or ())
    except TheorylabError:
        return find()  # a folder that is only half typed


def _title(path: Path) -> str:
    try:
        return outline.title(path)
    except TheorylabError:
        return ""


def _starting(incomplete: str, names: Mapping[str, str | None]) -> list[CompletionItem]:
    """Those of the names, each with its help, that begin with what is typed."""
    return [CompletionItem(n, help=h) for n, h in names.items() if n.startswith(incomplete)]
