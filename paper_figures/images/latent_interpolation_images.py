"""Latent interpolation on images: strips along each path; norm, distance and detail by weight."""

from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, THEORY, subplots

COLOURS = {"lerp": REFUTED_COLOUR, "slerp": CATEGORICAL[0], "rescaled": CATEGORICAL[1]}
MARKERS = {"lerp": "v", "slerp": "o", "rescaled": "s"}
# Slerp and rescaled lerp coincide: one marker must show behind the other.
SIZES = {"lerp": 3.5, "slerp": 5, "rescaled": 2.5}
NAMES = {"lerp": "linear", "slerp": "slerp", "rescaled": "rescaled"}


def draw(result):
    """What lies between two latents, by path; one block for each pair."""
    shown = result.data["strips"].shown
    paths, along = shown.path.values, shown.along.values
    pairs = min(2, shown.sizes["pair"])
    figure, axes = subplots(pairs * len(paths), len(along), aspect=1.0, squeeze=False)
    for pair in range(pairs):
        for i, path in enumerate(paths):
            row = axes[pair * len(paths) + i]
            for cell, weight in zip(row, along, strict=True):
                picture = shown.sel(path=path, along=weight).isel(pair=pair)
                cell.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="none")
                cell.set(xticks=[], yticks=[])
            row[0].set_ylabel(NAMES[path], fontsize="xx-small")
    for cell, weight in zip(axes[-1], along, strict=True):
        cell.set_xlabel(f"{weight:.3g}", fontsize="xx-small")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    return figure


def draw_along_path(result):
    """Norm of the latents, distance from the data and energy of the gradient."""
    found = result.data["between"]
    figure, panels = subplots(1, 3, aspect=1.5)
    titles = {
        "norm": r"$\|z_w\|\,/\,\sqrt{d}$",
        "kernel": "kernel distance",
        "energy": r"$E|\nabla x|^2$",
    }
    for axes, (variable, title) in zip(panels, titles.items(), strict=True):
        reference = float(found[variable].sel(path="none").mean())
        axes.axhline(reference, color=THEORY, lw=0.9, ls="--", label="none")
        for path, marker in MARKERS.items():
            values = found[variable].sel(path=path)
            half = values.std("group", ddof=1) / values.sizes["group"] ** 0.5
            axes.errorbar(
                found.weight,
                values.mean("group"),
                half.values,
                fmt=marker + "-",
                color=COLOURS[path],
                label=NAMES[path],
                lw=0.8,
                ms=SIZES[path],
            )
        axes.set_title(title, fontsize="x-small")
        axes.set_xlabel("weight", fontsize="small")
        axes.set(xlim=(0, 0.55), ylim=(0, None))
        axes.tick_params(labelsize="xx-small")
    panels[0].legend(fontsize="xx-small", loc="lower left", borderaxespad=0.1)
    return figure
