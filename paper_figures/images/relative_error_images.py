"""Figures of relative_error_images: eta and nu by level, levels told, ends of trajectories."""

from theorylab import figures

ARMS = {
    "network": ("o", "-"),
    "ideal": ("s", "-"),
    "mean of the data": ("^", ":"),
    "another path": ("v", ":"),
    "untrained": ("D", ":"),
}
COLOURS = dict(zip(ARMS, figures.CATEGORICAL, strict=False))


def draw(result):
    """eta and nu along DDIM: mean over initial noises, and the range of network and ideal."""
    d = result.data["paths"]
    over = ("group", "path")
    figure, (left, right) = figures.subplots(1, 2, aspect=1.1, sharex=True)
    for arm, (marker, line) in ARMS.items():
        style = {"marker": marker, "ls": line, "color": COLOURS[arm], "ms": 1.8}
        eta = d.eta.sel(arm=arm)
        left.plot(d.sigma, eta.mean(over), label=arm, **style)
        if arm in d.denoiser.values:
            nu = d.nu.sel(denoiser=arm)
            right.plot(d.sigma, nu.mean(over), **style)
            for axes, values in ((left, eta), (right, nu)):
                axes.fill_between(
                    d.sigma, values.min(over), values.max(over), color=COLOURS[arm], alpha=0.2, lw=0
                )
    left.axhline(0.2, color=figures.BOUND, ls="--", lw=0.8)
    right.axhspan(0.95, 1.05, color=figures.BOUND, alpha=0.3, lw=0)
    left.set(xscale="log", ylim=(0, 1.25), xlabel=r"$\sigma$", ylabel=r"relative error $\eta$")
    right.set(yscale="log", xlabel=r"$\sigma$", ylabel=r"$\mathrm{dist}_K/\sqrt{n}\,\sigma$")
    right.set_yticks([1, 2, 5], ["1", "2", "5"])
    right.minorticks_off()
    for axes in (left, right):
        axes.axvline(2, color=figures.THEORY, ls=":", lw=0.6)
    figure.legend(loc="outside lower center", ncols=3, fontsize=6)
    return figure


def draw_told(result):
    """eta at noised training images against the level told, over the true one."""
    d = result.data["mismatch"]
    eta = d.eta.mean(("group", "image"))
    figure, panels = figures.subplots(1, 2, aspect=1.0, sharex=True, sharey=True)
    for axes, denoiser in zip(panels, d.denoiser.values, strict=True):
        for true, colour, marker in zip(d.true.values, figures.CATEGORICAL, "os^D", strict=False):
            values = eta.sel(denoiser=denoiser, true=true)
            axes.plot(d.told, values, marker=marker, color=colour, ms=3, label=f"{true:g}")
        axes.axvline(1, color=figures.THEORY, ls=":", lw=0.6)
        axes.set(xscale="log", xlabel="level told / true level")
        axes.set_xticks([0.25, 1, 4], ["1/4", "1", "4"])
        axes.minorticks_off()
        axes.set_title(denoiser, fontsize=8)
    panels[0].set_ylabel(r"relative error $\eta$")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize=6,
        title="true noise",
        title_fontsize=6,
    )
    return figure


def draw_ends(result):
    """Where DDIM ends from the same noises: network, its nearest training image, ideal denoiser."""
    d = result.data["paths"].isel(group=0)
    shown = d.shown.isel(channel=0)
    rows, columns = shown.sizes["picture"], shown.sizes["image"]
    figure, axes = figures.subplots(rows, columns, aspect=1.0)
    for row, name in zip(axes, d.picture.values, strict=True):
        for cell, image in zip(row, shown.sel(picture=name).values, strict=True):
            cell.imshow(image, cmap="gray", vmin=-1, vmax=1, interpolation="none")
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
        row[0].set_ylabel(str(name), fontsize=6)
    return figure
