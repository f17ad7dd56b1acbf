"""Latent interpolation on images: strips along each path; norm, distance and detail by weight."""

from theorylab.figures import (
    REFUTED_COLOUR,
    THEORY,
    arm,
    legend_below,
    name_cells,
    pictures,
    show,
    shows,
    subplots,
)

NAMES = {"lerp": "linear", "slerp": "slerp", "rescaled": "rescaled"}
STYLES = {"lerp": {"color": REFUTED_COLOUR, "marker": "v"}, "slerp": arm(0), "rescaled": arm(1)}
# Slerp and rescaled lerp coincide: one marker must show behind the other.
SIZES = {"lerp": 3.5, "slerp": 5.5, "rescaled": 2.5}


@shows("rescaled-lerp-images-blurry")
def draw(result):
    """Images made from latents between two others, by path and weight; two pairs of latents."""
    shown = result.data["strips"].shown
    paths, along = shown.path.values, shown.along.values
    pairs = min(2, shown.sizes["pair"])
    figure, cells = pictures(pairs * len(paths), len(along))
    for pair in range(pairs):
        for i, path in enumerate(paths):
            for cell, weight in zip(cells[pair * len(paths) + i], along, strict=True):
                show(cell, shown.sel(path=path, along=weight).isel(pair=pair))
    name_cells(cells, [NAMES[path] for path in paths] * pairs, [f"{w:.3g}" for w in along])
    return figure


@shows("rescaled-lerp-images-farther", "rescaled-lerp-images-rescaled-keeps-distance")
def draw_along_path(result):
    r"""Interpolated latents and the images that they make, by weight: (a) the latents' norm, (b)
    the images' kernel distance from the data, (c) the energy of their gradient. Bars: standard
    errors; dotted: latents drawn afresh.
    """
    found = result.data["between"]
    figure, panels = subplots(1, 3, aspect=1.6)
    titles = {
        "norm": r"(a) $\|z_w\|\,/\,\sqrt{d}$",
        "kernel": "(b) distance",
        "energy": r"(c) $E|\nabla x|^2$",
    }
    for axes, (variable, title) in zip(panels, titles.items(), strict=True):
        reference = float(result.data["uninterpolated"][variable].mean())
        axes.axhline(reference, color=THEORY, lw=0.9, ls=":", label="fresh latents")
        for path, name in NAMES.items():
            values = found[variable].sel(path=path)
            half = values.std("group", ddof=1) / values.sizes["group"] ** 0.5
            style = STYLES[path] | {"label": name, "ms": SIZES[path], "lw": 0.8}
            axes.errorbar(found.weight, values.mean("group"), half.values, **style)
        axes.set_title(title)
        axes.margins(y=0.15)
        axes.set(xlabel="weight $w$", xlim=(0, 0.55), xticks=[0, 0.5], ylim=(0, None))
    legend_below(figure, panels[0].get_legend_handles_labels()[0], columns=4)
    return figure
