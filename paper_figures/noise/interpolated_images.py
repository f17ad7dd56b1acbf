"""Interpolated images: what the paths make of latents of Gaussian mixtures fitted to images."""

import math

import numpy as np

from theorylab.figures import BOUND, REFUTED_COLOUR, THEORY, subplots

SETS = {"digits": "digits", "fashion-mnist": "Fashion-MNIST"}
NAMES = {"lerp": "linear", "rescaled": "rescaled"}
COLOURS = {"lerp": REFUTED_COLOUR, "rescaled": BOUND}
MARKERS = {"lerp": "v", "rescaled": "s"}


def draw(result):
    """Images along one pair's path: mixtures of one Gaussian per class, their exact denoiser."""
    details = result.data["details"].sel(components=10)
    names = list(details.images.values)
    rows = [(images, path) for images in names for path in ("lerp", "rescaled")]
    figure, axes = subplots(len(rows), 1, aspect=1.25 / details.sizes["shown"])
    for panel, (images, path) in zip(axes, rows, strict=True):
        tiles = details.gallery.sel(images=images, path=path).values
        if images == "digits":
            tiles = tiles[:, 3:-3, 3:-3]
        strip = np.concatenate(list(np.pad(tiles, ((0, 0), (0, 0), (0, 1)), constant_values=1)), 1)
        panel.imshow(strip, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_ylabel(NAMES[path], fontsize=6.5)
        for spine in panel.spines.values():
            spine.set_visible(False)
    first = (np.arange(details.sizes["shown"]) + 0.5) * (strip.shape[1] / details.sizes["shown"])
    axes[-1].set_xticks(first, [_fraction(w) for w in details.shown.values], fontsize=6.5)
    axes[-1].tick_params(length=0)
    axes[-1].set_xlabel(r"weight $w$")
    return figure


def draw_detail(result):
    """Detail kept by each path against the theory for one Gaussian, which is a loss of contrast."""
    details = result.data["details"]
    figure, axes = subplots(1, 1, aspect=0.6)
    names = list(details.images.values)
    offsets = {"lerp": -0.12, "rescaled": 0.12}
    labels = []
    for k, (images, components) in enumerate((i, c) for i in names for c in (1, 10)):
        here = details.sel(images=images, components=components)
        kind = "one Gaussian" if components == 1 else "ten classes"
        labels.append(f"{SETS[str(images)]}\n{kind}")
        for path, shift in offsets.items():
            for weight, fill in ((0.25, "none"), (0.5, COLOURS[path])):
                change = here.change.sel(path=path, weight=weight).values / float(here.detail)
                error = 3.9 * change.std() / math.sqrt(len(change))
                x = k + shift + (0.05 if weight == 0.5 else -0.05)
                label = f"{NAMES[path]}, $w={weight:g}$" if k == 0 else None
                axes.errorbar(
                    x,
                    1 + change.mean(),
                    error,
                    fmt=MARKERS[path],
                    color=COLOURS[path],
                    markerfacecolor=fill,
                    linewidth=0.8,
                    label=label,
                )
    axes.axhline(1, color=THEORY, linewidth=0.6, linestyle=":")
    axes.set_xticks(range(len(labels)), labels, fontsize=6.5)
    axes.set_ylabel("detail kept")
    axes.set_ylim(0.4, 1.3)
    axes.legend(fontsize=6.5, ncols=2, loc="upper center", handletextpad=0.2)
    return figure


def _fraction(w):
    if w in (0, 1):
        return f"{w:g}"
    sixths = round(6 * float(w))
    top, bottom = sixths // math.gcd(sixths, 6), 6 // math.gcd(sixths, 6)
    return f"{top}/{bottom}"
