"""Figures of relative_error_model: errors over the noise, told and true noise, spheres."""

import numpy as np

from theorylab.diffusion.sphere_denoiser import typical_relative_error
from theorylab.figures import DATA_NAMES, REFUTED_COLOUR, THEORY, arm, key, plain_ticks, subplots

NAMES = {"subspace": "subspace"} | DATA_NAMES


def draw(result):
    """(a) Absolute and relative errors over the noise; (b) the noise told against the true one."""
    figure, (errors, told) = subplots(2, 1, aspect=0.66)
    _errors(errors, result.data["levels"])
    _told(told, result.data["mismatch"])
    return figure


def draw_sphere(result):
    """Relative error of the ideal denoiser on spheres, with its curve and both asymptotes."""
    found = result.data["sphere_errors"]
    figure, axes = subplots(aspect=0.78)
    sigma = np.geomspace(found.sigma.values[0], found.sigma.values[-1], 200)
    low, high = sigma[sigma < 0.2], sigma[sigma > 1]
    cases = [(int(d), int(n)) for d in found.intrinsic.values for n in found.dim.values]
    for k, (d, n) in enumerate(cases):
        mean = found.eta.sel(dim=n, intrinsic=d).mean("sample")
        curve = typical_relative_error(n, d, sigma)
        axes.plot(sigma, curve, color=THEORY, lw=0.8, zorder=0)
        axes.plot(low, d * low / (2 * np.sqrt(n - d)), color=THEORY, lw=0.7, ls=":", zorder=0)
        axes.plot(high, 1 / (high * np.sqrt(n)), color=THEORY, lw=0.7, ls=":", zorder=0)
        axes.plot(found.sigma, mean, **arm(k), ls="", label=f"$d={d}$, $n={n}$")
    axes.plot([], [], color=THEORY, lw=0.8, label="theory")
    axes.plot([], [], color=THEORY, lw=0.7, ls=":", label="asymptotes")
    axes.set(xscale="log", yscale="log", xlabel=r"noise level $\sigma$ / radius")
    axes.set(ylabel=r"relative error $\eta$, mean", ylim=(5e-5, 0.5))
    axes.legend(loc="lower center", ncols=2)
    return figure


def _errors(axes, levels):
    handles = []
    for k, (name, label) in enumerate(NAMES.items()):
        if name not in levels.set:
            continue
        mean = levels.error.sel(set=name).mean("sample")
        axes.plot(levels.sigma, mean.sel(quantity="relative"), **arm(k), lw=0.9)
        absolute = mean.sel(quantity="absolute")
        axes.plot(levels.sigma, absolute, **arm(k), ls="--", mfc="none", lw=0.9)
        handles.append(key(label, **arm(k), ls=""))
    axes.set(xscale="log", yscale="log", ylim=(1e-3, 5e3), xlabel=r"noise level $\sigma$")
    axes.set_ylabel("error of the projection")
    handles += [
        key(r"$|D-\mathrm{proj}|$", color="0.4", marker="o", mfc="none", ls="--", lw=0.9),
        key(r"$\eta=|D-\mathrm{proj}|\,/\,\mathrm{dist}$", color="0.4", marker="o", lw=0.9),
    ]
    axes.legend(handles=handles, loc="upper left", ncols=2)
    axes.set_title("(a) Only the relative error has a hump")


def _told(axes, mismatch):
    some = mismatch.eta.sel(set="digits").mean("query")
    for k, sigma in enumerate(some.sigma.values):
        axes.plot(some.told, some.sel(sigma=sigma), **arm(k), lw=0.9, label=rf"$\sigma={sigma:g}$")
    axes.axvline(1, color=REFUTED_COLOUR, lw=0.9, ls="--", label="least here,\nas printed")
    axes.set(xscale="log", yscale="log", ylim=(2e-6, 3))
    axes.set_xlabel(r"noise level told / true $\sigma$")
    axes.set_ylabel(r"relative error $\eta$, mean")
    plain_ticks(axes.xaxis, some.told.values)
    axes.legend(loc="lower right")
    axes.set_title("(b) Told another level, digits")
