"""Critical noise levels against counted modes, simulated perturbations and direct maximisation."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from theorylab.diffusion import symmetry_breaking as sb
from theorylab.diffusion.ball_laws import FiniteLaw
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.mode_counting import modes_in_plane, modes_on_line


@given(st.floats(0.01, 50.0))
@settings(derandomize=True, deadline=None)
def test_levels_are_roots_of_their_quadratics(v):
    # VP drift z/2 + score: s^4 + 2(1 - v)s^2 - 2v = 0; VP flow: v + (v - 1)s^2 = 0.
    s2 = sb.preserving_sde_level(v) ** 2
    assert s2**2 + 2 * (1 - v) * s2 == pytest.approx(2 * v, rel=1e-10)
    assert sb.exploding_level(v) ** 2 == pytest.approx(v, rel=1e-14)
    flow = sb.preserving_flow_level(v)
    assert math.isinf(flow) if v >= 1 else flow**2 * (1 - v) == pytest.approx(v, rel=1e-12)


@pytest.mark.parametrize("k", [2, 3, 4, 9])
def test_simplex_is_regular_and_centred(k):
    points = sb.simplex(k, 2.5)
    gram = points @ points.T / 2.5**2
    expected = torch.full((k, k), -1 / (k - 1), dtype=torch.float64).fill_diagonal_(1)
    torch.testing.assert_close(gram, expected, rtol=0, atol=1e-14)
    assert points.shape == (k, k - 1)
    assert float(points.sum(0).norm()) < 1e-13


@given(st.integers(2, 12), st.floats(0.01, 0.99))
@settings(derandomize=True, deadline=None)
def test_branch_consists_of_fixed_points(k, m):
    points = sb.simplex(k, 1.3)
    sigma = sb.simplex_levels(k, 1.3).instability * math.sqrt(sb.simplex_branch(m, k))
    x = m * points[:1]
    denoised = GaussianMixture.isotropic(None, points, 0.0)(x, sigma)
    torch.testing.assert_close(denoised, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [3, 4, 10])
def test_appearance_is_the_largest_branch_level_and_heights_are_equal(k):
    levels = sb.simplex_levels(k)
    best = optimize.minimize_scalar(
        lambda m: -sb.simplex_branch(m, k), bounds=(1e-6, 1 - 1e-9), options={"xatol": 1e-9}
    )
    assert (levels.appearance / levels.instability) ** 2 == pytest.approx(-best.fun, rel=1e-12)
    law = GaussianMixture.isotropic(None, sb.simplex(k), 0.0)
    x = torch.cat([torch.zeros(1, k - 1), (k - 2) / (k - 1) * sb.simplex(k)[:1]])
    centre, corner = law.log_density(x, levels.equal_height).tolist()
    assert centre == pytest.approx(corner, abs=1e-12)
    assert levels.appearance > levels.equal_height > levels.instability


def test_modes_are_counted_around_the_levels():
    corners = [tuple(p) for p in sb.simplex(3).tolist()]
    triangle, levels = FiniteLaw(corners, [1] * 3), sb.simplex_levels(3)
    counts = [
        modes_in_plane(triangle, (f * level) ** 2)
        for level in (levels.appearance, levels.instability)
        for f in (1.01, 0.99)
    ]
    assert counts == [1, 4, 4, 3]
    pair = FiniteLaw.on_line([-2, 2], [4, 1])
    level = sb.unequal_pair_level(0.8, 2.0)
    assert [modes_on_line(pair, (f * level) ** 2) for f in (1.001, 0.999)] == [1, 2]
    assert sb.unequal_pair_level(0.5, 2.0) == 2.0


def test_fixed_point_and_its_stability():
    law = GaussianMixture.isotropic(None, [[-1.0], [1.0]], 0.0)
    x, top = sb.fixed_point(
        law, law.posterior_covariance, torch.tensor([[0.9]], dtype=torch.float64), 0.8
    )
    m = float(x)
    assert m / math.atanh(m) == pytest.approx(0.64, rel=1e-12)
    assert top == pytest.approx((1 - m * m) / 0.64, rel=1e-11)
    zero = torch.zeros(1, 1, dtype=torch.float64)
    growth = lambda s: sb.fixed_point(law, law.posterior_covariance, zero, s)[1] - 1
    assert sb.instability_level(growth, 0.3, 2.0) == pytest.approx(1.0, rel=1e-12)
    with pytest.raises(ValueError, match="both sides"):
        sb.instability_level(growth, 1.5, 2.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sb.simplex(1), "at least 2"),
        (lambda: sb.simplex_levels(1), "at least 2"),
        (lambda: sb.unequal_pair_level(1.0), "between 0 and 1"),
        (lambda: sb.exploding_level(0.0), "positive"),
        (lambda: sb.preserving_flow_level(math.nan), "positive"),
    ],
)
def test_what_is_not_allowed_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
