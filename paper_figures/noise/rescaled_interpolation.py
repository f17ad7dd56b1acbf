"""Rescaled interpolation: how points of a linear path vary together."""

import numpy as np

from theorylab.figures import BOUND, CATEGORICAL, REFUTED_COLOUR, THEORY, key, subplots

PATHS = {
    "lerp": (REFUTED_COLOUR, "v", "linear"),
    "rescaled": (BOUND, "s", "rescaled"),
    "fixed angle": (CATEGORICAL[0], "o", "fixed angle"),
}


def draw(result):
    """Covariance per coordinate of the path's points: each with itself, and with one near an end.

    The lines are the exact laws.
    """
    maps = result.data["linear_maps"].isel(dim=-1)
    near = float(maps.weight[0])
    fine = np.linspace(0, 1, 101)
    exact = {
        "lerp": lambda w, v: (1 - w) * (1 - v) + w * v,
        "rescaled": lambda w, v: np.cos(np.arctan2(w, 1 - w) - np.arctan2(v, 1 - v)),
        "fixed angle": lambda w, v: np.cos((w - v) * np.pi / 2),
    }
    figure, (left, right) = subplots(1, 2, aspect=1.1, sharey=True)
    for path, (colour, marker, _) in PATHS.items():
        measured = maps.covariance.sel(path=path)
        itself = [float(measured.sel(weight=w, other=w)) for w in maps.weight]
        left.plot(fine, exact[path](fine, fine), color=colour, lw=0.8)
        left.plot(maps.weight, itself, marker, color=colour, mfc="none")
        right.plot(fine, exact[path](fine, near), color=colour, lw=0.8)
        right.plot(maps.weight, measured.sel(other=near), marker, color=colour, mfc="none")
    left.set(title="(a) with itself", ylabel="covariance per coordinate", ylim=(0, 1.08))
    right.set(title=f"(b) with the point at $w={near:g}$")
    for axes in (left, right):
        axes.set(xlabel="weight $w$", xlim=(0, 1), xticks=(0, 0.5, 1))
    handles = [
        key(label, color=colour, marker=marker, mfc="none", ls="")
        for colour, marker, label in PATHS.values()
    ]
    handles.append(key("exact law", color=THEORY, lw=0.8))
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return figure
