r"""Ancestral samplers: a DDIM step to a lower level, then fresh noise up to the next one.

    x_{t-1} = x_t + (sigma_down - sigma_t) eps(x_t, sigma_t) + sigma_up w,     w ~ N(0, I)
    sigma_down^2 + sigma_up^2 = sigma_{t-1}^2

Whatever the denoiser, noise of level sigma_t in x_t becomes noise of level sigma_{t-1}: the split
decides how much of it is new. A step to sigma = 0 draws no noise and returns the denoiser's output.
"""

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


def ddpm(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    generator: torch.Generator | None = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of DDPM with the posterior variance (Ho et al.'s "fixed small").

        x_{t-1} = x_t + (sigma' - sigma_t) eps(x_t, sigma_t) + sqrt(sigma_{t-1}^2 - sigma'^2) w,
        sigma'  = sigma_{t-1}^2 / sigma_t

    Ho, Jain & Abbeel 2020 (arXiv 2006.11239), eqs. 6, 7, 11, in variance-exploding coordinates;
    Permenter & Yuan 2024 (arXiv 2306.04848). ``generator`` draws the noise (torch's global one if
    None) of the whole batch at once: what a row gets depends on the batch that it is in. Arguments,
    states and errors as in :func:`~.ddim.ddim`.
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    splits = [_ddpm_split(sigma, sigma_next) for sigma, sigma_next in pairwise(path)]
    return finite_states(_steps(denoiser, x, path, splits, generator), path)


def ancestral(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    eta: float = 1.0,
    generator: torch.Generator | None = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of the family between DDIM (``eta = 0``) and DDPM (``eta = 1``).

        sigma_up = min(sigma_{t-1}, eta sigma_{t-1} sqrt(1 - sigma_{t-1}^2/sigma_t^2))

    and ``x_{t-1}`` as at the head of this file: the ``eta`` of Song, Meng & Ermon 2021 (arXiv
    2010.02502), eq. 16, whose variance-exploding form is k-diffusion's. Above 1 it is more noise
    than DDPM's, until all of it is new. Raises ``ValueError`` for an ``eta`` that is negative or
    not finite; ``generator`` and the rest as in :func:`ddpm`.
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    check_eta(eta)
    splits = [ancestral_split(sigma, sigma_next, eta) for sigma, sigma_next in pairwise(path)]
    return finite_states(_steps(denoiser, x, path, splits, generator), path)


def ancestral_split(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """``(sigma_down, sigma_up)`` of a step from ``sigma`` to ``sigma_next``; see `ancestral`."""
    ratio = sigma_next / sigma
    up = min(1.0, eta * math.sqrt(1 - ratio**2))
    down = math.sqrt(max(0.0, 1 - eta**2 + (eta * ratio) ** 2))  # no 1 - up^2: that would cancel
    return down * sigma_next, up * sigma_next


def check_eta(eta: float) -> None:
    """Raise ``ValueError`` for a share of new noise that is negative or not finite."""
    if not (math.isfinite(eta) and eta >= 0):
        raise ValueError(
            f"eta must be finite and at least 0 (0 is DDIM, 1 the ancestral DDPM), got {eta}"
        )


def _ddpm_split(sigma: float, sigma_next: float) -> tuple[float, float]:
    ratio = sigma_next / sigma
    return ratio * sigma_next, sigma_next * math.sqrt(1 - ratio**2)


def _steps(
    denoiser: Denoiser,
    x: Tensor,
    path: list[float],
    splits: list[tuple[float, float]],
    generator: torch.Generator | None,
) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    yield x
    for sigma, (down, up) in zip(path, splits, strict=False):  # no step starts at the last level
        x = torch.lerp(denoise(x, sigma), x, down / sigma)
        if up > 0:
            x = add_noise(x, up, generator)
        yield x
