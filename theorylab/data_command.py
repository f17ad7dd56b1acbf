"""The command `data`: find, verify or download a data set."""

from __future__ import annotations

from pathlib import Path

import click

from .errors import Missing
from .suggest import OneOf


@click.command()
@click.argument("name", type=OneOf(("digits", "fashion-mnist")))
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the files are, or shall be put.",
)
@click.option("--download/--no-download", default=True, show_default=True)
def data(name, folder, download) -> None:
    """Find a data set on this machine and verify it, or download it.

    \b
    Examples:
      python -m theorylab data fashion-mnist
      python -m theorylab data fashion-mnist --folder ~/data --no-download
    """
    from .images import datasets

    try:
        found = datasets.locate(name, folder)
    except Missing:
        if not download:
            raise
        found = _download(folder)
    if name == "digits":
        contents = [datasets.digits()]
    else:
        contents = [datasets.fashion_mnist(split, found) for split in ("train", "test")]
    for content in contents:
        count, height, width = content.images.shape
        click.echo(
            f"{content.name}: {count} images of {height} x {width} in {found}, content verified "
            f"(sha256 {content.checksum})"
        )


def _download(folder: Path | None) -> Path:
    """Download Fashion-MNIST with a progress bar for each file."""
    from rich.progress import Progress

    from .images import datasets

    bars: dict[str, int] = {}
    with Progress(transient=True) as progress:

        def on_bytes(file: str, done: int, total: int | None) -> None:
            if file not in bars:
                bars[file] = progress.add_task(Path(file).name, total=total)
            progress.update(bars[file], completed=done)

        return datasets.download_fashion_mnist(folder, on_bytes)
