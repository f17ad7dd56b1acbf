"""What every sampler shares: a valid path, outputs that fit, states that are finite.

A sampler checks its arguments at once with :func:`checked_path`, computes its coefficients as
Python floats, asks the denoiser through :func:`fitting` and hands its states to
:func:`finite_states`, which names the step and sigma of the first that is not finite.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser, all_finite, check_denoised
from theorylab.diffusion.schedules import append_zero, check_sigmas


class StateError(ValueError):
    """A sampler's state holds NaN or infinite entries."""


def checked_path(
    x: Tensor, sigmas: Tensor | Iterable[float], *, final_denoise: bool = False
) -> list[float]:
    """The noise levels of a sampler's states as Python floats, one for each state.

    Valid ``sigmas``: :func:`~theorylab.diffusion.schedules.check_sigmas`; only the last may be 0.
    ``final_denoise=True`` appends 0. Raises ``ValueError`` for other sigmas, for ``final_denoise``
    where they end at 0 already, and for an ``x`` that is not floating point.
    """
    levels = check_sigmas(sigmas)
    if final_denoise:
        if float(levels[-1]) == 0:
            raise ValueError("sigmas end at 0 already: final_denoise would denoise twice")
        levels = append_zero(levels)
    if not x.is_floating_point():
        raise ValueError(f"x must be floating point, got {x.dtype}")
    return levels.tolist()


def fitting(denoiser: Denoiser, x: Tensor) -> Callable[[Tensor, float], Tensor]:
    """``denoiser``, its outputs in the dtype of ``x``; `DenoiserError` for a wrong type or shape.

    For the states of one path, all of the shape and dtype of the first, ``x``: read once, for
    reading them at every call takes longer than comparing them.
    """
    shape, dtype = x.shape, x.dtype

    def denoise(x: Tensor, sigma: float) -> Tensor:
        denoised = denoiser(x, sigma)
        if not (isinstance(denoised, Tensor) and denoised.shape == shape):
            check_denoised(denoised, x, sigma)
        # A network under autocast answers in bfloat16.
        return denoised if denoised.dtype is dtype else denoised.to(dtype)

    return denoise


def check_finite(state: Tensor, step: int, sigmas: list[float]) -> None:
    """`StateError` for state ``step``, at ``sigmas[step]``, unless it is finite."""
    if not all_finite(state):
        raise _error(step, sigmas, int((~torch.isfinite(state)).sum()), state.numel())


def add_noise(x: Tensor, level: float, generator: torch.Generator | None) -> Tensor:
    """``x + level w``, ``w`` standard normal in the shape and dtype of ``x``; a new tensor."""
    return draw_(torch.empty_like(x), level, generator).add_(x)


def draw_(out: Tensor, level: float, generator: torch.Generator | None) -> Tensor:
    """``out``, filled with ``level w``, ``w`` standard normal.

    Drawn on the generator's device (that of ``out`` without one), so that a CPU generator gives the
    same bits whatever device the sampler runs on.
    """
    if generator is None or generator.device == out.device:
        return out.normal_(0.0, level, generator=generator)
    drawn = torch.empty_like(out, device=generator.device)
    return out.copy_(drawn.normal_(0.0, level, generator=generator))


def finite_states(
    states: Iterable[Tensor], sigmas: list[float], first: int = 0
) -> Iterator[Tensor]:
    """Yield ``states`` unchanged, raising `StateError` at the first that is not finite.

    ``sigmas[k]`` is the noise level of state k, and ``first`` the k of the first one given. On an
    accelerator, reading a flag at every step would stop the queue, so there the flags are read
    once, after the last state was consumed.
    """
    pending, at_once = [], None
    for step, state in enumerate(states, first):
        if at_once is None:
            at_once = state.device.type == "cpu"
        if at_once:
            check_finite(state, step, sigmas)
        else:
            pending.append((~torch.isfinite(state)).sum())
        yield state
    if pending:
        counts = torch.stack(pending).tolist()
        for step, count in enumerate(counts, first):
            if count:
                raise _error(step, sigmas, count, state.numel())


def _error(step: int, sigmas: list[float], count: int, total: int) -> StateError:
    origin = (
        "the initial state"
        if step == 0
        else f"the step from sigma {sigmas[step - 1]:g} to {sigmas[step]:g}"
    )
    return StateError(
        f"state {step} of {len(sigmas) - 1} (sigma {sigmas[step]:g}) holds {count} NaN or infinite "
        f"entries of {total}, first seen after {origin}"
    )
