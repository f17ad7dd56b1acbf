"""UniPC: a multistep predictor of order p, corrected at no cost to order p + 1."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.dpm_solver_pp import exact_weights
from theorylab.diffusion.samplers.multistep import (
    Table,
    check_order,
    data_integrals,
    of_differences,
    weights_of_steps,
)
from theorylab.diffusion.samplers.states import checked_path, finite_states, fitting

#: B(h) of the paper, for data prediction a function of -h.
STEP_FUNCTIONS = {"h": np.array, "expm1": np.expm1}


def unipc(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    order: int = 3,
    step_function: str = "expm1",
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of UniPC-p, p = ``order`` 1 to 3, in data prediction.

    With ``lambda = -log sigma``, ``h = lambda_{k+1} - lambda_k``, ``r_m = (lambda_{k-m} -
    lambda_k)/h`` and ``r_0 = 1``, predictor (UniP) and corrector (UniC) are

        x^p = e^{-h} x_k + (1 - e^{-h}) D_k - B sum_{m=1}^{p-1} rho_m  (D_{k-m} - D_k)/r_m
        x^c = e^{-h} x_k + (1 - e^{-h}) D_k - B sum_{m=1}^{p-1} rho^c_m (D_{k-m} - D_k)/r_m
                                             - B rho^c_0 (D_{k+1} - D_k)
        sum_m rho_m r_m^{n-1} = b_n,   b_n = -h int_0^1 s^n e^{-h (1-s)} ds / B,   n = 1, 2, ...

    where ``D_{k+1}`` is the output at ``x^p`` that the next step needs anyway, and B is ``-h``
    (``step_function="h"``, the paper's B1) or ``e^{-h} - 1`` (``"expm1"``, B2). As in the
    authors' code, ``rho = 1/2`` where there is one unknown: in UniP-2 and UniC-1. Elsewhere B
    cancels. The state after a step is the corrected one, except that the last is as predicted:
    correcting it would cost one more denoiser call. Step k < p uses p = k + 1; a step to a last
    ``sigma = 0`` returns the denoised.

    Arguments, states and errors are those of :func:`~theorylab.diffusion.samplers.ddim`;
    ``ValueError`` for another order or step function.

    Source: Zhao, Bai, Rao, Zhou & Lu 2023 (arXiv 2302.04867), eqs. 3 and 9, algorithms 5 and 6.
    """
    check_order(order, 3)
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    if step_function not in WEIGHTS:
        known = " or ".join(map(repr, WEIGHTS))
        raise ValueError(f"step_function must be {known}, got {step_function!r}")

    rows = weights_of_steps(tuple(path), order, WEIGHTS[step_function], to_zero=())
    return finite_states(_steps(denoiser, x, path, rows), path)


def coefficients(nodes: np.ndarray, ends: np.ndarray, step_function: str) -> np.ndarray:
    """Rows of 2p - 1 weights from ``nodes (steps, p)``, newest first, to ``ends (steps,)``.

    First the p - 1 of the prediction, for ``D_k - D_{k-1}, ...``; then the p of what is added to
    ``x_{k+1}`` once its output is known, for ``D_{k+1} - D_k, D_k - D_{k-1}, ...``.
    """
    minus_h = np.log(ends / nodes[:, 0])
    halved = -0.5 * STEP_FUNCTIONS[step_function](minus_h)
    # Where the conditions determine rho, B cancels: an integral of the polynomial is left.
    if nodes.shape[1] == 2:
        prediction = (-halved * minus_h / np.log(nodes[:, 1] / nodes[:, 0]))[:, None]
    else:
        prediction = exact_weights(nodes, ends)
    if nodes.shape[1] == 1:
        return halved[:, None]
    with_end = np.concatenate([ends[:, None], nodes], axis=1)
    correction = of_differences(data_integrals(with_end, nodes[:, 0], ends), nodes, ends)
    correction[:, 1:] -= prediction
    return np.concatenate([prediction, correction], axis=1)


#: One function for each step function, so that its tables are found again.
WEIGHTS = {name: partial(coefficients, step_function=name) for name in STEP_FUNCTIONS}


def _steps(denoiser: Denoiser, x: Tensor, path: list[float], rows: Table) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    # Two differences at most are kept: written out, for loops cost as much as an operation.
    before = newer = older = None
    last: tuple[float, ...] = ()
    kept = 0
    for sigma, sigma_next, row in zip(path, path[1:], rows, strict=False):
        denoised = denoise(x, sigma)
        if last:
            newest = denoised - before
            x = torch.add(x, newest, alpha=last[kept])
            if kept > 0:
                x.add_(newer, alpha=last[kept + 1])
            if kept > 1:
                x.add_(older, alpha=last[kept + 2])
            newer, older = newest, newer
        yield x
        before, last, kept = denoised, row, len(row) // 2
        x = torch.lerp(denoised, x, sigma_next / sigma)
        if kept > 0:
            x.add_(newer, alpha=row[0])
        if kept > 1:
            x.add_(older, alpha=row[1])
    yield x
