"""Figure of gradient_estimation_errors: when the sampler oscillates."""

import numpy as np

from theorylab.figures import THEORY, arm, plain_ticks, subplots


def draw(result):
    """The factor by which an oscillation of dist/sigma grows in a step, on one data point."""
    kicks = result.data["kicks"]
    figure, axes = subplots()
    beta = np.linspace(0.2, 0.75, 200)
    axes.axhline(1, color=THEORY, ls=":", lw=0.9)
    axes.text(0.21, 1.1, r"grows $\uparrow$", va="bottom", size="small")
    for k, gamma in enumerate(kicks.gamma.values):
        axes.plot(beta, beta * (gamma - 1) / (1 - beta), color=THEORY, lw=0.8, zorder=0)
        growth = np.abs(kicks.growth.sel(gamma=gamma)).isel(step=0)
        axes.plot(kicks.beta, growth, **arm(k), ls="", label=rf"$\gamma={gamma:g}$")
        axes.plot(1 / gamma, 1, "|", color=THEORY, ms=9)
    axes.plot([], [], color=THEORY, lw=0.8, label=r"$\beta(\gamma-1)/(1-\beta)$")
    axes.plot([], [], "|", color=THEORY, ms=7, label=r"$\beta=1/\gamma$")
    axes.set(yscale="log", xlim=(0.2, 0.75), ylim=(0.1, 10), ylabel="growth in a step")
    plain_ticks(axes.yaxis)
    axes.set_xlabel(r"step $\beta=1-\sigma_{t-1}/\sigma_t$")
    axes.legend(loc="lower right", ncols=2)
    return figure
