"""Two sigma: how often does Gaussian noise lie within two standard deviations?

This file runs as it stands. Replace, from top to bottom, what is measured, how it is judged and
what is claimed; this docstring's first line is the experiment's title.
"""

import numpy as np
import xarray as xr

from theorylab import Control, Experiment, Source, checks

experiment = Experiment()


# A MEASUREMENT runs once in every cell of its grid and returns a dataset. Every axis of the grid
# is an argument; `rng` is the cell's own random stream, seeded by what the cell is. A PRESET gives
# the sizes: `--preset quick` must take seconds, `default` minutes; `paper`, if given, hours.
# `quick=None` leaves out what is too long for a preset.
@experiment.measure(
    grid={"sigma": [0.1, 1.0, 10.0]},
    quick={"draws": 1_000_000},
    default={"draws": 10_000_000},
)
def noise(sigma, draws, rng):
    inside = np.abs(sigma * rng.standard_normal(draws)) <= 2 * sigma
    return xr.Dataset({"inside": int(inside.sum()), "draws": draws})


# A CHECK judges stored data: it receives the dataset of the measurement that it names, and values
# that the claims bind. `help(theorylab.checks)` lists what it may return. The MARGIN is the
# smallest slip that matters. Fix it before you look, with its reason: less than the distance to
# the nearest false statement, more than the width that your sample sizes leave.
def coverage(noise, probability):
    return checks.proportion(
        noise.inside,
        noise.draws,
        probability,
        margin=0.002,
        reason="less than half of the 0.0045 by which the rule of thumb is off",
    )


# A CLAIM binds values for the check. A CONTROL is a false neighbour of it, and the same check must
# refute it: without a refuted control nothing counts as supported.
corrected = experiment.claim(
    "two-sigma-corrected",
    r"P(|\sigma\epsilon| \le 2\sigma) = 0.9545",
    source=Source("textbooks", "the 68-95-99.7 rule"),
    form="corrected",
    check=coverage,
    probability=0.9545,
    controls=[Control("0.01 less", probability=0.9445)],
)

# The statement as it is printed. A refutation of it counts because its TWIN, the corrected
# statement, is supported by the same check. If it holds as printed, one claim with
# `expected="supported"` (or None, where you do not know) and controls is enough.
experiment.claim(
    "two-sigma-as-stated",
    r"P(|\sigma\epsilon| \le 2\sigma) = 0.95",
    source=Source("textbooks", "the 68-95-99.7 rule"),
    form="as stated",
    check=coverage,
    probability=0.95,
    expected="refuted",
    twin=corrected,
)
