"""Figure of denoising_at_high_noise: how far weighted means are from the projection; angles."""

import numpy as np

from theorylab.figures import BOUND, REFUTED_COLOUR, arm, subplots


def draw(result):
    """Distance of weighted means from the projection, and the angle between both directions."""
    far = result.data["far_away"]
    figure, (errors, turns) = subplots(1, 2, aspect=1.35, sharex=True)
    scale = far.scale.values
    names = {"ideal": "ideal denoiser", "mean": "mean of the data", "one point": "farthest point"}
    for k, (mean, name) in enumerate(names.items()):
        some = far.sel(mean=mean)
        drawn = arm(k) | {"ls": "", "mfc": "none", "ms": (6.5, 4.5, 2.5)[k]}
        error = (some.error / some.distance).max(["query", "set"])
        errors.plot(scale, error, **drawn, label=name)
        turns.plot(scale, some.turn.max(["query", "set"]), **drawn)
    h = np.geomspace(scale[0], scale[-1], 100)
    errors.plot(h, 1 / (h - 1), color=BOUND, ls="--", lw=0.9, label="bound")
    turns.plot(h, 1 / (2 * (h - 1) ** 2), color=BOUND, ls="--", lw=0.9)
    fixed = far.turn.sel(mean="fixed x").max(["query", "set"])
    turns.plot(scale, fixed, "x", color=REFUTED_COLOUR, label="fixed $x$, $\\sigma$ grows")
    for axes in (errors, turns):
        axes.set(xscale="log", yscale="log", xlabel=r"$\sigma|\epsilon|$ / diameter")
    errors.set_ylabel(r"$|\hat x-\mathrm{proj}|\,/\,\mathrm{dist}$, largest")
    turns.set_ylabel(r"$1-\cos$(angle), largest")
    errors.set_title("(a) distance")
    turns.set_title("(b) direction")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
