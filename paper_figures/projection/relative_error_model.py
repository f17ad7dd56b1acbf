"""Figures of relative_error_model: errors over the noise, told and true noise, spheres."""

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D

from theorylab.diffusion.sphere_denoiser import typical_relative_error
from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, THEORY, subplots

NAMES = {"subspace": "subspace", "digits": "digits", "fashion-mnist": "Fashion-MNIST"}
MARKERS = "sDo^"


def draw(result):
    """(a) Absolute and relative errors over the noise; (b) the noise told against the true one."""
    figure, (errors, told) = subplots(2, 1, aspect=0.62)
    _errors(errors, result.data["levels"])
    _told(told, result.data["mismatch"])
    return figure


def draw_sphere(result):
    """Relative error of the ideal denoiser on spheres, with its curve and both asymptotes."""
    found = result.data["sphere_errors"]
    figure, axes = subplots()
    sigma = np.geomspace(found.sigma.values[0], found.sigma.values[-1], 200)
    handles = []
    for d, marker in zip(found.intrinsic.values, "os", strict=False):
        for n, colour in zip(found.dim.values, CATEGORICAL, strict=False):
            some = found.eta.sel(dim=n, intrinsic=d)
            axes.plot(found.sigma, some.mean("sample"), marker, color=colour, ms=3)
            curve = typical_relative_error(n, d, sigma)
            axes.plot(sigma, curve, color=colour, lw=0.8)
        handles.append(Line2D([], [], ls="", marker=marker, color=THEORY, label=f"$d={d}$"))
    for n, colour in zip(found.dim.values, CATEGORICAL, strict=False):
        handles.append(Line2D([], [], color=colour, label=f"$n={n}$"))
    n, d = int(found.dim.values.min()), int(found.intrinsic.values.max())
    low, high = sigma[sigma < 0.2], sigma[sigma > 1]
    axes.plot(low, d * low / (2 * np.sqrt(n - d)), color=THEORY, lw=0.7, ls="--")
    axes.plot(high, 1 / (high * np.sqrt(n)), color=THEORY, lw=0.7, ls="--")
    handles.append(Line2D([], [], color=THEORY, lw=0.7, ls="--", label="asymptotes"))
    axes.set(xscale="log", yscale="log", xlabel=r"noise $\sigma$ / radius", ylabel=r"$\eta$, mean")
    axes.legend(handles=handles, fontsize="x-small", loc="lower center", ncols=2)
    return figure


def _errors(axes, levels):
    for name, colour, marker in zip(NAMES, CATEGORICAL, MARKERS, strict=False):
        if name not in levels.set:
            continue
        mean = levels.error.sel(set=name).mean("sample")
        axes.plot(levels.sigma, mean.sel(quantity="relative"), f"{marker}-", color=colour, lw=0.9)
        absolute = mean.sel(quantity="absolute")
        axes.plot(levels.sigma, absolute, f"{marker}--", color=colour, mfc="none", lw=0.9)
    axes.set(xscale="log", yscale="log", ylim=(1e-3, 5e2), xlabel=r"noise level $\sigma$")
    axes.set_ylabel("error of the projection")
    handles = [
        Line2D([], [], ls="", marker=m, color=c, label=NAMES[n])
        for n, c, m in zip(NAMES, CATEGORICAL, MARKERS, strict=False)
        if n in levels.set
    ]
    handles += [
        Line2D([], [], color=THEORY, ls="--", label=r"$|D-\mathrm{proj}|$"),
        Line2D([], [], color=THEORY, label=r"$\eta=|D-\mathrm{proj}|/\mathrm{dist}$"),
    ]
    axes.legend(handles=handles, fontsize="x-small", loc="upper left", ncols=2)
    axes.set_title("(a) Absolute error grows, relative error has a hump", loc="left")


def _told(axes, mismatch):
    some = mismatch.eta.sel(set="digits").mean("query")
    colours = sns.color_palette("mako_r", 6).as_hex()[1:-1]
    for sigma, colour, marker in zip(some.sigma.values, colours, MARKERS, strict=True):
        row = some.sel(sigma=sigma)
        axes.plot(row.told, row, f"{marker}-", color=colour, lw=0.9, label=rf"$\sigma={sigma:g}$")
    axes.axvline(1, color=REFUTED_COLOUR, lw=0.8, ls=":")
    axes.text(0.95, 1.1, "as printed: least here", color=REFUTED_COLOUR, ha="right", size="small")
    axes.set(xscale="log", xlabel=r"noise level told / true $\sigma$")
    axes.set_xticks(some.told.values, [f"{t:g}" for t in some.told.values])
    axes.minorticks_off()
    axes.set_ylabel(r"$\eta$, mean over digits")
    axes.legend(fontsize="x-small", loc="center left")
    axes.set_title("(b) The ideal denoiser needs no matched level", loc="left")
