"""The experiment's own formulas and oracles, by other roads."""

import math

import numpy as np
import pytest
import sympy as sp
from flint import arb
from theorylab.experiments.noise import log_concavity as lab

import theorylab


def float_variance(law, y, v):
    atoms = np.array([float(arb(a)) for (a,) in law.atoms])
    log = np.log([float(arb(w)) for w in law.weights]) - (y[:, None] - atoms) ** 2 / (2 * v)
    p = np.exp(log - log.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return p @ atoms**2 - (p @ atoms) ** 2


@pytest.mark.parametrize("law", [*lab.LINES])
@pytest.mark.parametrize("v", [0.08, 1.0, 8.0])
def test_largest_variance_is_that_of_a_wide_grid(law, v):
    y = np.linspace(-30 * max(v, 1), 30 * max(v, 1), 400_001)
    low, high = lab._largest_variance(lab.LINES[law], v)
    largest = float_variance(lab.LINES[law], y, v).max()
    assert low - 1e-6 <= largest <= high
    assert high - low <= 2e-6


def test_largest_in_a_rhombus_is_that_of_a_grid():
    a, p, v = 1.1, 0.5138, 0.3
    atoms = np.array([[a, 0], [-a, 0], [0, 1], [0, -1]])
    y = np.stack(np.meshgrid(*[np.linspace(-6, 6, 161)] * 2), -1).reshape(-1, 2)
    log = np.log([p, p, 1 - p, 1 - p]) - ((y[:, None] - atoms) ** 2).sum(-1) / (2 * v)
    q = np.exp(log - log.max(1, keepdims=True))
    q /= q.sum(1, keepdims=True)
    mean = q @ atoms
    covariance = np.einsum("nk,ki,kj->nij", q, atoms, atoms) - mean[:, :, None] * mean[:, None]
    found = lab._largest_in_rhombus(*lab.RHOMBI["rhombus 1.1"], v)
    largest = np.linalg.eigvalsh(covariance)[:, -1].max(), covariance.trace(0, 1, 2).max()
    for (low, high), value in zip(found, largest, strict=True):
        assert low - 1e-6 <= value <= high


def test_the_catalogues_numbers():
    sups = [lab._largest_in_rhombus(*lab.RHOMBI["rhombus 1.1"], 0.6 / m)[0] for m in (1, 2, 3, 5)]
    for (low, high), value in zip(sups, (0.5688, 0.5732, 0.6153, 0.6942), strict=True):
        assert low - 5e-5 <= value <= high


def test_precise_bound_of_one_point_is_the_gaussian_hessian():
    # S = 0: X is N(z, tau^2), and y_m given the others is Gaussian of variance
    # sigma^2 + (1/tau^2 + (m-1)/sigma^2)^-1.
    tau2, sigma2 = 0.7, 1.9
    for m in (1, 2, 7):
        variance = sigma2 + 1 / (1 / tau2 + (m - 1) / sigma2)
        assert lab.precise_bound(m, 0, tau2, sigma2) == pytest.approx(-1 / variance)


def test_precise_bound_is_negative_from_the_threshold_on_and_falls():
    m = np.arange(1, 50)
    values = lab.precise_bound(m, 9.0, 1.0, 8.0)
    assert values[0] == pytest.approx(0, abs=1e-15)
    assert (np.diff(values) < 0).all()


def test_predictive_law_of_the_averages_is_normalised_and_centred():
    rng = np.random.default_rng(1)
    weights, means, _, mixture = lab._mixture("points 2", rng)
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    u = np.array([0.6, 0.8])
    average, of_mean, largest = lab._after(
        mixture, np.zeros(2), u, (shares, means, np.ones(4)), nodes=20
    )
    assert 0 < average <= largest
    assert of_mean > 0
    assert weights.sum() == pytest.approx(1)


def test_symbols_of_the_two_component_check_follow_the_density():
    symbols, expression, v = lab._two_components(lab.QUARTER)
    distance, _, first, second, _, _, extra = symbols
    values = {first: 2, second: 3, distance: 4, extra: sp.Rational(1, 2)}
    # Posterior shares 2/5 and 3/5 at distance 4: variance 16 * 6/25, over v = 4 + 1/2.
    expected = 1 - 16 * sp.Rational(6, 25) / sp.Rational(9, 2)
    assert sp.simplify(expression.subs(values) - expected) == 0
    assert v.subs(values) == sp.Rational(9, 2)


def test_tie_lies_between_two_means():
    rng = np.random.default_rng(0)
    means = rng.standard_normal((4, 3))
    for _ in range(20):
        u, y = lab._tie(means, 0.1, rng)
        nearest = np.sort(np.linalg.norm(means - y, axis=1))
        assert nearest[1] - nearest[0] < 0.3
        assert math.isclose(np.linalg.norm(u), 1, rel_tol=1e-5)


def test_every_claim_has_an_entry():
    experiment = theorylab.load("log_concavity")
    assert all(claim.entries for claim in experiment.claims)
