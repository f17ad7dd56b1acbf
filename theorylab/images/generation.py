"""Running a sampler over many initial noises, in batches that do not change the result."""

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
