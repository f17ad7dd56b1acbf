"""Figures of posterior_sampling: samples and the exact posterior; what lambda and zeta trade."""

import numpy as np

from theorylab.figures import CATEGORICAL, MEASURED, THEORY, subplots

TITLES = {
    "exact": "exact posterior",
    "DiffPIR, zeta = 0": r"DiffPIR, $\zeta=0$",
    "DiffPIR, zeta = 1": r"DiffPIR, $\zeta=1$",
    "DPS-y_t": r"DPS-$y_t$",
    "DPS": "DPS, ancestral",
}


def draw(result):
    """Samples in the plane, lambda = 1, over the level lines of the exact posterior."""
    data = result.data["samples"]
    figure, panels = subplots(2, 3, aspect=1.05, sharex=True, sharey=True)
    panels = panels.ravel()
    levels = float(data.density.max()) * np.array([0.01, 0.1, 0.5])
    for axes, (sampler, title) in zip(panels, TITLES.items(), strict=False):
        _circle(axes)
        axes.contour(data.u, data.v, data.density, levels, colors=THEORY, linewidths=0.5)
        x = data.x.sel(sampler=sampler)
        axes.plot(*x.values.T, ".", color=MEASURED, ms=2, alpha=0.7, zorder=3)
        axes.set_title(title, size="small")
    _circle(panels[-1])
    panels[-1].axvspan(0.5, 1.5, color=CATEGORICAL[1], alpha=0.25, lw=0)
    panels[-1].axvline(1, color=CATEGORICAL[1])
    panels[-1].set_title(r"prior, $y=x_1\pm\sigma_n$", size="small")
    for axes in panels:
        axes.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        axes.set_aspect("equal")
    return figure


def draw_laws(result):
    """Mean and variance of the output against those of the posterior, as lambda grows."""
    data = result.data["laws"].isel(steps=-1)
    noise = 0.5
    v = noise**2 / (1 + noise**2)
    figure, axes = subplots(aspect=0.8)
    n = noise**2 * np.geomspace(0.3, 30, 200)
    n = n[np.abs(n - 1) > 1e-6]
    mixing = lambda zeta: (1 + np.sqrt(1 - zeta)) / 2 * n / (1 + n)
    curves = (
        ("DPS-y_t", None, n / (2 + n), "s", r"DPS-$y_t$"),
        ("DiffPIR", 0.3, mixing(0.3), "^", r"DiffPIR, $\zeta=0.3$"),
        ("DiffPIR", 1.0, mixing(1.0), "o", r"DiffPIR, $\zeta=1$"),
    )
    for (method, zeta, variance, marker, name), colour in zip(curves, CATEGORICAL, strict=False):
        axes.plot((1 + noise**2) / (1 + n), variance / v, color=colour, zorder=1)
        # Settings are named by guidance, lambda and, where there is one, zeta.
        ends = f" {zeta:g}" if zeta else ""
        chosen = [k for k in data.setting.values if k.startswith(f"{method} ") and k.endswith(ends)]
        one = data.sel(setting=chosen, noise=noise)
        axes.plot(one["mean"] / (1 - v), one.variance / v, marker, color=colour, label=name)
        for setting, mean, var in zip(chosen, one["mean"].values, one.variance.values, strict=True):
            text = setting.split()[1]
            place, side = (mean / (1 - v), var / v), -1 if method == "DiffPIR" and zeta == 1 else 1
            offset = {"xytext": (5 * side, 4 * side), "textcoords": "offset points"}
            axes.annotate(
                text, place, **offset, size="small", color=colour, ha="center", va="center"
            )
    for name, marker, text in (
        ("DPS flow", "v", "DPS, flow"),
        ("DPS ancestral", "D", "DPS, ancestral"),
    ):
        one = data.sel(setting=name, noise=noise)
        axes.plot(one["mean"] / (1 - v), one.variance / v, marker, color=CATEGORICAL[4], label=text)
    exact = data.sel(setting="exact", noise=noise)
    axes.axhline(1, color=THEORY, lw=0.5, zorder=0)
    axes.axvline(1, color=THEORY, lw=0.5, zorder=0)
    label = r"DiffPIR, $\zeta=0$, $\lambda_t=1+\bar\sigma_t^2$"
    axes.plot(exact["mean"] / (1 - v), exact.variance / v, "*", color=THEORY, ms=8, label=label)
    axes.set(xlabel="mean / posterior mean", ylabel="variance / posterior variance")
    axes.set(xlim=(0.25, 1.7), ylim=(0, 3.1))
    title = rf"numbers: $\lambda$; $\sigma_n={noise:g}$"
    axes.legend(loc="upper right", title=title, title_fontsize="small")
    return figure


def _circle(axes):
    angles = 2 * np.pi * np.arange(8) / 8
    axes.plot(2 * np.cos(angles), 2 * np.sin(angles), "+", color="0.6", ms=4, zorder=0)
