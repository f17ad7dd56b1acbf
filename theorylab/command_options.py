"""Options that several commands share, and what the shell completes for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from . import completion
from .suggest import OneOf

PRESETS = ("quick", "default", "paper")


def options(*chosen: Callable) -> Callable:
    """Several options as one decorator, shown in this order."""

    def decorate(function):
        for option in reversed(chosen):
            function = option(function)
        return function

    return decorate


experiments = click.argument(
    "experiments", nargs=-1, metavar="[EXPERIMENT...]", shell_complete=completion.experiments
)
path = click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder (or file) with your own experiments; may be repeated.",
)
results = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    metavar="DIR",
    help="Where datasets and verdicts are stored.",
)
stored_preset = click.option(
    "--preset",
    type=OneOf(PRESETS),
    default=None,
    help="Whose latest results; by default the most thorough ones that are stored.",
)
_further = options(
    click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=V1,V2",
        help="Other values for an axis or a parameter, e.g. --set dim=2,512.",
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    click.option("--device", type=OneOf(("cpu", "cuda")), default="cpu", show_default=True),
    results,
    path,
)
settings = options(
    click.option(
        "--preset",
        type=OneOf(PRESETS),
        default="default",
        show_default=True,
        help="Sizes: quick takes seconds, paper hours.",
    ),
    _further,
)
#: Of commands that only read what is stored: without a preset they choose it themselves.
stored_settings = options(stored_preset, _further)
