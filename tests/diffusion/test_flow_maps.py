"""Flow maps against products, each other, and the laws that they must carry along."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.flow_maps import gaussian_flow, line_flow, ode_flow

LINE = GaussianMixture.isotropic([0.2, 0.5, 0.3], [[-2.0], [0.3], [1.0]], [0.3, 0.0, 0.5])


def test_gaussian_flow_has_the_marginals_and_solves_the_ode():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    covariance, mean = root @ root.T, torch.tensor([1.0, -2.0, 0.5]).double()
    x = 5 * torch.randn(4, 3, dtype=torch.float64, generator=generator)
    law = GaussianMixture.full(None, mean[None], covariance[None])
    mapped = gaussian_flow(x, 7.0, 0.05, mean, covariance)
    torch.testing.assert_close(mapped, ode_flow(law, x, [7.0, 0.05])[-1], rtol=0, atol=1e-9)
    # The Mahalanobis length, hence the law, is kept.
    length = lambda v, s: (
        ((v - mean) @ torch.linalg.inv(covariance + s**2 * torch.eye(3))) * (v - mean)
    )
    torch.testing.assert_close(length(mapped, 0.05).sum(1), length(x, 7.0).sum(1))


@given(st.floats(-30, 30), st.floats(0.05, 10), st.floats(0.05, 10))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_line_flow_keeps_both_tails_and_returns(x, start, end):
    point = torch.tensor([x * start], dtype=torch.float64)
    there = line_flow(LINE, point, start, end)
    torch.testing.assert_close(line_flow(LINE, there, end, start), point, rtol=1e-11, atol=1e-11)


def test_line_flow_solves_the_ode_up_and_down():
    x = torch.linspace(-9, 9, 7, dtype=torch.float64)[:, None]
    sigmas = [3.0, 1.0, 0.4, 0.2]
    states = ode_flow(LINE, x, sigmas)
    for state, sigma in zip(states, sigmas, strict=True):
        torch.testing.assert_close(line_flow(LINE, x, 3.0, sigma), state, rtol=0, atol=1e-8)
    back = ode_flow(LINE, states[-1], sigmas[::-1])
    torch.testing.assert_close(back[-1], x, rtol=0, atol=1e-7)


def test_standard_normal_in_closed_form():
    law = GaussianMixture.standard_normal(1)
    x = torch.tensor([[-3.0], [0.1]], dtype=torch.float64)
    expected = x * math.sqrt((1 + 0.25) / (1 + 16))
    torch.testing.assert_close(line_flow(law, x, 4.0, 0.5), expected)
    torch.testing.assert_close(gaussian_flow(x, 4.0, 0.5, 0 * x[0], torch.eye(1)), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: line_flow(LINE, x, -1.0, 1.0), "at least 0"),
        (lambda x: line_flow(LINE, 1e4 * x + 1e4, 1.0, 1.0), "tail probability 0"),
        (lambda x: ode_flow(LINE, x, [1.0, 2.0, 1.5]), "monotone"),
        (lambda x: ode_flow(LINE, x, [1.0, 0.0]), "positive"),
        (lambda x: gaussian_flow(x, 0.0, 1.0, x[0], torch.zeros(1, 1)), "singular"),
    ],
)
def test_what_is_not_allowed_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(2, 1, dtype=torch.float64))
