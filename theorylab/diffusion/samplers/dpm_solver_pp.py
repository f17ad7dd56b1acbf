"""DPM-Solver++: multistep exponential integrators whose denoised is a polynomial in log sigma."""

from collections.abc import Iterable, Iterator

import numpy as np
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.linear_steps import linear_states
from theorylab.diffusion.samplers.multistep import (
    check_order,
    data_form,
    data_integrals,
    linear_multistep,
)
from theorylab.diffusion.samplers.states import checked_path


def dpm_solver_pp(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    order: int = 2,
    weights: str = "published",
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of multistep DPM-Solver++ of ``order`` 1 (DDIM), 2 (2M) or 3 (3M).

    With ``lambda = -log sigma``, ``h = lambda_{k+1} - lambda_k``, ``E = e^{-h}``,

        x_{k+1} = E x_k + (1 - E) D_k + A_1 D' + A_2 D''/2,

    where ``D'`` and ``D''`` (times h and h^2) are divided differences of the last outputs at
    ``lambda_k``. ``weights="exact"`` integrates their polynomial exactly:

        A_1 = 1 - (1 - E)/h,        A_2 = 1 - 2 (h - 1 + E)/h^2.

    ``weights="published"`` is what the authors' code and those that follow it compute:
    ``A_1 = (1 - E)/2`` at order 2, which agrees to leading order, and at order 3 the exact ``A_1``
    but *half* of ``A_2``, so that "3M" converges with order 2. One denoiser call a step; step
    k < order uses order k + 1; a step to a last ``sigma = 0`` returns the denoised.

    Arguments, states and errors are those of :func:`~theorylab.diffusion.samplers.ddim`;
    ``ValueError`` for another order or another name of the weights.

    Source: Lu et al. 2022 (arXiv 2211.01095), algorithm 2 and the multistep third-order update of
    its code.
    """
    check_order(order, 3)
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    if weights not in WEIGHTS:
        raise ValueError(f"weights must be {' or '.join(map(repr, WEIGHTS))}, got {weights!r}")
    steps = linear_multistep(data_form, tuple(path), order, WEIGHTS[weights], to_zero=(1.0,))
    return linear_states(denoiser, x, path, steps)


def exact_weights(nodes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The weights of ``D_k, D_{k-1}, ...``: their polynomial, integrated exactly."""
    return data_integrals(nodes, nodes[:, 0], ends)


def published_weights(nodes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The weights of ``D_k, D_{k-1}, ...`` in the authors' code."""
    logs = np.log(nodes)
    h = logs[:, 0] - np.log(ends)
    gain = -np.expm1(-h)
    if nodes.shape[1] == 1:
        return gain[:, None]
    r0 = (logs[:, 1] - logs[:, 0]) / h
    if nodes.shape[1] == 2:
        slope = 0.5 * gain / r0
        return np.stack([gain + slope, -slope], axis=1)
    r1 = (logs[:, 2] - logs[:, 1]) / h
    first = 1 - gain / h
    second = 0.5 - first / h
    # Of d0 = (D_k - D_{k-1})/r0 and d1 = (D_{k-1} - D_{k-2})/r1 they form
    # D' = d0 + (d0 - d1) r0/(r0 + r1) and D''/2 = (d0 - d1)/(r0 + r1).
    of_d1 = -(first * r0 + second) / (r0 + r1)
    newer, older = (first - of_d1) / r0, of_d1 / r1
    return np.stack([gain + newer, older - newer, -older], axis=1)


WEIGHTS = {"exact": exact_weights, "published": published_weights}
