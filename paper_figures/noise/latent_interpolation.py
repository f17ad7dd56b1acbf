"""Latent interpolation: how far each path's law ends from that of the latents."""

import math

import numpy as np
from matplotlib.ticker import NullFormatter

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, THEORY, subplots

NAMES = {"lerp": "linear", "slerp": "slerp", "rescaled": "rescaled"}
COLOURS = {"lerp": REFUTED_COLOUR, "slerp": MEASURED, "rescaled": BOUND}
MARKERS = {"lerp": "v", "slerp": "o", "rescaled": "s"}
HALF = 0.5


def draw(result):
    """Total variation distance of each path's law from N(0, I), halfway, for growing dimension."""
    figure, axes = subplots(1, 1, aspect=0.68)
    laws = result.data["distances"].sel(weight=HALF)
    for path, name in NAMES.items():
        distance = np.abs(laws.total_variation.sel(path=path))
        axes.plot(laws.dim, distance, MARKERS[path], color=COLOURS[path], label=name)
    fine = np.geomspace(float(laws.dim.min()) / 1.5, float(laws.dim.max()) * 1.5, 200)
    s = math.sqrt(0.5)
    bound = 1 - (2 * s / (1 + s**2)) ** (fine / 2)
    axes.plot(fine, bound, ":", color=THEORY, linewidth=0.9, label="lower bound, linear")
    label = f"limit {_limit(HALF):.3f}, slerp"
    axes.axhline(_limit(HALF), color=THEORY, linestyle="--", linewidth=0.9, label=label)
    axes.set(xscale="log", xlabel="dimension $d$", ylim=(-0.05, 1.08))
    axes.set_ylabel(r"total variation from $N(0, I_d)$, $w = \frac{1}{2}$")
    axes.legend(loc="center right")
    axes.xaxis.set_minor_formatter(NullFormatter())
    return figure


def _limit(w):
    """2 (Phi(x/s) - Phi(x)), s^2 = cos^4 + sin^4 at w pi/2: the limit of slerp's distance."""
    variance = math.cos(w * math.pi / 2) ** 4 + math.sin(w * math.pi / 2) ** 4
    x = math.sqrt(math.log(1 / variance) / (1 / variance - 1))
    return math.erf(x / math.sqrt(2 * variance)) - math.erf(x / math.sqrt(2))
