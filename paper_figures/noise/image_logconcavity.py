"""Log-concavity of the digits: the threshold, and what is seen on the way."""

import numpy as np

from theorylab.figures import BOUND, CATEGORICAL, MEASURED, REFUTED_COLOUR, THEORY, subplots


def draw(result):
    """Largest posterior eigenvalue of the digits: at noised ones, by climbing, bound."""
    nearby, images = result.data["nearby"], result.data["images"]
    figure, axes = subplots()
    one, digits = nearby.sel(images="digits"), images.sel(images="digits")
    v, quarter = one.variance.values, float(digits.quarter)
    level = np.geomspace(0.2, 9, 100)
    axes.fill_between(level, level, 8.5, color=REFUTED_COLOUR, alpha=0.1, lw=0)
    axes.plot(level, level, color=THEORY, lw=0.8)
    axes.axhline(quarter, color=BOUND, label=r"everywhere: $D^2/4$, exact")
    axes.plot(v, one.climbed, "s-", color=MEASURED, label="climbing from mid-pair")
    axes.plot(v, one.noised, "o-", color=CATEGORICAL[1], label="at noised digits")
    printed = float(digits.diameter)
    axes.axvline(printed, color=REFUTED_COLOUR, ls="--", lw=0.9)
    axes.axvline(quarter, color=BOUND, ls="--", lw=0.9)
    axes.text(printed * 0.97, 0.25, "$D$", color=REFUTED_COLOUR, ha="right")
    axes.text(quarter * 1.03, 0.25, "$D^2/4$", color=BOUND)
    axes.text(2.9, 3.3, r"$\sigma^2$", color=THEORY, ha="right")
    axes.text(0.5, 7.6, r"above $\sigma^2$: not log-concave", size="small", va="top")
    axes.set(xscale="log", xlabel=r"$\sigma^2$ (white is 1)", ylim=(0, 8.5), xlim=(0.235, 8.6))
    axes.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["0.25", "0.5", "1", "2", "4", "8"])
    axes.minorticks_off()
    axes.set_ylabel(r"largest $\lambda_{\max}\mathrm{cov}(X|y)$")
    axes.legend(loc=(0.02, 0.33), fontsize=6.5)
    return figure
