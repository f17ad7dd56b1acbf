"""Where DDIM ends on three points, and when its nearest image is the last one."""

from theorylab.figures import DATA_NAMES, THEORY, arm, subplots


def draw(result):
    """Probability of ending at each of three points, with the projector and the ideal denoiser."""
    data = result.data["three_points"]
    figure, axes = subplots(aspect=0.62)
    arms = {
        "point nearest to the start": data.projected.isel(denoiser=0, n=-1),
        "DDIM, projector": data.weight.sel(denoiser="projector").isel(n=-1),
        **{
            f"DDIM, ideal denoiser, $n={int(data.n[k])}$": data.weight.sel(denoiser="ideal", n=n)
            for k, n in ((0, data.n[0]), (-1, data.n[-1]))
        },
    }
    for k, (name, weight) in enumerate(arms.items()):
        place = data.point + 0.12 * (k - 1.5)
        axes.plot(place, weight, **arm(k), ls="", ms=4.5, label=name)
    axes.axhline(1 / 3, color=THEORY, lw=0.8, zorder=0, label="weight in the data")
    axes.set_xticks(data.point.values, ["$-1$", "0.1", "1"])
    axes.set(xlabel="point of $K$", ylabel="probability")
    axes.set(xlim=(-0.5, 2.5), ylim=(-0.03, 0.6))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def draw_projections(result):
    """Share of trajectories whose nearest image is already the one they end in."""
    data = result.data["projections"]
    figure, axes = subplots(aspect=0.6)
    for k, name in enumerate(data.images.values):
        d = data.final.sel(images=name)
        axes.plot(d.sigma, d, **arm(k), mfc="white", lw=0.8, label=DATA_NAMES[str(name)])
    axes.set(xscale="log", ylim=(0, 1.05), xlabel=r"noise level $\sigma$")
    axes.set_ylabel("share already settled")
    axes.legend()
    return figure
