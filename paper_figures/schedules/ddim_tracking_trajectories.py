"""Tracking, its bounds and the relative error along real DDIM trajectories."""

import numpy as np
from matplotlib.ticker import NullFormatter

from theorylab.figures import BOUND, CATEGORICAL, MEASURED, REFUTED_COLOUR, THEORY, subplots

NAMES = {"digits": "digits", "fashion-mnist": "Fashion-MNIST"}


def draw(result):
    """sqrt(n) sigma/dist for the ideal denoiser: a log-linear schedule against one long step."""
    data = result.data["image_trajectories"].isel(steps=-1)
    panels = data.sizes["images"]
    aspect = 0.68 if panels == 1 else 1.0
    figure, axes = subplots(1, panels, aspect=aspect, sharey=True, squeeze=False)
    arms = (("log-linear", MEASURED, "o"), ("leap", REFUTED_COLOUR, "s"))
    for axis, images in zip(axes[0], data.images.values, strict=True):
        axis.axhspan(0.5, 2, color=BOUND, alpha=0.18, lw=0, label=r"band $\nu = 2$")
        axis.axhline(1, color=THEORY, lw=0.6, ls=":")
        for schedule, colour, marker in arms:
            run = data.sel(images=images, schedule=schedule)
            ratio = np.sqrt(run.ambient_dim) * run.sigma / run.distance
            label = {"log-linear": "log-linear", "leap": "one long step"}[schedule]
            lines = axis.plot(run.sigma, ratio, color=colour, marker=marker, lw=0.6, ms=2)
            lines[0].set_label(label)
        _sigma_axis(axis)
        axis.set(yscale="log", title=NAMES[images])
    axes[0, 0].set_ylabel(r"$\sqrt{n}\,\sigma_t\,/\,\mathrm{dist}_K(x_t)$")
    _ticks(axes[0, 0])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_bounds(result):
    """The distance over its start between the two products: attained, and for real images."""
    figure, (left, right) = subplots(1, 2, aspect=1.2)
    known = result.data["trajectories"].isel(dim=0, start=0)
    known = known.sel(schedule="log-linear", steps=20)
    eta = float(known.eta.sel(set="point, +eta").isel(step=0))
    _envelope(left, known.isel(set=0), eta)
    for name, marker, colour in (("+", "v", MEASURED), ("-", "^", CATEGORICAL[1])):
        run = known.sel(set=f"point, {name}eta").isel(step=slice(0, 21))
        label = rf"error ${name}\eta x$"
        left.plot(run.sigma, run.distance / run.distance[0], marker, color=colour, label=label)
    left.set(title=rf"$K = \{{0\}}$, $\eta = {eta:.1f}$")
    images = result.data["image_trajectories"].sel(schedule="log-linear").isel(images=-1, steps=-1)
    eta = float(images.eta.max())
    _envelope(right, images, eta)
    relative = images.distance / images.distance.isel(step=0)
    lines = right.plot(images.sigma, relative, color=MEASURED, lw=0.5, marker="o", ms=1.6)
    lines[0].set_label("ideal denoiser")
    right.set(title=rf"{NAMES[str(images.images.values)]}, $\eta = {eta:.2f}$")
    for axis in (left, right):
        _sigma_axis(axis)
        axis.set(yscale="log")
    shown = {}
    for axis in (left, right):
        handles, labels = axis.get_legend_handles_labels()
        shown.update(zip(labels, handles, strict=True))
    figure.legend(
        shown.values(), shown.keys(), loc="outside lower center", ncols=3, columnspacing=1.2
    )
    left.set_ylabel(r"$\mathrm{dist}_K(x_t)\,/\,\mathrm{dist}_K(x_N)$")
    return figure


def draw_relative_error(result):
    """eta along the trajectories, with the largest the schedule's steps allow."""
    figure, axis = subplots(1, 1, aspect=0.68)
    data = result.data["image_trajectories"].sel(schedule="log-linear").isel(steps=-1)
    for images, colour, marker in zip(
        data.images.values, (MEASURED, CATEGORICAL[1]), "os", strict=False
    ):
        run = data.sel(images=images)
        axis.fill_between(
            run.sigma, run.eta.min("start"), run.eta.max("start"), color=colour, alpha=0.2, lw=0
        )
        axis.plot(run.sigma, run.eta.median("start"), color=colour, marker=marker)
        axis.lines[-1].set_label(NAMES[images])
    ratio = float(data.sigma.isel(images=0)[0] / data.sigma.isel(images=0)[1])
    axis.axhline(1 / (ratio - 1), color=BOUND, ls="--", label=r"no $\nu$ from $1/(\rho - 1)$ on")
    axis.axhline(1, color=REFUTED_COLOUR, ls="-.", label=r"dist may grow from $\eta = 1$ on")
    _sigma_axis(axis)
    axis.set_yscale("symlog", linthresh=0.02, linscale=0.4)
    axis.set_ylim(0, 1.2 * max(1, 1 / (ratio - 1)))
    axis.set_ylabel(r"relative error $\eta_t$")
    axis.yaxis.set_minor_formatter(NullFormatter())
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1.2)
    return figure


def _envelope(axis, run, eta):
    sigma = run.sigma.values
    sigma = sigma[: 1 + int(np.argmin(sigma))]
    beta = 1 - sigma[1:] / sigma[:-1]
    lower, upper = (
        np.concatenate([[1.0], np.cumprod(np.maximum(0, 1 - beta * (1 + sign * eta)))])
        for sign in (1, -1)
    )
    axis.fill_between(sigma, lower, upper, color=BOUND, alpha=0.18, lw=0)
    axis.plot(sigma, upper, color=THEORY, lw=0.8, label="upper product")
    axis.plot(sigma, lower, color=THEORY, lw=0.8, ls="--", label="lower product")


def _sigma_axis(axis):
    axis.set(xscale="log", xlabel=r"$\sigma_t$")
    if not axis.xaxis_inverted():
        axis.invert_xaxis()


def _ticks(axis):
    axis.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    axis.yaxis.set_minor_formatter(NullFormatter())
