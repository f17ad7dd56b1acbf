"""Steps that are sums of the last state and of what the denoiser returned, as tables of weights.

What a sampler of many sums costs beyond its denoiser is the number of its operations. On a small
batch a sum is one product of a matrix with weights, asked of BLAS, where a call takes a third of
torch's time; elsewhere it is taken term by term in torch, through which gradients flow.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import get_blas_funcs
from torch import Tensor
from torch.autograd import forward_ad

from theorylab.diffusion.denoisers import Denoiser, check_denoised
from theorylab.diffusion.samplers.states import check_finite, finite_states, fitting

#: Entries of a batch up to which calls cost more than arithmetic, and BLAS stays on one thread.
SMALL = 1024
#: Rows are filled up to a multiple of this: without a remainder, which a vector unit takes another
#: way, no entry's rounding depends on its place in the batch.
WHOLE = 64


class LinearSteps(NamedTuple):
    """A path of sums, each a row of ``weights (sums, rows)`` times the rows kept, the first x.

    Before sum i the denoiser is asked at the sum before it (first at the initial state), at
    ``levels[i]``, and its output is kept in row ``slots[i]``; not where ``levels[i]`` is None.
    Where ``are_states[i]`` the sum is the next state and is kept as x, in row 0.
    """

    levels: Sequence[float | None]
    slots: Sequence[int]
    weights: np.ndarray
    are_states: Sequence[bool]


def linear_steps(sums: list[tuple[float | None, int, np.ndarray, bool]], rows: int) -> LinearSteps:
    """:class:`LinearSteps` of sums one by one: ``(level, slot, weights (rows,), is_state)``."""
    levels, slots, weights, are_states = zip(*sums, strict=True) if sums else ([], [], [], [])
    return LinearSteps(levels, slots, np.reshape(weights, (-1, rows)), are_states)


def linear_states(
    denoiser: Denoiser, x: Tensor, path: list[float], steps: LinearSteps
) -> Iterator[Tensor]:
    """Yield ``x`` and the states of ``steps``: `StateError` for the first that is not finite.

    ``path``: the level of each state. Outputs of the denoiser may have another dtype; gradients
    flow from ``x`` and from outputs that record them.
    """
    entries = _entries(x)
    if entries is None:
        rows = [x] * steps.weights.shape[1]
        states = chain([x], _on_tensors(denoiser, x, rows, steps))
        return finite_states(states, path)
    return _on_arrays(denoiser, x, entries, path, steps)


def _entries(x: Tensor) -> np.ndarray | None:
    """The array behind a small batch; None where there is none that tells all."""
    small = x.numel() <= SMALL and x.dtype in (torch.float32, torch.float64)
    # An array loses the tangents of forward mode without a word, wherever they come in.
    if not small or x.device.type != "cpu" or forward_ad._current_level >= 0:
        return None
    try:
        return x.numpy()
    except RuntimeError:  # it records gradients, or is seen through a transform
        return None


def _on_arrays(
    denoiser: Denoiser, x: Tensor, entries: np.ndarray, path: list[float], steps: LinearSteps
) -> Iterator[Tensor]:
    shape, count, step = entries.shape, entries.size, 0
    weights = steps.weights.astype(entries.dtype)
    matrix = np.zeros((weights.shape[1], (1 + count // WHOLE) * WHOLE), entries.dtype)
    last, rows = matrix[0], [row[:count].reshape(shape) for row in matrix]
    # Not numpy's product: that warns of what is not finite before the error can name it.
    product, sum_of_sizes = get_blas_funcs(("gemv", "asum"), (matrix,))
    columns = matrix.T
    check_finite(x, step, path)
    yield x
    rows[0][...] = entries
    sums = zip(steps.levels, steps.slots, weights, steps.are_states, strict=True)
    for i, (level, slot, weight, is_state) in enumerate(sums):
        if level is not None:
            output = denoiser(x, level)
            try:
                values = output.numpy()
            except (AttributeError, RuntimeError, TypeError):
                # It records gradients, is in bfloat16, or no tensor at all.
                output = check_denoised(output, x, level).to(x.dtype)
                kept = [torch.from_numpy(row.copy()) for row in rows]
                rest = _on_tensors(denoiser, x, kept, steps, i, output)
                yield from finite_states(rest, path, first=step + 1)
                return
            if values.shape != shape:
                check_denoised(output, x, level)
            rows[slot][...] = values
        entries = product(1.0, columns, weight)
        x = torch.from_numpy(entries[:count].reshape(shape))
        if is_state:
            step += 1
            if not math.isfinite(sum_of_sizes(entries)):  # a sum of large ones need not be
                check_finite(x, step, path)
            last[:] = entries
            yield x


def _on_tensors(
    denoiser: Denoiser,
    x: Tensor,
    rows: list[Tensor],
    steps: LinearSteps,
    start: int = 0,
    output: Tensor | None = None,
) -> Iterator[Tensor]:
    """The states after sum ``start``, whose ``output`` may be known."""
    denoise = fitting(denoiser, x)
    weights = steps.weights.tolist()
    sums = zip(steps.levels, steps.slots, weights, steps.are_states, strict=True)
    for level, slot, weight, is_state in islice(sums, start, None):
        if level is not None:
            # Kept for later sums, while a denoiser may write its next output into the same memory.
            rows[slot] = (denoise(x, level) if output is None else output).clone()
            output = None
        x = _sum(weight, rows)
        if is_state:
            rows[0] = x
            yield x


def _sum(weights: list[float], rows: list[Tensor]) -> Tensor:
    terms = [(weight, row) for weight, row in zip(weights, rows, strict=True) if weight != 0]
    (weight, row), *others = terms
    if weight == 1 and not others:
        return row
    total = weight * row
    for weight, row in others:
        total.add_(row, alpha=weight)
    return total
