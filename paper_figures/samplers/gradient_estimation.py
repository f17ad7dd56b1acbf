"""Figures of gradient_estimation: which gamma is best where, and its order."""

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
