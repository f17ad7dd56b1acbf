"""Log-linear steps: the nodes of the library's schedule against 40 digits."""

import numpy as np

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, plain_ticks, subplots

ARMS = {
    "N": (MEASURED, "o", r"exponent $k/N$"),
    "N + 1": (REFUTED_COLOUR, "s", r"exponent $k/(N+1)$"),
}
MARGIN = 1e-10  # of the claim


def draw(result):
    """Largest relative error of the nodes of the log-linear schedule, by the number of steps."""
    data = result.data["nodes"].sel(schedule="log-linear")
    figure, axis = subplots(1, 1, aspect=0.68)
    axis.axhspan(1e-18, MARGIN, color=BOUND, alpha=0.12, lw=0)
    axis.axhline(MARGIN, color=BOUND, ls="--", lw=0.8, label="margin")
    for arm, (colour, marker, label) in ARMS.items():
        error = np.maximum(data.node_error.sel(arm=arm), 1e-17)
        axis.plot(data.steps, error, marker, color=colour, label=label)
    axis.set(xscale="log", yscale="log", xlabel="steps $N$", ylim=(1e-17, 1e2))
    axis.set_ylabel(r"largest relative error of $\sigma_k$")
    plain_ticks(axis.xaxis, data.steps.values)
    axis.legend(loc="center right")
    return figure
