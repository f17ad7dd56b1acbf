r"""The law of a stochastic sampler whose steps are affine: no sampling is needed to know it.

On normal data with a diagonal covariance the denoiser multiplies every coordinate by a number, and
a step is ``x' = a x + b w`` with ``w ~ N(0, I)``, a and b numbers for each coordinate. A normal
start stays normal, its variances going by ``v' = a^2 v + b^2``. Both numbers are read off the
sampler itself, from two runs with the same noise: their difference is multiplied by a, and what is
left of one is b w.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise

import torch
from torch import Tensor

#: What is left of a step beyond its affine part may be rounding, relative to the states.
ROUNDING = 1e-11


#: Rows that share a and b: their draws differ, so that a step of another form shows.
ROWS = 4


def affine_steps(
    sample: Callable[[Tensor, torch.Generator], Iterable[Tensor]], x: Tensor, *, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Factors a and noise levels b of a sampler's steps, both ``(steps, *event)``.

    ``sample(x, generator)`` yields the states of a batch ``x (rows, *event)``, drawing at most one
    standard normal tensor of its shape a step. ``x (*event)``: float64, no entry 0, of about the
    size of the states. Raises ``ValueError`` where a step is not of this form: a denoiser that is
    not linear in every coordinate, a sampler with memory, or several draws a step.
    """
    x = x.expand(ROWS, *x.shape)
    draws = torch.Generator().manual_seed(seed)
    states = zip(
        sample(x, torch.Generator().manual_seed(seed)),
        sample(torch.zeros_like(x), torch.Generator().manual_seed(seed)),
        strict=True,
    )
    factors, levels = [], []
    for k, ((moved, still), (moved_after, still_after)) in enumerate(pairwise(states)):
        tolerance = ROUNDING * float(moved.abs().max() + still.abs().max())
        factor = ((moved_after - still_after) / (moved - still)).mean(0)
        fresh = still_after - factor * still
        if float(fresh.abs().max()) > tolerance:
            noise = torch.empty_like(x).normal_(generator=draws)
            level = (fresh * noise).sum(0) / noise.square().sum(0)
            fresh = fresh - level * noise
        else:
            level, noise = torch.zeros_like(factor), torch.zeros_like(x)
        left = moved_after - (factor * moved + level * noise)
        if not max(float(fresh.abs().max()), float(left.abs().max())) <= tolerance:
            raise ValueError(
                f"step {k} is not a x + b w with one draw of noise: the denoiser must be linear in "
                "each coordinate, and the sampler without memory and with one draw a step"
            )
        factors.append(factor)
        levels.append(level)
    return torch.stack(factors), torch.stack(levels)


def normal_variances(factors: Tensor, levels: Tensor, variance: Tensor | float) -> Tensor:
    """Variances ``(steps + 1, *event)`` of the states of :func:`affine_steps` from N(0, variance).

    ``v' = a^2 v + b^2``; the first is ``variance``, for all coordinates or for each.
    """
    variances = [torch.as_tensor(variance, dtype=torch.float64).expand(factors.shape[1:])]
    for factor, level in zip(factors, levels, strict=True):
        variances.append(factor.square() * variances[-1] + level.square())
    return torch.stack(variances)
