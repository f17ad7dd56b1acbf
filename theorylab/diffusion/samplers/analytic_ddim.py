"""Analytic-DDIM: DDIM's mean with the variance that the optimal reverse step has."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.ancestral import ancestral_split, check_eta
from theorylab.diffusion.samplers.states import (
    add_noise,
    checked_path,
    finite_states,
    fitting,
)


def analytic_ddim(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    noise_power: Tensor | Iterable[float],
    eta: float = 0.0,
    generator: torch.Generator | None = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of Analytic-DDIM (``eta = 0``) or Analytic-DDPM (``eta = 1``).

        x_{t-1} = x_t + (sigma_down - sigma_t) eps(x_t, sigma_t) + s_t w,     w ~ N(0, I)
        s_t^2   = sigma_up^2 + (sigma_t - sigma_down)^2 (1 - noise_power_t)

    with ``(sigma_down, sigma_up)`` the split of :func:`~.ancestral.ancestral`; at ``eta = 0``,
    ``s_t = (sigma_t - sigma_{t-1}) sqrt(1 - noise_power_t)``. Bao et al. 2022 (arXiv 2201.06503),
    theorem 1 and eq. 8 in variance-exploding coordinates: ``(sigma_t - sigma_down)^2
    (1 - noise_power_t)`` is ``(1 - sigma_down/sigma_t)^2`` times the mean posterior variance of
    x0, so that on data N(m, s^2 I) every marginal is exact for any steps.

    ``noise_power``: ``E|eps(x_t, sigma_t)|^2 / n`` at each level where a step starts (n numbers in
    x), between 0 and 1: for the ideal denoiser it is ``1 - mmse(sigma)/(n sigma^2)``. A step to
    sigma = 0 adds no noise and returns the denoiser's output, as the authors' code does.

    Raises ``ValueError`` for a ``noise_power`` of another length or outside [0, 1], an ``eta`` that
    is negative or not finite; ``generator`` and the rest as in
    :func:`~.ancestral.ddpm`.
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    check_eta(eta)
    powers = torch.as_tensor(
        noise_power if isinstance(noise_power, Tensor) else list(noise_power), dtype=torch.float64
    ).tolist()
    if len(powers) != len(path) - 1:
        raise ValueError(
            f"noise_power needs one number for each of the {len(path) - 1} steps, got {len(powers)}"
        )
    steps = []
    for (sigma, sigma_next), power in zip(pairwise(path), powers, strict=True):
        if not 0 <= power <= 1:  # also refuses NaN
            raise ValueError(
                f"noise_power must lie in [0, 1] (E|eps|^2/n of a posterior mean), got {power} "
                f"at sigma {sigma:g}"
            )
        down, up = ancestral_split(sigma, sigma_next, eta)
        spread = (up**2 + (sigma - down) ** 2 * (1 - power)) ** 0.5 if sigma_next > 0 else 0.0
        steps.append((sigma, down / sigma, spread))
    return finite_states(_steps(denoiser, x, steps, generator), path)


def _steps(
    denoiser: Denoiser,
    x: Tensor,
    steps: list[tuple[float, float, float]],
    generator: torch.Generator | None,
) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    yield x
    for sigma, ratio, spread in steps:
        x = torch.lerp(denoise(x, sigma), x, ratio)
        if spread > 0:
            x = add_noise(x, spread, generator)
        yield x
