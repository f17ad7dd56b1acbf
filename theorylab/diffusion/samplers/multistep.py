r"""What multistep samplers share: a history of outputs, and the integrals of Lagrange polynomials.

A linear multistep step from ``sigma_k`` to ``sigma_{k+1}`` is one of

    x_{k+1} = x_k + sum_j w_{k,j} eps_{k-j}                              (noise form)
    x_{k+1} = sigma_{k+1}/sigma_k x_k + sum_j w_{k,j} D_{k-j}            (data form)

with ``eps_i = (x_i - D_i)/sigma_i`` and ``D_i = denoiser(x_i, sigma_i)``. What is kept of an output
costs an operation less a step: the residual ``x_i - D_i``, its weight being ``w/sigma_i``, and in
the data form the difference ``D_i - D_{i-1}`` beside DDIM's step. The weights are Python floats,
computed once; a step has as many as there are outputs to use, so that the first ones are of lower
order.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.states import fitting

#: One row of weights for each step, newest output first.
Table = tuple[tuple[float, ...], ...]


def check_order(order: int, largest: int) -> int:
    """``order`` if it is an integer from 1 to ``largest``, else a ``ValueError``."""
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= largest:
        raise ValueError(f"order must be an integer from 1 to {largest}, got {order!r}")
    return order


def noise_steps(
    denoiser: Denoiser,
    x: Tensor,
    path: Sequence[float],
    weights: Table,
    older: Iterable[Tensor] = (),
) -> Iterator[Tensor]:
    """States of the noise form; ``weights[k][j]`` multiplies the residual ``(x - D)_{k-j}``.

    ``older``: residuals of steps before the first of ``path``, newest first.
    """
    denoise = fitting(denoiser, x)
    yield x
    residuals = list(older)
    for sigma, sigma_next, row in zip(path, path[1:], weights, strict=False):
        denoised = denoise(x, sigma)
        if sigma_next == 0 and len(row) == 1:
            x = denoised  # what x - (x - D) is but for rounding
        else:
            residuals = [x - denoised, *residuals[: len(row)]]
            x = torch.add(x, residuals[0], alpha=row[0])
            for j in range(1, len(row)):
                x.add_(residuals[j], alpha=row[j])
        yield x


def data_steps(
    denoiser: Denoiser, x: Tensor, path: Sequence[float], weights: Table
) -> Iterator[Tensor]:
    """States of the data form: DDIM's step, and ``weights[k][j]`` times ``D_{k-j} - D_{k-j-1}``."""
    denoise = fitting(denoiser, x)
    yield x
    before, differences = None, []
    for sigma, sigma_next, row in zip(path, path[1:], weights, strict=False):
        denoised = denoise(x, sigma)
        if row:  # not in the first step, which has no output before it
            differences = [denoised - before, *differences[: len(row)]]
        before = denoised
        x = torch.lerp(denoised, x, sigma_next / sigma)
        for j, weight in enumerate(row):
            x.add_(differences[j], alpha=weight)
        yield x


@lru_cache(maxsize=16)  # the same levels are walked again and again; a table is a few kilobytes
def weights_of_steps(
    path: tuple[float, ...],
    order: int,
    weights: Callable[[np.ndarray, np.ndarray], np.ndarray],
    to_zero: tuple[float, ...] | None = None,
) -> Table:
    """``weights(nodes, ends)`` for every step of the path, as Python floats.

    ``nodes (steps, p)``: the last p levels, newest first; ``ends (steps,)``; returns one row a
    step. The first steps have fewer nodes, for there is no history yet; the others are computed in
    one call. Where ``to_zero`` is given it is the row of a step to sigma = 0, and ``weights`` is
    not asked. Kept for the last few paths: ``weights`` must be a pure function.
    """
    levels = np.array(path)
    special = [to_zero] if to_zero is not None and path[-1] == 0 else []
    last = len(path) - 1 - len(special)
    rows = []
    for p in range(1, order + 1):
        steps = np.arange(p - 1, last if p == order else min(p, last))
        if len(steps):
            nodes = levels[steps[:, None] - np.arange(p)]
            rows += map(tuple, weights(nodes, levels[steps + 1]).tolist())
    return (*rows, *special)


def of_differences(weights: np.ndarray, nodes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    r"""Weights of ``D_k, D_{k-1}, ...`` as those of their differences, beside DDIM's step.

    ``sum_j c_j D_{k-j} = sum_j (c_0 + ... + c_j) (D_{k-j} - D_{k-j-1})`` where the c_j sum to 0
    (Abel), as they do without DDIM's part of the weight of ``D_k``, ``1 - sigma_{k+1}/sigma_k``.
    """
    extra = weights.copy()
    extra[:, 0] += ends / nodes[:, 0] - 1
    return np.cumsum(extra, axis=1)[:, :-1]


def data_integrals(nodes: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """``sigma_{k+1} int e^lambda L_j(lambda) dlambda`` over each step, for each of ``nodes``."""
    levels, measure = log_quadrature(starts, ends)
    # e^lambda dlambda = -dsigma/sigma^2
    density = -ends[:, None] * measure / levels**2
    return lagrange_integrals(np.log(nodes), np.log(levels), density)


def lagrange_integrals(nodes: np.ndarray, points: np.ndarray, measure: np.ndarray) -> np.ndarray:
    r"""``sum_q measure_q L_j(points_q)`` for each Lagrange polynomial ``L_j`` of ``nodes``.

    ``L_j(s) = prod_{i != j} (s - s_i)/(s_j - s_i)``. ``nodes (steps, p)`` and a quadrature rule
    ``(steps, q)`` a step in, ``(steps, p)`` weights out.
    """
    count = nodes.shape[1]
    factors = [points - nodes[:, i, None] for i in range(count)]
    integrals = np.empty(nodes.shape)
    for j in range(count):
        values, apart = measure, np.ones(len(nodes))
        for i in range(count):
            if i != j:
                values = values * factors[i]
                apart = apart * (nodes[:, j] - nodes[:, i])
        integrals[:, j] = values.sum(1) / apart
    return integrals


# Two Gauss nodes integrate cubics exactly: Adams-Bashforth weights up to order 4 are exact.
_GAUSS_2 = np.array([-1.0, 1.0]) / math.sqrt(3)

_NODES, _MEASURE = np.polynomial.legendre.leggauss(16)


def adams_bashforth(nodes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    r"""``int_{s_0}^{end} L_j(s) ds`` for each of ``nodes`` ``s_0, s_1, ...``, at most 4; exact."""
    half = (ends - nodes[:, 0])[:, None] / 2
    return lagrange_integrals(nodes, nodes[:, :1] + half * (1 + _GAUSS_2), half * np.ones(2))


def log_quadrature(sigma: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels between ``sigma`` and ``ends > 0`` and their measure ``d sigma`` (negative).

    Gauss-Legendre in ``log sigma``, 16 nodes on panels at most one unit long; one row a step. In
    ``log sigma`` the times of the usual processes are analytic within pi/2 of the real axis, where
    log(1 + sigma^2) has its branch points; one panel's error is then below 1e-20 of the integrand.
    """
    span = np.log(ends / sigma)[:, None]
    count = math.ceil(-span.min())
    half = span / (2 * count)
    spent = (np.arange(count)[:, None] * 2 + 1 + _NODES).ravel()
    levels = sigma[:, None] * np.exp(half * spent)
    return levels, half * np.tile(_MEASURE, count) * levels
