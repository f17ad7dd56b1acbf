"""PNDM: a pseudo Runge-Kutta start, then Adams-Bashforth with the weights of equal steps."""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.processes import Process, marginal, variance_preserving
from theorylab.diffusion.samplers.ipndm import equal_step_weights
from theorylab.diffusion.samplers.multistep import Table, noise_steps, weights_of_steps
from theorylab.diffusion.samplers.states import checked_path, finite_states, fitting


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
    half_way = _linear_beta_half_way if process is None else partial(_half_way, process)
    first = [step for step in pairwise(path[:order]) if step[1] > 0]
    middles = [half_way(*step) for step in first] if order == 4 else []
    weights = weights_of_steps(tuple(path), order, equal_step_weights)
    return finite_states(_steps(denoiser, x, path, order, middles, weights), path)


def _half_way(process: Process, sigma: float, sigma_next: float) -> float:
    times = process.time(torch.tensor([sigma, sigma_next], dtype=torch.float64))
    scale, std = marginal(process, times.mean())
    return float(std / scale)


#: A caller's own process may not be pure: only the default's levels are found again.
_linear_beta_half_way = lru_cache(maxsize=64)(partial(_half_way, variance_preserving()))


def _steps(
    denoiser: Denoiser,
    x: Tensor,
    path: list[float],
    order: int,
    middles: list[float],
    weights: Table,
) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    start = max(0, min(order, len(path)) - 1)
    residuals: list[Tensor] = []
    for k, (sigma, sigma_next) in enumerate(pairwise(path[: start + 1])):
        yield x
        denoised = denoise(x, sigma)
        residuals.insert(0, x - denoised)
        if sigma_next == 0:
            x = denoised
        elif order == 2:
            x = _heun(denoise, x, residuals[0] / sigma, sigma, sigma_next)
        else:
            x = _runge_kutta(denoise, x, residuals[0] / sigma, sigma, middles[k], sigma_next)
    yield from noise_steps(denoiser, x, path[start:], weights[start:], older=residuals)


def _heun(denoise: Denoiser, x: Tensor, eps: Tensor, sigma: float, sigma_next: float) -> Tensor:
    h = sigma_next - sigma
    end = _eps(denoise, torch.add(x, eps, alpha=h), sigma_next)
    return x.add(eps, alpha=h / 2).add_(end, alpha=h / 2)


def _runge_kutta(
    denoise: Denoiser, x: Tensor, eps: Tensor, sigma: float, mid: float, sigma_next: float
) -> Tensor:
    h = sigma_next - sigma
    second = _eps(denoise, torch.add(x, eps, alpha=mid - sigma), mid)
    third = _eps(denoise, torch.add(x, second, alpha=mid - sigma), mid)
    end = _eps(denoise, torch.add(x, third, alpha=h), sigma_next)
    x = x.add(eps, alpha=h / 6).add_(second, alpha=h / 3)
    return x.add_(third, alpha=h / 3).add_(end, alpha=h / 6)


def _eps(denoise: Denoiser, x: Tensor, sigma: float) -> Tensor:
    return (x - denoise(x, sigma)).div_(sigma)
