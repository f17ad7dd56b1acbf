r"""Guidance by a linear measurement: denoisers that wrap a denoiser, for every sampler.

Given D = E[x0 | x], both stand for E[x0 | x, y], whose exact value for a mixture is
:func:`~theorylab.diffusion.linear_posterior.linear_posterior`'s. With C = Cov(x0 | x):

    exact, x0 | x Gaussian   D + C H'(H C H' + sigma_n^2 I)^{-1} (y - H D)
    proximal (DiffPIR)       the same with C replaced by (sigma^2/lambda) I
    through the denoiser     D + (1/lambda) C H'(y - H D)/sigma_n^2: the bracket is without H C H'
    (DPS)

All in variance-exploding coordinates. Rows are independent: a batch gives what its parts give.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser, Sigma, check_denoised, expand_sigma
from theorylab.diffusion.linear_measurement import LinearMeasurement

#: lambda, or lambda as a function of the noise level.
Strength = float | Callable[[Sigma], Sigma]


def proximal_guidance(
    denoiser: Denoiser, measurement: LinearMeasurement, strength: Strength = 1.0
) -> Denoiser:
    r"""DiffPIR's data step: ``argmin_v |y - H v|^2 + rho |v - D(x, sigma)|^2``.

        rho = lambda sigma_n^2 / sigma^2

    Zhu et al. 2023 (arXiv 2305.08995), eq. 13 and algorithm 1, lines 3 and 4. ``strength`` is
    lambda > 0: larger trusts the measurement less. For x0 ~ N(0, c I) it is exact with
    ``lambda = 1 + sigma^2/c``, which a function of sigma can give. At sigma = 0 it is the denoiser.
    """
    weight = _positive(strength)

    def guided(x: Tensor, sigma: Sigma) -> Tensor:
        denoised = check_denoised(denoiser(x, sigma), x, sigma)
        # 1/rho, which is 0 where rho is infinite, as at sigma = 0.
        inverse = (expand_sigma(sigma, x) / measurement.noise).square() / weight(sigma)
        return _proximal(measurement, denoised, inverse)

    return guided


def gradient_guidance(
    denoiser: Denoiser, measurement: LinearMeasurement, strength: Strength = 1.0
) -> Denoiser:
    r"""Diffusion posterior sampling: the misfit of the denoised state, differentiated through it.

        D_y = D - sigma^2/(2 lambda sigma_n^2) grad_x |y - H D(x, sigma)|^2
            = D + C H'(y - H D)/(lambda sigma_n^2),          C = sigma^2 dD/dx = Cov(x0 | x)

    Chung et al. 2023 (arXiv 2209.14687), eqs. 11 to 16, where the weight is
    ``rho = 1/sigma_n^2``, lambda = 1. Their algorithm 1 divides the step by the residual's norm:
    that step belongs to a schedule, not to a denoiser, and is left to the caller as ``strength``.
    The denoiser must be differentiable in x by torch; the result carries no graph.
    """
    weight = _positive(strength)

    def guided(x: Tensor, sigma: Sigma) -> Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            denoised = check_denoised(denoiser(leaf, sigma), leaf, sigma)
            # A sum over rows: each row's gradient is that of its own misfit alone.
            misfit = measurement.residual(denoised).square().sum()
            (gradient,) = torch.autograd.grad(misfit, leaf)
        step = (expand_sigma(sigma, x) / measurement.noise).square() / (2 * weight(sigma))
        return denoised.detach() - step * gradient

    return guided


def _proximal(measurement: LinearMeasurement, denoised: Tensor, inverse: Tensor) -> Tensor:
    """The proximal point from 1/rho (batch, 1, ..., 1); rows with 1/rho = 0 stay."""
    free = inverse > 0
    rho = torch.where(free, inverse, 1).reciprocal()
    return torch.where(free, measurement.proximal(denoised, rho), denoised)


def _positive(strength: Strength) -> Callable[[Sigma], Sigma]:
    if callable(strength):
        return strength
    if not 0 < strength < float("inf"):
        raise ValueError(f"strength: got {strength}, allowed: a finite lambda > 0, or a function")
    return lambda sigma: strength
