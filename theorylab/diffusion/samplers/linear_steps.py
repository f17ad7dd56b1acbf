"""Steps that are sums of states, of what the denoiser returned and of noise, as tables of weights.

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
from theorylab.diffusion.samplers.states import check_finite, draw_, finite_states, fitting

#: Entries of a batch up to which calls cost more than arithmetic, and BLAS stays on one thread.
SMALL = 512
#: Rows are filled up to a multiple of this: without a remainder, which a vector unit takes another
#: way, no entry's rounding depends on its place in the batch.
WHOLE = 64


class LinearSteps(NamedTuple):
    """A path of sums, each a row of ``weights (sums, rows)`` times the rows that are kept.

    Row 0 holds the initial state. Before sum i, row ``slots[i]`` is filled: where ``levels[i]`` is
    a level, with the denoised of the sum before it (first: of the initial state) at that level;
    else where ``spreads[i] > 0`` with that times standard normal noise. A sum is a point at which
    the denoiser is asked, or, where ``states[i]`` is a row, the next state, and is kept there.
    """

    levels: Sequence[float | None]
    spreads: Sequence[float]
    slots: Sequence[int]
    weights: np.ndarray
    states: Sequence[int | None]


class Sum(NamedTuple):
    """One of :class:`LinearSteps`."""

    weights: np.ndarray
    slot: int
    level: float | None = None
    spread: float = 0.0
    state: int | None = None


def linear_steps(sums: Sequence[Sum], rows: int) -> LinearSteps:
    """``sums`` one after another, each over ``rows`` rows."""
    weights, slots, levels, spreads, states = zip(*sums, strict=True) if sums else ([],) * 5
    return LinearSteps(levels, spreads, slots, np.reshape(weights, (-1, rows)), states)


def linear_states(
    denoiser: Denoiser,
    x: Tensor,
    path: list[float],
    steps: LinearSteps,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """Yield ``x`` and the states of ``steps``: `StateError` for the first that is not finite.

    ``path``: the level of each state. Outputs of the denoiser may have another dtype; gradients
    flow from ``x`` and from outputs that record them. ``generator`` draws the noise.
    """
    entries = _entries(x)
    if entries is None:
        rows = [x, *[None] * (steps.weights.shape[1] - 1)]  # not filled yet: their weights are 0
        states = chain([x], _on_tensors(denoiser, x, rows, steps, generator))
        return finite_states(states, path)
    return _on_arrays(denoiser, x, entries, path, steps, generator)


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
    denoiser: Denoiser,
    x: Tensor,
    entries: np.ndarray,
    path: list[float],
    steps: LinearSteps,
    generator: torch.Generator | None,
) -> Iterator[Tensor]:
    shape, count, step = entries.shape, entries.size, 0
    weights = steps.weights.astype(entries.dtype)
    matrix = np.zeros((weights.shape[1], max(-(-count // WHOLE), 1) * WHOLE), entries.dtype)
    rows = [row[:count].reshape(shape) for row in matrix]
    # Not numpy's product: that warns of what is not finite before the error can name it.
    product, sum_of_sizes = get_blas_funcs(("gemv", "asum"), (matrix,))
    columns = matrix.T
    check_finite(x, step, path)
    yield x
    rows[0][...] = entries
    sums = zip(steps.levels, steps.spreads, steps.slots, weights, steps.states, strict=True)
    for i, (level, spread, slot, weight, state) in enumerate(sums):
        if level is not None:
            output = denoiser(x, level)
            try:
                values = output.numpy()
            except (AttributeError, RuntimeError, TypeError):
                # It records gradients, is in bfloat16, or no tensor at all.
                output = check_denoised(output, x, level).to(x.dtype)
                kept = [torch.from_numpy(row.copy()) for row in rows]
                rest = _on_tensors(denoiser, x, kept, steps, generator, i, output)
                yield from finite_states(rest, path, first=step + 1)
                return
            if values.shape != shape:
                check_denoised(output, x, level)
            rows[slot][...] = values
        elif spread > 0:
            draw_(torch.from_numpy(rows[slot]), spread, generator)
        entries = product(1.0, columns, weight)
        x = torch.from_numpy(entries[:count].reshape(shape))
        if state is not None:
            step += 1
            if not math.isfinite(sum_of_sizes(entries)):  # a sum of large ones need not be
                check_finite(x, step, path)
            matrix[state] = entries
            yield x


def _on_tensors(
    denoiser: Denoiser,
    x: Tensor,
    rows: list[Tensor | None],
    steps: LinearSteps,
    generator: torch.Generator | None,
    start: int = 0,
    output: Tensor | None = None,
) -> Iterator[Tensor]:
    """The states from sum ``start`` on, whose ``output`` may be known."""
    denoise = fitting(denoiser, x)
    weights = steps.weights.tolist()
    sums = zip(steps.levels, steps.spreads, steps.slots, weights, steps.states, strict=True)
    for level, spread, slot, weight, state in islice(sums, start, None):
        if level is not None:
            # Kept for later sums, while a denoiser may write its next output into the same memory.
            rows[slot] = (denoise(x, level) if output is None else output).clone()
            output = None
        elif spread > 0:
            rows[slot] = draw_(torch.empty_like(x), spread, generator)
        x = _sum(weight, rows)
        if state is not None:
            rows[state] = x
            yield x


def _sum(weights: list[float], rows: list[Tensor | None]) -> Tensor:
    terms = [(weight, row) for weight, row in zip(weights, rows, strict=True) if weight != 0]
    (weight, row), *others = terms
    if weight == 1 and not others:
        return row.clone()
    total = weight * row
    for weight, row in others:
        total.add_(row, alpha=weight)
    return total
