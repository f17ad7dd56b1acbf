r"""Walk-jump on images: one noise level, too large, too small; and many measurements of one image.

Document 004: sample y = x0 + sigma n by Langevin steps with the score at one level ("walk"), then
denoise once ("jump"). "sigma is too large: denoising is too fuzzy", "too small: y is difficult to
sample"; pictures of digits at sigma = 1 and 1/2, with pixels in [0, 1] presumably, which is 2 and 1
for pixels in [-1, 1] here. With the shipped Fashion-MNIST network:

- jumps from exact y (test images with noise), where nothing but the jump is at fault: the energy of
  the image gradient, which fuzziness lowers, and the error;
- walks of a fixed number of unadjusted Langevin steps of size sigma^2/2 from noise, where small
  sigma should be at fault: the kernel distance of the jumps from test images in the features of the
  shipped classifier;
- m measurements of one image: their mean has the level sigma/sqrt(m), and the denoiser must be told
  that level, not sigma.
"""

import functools
import math

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.images import datasets
from theorylab.images.comparison import REFERENCES, fashion_bench, group_noise
from theorylab.images.features import kernel_distance

experiment = Experiment()

DATA = ("fashion-mnist", "model:fashion-mnist", "model:fashion-mnist-classifier")
STEP = 0.5  # of the Langevin walk, in units of sigma^2: the score's slope is at most 1/sigma^2
FUZZY, HARD, MIDDLE = 4.0, 0.25, 1.0
SHOWN = 6
SETTING = "the shipped Fashion-MNIST network (one training seed), groups of images and noises"


def gradient_energy(images: torch.Tensor) -> float:
    """Mean square difference of neighbouring pixels, both directions added."""
    down, across = images.diff(dim=-2), images.diff(dim=-1)
    return float(down.square().mean() + across.square().mean())


def jump(y: torch.Tensor, sigma: float) -> torch.Tensor:
    with torch.inference_mode():
        return fashion_bench().model.denoiser(y, sigma).clamp(-1, 1)


@functools.cache
def images() -> torch.Tensor:
    return datasets.as_float(datasets.fashion_mnist("test"), torch.float32)[:, None]


def test_images(group: int, size: int) -> torch.Tensor:
    return images()[group * size : (group + 1) * size]


def walk(y: torch.Tensor, sigma: float, steps: int, generator: torch.Generator) -> torch.Tensor:
    """y <- y + g score + sqrt(2 g) n with g = STEP sigma^2, ``steps`` times."""
    with torch.inference_mode():
        for _ in range(steps):
            drift = STEP * (fashion_bench().model.denoiser(y, sigma) - y)
            noise = torch.randn(y.shape, generator=generator)
            y = y + drift + math.sqrt(2 * STEP) * sigma * noise
    return y


@experiment.measure(
    grid={"sigma": [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]},
    data=DATA,
    quick={"groups": 12, "size": 10},
    default={"groups": 20, "size": 50},
    paper={"groups": 20, "size": 500},
)
def jumps(sigma, groups, size):
    """Jumps from test images with noise sigma: detail and error."""
    rows = []
    for group in range(groups):
        x0 = test_images(group, size)
        x = jump(x0 + sigma * group_noise(fashion_bench().model, group, size), sigma)
        square = lambda other, x=x: float((x - other).square().mean())
        energies = gradient_energy(x), gradient_energy(x0)
        rows.append((*energies, square(x0), square(x0.roll(1, 0))))
        if group == 0:
            shown = x[:SHOWN, 0].numpy()
    names = {
        "energy": "energy of the image gradient",
        "true_energy": "the same of the images before noise",
        "error": "mean square error per pixel",
        "swapped": "the same from another image",
    }
    columns = zip(names.items(), np.array(rows).T, strict=True)
    found = {k: ("group", column, {"long_name": name}) for (k, name), column in columns}
    return xr.Dataset({**found, "shown": (("example", "height", "width"), shown)})


@experiment.measure(
    grid={"sigma": [0.25, 0.5, 1.0, 2.0, 4.0]},
    data=DATA,
    quick={"sigma": [0.25, 1.0, 4.0], "groups": 8, "size": 9, "steps": 16},
    default={"groups": 20, "size": 25, "steps": 60},
    paper={"groups": 20, "size": 200, "steps": 400},
)
def walks(sigma, groups, size, steps):
    """Jumps after a walk that starts at noise of the data's mean square."""
    bench = fashion_bench()
    data = bench.model.denoiser.architecture.sigma_data
    kernels = []
    for group in range(groups):
        start = math.hypot(data, sigma) * group_noise(bench.model, group, size)
        generator = torch.Generator().manual_seed(77_000 + group)
        x = jump(walk(start, sigma, steps, generator), sigma)
        kernels.append(kernel_distance(bench.features(x), bench.reference[:REFERENCES]))
        if group == 0:
            shown = x[:SHOWN, 0].numpy()
    name = {"long_name": "squared kernel distance in features"}
    return xr.Dataset(
        {"kernel": ("group", kernels, name), "shown": (("example", "height", "width"), shown)}
    )


@experiment.measure(
    grid={"measurements": [1, 4, 16, 64]},
    data=DATA,
    quick={"groups": 12, "size": 25},
    default={"groups": 20, "size": 30},
    paper={"groups": 20, "size": 200},
)
def averages(measurements, groups, size, sigma=4.0):
    """Jumps from the mean of m measurements, told sigma/sqrt(m) or sigma; and from a single one."""
    level = sigma / math.sqrt(measurements)
    rows = []
    for group in range(groups):
        x0 = test_images(group, size)
        generator = torch.Generator().manual_seed(88_000 + group)
        noises = torch.randn((measurements, *x0.shape), generator=generator)
        mean = (x0 + sigma * noises).mean(0)
        single = x0 + level * torch.randn(x0.shape, generator=generator)
        tries = (jump(mean, level), jump(mean, sigma), jump(single, level))
        rows.append([float((x - x0).square().mean()) for x in tries])
        if group == 0:
            shown = tries[0][:SHOWN, 0].numpy()
    columns = dict(zip(("told", "untold", "single"), np.array(rows).T, strict=True))
    name = {"long_name": "mean square error per pixel"}
    found = {k: ("group", column, name) for k, column in columns.items()}
    return xr.Dataset({**found, "shown": (("example", "height", "width"), shown)})


def _order(first, second, reason="an order is claimed, no size", margin=0.0, relation=">="):
    return checks.observation(
        first,
        second,
        margin=margin,
        reason=reason,
        setting=SETTING,
        dim="group",
        relation=relation,
    )


def nearer(jumps, small=(0.5, 1.0), large=(1.0, 2.0), distance="error"):
    """The jump from the larger level errs more, pair by pair of levels."""
    levels = {"pair": list(range(len(small)))}
    at = lambda wanted: jumps[distance].sel(sigma=xr.DataArray(list(wanted), levels, ["pair"]))
    return _order(at(large).drop_vars("sigma"), at(small).drop_vars("sigma"))


def fuzzy(jumps, sigma=FUZZY, share=0.5):
    """At most this share of the images' gradient energy is left."""
    chosen = jumps.sel(sigma=sigma, drop=True)
    kept = chosen.energy / chosen.true_energy
    reason = f"half of the gradient's energy: {share:g}"
    return _order(kept, xr.full_like(kept, share), reason, relation="<=")


def hard(walks, sigma=HARD, reference=MIDDLE):
    """After equally many steps the jumps are farther from the data than the reference's."""
    at = lambda level: walks.kernel.sel(sigma=level, drop=True)
    return _order(at(sigma), at(reference))


def averaged(averages, given="told"):
    """The error from the mean of m is that from one measurement at sigma/sqrt(m)."""
    several = averages.measurements > 1
    return checks.observation(
        np.log(averages[given]),
        np.log(averages.single),
        margin=0.15,
        reason="15 % of the mean square error; a wrong level costs more from m = 4 on",
        setting=SETTING,
        dim="group",
        relation="==",
        where=several,
    )


# ---- claims -----------------------------------------------------------------------------------

SINGLE = Source("004", "slide 'Sampling from a single measurement'")

experiment.claim(
    "walk-jump-digits-images",
    r"\mathbb{E}|D(y,2\sigma)-x_0|^2 > \mathbb{E}|D(y,\sigma)-x_0|^2,\quad \sigma\in\{1/2, 1\}",
    source=Source("004", "slide 'Sampling from a single measurement', pictures"),
    entries="walk-jump-digits",
    kind="empirical",
    form="reading",
    conditions="Fashion-MNIST for digits; sigma = 1/2 in pixels of [-1, 1] and of [0, 1]",
    check=nearer,
    controls=[
        Control("the other way round", small=(1.0, 2.0), large=(0.5, 1.0)),
        Control("measured against another image", distance="swapped"),
    ],
)
experiment.claim(
    "sigma-too-large-fuzzy-images",
    r"\mathbb{E}|\nabla D(y,\sigma)|^2 \le \tfrac12\,\mathbb{E}|\nabla x_0|^2,\quad \sigma = 4",
    source=SINGLE,
    kind="empirical",
    form="reading",
    conditions="exact y = x_0 + sigma n; pixels in [-1, 1]",
    check=fuzzy,
    controls=[Control("sigma = 1/4 is fuzzy too", sigma=HARD)],
)
experiment.claim(
    "sigma-too-small-hard-images",
    r"d_k(\sigma = \tfrac14) > d_k(\sigma = 1)",
    source=SINGLE,
    kind="empirical",
    form="reading",
    conditions="equally many Langevin steps of sigma^2/2 from noise, then the jump",
    check=hard,
    controls=[Control("the other way round", sigma=MIDDLE, reference=HARD)],
)
experiment.claim(
    "multimeasurement-posterior-mean-images",
    r"\mathbb{E}|D(\bar y_{1:m},\sigma/\sqrt m)-x_0|^2 = \mathbb{E}|D(y',\sigma/\sqrt m)-x_0|^2",
    source=Source("004", "slide 'Multiple measurements'"),
    kind="empirical",
    form="derived",
    conditions="y' one measurement with noise sigma/sqrt(m); sigma = 4, m from 4 on",
    check=averaged,
    controls=[Control("told sigma instead of sigma/sqrt(m)", given="untold")],
)
