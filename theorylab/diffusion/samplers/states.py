"""What every sampler shares: its states are finite, or the error names the step and sigma."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import all_finite


class StateError(ValueError):
    """A sampler's state holds NaN or infinite entries."""


def finite_states(states: Iterable[Tensor], sigmas: list[float]) -> Iterator[Tensor]:
    """Yield ``states`` unchanged, raising `StateError` at the first that is not finite.

    ``sigmas[k]`` is the noise level of state k. On an accelerator, reading a flag at every step
    would stop the queue, so there the flags are read once, after the last state was consumed.
    """
    pending = []
    for step, state in enumerate(states):
        if state.device.type == "cpu":
            if not all_finite(state):
                raise _error(step, sigmas, int((~torch.isfinite(state)).sum()), state.numel())
        else:
            pending.append((~torch.isfinite(state)).sum())
        yield state
    if pending:
        counts = torch.stack(pending).tolist()
        for step, count in enumerate(counts):
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
