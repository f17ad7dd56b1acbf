r"""Laws for which blurring is slow, or never enough: closed forms in ball arithmetic and floats.

- atoms :math:`2^k` of weight :math:`2^{-k}`: infinitely many modes at every noise level;
- atoms :math:`2^k` of weight :math:`\propto e^{-4^k/2}`, a sub-Gaussian law: unbounded posterior
  variance at every noise level, so never log-concave;
- Cauchy's law: one mode, never log-concave;
- two points of unequal weights: one mode long before log-concave;
- three points on a line: log-concave before the squared diameter says so;
- four points on the axes of the plane (a rhombus): log-concave, and not any more with less noise;
- ``LINES``: two to five points on the line, all of them with hull [-1, 1], so that D^2/4 = 1.

Balls are at flint's precision, ``ctx.prec``, unless stated. v is the variance of the noise.
"""

from __future__ import annotations

import math
from itertools import pairwise

from flint import acb, arb, ctx, fmpq
from scipy import optimize

from .ball_laws import FiniteLaw

_FIVE = [-1, fmpq(-2, 5), fmpq(1, 10), fmpq(3, 5), 1]
LINES = {
    "two points, 1/2": FiniteLaw.on_line([-1, 1]),
    "two points, 1/5": FiniteLaw.on_line([-1, 1], [1, 4]),
    "three points": FiniteLaw.on_line([-1, 0, 1]),
    "five points": FiniteLaw.on_line(_FIVE, [1, 2, 3, 4, 5]),
}


def valleys_between_powers(variance: float, wanted: int = 4) -> int:
    """Of ``wanted`` successive midpoints between atoms 2^k (weight 2^-k), how many are proved to
    lie lower than both atoms beside them: each is a valley between two modes.

    The midpoint after 2^k is below once v < 4^(k-1) / (2 (k + 1) log 2): the first k is such.
    """
    first = 1
    while variance > 4.0 ** (first - 1) / (2 * (first + 2) * math.log(2)):
        first += 1
    top = first + wanted + 2
    law = [(arb(2) ** k, arb(2) ** -k) for k in range(1, top + 1)]

    def density(y: arb) -> arb:
        near = sum((w * (-(y - a) * (y - a) / (2 * variance)).exp() for a, w in law), arb(0))
        # The atoms beyond the top have total weight 2^-top, and the next one is the nearest.
        rest = arb(2) ** -top * (-((2 * law[-1][0] - y) ** 2) / (2 * variance)).exp()
        return near + arb(0).union(rest)

    atoms = [arb(2) ** k for k in range(first, first + wanted + 1)]
    return sum(
        bool(density((a + b) / 2) < density(a) and density((a + b) / 2) < density(b))
        for a, b in pairwise(atoms)
    )


def pair_share(decay: arb, level: int) -> arb:
    r"""4 p_k p_(k+1), at the y where they tie, for atoms 2^j of weight exp(-4^j/2), j >= 0.

    k = level and decay = 1/2 + 1/(2v). With log p_j = -decay (4^j - 3 2^(k+j)) + const the
    posterior variance there is at least :math:`p_k p_{k+1} 4^k`; a decay in [1/2, 1] is any v >= 1.
    The atoms beyond k + 3 together weigh less than twice the first of them.
    """
    log = lambda j: -decay * (4**j - 3 * 2 ** (level + j) + 2 * 4**level)
    total = sum((log(j).exp() for j in range(level + 4)), arb(0)) + 2 * log(level + 4).exp()
    return 4 / total**2


def cauchy_curvature(y: float, variance: float) -> arb:
    r""":math:`v(\log q)''(y)` for X standard Cauchy, at 400 bits.

    q is a Voigt profile, proportional to Re w(z) with :math:`z = (y+i)/\sqrt{2v}`,
    :math:`w = e^{-z^2}\mathrm{erfc}(-iz)`, :math:`w' = -2zw + 2i/\sqrt\pi`, :math:`w'' = -2w-2zw'`.
    """
    previous, ctx.prec = ctx.prec, 400  # w cancels like exp(|z|^2)
    try:
        z = acb(arb(y), 1) / (2 * arb(variance)).sqrt()
        w = (-z * z).exp() * (acb(0, -1) * z).erfc()
        slope = -2 * z * w + acb(0, 2) / arb.pi().sqrt()
        bend = -2 * w - 2 * z * slope
        return (bend.real / w.real - (slope.real / w.real) * (slope.real / w.real)) / 2
    finally:
        ctx.prec = previous


def two_point_fold(weight: float, distance: float) -> float:
    r"""The v at which w N(0, v) + (1 - w) N(D, v) turns from two modes to one (Behboodian 1970).

    With :math:`\delta = D/(2\sqrt v)`: :math:`|\log((1-w)/w)| = 2\log(\delta-\sqrt{\delta^2-1})
    + 2\delta\sqrt{\delta^2-1}`, which for :math:`\delta = \cosh t` is sinh 2t - 2t.
    """
    target = abs(math.log((1 - weight) / weight))
    excess = lambda t: math.sinh(2 * t) - 2 * t - target
    t = optimize.brentq(excess, 0, 10, xtol=1e-15) if target > 0 else 0.0
    return (distance / (2 * math.cosh(t))) ** 2


def three_point_threshold() -> float:
    r"""The v from which -1, 0, 1, equally likely, are log-concave: :math:`v = 1/(4(1-4e^{-1/v}))`.

    With :math:`a = 2e^{-1/2v} \le 1/2` the largest posterior variance is :math:`1/(4(1-a^2))`, at
    the y where :math:`a\cosh(y/v) = 1 - 2a^2`.
    """
    excess = lambda v: v - 1 / (4 * (1 - 4 * math.exp(-1 / v)))
    return optimize.brentq(excess, 0.25, 0.35, xtol=1e-15)


def rhombus_statistics(a: arb, p: arb, v: arb):
    """Largest eigenvalue and trace of the posterior covariance over the whole plane, as functions
    on two closed boxes, for atoms (+-a, 0) of total weight p and (0, +-1) of total weight 1 - p.

    With c_i = 1/cosh(a_i y_i / v) the pair on the first axis has posterior probability
    P = p' c_2 / (p' c_2 + q' c_1), p' = p exp(-a^2/2v), q' = (1 - p) exp(-1/2v), and the covariance
    depends on P and c_i alone. The boxes c_2 = r c_1 and c_1 = r c_2 with 0 <= r, c <= 1 together
    are the whole plane with its points at infinity.

    Returns:
        ``{"eigenvalue": (f, g), "trace": (f, g)}``: for each statistic the functions of (r, c), on
        [0, 1]^2, for the two boxes.
    """
    first, second = p * (-(a**2) / (2 * v)).exp(), (1 - p) * (arb(-1) / (2 * v)).exp()

    def entries(share: arb, c1: arb, c2: arb) -> tuple[arb, arb, arb]:
        other = 1 - share
        # Products: flint's power of a ball that reaches across 0 is NaN.
        c1, c2, both = c1 * c1, c2 * c2, a * share * other
        xx, yy = a * a * share * (other + share * c1), other * (share + other * c2)
        return xx, yy, both * both * (1 - c1) * (1 - c2)

    def eigenvalue(share: arb, c1: arb, c2: arb) -> arb:
        xx, yy, square = entries(share, c1, c2)
        return (xx + yy + _root((xx - yy) * (xx - yy) + 4 * square)) / 2

    def trace(share: arb, c1: arb, c2: arb) -> arb:
        xx, yy, _ = entries(share, c1, c2)
        return xx + yy

    def on_boxes(statistic):
        return (
            lambda r, c: statistic(first * r / (first * r + second), c, r * c),
            lambda r, c: statistic(first / (first + second * r), r * c, c),
        )

    return {"eigenvalue": on_boxes(eigenvalue), "trace": on_boxes(trace)}


def _root(x: arb) -> arb:
    """Square root of a ball that is known to be nonnegative although it may reach below 0."""
    return x.sqrt() if x > 0 else arb(0).union(arb(x.upper()).sqrt())
