r"""What multistep samplers share: a history of outputs, and the integrals of Lagrange polynomials.

A linear multistep step from ``sigma_k`` to ``sigma_{k+1}`` is one of

    x_{k+1} = x_k + sum_j w_{k,j} eps_{k-j}                (noise form)
    x_{k+1} = sigma_{k+1}/sigma_k x_k + sum_j w_{k,j} D_{k-j}        (data form)

with ``eps_i = (x_i - D_i)/sigma_i`` and ``D_i = denoiser(x_i, sigma_i)``. The weights are Python
floats, computed once; a step has as many as there are outputs to use, so that the first ones are
of lower order.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.states import denoise

Weights = Sequence[Sequence[float]]


def check_order(order: int, largest: int) -> int:
    """``order`` if it is an integer from 1 to ``largest``, else a ``ValueError``."""
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= largest:
        raise ValueError(f"order must be an integer from 1 to {largest}, got {order!r}")
    return order


def noise_steps(
    denoiser: Denoiser, x: Tensor, path: list[float], weights: Weights
) -> Iterator[Tensor]:
    """States of the noise form; ``weights[k][j]`` multiplies ``eps_{k-j}``.

    The residuals ``x_i - D_i`` are kept, and the divisions by ``sigma_i`` moved into the weights:
    one operation less for each output.
    """
    yield x
    residuals: list[Tensor] = []
    scaled = [[w / path[k - j] for j, w in enumerate(step)] for k, step in enumerate(weights)]
    for (sigma, sigma_next), now in zip(pairwise(path), scaled, strict=True):
        denoised = denoise(denoiser, x, sigma)
        residuals.insert(0, x - denoised)
        del residuals[len(now) :]
        if sigma_next == 0 and len(now) == 1:
            x = denoised  # what x - (x - D) is but for rounding
        else:
            x = torch.add(x, residuals[0], alpha=now[0])
            for residual, weight in zip(residuals[1:], now[1:], strict=True):
                x.add_(residual, alpha=weight)
        yield x


def data_steps(
    denoiser: Denoiser, x: Tensor, path: list[float], weights: Weights
) -> Iterator[Tensor]:
    """States of the data form; ``weights[k][j]`` multiplies ``D_{k-j}``."""
    yield x
    outputs: list[Tensor] = []
    for (sigma, sigma_next), now in zip(pairwise(path), weights, strict=True):
        outputs.insert(0, denoise(denoiser, x, sigma))
        del outputs[len(now) :]
        if sigma_next == 0:  # log sigma has no end there; the first-order step does: 0 x + D
            x = outputs[0]
        else:
            x = x * (sigma_next / sigma)
            for output, weight in zip(outputs, now, strict=True):
                x.add_(output, alpha=weight)
        yield x


def weights_of_steps(
    path: list[float],
    order: int,
    weights: Callable[[np.ndarray, np.ndarray], np.ndarray],
    to_zero: Sequence[float] | None = None,
) -> list[list[float]]:
    """``weights(nodes, ends)`` for every step of the path, as Python floats.

    ``nodes (steps, p)``: the last p levels, newest first; ``ends (steps,)``; returns one row a
    step. The first steps have fewer nodes, for there is no history yet; the others are computed in
    one call. Where ``to_zero`` is given it is the row of a step to sigma = 0, and ``weights`` is
    not asked.
    """
    levels = np.array(path)
    special = [list(to_zero)] if to_zero is not None and path[-1] == 0 else []
    last = len(path) - 1 - len(special)
    rows = []
    for p in range(1, order + 1):
        steps = np.arange(p - 1, last if p == order else min(p, last))
        if len(steps):
            nodes = levels[steps[:, None] - np.arange(p)]
            rows += weights(nodes, levels[steps + 1]).tolist()
    return rows + special


def lagrange_integrals(nodes: np.ndarray, points: np.ndarray, measure: np.ndarray) -> np.ndarray:
    r"""``sum_q measure_q L_j(points_q)`` for each Lagrange polynomial ``L_j`` of ``nodes``.

    ``L_j(s) = prod_{i != j} (s - s_i)/(s_j - s_i)``. ``nodes (steps, p)`` and a quadrature rule
    ``(steps, q)`` a step in, ``(steps, p)`` weights out.
    """
    count = nodes.shape[1]
    integrals = np.empty(nodes.shape)
    for j in range(count):
        values = measure
        for i in range(count):
            if i != j:
                apart = nodes[:, j, None] - nodes[:, i, None]
                values = values * ((points - nodes[:, i, None]) / apart)
        integrals[:, j] = values.sum(1)
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
