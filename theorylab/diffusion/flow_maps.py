r"""Exact flow maps: where the probability flow carries a point from one noise level to another.

In variance-exploding coordinates ``dx/dsigma = (x - D(x, sigma))/sigma`` (Song et al. 2021, arXiv
2011.13456, eq. 13). Its map from sigma to tau carries ``p_sigma`` to ``p_tau``, so that it is known

- for a Gaussian N(mu, C): per eigenvalue ``lam`` of C,
  ``x - mu -> sqrt((lam + tau^2)/(lam + sigma^2)) (x - mu)``;
- on the line: the increasing map ``Q_tau(F_sigma(x))`` of quantiles;
- else: by an ODE solver of order 8 in log sigma, at the tolerance asked for.

Levels may go up or down. All float64.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from scipy import integrate
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser, check_denoised
from theorylab.diffusion.distributions import GaussianMixture


def gaussian_flow(x: Tensor, start: float, end: float, mean: Tensor, covariance: Tensor) -> Tensor:
    r"""``mu + U sqrt((L + end^2)/(L + start^2)) U' (x - mu)`` for data ``N(mu, C = U L U')``.

    ``x``: ``(batch, d)``; ``mean``: ``(d,)``; ``covariance``: ``(d, d)``, symmetric and positive
    semidefinite, not read for definiteness. Raises ``ValueError`` for a level that is negative or
    not finite, and for ``start = 0`` where C is singular.
    """
    _check_levels(start, end)
    values, vectors = torch.linalg.eigh(covariance.to(torch.float64))
    values = values.clamp(min=0)
    if start == 0 and float(values[0]) <= 1e-14 * float(values[-1]):
        raise ValueError("no flow starts at sigma = 0 where the covariance is singular")
    gain = ((values + end**2) / (values + start**2)).sqrt()
    return mean + ((x.to(torch.float64) - mean) @ vectors * gain) @ vectors.T


def line_flow(mixture: GaussianMixture, x: Tensor, start: float, end: float) -> Tensor:
    """``Q_end(F_start(x))`` for a mixture on the line; ``x`` and the result of any one shape.

    Points above the median are mapped through the upper tail, so that both tails keep their
    digits. Raises ``ValueError`` for a mixture in more dimensions, a level that is negative or
    not finite, and an ``x`` so far out that its tail probability is 0 in float64.
    """
    _check_levels(start, end)
    x = x.to(torch.float64)
    variances = mixture.covariances()[:, 0, 0]
    mirrored = GaussianMixture.isotropic(mixture.weights, -mixture.means, variances.sqrt())
    lower, upper = mixture.cdf(x, start), mirrored.cdf(-x, start)
    below = lower <= 0.5
    tail = torch.where(below, lower, upper)
    if not bool((tail > 0).all()):
        far = x[tail <= 0].flatten()[0].item()
        raise ValueError(f"x = {far:g} has tail probability 0 in float64: take points nearer")
    result = torch.empty_like(x)
    result[below] = mixture.quantile(tail[below], end)
    result[~below] = -mirrored.quantile(tail[~below], end)
    return result


def ode_flow(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Iterable[float],
    *,
    rtol: float = 1e-11,
    atol: float = 1e-12,
) -> Tensor:
    """States of the probability flow at ``sigmas``, ``(levels, batch, *event)``, from ``x`` on.

    Dormand & Prince's method of order 8 in ``log sigma``, restarted at every level because its
    interpolant between steps is only of order 7. ``sigmas`` are positive and monotone, rising or
    falling; all points of the batch share their steps. Raises ``ValueError`` for other levels,
    ``ArithmeticError`` where the solver gives up.
    """
    levels = [float(s) for s in sigmas]
    steps = np.diff(levels)
    if not levels or min(levels) <= 0 or not ((steps < 0).all() or (steps > 0).all()):
        raise ValueError(f"sigmas must be positive and strictly monotone, got {levels}")
    shape = x.shape

    def velocity(log_sigma: float, flat: np.ndarray) -> np.ndarray:
        state, sigma = torch.from_numpy(flat.reshape(shape)), math.exp(log_sigma)
        return flat - check_denoised(denoiser(state, sigma), state, sigma).numpy().ravel()

    states = [x.to(torch.float64)]
    for before, after in pairwise(levels):
        solved = integrate.solve_ivp(
            velocity,
            (math.log(before), math.log(after)),
            states[-1].numpy().ravel(),
            "DOP853",
            rtol=rtol,
            atol=atol,
        )
        if not solved.success:
            raise ArithmeticError(f"from sigma {before:g} to {after:g}: {solved.message}")
        states.append(torch.from_numpy(solved.y[:, -1].reshape(shape)))
    return torch.stack(states)


def _check_levels(*levels: float) -> None:
    for level in levels:
        if not 0 <= level < math.inf:
            raise ValueError(f"a noise level must be finite and at least 0, got {level}")
