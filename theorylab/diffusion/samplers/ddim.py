"""DDIM, the deterministic sampler: one convex combination per step."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.states import checked_path, finite_states, fitting


def ddim(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    final_denoise: bool = False,
) -> Iterator[Tensor]:
    r"""Yield the states ``x_N = x, x_{N-1}, ..., x_0`` of DDIM along decreasing ``sigmas``.

        x_{t-1} = x_t + (sigma_{t-1} - sigma_t) eps(x_t, sigma_t)
                = D + (sigma_{t-1}/sigma_t) (x_t - D),     D = denoiser(x_t, sigma_t)

    Song, Meng & Ermon 2021 (arXiv 2010.02502), eq. 13, in variance-exploding coordinates: Euler's
    method for ``dx/dsigma = eps``, and gradient descent on half the squared distance with step size
    ``1 - sigma_{t-1}/sigma_t`` when D is the projection.

    ``x``: ``(batch, *event)``, the state at ``sigmas[0]`` (for generation ``sigmas[0] * randn``).
    Yields one state per sigma, the first being ``x`` itself; the last is at ``sigmas[-1]``, which
    may be 0. ``final_denoise=True`` appends a step to sigma = 0, whose state is
    ``denoiser(x, sigmas[-1])``. The denoiser is called once per step, with a Python float.
    States keep the dtype of ``x``; gradients flow, so call it under ``torch.no_grad()`` for a
    network.

    Raises ``ValueError`` at once for invalid sigmas (:func:`~..schedules.check_sigmas`) or an ``x``
    that is not floating point; `DenoiserError` for an output of wrong type or shape; `StateError`,
    naming step and sigma, for a non-finite state.
    """
    path = checked_path(x, sigmas, final_denoise=final_denoise)
    return finite_states(_steps(denoiser, x, path), path)


def _steps(denoiser: Denoiser, x: Tensor, path: list[float]) -> Iterator[Tensor]:
    denoise = fitting(denoiser, x)
    yield x
    for sigma, sigma_next in pairwise(path):
        x = torch.lerp(denoise(x, sigma), x, sigma_next / sigma)
        yield x


#: Euler's method for ``dx/dsigma = eps`` is DDIM: one function, two names.
euler = ddim
