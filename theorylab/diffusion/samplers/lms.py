"""LMS: variable-step Adams-Bashforth methods in sigma."""

from collections.abc import Iterable, Iterator

import numpy as np
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.linear_steps import linear_states
from theorylab.diffusion.samplers.multistep import (
    adams_bashforth,
    check_order,
    linear_multistep,
    noise_form,
)
from theorylab.diffusion.samplers.states import checked_path


def lms(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    order: int = 4,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states of the linear multistep method of ``order`` 1 to 4 along ``sigmas``.

        x_{k+1} = x_k + sum_{j < order} w_{k,j} eps_{k-j},
        w_{k,j} = int_{sigma_k}^{sigma_{k+1}} prod_{i != j} (s - sigma_{k-i})
                                                           /(sigma_{k-j} - sigma_{k-i}) ds

    Adams-Bashforth for ``dx/dsigma = eps`` on any grid: the polynomial through the last outputs,
    integrated exactly. Order 1 is DDIM; order 2 is gradient estimation with
    ``gamma = 1 + h_k/(2 h_{k-1})``. Step k < order uses order k + 1, so that the first, Euler's,
    step limits the order of the whole trajectory to 2 unless it is short. One denoiser call a step.
    The polynomial is used up to a last ``sigma = 0`` as well. Arguments, states and errors are
    those of :func:`~theorylab.diffusion.samplers.ddim`; ``ValueError`` for another order.

    Source: K. Crowson, k-diffusion, ``sample_lms``; Hairer, Norsett & Wanner 1993, section III.5.
    """
    check_order(order, 4)
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    steps = linear_multistep(noise_form, tuple(path), order, residual_weights)
    return linear_states(denoiser, x, path, steps)


def residual_weights(nodes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The weights of ``sigma eps``, that is of ``x - D``, at each of ``nodes``."""
    return adams_bashforth(nodes, ends) / nodes
