r"""One-step methods for the probability flow ``dx/dsigma = eps(x, sigma) = (x - D)/sigma``.

Euler's method is :func:`~theorylab.diffusion.samplers.ddim.ddim`; here are those of orders 2 and 4.
All are exact where D is constant along the path (data in one point). None can ask for eps at
sigma = 0, where it is not defined: a step that ends there is DDIM's, which returns the denoiser's
output, and costs one evaluation.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import numpy as np
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.linear_steps import (
    LinearSteps,
    Sum,
    linear_states,
    linear_steps,
)
from theorylab.diffusion.samplers.states import checked_path

#: For each stage after the first, and for the end, what multiplies the slopes before it in each of
#: many steps (Butcher's tableau, times h).
Increments = list[list[np.ndarray]]
#: The levels of the stages, and their increments, of steps from ``sigma`` to ``sigma_next``.
Tableau = Callable[[np.ndarray, np.ndarray], tuple[list[np.ndarray], Increments]]


def heun(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of Heun's method (the explicit trapezoidal rule), order 2.

        y       = x_t + (sigma_{t-1} - sigma_t) eps(x_t, sigma_t)
        x_{t-1} = x_t + (sigma_{t-1} - sigma_t) [eps(x_t, sigma_t) + eps(y, sigma_{t-1})] / 2

    Karras et al. 2022 (arXiv 2206.00364), Algorithm 1 with ``sigma(t) = t``. Two evaluations a
    step, one in a step to sigma = 0. Arguments, states and errors as in :func:`~.ddim.ddim`.
    """
    return _states(denoiser, x, sigmas, final_denoise, heun_tableau)


def heun_tableau(sigma: np.ndarray, sigma_next: np.ndarray) -> tuple[list[np.ndarray], Increments]:
    """Two stages, at the ends of the step; the mean of their slopes."""
    h = sigma_next - sigma
    return [sigma, sigma_next], [[h], [h / 2, h / 2]]


def midpoint(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of DPM-Solver-2, the midpoint rule with its midpoint in log sigma, order 2.

        m       = sqrt(sigma_t sigma_{t-1}),   y = x_t + (m - sigma_t) eps(x_t, sigma_t)
        x_{t-1} = x_t + (sigma_{t-1} - sigma_t) eps(y, m)

    Lu et al. 2022 (arXiv 2206.00927), Algorithm 1 in variance-exploding coordinates (k-diffusion's
    ``dpm_2``). Two evaluations a step, one in a step to sigma = 0, whose midpoint would be 0 too.
    Arguments, states and errors as in :func:`~.ddim.ddim`.
    """
    return _states(denoiser, x, sigmas, final_denoise, _midpoint)


def _midpoint(sigma: np.ndarray, sigma_next: np.ndarray) -> tuple[list[np.ndarray], Increments]:
    middle, none = np.sqrt(sigma * sigma_next), 0 * sigma
    return [sigma, middle], [[middle - sigma], [none, sigma_next - sigma]]


def rk4(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of the classical Runge-Kutta method in sigma, order 4.

        k_1 = eps(x_t, sigma_t)                 k_2 = eps(x_t + h/2 k_1, sigma_t + h/2)
        k_3 = eps(x_t + h/2 k_2, sigma_t + h/2) k_4 = eps(x_t + h k_3, sigma_{t-1})
        x_{t-1} = x_t + h (k_1 + 2 k_2 + 2 k_3 + k_4)/6,      h = sigma_{t-1} - sigma_t

    Four evaluations a step, one in a step to sigma = 0. Hairer, Norsett & Wanner, "Solving ordinary
    differential equations I", table II.1.2. Arguments, states and errors as in :func:`~.ddim.ddim`.
    """
    return _states(denoiser, x, sigmas, final_denoise, _rk4)


def _rk4(sigma: np.ndarray, sigma_next: np.ndarray) -> tuple[list[np.ndarray], Increments]:
    return four_stages(sigma, sigma_next, sigma + (sigma_next - sigma) / 2)


def four_stages(
    sigma: np.ndarray, sigma_next: np.ndarray, middle: np.ndarray
) -> tuple[list[np.ndarray], Increments]:
    """The classical tableau, with two of its stages at ``middle``, which need not be half-way."""
    h, first, none = sigma_next - sigma, middle - sigma, 0 * sigma
    stages = [[first], [none, first], [none, none, h]]
    return [sigma, middle, middle, sigma_next], [*stages, [h / 6, h / 3, h / 3, h / 6]]


def _states(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    final_denoise: bool,
    tableau: Tableau,
) -> Iterator[Tensor]:
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    return linear_states(denoiser, x, path, _linear_steps(tuple(path), tableau))


@lru_cache(maxsize=16)  # the same levels are walked again and again
def _linear_steps(path: tuple[float, ...], tableau: Tableau) -> LinearSteps:
    to_zero = path[-1] == 0
    sigmas = np.array(path[:-1] if to_zero else path)
    levels, increments = tableau(sigmas[:-1], sigmas[1:])
    stages = len(levels)
    # Rows: x, and the output of each stage.
    kept = np.eye(stages + 1)
    weights = stage_weights(kept[0], list(kept[1:]), levels, increments)
    sums = [
        Sum(weights[j][k], j + 1, float(levels[j][k]), state=0 if j + 1 == stages else None)
        for k in range(len(sigmas) - 1)
        for j in range(stages)
    ]
    if to_zero:
        sums.append(Sum(kept[1], 1, path[-2], state=0))
    return linear_steps(sums, stages + 1)


def stage_weights(
    x: np.ndarray, outputs: list[np.ndarray], levels: list[np.ndarray], increments: Increments
) -> list[np.ndarray]:
    """The weights of each stage's point after the first, and of the end: ``(steps, rows)`` each.

    ``x`` and ``outputs`` are those of the state and of each stage's output, ``(rows,)`` or
    ``(steps, rows)``: ones at their places. Slope j is ``(point j - output j)/levels[j]``.
    """
    point, slopes, sums = x, [], []
    for output, level, coefficients in zip(outputs, levels, increments, strict=True):
        slopes.append((point - output) / level[:, None])
        terms = zip(coefficients, slopes, strict=True)
        point = x + sum(c[:, None] * slope for c, slope in terms)
        sums.append(point)
    return sums
