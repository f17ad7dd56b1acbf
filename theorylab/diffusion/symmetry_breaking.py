r"""Symmetry breaking: at which noise level does a symmetric fixed point lose its stability?

In variance-exploding coordinates the probability flow is ``sigma dx/dsigma = x - D(x, sigma)``. It
rests at the fixed points ``x = D(x, sigma)``, the critical points of the noisy density, and there

    d(x - D)/dx = I - Cov(x0 | x)/sigma^2 = -sigma^2 Hess log p_sigma(x):

going down in sigma, a fixed point is stable while the largest eigenvalue of ``Cov(x0 | x)`` is
below ``sigma^2``. Points at equal distance from their mean have there the posterior covariance C of
the data at every sigma; with ``v`` the largest eigenvalue of C, the point is lost at

    sigma^2 = v                         variance-exploding flow and reverse SDE, every density
    sigma^2 = v - 1 + sqrt(1 + v^2)     variance-preserving reverse SDE
    sigma^2 = v/(1 - v)                 variance-preserving flow, v < 1 (never stable for v >= 1)

Raya & Ambrogioni 2023 (arXiv 2305.19693) for two points; the rest is derived here. All float64.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy import optimize
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser

_NEWTON_STEPS = 100


class SimplexLevels(NamedTuple):
    """Noise levels of :func:`simplex_levels`, largest first."""

    appearance: float
    equal_height: float
    instability: float


def exploding_level(variance: float) -> float:
    """``sqrt(v)``: where the variance-exploding flow and reverse SDE, and the density, turn."""
    return math.sqrt(_positive("variance", variance))


def preserving_sde_level(variance: float) -> float:
    """``sqrt(v - 1 + sqrt(1 + v^2))`` of the variance-preserving reverse SDE, in VE sigma.

    Its drift per unit of ``int beta`` is ``z/2 + score``, so its level lies above
    :func:`exploding_level`; for ``v = 1`` it is ``2^(1/4)`` (Raya & Ambrogioni 2023, eq. 9).
    """
    v = _positive("variance", variance)
    # v - 1 + sqrt(1 + v^2) cancels for small v; this form does not.
    return math.sqrt(2 * v / (math.sqrt(1 + v * v) + 1 - v))


def preserving_flow_level(variance: float) -> float:
    """``sqrt(v/(1 - v))`` of the variance-preserving flow; infinite for ``v >= 1``.

    There the symmetric point is unstable at every noise level: the flow has no transition.
    """
    v = _positive("variance", variance)
    return math.sqrt(v / (1 - v)) if v < 1 else math.inf


def simplex(k: int, radius: float = 1.0) -> Tensor:
    """``(k, k - 1)``: the corners of a regular simplex about 0, all at distance ``radius``."""
    if k < 2:
        raise ValueError(f"a simplex has at least 2 corners, got k = {k}")
    # The centred standard basis of R^k spans a hyperplane; its factor gives coordinates there.
    gram = (torch.eye(k, dtype=torch.float64) * k - 1) / (k - 1)
    values, vectors = torch.linalg.eigh(gram)
    return _positive("radius", radius) * vectors[:, 1:] * values[1:].sqrt()


def simplex_branch(order: float | Tensor, k: int) -> float | Tensor:
    r"""``(sigma/sigma_c)^2`` at which ``D = order * corner`` is a fixed point of a simplex.

        (sigma/sigma_c)^2 = k m / log((1 + (k-1) m)/(1 - m)),    sigma_c = R/sqrt(k-1)

    for ``0 < m < 1``: the mean field of the k-state Potts model; ``m/artanh(m)`` for ``k = 2``.
    Keeps the type of ``order``.
    """
    log1p = torch.log1p if isinstance(order, Tensor) else math.log1p
    return k * order / (log1p((k - 1) * order) - log1p(-order))


def simplex_levels(k: int, radius: float = 1.0) -> SimplexLevels:
    r"""Where k equal corners at distance R from the centre break the symmetry.

    - instability ``R/sqrt(k-1)``: the centre turns from a mode into a minimum;
    - equal height ``sigma_c sqrt(k(k-2)/(2(k-1)log(k-1)))``: below it the modes near the corners
      are higher than the one at the centre;
    - appearance: the fold of :func:`simplex_branch`, its largest value, where those modes appear.

    They are one level for ``k = 2`` (a pitchfork) and three different ones for ``k >= 3``, where
    the transition is discontinuous. Wu 1982 (Rev. Mod. Phys. 54, section I.C) for the Potts model.
    """
    if k < 2:
        raise ValueError(f"a simplex has at least 2 corners, got k = {k}")
    critical = _positive("radius", radius) / math.sqrt(k - 1)
    if k == 2:
        return SimplexLevels(critical, critical, critical)

    def slope(m: float) -> float:
        log = math.log1p((k - 1) * m) - math.log1p(-m)
        return log - m * ((k - 1) / (1 + (k - 1) * m) + 1 / (1 - m))

    # Below the equal-height order (k-2)/(k-1) the branch still rises towards its fold.
    equal = (k - 2) / (k - 1)
    fold = optimize.brentq(slope, 1e-3 * equal, equal, xtol=1e-15)
    height = k * (k - 2) / (2 * (k - 1) * math.log(k - 1))
    return SimplexLevels(
        critical * math.sqrt(simplex_branch(fold, k)), critical * math.sqrt(height), critical
    )


def unequal_pair_level(weight: float, half_distance: float = 1.0) -> float:
    r"""Where two points ``+-a`` of weights ``w, 1 - w`` get their second mode.

    ``a sqrt(1 - r^2)`` with ``r/(1 - r^2) - artanh(r) = |log(w/(1-w))|/2``: a saddle-node beside
    the lighter point, while the mode at the heavier one moves there without any transition. Equal
    weights give ``r = 0``, the pitchfork at ``a``.
    """
    if not 0 < weight < 1:
        raise ValueError(f"weight must lie between 0 and 1, got {weight}")
    field = abs(math.log(weight / (1 - weight))) / 2
    gap = lambda r: r / (1 - r * r) - math.atanh(r) - field
    # r/(1-r^2) outgrows any field before r reaches 1.
    r = optimize.brentq(gap, 0.0, 1 - 1e-12, xtol=1e-15) if field else 0.0
    return _positive("half_distance", half_distance) * math.sqrt(1 - r * r)


def fixed_point(
    denoiser: Denoiser,
    covariance: Callable[[Tensor, float], Tensor],
    x: Tensor,
    sigma: float,
    tolerance: float = 1e-12,
) -> tuple[Tensor, float]:
    """The fixed point ``x = D(x, sigma)`` that Newton's method reaches, and its stability.

    ``covariance(x, sigma)`` is ``Cov(x0 | x)`` ``(1, d, d)``, as
    :meth:`GaussianMixture.posterior_covariance`; ``x`` is ``(1, d)``. Returns the point and the
    largest eigenvalue of ``Cov/sigma^2`` there: below 1 the point is a mode. Raises
    ``ArithmeticError`` where Newton's steps do not fall below ``tolerance``.
    """
    one = torch.eye(x.shape[1], dtype=torch.float64)
    for _ in range(_NEWTON_STEPS):
        jacobian = covariance(x, sigma)[0] / sigma**2
        step = torch.linalg.solve(one - jacobian, (denoiser(x, sigma) - x)[0])
        x = x + step
        if float(step.norm()) <= tolerance * (1 + float(x.norm())):
            return x, float(torch.linalg.eigvalsh(covariance(x, sigma)[0] / sigma**2)[-1])
    raise ArithmeticError(
        f"no fixed point found at sigma {sigma:g}: Newton's last step was {float(step.norm()):.2g}"
    )


def instability_level(growth: Callable[[float], float], low: float, high: float) -> float:
    """The sigma in ``[low, high]`` where ``growth(sigma)`` changes sign, to 1e-14 relative.

    ``growth`` is the rate at which a perturbation of the fixed point grows as sigma falls, for
    instance the largest eigenvalue of ``Cov(x0 | x)/sigma^2 - I``. Raises ``ValueError`` where it
    has one sign at both ends.
    """
    first, last = growth(low), growth(high)
    if not (first > 0 > last or last > 0 > first):
        raise ValueError(
            f"the growth rate is {first:.3g} at sigma {low:g} and {last:.3g} at {high:g}: "
            "give levels on both sides of the transition"
        )
    return optimize.brentq(growth, low, high, xtol=1e-14 * high, rtol=1e-14)


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}")
    return value
