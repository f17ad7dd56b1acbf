"""The experiment's own formulas and oracles, by other roads."""

import numpy as np
import pytest
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


@pytest.mark.parametrize(
    "name",
    [
        "log_concavity",
        "unimodality",
        "logconcavity_thresholds",
        "image_logconcavity",
        "conditional_hessians",
        "conditioning_uncertainty",
    ],
)
def test_every_claim_has_an_entry(name):
    assert all(claim.entries for claim in theorylab.load(name).claims)
