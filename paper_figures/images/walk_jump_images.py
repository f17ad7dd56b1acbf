"""Walk-jump: what one jump keeps by noise level, what a walk finds, and what averaging gains."""

from theorylab.figures import arm, name_cells, pictures, plain_ticks, show, shows, subplots


@shows("sigma-too-large-fuzzy-images", "sigma-too-small-hard-images")
def draw(result):
    """One jump from images with noise of level sigma (exact), and from where a walk at that level
    has led (walked).
    """
    exact, walked = result.data["jumps"].shown, result.data["walks"].shown
    sigmas = [s for s in walked.sigma.values if s in exact.sigma.values]
    figure, cells = pictures(2 * len(sigmas), exact.sizes["example"])
    names = []
    for kind, shown in (("exact", exact), ("walked", walked)):
        for sigma in sigmas:
            for j, cell in enumerate(cells[len(names)]):
                show(cell, shown.sel(sigma=sigma).isel(example=j))
            names.append(f"{kind}\n$\\sigma={sigma:g}$")
    name_cells(cells, names)
    return figure


@shows("sigma-too-large-fuzzy-images", "multimeasurement-posterior-mean-images")
def draw_levels(result):
    r"""(a) By noise level: the detail that a jump keeps, and how far from the data a walk's images
    are, over the farthest. (b) Error of a jump from the mean of $m$ measurements, told its noise
    level or that of one measurement, and from one measurement of the mean's level.
    """
    figure, (levels, means) = subplots(1, 2, aspect=1.5)
    jumps, walks = result.data["jumps"], result.data["walks"]
    kept = (jumps.energy / jumps.true_energy).mean("group")
    levels.plot(jumps.sigma, kept, label="detail", **arm(0))
    far = walks.kernel.mean("group")
    levels.plot(walks.sigma, far / float(far.max()), label="distance\nof walks", **arm(1))
    levels.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel="share", ylim=(0, None))
    plain_ticks(levels.xaxis, jumps.sigma.values)
    levels.set_title("(a) A jump, a walk")
    levels.legend()

    averages = result.data["averages"]
    m = averages.measurements.values
    for k, (name, label, size) in enumerate(
        (
            ("single", r"one at $\sigma/\sqrt{m}$", 6.0),
            ("told", r"mean, told $\sigma/\sqrt{m}$", 3.0),
            ("untold", r"mean, told $\sigma$", 3.5),
        )
    ):
        means.plot(m, averages[name].mean("group"), label=label, ms=size, lw=0.8, **arm(k + 2))
    means.set(xscale="log", yscale="log", xlabel="measurements $m$", ylabel="mean square error")
    means.set_title("(b) Averages")
    plain_ticks(means.xaxis, m)
    low, high = means.get_ylim()
    means.set_ylim(low / 3, high)
    plain_ticks(means.yaxis, [v for v in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if low < v < high])
    means.legend(loc="lower left")
    return figure
