"""Figure of schedule_images: ten steps along each schedule."""

import numpy as np

from theorylab.figures import THEORY, arm, key, legend_below, shows, subplots


@shows("table-schedule-fid-linear", "table-schedule-fid-ddim")
def draw(result):
    """Kernel distance from the data after ten steps along each schedule of noise levels: mean, and
    small, groups of initial noise.
    """
    kernel = result.data["schedules"].kernel
    figure, axes = subplots(aspect=0.75)
    names = list(kernel.schedule.values)
    places = np.arange(len(names))
    for k, method in enumerate(kernel.method.values):
        values = kernel.isel(method=k).transpose("schedule", "group")
        x = places + 0.25 * (k - (kernel.sizes["method"] - 1) / 2)
        style = arm(k) | {"ls": ""}
        axes.plot(x, values.values, ".", color=style["color"], ms=2.5, alpha=0.5, zorder=1)
        axes.plot(x, values.mean("group"), label=str(method), **style)
    axes.set_xticks(places, [n.replace(" ", "\n", 1).replace("-", "-\n") for n in names])
    axes.set(yscale="log", ylabel="kernel distance, 10 steps")
    handles, _ = axes.get_legend_handles_labels()
    handles.append(key("one group", ls="", marker=".", ms=2.5, color=THEORY))
    legend_below(figure, handles, columns=3)
    return figure
