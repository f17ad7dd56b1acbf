import math

import pytest
import torch

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.measurement_hessians import (
    climb_posterior_eigenvalue,
    conditional_hessian,
    largest_posterior_eigenvalue,
    log_concave_variance,
)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normals(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator(seed))


@pytest.mark.parametrize("m", [1, 2, 4])
def test_conditional_hessian_by_automatic_differentiation_of_the_joint_density(m):
    means, std, sigma = normals(1, 3, 2), torch.tensor([0.3, 0.5, 0.8], dtype=torch.float64), 1.3
    mixture = GaussianMixture.isotropic([0.2, 0.3, 0.5], means, std)
    # All measurements together are a mixture in R^(2m), with dense covariances.
    eye, ones = torch.eye(2, dtype=torch.float64), torch.ones(m, m, dtype=torch.float64)
    within = torch.stack([torch.kron(ones, s**2 * eye) for s in std])
    joint = GaussianMixture.full([0.2, 0.3, 0.5], means.repeat(1, m), within)
    ys = normals(2, 5, m, 2)

    def log_joint(last, earlier):
        # The density written out: the mixture's own methods are not differentiable in x.
        offsets = torch.cat([earlier, last]) - joint.means
        matrices = within + sigma**2 * torch.eye(2 * m, dtype=torch.float64)
        quadratic = (offsets * torch.linalg.solve(matrices, offsets)).sum(1)
        return (joint.weights.log() - (quadratic + torch.logdet(matrices)) / 2).logsumexp(0)

    found = conditional_hessian(mixture, ys, sigma)
    for y, hessian in zip(ys, found, strict=True):
        expected = torch.autograd.functional.hessian(
            lambda last, y=y: log_joint(last, y[:-1].flatten()), y[-1]
        )
        assert torch.allclose(hessian, expected, atol=1e-11)


def test_conditional_hessian_names_what_is_wrong():
    mixture = GaussianMixture.standard_normal(2)
    with pytest.raises(ValueError, match=r"\(batch, m, d\)"):
        conditional_hessian(mixture, torch.zeros(3, 2), 1.0)
    with pytest.raises(ValueError, match="m >= 1"):
        conditional_hessian(mixture, torch.zeros(3, 0, 2), 1.0)
    with pytest.raises(ValueError, match="positive"):
        conditional_hessian(mixture, torch.zeros(3, 1, 2), 0.0)


def test_log_concave_variance_is_a_quarter_of_the_squared_diameter():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
    assert log_concave_variance(points) == pytest.approx(6.25, rel=1e-15)
    # No cancellation far from the origin.
    assert log_concave_variance(points + 1e6) == pytest.approx(6.25, rel=1e-9)


def test_largest_eigenvalue_is_the_mixtures():
    points, y, sigma = normals(3, 6, 3), normals(4, 8, 3), 0.9
    mixture = GaussianMixture.isotropic(None, points, 0.0)
    expected = torch.linalg.eigvalsh(mixture.posterior_covariance(y, sigma))[:, -1]
    assert torch.allclose(largest_posterior_eigenvalue(points, y, sigma), expected, atol=1e-13)


def test_climbing_finds_the_tie_of_two_points_and_never_loses_ground():
    points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    start = torch.tensor([[0.7, 0.4]], dtype=torch.float64)
    first = float(largest_posterior_eigenvalue(points, start, 1.0))
    found = [climb_posterior_eigenvalue(points, start, 1.0, n) for n in (1, 20, 200)]
    assert found[0] == pytest.approx(first)
    assert found == sorted(found)
    assert math.isclose(found[-1], 1.0, rel_tol=1e-2)
