"""Figures of trajectory_geometry_images: shape of the trajectories, score deviation, pictures."""

import numpy as np

from theorylab import figures

PARTS = {"sampling": r"$x_s$", "sampling below 2": r"$x_s,\ s\leq 2$", "denoising": r"$r_s$"}


def draw(result):
    """Deviations from the chord, distance to the end and norm along both trajectories."""
    d = result.data["trajectories"].sel(denoiser="network")
    over = ("group", "path")
    figure, (left, middle, right) = figures.subplots(1, 3, aspect=1.35)
    for (part, label), colour in zip(PARTS.items(), figures.CATEGORICAL, strict=False):
        values = np.sort(d.deviation.sel(part=part).values.ravel())
        left.plot(values, np.arange(1, len(values) + 1) / len(values), color=colour, label=label)
    left.set(xscale="log", xlabel="deviation / chord", ylabel="share of paths", ylim=(0, 1.02))
    for trajectory, colour, marker in zip(
        ("sampling", "denoising"),
        (figures.CATEGORICAL[0], figures.CATEGORICAL[2]),
        "os",
        strict=True,
    ):
        for axes, quantity in ((middle, "distance"), (right, "magnitude")):
            mean = d[quantity].sel(trajectory=trajectory).mean(over)
            # The distance of the last state from the end, itself, is 0.
            seen = mean > 0
            axes.plot(d.sigma[seen], mean[seen], marker=marker, ms=1.8, color=colour)
    for axes, title in ((middle, "distance to the end"), (right, "norm")):
        axes.set(xscale="log", yscale="log", xlabel=r"$s$")
        axes.set_title(title, fontsize=7)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_score_deviation(result):
    """Learned against optimal denoiser, and against optimal score, at noised training images."""
    d = result.data["deviations"].deviation
    mean, over = d.mean(("group", "image")), ("group", "image")
    figure, panels = figures.subplots(1, 2, aspect=1.05, sharex=True)
    for axes, metric, label in zip(
        panels,
        ("denoiser", "score"),
        (r"$|D-r^*|\,/\,\sqrt{\mathrm{tr}\,C}$", r"$|D-r^*|\,/\,|x-r^*|$"),
        strict=True,
    ):
        for denoiser, colour, marker in zip(
            d.denoiser.values, figures.CATEGORICAL, "os", strict=False
        ):
            at = {"denoiser": denoiser, "metric": metric}
            axes.plot(d.sigma, mean.sel(at), marker=marker, color=colour, ms=2.5, label=denoiser)
            low, high = d.sel(at).min(over), d.sel(at).max(over)
            axes.fill_between(d.sigma, low, high, color=colour, alpha=0.2, lw=0)
        axes.axhline(0.1, color=figures.BOUND, ls="--", lw=0.8)
        axes.set(xscale="log", yscale="log", xlabel=r"$\sigma$", ylabel=label)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_stages(result):
    """States (scaled to the range of an image) and their denoised images, as s falls."""
    d = result.data["trajectories"].isel(group=0)
    shown = d.shown.isel(channel=0)
    images, stages = shown.sizes["image"], shown.sizes["stage"]
    figure, axes = figures.subplots(2 * images, stages, aspect=1.0)
    for row, cells in enumerate(axes):
        trajectory = d.trajectory.values[row % 2]
        for cell, sigma in zip(cells, d.stage.values, strict=True):
            picture = shown.sel(trajectory=trajectory, stage=sigma).isel(image=row // 2)
            scale = 1 + 2 * sigma if trajectory == "sampling" else 1
            cell.imshow(picture / scale, cmap="gray", vmin=-1, vmax=1, interpolation="none")
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
            if row == 0:
                cell.set_title(f"$s={sigma:.2g}$", fontsize=6)
        cells[0].set_ylabel(f"${'xr'[row % 2]}_s$", rotation=0, ha="right", va="center")
    return figure
