"""Annealed mean shift: the least gain of log density found, against its quadratic minorant."""

import numpy as np

from theorylab.figures import BOUND, THEORY, arm, subplots

NAMES = {"plane": "mixture in the plane", "point": "one point", "digits": "100 digits"}


def draw(result):
    """Least gain of log density over a step of tau towards r, and the bound 1 - (1 - tau)^2."""
    data = result.data["mean_shift"]
    figure, axes = subplots(aspect=0.72)
    tau = np.linspace(0.3, 2.6, 100)
    bound = 1 - (1 - tau) ** 2
    axes.fill_between(tau, -1.5, bound, color=BOUND, alpha=0.12, lw=0)
    axes.plot(tau, bound, "--", color=BOUND, label=r"bound $1 - (1 - \tau)^2$, shaded below")
    axes.axhline(0, color=THEORY, lw=0.5, ls=":")
    for k, law in enumerate(data.law.values):
        least = data.gain.sel(law=law).min("sigma")
        # Hollow and shrinking: nearly all lie on the bound, and each is to be seen.
        marks = {"ls": "none", "mfc": "none", "ms": 8 - 2.5 * k}
        axes.plot(data.tau, least, label=NAMES[str(law)], **marks, **arm(k))
    axes.set(xlabel=r"step $\tau$", ylim=(-1.5, 1.3), xlim=(0.3, 2.6))
    axes.set_ylabel(r"least gain of $\log p_s$, in $|x - r|^2/2s^2$")
    axes.legend(loc="lower left")
    return figure
