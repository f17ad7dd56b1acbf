"""Figures of data_steps: the gradient step is too long, and where it is unstable."""

import numpy as np

from theorylab.figures import MEASURED, REFUTED_COLOUR, THEORY, arm, shows, subplots


@shows(
    "dps-yt-gradient-vs-prox-as-stated",
    "dps-yt-gradient-vs-prox-corrected",
    "dps-yt-gradient-vs-prox-stability",
)
def draw(result):
    r"""(a) How much longer than the proximal step the gradient step of DPS-$y_t$ is. (b) By what a
    step of each sampler stretches a difference of two states; $\lambda^*$ is where DPS-$y_t$
    becomes stable.
    """
    figure, (lengths, stretches) = subplots(2, 1, aspect=0.58)
    _lengths(lengths, result.data["one_step"])
    _stretches(stretches, result.data["growth"])
    return figure


def _lengths(axes, steps):
    at, found = steps.rho_over_h2.values.ravel(), steps.too_long.values.ravel()
    grid = np.geomspace(at.min() / 3, at.max() * 3, 200)
    axes.plot(grid, 1 + 1 / grid, color=THEORY, label=r"$1+h^2/\rho$")
    axes.plot(at, found, "o", color=MEASURED, label="measured")
    axes.axhline(1, color=REFUTED_COLOUR, ls="--", label="as printed: the same step")
    axes.set(xscale="log", yscale="log", xlabel=r"$\rho/h^2$", ylabel="gradient / proximal step")
    axes.set_title(r"(a) Not the proximal step")
    axes.legend()


def _stretches(axes, growth):
    noise = growth.noise.values[0]
    one = growth.sel(noise=noise)
    limit = rf"$\lambda^*={float(one.threshold):.3g}$"
    for k, (sampler, name) in enumerate(
        (
            ("DPS-y_t, 1.01 lambda*", rf"DPS-$y_t$, {limit}"),
            ("sigma_bar_t", r"DPS-$y_t$, $\sigma_t=\bar\sigma_t$"),
            ("DiffPIR", r"DiffPIR, $\lambda^*/1000$"),
        )
    ):
        axes.plot(one.time, one.stretch.sel(arm=sampler), markevery=0.1, label=name, **arm(k))
    axes.axhspan(1, 1e9, color=REFUTED_COLOUR, alpha=0.12, lw=0)
    axes.text(0.99, 2, "unstable", ha="right", color=REFUTED_COLOUR, size="small")
    axes.set(yscale="log", xlabel=r"time $t/T$", ylabel="growth of a difference", ylim=(1e-3, 1e9))
    axes.set_title(rf"(b) One step of {growth.sizes['time']}, noise $\sigma_n={noise:g}$")
    axes.legend(loc="upper left", bbox_to_anchor=(0.02, 0.98))
