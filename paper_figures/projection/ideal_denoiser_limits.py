"""Limits of the ideal denoiser: the rate as sigma vanishes, and real images in between."""

import numpy as np

from theorylab.figures import CATEGORICAL, MEASURED, REFUTED_COLOUR, THEORY, subplots

NAMES = {"digits": "digits", "fashion-mnist": "Fashion-MNIST"}
MARKERS = "osv^DPX"


def draw(result):
    """The distance of the denoised point to the nearest one falls as exp(-gap / 2 sigma^2)."""
    data = result.data["small_sigma"]
    figure, axis = subplots(1, 1, aspect=0.78)
    exponent = np.linspace(0, float(data.t.max()) * 1.05, 50)
    axis.plot(exponent, np.exp(-exponent), color=THEORY, label=r"$e^{-t}$")
    wrong = exponent < 10
    axis.plot(
        exponent[wrong],
        np.exp(-2 * exponent[wrong]),
        color=REFUTED_COLOUR,
        ls="--",
        label=r"$e^{-2t}$",
    )
    for k, place in enumerate(data.set.values):
        run = data.sel(set=place, arm="generic")
        ratio = (run.error / run.between).mean("query")
        # Hollow and shrinking: the sets fall onto one line, and all are to be seen.
        axis.plot(
            run.t,
            ratio,
            MARKERS[k % len(MARKERS)],
            mec=CATEGORICAL[k % len(CATEGORICAL)],
            mfc="none",
            ms=8 - 0.8 * k,
            label=_name(str(place)),
        )
    axis.set(
        yscale="log",
        xlabel=r"$t = (d_2^2 - d_1^2)\,/\,2\sigma^2$",
        ylabel=r"$|D - x_{(1)}| \;/\; |x_{(2)} - x_{(1)}|$",
    )
    figure.legend(
        *axis.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        fontsize=6.5,
        columnspacing=0.8,
        handletextpad=0.4,
    )
    return figure


def _name(place):
    if place in NAMES:
        return NAMES[place]
    count, space = place.split(" in R^")
    return rf"{count} in $\mathbb{{R}}^{{{space}}}$"


def draw_images(result):
    """Effective sample size, and the relative error against the projection, for noisy images."""
    data = result.data["image_levels"]
    figure, (left, right) = subplots(1, 2, aspect=1.15)
    sets = list(zip(data.images.values, (MEASURED, CATEGORICAL[1]), "os", strict=False))
    for images, colour, marker in sets:
        run = data.sel(images=images)
        for axis, values in (
            (left, run.effective_sample_size),
            (right, run.relative_error),
        ):
            low, middle, high = (values.quantile(q, "query") for q in (0.05, 0.5, 0.95))
            axis.fill_between(run.sigma, low, high, color=colour, alpha=0.2, lw=0)
            axis.plot(run.sigma, middle, marker=marker, color=colour, label=NAMES[str(images)])
    right.axhline(0.1, color=THEORY, lw=0.7, ls=":")
    right.text(0.11, 0.105, "one tenth", va="bottom", fontsize=6.5)
    left.set(yscale="log", ylabel="effective sample size")
    right.set(ylabel=r"$|D - \mathrm{proj}_K| \;/\; \mathrm{dist}_K$", ylim=(0, None))
    for axis in (left, right):
        axis.set(xscale="log", xlabel=r"$\sigma$")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
