"""Where DDIM ends on three points, and when its nearest image is the last one."""

from theorylab import figures

MARKERS = "os^Dvx"


def draw(result):
    """Weights reached with the projector and with the ideal denoiser, beside those of the data."""
    data = result.data["three_points"]
    figure, axes = figures.subplots(aspect=0.6)
    arms = {
        "nearest to the start": data.projected.isel(denoiser=0, n=-1),
        "projector": data.weight.sel(denoiser="projector").isel(n=-1),
        **{
            f"ideal denoiser, n = {int(data.n[k])}": data.weight.sel(denoiser="ideal").isel(n=k)
            for k in (0, -1)
        },
    }
    for k, (name, weight) in enumerate(arms.items()):
        place = data.point + 0.2 * (k - 1.5)
        axes.bar(place, weight, 0.18, color=figures.CATEGORICAL[k], label=name)
    axes.axhline(1 / 3, color=figures.THEORY, ls="--", lw=0.8)
    axes.set_xticks(data.point.values, ["-1", "0.1", "1"])
    axes.set(xlabel="point of $K$", ylabel="probability", ylim=(0, 0.75))
    axes.legend(fontsize=6, ncol=2, loc="upper center")
    return figure


def draw_projections(result):
    """Share of trajectories whose nearest image is already the one they end in."""
    data = result.data["projections"]
    figure, axes = figures.subplots(aspect=0.6)
    for name, marker, colour in zip(data.images.values, MARKERS, figures.CATEGORICAL, strict=False):
        d = data.final.sel(images=name)
        axes.plot(d.sigma, d, marker + "-", color=colour, mfc="white", lw=0.8, label=name)
    axes.set(
        xscale="log", ylim=(0, 1.05), xlabel=r"$\sigma$", ylabel="share with the final projection"
    )
    axes.legend()
    return figure
