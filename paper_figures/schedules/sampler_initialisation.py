"""Figure of sampler_initialisation: how normal noised data are."""

import numpy as np

from theorylab.figures import THEORY, arm, plain_ticks, subplots


def draw(result):
    """KL of noised data from normal laws, and the leading terms."""
    d = result.data["divergences"]
    figure, axes = subplots()
    sigma = np.geomspace(2.3, 45, 100)
    third = float(d.third_cumulant.sel(law="skew"))
    rows = (
        ("off centre", "plain", 0.25 / (2 * sigma**2), r"mean $\neq 0$: $\sigma^{-2}$"),
        ("two points", "plain", 1 / (4 * sigma**4), r"centred: $\sigma^{-4}$"),
        ("skew", "matched", third**2 / (12 * sigma**6), r"moments matched: $\sigma^{-6}$"),
        ("two points", "matched", 1 / (12 * sigma**8), r"and symmetric: $\sigma^{-8}$"),
    )
    for k, (law, to, leading, name) in enumerate(rows):
        axes.plot(sigma, leading, color=THEORY, lw=0.8, zorder=0)
        axes.plot(d.sigma, d[to].sel(law=law), **arm(k), ls="", label=name)
    axes.plot([], [], color=THEORY, lw=0.8, label="leading term")
    axes.set(xscale="log", yscale="log", xlabel=r"noise level $\sigma$")
    axes.set_ylabel(r"$\mathrm{KL}(p_\sigma\,\|\,\mathrm{normal\ law})$")
    plain_ticks(axes.xaxis, d.sigma.values)
    axes.legend(loc="lower left")
    return figure
