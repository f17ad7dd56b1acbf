"""UniPC: a multistep predictor of order p, corrected at no cost to order p + 1."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.multistep import (
    check_order,
    log_quadrature,
    weights_of_steps,
)
from theorylab.diffusion.samplers.states import checked_path, denoise, finite_states

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
    if step_function not in STEP_FUNCTIONS:
        known = " or ".join(map(repr, STEP_FUNCTIONS))
        raise ValueError(f"step_function must be {known}, got {step_function!r}")

    weights = partial(coefficients, step_function=step_function)
    rows = weights_of_steps(path, order, weights, to_zero=[1.0])
    return finite_states(_steps(denoiser, x, path, rows), path)


def coefficients(nodes: np.ndarray, ends: np.ndarray, step_function: str) -> np.ndarray:
    """Rows of 2p + 1 weights from ``nodes (steps, p)``, newest first, to ``ends (steps,)``.

    First those of the prediction, for ``D_k, D_{k-1}, ...``; then what is added to ``x_{k+1}`` once
    its output is known: the weight of ``D_{k+1}``, then those of ``D_k, D_{k-1}, ...``.
    """
    order = nodes.shape[1]
    minus_h = np.log(ends / nodes[:, 0])[:, None]
    size = STEP_FUNCTIONS[step_function](minus_h)
    # The end of the step comes last; its output only the corrector knows.
    others = np.concatenate([nodes[:, 1:], ends[:, None]], axis=1)
    ratios = np.log(others / nodes[:, :1]) / minus_h
    levels, measure = log_quadrature(nodes[:, 0], ends)
    spent = np.log(levels / nodes[:, :1]) / minus_h
    density = ends[:, None] * measure / levels**2 / size
    powers = np.stack([ratios**n for n in range(order)], axis=1)
    moments = np.stack([(density * spent**n).sum(1) for n in range(1, order + 1)], axis=1)
    predict, correct = np.full_like(ratios[:, 1:], 0.5), np.full_like(ratios, 0.5)
    if order > 2:
        predict = np.linalg.solve(powers[:, :-1, :-1], moments[:, :-1, None])[..., 0]
    if order > 1:
        correct = np.linalg.solve(powers, moments[..., None])[..., 0]
    gain = -np.expm1(minus_h)
    predicted, corrected = -size * predict / ratios[:, :-1], -size * correct / ratios
    prediction, correction = (
        np.concatenate([gain - outer.sum(1, keepdims=True), outer[:, : order - 1]], axis=1)
        for outer in (predicted, corrected)
    )
    return np.concatenate([prediction, corrected[:, -1:], correction - prediction], axis=1)


def _steps(
    denoiser: Denoiser, x: Tensor, path: list[float], rows: list[list[float]]
) -> Iterator[Tensor]:
    outputs: list[Tensor] = []
    correct: list[float] = []
    for (sigma, sigma_next), row in zip(pairwise(path), rows, strict=True):
        order = max(1, len(row) // 2)  # the row of a step to 0 has no correction
        outputs.insert(0, denoise(denoiser, x, sigma))
        if correct:
            x = torch.add(x, outputs[0], alpha=correct[0])
            for output, weight in zip(outputs[1:], correct[1:], strict=True):
                x.add_(output, alpha=weight)
        yield x
        del outputs[order:]
        correct = row[order:]
        if sigma_next == 0:
            x = outputs[0]
        else:
            x = x * (sigma_next / sigma)
            for output, weight in zip(outputs, row[:order], strict=True):
                x.add_(output, alpha=weight)
    yield x
