"""Figure of noise_prediction: errors of estimates, and how large a predicted noise is."""

import numpy as np

from theorylab.figures import REFUTED_COLOUR, arm, plain_ticks, subplots


def draw(result):
    """Mean square error of the estimated data point and mean square of the predicted noise.

    The lines are those of the best linear estimate, and 1 - mmse/sigma^2.
    """
    errors = result.data["errors"]
    figure, (left, right) = subplots(1, 2, aspect=1.25)
    sigma = np.geomspace(0.05, 40, 200)
    for k, law in enumerate(errors.law.values):
        one, drawn = errors.sel(law=law), arm(k) | {"ls": ""}
        variance = float(one.variance)
        linear = sigma**2 / (variance + sigma**2)
        left.plot(sigma, linear, color=drawn["color"], lw=0.8, zorder=0)
        left.plot(one.sigma, one.mmse / variance, **drawn, label=law)
        right.plot(one.sigma, 1 - one.mmse / one.sigma**2, color=drawn["color"], lw=0.8)
        right.plot(one.sigma, one.eps_square, **drawn)
    left.set(yscale="log", ylabel=r"$E(\hat x_0-x_0)^2\,/\,\mathrm{Var}$", ylim=(1e-4, 3))
    right.set(ylabel=r"$E\,\epsilon^{*2}$", ylim=(0, 1.15))
    label = "premise as printed"
    right.axhline(1, color=REFUTED_COLOUR, ls="--", lw=0.9, zorder=0, label=label)
    for axes in (left, right):
        axes.set(xscale="log", xlabel=r"noise level $\sigma$")
        plain_ticks(axes.xaxis, (0.1, 1, 10))
    left.set_title("(a) lines: linear")
    right.set_title("(b) lines: theory")
    figure.legend(loc="outside upper center", ncols=4, handletextpad=0.3, columnspacing=1)
    return figure
