"""The shell of Gaussian noise: it moves out and keeps its width, which is proportional to sigma."""

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from scipy import special

from theorylab.figures import REFUTED_COLOUR, THEORY, subplots

SHELLS = (1, 4, 16, 64, 256)  # radii 1, 2, 4, 8, 16
MARKERS = "osD"


def draw(result):
    """The shell of the noise in growing dimension, and its thickness at three noise levels."""
    figure, (shells, width) = subplots(2, 1, aspect=0.58)
    _shells(shells, result.data["radii"])
    _width(width, result.data["norms"])
    return figure


def _shells(axes, radii):
    dims = [d for d in SHELLS if d in radii.dim.values]
    edges = np.arange(0, np.sqrt(max(dims)) + 3.2, 0.2)
    centres, r = (edges[1:] + edges[:-1]) / 2, np.linspace(0, edges[-1], 800)[1:]
    for d, colour in zip(dims, _shades(len(dims)), strict=True):
        density, _ = np.histogram(radii.radius.sel(dim=d).values, edges, density=True)
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


def _width(axes, norms):
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
    axes.set_title(r"(b) The width grows with $\sigma$", loc="left")


def _shades(count):
    return sns.color_palette("mako_r", count + 2).as_hex()[1:-1]


def _dots(label, marker="."):
    return Line2D([], [], ls="", marker=marker, color=THEORY, label=label)


def _line(label):
    return Line2D([], [], color=THEORY, label=label)
