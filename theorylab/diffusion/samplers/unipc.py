"""UniPC: a multistep predictor of order p, corrected at no cost to order p + 1."""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

import numpy as np
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.linear_steps import (
    LinearSteps,
    Sum,
    linear_states,
    linear_steps,
)
from theorylab.diffusion.samplers.multistep import check_order, data_integrals, weights_of_steps
from theorylab.diffusion.samplers.states import checked_path

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
    return linear_states(denoiser, x, path, _linear_steps(tuple(path), order, step_function))


def prediction(nodes: np.ndarray, ends: np.ndarray, step_function: str) -> np.ndarray:
    """UniP's weights of ``D_k, D_{k-1}, ...``, beside ``ends/nodes[:, 0]`` times ``x_k``."""
    kept = ends / nodes[:, 0]
    if nodes.shape[1] == 2:
        slope = _half(kept, step_function) * np.log(kept) / np.log(nodes[:, 0] / nodes[:, 1])
        return np.stack([1 - kept + slope, -slope], axis=1)
    # One condition less than unknowns is left elsewhere, so that B cancels.
    return data_integrals(nodes, nodes[:, 0], ends)


def correction(nodes: np.ndarray, ends: np.ndarray, step_function: str) -> np.ndarray:
    """UniC's weights of ``D_{k+1}, D_k, ...``, beside ``ends/nodes[:, 0]`` times ``x_k``."""
    kept = ends / nodes[:, 0]
    if nodes.shape[1] == 1:
        half = _half(kept, step_function)
        return np.stack([half, 1 - kept - half], axis=1)
    return data_integrals(np.concatenate([ends[:, None], nodes], axis=1), nodes[:, 0], ends)


def _half(kept: np.ndarray, step_function: str) -> np.ndarray:
    """``-B rho`` with rho = 1/2."""
    return -0.5 * STEP_FUNCTIONS[step_function](np.log(kept))


@lru_cache(maxsize=16)  # the same levels are walked again and again
def _linear_steps(path: tuple[float, ...], order: int, step_function: str) -> LinearSteps:
    """At each level the state is corrected by the output there, and the next one predicted."""
    weights = partial(prediction, step_function=step_function)
    # A step to sigma = 0 predicts the denoised.
    predicted = weights_of_steps(path, order, weights, to_zero=(1.0,))
    weights = partial(correction, step_function=step_function)
    corrected = weights_of_steps(path, order, weights, to_zero=(0.0,))
    sums, last = [], len(path) - 2
    slots = [1 + k % (order + 1) for k in range(last + 1)]

    def row(step: int, k: int, outputs: np.ndarray) -> np.ndarray:
        """Of the state that step starts from, and of outputs k, k - 1, ..."""
        weights = np.zeros(order + 2)
        weights[0] = path[step + 1] / path[step]
        for j in range(min(len(outputs), k + 1)):
            weights[slots[k - j]] = outputs[j]
        return weights

    for k, slot in enumerate(slots):
        level = path[k]
        if k > 0:
            sums.append(Sum(row(k - 1, k, corrected[k - 1]), slot, level, state=0))
            level = None  # asked already
        state = 0 if k == last else None
        sums.append(Sum(row(k, k, predicted[k]), slot, level, state=state))
    return linear_steps(sums, order + 2)
