"""Figures of solver_orders: the order each sampler reaches, and its leading constant."""

import numpy as np

from theorylab import figures
from theorylab.figures import MEASURED, REFUTED_COLOUR, THEORY, arm, key, plain_ticks

EULER, SHORT = "log", "log, short start"
#: Sampler, its path, its order, and the order that a refuted claim gives it.
ROWS = (
    ("DDIM", EULER, 1, None),
    ("gamma 2", EULER, 1, None),
    ("gamma 3/2", EULER, 2, None),
    ("Heun", EULER, 2, None),
    ("midpoint", EULER, 2, None),
    ("RK4", EULER, 4, None),
    ("F-PNDM", EULER, 2, 4),
    ("iPNDM 4", EULER, 2, None),
    ("DEIS 4", EULER, 2, None),
    ("DEIS 4", SHORT, 4, None),
    ("LMS 3", SHORT, 3, None),
    ("LMS 4", SHORT, 4, None),
    ("DPM++ 2M", SHORT, 2, None),
    ("DPM++ 3M", SHORT, 2, 3),
    ("DPM++ exact 3", SHORT, 3, None),
    ("UniPC 2", EULER, 3, None),
    ("UniPC 3", SHORT, 4, None),
)
#: Whose constants are drawn: one of each kind.
CONSTANTS = (
    ("DDIM", EULER),
    ("Heun", EULER),
    ("RK4", EULER),
    ("LMS 4", SHORT),
    ("F-PNDM", EULER),
    ("DPM++ 3M", SHORT),
    ("UniPC 3", SHORT),
)


def draw(result):
    """Observed order of each sampler on a mixture at each doubling of the steps, and its order."""
    data = result.data["errors"]
    figure, axes = figures.subplots(aspect=1.0)
    logs = np.log2(np.abs(data.error.sel(data="mixture")))
    labels = []
    for row, (name, path, order, printed) in enumerate(ROWS):
        e = logs.sel(run=f"{name}: {path}").values
        slopes = (e[:-1] - e[1:]) / np.diff(np.log2(data.n.values))
        axes.plot(order, row, "|", color=THEORY, ms=8, mew=1.1)
        axes.plot(slopes[:-1], [row] * (len(slopes) - 1), "o", color=MEASURED, mfc="none", ms=2.5)
        axes.plot(slopes[-1], row, "o", color=MEASURED)
        if printed:
            axes.plot(printed, row, "x", color=REFUTED_COLOUR, mew=1.1)
        labels.append(_label(name) + (", short start" if path == SHORT else ""))
    axes.set_yticks(range(len(ROWS)), labels)
    axes.set(xlabel="order (slope of the error)", xlim=(0.5, 4.7), xticks=range(1, 5))
    axes.set_ylim(len(ROWS) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", lw=0.4, color="0.9")
    axes.set_axisbelow(True)
    n = data.n.values
    handles = [
        key(f"measured, $n={n[-2]}$ to {n[-1]}", color=MEASURED, marker="o", ls=""),
        key("fewer steps", color=MEASURED, marker="o", mfc="none", ms=2.5, ls=""),
        key("theory", color=THEORY, marker="|", ms=8, ls=""),
        key("order claimed, refuted", color=REFUTED_COLOUR, marker="x", ls=""),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return figure


def draw_constants(result):
    """n^p times the error on a normal law over the predicted constant: it tends to 1."""
    data, known = result.data["errors"], result.data["constants"]
    figure, axes = figures.subplots(aspect=0.8)
    axes.axhline(1, color=THEORY, lw=0.8, label="theory")
    for k, (name, path) in enumerate(CONSTANTS):
        e = data.error.sel(run=f"{name}: {path}", data="normal")
        limit = known.sel(case=f"{name}: {path}")
        ratio = e * data.n ** float(limit.power) / float(limit.constant)
        label = f"{_label(name)}, $p={float(limit.power):g}$"
        axes.plot(data.n, ratio, **arm(k), mfc="white", lw=0.7, label=label)
    axes.set(xscale="log", xlabel="steps $n$", ylabel="$n^p$ error / predicted constant")
    plain_ticks(axes.xaxis, data.n.values)
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1)
    return figure


def _label(name):
    return name.replace("gamma 3/2", r"$\gamma=3/2$").replace("gamma 2", r"$\gamma=2$")
