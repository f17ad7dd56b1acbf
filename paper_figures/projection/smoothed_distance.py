"""Smoothed distance: the factor 2 between its printed definition and sigma times the noise."""

import numpy as np

from theorylab.figures import MEASURED, REFUTED_COLOUR, THEORY, subplots


def draw(result):
    """Half the gradient of the smoothed squared distance against sigma times the ideal noise."""
    data = result.data["gradients"]
    figure, axis = subplots(1, 1, aspect=0.78)
    size = data["size"]
    noise = (data.sigma * data.eps / size).values.ravel()
    arms = (
        (2.0, MEASURED, "o", r"$-2\sigma^2\log\sum_i e^{-|x-x_i|^2/2\sigma^2}$"),
        (1.0, REFUTED_COLOUR, "^", r"$-\sigma^2\log\sum_i e^{-|x-x_i|^2/2\sigma^2}$ (printed)"),
    )
    line = np.array([-1.05, 1.05])
    for factor, colour, marker, label in arms:
        half = (-factor / 2 * data.sigma**2 * data.slope / size).values.ravel()
        axis.plot(line, factor / 2 * line, color=THEORY, lw=0.8, ls="-" if factor == 2 else "--")
        axis.plot(noise, half, marker, color=colour, mec="white", mew=0.3, ms=4, label=label)
    axis.text(0.62, 0.78, "slope 1", ha="right", va="bottom")
    axis.text(0.98, 0.30, r"slope $\frac{1}{2}$", ha="right", va="top")
    axis.set(
        xlim=line,
        ylim=line,
        xlabel=r"$\langle\sigma\epsilon^*, u\rangle \;/\; |\sigma\epsilon^*|$",
        ylabel=r"$\langle\frac{1}{2}\nabla\mathrm{dist}_K^2, u\rangle \;/\; |\sigma\epsilon^*|$",
    )
    axis.legend(
        title=r"$\mathrm{dist}_K^2(x,\sigma) =$", loc="upper left", alignment="left", fontsize=7
    )
    return figure
