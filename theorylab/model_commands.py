"""The commands about networks: `train` makes one, `diagnose` measures one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from . import completion
from .errors import UsageError
from .suggest import OneOf, did_you_mean

#: Steps that give recognisable samples, by data set; and the name of the shipped checkpoint.
STEPS = {"digits": 600, "fashion-mnist": 3000, "cifar10": 20_000}


@click.command()
@click.argument(
    "data", metavar="digits|fashion-mnist|cifar10|DIR", shell_complete=completion.data_names
)
@click.option("--device", type=OneOf(("cpu", "cuda")), default="cpu", show_default=True)
@click.option("--minutes", type=float, help="Stop after so many minutes, instead of --steps.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of one batch each.")
@click.option("--batch", type=click.IntRange(min=1), default=128, show_default=True)
@click.option(
    "--channels", default="64,64", show_default=True, help="Of each level of the network."
)
@click.option("--learning-rate", type=float, default=1.5e-3, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="On a CPU; if not given all cores, and one for images below 16 pixels.",
)
@click.option("--compile", "compiled", is_flag=True, help="torch.compile: for long runs on CUDA.")
@click.option(
    "--classifier", is_flag=True, help="Train the classifier whose features are a metric."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: models/DATA-seedN]"
)
def train(
    data,
    device,
    minutes,
    steps,
    batch,
    channels,
    learning_rate,
    seed,
    threads,
    compiled,
    classifier,
    out,
) -> None:
    """Train a denoiser on images; the same command goes on with a run that was interrupted.

    Writes model.safetensors and model.json (the moving average and its card), samples.png,
    history.nc, and training.safetensors, from which the run goes on.

    \b
    Examples:
      python -m theorylab train digits
      python -m theorylab train my_images/ --device cuda --minutes 60
      torchrun --nproc_per_node 4 -m theorylab train cifar10 --device cuda
    """
    cpus = use_threads(threads)
    import torch

    torch.set_num_threads(cpus)
    check_device(device)
    name = data if data in STEPS else Path(data).name
    folder = out or Path("models") / f"{name}-seed{seed}"
    images = load_images(data)
    if classifier:
        _train_classifier(data, images, folder, seed)
        return
    from .images import training
    from .images.network import Architecture

    shape = tuple(training.with_channels(images.images[:1]).shape[1:])
    small = min(shape[1:]) < 16
    if small and threads is None:
        # On 8 x 8 one thread makes 450 to 710 images a second; two make 540 to 970 on idle cores,
        # but 84 beside other work, and bytes must not depend on which of these it is.
        torch.set_num_threads(1)
    try:
        architecture = Architecture(
            shape,
            patch=1 if small else 2,
            channels=tuple(int(c) for c in channels.split(",")),
            sigma_data=deviation(images),
        )
    except ValueError as error:
        raise UsageError(f"{data}: {error}") from error
    recipe = training.Recipe(
        steps or STEPS.get(data, 10_000),
        batch=batch,
        learning_rate=learning_rate,
        minutes=minutes,
        seed=seed,
    )
    facts = {"licence": LICENCES.get(data, "that of the data"), "command": command()}
    with _bar() as progress:
        finished = training.train(
            images,
            architecture,
            recipe,
            folder,
            device=device,
            compiled=compiled,
            progress=progress,
            facts=facts,
        )
    if os.environ.get("RANK", "0") != "0":
        return  # of several processes the first one writes, maybe not yet
    from .images.pictures import save_samples

    save_samples(finished, folder / "samples.png", device=device)
    click.echo(f"{finished} and samples.png beside it")


@click.command()
@click.argument("model", shell_complete=completion.model_names)
@click.option(
    "--data",
    metavar="NAME|DIR",
    shell_complete=completion.data_names,
    help="Images to compare with; without, only itself.",
)
@click.option("--samples", type=click.IntRange(min=2), default=64, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", type=OneOf(("cpu", "cuda")), default="cpu", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="On a CPU; all cores if not given.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: diagnoses/MODEL]"
)
def diagnose(model, data, samples, seed, device, threads, out) -> None:
    """Measure on a denoiser what the theory predicts of one.

    MODEL is a shipped name, a checkpoint or its folder, a folder of a diffusers pipeline, or
    module:callable. Prints a table; writes diagnosis.nc, diagnosis.pdf and diagnosis.png.

    \b
    Examples:
      python -m theorylab diagnose fashion-mnist --data fashion-mnist
      python -m theorylab diagnose my_module:denoiser
    """
    cpus = use_threads(threads)
    import torch
    from rich.table import Table

    from . import store
    from .diffusion.denoisers import DenoiserError
    from .images.diagnosis import diagnose as measure
    from .images.diagnosis import findings
    from .images.diagnosis_figure import draw
    from .images.models import load_model
    from .screen import console

    torch.set_num_threads(cpus)
    check_device(device)
    loaded = load_model(model, device=device)
    images = load_images(data) if data else None
    screen = console()
    with screen.status("measuring") as status:
        try:
            found = measure(
                loaded,
                images,
                samples=samples,
                seed=seed,
                device=device,
                say=lambda text: status.update(f"measuring: {text}"),
            )
        except DenoiserError as error:
            raise UsageError(f"{model}: {error}") from error
    table = Table("what", "measured", "theory", box=None, header_style="bold", pad_edge=False)
    for row in findings(found):
        table.add_row(*row)
    screen.print(table)
    folder = out or Path("diagnoses") / Path(model.replace(":", "-")).name
    store.write_dataset(folder / "diagnosis.nc", found)
    draw(found, folder)
    click.echo(f"\nstored in {folder}: diagnosis.nc, diagnosis.pdf, diagnosis.png")


LICENCES = {
    "digits": "MIT; trained on scikit-learn's digits (UCI optical recognition of handwritten "
    "digits, CC BY 4.0)",
    "fashion-mnist": "MIT; trained on Fashion-MNIST (MIT)",
}


def load_images(data: str):
    """The data set of that name, or a folder of images."""
    from .images import cifar10, datasets, folders

    named = {"digits": datasets.digits, "fashion-mnist": datasets.fashion_mnist}
    named["cifar10"] = cifar10.cifar10
    if data in named:
        return named[data]()
    if not Path(data).is_dir():
        hint = did_you_mean(data, named)
        raise UsageError(
            f"no data set {data!r}{hint and f', {hint}'}: there are {', '.join(named)}, or give a "
            "folder of images"
        )
    return folders.image_folder(data)


def deviation(images) -> float:
    """Root mean square of a pixel in [-1, 1], to three digits: sigma_data."""
    histogram = images.images.flatten().bincount(minlength=images.maximum + 1).double()
    values = 2 * histogram.new_tensor(range(len(histogram))) / images.maximum - 1
    return round(float((histogram @ values.square() / histogram.sum()).sqrt()), 3)


def use_threads(wanted: int | None) -> int:
    """How many threads to use; to be called before torch is imported.

    By default a waiting thread spins, which on a busy machine doubled the processor time of a
    diagnosis: let it sleep.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return wanted or len(os.sched_getaffinity(0))


def check_device(device: str) -> None:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise click.UsageError("--device cuda: this machine has no CUDA device; use cpu")


def command() -> str:
    """The command that was typed, without the interpreter's path."""
    return " ".join(["python -m theorylab", *sys.argv[1:]])


def _train_classifier(data, images, folder, seed) -> None:
    from .images import datasets
    from .images.classifying import train_classifier

    if data != "fashion-mnist":
        raise UsageError(
            "--classifier needs labels and a test set: only fashion-mnist has them here"
        )
    reached = train_classifier(
        images,
        datasets.fashion_mnist("test"),
        folder / "model",
        seed=seed,
        licence=LICENCES[data],
        command=command(),
    )
    click.echo(f"{folder / 'model.safetensors'}: {reached:.1%} of the test images are right")


class _bar:
    """A progress bar with loss and speed on a terminal, a line now and then in a pipe."""

    def __enter__(self):
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from .screen import console

        out = console()
        self.terminal = out.is_terminal
        self.bar = Progress(
            TextColumn("step {task.fields[step]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  {task.fields[speed]:.0f} images/s"),
            TimeRemainingColumn(),
            console=out,
            disable=not self.terminal,
        )
        self.bar.__enter__()
        self.task = self.bar.add_task("", total=1.0, step=0, loss=float("nan"), speed=0.0)
        self.calls = 0
        return self

    def __call__(self, step, share, loss, speed) -> None:
        self.bar.update(self.task, completed=share, step=step, loss=loss, speed=speed)
        if not self.terminal and self.calls % 8 == 0:
            click.echo(f"step {step:>6}  {share:>4.0%}  loss {loss:.4f}  {speed:.0f} images/s")
        self.calls += 1

    def __exit__(self, *error):
        return self.bar.__exit__(*error)
