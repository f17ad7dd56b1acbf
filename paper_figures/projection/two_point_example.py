"""Two points on the line: trajectories keep their rank."""

import numpy as np

from theorylab.figures import MEASURED, THEORY, subplots


def draw(result):
    """The probability-flow trajectories of two data points, over the quantiles they must follow."""
    data = result.data["two_points"]
    figure, axis = subplots(1, 1, aspect=0.7)
    for k in range(data.sizes["start"]):
        run = data.isel(start=k)
        scale = np.sqrt(1 + run.noise**2)
        axis.plot(run.noise, run["quantile"] / scale, color=THEORY, label="quantile of $p_\\sigma$")
        lines = axis.plot(run.noise, run.state.sel(arm="ideal") / scale, "o", color=MEASURED)
        lines[0].set_label("flow of the ideal denoiser")
        if k == 0:
            handles = axis.get_legend_handles_labels()
    for end in (-1, 1):
        axis.axhline(end, color=THEORY, lw=0.5, ls=":")
    axis.set(xscale="log", xlabel=r"$\sigma$", ylabel=r"$x \;/\; \sqrt{1 + \sigma^2}$")
    figure.legend(*handles, loc="outside lower center", ncols=2)
    return figure
