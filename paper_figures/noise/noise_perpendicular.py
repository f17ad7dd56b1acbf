"""Right angles, up to 1/sqrt(d): between noise and data."""

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D
from scipy import special

from theorylab.figures import THEORY, subplots


def draw(result):
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


def _shades(count):
    return sns.color_palette("mako_r", count + 2).as_hex()[1:-1]


def _dots(label, marker="."):
    return Line2D([], [], ls="", marker=marker, color=THEORY, label=label)
