"""PNDM: a pseudo Runge-Kutta start, then Adams-Bashforth with the weights of equal steps."""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.processes import Process, marginal, variance_preserving
from theorylab.diffusion.samplers.ipndm import equal_step_weights
from theorylab.diffusion.samplers.linear_steps import (
    LinearSteps,
    Sum,
    linear_states,
    linear_steps,
)
from theorylab.diffusion.samplers.multistep import noise_form, weights_of_steps
from theorylab.diffusion.samplers.runge_kutta import four_stages, heun_tableau, stage_weights
from theorylab.diffusion.samplers.states import checked_path


def pndm(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    order: int = 4,
    process: Process | None = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of F-PNDM (``order`` 4) or S-PNDM (``order`` 2) along ``sigmas``.

    Every transfer is DDIM's, ``phi(x, e, sigma, sigma') = x + (sigma' - sigma) e``. F-PNDM takes
    its first three steps by a pseudo Runge-Kutta method,

        e1 = eps(x_k, sigma_k),   x1 = phi(x_k, e1, sigma_k, m),   e2 = eps(x1, m),
        x2 = phi(x_k, e2, sigma_k, m),   e3 = eps(x2, m),
        x3 = phi(x_k, e3, sigma_k, sigma_{k+1}),   e4 = eps(x3, sigma_{k+1}),
        e_bar = (e1 + 2 e2 + 2 e3 + e4)/6,

    with m the level of ``process`` half-way in time (by default linear-beta variance preserving),
    and the others by ``e_bar = (55 e_k - 59 e_{k-1} + 37 e_{k-2} - 9 e_{k-3})/24``. S-PNDM takes
    its first step by ``e_bar = (e1 + eps(x1, sigma_{k+1}))/2``, ``x1`` DDIM's step, and the others
    by ``e_bar = (3 e_k - e_{k-1})/2``. Levels uniform in sigma with
    ``process=variance_exploding()`` make F-PNDM the classical methods of order 4; on other grids
    both have order 2, for the weights are those of equal steps.

    Four denoiser calls a Runge-Kutta step (two in S-PNDM's first), one in all others. A
    Runge-Kutta step to ``sigma = 0``, where eps is not defined, is DDIM's, the denoised; later
    steps there are taken like any other. Arguments, states and errors are those of
    :func:`~theorylab.diffusion.samplers.ddim`; ``ValueError`` for another order.

    Source: Liu, Ren, Lin & Zhao 2022 (arXiv 2202.09778), eqs. 9, 12 and 13 and algorithm 2.
    """
    if isinstance(order, bool) or order not in (2, 4):
        raise ValueError(f"order must be 2 (S-PNDM) or 4 (F-PNDM), got {order!r}")
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    # A caller's own process may not be pure: only the default's steps are found again.
    steps = _linear_beta_steps if process is None else partial(_steps, process)
    return linear_states(denoiser, x, path, steps(tuple(path), order))


def _steps(process: Process, path: tuple[float, ...], order: int) -> LinearSteps:
    weights = weights_of_steps(path, order, equal_step_weights)
    weights = np.pad(weights, ((0, 0), (0, order - weights.shape[1])))
    multistep = noise_form(path, weights)  # its rows: the last states, then their outputs
    rows = 2 * order + order - 1  # and the outputs of the later stages
    table = np.pad(multistep.weights, ((0, 0), (0, order - 1)))
    start = min(order, len(path)) - 1
    sums = [*_start(process, path[: start + 1], order, np.eye(rows))]
    for k in range(start, len(path) - 1):
        sums.append(Sum(table[k], multistep.slots[k], path[k], state=multistep.states[k]))
    return linear_steps(sums, rows)


def _start(
    process: Process, path: tuple[float, ...], order: int, kept: np.ndarray
) -> Iterator[Sum]:
    """The Runge-Kutta steps; ``kept``: one at the place of each row."""
    for k, (sigma, sigma_next) in enumerate(pairwise(path)):
        slots = [order + k, *range(2 * order, len(kept))]
        state = (k + 1) % order
        if sigma_next == 0:
            yield Sum(kept[slots[0]], slots[0], sigma, state=state)
            return
        ends = np.array([sigma]), np.array([sigma_next])
        if order == 2:
            levels, increments = heun_tableau(*ends)
        else:
            levels, increments = four_stages(
                *ends, np.array([_half_way(process, sigma, sigma_next)])
            )
        weights = stage_weights(kept[k], [kept[slot] for slot in slots], levels, increments)
        for slot, level, weight in zip(slots, levels, weights, strict=True):
            is_end = slot == slots[-1]
            yield Sum(weight[0], slot, float(level[0]), state=state if is_end else None)


def _half_way(process: Process, sigma: float, sigma_next: float) -> float:
    times = process.time(torch.tensor([sigma, sigma_next], dtype=torch.float64))
    scale, std = marginal(process, times.mean())
    return float(std / scale)


_linear_beta_steps = lru_cache(maxsize=16)(partial(_steps, variance_preserving()))
