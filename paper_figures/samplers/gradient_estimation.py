"""Figures of gradient_estimation: which gamma is best where, its order, and when it oscillates."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, ScalarFormatter

from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, THEORY, subplots

MARKERS = "osD^vP"
PANELS = {
    "k^-1": "Gaussian, $\\lambda_k\\propto k^{-1}$",
    "k^-2": "Gaussian, $\\lambda_k\\propto k^{-2}$",
    "mixture": "four modes on the line",
}


def draw(result):
    """W2 to the data against gamma, and the error against the number of steps."""
    figure, panels = subplots(2, 2, aspect=0.85)
    distances = result.data["distances"]
    for axes, (data, title) in zip(panels.flat, PANELS.items(), strict=False):
        _weights(axes, distances.sel(data=data))
        axes.set_title(title, loc="left", size="small")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    names = [f"$N={steps}$" for steps in labels]
    figure.legend(handles, names, loc="outside upper center", ncols=4, columnspacing=1)
    _orders(panels[1, 1], result.data["orders"].sel(schedule="log-linear"))
    return figure


def draw_stability(result):
    """The factor by which an oscillation of dist/sigma grows in a step, on one data point."""
    kicks = result.data["kicks"]
    figure, axes = subplots()
    beta = np.linspace(0.2, 0.75, 200)
    axes.axhspan(1, 10, color=REFUTED_COLOUR, alpha=0.1, lw=0)
    axes.text(0.215, 6.5, "grows", color=REFUTED_COLOUR)
    for gamma, colour, marker in zip(kicks.gamma.values, CATEGORICAL, MARKERS, strict=False):
        label = rf"$\gamma={gamma:g}$"
        axes.plot(beta, beta * (gamma - 1) / (1 - beta), color=colour, label=label)
        growth = np.abs(kicks.growth.sel(gamma=gamma)).isel(step=0)
        axes.plot(kicks.beta, growth, marker, color=colour)
        axes.plot(1 / gamma, 1, "|", color=THEORY, ms=9)
    axes.set(yscale="log", xlim=(0.2, 0.75), ylim=(0.1, 10), ylabel="growth in a step")
    axes.set_xlabel(r"step $\beta=1-\sigma_{t-1}/\sigma_t$  (bars: $\beta=1/\gamma$)")
    axes.legend(loc="lower right")
    return figure


def draw_premise(result):
    """How far eps is from sqrt(n) grad dist, against how far dist is from sqrt(n) sigma."""
    premises = result.data["premises"]
    figure, axes = subplots()
    names = [s for s in ("digits", "random points", "one point") if s in premises["set"].values]
    for name, colour, marker in zip(names, CATEGORICAL, MARKERS, strict=False):
        one = premises.sel(set=name)
        axes.plot(one.rho.values.ravel(), one.apart.values.ravel(), marker, ms=2, color=colour)
    rho = np.geomspace(0.1, 5, 400)
    axes.plot(rho, np.abs(rho - 1), color=THEORY, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=(0.15, 5), ylim=(5e-3, 6))
    axes.set_xticks([0.2, 0.5, 1, 2, 4])
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(r"$\rho=\mathrm{dist}_K(x)/(\sqrt{n}\,\sigma)$")
    axes.set_ylabel(r"$\|\epsilon-\sqrt{n}\,\nabla\mathrm{dist}_K\|/\sqrt{n}$")
    handles = [
        Line2D([], [], ls="", marker=marker, color=colour, label=name)
        for name, colour, marker in zip(names, CATEGORICAL, MARKERS, strict=False)
    ]
    theory = Line2D([], [], color=THEORY, label=r"$|\rho-1|$ (one point)")
    axes.legend(handles=[*handles, theory], loc="lower left")
    return figure


def _weights(axes, distances):
    for steps, colour, marker in zip(distances.steps.values, CATEGORICAL, MARKERS, strict=False):
        one = distances.w2.sel(steps=steps)
        axes.plot(one.gamma, one, marker=marker, ms=2.5, color=colour, label=f"{steps}")
        least = one.isel(gamma=int(one.values.argmin()))
        axes.plot(least.gamma, least, marker="o", ms=6, mfc="none", color=colour)
    axes.axvline(2, color=REFUTED_COLOUR, ls="--", lw=0.9, zorder=0)
    axes.set(yscale="log", xlabel=r"$\gamma$", ylabel="$W_2$ to the data")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _orders(axes, orders):
    h = orders.h.values if orders.h.ndim == 1 else orders.h.values[0]
    for gamma, colour, marker in zip((1.0, 2.0, 1.5), CATEGORICAL, MARKERS, strict=False):
        error = np.abs(orders.error.sel(gamma=gamma))
        axes.plot(1 / h, error, marker, color=colour)
        power = 2 if gamma == 1.5 else 1
        axes.plot(1 / h, error.values[-1] * (h / h[-1]) ** power, color=colour, lw=0.9)
    axes.set(xscale="log", yscale="log", xlabel="steps $N$", ylabel="error of the flow")
    axes.text(
        1 / h[0], 0.4 * error.values[1], r"$\gamma=1.5$", color=colour, va="top", size="small"
    )
    both = np.abs(orders.error.sel(gamma=2.0)).values[-1]
    axes.text(1 / h[-1], both / 2, r"DDIM and $\gamma=2$", ha="right", va="top", size="small")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title("lines: orders 1, 1, 2", loc="left", size="small")
