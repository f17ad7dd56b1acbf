"""Nominal against measured error rates of every Monte Carlo kind, at .05 and .01.

For each kind: samples whose true deviation from the target is known at each of three points, and
four claims about them:

- true (deviation 0, margin 0): refuted in at most a share alpha of the replicates;
- exactly on the margin at one point, inside at the others: neither supported nor refuted in more
  than a share alpha (an intersection-union test is only as strong as its worst point);
- false at one of the points, by three margins: never supported beyond alpha, and refuted;
- true with room to spare: supported.

Counts are compared with binomial quantiles at 1e-6.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

from theorylab import checks

POINTS = 3


class Drawn(NamedTuple):
    """Arguments of the kind before ``margin``, for given true deviations."""

    kind: object
    args: tuple
    options: dict


def array(values, *more):
    return xr.DataArray(values, dims=("replicate", "point", *more))


def chi_square_mean(rng, replicates, deviation):
    dof = 4000
    total = (1 + deviation) * rng.chisquare(dof, (replicates, POINTS))
    return Drawn(checks.chi_square_mean, (array(total), dof, float(dof)), {})


def chi_square_mean_of_squares(rng, replicates, deviation):
    z = np.sqrt(1 + deviation) * rng.standard_normal((400, replicates, POINTS))
    return Drawn(checks.chi_square_mean, (array((z**2).sum(0)), 400, 400.0), {})


def normal_mean(rng, replicates, deviation):
    average = 7 + 2 * deviation + 0.02 * rng.standard_normal((replicates, POINTS))
    return Drawn(checks.normal_mean, (array(average), 0.02, 7.0), {"scale": 2.0})


def proportion(rng, replicates, deviation):
    n = 3000
    count = rng.binomial(n, 0.3 + deviation, (replicates, POINTS))
    return Drawn(checks.proportion, (array(count), n, 0.3), {})


def rare_proportion(rng, replicates, deviation):
    n = 3000
    count = rng.binomial(n, 0.001 + deviation, (replicates, POINTS))
    return Drawn(checks.proportion, (array(count), n, 0.001), {})


def bounded_mean(rng, replicates, deviation):
    samples = rng.beta(2, 5, (1000, replicates, POINTS)) + deviation
    n, average, variance, _ = checks.central_moments(array_of_samples(samples))
    return Drawn(checks.bounded_mean, (n, average, variance, 0.0, 1.5, 2 / 7), {})


def mean_of_squares(rng, replicates, deviation, n=2000):
    samples = rng.standard_normal((n, replicates, POINTS)) ** 2 + deviation
    return Drawn(checks.mean, (*checks.central_moments(array_of_samples(samples)), 1.0), {})


def mean_of_lognormals(rng, replicates, deviation):
    samples = np.exp(0.5 * rng.standard_normal((800, replicates, POINTS))) + deviation
    target = math.exp(0.125)
    return Drawn(checks.mean, (*checks.central_moments(array_of_samples(samples)), target), {})


def mean_of_normals(rng, replicates, deviation):
    samples = rng.standard_normal((60, replicates, POINTS)) / 10 + deviation
    return Drawn(checks.mean, (*checks.central_moments(array_of_samples(samples)), 0.0), {})


def paired_mean(rng, replicates, deviation):
    shared = 5 * rng.standard_normal((200, replicates, POINTS))
    first = shared + rng.standard_normal(shared.shape) / 10 + deviation
    return Drawn(checks.paired_mean, tuple(map(array_of_samples, (first, shared))), {})


def observation_t(rng, replicates, deviation):
    shared = rng.standard_normal((8, replicates, POINTS))
    first = shared + rng.standard_normal(shared.shape) / 100 + deviation
    arms = (array_of_samples(a, "seed") for a in (first, shared))
    return Drawn(checks.observation, tuple(arms), {"setting": "trial", "relation": "=="})


def observation_sign(rng, replicates, deviation):
    difference = rng.standard_exponential((40, replicates, POINTS)) - math.log(2)
    first = difference / 100 + deviation
    options = {"setting": "trial", "relation": "==", "method": "sign"}
    arms = (array_of_samples(a, "seed") for a in (first, np.zeros_like(first)))
    return Drawn(checks.observation, tuple(arms), options)


def law_1d(rng, replicates, deviation):
    """A uniform law shifted by delta is delta away in KS distance."""
    n = 500
    samples = rng.random((replicates, POINTS, n)) + deviation[:, None]
    uniform = lambda x: np.clip(x, 0, 1)
    found = np.apply_along_axis(checks.ks_distance, -1, samples, uniform)
    return Drawn(checks.law_1d, (array(found), n), {})


def law_1d_two_samples(rng, replicates, deviation):
    n, m = 500, 900
    first = rng.random((replicates, POINTS, n)) + deviation[:, None]
    second = rng.random((replicates, POINTS, m))
    found = [
        [checks.ks_distance_two_samples(*pair) for pair in zip(a, b, strict=True)]
        for a, b in zip(first, second, strict=True)
    ]
    return Drawn(checks.law_1d, (array(found), n), {"m": m})


def law(rng, replicates, deviation):
    """Two features; only the second is shifted."""
    n = 500
    samples = rng.random((replicates, POINTS, 2, n))
    samples[:, :, 1] += deviation[:, None]
    uniform = lambda x: np.clip(x, 0, 1)
    found = np.apply_along_axis(checks.ks_distance, -1, samples, uniform)
    return Drawn(checks.law, (array(found, "feature"), n), {})


def mmd(rng, replicates, deviation):
    """Normals apart by mu: MMD^2 = 2 b / sqrt(b^2 + 2) (1 - exp(-mu^2 / 2 (b^2 + 2)))."""
    n, b = 150, 1.5
    share = deviation**2 * math.sqrt(b**2 + 2) / (2 * b)
    shift = np.sqrt(-2 * (b**2 + 2) * np.log1p(-share))
    first = rng.standard_normal((replicates, POINTS, n, 1)) + shift[:, None, None]
    second = rng.standard_normal((replicates, POINTS, n, 1))
    found = [
        [checks.mmd_distance(*pair, bandwidth=b) for pair in zip(x, y, strict=True)]
        for x, y in zip(first, second, strict=True)
    ]
    return Drawn(checks.mmd, (array(found), n, n), {})


def array_of_samples(values, dim="sample"):
    return xr.DataArray(values, dims=(dim, "replicate", "point"))


class Case(NamedTuple):
    draw: object
    margin: float  # about twice the interval's half-width, so that both answers can be seen
    exact: bool = False  # the law is continuous and known: the level is reached, not just kept
    replicates: int = 2000


CASES = [
    Case(chi_square_mean, 0.15, exact=True),
    Case(chi_square_mean_of_squares, 0.5, exact=True, replicates=1000),
    Case(normal_mean, 0.07, exact=True),
    Case(proportion, 0.06),
    Case(rare_proportion, 0.007),
    Case(bounded_mean, 0.1, replicates=1000),
    Case(mean_of_squares, 0.25, replicates=500),
    Case(mean_of_lognormals, 0.15, replicates=1000),
    Case(mean_of_normals, 0.1),
    Case(paired_mean, 0.06, replicates=1000),
    Case(observation_t, 0.035, exact=True),
    Case(observation_sign, 0.025),
    Case(law_1d, 0.2, replicates=1000),
    Case(law_1d_two_samples, 0.3, replicates=400),
    Case(law, 0.2, replicates=500),
    Case(mmd, 0.9, replicates=150),
]
IDS = [case.draw.__name__ for case in CASES]


def rates(case, judge_replicates, rng, deviation, margin, alpha):
    deviation = case.margin * np.asarray(deviation)
    drawn = case.draw(rng, case.replicates, deviation)
    return judge_replicates(
        drawn.kind,
        *drawn.args,
        margin=case.margin * margin,
        reason="a simulated claim",
        points=POINTS,
        alpha=alpha,
        **drawn.options,
    )


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_true_claim_is_refuted_no_more_often_than_nominal(case, alpha, judge_replicates, rng):
    found = rates(case, judge_replicates, rng, [0, 0, 0], 0, alpha)
    found.assert_refuted_at_most(alpha)
    assert found.supported == 0
    if case.exact:
        # The points' intervals miss independently, each with probability alpha / points.
        found.assert_refuted_at_least(1 - (1 - alpha / POINTS) ** POINTS)


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_claim_on_the_margin_at_one_point_is_not_decided(case, alpha, judge_replicates, rng):
    found = rates(case, judge_replicates, rng, [0, 1, 0], 1, alpha)
    found.assert_supported_at_most(alpha / 2)
    found.assert_refuted_at_most(alpha)
    if case.exact:
        # One of two sides, one of three points.
        found.assert_supported_at_least(alpha / POINTS / 2)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_claim_on_the_margin_at_every_point_is_not_decided(case, judge_replicates, rng):
    found = rates(case, judge_replicates, rng, [1, 1, 1], 1, 0.05)
    found.assert_supported_at_most(0.05 / 2)
    found.assert_refuted_at_most(0.05)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_claim_false_at_one_point_is_refuted(case, judge_replicates, rng):
    # A law within three margins of another must still be a law: distances stay below 1.
    far = 3 if case.margin * 3 < 1 else 1.2
    margin = 1 if far == 3 else 0.2
    found = rates(case, judge_replicates, rng, [0, 0, far], margin, 0.01)
    found.assert_supported_at_most(0.01)
    assert found.refuted >= 0.98 * case.replicates


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_true_claim_with_room_is_supported(case, judge_replicates, rng):
    found = rates(case, judge_replicates, rng, [0, 0, 0], 1, 0.01)
    assert found.supported >= 0.95 * case.replicates
    found.assert_refuted_at_most(0.01)


def test_a_wrong_level_would_be_seen(judge_replicates, rng):
    """The harness itself: without the correction for three points the level is exceeded."""
    case = CASES[0]
    drawn = case.draw(rng, case.replicates, np.zeros(POINTS))
    options = {"margin": 0, "reason": "r", "points": POINTS}
    uncorrected = judge_replicates(drawn.kind, *drawn.args, alpha=0.05 * POINTS, **options)
    with pytest.raises(AssertionError):
        uncorrected.assert_refuted_at_most(0.05)


def test_a_bare_t_interval_fails_where_the_corrected_one_does_not(judge_replicates, rng):
    """Squared errors: the mean escapes Student's interval upwards twice as often as nominal."""
    drawn = mean_of_squares(rng, 5000, np.zeros(POINTS), n=500)
    n, average, variance, _ = drawn.args[:4]
    q = 0.005
    missed = int((average + -special.stdtrit(n - 1, q) * np.sqrt(variance / n) < 1).sum())
    assert missed > stats.binom.isf(1e-4, average.size, q)
    options = {"reason": "r", "relation": ">=", "points": POINTS}
    corrected = judge_replicates(drawn.kind, *drawn.args, margin=0, alpha=2 * q * POINTS, **options)
    corrected.assert_refuted_at_most(1 - (1 - q) ** POINTS)
