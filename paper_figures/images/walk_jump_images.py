"""Walk-jump: what one jump keeps by noise level, what a walk finds, and what averaging gains."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from theorylab.figures import BOUND, CATEGORICAL, THEORY, subplots


def draw(result):
    """Jumps by noise level (upper rows: from exact y; lower rows: after a walk)."""
    exact, walked = result.data["jumps"].shown, result.data["walks"].shown
    sigmas = [s for s in walked.sigma.values if s in exact.sigma.values]
    count = exact.sizes["example"]
    figure, axes = subplots(2 * len(sigmas), count, aspect=1.0, squeeze=False)
    for half, shown in enumerate((exact, walked)):
        for i, sigma in enumerate(sigmas):
            row = axes[half * len(sigmas) + i]
            for j, cell in enumerate(row):
                picture = shown.sel(sigma=sigma).isel(example=j)
                cell.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="none")
                cell.set(xticks=[], yticks=[])
            kind = "walked" if half else "exact"
            row[0].set_ylabel(f"{kind}\n" rf"$\sigma={sigma:g}$", fontsize="xx-small")
    return figure


def draw_levels(result):
    """Detail and distance by noise level; error by number of measurements."""
    figure, (levels, means) = subplots(1, 2, aspect=1.2)
    jumps, walks = result.data["jumps"], result.data["walks"]
    kept = (jumps.energy / jumps.true_energy).mean("group")
    levels.plot(jumps.sigma, kept, "o-", color=CATEGORICAL[0], label=r"detail of exact $y$")
    far = walks.kernel.mean("group")
    far = far / float(far.max())
    levels.plot(
        walks.sigma, far, "s--", color=CATEGORICAL[1], label="distance after\na walk (scaled)"
    )
    levels.set(xscale="log", xlabel=r"noise level $\sigma$", ylim=(0, None))
    levels.set_ylabel("share")
    levels.set_xticks(jumps.sigma.values, [f"{s:g}" for s in jumps.sigma.values])
    levels.minorticks_off()
    levels.legend(fontsize="xx-small")

    averages = result.data["averages"]
    m = averages.measurements.values
    for name, label, style, colour in (
        ("single", r"one at $\sigma/\sqrt{m}$", "-", THEORY),
        ("told", r"mean, told $\sigma/\sqrt{m}$", "o", CATEGORICAL[0]),
        ("untold", r"mean, told $\sigma$", "v", BOUND),
    ):
        means.plot(m, averages[name].mean("group"), style, color=colour, label=label)
    means.set(xscale="log", yscale="log", xlabel="measurements $m$")
    means.set_ylabel("mean square error")
    means.set_xticks(m, [str(n) for n in np.asarray(m)])
    means.xaxis.set_minor_locator(NullLocator())
    means.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    means.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    means.yaxis.set_minor_locator(NullLocator())
    means.legend(fontsize="xx-small")
    return figure
