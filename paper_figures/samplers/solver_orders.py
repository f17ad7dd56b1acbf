"""Error against steps for each family of samplers, and the leading constants beside the theory."""

import numpy as np
from matplotlib.ticker import NullLocator

from theorylab import figures

PANELS = {
    "one-step, two-step": [
        ("DDIM", "log", 1),
        ("gamma 2", "log", 1),
        ("gamma 3/2", "log", 2),
        ("Heun", "log", 2),
        ("midpoint", "log", 2),
        ("RK4", "log", 4),
    ],
    "multistep": [
        ("F-PNDM", "log", 2),
        ("DEIS 4", "log", 2),
        ("DEIS 4", "log, short start", 4),
        ("LMS 3", "log, short start", 3),
        ("LMS 4", "log, short start", 4),
    ],
    "data prediction": [
        ("DPM++ 2M", "log, short start", 2),
        ("DPM++ 3M", "log, short start", 2),
        ("DPM++ exact 3", "log, short start", 3),
        ("UniPC 2", "log", 3),
        ("UniPC 3", "log, short start", 4),
    ],
}
MARKERS = "os^Dvx"


def mark_steps(axes, steps):
    """Ticks at every second number of steps; log axes put theirs between."""
    axes.set_xticks(steps[::2], [str(n) for n in steps[::2]])
    axes.xaxis.set_minor_locator(NullLocator())


def draw(result):
    """Errors on the mixture in the number of steps; dashed, the theoretical slope."""
    data = result.data["errors"]
    figure, panels = figures.subplots(1, 3, aspect=1.75, sharey=True)
    for axes, (title, arms) in zip(panels, PANELS.items(), strict=True):
        for (name, path, order), marker, colour in zip(
            arms, MARKERS, figures.CATEGORICAL, strict=False
        ):
            e = np.abs(data.error.sel(run=f"{name}: {path}", data="mixture")).values
            n = data.n.values
            label = name.replace("gamma", r"$\gamma$ =") + (", short" if "short" in path else "")
            axes.plot(n, e[-1] * (n / n[-1]) ** -float(order), "--", color=colour, lw=0.6)
            axes.plot(n, e, marker, color=colour, mfc="white", mew=0.9, ms=3, label=label)
        axes.set(xscale="log", yscale="log", xlabel="steps $n$")
        mark_steps(axes, n)
        axes.set_title(title, fontsize=7)
        axes.tick_params(labelsize=6)
        axes.legend(fontsize=4.8, loc="lower left", handletextpad=0.1, labelspacing=0.2)
    panels[0].set_ylabel("error of the last state")
    low = min(axes.dataLim.ymin for axes in panels)
    panels[0].set_ylim(low * 1e-4, 2)
    return figure


def draw_constants(result):
    """n^p times the error over the constant, against 1."""
    data, known = result.data["errors"], result.data["constants"]
    figure, axes = figures.subplots(aspect=0.75)
    axes.axhline(1, color=figures.THEORY, ls="--", lw=0.8)
    arms = ("DDIM", "gamma 2", "LMS 3", "DEIS 3", "F-PNDM", "DPM++ 3M")
    for name, marker, colour in zip(arms, MARKERS, figures.CATEGORICAL, strict=True):
        path = "log" if name in ("DDIM", "gamma 2", "F-PNDM") else "log, short start"
        e = data.error.sel(run=f"{name}: {path}", data="normal")
        k = known.sel(sampler=name)
        axes.plot(
            data.n,
            e * data.n ** float(k.power) / float(k.constant),
            marker + "-",
            color=colour,
            mfc="white",
            lw=0.7,
            label=name.replace("gamma", r"$\gamma$ ="),
        )
    axes.set(xscale="log", xlabel="steps $n$", ylabel="$n^p$ error / predicted constant")
    mark_steps(axes, data.n.values)
    axes.legend(fontsize=6, ncol=2, loc="lower right")
    return figure
