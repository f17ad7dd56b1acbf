"""Figures of trajectory_geometry_images: shape of the trajectories, score deviation, pictures."""

import numpy as np

from theorylab.figures import (
    BOUND,
    arm,
    key,
    legend_below,
    name_cells,
    pictures,
    show,
    shows,
    subplots,
)

PARTS = {
    "sampling": (arm(0), r"$x_s$"),
    "denoising": (arm(1), r"denoised $r_s$"),
    "sampling below 2": (arm(2), r"$x_s,\ s\leq2$"),
}


@shows(
    "obs1-straight-vs-bent-trained",
    "obs2-monotone-distance-trained-sampling",
    "obs3-monotone-magnitude-trained-sampling",
)
def draw(result):
    """Sampling and denoising trajectories of the network: (a) deviation from the chord, the share
    of paths below; (b) mean distance to the end; (c) mean norm.
    """
    d = result.data["trajectories"].sel(denoiser="network")
    over = ("group", "path")
    figure, (left, middle, right) = subplots(1, 3, aspect=1.5)
    for part, (style, label) in PARTS.items():
        values = np.sort(d.deviation.sel(part=part).values.ravel())
        share = np.arange(1, len(values) + 1) / len(values)
        left.plot(values, share, markevery=[len(values) // 2], ms=3, label=label, **style)
    left.set(xscale="log", xlabel="share of chord", ylabel="share of paths", ylim=(0, 1.02))
    left.set_title("(a) deviation")
    for trajectory in ("sampling", "denoising"):
        style = PARTS[trajectory][0] | {"ms": 2.5, "markevery": 3}
        for axes, quantity in ((middle, "distance"), (right, "magnitude")):
            mean = d[quantity].sel(trajectory=trajectory).mean(over)
            # The distance of the last state from the end, itself, is 0.
            seen = mean > 0
            axes.plot(d.sigma[seen], mean[seen], **style)
    for axes, title in ((middle, "(b) distance"), (right, "(c) norm")):
        axes.set(xscale="log", yscale="log", xlabel="$s$", title=title, xticks=[0.1, 10])
    legend_below(figure, left.lines, columns=3)
    return figure


@shows(
    "obs4-score-deviation-trained-large-noise-as-stated",
    "obs4-score-deviation-trained-small-noise-denoiser",
)
def draw_score_deviation(result):
    """How far the learned denoiser is from the optimal one at noised training images: (a) over the
    posterior's deviation, (b) as a score. Lines: means; shaded: range.
    """
    d = result.data["deviations"].deviation
    mean, over = d.mean(("group", "image")), ("group", "image")
    figure, panels = subplots(1, 2, aspect=1.1, sharex=True)
    for axes, metric, label, title in zip(
        panels,
        ("denoiser", "score"),
        (r"$|D-r^*|\,/\,\sqrt{\mathrm{tr}\,C}$", r"$|D-r^*|\,/\,|x-r^*|$"),
        ("(a) Denoisers", "(b) Scores"),
        strict=True,
    ):
        for k, denoiser in enumerate(d.denoiser.values):
            at = {"denoiser": denoiser, "metric": metric}
            axes.plot(d.sigma, mean.sel(at), label=f"{denoiser}", **arm(k))
            low, high = d.sel(at).min(over), d.sel(at).max(over)
            axes.fill_between(d.sigma, low, high, color=arm(k)["color"], alpha=0.2, lw=0)
        axes.axhline(0.1, color=BOUND, ls="--", lw=0.9)
        axes.set(xscale="log", yscale="log", xlabel=r"$\sigma$", ylabel=label, title=title)
    handles, _ = panels[0].get_legend_handles_labels()
    handles.append(key("a tenth: no gap", color=BOUND, ls="--"))
    legend_below(figure, handles, columns=3)
    return figure


@shows("obs1-straight-vs-bent-trained")
def draw_stages(result):
    """States $x_s$, scaled to the range of an image, and their denoised images $r_s$, as $s$ falls;
    two trajectories.
    """
    d = result.data["trajectories"].isel(group=0)
    shown = d.shown.isel(channel=0)
    figure, cells = pictures(2 * shown.sizes["image"], shown.sizes["stage"])
    for k, row in enumerate(cells):
        trajectory = d.trajectory.values[k % 2]
        for cell, sigma in zip(row, d.stage.values, strict=True):
            picture = shown.sel(trajectory=trajectory, stage=sigma).isel(image=k // 2)
            show(cell, picture / (1 + 2 * sigma if trajectory == "sampling" else 1))
    rows = [f"${'xr'[k % 2]}_s$" for k in range(len(cells))]
    name_cells(cells, rows, [f"$s={sigma:.2g}$" for sigma in d.stage.values])
    return figure
