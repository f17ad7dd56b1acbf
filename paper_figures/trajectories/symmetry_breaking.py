"""Figure of symmetry_breaking: the critical level of each dynamics against the data's variance."""

import numpy as np

from theorylab.figures import THEORY, arm, key, legend_below, plain_ticks, subplots

#: The level of each dynamics for the largest eigenvalue v of the covariance.
LEVELS = {
    "VE flow": lambda v: np.sqrt(v),
    "VE SDE": lambda v: np.sqrt(v),
    "VP SDE": lambda v: np.sqrt(v - 1 + np.sqrt(1 + v**2)),
    "VP flow": lambda v: np.sqrt(v / (1 - v)),
}


def draw(result):
    r"""Noise level at which the centre of points at equal distance from it is lost, in four
    dynamics; $v$ is the largest eigenvalue of the points' covariance.
    """
    levels = result.data["levels"]
    figure, axes = subplots()
    points = levels.sel(law=[law for law in levels.law.values if law != "two Gaussians"])
    ends = float(points.variance.min()) / 1.3, float(points.variance.max()) * 1.3
    handles = []
    for k, (name, level) in enumerate(LEVELS.items()):
        top = min(ends[1], 0.998) if name == "VP flow" else ends[1]
        v = np.geomspace(ends[0], top, 400)
        axes.plot(v, level(v), color=THEORY, lw=0.8, zorder=0)
        d = points.sel(dynamics=name)
        lost = d.turns.values == 1
        # Flow and SDE share a level in the exploding dynamics: the outer marker is hollow.
        style = {**arm(k), "ls": "", "mfc": "none" if k == 0 else None, "ms": 6.5 if k == 0 else 3}
        axes.plot(d.variance.values[lost], d.level.values[lost], **style)
        handles.append(key(name, **style))
    axes.axvline(1, color=THEORY, lw=0.7, ls=":")
    axes.text(1.02, 0.33, "VP flow:\nnever lost", size="small")
    axes.set(
        xscale="log", yscale="log", ylim=(0.3, 6), xlabel="largest eigenvalue $v$ of the covariance"
    )
    axes.set_ylabel(r"critical level $\sigma_c$")
    plain_ticks(axes.xaxis, (0.3, 0.5, 0.7, 1, 2, 3))
    axes.set_xlim(ends)
    plain_ticks(axes.yaxis)
    legend_below(figure, [*handles, key("closed form", color=THEORY, lw=0.8)], columns=3)
    return figure
