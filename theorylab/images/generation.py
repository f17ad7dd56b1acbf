"""Running a sampler over many initial noises, in batches that do not change the result.

And what one sampler has to be told beforehand: the power of the predicted noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser


def initial_noise(count: int, event: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """N(0, I), float32 (count, *event), drawn on the CPU so that devices can be compared."""
    return torch.randn((count, *event), generator=generator)


def last_states(
    sampler: Callable[..., Iterable[Tensor]],
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    batch: int = 250,
    **options,
) -> Tensor:
    """The last state of ``sampler(denoiser, x, sigmas, **options)`` for each row of x.

    x: (N, *event), the states at ``sigmas[0]``. For samplers that draw noise pass a ``generator``:
    it is then used batch after batch. No gradients are kept.
    """
    ends = []
    with torch.inference_mode():
        for part in x.split(batch):
            for state in sampler(denoiser, part, sigmas, **options):
                last = state
            ends.append(last)
    return torch.cat(ends)


def noise_power(
    denoiser: Denoiser,
    images: Tensor,
    sigmas: Iterable[float],
    *,
    generator: torch.Generator,
    batch: int = 250,
) -> list[float]:
    r"""Estimates of :math:`\Gamma_t = E|\epsilon(x_0 + \sigma_t w, \sigma_t)|^2/n`, in [0, 1].

    By the clipped mean over ``images`` (N, *event), one draw of noise each, as Bao et al. 2022
    (arXiv 2201.06503, eq. 8) estimate it before sampling; 1 is the bound of their theorem 2. From
    each term the excess of :math:`|w|^2/n` over its mean of 1 is taken as a control variate: at
    large sigma eps is nearly w, and what is asked for is the small rest. One evaluation an image
    and level.
    """
    n = images[0].numel()
    found = []
    with torch.inference_mode():
        for sigma in map(float, sigmas):
            total = 0.0
            for part in images.split(batch):
                noise = torch.randn(part.shape, generator=generator).to(part)
                x = part + sigma * noise
                eps = (x - denoiser(x, sigma)) / sigma
                total += float((eps.square() - noise.square() + 1).double().sum())
            found.append(min(max(total / (n * len(images)), 0.0), 1.0))
    return found
