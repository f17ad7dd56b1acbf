"""Figures of distance_and_projection: jumps of gradients, smoothing, dimensions of data."""

import numpy as np

from theorylab.figures import BOUND, DATA_NAMES, THEORY, arm, key, subplots

NAMES = {"pair": "two points", "20 in R^4": "20 points", "simplex": "4 equidistant points"}
JUMPS = {"pair": "two points", "torus": "torus", "digits": "digits", "box": "box (convex)"}


def draw(result):
    """(a) Jumps of the gradients as both sides approach; (b) intrinsic dimension of the images."""
    figure, (jump, dimension) = subplots(2, 1, aspect=0.68)
    _jumps(jump, result.data["jumps"])
    _dimensions(dimension, result.data["dimensions"], result.data["known_dimensions"])
    return figure


def draw_smoothed(result):
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


def _jumps(axes, jumps):
    h, handles = jumps.step.values, []
    for k, (name, label) in enumerate(JUMPS.items()):
        if name not in jumps.set:
            continue
        some, drawn = jumps.sel(set=name).isel(query=0), arm(k) | {"ls": "", "ms": 3}
        aside = 10 ** (0.13 * (k - 1.5))  # the jumps of all but one lie between 1 and 2
        axes.plot(aside * h, some.half_squared, **drawn)
        handles.append(key(label, **drawn))
        if name == "box":
            hollow = drawn | {"mfc": "none"}
            axes.plot(aside * h, some.distance, **hollow)
            handles.append(key(r"box, $\nabla\mathrm{dist}$", **hollow))
        else:
            ends = [aside * h[0] * 1.15, aside * h[-1] / 1.15]
            axes.plot(ends, 2 * [float(some.gap)], color=THEORY, lw=0.6, zorder=0)
    axes.plot(h, 2 * h, color=BOUND, ls="--", lw=0.9)
    axes.set(xscale="log", yscale="log", ylim=(3e-8, 60), xlabel="step $h$ across the cut locus")
    axes.set_ylabel("jump of the gradient")
    axes.text(h[-1], 4, "limit: gap of the nearest points", va="bottom", size="small")
    axes.text(1e-5, 4e-4, "bound $2h$,\nconvex sets", color=BOUND, ha="center", size="small")
    axes.legend(handles=handles, ncols=2, loc="lower right", columnspacing=1)
    axes.set_title(r"(a) $\nabla\frac{1}{2}\mathrm{dist}^2$ jumps off convex sets only")


def _dimensions(axes, found, known):
    arms = {"images": "the set itself", "20-sphere": "20-sphere", "shuffled pixels": "shuffled"}
    labels = [str(name) for name in known.manifold.values]
    for position, name in enumerate(labels):
        _spread(axes, position, known.dimension.sel(manifold=name), arm(0))
        d = int(known.known.sel(manifold=name))
        axes.plot([position - 0.3, position + 0.3], [d, d], color=THEORY, lw=0.8, zorder=0)
    for name in found.set.values:
        for k, one in enumerate(arms):
            _spread(axes, len(labels), found.dimension.sel(set=name, arm=one), arm(k))
        labels.append(DATA_NAMES[str(name)].replace("-", "-\n"))
    axes.set(yscale="log", ylabel=r"estimate $\hat d$", ylim=(0.7, 300))
    axes.set_xticks(range(len(labels)), labels)
    handles = [key(label, **arm(k), ls="") for k, label in enumerate(arms.values())]
    handles += [
        key("TwoNN", color="0.4", marker="o", ls=""),
        key("10 neighbours", color="0.4", marker="o", mfc="none", ls=""),
        key("range over seeds", color="0.4", marker="|", ms=6, ls=""),
        key("true", color=THEORY, lw=0.8),
    ]
    axes.legend(handles=handles, ncols=2, loc="upper left")
    axes.set_title("(b) Intrinsic dimension")


def _spread(axes, position, dimension, drawn):
    for k, shift, fill in ((2, -0.12, drawn["color"]), (10, 0.12, "none")):
        values = dimension.sel(neighbours=k).values
        middle = np.median(values)
        bars = [[middle - values.min()], [values.max() - middle]]
        axes.errorbar(position + shift, middle, bars, **drawn, mfc=fill, ms=3.5, elinewidth=0.8)
