"""The W2 of gradient_estimation against products of factors and adaptive quadrature."""

import math
from itertools import pairwise

import pytest
import torch
from theorylab.experiments.samplers import gradient_estimation

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.transport import w2_squared_from_quantiles

PATH = [40.0, 8.0, 1.5, 0.3, 0.06, 0.01]


def test_distance_of_a_spectrum_by_products_of_factors():
    eigenvalues = [k**-1.5 for k in range(1, 3073)]
    scale = 768 / sum(eigenvalues)
    squares = []
    for value in eigenvalues:
        std = PATH[0]
        for a, b in pairwise(PATH):
            std *= 1 + (b - a) * a / (value * scale + a * a)
        squares.append((std - math.sqrt(value * scale)) ** 2)
    found, error = gradient_estimation._of_spectrum(1.5)(PATH, 1.0)
    assert found == pytest.approx(math.sqrt(math.fsum(squares)), rel=1e-10)
    assert error == 0


def test_distance_on_the_line_by_adaptive_quadrature():
    weights, means, stds = gradient_estimation.MODES
    law = GaussianMixture.isotropic(weights, [[m] for m in means], stds)

    def pushed(u):  # DDIM's map is increasing
        *_, x = ddim(law, PATH[0] * torch.special.ndtri(u)[:, None], PATH)
        return x[:, 0]

    wanted = math.sqrt(w2_squared_from_quantiles(law.quantile, pushed, 1e-8).value)
    found, error = gradient_estimation._on_the_line(1601)(PATH, 1.0)
    assert found == pytest.approx(wanted, rel=1e-5)
    assert abs(found - wanted) <= error + 1e-6
