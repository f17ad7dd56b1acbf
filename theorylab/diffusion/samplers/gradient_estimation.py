"""The gradient-estimation sampler: DDIM along an extrapolated noise prediction."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.states import (
    add_noise,
    checked_path,
    finite_states,
    fitting,
)


def gradient_estimation(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    gamma: float = 2.0,
    mu: float = 0.0,
    generator: torch.Generator | None = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of the gradient-estimation sampler.

        eps_bar = gamma eps(x_t, sigma_t) + (1 - gamma) eps(x_{t+1}, sigma_{t+1})
        x_{t-1} = x_t + (sigma' - sigma_t) eps_bar + sqrt(sigma_{t-1}^2 - sigma'^2) w
        sigma'  = (sigma_{t-1} / sigma_t^mu)^(1/(1-mu)),      w ~ N(0, I)

    with ``eps_bar = eps(x_N, sigma_N)`` in the first step. Permenter & Yuan 2024 (arXiv
    2306.04848), Algorithm 2 at ``gamma = 2, mu = 0``, where no noise is added; ``gamma = 1`` is
    DDIM (``mu = 0``) or DDPM (``mu = 1/2``). One evaluation a step: the last prediction is kept.
    On equal steps ``gamma = 3/2`` is the two-step Adams-Bashforth method.

    A step to sigma = 0 is taken like any other: with ``gamma != 1`` it does not end in the
    denoiser's output. ``final_denoise=True`` appends such a step. ``generator`` draws the noise of
    ``mu > 0``, as in :func:`~.ancestral.ddpm`.

    Raises ``ValueError`` for a ``gamma`` that is not finite and a ``mu`` outside [0, 1); the rest
    as in :func:`~.ddim.ddim`.
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    if not math.isfinite(gamma):
        raise ValueError(f"gamma must be finite (1 is DDIM, 2 is Algorithm 2), got {gamma}")
    if not 0 <= mu < 1:
        raise ValueError(f"mu must lie in [0, 1) (0 adds no noise, 1/2 is DDPM), got {mu}")
    steps, before = [], None
    for sigma, sigma_next in pairwise(path):
        kept = (sigma_next / sigma) ** (mu / (1 - mu))
        h, spread = kept * sigma_next - sigma, sigma_next * math.sqrt(1 - kept**2)
        # What multiplies sigma eps = x - D of this step and of the one before.
        new, old = (
            (h / sigma, 0.0) if before is None else (gamma * h / sigma, (1 - gamma) * h / before)
        )
        steps.append((sigma, new, old, spread))
        before = sigma
    return finite_states(_steps(denoiser, x, steps, generator), path)


def _steps(
    denoiser: Denoiser,
    x: Tensor,
    steps: list[tuple[float, float, float, float]],
    generator: torch.Generator | None,
) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    yield x
    before = x  # the first step's old is 0, which skips it
    for sigma, new, old, spread in steps:
        residual = x - denoise(x, sigma)
        x = torch.add(x, residual, alpha=new)
        if old != 0:
            x.add_(before, alpha=old)
        if spread > 0:
            x = add_noise(x, spread, generator)
        before = residual
        yield x
