"""Figures of thin_shell: the shell moves out and keeps its width; longer, or not; right angles."""

import numpy as np
import seaborn as sns
import torch
from matplotlib.lines import Line2D
from scipy import special

from theorylab.diffusion.gaussian_norms import probability_norm_grows
from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, THEORY, subplots

SHELLS = (1, 4, 16, 64, 256)  # radii 1, 2, 4, 8, 16
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
    """The shell of the noise in growing dimension, and when the noise lengthens a vector."""
    figure, (shells, regimes) = subplots(2, 1, aspect=0.58)
    _shells(shells, result.data["directions"])
    _regimes(regimes, result.data["growth"], result.data["exact"])
    return figure


def draw_width(result):
    """The shell's thickness: constant in d, proportional to sigma."""
    norms = result.data["norms"]
    figure, axes = subplots()
    d = np.geomspace(1, norms.dim.values.max(), 200)
    mean = np.sqrt(2) * np.exp(special.gammaln((d + 1) / 2) - special.gammaln(d / 2))
    axes.axhspan(2e-3, 3, color=REFUTED_COLOUR, alpha=0.12, lw=0)
    axes.text(1, 2.6, "as printed: within a constant, e.g. 3", color=REFUTED_COLOUR, va="top")
    for sigma, colour, marker in zip(norms.sigma.values, _shades(3), MARKERS, strict=False):
        width = np.sqrt(norms.mean_square_width.sel(sigma=sigma))
        axes.plot(d, sigma * np.sqrt(2 * np.sqrt(d) * (np.sqrt(d) - mean)), color=colour)
        axes.plot(norms.dim, width, marker, color=colour)
        axes.text(d[-1], 1.1 * sigma, rf"$\sigma={sigma:g}$", color=colour, ha="right")
    axes.set(xscale="log", yscale="log", xlabel="dimension $d$", ylim=(2e-3, 300))
    axes.set_ylabel(r"r.m.s. of $\|z\|-\sigma\sqrt{d}$")
    axes.legend(handles=[_dots("noise drawn", "o"), _line("exact law")], loc=(0.02, 0.27), ncols=2)
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


def draw_angles(result):
    """The angle between noise and data: a right angle up to 1/sqrt(d)."""
    directions = result.data["directions"]
    dims = [d for d in directions.dim.values if d in (2, 4, 16, 64, 256)]
    figure, axes = subplots()
    edges = np.linspace(0, 180, 91)
    angle = np.linspace(0.5, 179.5, 400)
    for d, colour in zip(dims, _shades(len(dims)), strict=True):
        measured = np.degrees(np.arccos(directions.cosine.sel(dim=d).values))
        density, _ = np.histogram(measured, edges, density=True)
        shown = density > 0
        axes.plot((edges[1:] + edges[:-1])[shown] / 2, density[shown], ".", color=colour, ms=2.5)
        log = special.gammaln(d / 2) - special.gammaln((d - 1) / 2) - np.log(np.pi) / 2
        law = np.exp(log + (d - 2) * np.log(np.sin(np.radians(angle)))) * np.pi / 180
        axes.plot(angle, law, color=colour, lw=0.9, label=f"$d={d}$")
    axes.set(xlabel="angle between $x$ and $z$ (degrees)", ylabel="density", ylim=(0, None))
    axes.set_xticks(range(0, 181, 30))
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(handles=[_dots("noise drawn"), *handles])
    return figure


def _shells(axes, directions):
    dims = [d for d in SHELLS if d in directions.dim.values]
    edges = np.arange(0, np.sqrt(max(dims)) + 3.2, 0.2)
    centres, r = (edges[1:] + edges[:-1]) / 2, np.linspace(0, edges[-1], 800)[1:]
    for d, colour in zip(dims, _shades(len(dims)), strict=True):
        density, _ = np.histogram(directions.radius.sel(dim=d).values, edges, density=True)
        shown = density > 1e-3
        log = (1 - d / 2) * np.log(2) - special.gammaln(d / 2) + (d - 1) * np.log(r) - r**2 / 2
        law = np.exp(log)
        seen = law > 1e-3
        axes.fill_between(r[seen], law[seen], color=colour, alpha=0.25, lw=0)
        axes.plot(r[seen], law[seen], color=colour)
        axes.plot(centres[shown], density[shown], ".", color=colour, ms=3.5)
        place = (0.5, 0.75, "left") if d == 1 else (np.sqrt(d), law.max() + 0.03, "center")
        axes.text(*place[:2], f"$d={d}$", color=colour, ha=place[2], va="bottom")
    root = np.sqrt(max(dims))
    arrow = {"arrowstyle": "<->", "lw": 0.7, "color": THEORY, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (root - 1.386, 0.05), (root + 1.386, 0.05), arrowprops=arrow)
    text = "95 % within\n" r"$\sqrt{d}\pm1.39$"
    axes.text(root - 1.9, 0.05, text, ha="right", color=THEORY, size="small")
    axes.set(xlim=(0, edges[-1]), ylim=(0, 0.98), xticks=[0, *np.sqrt(dims)], yticks=[0, 0.4, 0.8])
    axes.set(xlabel=r"length of the noise $\|z\|/\sigma$", ylabel="density")
    axes.set_title("(a) The shell moves out and keeps its width", loc="left")
    axes.legend(handles=[_dots("noise drawn"), _line("exact law")], loc="upper right")


def _regimes(axes, growth, exact):
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
    axes.set_title(
        r"(b) Longer? Not if $\|x\|$ grows like $\sigma d$:  $\|x\|=\sigma d^{\,p}$", loc="left"
    )


def _shades(count):
    return sns.color_palette("mako_r", count + 2).as_hex()[1:-1]


def _dots(label, marker="."):
    return Line2D([], [], ls="", marker=marker, color=THEORY, label=label)


def _line(label):
    return Line2D([], [], color=THEORY, label=label)
