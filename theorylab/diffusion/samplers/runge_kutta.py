r"""One-step methods for the probability flow ``dx/dsigma = eps(x, sigma) = (x - D)/sigma``.

Euler's method is :func:`~theorylab.diffusion.samplers.ddim.ddim`; here are those of orders 2 and 4.
All are exact where D is constant along the path (data in one point). None can ask for eps at
sigma = 0, where it is not defined: a step that ends there is DDIM's, which returns the denoiser's
output, and costs one evaluation.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.states import checked_path, denoise, finite_states

Step = Callable[[Tensor, float, float], Tensor]


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

    def step(x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        # The mean of x and of two Euler steps in a row: three passes over the state, not five.
        h = sigma_next - sigma
        y = torch.lerp(denoise(denoiser, x, sigma), x, 1 + h / sigma)
        z = torch.lerp(denoise(denoiser, y, sigma_next), y, 1 + h / sigma_next)
        return z.lerp_(x, 0.5)

    return _states(denoiser, x, sigmas, final_denoise, step)


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

    def step(x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        middle = math.sqrt(sigma * sigma_next)
        y = torch.lerp(denoise(denoiser, x, sigma), x, middle / sigma)
        slope = y - denoise(denoiser, y, middle)
        return torch.add(x, slope, alpha=(sigma_next - sigma) / middle)

    return _states(denoiser, x, sigmas, final_denoise, step)


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

    def step(x: Tensor, sigma: float, sigma_next: float) -> Tensor:
        # With y_k the point of stage k+1: x_{t-1} = (y_1 + 2 y_2 + y_3 - x + h/2 k_4)/3.
        h, middle = sigma_next - sigma, 0.5 * (sigma + sigma_next)
        y_1 = torch.lerp(denoise(denoiser, x, sigma), x, 1 + 0.5 * h / sigma)
        y_2 = torch.add(x, y_1 - denoise(denoiser, y_1, middle), alpha=0.5 * h / middle)
        y_3 = torch.add(x, y_2 - denoise(denoiser, y_2, middle), alpha=h / middle)
        z = torch.lerp(denoise(denoiser, y_3, sigma_next), y_3, 1 + 0.5 * h / sigma_next)
        return torch.lerp(y_1, y_2, 2 / 3).add_(z.sub_(x), alpha=1 / 3)

    return _states(denoiser, x, sigmas, final_denoise, step)


def _states(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    final_denoise: bool,
    step: Step,
) -> Iterator[Tensor]:
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    return finite_states(_steps(denoiser, x, path, step), path)


def _steps(denoiser: Denoiser, x: Tensor, path: list[float], step: Step) -> Iterator[Tensor]:
    yield x
    for sigma, sigma_next in pairwise(path):
        x = denoise(denoiser, x, sigma) if sigma_next == 0 else step(x, sigma, sigma_next)
        yield x
