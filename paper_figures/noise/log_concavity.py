"""Log-concavity: laws that blurring makes log-concave and laws that never are; chains."""

from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, THEORY, subplots

MARKERS = "osD^vPX*"


def draw(result):
    """Bounded laws become log-concave; atoms at powers of two and Cauchy's law never do."""
    curvatures = result.data["curvatures"]
    figure, axes = subplots()
    colours = _colours(curvatures.law.values)
    for law, marker in zip(curvatures.law.values, MARKERS, strict=False):
        one, colour = curvatures.sel(law=law), colours[law]
        label = {"powers of two": r"$2^k$, weight $\propto e^{-4^k/2}$", "Cauchy": "Cauchy"}
        # The two pairs of points have the same values: the first shows around the second.
        size = 5.5 if law == "two points, 1/2" else 3
        form = {"ls": "-" if bool(one.bounded) else "--", "marker": marker, "ms": size}
        axes.plot(one.variance, one.low, color=colour, label=label.get(law, law), **form)
    axes.axhline(0, color=THEORY, lw=0.8)
    axes.text(3e8, -0.07, "log-concave below", ha="right", va="top", color=THEORY, size="small")
    axes.set(xscale="log", yscale="symlog", xlabel=r"$\sigma^2$", ylim=(-2, 80))
    axes.set_ylabel(r"$\sup_y\sigma^2\lambda_{\max}\nabla^2\log q_\sigma$ (at least)")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, columnspacing=1)
    return figure


def draw_chains(result):
    """Largest eigenvalue and trace of the posterior covariance along a chain of measurements."""
    chains = result.data["chains"]
    figure, axes = subplots(2, 1, aspect=0.5, sharex=True)
    colours, ticks = _colours(chains.law.values), chains.measurements.values
    names = {"eigenvalue": r"\lambda_{\max}", "trace": r"\mathrm{tr}"}
    for panel, statistic in zip(axes, chains.statistic.values, strict=True):
        for law, marker in zip(chains.law.values, MARKERS, strict=False):
            one = chains.sel(law=law, statistic=statistic)
            style = {"color": colours[law], "ls": "-" if int(one.dim) == 2 else ":"}
            middle = (one.low + one.high) / 2 / one.variance
            panel.plot(ticks, middle, marker=marker, **style, label=_law(law))
        panel.set_ylabel(rf"$\sup_y{names[str(statistic)]}\,\mathrm{{cov}}/\sigma^2$")
    top = 1.05 * float((chains.high / chains.variance).sel(statistic="eigenvalue").max())
    axes[0].axhspan(1, top, color=REFUTED_COLOUR, alpha=0.1, lw=0)
    axes[0].set(ylim=(None, top), xscale="log")
    axes[0].text(1, 0.97 * top, "not log-concave", va="top", size="small")
    axes[1].set_xlabel("measurements $m$")
    axes[1].set_xticks(ticks, [str(m) for m in ticks])
    axes[1].minorticks_off()
    axes[0].set_title("(a) Largest eigenvalue: may grow in the plane", loc="left")
    axes[1].set_title("(b) Trace: never grows", loc="left")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, columnspacing=1)
    return figure


def _law(name):
    return name.replace("rhombus", "rhombus,").replace(", 1/", ", weights 1/")


def _colours(laws):
    """Grey for laws on the line, colours for the others."""
    line = [law for law in laws if law.endswith("points") or law.startswith("two points")]
    other = [law for law in laws if law not in line]
    greys = dict(zip(line, ("0.1", "0.35", "0.5", "0.65"), strict=False))
    return greys | dict(zip(other, CATEGORICAL, strict=False))
