"""The experiment's own formulas: the sphere's denoiser, the adversary, the padding, the nodes."""

import itertools
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy import integrate
from theorylab.experiments.schedules import admissible_schedule as module

import theorylab
from theorylab.diffusion.manifolds import PointCloud, Sphere
from theorylab.diffusion.schedules import log_linear


@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0, 40.0])
@pytest.mark.parametrize("dim", [1, 2, 16])
def test_posterior_mean_on_a_sphere_by_quadrature(dim, sigma):
    """E[cos t] under exp(R |u| cos t / sigma^2) sin(t)^(k-2) dt, k = dim + 1."""
    sphere = Sphere(dim, 2.0, ambient_dim=dim + 3)
    generator = torch.Generator().manual_seed(dim)
    x = torch.randn(3, dim + 3, dtype=torch.float64, generator=generator) * (1 + sigma)
    found = module.uniform_on_sphere(x, sigma, sphere)
    u = x[:, : dim + 1]
    for row, mean in zip(u, found, strict=True):
        z = 2.0 * float(row.norm()) / sigma**2
        weight = lambda t, z=z: math.exp(z * (math.cos(t) - 1)) * math.sin(t) ** (dim - 1)
        edges = [0, *(min(math.pi, c / math.sqrt(1 + z)) for c in (1, 4, 12)), math.pi]
        parts = list(itertools.pairwise(edges))
        total, first = (
            sum(integrate.quad(f, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in parts if b > a)
            for f in (weight, lambda t: math.cos(t) * weight(t))  # noqa: B023
        )
        expected = torch.zeros(dim + 3, dtype=torch.float64)
        expected[: dim + 1] = 2.0 * first / total * row / row.norm()
        torch.testing.assert_close(mean, expected, rtol=1e-9, atol=1e-9)


def test_sphere_far_from_the_origin_of_its_series():
    """Where the series takes over, Bessel's ratio in high precision."""
    sphere = Sphere(3, 2.0)
    x = torch.tensor([[1.0, 2.0, 2.0, 0.0]], dtype=torch.float64)
    sigma = 1e-4
    z = mp.mpf(6) / mp.mpf(sigma) ** 2
    with mp.workdps(40):
        # I_2/I_1 at large z by Hankel's series with four terms.
        series = lambda v: sum(
            (-1) ** j
            * mp.fprod(4 * v**2 - (2 * i + 1) ** 2 for i in range(j))
            / (mp.factorial(j) * (8 * z) ** j)
            for j in range(5)
        )
        ratio = float(series(2) / series(1))
    found = module.uniform_on_sphere(x, sigma, sphere)
    assert float(found.norm()) == pytest.approx(2 * ratio, rel=1e-15)


def test_worst_case_of_one_step_by_hand():
    sigmas = [Fraction(4), Fraction(2)]
    # beta = 1/2, eta = 1/2: the distance falls from 4 to 1 or to 3 while sigma falls to 2.
    assert module.worst_distances(sigmas, Fraction(1, 2), +1, 4) == [4, 1]
    assert module.worst_distances(sigmas, Fraction(1, 2), -1, 4) == [4, 3]
    assert module.reached(sigmas, Fraction(1, 2)) == 2
    assert module.reached(sigmas, Fraction(1, 2), signs=(-1,)) == Fraction(3, 2)
    # A step onto the point, or past it, leaves no nu.
    assert module.reached(sigmas, Fraction(1)) is None
    assert module.reached(sigmas, Fraction(3, 2)) is None


def test_rational_schedules_hold_both_kinds():
    kinds = {module.reached(s, eta) is None for s, eta in module.rational_schedules()}
    assert kinds == {True, False}


def test_padding_rests_at_the_last_state():
    point = PointCloud(torch.zeros(1, 2, dtype=torch.float64))
    normals = torch.ones(1, 2, dtype=torch.float64)
    sigma, distance, eta = module.follow(
        lambda x, sigma: 0.1 * x, point, normals, log_linear(3, 1.0, 8.0), 5
    )
    assert sigma.tolist() == pytest.approx([8, 4, 2, 1, 1, 1])
    # sigma eps = 0.9 x: each half step leaves 1 - 0.45.
    assert (distance[:, 0] / distance[0, 0]).tolist() == pytest.approx(
        [1, 0.55, 0.55**2, 0.55**3, 0.55**3, 0.55**3]
    )
    assert eta.shape == (6, 1) and np.allclose(eta, 0.1)
    with pytest.raises(ValueError, match="padded"):
        module.follow(lambda x, sigma: 0 * x, point, normals, log_linear(3, 1.0, 8.0), 2)


def test_denoiser_is_called_once_a_state():
    calls = []
    point = PointCloud(torch.zeros(1, 2, dtype=torch.float64))

    def denoiser(x, sigma):
        calls.append(sigma)
        return 0.1 * x

    module.follow(denoiser, point, torch.ones(1, 2).double(), log_linear(3, 1.0, 8.0), 3)
    assert calls == pytest.approx([8, 4, 2, 1])


def test_oracle_nodes_against_the_digitised_plot():
    """log sigma of the document's own schedule at N = 10, read off its plot (within a pixel)."""
    plotted = [3.691, 2.970, 2.250, 1.525, 0.799, 0.078, -0.643, -1.368, -2.084, -2.761, -4.605]
    with mp.workdps(30):
        nodes = module.nodes_in_high_precision(10)["ours"]
    assert [float(mp.log(s)) for s in nodes] == pytest.approx(plotted, abs=0.03)
    assert float(module.ddpm_levels()[-1]) == pytest.approx(157.41, abs=0.01)


def test_every_claim_names_its_entry():
    for claim in theorylab.load("admissible_schedule").claims:
        assert claim.entries
        assert any(claim.id.startswith(entry) for entry in claim.entries)
