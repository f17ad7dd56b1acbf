"""Oracles of distillation_targets that no verdict judges."""

import numpy as np
import pytest
import torch
from scipy import integrate
from theorylab.experiments.samplers import distillation_targets as targets


def test_denoiser_by_hand_is_a_ratio_of_integrals():
    weights, means, stds = targets.TEACHERS["line"]
    x, sigma = 0.3, 0.8

    def joint(x0, power):
        prior = sum(
            w * np.exp(-((x0 - m[0]) ** 2) / (2 * s**2)) / s
            for w, m, s in zip(weights, means, stds, strict=True)
        )
        return x0**power * prior * np.exp(-((x - x0) ** 2) / (2 * sigma**2))

    top, bottom = (integrate.quad(joint, -8, 8, args=(p,), epsabs=1e-13)[0] for p in (1, 0))
    found = targets.denoiser_by_hand(targets.TEACHERS["line"], np.array([[x]]), sigma)
    assert float(found[0, 0]) == pytest.approx(top / bottom, rel=1e-9)


@pytest.mark.parametrize("data", targets.TEACHERS)
def test_path_by_hand_reaches_the_flow_as_steps_grow(data):
    law = targets.TEACHERS[data]
    x = 10 * np.random.default_rng(0).standard_normal((3, len(law[1][0])))
    slope = lambda s, z: ((z := z.reshape(3, -1)) - targets.denoiser_by_hand(law, z, s)).ravel() / s
    exact = integrate.solve_ivp(slope, (10, 0.05), x.ravel(), rtol=1e-9, atol=1e-11).y[:, -1]
    errors = [
        np.abs(
            targets.path_by_hand(law, x, np.geomspace(10, 0.05, n + 1))[-1].ravel() - exact
        ).max()
        for n in (200, 400)
    ]
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.1)


def test_false_targets_of_progressive_distillation_miss_two_steps():
    teacher = targets.GaussianMixture.isotropic(*targets.TEACHERS["line"])
    path, x = [2.0, 1.0, 0.5], torch.tensor([[0.7]], dtype=torch.float64)
    two = targets.path_by_hand(targets.TEACHERS["line"], x.numpy(), path)[-1]
    for student in (targets.without_denominator(teacher, path), targets.mean_output(teacher, path)):
        one = targets.euler_step(student, x, 2.0, 0.5)
        assert abs(float(one[0, 0] - two[0, 0])) > 1e-3
