"""Figure of distance_and_projection: jumps of the gradients across the cut locus."""

from theorylab.figures import BOUND, THEORY, arm, key, subplots

JUMPS = {"pair": "two points", "torus": "torus", "digits": "digits", "box": "box (convex)"}


def draw(result):
    """Jumps of the gradients of squared distance and of distance as both sides approach."""
    jumps = result.data["jumps"]
    figure, axes = subplots()
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
    axes.set_title(r"$\nabla\frac{1}{2}\mathrm{dist}^2$ jumps off convex sets only")
    return figure
