"""Latent interpolation: norms of the latents, and what a mixture of Gaussians makes of them."""

import math

import numpy as np
from matplotlib.ticker import NullFormatter

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, THEORY, subplots

NAMES = {"lerp": "linear", "slerp": "slerp", "rescaled": "rescaled"}
COLOURS = {"lerp": REFUTED_COLOUR, "slerp": MEASURED, "rescaled": BOUND}
MARKERS = {"lerp": "v", "slerp": "o", "rescaled": "s"}
SHOWN_DIM, HALF = 64, 0.5


def spread(w):
    """cos^4(w pi/2) + sin^4(w pi/2)."""
    return np.cos(w * np.pi / 2) ** 4 + np.sin(w * np.pi / 2) ** 4


def draw(result):
    """Law of the norm halfway, and the distance from N(0, I) for growing dimension."""
    figure, (left, right) = subplots(1, 2, aspect=1.05)
    laws, drawn = result.data["distances"], result.data["samples"]
    dim = SHOWN_DIM if SHOWN_DIM in drawn.dim else int(drawn.dim[len(drawn.dim) // 2])
    laws_here = laws.sel(weight=HALF)
    edges = laws.offset.values
    width = edges[1] - edges[0]
    middle = (edges[1:] + edges[:-1]) / 2
    for path, name in NAMES.items():
        if dim in laws.dim:
            left.plot(edges, laws_here.density.sel(path=path, dim=dim), color=COLOURS[path])
        counts = drawn.histogram.sel(path=path, dim=dim, weight=HALF).values
        height = counts / (int(drawn.samples.sel(dim=dim)) * width)
        left.plot(
            middle[::4],
            height[::4],
            MARKERS[path],
            zorder=3,
            color=COLOURS[path],
            markersize=2.2,
            label=name,
        )
    left.set(xlabel=r"$\|z_w\| - \sqrt{d}$", ylabel="density", xlim=(-4.4, 3.0), ylim=(0, 1.42))
    left.set_title(rf"$w = \frac{{1}}{{2}},\ d = {dim}$", fontsize="small")
    # The curves are the exact laws in the colours of the samples.
    left.plot([], [], color=THEORY, label="exact law")
    left.legend(loc="upper left", fontsize="x-small", handletextpad=0.3, borderaxespad=0.1)

    for path in ("lerp", "slerp"):
        tv = laws_here.total_variation.sel(path=path)
        right.plot(laws.dim, tv, MARKERS[path], color=COLOURS[path])
    exact = np.abs(laws_here.total_variation.sel(path="rescaled"))
    right.plot(laws.dim, exact, MARKERS["rescaled"], color=COLOURS["rescaled"])
    fine = np.geomspace(float(laws.dim.min()) / 1.5, float(laws.dim.max()) * 1.5, 200)
    s = math.sqrt(0.5)
    bound = 1 - (2 * s / (1 + s**2)) ** (fine / 2)
    right.plot(fine, bound, ":", color=THEORY, linewidth=0.9, label="lower bound, linear")
    label = f"limit {_limit(HALF):.3f}, slerp"
    right.axhline(_limit(HALF), color=THEORY, linestyle="--", linewidth=0.9, label=label)
    right.set(
        xscale="log", xlabel=r"dimension $d$", ylabel="total variation distance", ylim=(-0.05, 1.08)
    )
    right.legend(loc="center right", fontsize="x-small", handletextpad=0.3, borderaxespad=0)
    right.xaxis.set_minor_formatter(NullFormatter())
    for axes in (left, right):
        axes.xaxis.label.set_size("small")
        axes.yaxis.label.set_size("small")
    return figure


def draw_along_path(result):
    """Mean and variance of the norm along the path, for a large dimension."""
    figure, (left, right) = subplots(1, 2, aspect=1.0)
    norms = result.data["norms"]
    large = norms.isel(dim=-1)
    dim = int(large.dim)
    w = np.linspace(0, 1, 201)
    theory = {
        "lerp": (np.hypot(1 - w, w), ((1 - w) ** 2 + w**2) / 2),
        "slerp": (np.ones_like(w), spread(w) / 2),
        "rescaled": (np.ones_like(w), np.full_like(w, 0.5)),
    }
    for path, name in NAMES.items():
        here = large.sel(path=path)
        variance = here.mean_square - here.mean_norm**2
        for axes, value, curve in (
            (left, here.mean_norm / math.sqrt(dim), theory[path][0]),
            (right, variance, theory[path][1]),
        ):
            style = {"lerp": "-", "slerp": "--", "rescaled": ":"}[path]
            axes.plot(w, curve, style, color=COLOURS[path], linewidth=1.0)
            axes.plot(here.weight, value, MARKERS[path], color=COLOURS[path], label=name)
    left.set(xlabel=r"weight $w$", ylabel=r"mean norm $/\sqrt{d}$", ylim=(0.68, 1.06))
    right.set(xlabel=r"weight $w$", ylabel="variance of the norm", ylim=(0.22, 0.545))
    for axes in (left, right):
        axes.set_xticks([0, 0.5, 1])
    left.legend(
        loc="upper center", bbox_to_anchor=(0.53, 0.84), fontsize="x-small", handletextpad=0.2
    )
    left.set_title(rf"$d = {dim}$; curves: limits", fontsize="small")
    return figure


def draw_images(result):
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
        panel.set_ylabel(NAMES[path], fontsize="x-small")
        for spine in panel.spines.values():
            spine.set_visible(False)
    first = (np.arange(details.sizes["shown"]) + 0.5) * (strip.shape[1] / details.sizes["shown"])
    axes[-1].set_xticks(first, [_fraction(w) for w in details.shown.values], fontsize="x-small")
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
        labels.append(f"{images}\n{'one Gaussian' if components == 1 else 'ten classes'}")
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
    axes.set_xticks(range(len(labels)), labels, fontsize="x-small")
    axes.set_ylabel("detail kept")
    axes.set_ylim(0.4, 1.3)
    axes.legend(fontsize="x-small", ncols=2, loc="upper center", handletextpad=0.2)
    return figure


def _limit(w):
    """2 (Phi(x/s) - Phi(x)) with s^2 = spread(w): the limit of slerp's total variation."""
    variance = float(spread(w))
    x = math.sqrt(math.log(1 / variance) / (1 / variance - 1))
    return math.erf(x / math.sqrt(2 * variance)) - math.erf(x / math.sqrt(2))


def _fraction(w):
    if w in (0, 1):
        return f"{w:g}"
    sixths = round(6 * float(w))
    top, bottom = sixths // math.gcd(sixths, 6), 6 // math.gcd(sixths, 6)
    return rf"$\frac{{{top}}}{{{bottom}}}$"
