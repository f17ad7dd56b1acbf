r"""(eta, nu)-admissible schedules: how slowly sigma must fall for DDIM to track the distance.

The error model (Permenter & Yuan 2024, arXiv 2306.04848): whenever
``dist(x)/nu <= sqrt(n) sigma <= nu dist(x)``, the scaled noise errs by at most
``|sigma eps - (x - proj(x))| <= eta dist(x)``. One DDIM step with
``beta_i = 1 - sigma_{i-1}/sigma_i`` then obeys, because the distance is 1-Lipschitz,

    max(0, 1 - beta_i (1 + eta)) dist(x_i) <= dist(x_{i-1}) <= (1 - beta_i (1 - eta)) dist(x_i),

both attained on a single point. Started at ``dist(x_N) = sqrt(n) sigma_N``, the worst case stays in
the band if and only if, for every ``t``,

    (1/nu) prod_{i>=t} (1 - beta_i (1 - eta))  <=  prod_{i>=t} (1 - beta_i)
        <=  nu prod_{i>=t} max(0, 1 - beta_i (1 + eta)):

the schedule is (eta, nu)-admissible. Since ``(1 - beta(1-eta))(1 - beta(1+eta)) <= (1 - beta)^2``,
the right inequality decides while sigma is positive, and a step with ``beta_i >= 1/(1 + eta)`` has
no nu at all (unless ``eta = 0``, where every schedule is admissible with ``nu = 1``).

Arithmetic is that of the arguments: floats, tensors and arrays compute in float64;
``fractions.Fraction`` gives exact answers, ``mpmath.mpf`` its working precision.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from numbers import Real
from operator import mul
from typing import NamedTuple

from torch import Tensor

from theorylab.diffusion.schedules import check_sigmas


class DistanceFactors(NamedTuple):
    """Cumulative products over the steps taken, one entry per schedule entry, the first 1.

    ``lower <= dist(x_t)/dist(x_N) <= upper`` under the error model; ``noise = sigma_t/sigma_N``.
    """

    noise: list[Real]
    lower: list[Real]
    upper: list[Real]


def step_sizes(sigmas: Tensor | Iterable[Real]) -> list[Real]:
    """``beta_i = 1 - sigma_{i-1}/sigma_i``, each in (0, 1], in the order the steps are taken.

    DDIM is gradient descent on half the squared distance with these step sizes. Raises
    ``ValueError`` unless the sigmas decrease strictly as :func:`~.schedules.check_sigmas` asks.
    """
    levels = sigmas.tolist() if hasattr(sigmas, "tolist") else list(sigmas)
    check_sigmas(levels)
    return [1 - later / earlier for earlier, later in pairwise(levels)]


def distance_factors(sigmas: Tensor | Iterable[Real], eta: Real) -> DistanceFactors:
    """The two-sided bound on ``dist(x_t)/dist(x_N)`` along DDIM under relative error ``eta >= 0``.

    Products of ``max(0, 1 - beta_i (1 + eta))`` below and ``1 - beta_i (1 - eta)`` above; both are
    attained at every ``t`` while no lower factor is 0 (Permenter & Yuan 2024, DDIM with relative
    error, item 2, whose plain lower product turns positive again after two negative factors).
    """
    _check_eta(eta)
    betas = step_sizes(sigmas)
    return DistanceFactors(
        noise=_products([1 - beta for beta in betas]),
        lower=_products([max(0 * beta, 1 - beta * (1 + eta)) for beta in betas]),
        upper=_products([1 - beta * (1 - eta) for beta in betas]),
    )


def smallest_nu(sigmas: Tensor | Iterable[Real], eta: Real, nu0: Real = 1) -> Real:
    """The smallest ``nu`` for which the schedule is (eta, nu)-admissible; ``math.inf`` if none.

    ``nu0 >= 1`` is the initial band, ``1/nu0 <= sqrt(n) sigma_N/dist(x_N) <= nu0``; the answer is
    proportional to it.
    """
    _check_band("nu0", nu0)
    factors = distance_factors(sigmas, eta)
    needed = 1
    for noise, lower, upper in zip(*factors, strict=True):
        for larger, smaller in ((noise, lower), (upper, noise)):
            if larger > 0 and smaller == 0:
                return math.inf
            if larger > 0:
                needed = max(needed, larger / smaller)
    return nu0 * needed


def is_admissible(sigmas: Tensor | Iterable[Real], eta: Real, nu: Real, nu0: Real = 1) -> bool:
    """Whether the schedule is (eta, nu)-admissible from an initial band ``nu0``, by the definition.

    No division: with ``Fraction`` arguments the answer is exact. In floats it can be wrong within
    rounding of the boundary (relative ``1e-16`` times the number of steps).
    """
    _check_band("nu0", nu0)
    _check_band("nu", nu)
    factors = distance_factors(sigmas, eta)
    return all(
        nu0 * upper <= nu * noise and nu0 * noise <= nu * lower
        for noise, lower, upper in zip(*factors, strict=True)
    )


def log_linear_beta(eta: float, nu: float, n: int, nu0: float = 1.0) -> float:
    r"""The largest step size with which ``n`` log-linear steps are (eta, nu)-admissible.

    ``beta* = c/(eta + c)``, ``c = 1 - (nu0/nu)^(1/n)``: the root of
    ``nu0 (1 - beta)^n = nu (1 - beta (1 + eta))^n``. Every ``0 <= beta <= beta*`` is admissible, no
    larger one is. The constant depends on ``n`` and falls to 0 like ``log(nu/nu0)/(eta n)``; only
    for ``eta = 0``, where it is 1, does it not.
    """
    _check_eta(eta)
    _check_band("nu0", nu0)
    _check_band("nu", nu)
    if n < 1:
        raise ValueError(f"a schedule needs at least one step, got n = {n}")
    if nu < nu0:
        raise ValueError(f"the band must not shrink: need nu >= nu0, got {nu} and {nu0}")
    if eta == 0:
        return 1.0
    c = -math.expm1((math.log(nu0) - math.log(nu)) / n)  # expm1: c is about log(nu)/n
    return c / (eta + c)


def largest_noise_ratio(eta: float, nu: float, n: float, nu0: float = 1.0) -> float:
    r"""The largest ``sigma_N/sigma_0`` that ``n`` admissible steps can span, ``n = inf`` allowed.

    ``(1 - beta*)^(-n) = (1 + c/eta)^n`` with ``c`` of :func:`log_linear_beta`, increasing in ``n``
    to ``(nu/nu0)^(1/eta)``. Log-linear steps are the best (Jensen), so no schedule spans more.
    """
    if n == math.inf:
        _check_eta(eta)
        _check_band("nu0", nu0)
        _check_band("nu", nu)
        return math.inf if eta == 0 else (nu / nu0) ** (1 / eta)
    beta = log_linear_beta(eta, nu, int(n), nu0)
    return math.inf if beta == 1 else math.exp(-n * math.log1p(-beta))


def _products(factors: Sequence[Real]) -> list[Real]:
    return list(accumulate(factors, mul, initial=1))


def _check_eta(eta: Real) -> None:
    if not 0 <= eta < math.inf:
        raise ValueError(f"eta must be finite and at least 0, got {eta}")


def _check_band(name: str, value: Real) -> None:
    if not 1 <= value < math.inf:
        raise ValueError(f"{name} must be finite and at least 1, got {value}")
