"""DiffPIR's return to the next noise level: old and new noise mixed in fixed proportions."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.row_streams import Streams, check_streams, normal
from theorylab.diffusion.samplers.states import checked_path, finite_states, fitting


def noise_mixing(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    zeta: float | Callable[[float, float], float] = 0.0,
    generator: Streams = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of DiffPIR's sampler along decreasing ``sigmas``.

        x_{t-1} = D + sigma_{t-1} (sqrt(1 - zeta) (x_t - D)/sigma_t + sqrt(zeta) w),   w ~ N(0, I)

    Zhu et al. 2023 (arXiv 2305.08995), algorithm 1, lines 5 to 7, in variance-exploding
    coordinates. With :func:`~theorylab.diffusion.guidance.proximal_guidance` as denoiser it is
    DiffPIR, without guidance the sampler alone: ``zeta = 0`` is DDIM, ``zeta(sigma, sigma_next) =
    1 - (sigma_next/sigma)^2`` DDPM with the posterior variance, ``zeta = 1`` forgets the old noise.

    ``zeta``: share of new noise in [0, 1], or a function of the two levels of a step.
    ``generator``: one for the batch, or one for each row, so that no row's noise depends on the
    others. A step to sigma = 0 draws none. Other arguments, states and errors as in
    :func:`~.ddim.ddim`; ``ValueError`` for a ``zeta`` outside [0, 1].
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    check_streams(x, generator)
    share = zeta if callable(zeta) else lambda sigma, sigma_next: zeta
    steps = [(s, *_split(share(s, after), s, after)) for s, after in pairwise(path)]
    return finite_states(_steps(denoiser, x, steps, generator), path)


def _split(zeta: float, sigma: float, sigma_next: float) -> tuple[float, float]:
    """What is kept of x - D, and the level of the new noise."""
    if not 0 <= zeta <= 1:
        raise ValueError(
            f"zeta must lie in [0, 1], the share of new noise; got {zeta} for the step from sigma "
            f"{sigma:g} to {sigma_next:g}"
        )
    return math.sqrt(1 - zeta) * (sigma_next / sigma), math.sqrt(zeta) * sigma_next


def _steps(
    denoiser: Denoiser, x: Tensor, steps: list[tuple[float, float, float]], generator: Streams
) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    yield x
    for sigma, kept, fresh in steps:
        x = torch.lerp(denoise(x, sigma), x, kept)
        if fresh > 0:
            x = torch.add(x, normal(x.shape[1:], x, generator), alpha=fresh)
        yield x
