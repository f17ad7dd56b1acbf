"""Norm and distance to the end, along both trajectories of images and of laws on the line."""

from matplotlib.lines import Line2D

from theorylab import figures

SAMPLING, DENOISING = figures.CATEGORICAL[0], figures.CATEGORICAL[1]
NAMES = {"digits": "digits", "fashion-mnist": "Fashion-MNIST"}


def draw(result):
    """Along both trajectories of images: norm and distance to the end, mean over paths."""
    data = result.data["image_paths"]
    figure, panels = figures.subplots(1, 2, aspect=1.0, sharex=True)
    for images, style in zip(data.images.values, ("-", "--"), strict=False):
        d = data.sel(images=images)
        for axes, quantity in zip(panels, ("magnitude", "distance"), strict=True):
            for trajectory, colour in (("sampling", SAMPLING), ("denoising", DENOISING)):
                mean = d[quantity].sel(trajectory=trajectory).mean("path")
                axes.plot(d.sigma, mean, style, color=colour, marker="o", ms=2)
    for axes, name in zip(panels, ("norm", "distance to the end"), strict=True):
        axes.set(xscale="log", yscale="log", xlabel=r"$\sigma$", title=name)
    handles = [
        Line2D([], [], color=figures.THEORY, ls=style, label=NAMES[str(images)])
        for images, style in zip(data.images.values, ("-", "--"), strict=False)
    ]
    handles += [
        Line2D([], [], color=c, label=n)
        for n, c in (("sampling", SAMPLING), ("denoising", DENOISING))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=6.5)
    return figure


def draw_line(result):
    """Mean distance to the end for four laws on the line, and one path that is not monotone."""
    data = result.data["line"].sel(sigma=slice(0.05, 10.0))
    figure, axes = figures.subplots(aspect=0.72)
    for k, law in enumerate(data.law.values):
        run = data.sel(law=law)
        axes.plot(run.sigma, run.x_distance, label=str(law), **figures.arm(k))
    run = data.sel(law="two points")
    axes.plot(
        run.sigma,
        run.path_distance,
        "--",
        color=figures.REFUTED_COLOUR,
        label="two points, path of the .6-quantile",
    )
    axes.set(xscale="log", yscale="log", xlabel=r"$\sigma$", ylabel=r"$E|x_s - x_0|$")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
