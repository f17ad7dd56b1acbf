"""Unimodality: does enough Gaussian blurring leave a single mode?

Document 004 says so of every law. Of bounded ones on the line it holds from sigma^2 = D^2/4 on;
atoms at powers of two with weights 2^-k have infinitely many modes at every sigma. Two points of
unequal weights have one mode long before they are log-concave. On the line modes only vanish as
sigma grows; an equilateral triangle gains a fourth before it keeps one.

Modes are counted by root isolation on the line and interval Newton in the plane, in balls; sympy
proves the valleys between powers of two.
"""

import math

import numpy as np
import sympy as sp
import xarray as xr
from flint import arb

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import blurred_examples as examples
from theorylab.diffusion.ball_laws import (
    FiniteLaw,
)
from theorylab.diffusion.blurred_examples import LINES
from theorylab.diffusion.mode_counting import modes_in_plane, modes_on_line

experiment = Experiment()

TRIANGLE = FiniteLaw([(0, 1), (-(3**0.5) / 2, -0.5), (3**0.5 / 2, -0.5)], [1, 1, 1])
RATIOS = (0.1, 0.25, 0.5, 0.9, 0.98, 1.001, 2.0, 8.0)  # variance / (D^2/4) of bounded laws
GROWING = tuple(16.0**k for k in range(len(RATIOS)))  # variances for unbounded laws
SIDES = (-1e-4, 1e-4)  # relative distance to a threshold at which it is tested

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"law": [*LINES, "powers of two"]})
def modes(law):
    """Numbers of modes, certified; -1 as the upper end says that there is none."""
    bounded = law in LINES
    if bounded:
        low = high = [modes_on_line(LINES[law], v) for v in RATIOS]
    else:
        low, high = [examples.valleys_between_powers(v) + 1 for v in GROWING], [-1] * len(GROWING)
    return xr.Dataset(
        {
            "low": ("level", low, {"long_name": "number of modes, at least"}),
            "high": ("level", high, {"long_name": "number of modes, at most"}),
            "variance": ("level", list(RATIOS if bounded else GROWING)),
            "ratio": ("level", list(RATIOS) if bounded else [0.0] * len(GROWING)),
            "bounded": bounded,
        }
    )


@experiment.measure(
    grid={"weight": [0.5, 0.6, 0.8, 0.95, 0.999]},
    paper={"weight": [0.5, 0.51, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999]},
)
def folds(weight):
    """Modes of two points at distance 2 just below and just above candidate thresholds."""
    law = FiniteLaw.on_line([-1, 1], [arb(1 - weight), arb(weight)])
    prior = 4 * weight * (1 - weight)
    candidates = {"fold": examples.two_point_fold(weight, 2.0), "D^2/4": 1.0, "prior": prior}
    count = [[modes_on_line(law, v * (1 + s)) for s in SIDES] for v in candidates.values()]
    return xr.Dataset(
        {
            "modes": (("candidate", "side"), count),
            "variance": ("candidate", [*candidates.values()]),
        },
        {"candidate": [*candidates], "side": list(SIDES)},
    )


@experiment.measure()
def triangle():
    """Modes of an equilateral triangle of circumradius 1, at growing variances."""
    level = [0.1, 0.3, 0.45, 0.49, 0.51, 0.545, 0.546, 0.547, 0.56, 0.7, 0.8]
    return xr.Dataset(
        {"modes": ("variance", [modes_in_plane(TRIANGLE, v) for v in level])}, {"variance": level}
    )


# ---- checks ------------------------------------------------------------------------------------


def one_mode(modes, bounded_only, at_least=1.0):
    """One mode: of bounded laws at sigma^2 >= at_least D^2/4; of an unbounded law, ever."""
    return checks.enclosed(
        modes.low,
        modes.high.where(modes.high >= 0, np.inf),
        (0.5, 1.5),
        "a count of modes; one is claimed",
        where=modes.bounded & (modes.ratio >= at_least) | ~modes.bounded & (not bounded_only),
    )


def valley_symbolic(log_weight=lambda k: k * sp.log(2), gap=lambda k: 2**k):
    """Atoms x_k, x_(k+1) = x_k + gap(k) of weight exp(-log_weight): a valley between, for v <= v_k.

    The density half-way is at most exp(-(gap/2)^2/2v), at the atoms at least their weight. With
    v_k = (gap/2)^2 / (2 (k + 2) log 2) the first is lower; and v_(k+1) >= 2 v_k, so that every
    variance is below some v_k and all later ones.
    """
    k = sp.symbols("k", integer=True, positive=True)
    largest = sp.Rational(1, 4) * gap(k) ** 2 / (2 * (k + 2) * sp.log(2))
    deeper = gap(k) ** 2 / (8 * largest) - log_weight(k + 1)
    growth = sp.simplify(largest.subs(k, k + 1) / largest) - 2
    return checks.proof_nonnegative([sp.expand(deeper), growth], {k: 3})


def two_point_fold(folds, candidate):
    """Two modes just below the candidate threshold, one just above, for every weight."""
    expected = xr.DataArray([2, 1], {"side": list(SIDES)}, "side")
    count = folds.modes.sel(candidate=candidate) - expected
    reason = "counts of modes; the sides are a relative 1e-4 from the threshold"
    return checks.enclosed(count, count, (-0.5, 0.5), reason)


def modes_decrease(modes, triangle, plane=False):
    """The number of modes never grows with the variance: on the line, or of the triangle."""
    line = modes.low.sel(law=modes.bounded).diff("level")
    growth = triangle.modes.diff("variance") if plane else line
    return checks.enclosed(growth, growth, (-math.inf, 0.5), "counts of modes; none may be added")


def triangle_modes(triangle, middle=4, fold=0.5463):
    """Three modes below v = 1/2, ``middle`` up to the fold, one above; circumradius 1."""
    found = triangle.modes
    claimed = xr.where(found.variance < 0.5, 3, xr.where(found.variance < fold, middle, 1))
    return checks.enclosed(found - claimed, found - claimed, (-0.5, 0.5), "counts of modes")


# ---- claims -----------------------------------------------------------------------------------

SLIDE = Source("004", "slide 'More and more log-concave'")
unimodality = experiment.about("blurring-gives-unimodality", SLIDE, kind="limit")

one = unimodality(
    "corrected",
    r"\mathrm{diam}\,\mathrm{supp} X \le D,\ \sigma^2 \ge D^2/4 \Rightarrow q_\sigma"
    r"\text{ has one mode}",
    conditions="laws on the line with two to five atoms; modes counted by root isolation in balls",
    check=one_mode,
    bounded_only=True,
    controls=[
        Control(r"\sigma^2 \ge 0.98\, D^2/4", bounded_only=True, at_least=0.98),
        Control(r"\sigma^2 \ge D^2/8", bounded_only=True, at_least=0.5),
    ],
)
unimodality(
    "as-stated",
    r"\forall X\ \exists\sigma_0:\ q_\sigma \text{ has one mode for } \sigma \ge \sigma_0",
    conditions=r"witness: atoms 2^k of weight 2^{-k}, up to sigma^2 = 16^7 (and see -every-sigma)",
    check=one_mode,
    bounded_only=False,
    expected="refuted",
    twin=one,
)
unimodality(
    "every-sigma",
    r"X = 2^k \text{ with probability } 2^{-k}: q_\sigma \text{ has infinitely many modes}",
    conditions="every sigma: between 2^k and 2^(k+1) there is a valley for sigma^2 <= v_k -> oo",
    check=valley_symbolic,
    controls=[
        Control(r"probability \propto e^{-4^k}", log_weight=lambda k: sp.Integer(4) ** k),
        Control("atoms at equal distances", gap=lambda k: sp.Integer(1)),
    ],
)
unimodality(
    "two-points",
    r"\text{one mode} \iff \big|\log\tfrac{1-w}w\big| \ge"
    r" 2\log(\delta - \sqrt{\delta^2-1}) + 2\delta\sqrt{\delta^2-1},\ \delta = D/(2\sqrt v)",
    conditions="weights from 1/2 to 0.999",
    check=two_point_fold,
    candidate="fold",
    controls=[
        Control(r"one mode iff log-concave: v \ge D^2/4", candidate="D^2/4"),
        Control(r"v \ge \mathrm{Var} X", candidate="prior"),
    ],
)
decrease = unimodality(
    "modes-decrease-corrected",
    r"d = 1:\ \text{the number of modes of } q_\sigma \text{ never grows with } \sigma",
    conditions="laws on the line with two to five atoms (Silverman 1981)",
    check=modes_decrease,
    controls=[Control("in the plane: an equilateral triangle", plane=True)],
)
unimodality(
    "modes-decrease-reading",
    r"\text{the number of modes of } q_\sigma \text{ never grows with } \sigma",
    conditions="read as: blurring brings unimodality about by removing modes, in every dimension",
    check=modes_decrease,
    plane=True,
    expected="refuted",
    twin=decrease,
)
unimodality(
    "triangle",
    r"\text{equilateral, circumradius } 1:\ 3 \text{ modes for } v < .5,\ 4 \text{ for }"
    r" .5 < v < .5463,\ 1 \text{ beyond (log-concave only from } .75)",
    conditions="at the variances of the grid; interval Newton in the plane",
    check=triangle_modes,
    controls=[
        Control("never more modes than components", middle=3),
        Control(r"one mode iff log-concave: v \ge .75", fold=0.75),
    ],
)
