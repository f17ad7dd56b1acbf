"""Figure of ddpm_noise_levels: what a DDPM step matches."""

import numpy as np

from theorylab.figures import REFUTED_COLOUR, THEORY, arm, subplots


def draw(result):
    """Mean squares of a DDPM step over DDIM's: of the update, and of the noise that is left."""
    updates = result.data["updates"]
    figure, axes = subplots()
    r = np.linspace(0.02, 0.993, 400)
    axes.plot(r, (1 + r) / (1 - r), color=THEORY, lw=0.9)
    axes.axhline(1, color=THEORY, lw=0.9)
    axes.axhline(1, color=REFUTED_COLOUR, ls=(0, (3, 3)), lw=1.1, label="the update, as printed: 1")
    for k, (of, label) in enumerate({"moved": "the update", "left": "the noise left"}.items()):
        average = updates.average.sel(of=of)
        axes.plot(updates.ratio, average, **arm(k), ls="", label=f"{label}, measured")
    axes.plot([], [], color=THEORY, lw=0.9, label=r"theory: $\frac{1+r}{1-r}$, and 1")
    axes.set(yscale="log", xlabel=r"$r=\sigma_{t-1}/\sigma_t$", ylim=(0.5, 400), xlim=(0, 1.02))
    axes.set_ylabel("DDPM over DDIM, mean square")
    axes.legend(loc="upper left")
    return figure
