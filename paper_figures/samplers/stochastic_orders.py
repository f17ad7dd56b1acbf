"""Figures of stochastic_orders: how the law of noisy samplers tends to the data's."""

import numpy as np

from theorylab.figures import MEASURED, THEORY, arm, key, legend_below, plain_ticks, subplots

FIRST, LAST = 10.0, 0.1
SPAN = np.log(FIRST / LAST)
#: Run, and its limit order (none: a rest stays).
ARMS = (
    ("DDIM", 1),
    ("DDPM", 1),
    ("churn, Euler", 1),
    ("churn, Heun", 2),
    ("A-DDIM", 1),
    ("loud churn, Heun", None),
)
LABELS = {"loud churn, Heun": "churn, noise 1 % up"}
NAMES = {
    "ancestral 0.5": r"ancestral, $\eta=\frac{1}{2}$",
    "ancestral 1.5": r"ancestral, $\eta=\frac{3}{2}$",
    "mu 1/3": r"$\mu=\frac{1}{3}$",
}
EIGENVALUE = 1.0


def draw(result):
    """Error of the output's variance on normal data against the steps, and its theoretical limits.

    Lines: the predicted limit of n^p times the error, over n^p.
    """
    error = np.abs(result.data["variances"].error.sel(eigenvalue=EIGENVALUE))
    figure, axes = subplots(aspect=0.75)
    handles = []
    for k, (run, order) in enumerate(ARMS):
        e = error.sel(run=run)
        style = arm(k)
        axes.plot(e.n, e, ls="", mfc="white", **style)
        if order:
            limit = float(_limit(result, run)) * e.n.values.astype(float) ** -order
        else:
            rest = (1.01**2 - 1) * (1 - _kept(_power(result, "churn, Euler") - 1))
            limit = np.full(e.n.size, rest)
        axes.plot(e.n, limit, color=THEORY, lw=0.7, zorder=0)
        handles.append(key(LABELS.get(run, run), mfc="white", ls="", **style))
    axes.set(xscale="log", yscale="log", xlabel="steps $n$", ylabel="error of the variance")
    plain_ticks(axes.xaxis, error.n.values)
    legend_below(figure, [*handles, key("theory", color=THEORY, lw=0.7)])
    return figure


def draw_constants(result):
    """Limit of n times the error on normal data, over lambda L/v, against the power c."""
    error = result.data["variances"].error.sel(eigenvalue=EIGENVALUE)
    figure, axes = subplots(aspect=0.7)
    c = np.linspace(0.8, 3.5, 100)
    axes.plot(c, 0.5 * c * (1 - _kept(c)), color=THEORY, lw=0.8)
    for run in result.data["constants"].first.values:
        e, power = error.sel(run=run), _power(result, run)
        scaled = -(e * e.n).values * (EIGENVALUE + LAST**2) / (EIGENVALUE * SPAN)
        axes.plot([power] * (len(scaled) - 1), scaled[:-1], "o", color=MEASURED, mfc="none", ms=2.5)
        axes.plot(power, scaled[-1], "o", color=MEASURED)
        left = run in ("mu 1/3", "ancestral 1.5")  # where no other label is
        axes.annotate(
            NAMES.get(run, run),
            (power, scaled[-1]),
            (-6, 3) if left else (6, -9),
            textcoords="offset points",
            ha="right" if left else "left",
            size="small",
        )
    n = error.n.values
    axes.set(xlabel="power $c$", ylabel=r"$-n$ error $v/(\lambda L)$", xlim=(0.8, 3.5))
    handles = [
        key(f"$n={n[-1]}$", color=MEASURED, marker="o", ls=""),
        key("fewer steps", color=MEASURED, marker="o", mfc="none", ms=2.5, ls=""),
        key(r"$\frac{c}{2}(1-(v/v_N)^c)$", color=THEORY, lw=0.8),
    ]
    axes.legend(handles=handles, loc="upper left")
    return figure


def _kept(power):
    return ((EIGENVALUE + LAST**2) / (EIGENVALUE + FIRST**2)) ** power


def _power(result, run):
    return float(result.data["constants"].c.sel(first=run))


def _limit(result, run):
    """The theoretical limit of n^p times the error."""
    if run in result.data["constants"].first:
        c = _power(result, run)
        return 0.5 * c * SPAN * EIGENVALUE / (EIGENVALUE + LAST**2) * (1 - _kept(c))
    return np.abs(result.data["constants"].constant.sel(run=run, eigenvalue=EIGENVALUE))
