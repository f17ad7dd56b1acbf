"""Figures of gradient_estimation: which gamma is best where, its order, and when it oscillates."""

import numpy as np

from theorylab.figures import REFUTED_COLOUR, THEORY, arm, key, plain_ticks, subplots

PANELS = {
    "k^-1": r"(a) $\lambda_k\propto k^{-1}$",
    "k^-1.5": r"(b) $\lambda_k\propto k^{-3/2}$",
    "k^-2": r"(c) $\lambda_k\propto k^{-2}$",
    "mixture": "(d) four modes",
}


def draw(result):
    """W2 to the data against gamma: normal laws of three spectra, and a mixture on a line."""
    figure, panels = subplots(2, 2, aspect=0.92, sharex=True)
    distances = result.data["distances"]
    for axes, (data, title) in zip(panels.flat, PANELS.items(), strict=True):
        _weights(axes, distances.sel(data=data))
        axes.set_title(title)
    for axes in panels[1]:
        axes.set_xlabel(r"weight $\gamma$")
        plain_ticks(axes.xaxis, (1, 1.5, 2, 2.5, 3))
    for axes in panels[:, 0]:
        axes.set_ylabel("$W_2$ to the data")
    handles = [key(f"$N={n}$", **arm(k)) for k, n in enumerate(distances.steps.values)]
    handles += [
        key(r"best $\gamma$", color=THEORY, marker="o", ms=6, mfc="none", ls=""),
        key(r"$\gamma=2$, as printed", color=REFUTED_COLOUR, ls="--", lw=0.9),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def draw_orders(result):
    """Error against the flow of a normal law at three weights: gamma = 3/2 gains an order."""
    orders = result.data["orders"].sel(schedule="log-linear")
    figure, axes = subplots()
    h = orders.h.values if orders.h.ndim == 1 else orders.h.values[0]
    sizes = {1.0: 6, 2.0: 3, 1.5: 4}  # the errors of 1 and 2 differ by their sign alone
    for k, (gamma, size) in enumerate(sizes.items()):
        error = np.abs(orders.error.sel(gamma=gamma)).values
        hollow = {"mfc": "none"} if gamma == 1 else {}
        power = 2 if gamma == 1.5 else 1
        axes.plot(1 / h, error[-1] * (h / h[-1]) ** power, color=THEORY, lw=0.8, ls=":", zorder=0)
        label = rf"$\gamma={gamma:g}$" + (" (DDIM)" if gamma == 1 else "")
        axes.plot(1 / h, error, **arm(k), ls="", ms=size, **hollow, label=label)
        place = np.sqrt(h[1] * h[2])
        if gamma != 2:
            y = 1.3 * error[-1] * (place / h[-1]) ** power
            axes.annotate(f"$N^{{-{power}}}$", (1 / place, y), va="bottom", size="small")
    axes.set(xscale="log", yscale="log", xlabel="steps $N$", ylabel="error of the flow")
    plain_ticks(axes.xaxis, 1 / h)
    axes.legend(loc="lower left")
    return figure


def draw_stability(result):
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


def draw_premise(result):
    """How far eps is from sqrt(n) grad dist, against how far dist is from sqrt(n) sigma."""
    premises = result.data["premises"]
    figure, axes = subplots()
    names = [s for s in ("digits", "random points", "one point") if s in premises["set"].values]
    for k, name in enumerate(names):
        one = premises.sel(set=name)
        drawn = arm(k) | {"ls": "", "ms": 2.5, "mfc": "none", "mew": 0.6}
        axes.plot(one.rho.values.ravel(), one.apart.values.ravel(), **drawn, label=name)
    rho = np.geomspace(0.1, 5, 401)
    away = np.abs(rho - 1)
    axes.plot(rho, away, color=THEORY, zorder=0, label=r"$|\rho-1|$, exact for one point")
    axes.set(xscale="log", yscale="log", xlim=(0.15, 5), ylim=(5e-3, 6))
    plain_ticks(axes.xaxis)
    axes.set_xlabel(r"$\rho=\mathrm{dist}_K(x)\,/\,\sqrt{n}\,\sigma$")
    axes.set_ylabel(r"$\|\epsilon-\sqrt{n}\,\nabla\mathrm{dist}_K\|\,/\,\sqrt{n}$")
    axes.legend(loc="lower left")
    return figure


def _weights(axes, distances):
    for k, steps in enumerate(distances.steps.values):
        one = distances.w2.sel(steps=steps)
        axes.plot(one.gamma, one, **arm(k), ms=2.5, lw=0.8)
        least = one.isel(gamma=int(one.values.argmin()))
        axes.plot(least.gamma, least, "o", ms=6, mfc="none", color=THEORY, mew=0.7)
    axes.axvline(2, color=REFUTED_COLOUR, ls="--", lw=0.9, zorder=0)
    axes.set_yscale("log")
    axes.margins(y=0.1)
    plain_ticks(axes.yaxis)
