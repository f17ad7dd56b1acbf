"""Log-concavity: does enough Gaussian blurring bring it, and does it last as measurements add up?

Document 004 says that enough blurring leads to log-concavity, and that a chain of measurements gets
more and more log-concave. Blurring needs bounded support: atoms at powers of two with light tails
have unbounded posterior variance at every sigma, and Cauchy's law is never log-concave. For hull
[-1, 1] the variance 1 = D^2/4 suffices, and is not sharp where the farthest pair hides a point
between. Once log-concave, always log-concave: on the line; in the plane four atoms lose it again at
the third measurement, while the trace of the posterior covariance never grows.

Suprema over all y are enclosed by branch and bound in ball arithmetic. The sharp thresholds of
mixtures stand in `logconcavity_thresholds`, of images in `image_logconcavity`.
"""

import math

import numpy as np
import xarray as xr
from flint import arb, fmpq
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.checks.enclosures import down, up
from theorylab.checks.suprema import Piece, supremum
from theorylab.diffusion import blurred_examples as examples
from theorylab.diffusion.ball_laws import (
    posterior_covariance,
    posterior_weights,
    third_central_moment,
)
from theorylab.diffusion.blurred_examples import LINES

experiment = Experiment()

CHAIN = (1, 2, 3, 5, 8, 12)  # numbers of measurements
#: Atoms at (+-a, 0) of total weight p and at (0, +-1) of total weight 1 - p.
RHOMBI = {
    "rhombus 1.1": (fmpq(11, 10), fmpq(5138, 10_000)),
    "rhombus 1.2": (fmpq(6, 5), fmpq(4, 5)),
    "rhombus 1.3": (fmpq(13, 10), fmpq(1, 2)),
}
#: sigma^2 of each chain: the first law is log-concave, mostly by little.
START = dict(zip([*LINES, *RHOMBI], (1.001, 1.001, 0.2835, 0.1255, 0.6, 1.12, 0.9), strict=True))
RATIOS = (0.1, 0.25, 0.5, 0.9, 0.98, 1.001, 2.0, 8.0)  # variance / (D^2/4) of bounded laws
GROWING = tuple(16.0**k for k in range(len(RATIOS)))  # variances for unbounded laws
SIDES = (-1e-4, 1e-4)  # relative distance to a threshold at which it is tested

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"law": [*LINES, "powers of two", "Cauchy"]})
def curvatures(law):
    """sup_y sigma^2 (log q)''(y), certified; of unbounded laws a value that it exceeds."""
    bounded = law in LINES
    if bounded:
        low, high = np.transpose([_largest_variance(LINES[law], v) for v in RATIOS]) / RATIOS - 1
    else:
        witness = _between_powers if law == "powers of two" else _beyond_cauchys_core
        low = high = [witness(v) for v in GROWING]
    return xr.Dataset(
        {
            "low": ("level", low, {"long_name": "sup of sigma^2 (log q)'', at least"}),
            "high": ("level", high, {"long_name": "sup of sigma^2 (log q)'', at most"}),
            "variance": ("level", list(RATIOS if bounded else GROWING)),
            "ratio": ("level", list(RATIOS) if bounded else [0.0] * len(GROWING)),
            "bounded": bounded,
        }
    )


def _between_powers(variance):
    """Below sup_y Var(X | y)/v - 1 for atoms 2^k of weight exp(-4^k/2)."""
    level = math.ceil(math.log(variance, 4)) + 3
    share = examples.pair_share(arb(0.5) + 1 / (2 * arb(variance)), level)
    return down(share * 4**level / (4 * variance) - 1)


def _beyond_cauchys_core(variance):
    places = np.linspace(1, 12, 45) * math.sqrt(variance)
    return max(down(examples.cauchy_curvature(y, variance)) for y in places)


def _largest_variance(law, variance, tolerance=1e-6):
    """Floats below and above sup_y Var(X | y) for a law of LINES."""
    v, (atoms, weights) = arb(float(variance)), map(np.array, zip(*_floats(law), strict=True))
    value = lambda y: posterior_covariance(law, [y], v)[0][0]
    slope = lambda y: [third_central_moment(law, y, v) / v]
    scan = np.linspace(-1 - 8 * variance, 1 + 8 * variance, 4001)
    p = special.softmax(np.log(weights) - (scan[:, None] - atoms) ** 2 / (2 * variance), axis=1)
    start = float(scan[(p @ atoms**2 - (p @ atoms) ** 2).argmax()])
    # Beyond the box the outermost atom's share only grows, and Var <= (1 - share) D^2.
    rest = lambda end, atom: up(4 * (1 - posterior_weights(law, [arb(end)], v)[atom]))
    end = abs(start) + 1.0
    while max(rest(-end, 0), rest(end, -1)) > down(value(arb(start))):
        end *= 2
    return supremum([Piece(value, [(-end, end)], [(start,)], slope)], tolerance)


def _floats(law):
    return [(float(arb(a)), float(arb(w))) for (a,), w in zip(*law, strict=True)]


@experiment.measure()
def collinear():
    """sup_y Var(X | y)/v - 1 for -1, 0, 1 of equal weights, about candidate thresholds."""
    exact, law = examples.three_point_threshold(), LINES["three points"]
    candidates = {"closed form": exact, "D^2/4": 1.0, "prior": 2 / 3}
    levels = [[v * (1 + s) for s in SIDES] for v in candidates.values()]
    ends = [[np.array(_largest_variance(law, v, 1e-7)) / v - 1 for v in row] for row in levels]
    return xr.Dataset(
        {
            "excess": (("candidate", "side", "end"), ends),
            "threshold": ("candidate", [*candidates.values()]),
        },
        {"candidate": [*candidates], "side": list(SIDES), "end": ["low", "high"]},
    )


@experiment.measure(grid={"law": [*LINES, *RHOMBI]})
def chains(law):
    """Suprema over y of the largest eigenvalue and the trace of Cov(X | y_1..y_m), certified."""
    if law in LINES:
        ends = [[_largest_variance(LINES[law], START[law] / m) for m in CHAIN]] * 2
    else:
        ends = np.stack([_largest_in_rhombus(*RHOMBI[law], START[law] / m) for m in CHAIN], 1)
    dims, ends = ("statistic", "measurements"), np.array(ends)
    return xr.Dataset(
        {
            "low": (dims, ends[..., 0], {"long_name": "sup over y, at least"}),
            "high": (dims, ends[..., 1], {"long_name": "sup over y, at most"}),
            "variance": START[law],
            "dim": 1 if law in LINES else 2,
        },
        {"statistic": ["eigenvalue", "trace"], "measurements": list(CHAIN)},
    )


def _largest_in_rhombus(a, p, variance):
    """Floats below and above the suprema over the plane of the eigenvalue and of the trace."""
    statistics = examples.rhombus_statistics(a, p, arb(float(variance)))
    starts = [(r / 16, c / 16) for r in range(17) for c in range(17)]
    box = [(0, 1), (0, 1)]
    return [
        supremum([Piece(function, box, starts) for function in functions], 1e-3)
        for functions in statistics.values()
    ]


# ---- checks ------------------------------------------------------------------------------------


def log_concave(curvatures, bounded_only, at_least=1.0):
    """sup_y sigma^2 (log q)'' <= 0: bounded laws, sigma^2 >= at_least D^2/4; unbounded, ever."""
    data = curvatures
    return checks.enclosed(
        data.low,
        data.high.where(data.bounded, np.inf),
        (-math.inf, 1e-5),
        "suprema are enclosed to 1e-5 or better",
        where=data.bounded & (data.ratio >= at_least) | ~data.bounded & (not bounded_only),
    )


def spread_between_powers(share=0.95):
    """sup_y Var(X | y) >= share 4^k / 4 for every k and every sigma^2 >= 1: atoms 2^j, exp(-4^j/2).

    One ball for decay = 1/2 + 1/(2 sigma^2) in [1/2, 1] covers every sigma; k = 2, ..., 20.
    """
    decay = arb(0.75, 0.25)
    balls = [examples.pair_share(decay, level) - share for level in range(2, 21)]
    return checks.certificate(balls, (0.0, math.inf), "a lower bound on the variance of the pair")


def collinear_fold(collinear, candidate):
    """Not log-concave just below the candidate threshold, log-concave just above."""
    excess = collinear.excess.sel(candidate=candidate)
    sign = xr.DataArray([-1.0, 1.0], {"side": list(SIDES)}, "side")
    ends = (sign * excess).transpose("end", "side")
    reason = "the sides are a relative 1e-4 from the threshold, suprema enclosed to 1e-6"
    return checks.enclosed(ends.min("end"), ends.max("end"), (-math.inf, 0.0), reason)


def stays_log_concave(chains, dim):
    """If q_sigma is log-concave, sup_y Cov(X | y_1..y_m) <= sigma^2 for every m."""
    data = chains.sel(law=chains.dim == dim, statistic="eigenvalue")
    first = data.high.sel(measurements=1) <= data.variance
    return checks.enclosed(
        data.low / data.variance - 1,
        data.high / data.variance - 1,
        (-math.inf, 0.0),
        "suprema are enclosed to 1e-6 on the line and 1e-3 in the plane",
        where=first.broadcast_like(data.low),
    )


def spread_decreases(chains, statistic):
    """sup_y of a statistic of Cov(X | y_1..y_m) does not grow with m."""
    data = chains.sel(statistic=statistic).drop_vars("measurements")
    later, earlier = (data.isel(measurements=slice(*ends)) for ends in ((1, None), (None, -1)))
    scale = data.variance
    return checks.enclosed(
        (later.low - earlier.high) / scale,
        (later.high - earlier.low) / scale,
        (-math.inf, 5e-3),
        "suprema are enclosed to 1e-3, and equal for two points; increases sought are 2e-2",
    )


# ---- claims -----------------------------------------------------------------------------------

SLIDE = Source("004", "slide 'More and more log-concave'")
concavity = experiment.about("blurring-gives-logconcavity", SLIDE, kind="limit")
threshold = experiment.about("logconcave-threshold-k-components", SLIDE)
chain = experiment.about(
    "once-logconcave-always",
    Source("004", "slides 'More and more log-concave' and 'Main benefit'"),
    kind="inequality",
)

concave = concavity(
    "corrected",
    r"\mathrm{diam}\,\mathrm{supp} X \le D,\ \sigma^2 \ge D^2/4 \Rightarrow q_\sigma"
    r"\text{ is log-concave}",
    conditions="laws on the line with two to five atoms; suprema over all y by branch and bound",
    check=log_concave,
    bounded_only=True,
    controls=[
        Control(r"\sigma^2 \ge 0.98\, D^2/4", bounded_only=True, at_least=0.98),
        Control(r"\sigma^2 \ge D^2/8", bounded_only=True, at_least=0.5),
    ],
)
concavity(
    "as-stated",
    r"\forall X\ \exists\sigma_0:\ q_\sigma \text{ is log-concave for } \sigma \ge \sigma_0",
    conditions=r"witnesses: the sub-Gaussian atoms 2^k of weight exp(-4^k/2), and Cauchy's law",
    check=log_concave,
    bounded_only=False,
    expected="refuted",
    twin=concave,
)
concavity(
    "every-sigma",
    r"X = 2^k \text{ with probability} \propto e^{-4^k/2}:"
    r"\ \sup_y\mathrm{Var}(X|y) = \infty \text{ for every } \sigma \ge 1",
    conditions="Var(X|y) >= .95 4^k/4 at the tie of levels k and k+1, k = 2 to 20, all sigma >= 1",
    check=spread_between_powers,
    controls=[Control(r"\ge 1.01 \cdot 4^k/4: more than the pair has", share=1.01)],
)
threshold(
    "collinear",
    r"Z \in \{-1, 0, 1\} \text{ equally likely}:\ v_* = \tfrac1{4(1-4e^{-1/v_*})} = .28312",
    conditions="the farthest pair hides a point between, so that D^2/4 = 1 is not sharp",
    check=collinear_fold,
    candidate="closed form",
    controls=[
        Control(r"v_* = D^2/4", candidate="D^2/4"),
        Control(r"v_* = \mathrm{Var} Z", candidate="prior"),
    ],
)
ALWAYS = (
    r"q_\sigma \text{ log-concave} \Rightarrow p(y_m|y_{1:m-1}) \text{ log-concave for every } m"
)
on_line = chain(
    "corrected",
    r"d = 1:\ " + ALWAYS,
    conditions="laws on the line with two to five atoms; m up to 12",
    check=stays_log_concave,
    dim=1,
    controls=[Control("d = 2: atoms on the two axes", dim=2)],
)
chain(
    "reading",
    ALWAYS,
    conditions="'large enough' read as: q_sigma is log-concave; witness: atoms (+-1.1, 0) of "
    "weight .2569 and (0, +-1) of .2431, sigma^2 = .6, at m = 3",
    check=stays_log_concave,
    dim=2,
    expected="refuted",
    twin=on_line,
)
chain(
    "trace",
    r"\sup_y \mathrm{tr}\,\mathrm{cov}(X|y_{1:m}) \text{ never grows with } m",
    conditions="the same laws, on the line and in the plane; true in every dimension",
    check=spread_decreases,
    statistic="trace",
    controls=[
        Control(r"\lambda_{\max} \text{ for the trace}", statistic="eigenvalue"),
    ],
)
