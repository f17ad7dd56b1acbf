"""Longer, or not: how often noise lengthens a vector."""

import numpy as np
import seaborn as sns
import torch

from theorylab.diffusion.gaussian_norms import probability_norm_grows
from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, subplots

# Where the curve of each exponent has room for its name: dimension, probability, alignment.
LABELS = {
    0.5: (7, 0.93, "right"),
    0.75: (80, 0.9, "left"),
    0.9: (1e6, 0.935, "right"),
    1.0: (1e6, 0.72, "right"),
    1.1: (1e6, 0.58, "right"),
    1.5: (1e6, 0.522, "right"),
}
MARKERS = "osD^vP"
NAMES = {"mixture": "Gaussian mixture", "digits": "digits", "fashion-mnist": "Fashion-MNIST"}


def draw(result):
    """How often noise lengthens x, for |x| growing as a power of d: exact laws and frequencies."""
    growth, exact = result.data["growth"], result.data["exact"]
    figure, axes = subplots(aspect=0.68)
    exponents = exact.exponent.values
    for p, colour, marker in zip(exponents, _shades(len(exponents)), MARKERS, strict=True):
        axes.plot(exact.curve_dim, exact.curve.sel(exponent=p), color=colour, zorder=1)
        share = growth.longer.sel(exponent=p) / growth.samples
        axes.plot(growth.dim, share, marker, color=colour, ms=3)
        at, level, align = LABELS[p]
        limit = r"$:\ \Phi(\frac{1}{2})=0.69$" if p == 1 else ""
        name = rf"$p={p:g}$" + limit
        axes.text(at, level, name, color=colour, ha=align, va="center", size="small")
    axes.axhline(1, color=REFUTED_COLOUR, ls="--", lw=1)
    axes.text(2e6, 1.015, "limit as printed", color=REFUTED_COLOUR, ha="right", va="bottom")
    axes.set(xscale="log", xlim=(0.7, 2e6), ylim=(0.48, 1.09), xlabel="dimension $d$")
    axes.set_ylabel(r"$P(\|x+z\|>\|x\|)$")
    axes.set_title(r"$\|x\|=\sigma d^{\,p}$", loc="left")
    return figure


def draw_images(result):
    """How often noise lengthens a real image, against the exact law."""
    noised = result.data["noised"]
    figure, axes = subplots()
    sigmas = np.geomspace(noised.sigma.values.min(), noised.sigma.values.max(), 80)
    for source, colour, marker in zip(noised.source.values, CATEGORICAL, MARKERS, strict=False):
        one = noised.sel(source=source)
        # 64 equally likely norms stand for all of them: the curve moves by less than its width.
        norm = np.quantile(np.sqrt(one.squared_norm.values), (np.arange(64) + 0.5) / 64)
        norm = torch.as_tensor(norm)
        exact = [float(probability_norm_grows(int(one.dim), norm, s).mean()) for s in sigmas]
        axes.plot(sigmas, exact, color=colour, zorder=1)
        share = one.longer / one.samples
        name = f"{NAMES[source]}, $d={int(one.dim)}$"
        axes.plot(one.sigma, share, marker, color=colour, label=name)
    axes.axhline(1, color=REFUTED_COLOUR, ls="--", label="as printed")
    axes.set(xscale="log", xlabel=r"noise level $\sigma$", ylim=(0.48, 1.03))
    axes.set_ylabel(r"$P(\|x+z\|>\|x\|)$")
    axes.legend(loc="lower right")
    return figure


def _shades(count):
    return sns.color_palette("mako_r", count + 2).as_hex()[1:-1]
