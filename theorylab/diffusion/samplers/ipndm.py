"""iPNDM: Adams-Bashforth with the weights of equal steps, and its form for any steps."""

from collections.abc import Iterable, Iterator

import numpy as np
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.linear_steps import linear_states
from theorylab.diffusion.samplers.lms import lms
from theorylab.diffusion.samplers.multistep import check_order, linear_multistep, noise_form
from theorylab.diffusion.samplers.states import checked_path

#: Adams-Bashforth weights of equal steps, newest output first, by order - 1.
EQUAL_STEPS = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def ipndm(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    order: int = 4,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of iPNDM of ``order`` 1 to 4 along ``sigmas``.

        x_{k+1} = x_k + (sigma_{k+1} - sigma_k) sum_j c_j eps_{k-j},
        c = (1), (3, -1)/2, (23, -16, 5)/12, (55, -59, 37, -9)/24

    The weights are those of equal steps whatever the grid: on a grid that is uniform in another
    variable than sigma the error is of second order at best (:func:`ipndm_v` adapts them). Step
    k < order uses order k + 1: PNDM without its Runge-Kutta start. The same weights are used up to
    a last ``sigma = 0``. Arguments, states and errors are those of
    :func:`~theorylab.diffusion.samplers.ddim`; ``ValueError`` for another order.

    Source: Zhang & Chen 2023 (arXiv 2204.13902), "DEIS", appendix on iPNDM; Liu et al. 2022 (arXiv
    2202.09778), eq. 12.
    """
    check_order(order, 4)
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    steps = linear_multistep(noise_form, tuple(path), order, equal_step_weights)
    return linear_states(denoiser, x, path, steps)


def equal_step_weights(nodes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The equal-step weights for as many ``x - D`` as there are nodes, times the step's length."""
    return (ends - nodes[:, 0])[:, None] * np.array(EQUAL_STEPS[nodes.shape[1] - 1]) / nodes


def ipndm_v(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    order: int = 4,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of iPNDM with weights for unequal steps; ``order`` 1 to 4.

        order 2:  eps_bar = (1 + h_k/(2 h_{k-1})) eps_k - h_k/(2 h_{k-1}) eps_{k-1}

    Published with a formula for each order, also as DEIS rho-AB; all of them are the variable-step
    Adams-Bashforth method in sigma, that is :func:`~theorylab.diffusion.samplers.lms`.

    Source: Zhang & Chen 2023 (arXiv 2204.13902), rho-AB; diff-sampler, ``ipndm_v``.
    """
    return lms(denoiser, x, sigmas, order=order, final_denoise=final_denoise)
