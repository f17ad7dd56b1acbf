"""Paths with their chords, and straightness as a matter of scale."""

from matplotlib.lines import Line2D

from theorylab import figures

SAMPLING, DENOISING = figures.CATEGORICAL[0], figures.CATEGORICAL[1]


def draw(result):
    """Trajectories in the plane with their chords: the sampling ones, and the denoising ones."""
    d = result.data["plane"]
    figure, (wide, near) = figures.subplots(1, 2, aspect=1.1)
    for path in range(d.sizes["path"]):
        x, r = d.x.isel(path=path).values, d.r.isel(path=path).values
        _with_chord(wide, x, SAMPLING)
        if path % 2 == 0:  # the others end on the same points
            _with_chord(near, r, DENOISING)
            near.plot(*x.T, color=SAMPLING, lw=0.7)
    wide.set_title("(a) sampling", loc="left")
    near.set_title("(b) close up: denoising", loc="left")
    near.set(xlim=(-1.9, 2.1), ylim=(-1.6, 2.0), xlabel="$x_1$")
    wide.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    near.set_aspect("equal")
    handles = [
        Line2D([], [], color=SAMPLING, label="sampling"),
        Line2D([], [], color=DENOISING, label="denoising"),
        Line2D([], [], color=figures.THEORY, ls=":", lw=0.8, label="chord"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7)
    return figure


def draw_straightness(result):
    """Deviation, absolute and relative to the chord, of a Gaussian's path against sigma_max."""
    d = result.data["gaussian_paths"].sel(covariance="anisotropic", trajectory="sampling")
    figure, axes = figures.subplots(aspect=0.7)
    axes.plot(d.sigma_max, d.deviation, "s", color=figures.CATEGORICAL[1], label="deviation")
    axes.plot(d.sigma_max, d.relative, "o", color=figures.MEASURED, label="deviation / chord")
    last = float(d.relative[-1] * d.sigma_max[-1])
    axes.plot(
        d.sigma_max, last / d.sigma_max, color=figures.THEORY, label=r"$\sim 1/\sigma_{\max}$"
    )
    axes.set(xscale="log", yscale="log", xlabel=r"$\sigma_{\max}$", ylim=(1e-6, 10))
    axes.legend(loc="lower left")
    return figure


def _with_chord(axes, path, colour):
    axes.plot(*path.T, color=colour, lw=0.9)
    axes.plot(*path[[0, -1]].T, color=figures.THEORY, ls=":", lw=0.7)
    axes.plot(*path[-1], "o", color=colour, ms=2)
