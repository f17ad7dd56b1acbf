r"""Latent interpolation on a trained image model: norms, distance from the data, and blur.

Figure 6 of document 001 says that linear interpolation of latents "results in blurry images", and
that "a simple re-scaling trick greatly preserves the fine-grained image details". Pairs of latents
N(0, sigma_max^2 I) of the shipped Fashion-MNIST network are joined by lerp, slerp and rescaled
lerp, and the flow is followed from the points between. Judged, paired by groups of latents: the
kernel distance from test images in the features of the shipped classifier, and the energy of the
gradient (mean square difference of neighbouring pixels), which blur lowers. Images from the latents
themselves, without interpolation, are the reference: a path that keeps the law of latents keeps
both.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.interpolation import lerp, rescaled_lerp, slerp
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import log_linear
from theorylab.images.comparison import REFERENCES, fashion_bench, group_noise
from theorylab.images.features import kernel_distance
from theorylab.images.generation import last_states

experiment = Experiment()

DATA = ("fashion-mnist", "model:fashion-mnist", "model:fashion-mnist-classifier")
SIGMA_MIN, SIGMA_MAX = 0.03, 60.0
PATHS = {"lerp": lerp, "slerp": slerp, "rescaled": rescaled_lerp}
ALONG = [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0]
SHOWN_STEPS = 20
OTHER = 500  # groups of the second latents are numbered from here
HALF = 0.5
SETTING = "the shipped Fashion-MNIST network (one training seed), groups of pairs of latents"


def gradient_energy(images: torch.Tensor) -> float:
    """Mean square difference of neighbouring pixels, both directions added."""
    down, across = images.diff(dim=-2), images.diff(dim=-1)
    return float(down.square().mean() + across.square().mean())


def decoded(latents: torch.Tensor, steps: int) -> torch.Tensor:
    """The flow's end from latents of standard deviation 1."""
    sigmas = log_linear(steps, SIGMA_MIN, SIGMA_MAX)
    denoiser = fashion_bench().model.denoiser
    return last_states(ddim, denoiser, latents * SIGMA_MAX, sigmas, final_denoise=True).clamp(-1, 1)


def measured(groups: Iterable[torch.Tensor], steps: int) -> xr.Dataset:
    """What is judged of the images from each group of latents."""
    bench = fashion_bench()
    kernels, energies, norms = [], [], []
    for latents in groups:
        images = decoded(latents, steps)
        kernels.append(kernel_distance(bench.features(images), bench.reference[:REFERENCES]))
        energies.append(gradient_energy(images))
        norms.append(float(latents.flatten(1).norm(dim=1).mean()) / math.sqrt(latents[0].numel()))
    return xr.Dataset(
        {
            "kernel": ("group", kernels, {"long_name": "squared kernel distance in features"}),
            "energy": ("group", energies, {"long_name": "energy of the image gradient"}),
            "norm": ("group", norms, {"long_name": "mean norm of the latents over sqrt(d)"}),
        }
    )


# The same in both measurements: they are compared group by group, from the same first latents.
QUICK = {"groups": 14, "size": 17, "steps": 10}
DEFAULT = {"groups": 20, "size": 75, "steps": 15}
PAPER = {"groups": 20, "size": 500, "steps": 30}


@experiment.measure(
    grid={"path": list(PATHS), "weight": [0.1, 0.25, 0.5]},
    data=DATA,
    quick=QUICK | {"weight": [0.5]},
    default=DEFAULT,
    paper=PAPER,
)
def between(path, weight, groups, size, steps):
    """Images from one place on every path."""
    noise = lambda group: group_noise(fashion_bench().model, group, size)
    return measured(
        (PATHS[path](noise(group), noise(OTHER + group), weight) for group in range(groups)), steps
    )


@experiment.measure(data=DATA, quick=QUICK, default=DEFAULT, paper=PAPER)
def uninterpolated(groups, size, steps):
    """Images without interpolation: from the start of every path."""
    return measured((group_noise(fashion_bench().model, g, size) for g in range(groups)), steps)


@experiment.measure(grid={"path": list(PATHS)}, data=DATA, quick={"pairs": 2})
def strips(path, pairs):
    """Images all along the path between a few pairs of latents."""
    model = fashion_bench().model
    start, end = (group_noise(model, g, pairs) for g in (0, OTHER))
    latents = torch.cat([PATHS[path](start, end, w) for w in ALONG])
    images = decoded(latents, SHOWN_STEPS).reshape(len(ALONG), pairs, 28, 28)
    return xr.Dataset(
        {"shown": (("along", "pair", "height", "width"), images.numpy())}, {"along": ALONG}
    )


def farther(between, uninterpolated, path="lerp", reference="rescaled"):
    """Halfway, images from the path are farther from the data than the reference's."""
    kernel = _halfway(between, uninterpolated).kernel
    return _order(kernel.sel(path=path, drop=True), kernel.sel(path=reference, drop=True), ">=")


def keeps_distance(between, uninterpolated, path="rescaled"):
    """Halfway, at most a quarter of what lerp adds to the distance from the data."""
    kernel = _halfway(between, uninterpolated).kernel
    at = lambda name: kernel.sel(path=name, drop=True)
    return _order(at(path), 0.75 * at("none") + 0.25 * at("lerp"), "<=")


def _halfway(between, uninterpolated):
    """The middles of the paths, and beside them, as the path "none", their common start."""
    middles = between.sel(weight=HALF, drop=True)
    return xr.concat([middles, uninterpolated.expand_dims(path=["none"])], "path")


def _order(first, second, relation):
    return checks.observation(
        first,
        second,
        margin=0.0,
        reason="an order is claimed; a quarter of lerp's excess stands for none",
        setting=SETTING,
        dim="group",
        relation=relation,
    )


def detail(between, uninterpolated, path="lerp", share=0.75, relation="<="):
    """Gradient energy halfway, in units of that without interpolation."""
    logs = np.log(_halfway(between, uninterpolated).energy)
    first, second = (logs.sel(path=name, drop=True) for name in (path, "none"))
    if relation == "<=":
        second = second + math.log(share)
    return checks.observation(
        first,
        second,
        margin=0.0 if relation == "<=" else -math.log(share),
        reason=f"from a share {share:g} of the gradient's energy on the loss is called blur",
        setting=SETTING,
        dim="group",
        relation=relation,
    )


# ---- claims -----------------------------------------------------------------------------------

FIGURE = Source("001", "Figure 6")
CONDITIONS = "halfway between independent latents, DDIM in log-linear steps from sigma = 60"

experiment.claim(
    "rescaled-lerp-images-farther",
    r"d_k(\text{lerp}) > d_k(\text{rescaled})",
    source=FIGURE,
    entries="rescaled-lerp",
    kind="empirical",
    form="reading",
    conditions=CONDITIONS,
    check=farther,
    controls=[
        Control("the other way round", path="rescaled", reference="lerp"),
        Control("no interpolation is farther than lerp", path="none", reference="lerp"),
    ],
)
for keeper, name in (("rescaled", "rescaled lerp"), ("slerp", "slerp")):
    experiment.claim(
        f"rescaled-lerp-images-{keeper}-keeps-distance",
        rf"d_k(\text{{{name}}}) \le \tfrac34 d_k(\text{{none}}) + \tfrac14 d_k(\text{{lerp}})",
        source=FIGURE,
        entries="rescaled-lerp",
        kind="empirical",
        form="derived",
        conditions=CONDITIONS,
        check=keeps_distance,
        path=keeper,
        controls=[Control("lerp keeps it", path="lerp")],
    )
    experiment.claim(
        f"rescaled-lerp-images-{keeper}-keeps-detail",
        rf"\mathbb{{E}}|\nabla x|^2(\text{{{name}}}) = \mathbb{{E}}|\nabla x|^2(\text{{none}})",
        source=FIGURE,
        entries="rescaled-lerp",
        kind="empirical",
        form="reading",
        conditions=CONDITIONS + "; within 25 %",
        check=detail,
        path=keeper,
        relation="==",
        controls=[Control("lerp keeps it", path="lerp")],
    )
experiment.claim(
    "rescaled-lerp-images-blurry",
    r"\mathbb{E}|\nabla x|^2(\text{lerp}) \le 0.75\,\mathbb{E}|\nabla x|^2(\text{none})",
    source=FIGURE,
    entries="rescaled-lerp",
    kind="empirical",
    form="reading",
    conditions=CONDITIONS,
    check=detail,
    controls=[
        Control("rescaled lerp is blurry", path="rescaled"),
        Control("no interpolation is", path="none"),
    ],
)
