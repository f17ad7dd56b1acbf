"""Figures of measurement_guidance: slips of the printed lines, and the noise of y_{t-1}."""

import numpy as np

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, key, plain_ticks, shows, subplots

NAMES = {
    "printed": "as printed",
    "noise power of z": "noise power of $z$",
    "sigma_n for its square": r"$\sigma_n$ for $\sigma_n^2$",
    "noise of the unguided estimate": "unguided noise",
    "zeta for its root": r"$\zeta$ for $\sqrt{\zeta}$",
    "old alpha_bar": r"old $\bar\alpha$",
    "measurement at level t": "measurement at $t$",
    "beta_t": r"$\beta_t$",
}


@shows("dps-yt-algorithm-as-stated", "dps-yt-algorithm-corrected", "dps-yt-measurement-law-reading")
def draw(result):
    r"""(a) How far the path of each printed algorithm, and of each slip in it, ends from the
    sampler's with the same noise. (b) Variance of the noise that is compared, over that of
    $Hx_{t-1}$, along the eigenvectors of $HH'$: it must be 1. Lines: the exact ratios.
    """
    figure, (slips, noises) = subplots(2, 1, aspect=0.66)
    _slips(slips, result.data["paths"])
    _noises(noises, result.data["measured_noise"])
    return figure


def _slips(axes, paths):
    rows = [
        (name, slip, paths[arm].sel({f"{arm}_slip": slip}).values)
        for arm, name in (("diffpir", "DiffPIR"), ("dps_yt", "DPS-$y_t$"))
        for slip in paths[f"{arm}_slip"].values
    ]
    right = {"ls": "", "color": MEASURED, "marker": "o", "ms": 3}
    wrong = {"ls": "", "color": REFUTED_COLOUR, "marker": "x", "ms": 3}
    for place, (_, slip, errors) in enumerate(reversed(rows)):
        style = right if slip in ("printed", "corrected") else wrong
        axes.plot(np.maximum(errors, 1e-17), np.full(len(errors), place), **style)
    labels = [f"{name}: {NAMES.get(slip, slip)}" for name, slip, _ in reversed(rows)]
    axes.set_yticks(range(len(rows)), labels)
    axes.axvline(1e-7, color=BOUND, lw=0.9, ls="--")
    axes.set(xscale="log", xlabel="distance of the last states", xlim=(1e-16, 100))
    axes.set_xticks([1e-15, 1e-10, 1e-5, 1])
    axes.set_title("(a) Printed lines")
    margin = key("margin", color=BOUND, ls="--")
    handles = [key("the sampler", **right), key("another path", **wrong), margin]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(0.13, 0.7))


def _noises(axes, noise):
    square = noise.square.values.ravel()
    grid = np.geomspace(square.min() / 1.3, square.max() * 1.3, 100)
    for kind, curve, marker, colour, name in (
        ("H xi", np.ones_like(grid), "o", MEASURED, r"$H\xi$, coloured"),
        ("xi", 1 / grid, "s", REFUTED_COLOUR, r"$\xi$, as used"),
    ):
        ratio = noise.total.sel(noise=kind) / noise.draws
        axes.plot(grid, curve, color=colour, lw=0.9)
        axes.plot(square, ratio.values.ravel(), marker, color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel="eigenvalue of $HH'$")
    for axis in (axes.xaxis, axes.yaxis):
        plain_ticks(axis, [0.1, 0.2, 0.5, 1, 2, 5, 10])
    axes.set(xlim=(grid[0], grid[-1]), ylim=(0.5 / grid[-1], 2 / grid[0]))
    axes.set_ylabel(r"variance / that of $Hx_{t-1}$")
    axes.set_title("(b) Noise of $y_{t-1}$")
    axes.legend()
