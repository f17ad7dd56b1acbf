r"""ODE-Jump on a trained image model: is the denoiser's output, taken early, as near to the data?

Document 001 (figure 5) shows images of a trained network: jumping from the sampling trajectory to
the denoiser's output "converges much faster" than sampling to the end. Two readings are judged on
the shipped Fashion-MNIST network by the unbiased kernel distance in classifier features, paired by
groups of initial noise: at the same state (the output beside the state that it leaves), and at
equal numbers of evaluations (a jump from s beside Heun's method down to 0.05, both ending with one
denoising). On exact flows the experiment `ode_jump` finds the first true and the second a matter
of few evaluations.
"""

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.samplers import heun
from theorylab.diffusion.schedules import edm
from theorylab.images.comparison import REFERENCES, SHOWN, fashion_bench, group_noise
from theorylab.images.features import kernel_distances
from theorylab.images.generation import last_states

experiment = Experiment()

SIGMA_MAX, END = 60.0, 0.05
SETTING = "the shipped Fashion-MNIST network (one training seed), groups of initial noise"


@experiment.measure(
    grid={"jump": [END, 0.3, 1.0, 4.0], "evaluations": [9, 17, 33]},
    data=("fashion-mnist", "model:fashion-mnist", "model:fashion-mnist-classifier"),
    quick={"evaluations": [9, 17], "groups": 20, "size": 6},
    default={"groups": 25, "size": 40},
    paper={"groups": 50, "size": 100},
)
def jumps(jump, evaluations, groups, size):
    """Heun's steps down to the jump's level, and the denoiser's output there: 2 n + 1 in all."""
    bench = fashion_bench()
    denoiser = bench.model.denoiser
    sigmas = edm((evaluations - 1) // 2, jump, SIGMA_MAX)
    noise = torch.cat([group_noise(bench.model, group, size) for group in range(groups)])
    state = last_states(heun, denoiser, noise * SIGMA_MAX, sigmas)
    with torch.inference_mode():
        output = torch.cat([denoiser(part, jump) for part in state.split(250)])
    near = bench.reference[:REFERENCES]
    kernels = [
        kernel_distances(np.split(bench.features(images), groups), near)
        for images in (output, state)
    ]
    return xr.Dataset(
        {
            "kernel": (("image", "group"), np.array(kernels)),
            "shown": (("sample", "channel", "height", "width"), output[:SHOWN].numpy()),
        },
        {"image": ["output", "state"]},
    )


def output_is_nearer(jumps, jump=1.0, first="output", second="state"):
    kernel = jumps.kernel.sel(jump=[jump])
    return _nearer(kernel.sel(image=first, drop=True), kernel.sel(image=second, drop=True))


def early_is_nearer(jumps, first=0.3, second=END, evaluations=9):
    kernel = jumps.kernel.sel(image="output", evaluations=[evaluations], drop=True)
    return _nearer(kernel.sel(jump=first, drop=True), kernel.sel(jump=second, drop=True))


def _nearer(first, second):
    return checks.observation(
        first,
        second,
        margin=0.0,
        reason="an order is claimed, no size",
        setting=SETTING,
        dim="group",
    )


FIGURE = Source("001", "figure 5")

experiment.claim(
    "ode-jump-images-same-state",
    r"d_k(r_\theta(x_s, s)) < d_k(x_s),\quad s = 1",
    source=FIGURE,
    entries="ode-jump",
    kind="empirical",
    form="reading",
    conditions="9 and 17 evaluations, kernel distance in classifier features",
    check=output_is_nearer,
    controls=[Control("the state is nearer than the output", first="state", second="output")],
)
for level in (0.3, 1.0):
    for evaluations in (9, 17):
        reverse = experiment.claim(
            f"ode-jump-images-{level:g}-{evaluations}-reversed",
            rf"d_k(\text{{to the end}}) < d_k(\text{{jump from }} s = {level:g})",
            source=FIGURE,
            entries="ode-jump",
            kind="empirical",
            form="derived",
            conditions=f"{evaluations} evaluations each, Heun's steps with rho = 7",
            expected=None,
            check=early_is_nearer,
            first=END,
            second=level,
            evaluations=evaluations,
            controls=[Control("a jump from 4 is nearer than the end", first=4.0, second=END)],
        )
        experiment.claim(
            f"ode-jump-images-{level:g}-{evaluations}",
            rf"d_k(\text{{jump from }} s = {level:g}) < d_k(\text{{to the end}})",
            source=FIGURE,
            entries="ode-jump",
            kind="empirical",
            form="reading",
            conditions=f"{evaluations} evaluations each, Heun's steps with rho = 7",
            expected=None,
            check=early_is_nearer,
            first=level,
            evaluations=evaluations,
            twin=reverse,
            controls=[Control("a jump from 4 is nearer than that", first=4.0, second=level)],
        )
