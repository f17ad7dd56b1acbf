"""Figure of two_sigma: the measured proportion, and what the two statements say it is."""

from theorylab import figures
from theorylab.checks.proportions import clopper_pearson


# `result.data` holds the stored dataset of each measurement. A figure measures nothing and draws
# no random numbers, so that it can be drawn again for any venue.
def draw(result):
    """Noise within two standard deviations, with 99.99 % intervals."""
    noise = result.data["noise"]
    measured = noise.inside / noise.draws
    lower, upper = clopper_pearson(noise.inside, noise.draws, 0.5e-4)
    figure, axes = figures.subplots()
    axes.axhline(0.95, color=figures.REFUTED_COLOUR, linestyle="--", label="as stated")
    axes.axhline(0.9545, color=figures.THEORY, label="corrected")
    axes.errorbar(
        noise.sigma,
        measured,
        yerr=[measured - lower, upper - measured],
        fmt="o",
        color=figures.MEASURED,
        label="measured",
    )
    axes.set(xscale="log", xlabel=r"$\sigma$", ylabel=r"share within $2\sigma$")
    axes.set_ylim(0.949, 0.956)
    axes.legend(loc="center", bbox_to_anchor=(0.5, 0.4))
    return figure
