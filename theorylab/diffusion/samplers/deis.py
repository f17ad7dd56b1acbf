"""DEIS: exponential integrators whose noise is a polynomial in time."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial

import numpy as np
import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.processes import variance_preserving
from theorylab.diffusion.samplers.linear_steps import LinearSteps, linear_states
from theorylab.diffusion.samplers.multistep import (
    check_order,
    lagrange_integrals,
    linear_multistep,
    log_quadrature,
    noise_form,
)
from theorylab.diffusion.samplers.states import checked_path

Clock = Callable[[Tensor], Tensor]


def deis(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    order: int = 3,
    time: Clock | None = None,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of DEIS-tAB of ``order`` 1 to 4 along ``sigmas``.

        x_{k+1} = x_k + sum_{j < order} w_{k,j} eps_{k-j},
        w_{k,j} = int_{sigma_k}^{sigma_{k+1}} prod_{i != j} (t(s) - t_{k-i})/(t_{k-j} - t_{k-i}) ds

    Adams-Bashforth with a polynomial in the time ``t(sigma)``, where the noise is smoother than in
    sigma; in variance-preserving coordinates ``d sigma`` is the exponential integrator's weight
    ``-1/2 dlog(alpha_bar)/sqrt(alpha_bar (1 - alpha_bar))``. ``time`` is an increasing function of
    a float64 tensor of positive sigmas: by default that of the linear-beta process (tAB);
    ``torch.log`` gives the log-rho variant, and ``lambda sigma: sigma`` is
    :func:`~theorylab.diffusion.samplers.lms` (rho-AB). The weights are computed by quadrature to
    rounding. Step k < order uses order k + 1; a step to a last ``sigma = 0`` returns the denoised,
    for ``time`` need not be defined there.

    Arguments, states and errors are those of :func:`~theorylab.diffusion.samplers.ddim`;
    ``ValueError`` for another order, or a ``time`` that is not increasing on ``sigmas``.

    Source: Zhang & Chen 2023 (arXiv 2204.13902), eqs. 14 and 15.
    """
    check_order(order, 4)
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    # A caller's own function may not be pure: its table is computed anew each time.
    table = _linear_beta_steps if time is None else partial(_steps, clock=time)
    return linear_states(denoiser, x, path, table(tuple(path), order))


def _steps(path: tuple[float, ...], order: int, clock: Clock) -> LinearSteps:
    positive = torch.tensor([sigma for sigma in path if sigma > 0], dtype=torch.float64)
    times = clock(positive)
    if times.shape != positive.shape or not bool((times[1:] < times[:-1]).all()):
        raise ValueError("time must be an increasing function of sigma: one number for each sigma")
    weights = partial(residual_weights, clock=clock)
    return linear_multistep.__wrapped__(noise_form, path, order, weights, to_zero=(-1.0,))


_linear_beta_steps = lru_cache(maxsize=16)(partial(_steps, clock=variance_preserving().time))


def residual_weights(nodes: np.ndarray, ends: np.ndarray, clock: Clock) -> np.ndarray:
    """The weights of ``sigma eps``, that is of ``x - D``, at each of ``nodes``."""
    levels, measure = log_quadrature(nodes[:, 0], ends)
    together = clock(torch.from_numpy(np.concatenate([nodes, levels], axis=1))).numpy()
    node_times, points = np.split(together, nodes.shape[1:], axis=1)
    return lagrange_integrals(node_times, points, measure) / nodes
