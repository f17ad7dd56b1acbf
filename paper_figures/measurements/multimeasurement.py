"""How loose the W2 bound is for several laws, and what the jump gains as measurements add up."""

import numpy as np

from theorylab.figures import BOUND, THEORY, arm, key, legend_below, plain_ticks, shows, subplots

PHI = (1 + np.sqrt(5)) / 2
LAWS = ("normal", "mixture", "two points", "lattice")
STEPS = {0.0: "no jump", 0.5: "half jump", 1.0: "full jump"}
#: Open markers, so that coinciding ones show.
OPEN = {"ls": "", "mfc": "white", "mew": 1}


@shows("w2-bound-multimeasurement", "w2-bound-multimeasurement-gaussian-constant")
def draw(result):
    r"""Squared $W_2$ distance of the mean of $m$ measurements from the law, over its bound
    $\sigma^2 d/m$, for four laws.
    """
    distances = result.data["distances"]
    figure, axes = subplots(aspect=0.85)
    axes.axhline(1, color=BOUND, ls="--", label=r"bound $\sigma^2 d/m$")
    axes.axhline(PHI**-5, color=THEORY, ls=":", label=r"Gaussian supremum $\varphi^{-5}$")
    t = np.geomspace(0.01, 5, 200)
    axes.plot(t, (1 - (1 + t**2) ** -0.5) ** 2 / t**2, color=THEORY, lw=0.8, label="normal, exact")
    for k, law in enumerate(LAWS):
        d = distances.sel(law=law)
        noise = (d.sigma / np.sqrt(d.m)).stack(point=("m", "sigma"))
        ratio = (d.w2_squared.stack(point=("m", "sigma")) / noise**2).values
        s, first = np.unique(noise.values, return_index=True)
        ratio = ratio[first]
        seen = ratio > 1e-5
        axes.plot(s[seen], ratio[seen], label=law, **arm(k), **OPEN)
    axes.set(xscale="log", yscale="log", ylim=(1e-5, 3))
    axes.set(xlabel=r"noise of the mean, $s=\sigma/\sqrt{m}$", ylabel=r"$W_2^2\,/\,(\sigma^2 d/m)$")
    legend_below(figure, axes.lines)
    return figure


@shows("w2-strong-priors-smooth-rate", "w2-strong-priors-half-jump-rate")
def draw_jumps(result):
    """Squared $W_2$ distance from the law of $X$ of the mean of measurements with noise $s$, after
    no, half and a full jump.
    """
    data = result.data["small_noise"]
    fisher = float(result.data["references"].fisher)
    figure, panels = subplots(1, 2, aspect=1.25, sharey=True)
    priors = ("mixture", "two points")
    titles = ("(a) a smooth prior", "(b) two points")
    for axes, prior, title in zip(panels, priors, titles, strict=True):
        for k, (step, label) in enumerate(STEPS.items()):
            d = data.sel(prior=prior, step=step)
            seen = d.w2_squared.values > 1e-14
            axes.plot(d.s.values[seen], d.w2_squared.values[seen], label=label, **arm(k), **OPEN)
        s = data.s.values
        axes.plot(s, s**2, color=BOUND, ls="--")
        if prior == "mixture":
            axes.plot(s, s**4 * fisher / 4, color=THEORY, lw=0.8)
            half = data.sel(prior=prior, step=0.5).w2_squared.values[-1]
            axes.plot(s, half * (s / s[-1]) ** 8, color=THEORY, ls=":")
        axes.set(xscale="log", yscale="log", xlabel=r"$s=\sigma/\sqrt{m}$", title=title)
        axes.set_ylim(1e-13, 1)
        plain_ticks(axes.xaxis, [0.03, 0.1, 0.3])
    panels[0].set_ylabel("$W_2^2$ to the law of $X$")
    handles, _ = panels[0].get_legend_handles_labels()
    handles += [
        key("bound $s^2$", color=BOUND, ls="--"),
        key("$s^4J/4$, $J$ Fisher's information", color=THEORY, lw=0.8),
        key("slope of $s^8$", color=THEORY, ls=":"),
    ]
    legend_below(figure, handles)
    return figure
