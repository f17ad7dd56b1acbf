"""DPS-y_t: ancestral DDPM steps, each followed by a gradient step towards a noised measurement."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.linear_measurement import LinearMeasurement
from theorylab.diffusion.samplers.row_streams import Streams, check_streams, normal
from theorylab.diffusion.samplers.states import checked_path, finite_states, fitting


def dps_yt(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    measurement: LinearMeasurement,
    *,
    strength: float = 1.0,
    generator: Streams = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of DPS-y_t ("extended sampling I") along decreasing ``sigmas``.

        z = D + (sigma_{t-1}/sigma_t)^2 (x_t - D) + sqrt((sigma_t^2 - sigma_{t-1}^2)
                * (1 + sigma_{t-1}^2)/(1 + sigma_t^2)) w
        x_{t-1} = z + kappa_t/(lambda sigma_n^2) H'(y + sigma_{t-1} xi - H z)
        kappa_t = beta_t/alpha_t = (sigma_t^2 - sigma_{t-1}^2)/(1 + sigma_{t-1}^2)

    with w ~ N(0, I_d) and xi ~ N(0, I_m). Zhu, "A geometric perspective on diffusion models",
    algorithm 2, divided by sqrt(alpha_bar): there, in variance-preserving coordinates, z is the
    DDPM step of variance beta_t and ``y_{t-1} = sqrt(alpha_bar_{t-1}) y
    + sqrt(1 - alpha_bar_{t-1}) xi``. As in DDPM, and unlike the algorithm as printed, a step to
    sigma = 0 draws no noise. It is a sampler and no denoiser, because the gradient is taken after
    the step; the denoiser itself is never differentiated. A direction with singular value h of H is
    stable only where ``kappa_t h^2 <= 2 lambda sigma_n^2``, about.

    ``x``: state at ``sigmas[0]``, for generation ``sqrt(1 + sigmas[0]^2) * randn``.
    ``strength``: lambda > 0. Other arguments, states and errors as in
    :func:`~.noise_mixing.noise_mixing`; `StateError` names the step where an unstable run
    overflows.
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    check_streams(x, generator)
    if not (math.isfinite(strength) and strength > 0):
        raise ValueError(f"strength: got {strength}, allowed: a finite lambda > 0")
    measurement.residual(x)  # an operator that does not fit is refused before the first step
    scale = 1 / (strength * measurement.noise**2)
    steps = [(s, after, *_coefficients(s, after, scale)) for s, after in pairwise(path)]
    return finite_states(_steps(denoiser, x, steps, measurement, generator), path)


def _coefficients(sigma: float, sigma_next: float, scale: float) -> tuple[float, float, float]:
    """What is kept of x - D, the level of the new noise, and the step of the gradient."""
    grown = sigma**2 - sigma_next**2
    fresh = math.sqrt(grown * (1 + sigma_next**2) / (1 + sigma**2)) if sigma_next > 0 else 0.0
    return (sigma_next / sigma) ** 2, fresh, scale * grown / (1 + sigma_next**2)


def _steps(
    denoiser: Denoiser,
    x: Tensor,
    steps: list[tuple[float, float, float, float, float]],
    measurement: LinearMeasurement,
    generator: Streams,
) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    yield x
    for sigma, sigma_next, kept, fresh, gain in steps:
        x = torch.lerp(denoise(x, sigma), x, kept)
        if fresh > 0:
            x = torch.add(x, normal(x.shape[1:], x, generator), alpha=fresh)
        residual = measurement.residual(x)
        if sigma_next > 0:
            xi = normal(residual.shape[1:], x, generator)
            residual = torch.add(residual, xi, alpha=sigma_next)
        x = torch.add(x, measurement.pull_back(residual, x), alpha=gain)
        yield x
