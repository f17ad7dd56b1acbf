"""Conditioning: uncertainty falls on average, and may rise for a single measurement."""

import numpy as np

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, subplots

NAMES = {"skewed pair": "skewed\npair", "isotropic": "mixture", "points": "points"}


def draw(result):
    """Posterior variance after a second measurement over that before: average and largest."""
    data = result.data["averages"]
    figure, axes = subplots()
    places = np.arange(data.sizes["law"])
    axes.axhspan(1e-3, 1, color=BOUND, alpha=0.12, lw=0)
    axes.axhline(1, color=BOUND, ls="--", label="as before; shaded: less")
    arms = (
        ("largest", REFUTED_COLOUR, "^", "largest over second measurements"),
        ("average", MEASURED, "o", "on average"),
    )
    for name, colour, marker, label in arms:
        ratio = (data[name] / data.before).transpose("law", ...).values
        x = np.repeat(places, ratio.shape[1])
        axes.plot(x, ratio.ravel(), marker, color=colour, mec="white", mew=0.3, label=label)
    axes.set(yscale="log", ylabel="variance after / before", xlim=(-0.5, places[-1] + 0.5))
    axes.set_ylim(0.6 * float((data.average / data.before).min()), None)
    axes.set_xticks(places, [_name(str(law)) for law in data.law.values], fontsize=7)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _name(law):
    if law in NAMES:
        return NAMES[law]
    kind, dim = law.split()
    return f"{NAMES[kind]},\n$d={dim}$"
