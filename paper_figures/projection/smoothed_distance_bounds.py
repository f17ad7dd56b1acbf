"""Figure of smoothed_distance_bounds: both smoothed distances, and the Hessian."""

import numpy as np

from theorylab.figures import BOUND, arm, subplots

NAMES = {"pair": "two points", "20 in R^4": "20 points", "simplex": "4 equidistant points"}


def draw(result):
    """Both smoothed squared distances between their bounds, and the Hessian above its own."""
    smoothed = result.data["smoothed"]
    figure, (values, hessian) = subplots(1, 2, aspect=1.35)
    for k, name in enumerate(smoothed.set.values):
        some, drawn = smoothed.sel(set=name), arm(k) | {"ls": ""}
        for version in ("sum", "mean"):
            share = (some[version] / np.log(some.points)).values
            level = np.repeat((0.88, 1.0, 1.14)[k % 3] * some.level.values, share.shape[1])
            values.plot(level, share.ravel(), **drawn | {"ms": 2.5, "mew": 0})
        half_diameter = some.spread.values / 4  # over sigma, squared
        hessian.plot(half_diameter, some.lowest, **drawn, label=NAMES.get(str(name), str(name)))
    for level in (-1, 0, 1):
        values.axhline(level, color=BOUND, ls="--", lw=0.8)
    for level, version in ((0.5, "mean"), (-0.5, "sum")):
        values.text(0.17, level, version, va="center", ha="center", size="small")
    values.set(xscale="log", xlim=(0.07, 4.5), xlabel=r"$\sigma$ / reach", title="(a) value")
    values.set_ylabel(r"$(\mathrm{dist}^2_\sigma-\mathrm{dist}^2)\,/\,2\sigma^2\log m$")
    x = np.geomspace(0.05, 500, 200)
    hessian.plot(x, 1 - x, color=BOUND, ls="--", lw=0.8, label="bounds")
    hessian.axhline(1, color=BOUND, ls="--", lw=0.8)
    hessian.set(xscale="log", xlabel=r"$(\mathrm{diameter}/2\sigma)^2$", title="(b) Hessian")
    hessian.set_ylabel("least eigenvalue")
    hessian.set_yscale("symlog", linthresh=1)
    hessian.set(ylim=(-1e3, 3), yticks=[-1000, -100, -10, -1, 0, 1])
    figure.legend(*hessian.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure
