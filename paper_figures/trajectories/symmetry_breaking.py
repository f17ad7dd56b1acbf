"""Figures of symmetry_breaking: pitchfork, fold and slide; and how late sampling may start."""

import math

import numpy as np

from theorylab import figures
from theorylab.diffusion import symmetry_breaking as sb

VP_SDE = sb.preserving_sde_level(1.0)


def draw(result):
    """Fixed points against the noise level: two points, unequal points, a simplex, the digits."""
    figure, panels = figures.subplots(2, 2, aspect=0.95)
    _pair(panels[0, 0], result.data["branches"].sel(corners=2))
    _unequal(panels[0, 1], 0.6)
    _simplex(panels[1, 0], result.data["branches"].sel(corners=10))
    _images(panels[1, 1], result.data["image_branch"])
    return figure


def draw_late_start(result):
    """What a late start costs: divergence at the start, and share of samples in the wrong mode."""
    data = result.data["late_start"]
    figure, axes = figures.subplots(aspect=0.75)
    s = np.geomspace(0.5, 16, 100)
    third = 8 * 0.8 * 0.2 * 0.6
    arms = (
        (0.5, "noise", r"$w=\frac{1}{2}$, from $N(0,s^2)$", 1 / (4 * s**4)),
        (0.8, "moments", r"$w=0.8$, from $N(\mu,C+s^2)$", third**2 / (12 * (0.64 + s**2) ** 3)),
        (0.5, "moments", r"$w=\frac{1}{2}$, from $N(\mu,C+s^2)$", 1 / (12 * (1 + s**2) ** 4)),
    )
    for (w, start, label, limit), colour, marker in zip(
        arms, figures.CATEGORICAL, "osD", strict=False
    ):
        d = data.sel(weight=w, start=start)
        axes.plot(s, limit, color=colour, lw=0.8)
        axes.plot(d.s, d.divergence, marker, color=colour, mfc="white", mew=1, label=label)
    wrong = data.sel(weight=0.8, start="moments")
    shown = wrong.error > 0
    axes.plot(
        wrong.s[shown], wrong.error[shown], "x", color=figures.THEORY, label="wrong mode, $w=0.8$"
    )
    axes.axvline(1, color=figures.BOUND, ls="--", lw=0.9)
    axes.text(1.03, 3e-11, r"$\sigma_c$", color=figures.BOUND)
    axes.set(xscale="log", yscale="log", xlabel="sampling starts at noise level $s$")
    axes.set_xticks([0.5, 1, 2, 4, 8, 16], ["0.5", "1", "2", "4", "8", "16"])
    axes.set(ylabel="KL divergence, share", ylim=(1e-11, 3))
    axes.legend(fontsize=6, loc="upper right", labelspacing=0.25, handletextpad=0.3)
    return figure


def _pair(axes, branch):
    order = np.linspace(1e-4, 1 - 1e-9, 2000)
    sigma = np.sqrt(_ratio(order, 2))
    for sign in (1, -1):
        axes.plot(sigma, sign * order, color=figures.THEORY)
        axes.plot(branch.sigma, sign * branch.order, "o", color=figures.MEASURED, ms=2.5)
    axes.plot([1, 1.4], [0, 0], color=figures.THEORY)
    axes.plot([0, 1], [0, 0], color=figures.THEORY, ls=":")
    for level, text in ((1.0, "1"), (VP_SDE, r"$2^{1/4}$")):
        axes.axvline(level, color=figures.BOUND, ls="--", lw=0.7)
        axes.text(level + 0.01, 0.8, text, color=figures.BOUND, fontsize=7)
    axes.set(xlim=(0.2, 1.4), ylim=(-1.1, 1.1), xlabel=r"$\sigma$", ylabel="fixed points $x$")
    axes.set_title(r"(a) $\pm1$", loc="left")


def _unequal(axes, weight):
    field, level = math.log(weight / (1 - weight)) / 2, sb.unequal_pair_level(weight)
    x = np.concatenate([np.linspace(-1 + 1e-9, -1e-6, 4000), np.linspace(1e-6, 1 - 1e-9, 4000)])
    square = x / (np.arctanh(x) - field)
    stable = (square > 0) & (1 - x**2 < square)
    for part, style in ((stable, "-"), ((square > 0) & ~stable, ":")):
        for side in (x < 0, x > 0):
            seen = part & side & (square < 4)
            axes.plot(np.sqrt(square[seen]), x[seen], color=figures.THEORY, ls=style)
    axes.axvline(level, color=figures.BOUND, ls="--", lw=0.7)
    axes.text(level + 0.02, -0.95, f"{level:.3f}", color=figures.BOUND, fontsize=7)
    axes.set(xlim=(0.2, 1.4), ylim=(-1.1, 1.1), xlabel=r"$\sigma$")
    axes.set_title(rf"(b) $\pm1$, weights {weight:g}, {1 - weight:g}", loc="left")


def _simplex(axes, branch):
    k, levels = 10, sb.simplex_levels(10)
    order = np.linspace(1e-4, 1 - 1e-9, 4000)
    sigma = levels.instability * np.sqrt(_ratio(order, k))
    fold = int(sigma.argmax())
    axes.plot(sigma[fold:], order[fold:], color=figures.THEORY)
    axes.plot(sigma[: fold + 1], order[: fold + 1], color=figures.THEORY, ls=":")
    axes.plot(branch.sigma, branch.order, "o", color=figures.MEASURED, ms=2.5)
    axes.plot([levels.instability, 0.6], [0, 0], color=figures.THEORY)
    axes.plot([0.2, levels.instability], [0, 0], color=figures.THEORY, ls=":")
    names = ("modes appear", "equal heights", "centre lost")
    for level, ls, name in zip(levels, ("-", "-.", "--"), names, strict=True):
        axes.axvline(level, color=figures.BOUND, ls=ls, lw=0.7, label=name)
    axes.set(xlim=(0.2, 0.6), ylim=(-0.1, 1.1), xlabel=r"$\sigma / R$", ylabel="order $m$")
    axes.set_title("(c) 10 corners of a simplex", loc="left")
    axes.legend(loc="center left", fontsize="x-small")


def _images(axes, branch):
    for images, colour, label in zip(
        branch.images.values, figures.CATEGORICAL, ("digits", "and mirrored"), strict=False
    ):
        d = branch.sel(images=images)
        seen = d.growth < 1.6
        axes.plot(d.sigma[seen], d.growth[seen], color=colour, label=label)
    axes.axhline(1, color=figures.BOUND, ls="--", lw=0.7)
    axes.set(ylim=(0.2, 1.6), xlabel=r"$\sigma$", ylabel=r"$\lambda_{\max}(\mathrm{Cov})/\sigma^2$")
    axes.legend(fontsize=6, loc="upper right")
    axes.set_title("(d) centre of the digits", loc="left")


def _ratio(order, corners):
    return np.array([sb.simplex_branch(float(m), corners) for m in order])
