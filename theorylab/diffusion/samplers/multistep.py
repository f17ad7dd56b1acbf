r"""What multistep samplers share: tables of weights, and the integrals of Lagrange polynomials.

A linear multistep step from ``sigma_k`` to ``sigma_{k+1}`` is one of

    x_{k+1} = x_k + sum_j w_{k,j} (x_{k-j} - D_{k-j})                    (noise form)
    x_{k+1} = sigma_{k+1}/sigma_k x_k + sum_j w_{k,j} D_{k-j}            (data form)

with ``D_i = denoiser(x_i, sigma_i)``; ``x_i - D_i = sigma_i eps_i``. The weights are computed once
for a path. The first steps have as many as there are outputs to use, so that they are of lower
order.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from theorylab.diffusion.samplers.linear_steps import LinearSteps

Path = tuple[float, ...]
#: ``weights(nodes, ends)`` of steps from the last levels ``nodes (steps, p)``, newest first, to
#: ``ends (steps,)``: one row a step.
Weights = Callable[[np.ndarray, np.ndarray], np.ndarray]


def check_order(order: int, largest: int) -> int:
    """``order`` if it is an integer from 1 to ``largest``, else a ``ValueError``."""
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= largest:
        raise ValueError(f"order must be an integer from 1 to {largest}, got {order!r}")
    return order


@lru_cache(maxsize=16)  # the same levels are walked again and again; a table is a few kilobytes
def linear_multistep(
    form: Callable[[Path, np.ndarray], LinearSteps],
    path: Path,
    order: int,
    weights: Weights,
    to_zero: Path | None = None,
) -> LinearSteps:
    """The steps of :func:`noise_form` or :func:`data_form` with :func:`weights_of_steps`.

    Kept for the last few paths: ``weights`` must be a pure function.
    """
    return form(path, weights_of_steps(path, order, weights, to_zero))


def noise_form(path: Path, weights: np.ndarray) -> LinearSteps:
    """Steps of the noise form, ``weights (steps, p)``. Rows: the last p states, then p outputs."""
    steps, p = weights.shape
    k = np.arange(steps)
    table = np.zeros((steps, 2 * p))
    for j in range(p):
        table[k, (k - j) % p] += weights[:, j]
        table[k, p + (k - j) % p] -= weights[:, j]
    table[k, k % p] += 1
    return _one_call_a_step(path, p + k % p, table, (k + 1) % p)


def data_form(path: Path, weights: np.ndarray) -> LinearSteps:
    """Steps of the data form, ``weights (steps, p)``. Rows: the state, then p outputs."""
    steps, p = weights.shape
    k = np.arange(steps)
    table = np.zeros((steps, 1 + p))
    table[:, 0] = np.array(path[1:]) / path[:-1]
    for j in range(p):
        table[k, 1 + (k - j) % p] += weights[:, j]
    return _one_call_a_step(path, 1 + k % p, table, 0 * k)


def _one_call_a_step(
    path: Path, slots: np.ndarray, table: np.ndarray, states: np.ndarray
) -> LinearSteps:
    return LinearSteps(path[:-1], [0.0] * len(table), slots.tolist(), table, states.tolist())


def weights_of_steps(
    path: Path, order: int, weights: Weights, to_zero: Path | None = None
) -> np.ndarray:
    """``weights`` of every step of the path: ``(steps, columns)``, with zeros after short rows.

    The first steps have fewer nodes, for there is no history yet; the others are computed in one
    call. Where ``to_zero`` is given it is the row of a step to sigma = 0, and ``weights`` is not
    asked.
    """
    levels = np.array(path)
    special = [np.array([to_zero])] if to_zero is not None and path[-1] == 0 else []
    last = len(path) - 1 - len(special)
    blocks = []
    for p in range(1, order + 1):
        steps = np.arange(p - 1, last if p == order else min(p, last))
        if len(steps):
            nodes = levels[steps[:, None] - np.arange(p)]
            blocks.append(weights(nodes, levels[steps + 1]))
    blocks += special
    columns = max((block.shape[1] for block in blocks), default=1)
    padded = [np.pad(block, ((0, 0), (0, columns - block.shape[1]))) for block in blocks]
    return np.concatenate([np.zeros((0, columns)), *padded])


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
