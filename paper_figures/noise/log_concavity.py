"""Figures of log_concavity: the threshold, on mixtures and images; chains; modes; never enough."""

import numpy as np

from theorylab.diffusion.blurred_examples import two_point_fold
from theorylab.figures import BOUND, CATEGORICAL, MEASURED, REFUTED_COLOUR, THEORY, subplots

MARKERS = "osD^vPX*"


def draw(result):
    """The threshold: of two components against distance, and of the digits as a whole."""
    figure, (pairs, digits) = subplots(2, 1, aspect=0.62)
    _pairs(pairs, result.data["thresholds"])
    _digits(digits, result.data["nearby"], result.data["images"])
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


def draw_modes(result):
    """Two points of unequal weights: two modes, one mode but not log-concave, log-concave."""
    folds = result.data["folds"]
    figure, axes = subplots()
    w = np.linspace(0.5, 0.9995, 400)
    fold = np.array([two_point_fold(x, 2.0) for x in w])
    axes.fill_between(w, 0, fold, color=REFUTED_COLOUR, alpha=0.15, lw=0)
    axes.fill_between(w, fold, 1, color=CATEGORICAL[1], alpha=0.15, lw=0)
    axes.plot(w, fold, color=THEORY, label="fold, by formula")
    axes.axhline(1, color=THEORY, ls="--", label=r"log-concave from $v=D^2/4$")
    axes.plot(w, 4 * w * (1 - w), color=BOUND, ls=":", label="variance of the means")
    # The certified points lie a ten-thousandth off the thresholds: drawn 4 % off, to be told apart.
    folds = folds.sel(candidate=["fold", "D^2/4"])
    level = (folds.variance * (1 + 400 * folds.side)).broadcast_like(folds.modes)
    weight = folds.weight.broadcast_like(level)
    for count, face, name in ((2, MEASURED, "two modes"), (1, "white", "one mode")):
        shown = (folds.modes.broadcast_like(level) == count).values
        style = {"color": MEASURED, "mfc": face, "ms": 3.2, "label": f"{name}, certified"}
        axes.plot(weight.values[shown], level.values[shown], "o", **style)
    axes.text(0.53, 0.35, "two modes", color=REFUTED_COLOUR)
    axes.text(0.915, 0.62, "one mode,\nnot log-concave", ha="center", linespacing=1.2)
    axes.text(0.6, 1.12, "log-concave")
    axes.set(xlabel="weight of the heavier point", ylabel=r"variance $v\,/\,(D^2/4)$")
    axes.set(ylim=(0, 1.7), xlim=(0.49, 1.01))
    axes.legend(loc="upper right", ncols=2, columnspacing=1, fontsize="x-small")
    return figure


def draw_blurring(result):
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
    axes.legend(ncols=2, columnspacing=1, fontsize="x-small")
    return figure


def _pairs(axes, thresholds):
    distance = np.geomspace(0.8, 45, 200)
    axes.plot(distance, distance**2 / 4, color=THEORY, label=r"$D^2/4$")
    axes.plot(distance, distance, "--", color=REFUTED_COLOUR, label=r"as printed: $D$")
    names = [p for p in thresholds.pair.values if p != "document"]
    arms = (
        (names, "o", MEASURED, "measured"),
        (["document"], "D", "white", "the document's mixture"),
    )
    for pairs, marker, face, label in arms:
        some = thresholds.sel(pair=pairs)
        level = some.threshold + some.tau**2
        x, y = (v.values.ravel() for v in (some.distance.broadcast_like(level), level))
        axes.plot(x, y, marker, color=MEASURED, mfc=face, label=label)
    axes.set(xscale="log", yscale="log", ylim=(0.15, 600), xlabel="distance $D$ of the means")
    axes.set_ylabel(r"smallest $\sigma^2+\tau^2$")
    axes.set_title("(a) Two components become log-concave", loc="left")
    axes.legend(loc="upper left")


def _digits(axes, nearby, images):
    one, digits = nearby.sel(images="digits"), images.sel(images="digits")
    v, quarter = one.variance.values, float(digits.quarter)
    level = np.geomspace(0.2, 9, 100)
    axes.fill_between(level, level, 8.5, color=REFUTED_COLOUR, alpha=0.1, lw=0)
    axes.plot(level, level, color=THEORY, lw=0.8)
    axes.axhline(quarter, color=BOUND, label=r"everywhere: $D^2/4$, exact")
    axes.plot(v, one.climbed, "s-", color=MEASURED, label="climbing from mid-pair")
    axes.plot(v, one.noised, "o-", color=CATEGORICAL[1], label="at noised digits")
    printed = float(digits.diameter)
    axes.axvline(printed, color=REFUTED_COLOUR, ls="--", lw=0.9)
    axes.axvline(quarter, color=BOUND, ls="--", lw=0.9)
    axes.text(printed * 0.97, 0.25, "$D$", color=REFUTED_COLOUR, ha="right")
    axes.text(quarter * 1.03, 0.25, "$D^2/4$", color=BOUND)
    axes.text(0.27, 0.36, r"$\sigma^2$", rotation=28, color=THEORY)
    axes.text(0.5, 7.6, r"above $\sigma^2$: not log-concave", size="small", va="top")
    axes.set(xscale="log", xlabel=r"$\sigma^2$ (white is 1)", ylim=(0, 8.5), xlim=(0.235, 8.6))
    axes.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["0.25", "0.5", "1", "2", "4", "8"])
    axes.minorticks_off()
    axes.set_ylabel(r"largest $\lambda_{\max}\mathrm{cov}(X|y)$")
    axes.set_title("(b) The digits", loc="left")
    axes.legend(loc=(0.02, 0.33), fontsize="x-small")


def _law(name):
    return name.replace("rhombus", "rhombus,").replace(", 1/", ", weights 1/")


def _colours(laws):
    """Grey for laws on the line, colours for the others."""
    line = [law for law in laws if law.endswith("points") or law.startswith("two points")]
    other = [law for law in laws if law not in line]
    greys = dict(zip(line, ("0.1", "0.35", "0.5", "0.65"), strict=False))
    return greys | dict(zip(other, CATEGORICAL, strict=False))
