"""Admissibility by exact rational arithmetic, closed forms, and the worst case acted out."""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion import admissibility as ad
from theorylab.diffusion import schedules as sc

RATIOS = st.lists(st.fractions(Fraction(1, 20), Fraction(19, 20)), min_size=1, max_size=8)
ETAS = st.fractions(0, 2, max_denominator=50)


def from_ratios(ratios):
    sigmas = [Fraction(7)]
    for ratio in ratios:
        sigmas.append(sigmas[-1] * ratio)
    return sigmas


def worst_ratio(sigmas, eta, sign):
    """sqrt(n) sigma/dist along DDIM on K = {0} in R^1 when sigma*eps = (1 + sign*eta) x."""
    x, extreme = sigmas[0], Fraction(1)
    for sigma, later in pairwise(sigmas):
        x = x + (later - sigma) / sigma * (1 + sign * eta) * x
        if x <= 0:
            return math.inf  # the distance reached 0 while sigma did not, or crossed to regrow
        extreme = max(extreme, later / x, x / later)
    return extreme


@settings(derandomize=True, deadline=None)
@given(RATIOS, ETAS)
def test_smallest_nu_is_what_the_adversary_reaches(ratios, eta):
    sigmas = from_ratios(ratios)
    reached = max(worst_ratio(sigmas, eta, +1), worst_ratio(sigmas, eta, -1))
    assert ad.smallest_nu(sigmas, eta) == reached


@settings(derandomize=True, deadline=None)
@given(RATIOS, ETAS)
def test_smallest_nu_is_the_closed_product(ratios, eta):
    # prod 1/(1 - eta (sigma_i/sigma_{i-1} - 1)), finite while every ratio is below 1 + 1/eta.
    factors = [1 - eta * (1 / ratio - 1) for ratio in ratios]
    expected = math.inf if min(factors) <= 0 else 1 / math.prod(factors)
    assert ad.smallest_nu(from_ratios(ratios), eta) == expected


@settings(derandomize=True, deadline=None)
@given(RATIOS, ETAS, st.fractions(1, 5, max_denominator=40), st.fractions(1, 2, max_denominator=9))
def test_is_admissible_exactly_from_the_smallest_nu_on(ratios, eta, nu, nu0):
    sigmas = from_ratios(ratios)
    smallest = ad.smallest_nu(sigmas, eta, nu0)
    assert ad.is_admissible(sigmas, eta, nu, nu0) == (nu >= smallest)
    if smallest < math.inf:
        assert ad.is_admissible(sigmas, eta, smallest, nu0)
        if smallest > nu0:
            below = smallest - (smallest - 1) / 10**9
            assert not ad.is_admissible(sigmas, eta, below, nu0)


def test_smallest_nu_of_the_ten_step_schedules():
    # By cumulative products, N = 10 (to the digits quoted for these curves).
    grid = sc.ddpm_grid()
    ours = torch.cat([sc.snap_up(sc.log_linear(9, 0.06, 40.0), grid), grid[-1:]])
    schedules = {
        "ddim": (sc.select_steps(grid, 10), (3.51, math.inf, math.inf)),
        "offset": (sc.select_from_time(grid, 10, 854), (2.58, math.inf, math.inf)),
        "edm": (sc.snap_up(sc.edm(10), grid), (1.38, 2.31, 5.93)),
        "ours": (ours, (1.35, 2.21, 5.79)),
    }
    for sigmas, expected in schedules.values():
        for eta, nu in zip((0.02, 0.05, 0.1), expected, strict=True):
            assert ad.smallest_nu(sigmas, eta) == pytest.approx(nu, abs=0.006)


def test_step_too_long_has_no_nu_and_its_neighbour_has_one():
    eta = Fraction(1, 4)
    edge = 1 / (1 + eta)
    assert ad.smallest_nu([Fraction(1), 1 - edge], eta) == math.inf
    assert not ad.is_admissible([Fraction(1), 1 - edge], eta, 10**9)
    just_inside = ad.smallest_nu([Fraction(1), 1 - edge + Fraction(1, 10**6)], eta)
    assert just_inside < math.inf
    # Two steps with negative factors: their plain product is positive again, the clamped is not.
    assert ad.smallest_nu([1.0, 0.1, 0.01], 0.5) == math.inf
    assert ad.distance_factors([1.0, 0.1, 0.01], 0.5).lower == [1, 0, 0]


def test_exact_denoiser_admits_every_schedule_even_to_zero():
    assert ad.smallest_nu([Fraction(5), Fraction(1), Fraction(0)], 0) == 1
    assert ad.is_admissible([Fraction(5), Fraction(1), Fraction(0)], 0, 1)
    assert ad.smallest_nu([Fraction(5), Fraction(0)], Fraction(1, 100)) == math.inf
    assert not ad.is_admissible([Fraction(5), Fraction(0)], Fraction(1, 100), 10**9)


def test_the_left_inequality_never_decides():
    beta, eta = sympy.symbols("beta eta", positive=True)
    gap = (1 - beta) ** 2 - (1 - beta * (1 - eta)) * (1 - beta * (1 + eta))
    assert sympy.simplify(gap - (eta * beta) ** 2) == 0


@settings(derandomize=True, deadline=None)
@given(st.floats(0.01, 3), st.floats(1.01, 20), st.integers(1, 400), st.floats(1, 1.009))
def test_log_linear_beta_is_the_largest_admissible_step(eta, nu, n, nu0):
    beta = ad.log_linear_beta(eta, nu, n, nu0)
    with mpmath.workdps(60):
        sigmas = lambda b: [(1 - mpmath.mpf(b)) ** k for k in range(n + 1)]
        check = lambda b: ad.is_admissible(sigmas(b), mpmath.mpf(eta), nu, mpmath.mpf(nu0))
        # The last bits of beta move nu by about n eta/(1 - ...) of them: stay 1e-9 off the edge.
        assert check(beta * (1 - 1e-9))
        assert not check(beta * (1 + 1e-9))


def test_log_linear_beta_solves_its_equation():
    eta, nu, nu0, n = sympy.symbols("eta nu nu0 n", positive=True)
    c = 1 - (nu0 / nu) ** (1 / n)
    beta = c / (eta + c)
    one_step = sympy.simplify((1 - beta * (1 + eta)) / (1 - beta) - (nu0 / nu) ** (1 / n))
    assert one_step == 0
    value = float(beta.subs({eta: 0.1, nu: 2, nu0: 1, n: 28}))
    assert ad.log_linear_beta(0.1, 2, 28) == pytest.approx(value, rel=1e-13)


def test_a_constant_free_of_the_number_of_steps_fails():
    # eta = .1, nu = 2, beta = .2 is admissible up to 27 steps and not from 28 on.
    schedule = lambda n: [Fraction(4, 5) ** k for k in range(n + 1)]
    assert ad.is_admissible(schedule(27), Fraction(1, 10), 2)
    assert not ad.is_admissible(schedule(28), Fraction(1, 10), 2)
    assert ad.log_linear_beta(0.1, 2, 28) < 0.2 < ad.log_linear_beta(0.1, 2, 27)


def test_many_steps_span_at_most_nu_to_the_one_over_eta():
    limit = ad.largest_noise_ratio(0.1, 2, math.inf)
    assert limit == pytest.approx(2**10, rel=1e-14)
    ratios = [ad.largest_noise_ratio(0.1, 2, n) for n in (10, 100, 1000, 10**5)]
    assert ratios == sorted(ratios)
    assert 1 / ratios[-1] == pytest.approx(9.7682e-4, abs=1e-8)
    # The gap is O(1/N): ten times the steps leave a tenth of it.
    gaps = [limit - ad.largest_noise_ratio(0.1, 2, n) for n in (10**4, 10**5)]
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.01)
    assert abs(ratios[-1] / 2 ** (1 / 1.1) - 1) > 1  # the false neighbour nu^(1/(1+eta))


def test_log_linear_needs_the_smallest_nu_among_random_schedules():
    generator = torch.Generator().manual_seed(3)
    best = ad.smallest_nu(sc.log_linear(20, 0.01, 40.0), 0.05)
    assert best == pytest.approx(1.6831, abs=5e-5)
    for _ in range(300):
        logs = torch.rand(21, dtype=torch.float64, generator=generator).cumsum(0)
        logs = (logs - logs[0]) / (logs[-1] - logs[0])
        assert ad.smallest_nu(40 * torch.exp(-logs * math.log(4000)), 0.05) > best
    assert ad.smallest_nu(sc.edm(20, 0.01, 40.0, rho=7.0), 0.05) == pytest.approx(1.715, abs=1e-3)
    assert ad.smallest_nu(sc.edm(20, 0.01, 40.0, rho=1.0), 0.05) == math.inf


def test_initial_band_scales_the_answer():
    sigmas = sc.log_linear(10, 0.1, 10.0)
    assert ad.smallest_nu(sigmas, 0.1, 1.3) == pytest.approx(1.3 * ad.smallest_nu(sigmas, 0.1))


@pytest.mark.parametrize(
    "call",
    [
        lambda: ad.smallest_nu([1.0, 2.0], 0.1),
        lambda: ad.smallest_nu([2.0, 1.0], -0.1),
        lambda: ad.smallest_nu([2.0, 1.0], math.nan),
        lambda: ad.smallest_nu([2.0, 1.0], 0.1, nu0=0.5),
        lambda: ad.is_admissible([2.0, 1.0], 0.1, 0.9),
        lambda: ad.log_linear_beta(0.1, 2.0, 0),
        lambda: ad.log_linear_beta(0.1, 1.5, 10, nu0=2.0),
        lambda: ad.largest_noise_ratio(0.1, math.nan, math.inf),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError):
        call()
