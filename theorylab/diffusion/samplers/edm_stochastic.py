"""EDM's stochastic sampler: noise is added back before each of Heun's steps."""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.linear_steps import (
    LinearSteps,
    Sum,
    linear_states,
    linear_steps,
)
from theorylab.diffusion.samplers.states import checked_path


def edm_stochastic(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    churn: float,
    sigma_from: float = math.inf,
    sigma_to: float = 0.0,
    noise_scale: float = 1.0,
    correct: bool = True,
    generator: torch.Generator | None = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of EDM's stochastic sampler.

        gamma   = min(churn/N, sqrt(2) - 1) if sigma_to <= sigma_t <= sigma_from, else 0
        hat     = (1 + gamma) sigma_t
        x_hat   = x_t + sqrt(hat^2 - sigma_t^2) noise_scale w,          w ~ N(0, I)
        y       = x_hat + (sigma_{t-1} - hat) eps(x_hat, hat)
        x_{t-1} = x_hat + (sigma_{t-1} - hat) [eps(x_hat, hat) + eps(y, sigma_{t-1})] / 2

    Karras et al. 2022 (arXiv 2206.00364), Algorithm 2, with ``S_churn, S_tmax, S_tmin, S_noise =
    churn, sigma_from, sigma_to, noise_scale`` and N the number of steps. ``churn = 0`` is
    :func:`~.runge_kutta.heun`. ``correct=False`` stops at y (Euler, half the evaluations); so does
    a step to sigma = 0, where y is the denoiser's output.

    Raises ``ValueError`` for a ``churn`` or ``noise_scale`` that is negative or not finite, and for
    ``sigma_to > sigma_from``; ``generator`` and the rest as in
    :func:`~.ancestral.ddpm`.
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    for name, value in (("churn", churn), ("noise_scale", noise_scale)):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be finite and at least 0, got {value}")
    if not 0 <= sigma_to <= sigma_from:
        raise ValueError(
            f"need 0 <= sigma_to <= sigma_from, got {sigma_to} and {sigma_from}: noise is added "
            "where sigma_to <= sigma <= sigma_from"
        )
    options = float(churn), float(sigma_from), float(sigma_to), float(noise_scale), bool(correct)
    return linear_states(denoiser, x, path, _linear_steps(tuple(path), *options), generator)


@lru_cache(maxsize=16)  # the same levels are walked again and again
def _linear_steps(
    path: tuple[float, ...],
    churn: float,
    sigma_from: float,
    sigma_to: float,
    noise_scale: float,
    correct: bool,
) -> LinearSteps:
    gamma = min(churn / max(len(path) - 1, 1), math.sqrt(2) - 1)
    state, noise, output, second = np.eye(4)
    sums = []
    for sigma, sigma_next in pairwise(path):
        extra = gamma if sigma_to <= sigma <= sigma_from else 0.0
        raised, hat = (1 + extra) * sigma, state
        spread = noise_scale * sigma * math.sqrt(extra * (2 + extra))
        if spread > 0:
            hat = state + noise
            sums.append(Sum(hat, 1, spread=spread))
        kept = sigma_next / raised
        y = kept * hat + (1 - kept) * output
        both = correct and sigma_next > 0
        sums.append(Sum(y, 2, raised, state=None if both else 0))
        if both:  # the mean of x_hat and of two Euler steps in a row
            kept = 2 - raised / sigma_next
            sums.append(Sum((hat + kept * y + (1 - kept) * second) / 2, 3, sigma_next, state=0))
    return linear_steps(sums, 4)
