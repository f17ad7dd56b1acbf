"""UniPC: a multistep predictor of order p, corrected at no cost to order p + 1."""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

import numpy as np
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.linear_steps import LinearSteps, linear_states, linear_steps
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
    if step_function not in WEIGHTS:
        known = " or ".join(map(repr, WEIGHTS))
        raise ValueError(f"step_function must be {known}, got {step_function!r}")

    return linear_states(denoiser, x, path, _linear_steps(tuple(path), order, step_function))


def coefficients(nodes: np.ndarray, ends: np.ndarray, step_function: str) -> np.ndarray:
    """Rows of 2p + 1 weights from ``nodes (steps, p)``, newest first, to ``ends (steps,)``.

    First the p of the prediction, for ``D_k, D_{k-1}, ...``; then the p + 1 of the correction, for
    ``D_{k+1}, D_k, ...``. Beside either stands ``ends/nodes[:, 0]`` times ``x_k``.
    """
    kept = ends / nodes[:, 0]
    halved = -0.5 * STEP_FUNCTIONS[step_function](np.log(kept))
    if nodes.shape[1] == 1:
        return np.stack([1 - kept, halved, 1 - kept - halved], axis=1)
    if nodes.shape[1] == 2:
        extra = halved * np.log(kept) / np.log(nodes[:, 0] / nodes[:, 1])
        prediction = np.stack([1 - kept + extra, -extra], axis=1)
    else:  # the conditions determine rho and B cancels: an integral of the polynomial is left
        prediction = data_integrals(nodes, nodes[:, 0], ends)
    with_end = np.concatenate([ends[:, None], nodes], axis=1)
    correction = data_integrals(with_end, nodes[:, 0], ends)
    return np.concatenate([prediction, correction], axis=1)


#: One function for each step function, so that its tables are found again.
WEIGHTS = {name: partial(coefficients, step_function=name) for name in STEP_FUNCTIONS}


@lru_cache(maxsize=16)  # the same levels are walked again and again
def _linear_steps(path: tuple[float, ...], order: int, step_function: str) -> LinearSteps:
    """At each level the state is corrected by the output there, and the next one predicted."""
    weights = WEIGHTS[step_function]
    # A step to sigma = 0 predicts the denoised.
    rows = weights_of_steps(path, order, weights, to_zero=(1.0, 0.0, 0.0))
    calls, last = range(len(rows)), len(rows) - 1
    slots = [1 + k % (order + 1) for k in calls]
    sums = []

    def add(k: int, x: float, outputs: tuple[float, ...], asked: bool, is_state: bool) -> None:
        weights = np.zeros(order + 2)
        weights[0] = x
        for j, weight in enumerate(outputs):
            weights[slots[k - j]] = weight
        sums.append((path[k] if asked else None, slots[k], weights, is_state))

    for k in calls:
        if k > 0:
            correction = rows[k - 1][len(rows[k - 1]) // 2 :]
            add(k, path[k] / path[k - 1], correction, asked=True, is_state=True)
        prediction = rows[k][: len(rows[k]) // 2]
        add(k, path[k + 1] / path[k], prediction, asked=k == 0, is_state=k == last)
    return linear_steps(sums, order + 2)
