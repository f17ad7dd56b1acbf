"""Figure of late_start: what sampling from a Gaussian at noise level s costs."""

import numpy as np

from theorylab.figures import THEORY, arm, plain_ticks, subplots


def draw(result):
    """What a late start costs: divergence at the start, and share of samples in the wrong mode."""
    data = result.data["late_start"]
    figure, axes = subplots(aspect=0.75)
    s = np.geomspace(0.5, 16, 100)
    third = 8 * 0.8 * 0.2 * 0.6
    arms = (
        (0.5, "noise", r"$w=\frac{1}{2}$, from $N(0,s^2)$", 1 / (4 * s**4)),
        (0.8, "moments", r"$w=0.8$, from $N(\mu,C+s^2)$", third**2 / (12 * (0.64 + s**2) ** 3)),
        (0.5, "moments", r"$w=\frac{1}{2}$, from $N(\mu,C+s^2)$", 1 / (12 * (1 + s**2) ** 4)),
    )
    for k, (w, start, label, limit) in enumerate(arms):
        d = data.sel(weight=w, start=start)
        axes.plot(s, limit, color=THEORY, lw=0.8, zorder=0)
        axes.plot(d.s, d.divergence, **arm(k), ls="", mfc="white", mew=1, label=label)
    axes.plot([], [], color=THEORY, lw=0.8, label="leading term")
    wrong = data.sel(weight=0.8, start="moments")
    shown = wrong.error > 0
    drawn = {"color": arm(1)["color"], "label": "share in the wrong mode, $w=0.8$"}
    axes.plot(wrong.s[shown], wrong.error[shown], "x", **drawn)
    axes.axvline(1, ymin=0.6, color=THEORY, lw=0.7, ls=":")
    axes.text(1.05, 1e-4, r"$\sigma_c$")
    axes.set(xscale="log", yscale="log", xlabel="sampling starts at noise level $s$")
    plain_ticks(axes.xaxis, (0.5, 1, 2, 4, 8, 16))
    axes.set(ylabel="KL divergence; share", ylim=(1e-11, 3))
    axes.legend(loc="lower left")
    return figure
