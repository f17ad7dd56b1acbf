"""The experiment's distance, in closed form for normal laws and for a known map of two points."""

import math

import pytest
import torch
from theorylab.experiments.samplers import ode_jump as lab


def test_distance_to_a_scaled_normal_and_to_smeared_points():
    normal = lambda u: 0.8 * torch.special.ndtri(u)
    assert lab.distance("normal", normal, 1e-8)[0] == pytest.approx(0.2, rel=1e-7)
    # +-1 against N(0, 1): E(|Z| - 1)^2 = 2 - 2 sqrt(2/pi).
    found, error = lab.distance("two points", torch.special.ndtri, 1e-8)
    assert found == pytest.approx(math.sqrt(2 - 2 * math.sqrt(2 / math.pi)), rel=1e-7)
    assert 0 <= error < 1e-6


def test_arms_spend_the_same_number_of_evaluations(monkeypatch):
    calls = []
    law = lab.on_the_line("normal")

    class Counting:
        quantile = law.quantile

        def __call__(self, x, sigma):
            calls[-1] += 1
            return law(x, sigma)

    def count(_, output, rtol):
        calls.append(0)
        output(torch.tensor([0.3], dtype=torch.float64))
        return 1.0, 0.0

    monkeypatch.setattr(lab, "on_the_line", lambda _: Counting())
    monkeypatch.setattr(lab, "distance", count)
    lab.budgets("normal", 7, 1e-2)
    assert calls == [13] * (1 + len(lab.JUMPS))
