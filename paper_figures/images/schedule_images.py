"""Figure of schedule_images: ten steps along each schedule."""

import numpy as np

from theorylab.figures import CATEGORICAL, subplots


def draw(result):
    """Kernel distance of each schedule: every group of noise, and their mean."""
    kernel = result.data["schedules"].kernel
    figure, axes = subplots(aspect=0.6)
    names = list(kernel.schedule.values)
    places = np.arange(len(names))
    for k, method in enumerate(kernel.method.values):
        values = kernel.isel(method=k).transpose("schedule", "group")
        x = places + 0.25 * (k - (kernel.sizes["method"] - 1) / 2)
        axes.plot(x, values.values, ".", color=CATEGORICAL[k], ms=2.5, alpha=0.6)
        axes.plot(x, values.mean("group"), "os"[k], color=CATEGORICAL[k], label=method)
    axes.set_xticks(places, [n.replace(" ", "\n", 1) for n in names])
    axes.set(yscale="log", ylabel="kernel distance, $N=10$")
    axes.legend()
    return figure
