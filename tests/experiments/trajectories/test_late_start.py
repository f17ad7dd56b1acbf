"""The experiment's own integrals and boundary, by mpmath and by quantiles."""

import mpmath as mp
import pytest
import torch
from theorylab.experiments.trajectories import late_start as lab

from theorylab.diffusion.distributions import GaussianMixture


@pytest.mark.parametrize(("weight", "s"), [(0.5, 0.5), (0.8, 2.0), (0.5, 16.0)])
def test_divergence_is_that_of_mpmath(weight, s):
    mean, total = 2 * weight - 1, 4 * weight * (1 - weight) + s * s
    with mp.workdps(30):
        part = lambda x, a: mp.npdf(x, a, s)

        def integrand(x):
            p = weight * part(x, 1) + (1 - weight) * part(x, -1)
            return p * mp.log(p / mp.npdf(x, mean, mp.sqrt(total)))

        edges = [-1 - 12 * s, -1 - 4 * s, -1, 0, 1, 1 + 4 * s, 1 + 12 * s]
        oracle = float(mp.quad(integrand, edges))
    found = lab.divergence(weight, s, mean, total - s * s)
    assert found == pytest.approx(oracle, rel=1e-8)


def test_boundary_of_the_basins_is_a_quantile():
    # The exact flow keeps quantiles: at every s the boundary is the (1 - w)-quantile of p_s.
    law = GaussianMixture.isotropic([0.2, 0.8], [[-1.0], [1.0]], 0.0)
    found = lab.late_start(weight=0.8, start="noise")
    for s, share in zip(found.s.values, found.share.values, strict=True):
        boundary = law.quantile(torch.tensor([0.2], dtype=torch.float64), float(s))
        assert share == pytest.approx(float(torch.special.ndtr(-boundary / s)), abs=1e-10)
