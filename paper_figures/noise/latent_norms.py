"""Norms of interpolated latents: their law halfway, and mean and variance along the path."""

import math

import numpy as np

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, THEORY, subplots

NAMES = {"lerp": "linear", "slerp": "slerp", "rescaled": "rescaled"}
COLOURS = {"lerp": REFUTED_COLOUR, "slerp": MEASURED, "rescaled": BOUND}
MARKERS = {"lerp": "v", "slerp": "o", "rescaled": "s"}
SHOWN_DIM, HALF = 64, 0.5


def draw(result):
    """Law of the norm halfway along each path: sampled latents over the exact laws."""
    figure, axes = subplots(1, 1, aspect=0.68)
    drawn = result.data["samples"]
    dim = SHOWN_DIM if SHOWN_DIM in drawn.dim else int(drawn.dim[len(drawn.dim) // 2])
    here = drawn.sel(dim=dim, weight=HALF)
    edges = here.offset.values
    width, middle = edges[1] - edges[0], (edges[1:] + edges[:-1]) / 2
    for path, name in NAMES.items():
        axes.plot(edges, here.density.sel(path=path), color=COLOURS[path])
        height = here.histogram.sel(path=path).values / (int(here.samples) * width)
        style = {"color": COLOURS[path], "ms": 2.5, "zorder": 3, "label": name}
        axes.plot(middle[::3], height[::3], MARKERS[path], **style)
    # The curves are the exact laws in the colours of the samples.
    axes.plot([], [], color=THEORY, label="exact law")
    axes.set(xlabel=r"$\|z_w\| - \sqrt{d}$", ylabel="density", xlim=(-4.4, 3.0), ylim=(0, 1.0))
    axes.set_title(rf"$w = \frac{{1}}{{2}},\ d = {dim}$")
    axes.legend(loc="upper right")
    return figure


def draw_along_path(result):
    """Mean and variance of the norm along the path, for a large dimension."""
    figure, (left, right) = subplots(1, 2, aspect=1.0)
    norms = result.data["norms"]
    large = norms.isel(dim=-1)
    dim = int(large.dim)
    w = np.linspace(0, 1, 201)
    theory = {
        "lerp": (np.hypot(1 - w, w), ((1 - w) ** 2 + w**2) / 2),
        "slerp": (np.ones_like(w), spread(w) / 2),
        "rescaled": (np.ones_like(w), np.full_like(w, 0.5)),
    }
    for path, name in NAMES.items():
        here = large.sel(path=path)
        variance = here.mean_square - here.mean_norm**2
        for axes, value, curve in (
            (left, here.mean_norm / math.sqrt(dim), theory[path][0]),
            (right, variance, theory[path][1]),
        ):
            style = {"lerp": "-", "slerp": "--", "rescaled": ":"}[path]
            axes.plot(w, curve, style, color=COLOURS[path], linewidth=1.0)
            face = "none" if path == "rescaled" else COLOURS[path]  # it covers slerp on the left
            marks = {"color": COLOURS[path], "mfc": face, "ms": 5.5 if face == "none" else 3.5}
            axes.plot(here.weight, value, MARKERS[path], label=name, **marks)
    left.set(xlabel=r"weight $w$", ylabel=r"mean norm $/\sqrt{d}$", ylim=(0.68, 1.06))
    right.set(xlabel=r"weight $w$", ylabel="variance of the norm", ylim=(0.22, 0.545))
    for axes in (left, right):
        axes.set_xticks([0, 0.5, 1])
    left.legend(loc="upper center", bbox_to_anchor=(0.53, 0.84), fontsize=6.5, handletextpad=0.2)
    left.set_title(rf"$d = {dim}$; curves: limits", fontsize="small")
    return figure


def spread(w):
    """cos^4(w pi/2) + sin^4(w pi/2)."""
    return np.cos(w * np.pi / 2) ** 4 + np.sin(w * np.pi / 2) ** 4
