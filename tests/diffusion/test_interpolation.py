"""Interpolation against mpmath at 60 digits, exact laws, and the geometry of the arc."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theorylab.diffusion.interpolation import fixed_angle_slerp, lerp, rescaled_lerp, slerp

ALL = [lerp, slerp, rescaled_lerp, fixed_angle_slerp]
mpmath.mp.dps = 60


def exact(function, z1, z2, w):
    """One row by mpmath: arccos of the inner product, no trick of the code under test."""
    z1 = [mpmath.mpf(float(v)) for v in z1]
    z2 = [mpmath.mpf(float(v)) for v in z2]
    w = mpmath.mpf(float(w))
    if function is lerp:
        first, second = 1 - w, w
    elif function is rescaled_lerp:
        length = mpmath.sqrt((1 - w) ** 2 + w**2)
        first, second = (1 - w) / length, w / length
    elif function is fixed_angle_slerp:
        first, second = mpmath.cos(w * mpmath.pi / 2), mpmath.sin(w * mpmath.pi / 2)
    else:
        inner = mpmath.fsum(a * b for a, b in zip(z1, z2, strict=True))
        norms = mpmath.sqrt(mpmath.fsum(a * a for a in z1) * mpmath.fsum(b * b for b in z2))
        angle = mpmath.acos(inner / norms)
        first = mpmath.sin((1 - w) * angle) / mpmath.sin(angle)
        second = mpmath.sin(w * angle) / mpmath.sin(angle)
    return np.array([float(first * a + second * b) for a, b in zip(z1, z2, strict=True)])


def normals(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("function", ALL)
@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    dim=st.integers(2, 6),
    weight=st.floats(-0.5, 1.5),
    seed=st.integers(0, 10**6),
    scale=st.floats(-30, 30),
)
def test_agrees_with_mpmath(function, dim, weight, seed, scale):
    z1, z2 = normals(2, dim, seed=seed) * 10.0**scale, normals(2, dim, seed=seed + 1)
    got = function(z1, z2, weight).numpy()
    for row in range(2):
        oracle = exact(function, z1[row], z2[row], weight)
        size = max(z1[row].abs().max().item(), z2[row].abs().max().item(), np.abs(oracle).max())
        assert np.abs(got[row] - oracle).max() <= 1e-13 * size


@pytest.mark.parametrize("angle", [1e-300, 1e-16, 1e-12, 1e-8, 1e-4, 0.999, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_slerp_is_accurate_at_every_angle(angle, weight):
    z1 = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    z2 = torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    got = slerp(z1, z2, weight)[0]
    oracle = torch.tensor([math.cos(weight * angle), math.sin(weight * angle)]).double()
    if angle > 1e-100:
        oracle = torch.from_numpy(exact(slerp, z1[0], z2[0], weight))
    assert torch.allclose(got, oracle, rtol=2e-15, atol=2e-15)
    # the small coordinate has its own digits: the naive arccos gives angle 0 below 1e-8
    assert got[1].item() == pytest.approx(math.sin(weight * angle), rel=1e-7, abs=1e-320)


@pytest.mark.parametrize("gap", [1e-2, 1e-5, 1e-7])
def test_slerp_loses_only_the_condition_number_near_antipodes(gap):
    angle = math.pi - gap
    z1 = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    z2 = torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    oracle = exact(slerp, z1[0], z2[0], 0.3)
    assert np.abs(slerp(z1, z2, 0.3).numpy()[0] - oracle).max() <= 4e-16 / gap


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("function", ALL)
def test_every_float_dtype_is_rounded_once(function, dtype):
    z1, z2 = normals(5, 3, 4, seed=1).to(dtype), normals(5, 3, 4, seed=2).to(dtype)
    got = function(z1, z2, 0.3)
    assert got.dtype == dtype and got.shape == z1.shape
    assert torch.equal(got, function(z1.double(), z2.double(), 0.3).to(dtype))


@pytest.mark.parametrize("function", ALL)
def test_ends_and_one_weight_per_row(function):
    z1, z2 = normals(4, 2, 3, seed=3), normals(4, 2, 3, seed=4)
    # coefficients are exact at the ends; 1 - 1 = 0 leaves nothing of the other latent
    assert torch.allclose(function(z1, z2, 0.0), z1, rtol=1e-15, atol=0)
    assert torch.allclose(function(z1, z2, 1.0), z2, rtol=1e-15, atol=0)
    weights = torch.tensor([0.0, 0.2, 0.5, 1.3])
    rows = function(z1, z2, weights)
    assert torch.equal(rows, function(z1, z2, weights.reshape(4, 1, 1)))
    for i, w in enumerate(weights.tolist()):
        assert torch.equal(rows[i], function(z1[i : i + 1], z2[i : i + 1], w)[0])


def test_slerp_walks_the_great_circle_at_constant_speed():
    z1, z2 = normals(8, 10, seed=5), normals(8, 10, seed=6)
    z1, z2 = z1 / z1.norm(dim=1, keepdim=True), z2 / z2.norm(dim=1, keepdim=True)
    path = [slerp(z1, z2, w) for w in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for point in path:
        assert torch.allclose(point.norm(dim=1), torch.ones(8).double(), rtol=1e-14)
    steps = torch.stack([(b - a).norm(dim=1) for a, b in itertools.pairwise(path)])
    assert torch.allclose(steps, steps[0].expand(4, 8), rtol=1e-13)
    assert (lerp(z1, z2, 0.5).norm(dim=1) < 0.99).all()  # the chord leaves the sphere


def test_slerp_of_parallel_latents_is_lerp():
    z1 = normals(3, 7, seed=7)
    assert torch.allclose(slerp(z1, z1, 0.3), z1, rtol=1e-15, atol=0)
    assert torch.allclose(slerp(z1, 2 * z1, 0.3), lerp(z1, 2 * z1, 0.3), rtol=1e-14, atol=0)


def test_laws_of_the_squared_norm():
    """The chi-square law of |z|^2: kept by the two fixed-angle paths, lost by the other two."""
    dim, n, w = 64, 20_000, 0.5
    z1, z2 = normals(n, dim, seed=8), normals(n, dim, seed=9)
    band = math.sqrt(math.log(2 / 1e-6) / (2 * n))  # Dvoretzky-Kiefer-Wolfowitz, level 1e-6

    def distance(function):
        norms = function(z1, z2, w).square().sum(dim=1).numpy()
        return stats.kstest(norms, stats.chi2(dim).cdf).statistic

    assert distance(rescaled_lerp) < band
    assert distance(fixed_angle_slerp) < band
    assert distance(slerp) > 2 * band  # limit .083: the spread is wrong
    assert distance(lerp) > 0.9
    # lerp's exact law: variance (1-w)^2 + w^2 = 1/2
    halved = lerp(z1, z2, w).square().sum(dim=1).numpy() * 2
    assert stats.kstest(halved, stats.chi2(dim).cdf).statistic < band


def test_slerp_mean_square_norm_in_dimension_six():
    """E|z|^2 = (d(d-2) - (E chi_d)^2)/(d - 3) at weight 1/2: 6.1592 for d = 6, not 6."""
    dim, n = 6, 400_000
    squared = slerp(normals(n, dim, seed=10), normals(n, dim, seed=11), 0.5).square().sum(dim=1)
    chi = math.sqrt(2) * math.gamma((dim + 1) / 2) / math.gamma(dim / 2)
    expected = (dim * (dim - 2) - chi**2) / (dim - 3)
    error = float(squared.std()) / math.sqrt(n)
    assert abs(float(squared.mean()) - expected) < 5 * error
    assert abs(expected - dim) > 15 * error


@pytest.mark.parametrize("function", ALL)
def test_refusals(function):
    z = normals(2, 3, seed=12)
    with pytest.raises(ValueError, match=r"one shape.*\(2, 3\) and \(3, 3\)"):
        function(z, normals(3, 3), 0.5)
    with pytest.raises(ValueError, match=r"z\[None\]"):
        function(z[0], z[0], 0.5)
    with pytest.raises(TypeError, match="int64"):
        function(z.long(), z, 0.5)
    with pytest.raises(TypeError, match="complex"):
        function(z, z.to(torch.complex128), 0.5)
    with pytest.raises(ValueError, match="finite"):
        function(z, z, float("nan"))
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        function(z, z, torch.zeros(3))
    assert function(z[:0], z[:0], 0.5).shape == (0, 3)


def test_slerp_refuses_antipodes_and_zero():
    z = normals(3, 4, seed=13)
    other = normals(3, 4, seed=14)
    other[1] = -2 * z[1]
    with pytest.raises(ValueError, match=r"opposite directions in row 1 \(1 of 3"):
        slerp(z, other, 0.5)
    other[1] = 0
    with pytest.raises(ValueError, match="end has no direction in row 1"):
        slerp(z, other, 0.5)
    other[1] = float("inf")
    with pytest.raises(ValueError, match="end has no direction in row 1"):
        slerp(z, other, 0.5)
