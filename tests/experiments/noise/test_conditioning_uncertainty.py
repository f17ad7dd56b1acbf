"""The experiment's own formulas and oracles, by other roads."""

import numpy as np
import pytest
from theorylab.experiments.noise import conditioning_uncertainty as lab

from theorylab.diffusion.distributions import GaussianMixture


def test_predictive_law_of_the_averages_is_normalised_and_centred():
    rng = np.random.default_rng(1)
    weights, means, stds = lab._mixture("points 2", rng)
    mixture = GaussianMixture.isotropic(weights, means, stds)
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    u = np.array([0.6, 0.8])
    average, of_mean, largest = lab._after(
        mixture, np.zeros(2), u, (shares, means, np.ones(4)), nodes=20
    )
    assert 0 < average <= largest
    assert of_mean > 0
    assert weights.sum() == pytest.approx(1)
