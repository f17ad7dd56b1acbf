"""Figure of symmetry_breaking_branches: pitchfork, fold and slide."""

import math

import numpy as np

from theorylab.diffusion import symmetry_breaking as sb
from theorylab.figures import MEASURED, THEORY, arm, key, subplots

VP_SDE = sb.preserving_sde_level(1.0)
REFERENCE = {"color": THEORY, "lw": 0.7}


def draw(result):
    """Fixed points against the noise level: two points, unequal points, a simplex, the digits."""
    figure, panels = subplots(2, 2, aspect=0.95)
    _pair(panels[0, 0], result.data["branches"].sel(corners=2))
    _unequal(panels[0, 1], 0.6)
    _simplex(panels[1, 0], result.data["branches"].sel(corners=10))
    _images(panels[1, 1], result.data["image_branch"])
    handles = [
        key("stable", color=THEORY),
        key("unstable", color=THEORY, ls="--"),
        key("measured", color=MEASURED, marker="o", ms=2.5, ls=""),
        key("critical level", **REFERENCE, ls=":"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def _pair(axes, branch):
    order = np.linspace(1e-4, 1 - 1e-9, 2000)
    sigma = np.sqrt(_ratio(order, 2))
    for sign in (1, -1):
        axes.plot(sigma, sign * order, color=THEORY)
        axes.plot(branch.sigma, sign * branch.order, "o", color=MEASURED, ms=2.5)
    axes.plot([1, 1.4], [0, 0], color=THEORY)
    axes.plot([0, 1], [0, 0], color=THEORY, ls="--")
    for level, text in ((1.0, "VE"), (VP_SDE, "VP SDE")):
        axes.axvline(level, **REFERENCE, ls=":")
        axes.text(level + 0.02, -0.95, text, rotation=90, size="small")
    axes.set(xlim=(0.2, 1.4), ylim=(-1.1, 1.1), xlabel=r"noise level $\sigma$")
    axes.set(ylabel="fixed points $x$", title="(a) weights 0.5, 0.5")


def _unequal(axes, weight):
    field, level = math.log(weight / (1 - weight)) / 2, sb.unequal_pair_level(weight)
    x = np.concatenate([np.linspace(-1 + 1e-9, -1e-6, 4000), np.linspace(1e-6, 1 - 1e-9, 4000)])
    square = x / (np.arctanh(x) - field)
    stable = (square > 0) & (1 - x**2 < square)
    for part, style in ((stable, "-"), ((square > 0) & ~stable, "--")):
        for side in (x < 0, x > 0):
            seen = part & side & (square < 4)
            axes.plot(np.sqrt(square[seen]), x[seen], color=THEORY, ls=style)
    axes.axvline(level, **REFERENCE, ls=":")
    axes.text(level + 0.03, -0.95, rf"$\sigma={level:.3f}$", size="small")
    axes.set(xlim=(0.2, 1.4), ylim=(-1.1, 1.1), xlabel=r"noise level $\sigma$")
    axes.set(ylabel="fixed points $x$", title=rf"(b) weights {weight:g}, {1 - weight:g}")


def _simplex(axes, branch):
    k, levels = 10, sb.simplex_levels(10)
    order = np.linspace(1e-4, 1 - 1e-9, 4000)
    sigma = levels.instability * np.sqrt(_ratio(order, k))
    fold = int(sigma.argmax())
    axes.plot(sigma[fold:], order[fold:], color=THEORY)
    axes.plot(sigma[: fold + 1], order[: fold + 1], color=THEORY, ls="--")
    axes.plot(branch.sigma, branch.order, "o", color=MEASURED, ms=2.5)
    axes.plot([levels.instability, 0.6], [0, 0], color=THEORY)
    axes.plot([0.2, levels.instability], [0, 0], color=THEORY, ls="--")
    names = ("modes\nappear", "equal\nheights", "centre\nlost")
    for level, name, side in zip(levels, names, ("left", "right", "right"), strict=True):
        axes.axvline(level, **REFERENCE, ls=":")
        place = level + (0.008 if side == "left" else -0.008)
        axes.text(place, 0.62, name, ha=side, va="center", size="small")
    axes.set(xlim=(0.2, 0.6), ylim=(-0.1, 1.1), xlabel=r"noise level $\sigma$ / radius")
    axes.set(ylabel="order $m$", title="(c) 10-point simplex")


def _images(axes, branch):
    for k, name in enumerate(branch.images.values):
        d = branch.sel(images=name)
        seen = d.growth < 1.3
        drawn = arm(k) | {"ms": 2.5, "lw": 0.9}
        axes.plot(d.sigma[seen], d.growth[seen], **drawn, label=name)
    axes.axhline(1, **REFERENCE, ls=":")
    axes.set(ylim=(0.2, 2.6), xlabel=r"noise level $\sigma$")
    axes.set(ylabel=r"$\lambda_{\max}(\mathrm{Cov})\,/\,\sigma^2$", title="(d) images")
    axes.legend(loc="upper right")


def _ratio(order, corners):
    return np.array([sb.simplex_branch(float(m), corners) for m in order])
