"""How loose the W2 bound of m measurements is, for several laws."""

import numpy as np

from theorylab.figures import BOUND, THEORY, arm, legend_below, shows, subplots

PHI = (1 + np.sqrt(5)) / 2
LAWS = ("normal", "mixture", "two points", "lattice")
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
