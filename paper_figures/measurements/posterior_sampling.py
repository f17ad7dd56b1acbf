"""Figures of posterior_sampling: samples and the exact posterior; what lambda and zeta trade."""

import numpy as np
from matplotlib.patheffects import withStroke

from theorylab.figures import CATEGORICAL, MEASURED, THEORY, arm, legend_below, shows, subplots

TITLES = {
    "exact": "exact posterior",
    "DiffPIR, zeta = 0": r"DiffPIR, $\zeta=0$",
    "DiffPIR, zeta = 1": r"DiffPIR, $\zeta=1$",
    "DPS-y_t": r"DPS-$y_t$",
    "DPS": "DPS, ancestral",
}
#: Where the value of lambda stands beside its marker, in points.
BESIDE = {("DiffPIR", 1.0): (-6, -5), ("DiffPIR", 0.3): (7, 3), ("DPS-y_t", None): (7, 3)}


@shows(
    "diffpir-posterior-accuracy-mixture-as-stated",
    "diffpir-posterior-accuracy-mixture-exact-denoiser",
)
def draw(result):
    r"""Samples in the plane with $\lambda=1$ (dots) over the level lines of the exact posterior;
    crosses: the modes of the prior; last: what was measured, and its noise.
    """
    data = result.data["samples"]
    figure, panels = subplots(2, 3, aspect=1.05, rigid=True, sharex=True, sharey=True)
    panels = panels.ravel()
    levels = float(data.density.max()) * np.array([0.01, 0.1, 0.5])
    for axes, (sampler, title) in zip(panels, TITLES.items(), strict=False):
        _modes(axes)
        axes.contour(data.u, data.v, data.density, levels, colors=THEORY, linewidths=0.5)
        x = data.x.sel(sampler=sampler)
        axes.plot(*x.values.T, ".", color=MEASURED, ms=2, alpha=0.7, zorder=3)
        axes.set_title(title, size="small")
    _modes(panels[-1])
    panels[-1].axvspan(0.5, 1.5, color=CATEGORICAL[1], alpha=0.25, lw=0)
    panels[-1].axvline(1, color=CATEGORICAL[1])
    panels[-1].set_title(r"prior, $y=x_1\pm\sigma_n$", size="small")
    for axes in panels:
        axes.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        axes.set_aspect("equal")
    return figure


@shows(
    "diffpir-posterior-accuracy-as-stated",
    "diffpir-posterior-accuracy-corrected-variance",
    "dps-yt-posterior-accuracy-as-stated",
)
def draw_laws(result):
    r"""Mean and variance of the output over those of the posterior. Lines: exact, as $\lambda$
    varies; numbers: $\lambda$; dotted: the posterior's.
    """
    data = result.data["laws"].isel(steps=-1)
    noise = 0.5
    v = noise**2 / (1 + noise**2)
    figure, axes = subplots(aspect=0.95)
    n = noise**2 * np.geomspace(0.3, 30, 200)
    n = n[np.abs(n - 1) > 1e-6]
    mixing = lambda zeta: (1 + np.sqrt(1 - zeta)) / 2 * n / (1 + n)
    curves = (
        ("DPS-y_t", None, n / (2 + n), r"DPS-$y_t$"),
        ("DiffPIR", 0.3, mixing(0.3), r"DiffPIR, $\zeta=0.3$"),
        ("DiffPIR", 1.0, mixing(1.0), r"DiffPIR, $\zeta=1$"),
    )
    scale = lambda one: (one["mean"] / (1 - v), one.variance / v)
    for k, (method, zeta, variance, name) in enumerate(curves):
        style = arm(k)
        axes.plot((1 + noise**2) / (1 + n), variance / v, color=style["color"], lw=0.8, zorder=1)
        # Settings are named by guidance, lambda and, where there is one, zeta.
        ends = f" {zeta:g}" if zeta else ""
        chosen = [s for s in data.setting.values if s.startswith(f"{method} ") and s.endswith(ends)]
        one = data.sel(setting=chosen, noise=noise)
        axes.plot(*scale(one), ls="", label=name, **style)
        for setting, *place in zip(chosen, *scale(one), strict=True):
            beside = {"xytext": BESIDE[method, zeta], "textcoords": "offset points"}
            words = {"color": style["color"], "ha": "center", "va": "center", "size": "small"}
            words["path_effects"] = [withStroke(linewidth=2, foreground="white")]
            axes.annotate(setting.split()[1], place, **beside, **words)
    for k, name in enumerate(("DPS flow", "DPS ancestral"), start=len(curves)):
        one = data.sel(setting=name, noise=noise)
        axes.plot(*scale(one), ls="", label=name.replace(" ", ", "), **arm(k))
    label = r"DiffPIR, $\zeta=0$, $\lambda_t=1+\bar\sigma_t^2$"
    star = {"marker": "*", "color": THEORY, "ms": 8, "ls": "", "zorder": 1.5}
    axes.plot(*scale(data.sel(setting="exact", noise=noise)), label=label, **star)
    for line in (axes.axhline, axes.axvline):
        line(1, color=THEORY, ls=":", lw=0.8, zorder=0)
    axes.set(xlabel="mean / posterior mean", ylabel="variance / posterior variance")
    axes.set(xlim=(0.25, 1.7), ylim=(0, 3.1))
    legend_below(figure, axes.get_legend_handles_labels()[0])
    return figure


def _modes(axes):
    angles = 2 * np.pi * np.arange(8) / 8
    axes.plot(2 * np.cos(angles), 2 * np.sin(angles), "+", color="0.6", ms=4, zorder=0)
