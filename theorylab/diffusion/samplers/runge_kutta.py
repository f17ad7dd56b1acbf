r"""One-step methods for the probability flow ``dx/dsigma = eps(x, sigma) = (x - D)/sigma``.

Euler's method is :func:`~theorylab.diffusion.samplers.ddim.ddim`; here are those of orders 2 and 4.
All are exact where D is constant along the path (data in one point). None can ask for eps at
sigma = 0, where it is not defined: a step that ends there is DDIM's, which returns the denoiser's
output, and costs one evaluation.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.states import checked_path, finite_states, fitting

Denoise = Callable[[Tensor, float], Tensor]
#: What multiplies states and outputs in a step from one level to the next.
Coefficients = Callable[[float, float], tuple[float, ...]]


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
    return _states(denoiser, x, sigmas, final_denoise, _heun_coefficients, _heun_step)


def _heun_coefficients(sigma: float, sigma_next: float) -> tuple[float, ...]:
    h = sigma_next - sigma
    return sigma, sigma_next, 1 + h / sigma, 1 + h / sigma_next


def _heun_step(denoise, x, sigma, sigma_next, once, again):
    # The mean of x and of two Euler steps in a row: three passes over the state, not five.
    y = torch.lerp(denoise(x, sigma), x, once)
    return torch.lerp(denoise(y, sigma_next), y, again).lerp_(x, 0.5)


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
    return _states(denoiser, x, sigmas, final_denoise, _midpoint_coefficients, _midpoint_step)


def _midpoint_coefficients(sigma: float, sigma_next: float) -> tuple[float, ...]:
    middle = math.sqrt(sigma * sigma_next)
    return sigma, middle, middle / sigma, (sigma_next - sigma) / middle


def _midpoint_step(denoise, x, sigma, middle, half, whole):
    y = torch.lerp(denoise(x, sigma), x, half)
    return torch.add(x, y - denoise(y, middle), alpha=whole)


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
    return _states(denoiser, x, sigmas, final_denoise, _rk4_coefficients, _rk4_step)


def _rk4_coefficients(sigma: float, sigma_next: float) -> tuple[float, ...]:
    h, middle = sigma_next - sigma, 0.5 * (sigma + sigma_next)
    ends = 1 + 0.5 * h / sigma, 1 + 0.5 * h / sigma_next
    return sigma, middle, sigma_next, 0.5 * h / middle, h / middle, *ends


def _rk4_step(denoise, x, sigma, middle, sigma_next, half, whole, first, last):
    # With y_k the point of stage k+1: x_{t-1} = (y_1 + 2 y_2 + y_3 - x + h/2 k_4)/3.
    y_1 = torch.lerp(denoise(x, sigma), x, first)
    y_2 = torch.add(x, y_1 - denoise(y_1, middle), alpha=half)
    y_3 = torch.add(x, y_2 - denoise(y_2, middle), alpha=whole)
    z = torch.lerp(denoise(y_3, sigma_next), y_3, last)
    return torch.lerp(y_1, y_2, 2 / 3).add_(z.sub_(x), alpha=1 / 3)


def _states(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    final_denoise: bool,
    coefficients: Coefficients,
    step: Callable[..., Tensor],
) -> Iterator[Tensor]:
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    steps = _coefficients_of_steps(tuple(path), coefficients)
    return finite_states(_steps(denoiser, x, path, steps, step), path)


@lru_cache(maxsize=16)  # the same levels are walked again and again
def _coefficients_of_steps(
    path: tuple[float, ...], coefficients: Coefficients
) -> tuple[tuple[float, ...], ...]:
    return tuple(coefficients(*levels) for levels in pairwise(path) if levels[1] > 0)


def _steps(
    denoiser: Denoiser,
    x: Tensor,
    path: list[float],
    steps: tuple[tuple[float, ...], ...],
    step: Callable[..., Tensor],
) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    yield x
    for numbers in steps:
        x = step(denoise, x, *numbers)
        yield x
    if len(steps) < len(path) - 1:  # to sigma = 0
        yield denoise(x, path[-2])
