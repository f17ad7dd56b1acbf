"""Figures of relative_error_images: eta and nu by level, levels told, ends of trajectories."""

from theorylab.figures import (
    BOUND,
    THEORY,
    arm,
    key,
    legend_below,
    name_cells,
    pictures,
    plain_ticks,
    show,
    shows,
    subplots,
)

ARMS = ("network", "ideal", "mean of the data", "another path", "untrained")
NAMES = {
    "ideal": "ideal denoiser",
    "another path": "a shuffled path",
    "untrained": "untrained network",
}


@shows(
    "learned-denoiser-approximates-projection-as-stated",
    "learned-denoiser-approximates-projection-large-noise",
    "learned-denoiser-approximates-projection-band",
)
def draw(result):
    r"""(a) Relative error and (b) distance over noise along DDIM. Lines: means over initial
    noises; shaded: their range for network and ideal denoiser; dotted: $\sigma=2$, from where on
    the claims are made.
    """
    d = result.data["paths"]
    over = ("group", "path")
    figure, (left, right) = subplots(1, 2, aspect=1.15, sharex=True)
    for k, name in enumerate(ARMS):
        style = arm(k) | {"ms": 2.5}
        eta = d.eta.sel(arm=name)
        left.plot(d.sigma, eta.mean(over), label=NAMES.get(name, name), **style)
        if name in d.denoiser.values:
            nu = d.nu.sel(denoiser=name)
            right.plot(d.sigma, nu.mean(over), **style)
            for axes, values in ((left, eta), (right, nu)):
                low, high = values.min(over), values.max(over)
                axes.fill_between(d.sigma, low, high, color=style["color"], alpha=0.2, lw=0)
    left.axhline(0.2, color=BOUND, ls="--", lw=0.9)
    right.axhspan(0.95, 1.05, color=BOUND, alpha=0.3, lw=0)
    left.set(xscale="log", ylim=(0, 1.25), xlabel=r"$\sigma$", ylabel=r"relative error $\eta$")
    right.set(yscale="log", xlabel=r"$\sigma$", ylabel=r"$\mathrm{dist}_K/\sqrt{n}\,\sigma$")
    plain_ticks(right.yaxis, [1, 2, 5])
    for axes, title in ((left, "(a) Error"), (right, "(b) Distance")):
        axes.axvline(2, color=THEORY, ls=":", lw=0.8)
        axes.set_title(title)
    handles, _ = left.get_legend_handles_labels()
    handles.append(key("claimed", color=BOUND, ls="--"))
    legend_below(figure, handles)
    return figure


@shows("small-noise-needs-matched-sigma-not-larger", "small-noise-needs-matched-sigma-ideal")
def draw_told(result):
    """Relative error at noised training images, by the noise level that the denoiser is told over
    the true one.
    """
    d = result.data["mismatch"]
    eta = d.eta.mean(("group", "image"))
    figure, panels = subplots(1, 2, aspect=1.0, sharex=True, sharey=True)
    for axes, denoiser, letter in zip(panels, d.denoiser.values, "ab", strict=True):
        for k, true in enumerate(d.true.values):
            values = eta.sel(denoiser=denoiser, true=true)
            axes.plot(d.told, values, label=f"{true:g}", **arm(k))
        axes.axvline(1, color=THEORY, ls=":", lw=0.8)
        axes.set(xscale="log", xlabel="level told / true level", ylim=(0, None))
        axes.set_xticks([0.25, 1, 4], ["1/4", "1", "4"])
        axes.minorticks_off()
        axes.set_title(f"({letter}) {NAMES.get(denoiser, denoiser)}")
    panels[0].set_ylabel(r"relative error $\eta$")
    handles, _ = panels[0].get_legend_handles_labels()
    legend_below(figure, handles, columns=4, title="true noise level")
    return figure


@shows("conclusion-origin-and-gap-optimal-memorises", "conclusion-origin-and-gap-network-generates")
def draw_ends(result):
    """Where DDIM ends from the same noises: by the network, the training image nearest to it, by
    the ideal denoiser.
    """
    d = result.data["paths"].isel(group=0)
    shown = d.shown.isel(channel=0)
    figure, cells = pictures(shown.sizes["picture"], shown.sizes["image"])
    for row, name in zip(cells, d.picture.values, strict=True):
        for cell, image in zip(row, shown.sel(picture=name).values, strict=True):
            show(cell, image)
    name_cells(cells, [str(name).replace(" to it", "\nto it") for name in d.picture.values])
    return figure
