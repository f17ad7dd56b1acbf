"""Figures of distance_and_projection: jumps of gradients, smoothing, dimensions of data."""

import numpy as np
from matplotlib.lines import Line2D

from theorylab.figures import BOUND, CATEGORICAL, MEASURED, THEORY, subplots

MARKERS = "osD^vPX"
NAMES = {"pair": "two points", "20 in R^4": "20 points", "simplex": "4 equidistant"}
DATA = {"digits": "digits", "fashion-mnist": "Fashion-\nMNIST"}


def draw(result):
    """(a) Jumps of the gradients as both sides approach; (b) intrinsic dimension of the images."""
    figure, (jump, dimension) = subplots(2, 1, aspect=0.62)
    _jumps(jump, result.data["jumps"])
    _dimensions(dimension, result.data["dimensions"], result.data["known_dimensions"])
    return figure


def draw_smoothed(result):
    """Both smoothed squared distances between their bounds, and the Hessian above its own."""
    smoothed = result.data["smoothed"]
    figure, (values, hessian) = subplots(1, 2, aspect=1.15)
    sets = [str(name) for name in smoothed.set.values]
    shifts = (0.92, 1.0, 1.08, 1.17)
    for name, colour, marker, shift in zip(sets, CATEGORICAL, MARKERS, shifts, strict=False):
        some = smoothed.sel(set=name)
        for version in ("sum", "mean"):
            share = (some[version] / np.log(some.points)).values
            level = shift * np.broadcast_to(some.level.values[:, None], share.shape)
            values.plot(level, share, marker, color=colour, ms=2.5, mew=0)
        # Half the diameter over sigma, squared.
        x = some.spread.values / 4
        hessian.plot(x, some.lowest, marker, color=colour, label=NAMES.get(name, name))
    for level in (-1, 0, 1):
        values.axhline(level, color=BOUND, lw=0.8)
    values.text(0.09, 0.5, "mean", rotation=90, va="center", ha="center", size="small")
    values.text(0.09, -0.5, "sum", rotation=90, va="center", ha="center", size="small")
    values.set(xscale="log", xlim=(0.075, 4), xlabel=r"$\sigma$ / reach")
    values.set_ylabel(r"$(\mathrm{dist}^2(x,\sigma)-\mathrm{dist}^2)/2\sigma^2\log m$")
    x = np.geomspace(0.05, 500, 200)
    hessian.plot(x, 1 - x, color=BOUND, label="bound")
    hessian.axhline(1, color=BOUND, lw=0.8)
    hessian.set(xscale="log", xlabel=r"$D^2/4\sigma^2$", ylabel="least eigenvalue of the Hessian")
    hessian.set_yscale("symlog", linthresh=1)
    hessian.set_ylim(-1e3, 3e3)
    hessian.legend(fontsize="x-small", loc="upper right")
    return figure


def _jumps(axes, jumps):
    h = jumps.step.values
    for name, colour, marker in (
        ("pair", CATEGORICAL[0], "o"),
        ("torus", CATEGORICAL[1], "s"),
        ("digits", CATEGORICAL[2], "D"),
        ("box", CATEGORICAL[4], "^"),
    ):
        if name not in jumps.set:
            continue
        some = jumps.sel(set=name)
        axes.plot(h, some.half_squared.isel(query=0), marker, color=colour, ms=3)
        if name != "box":
            axes.axhline(float(some.gap.isel(query=0)), color=colour, lw=0.8)
    distance = jumps.distance.sel(set="box").isel(query=0)
    axes.plot(h, distance, "^", color=CATEGORICAL[4], mfc="none", ms=4)
    axes.plot(h, 2 * h, color=BOUND, lw=0.8)
    axes.set(xscale="log", yscale="log", ylim=(3e-7, 2e1), xlabel="step $h$")
    axes.set_ylabel("jump of the gradient")
    shown = [
        (n, c, m)
        for n, c, m in zip(
            ("two points", "torus", "digits", "box (convex)"),
            (CATEGORICAL[0], CATEGORICAL[1], CATEGORICAL[2], CATEGORICAL[4]),
            "osD^",
            strict=True,
        )
    ]
    handles = [Line2D([], [], ls="", marker=m, color=c, label=n) for n, c, m in shown]
    hollow = {"ls": "", "marker": "^", "mfc": "none", "color": CATEGORICAL[4]}
    handles += [
        Line2D([], [], label=r"box, $\nabla\mathrm{dist}$", **hollow),
        Line2D([], [], color=BOUND, label="$2h$, convex"),
    ]
    axes.legend(handles=handles, ncols=2, loc="lower right", fontsize="x-small")
    axes.set_title(r"(a) $\nabla\frac{1}{2}\mathrm{dist}^2$ jumps off convex sets only", loc="left")


def _dimensions(axes, found, known):
    arms = {"images": MEASURED, "20-sphere": THEORY, "shuffled pixels": CATEGORICAL[1]}
    labels, position = [], 0
    for name in known.manifold.values:
        _spread(axes, position, known.dimension.sel(manifold=name), MEASURED)
        d = int(known.known.sel(manifold=name))
        axes.plot([position - 0.3, position + 0.3], [d, d], color=THEORY, lw=1)
        labels.append(str(name))
        position += 1
    for name in found.set.values:
        for arm, colour in arms.items():
            _spread(axes, position, found.dimension.sel(set=name, arm=arm), colour)
        labels.append(DATA[str(name)])
        position += 1
    axes.set(yscale="log", ylabel=r"estimate $\hat d$", ylim=(0.7, 300))
    axes.set_xticks(range(position), labels, fontsize="x-small")
    handles = [Line2D([], [], ls="", marker="o", color=c, label=a) for a, c in arms.items()]
    handles.append(Line2D([], [], color=THEORY, lw=1, label="true"))
    axes.legend(handles=handles, ncols=2, loc="upper left", fontsize="x-small")
    axes.set_title("(b) Intrinsic dimension, TwoNN and 10 neighbours", loc="left")


def _spread(axes, position, dimension, colour):
    for k, shift, marker in ((2, -0.12, "o"), (10, 0.12, "s")):
        values = dimension.sel(neighbours=k).values
        middle = np.median(values)
        bars = [[middle - values.min()], [values.max() - middle]]
        axes.errorbar(
            [position + shift], [middle], bars, fmt=marker, color=colour, ms=3, elinewidth=0.8
        )
