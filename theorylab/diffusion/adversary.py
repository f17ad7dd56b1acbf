r"""The worst errors that the error model allows, acted out on the set K = {0}.

On a single point ``sigma eps = (1 + eta) x`` makes DDIM fall as fast, ``(1 - eta) x`` as slowly, as
a relative error eta permits (see :mod:`~theorylab.diffusion.admissibility`). Arithmetic is that of
the arguments; with ``fractions.Fraction`` everything here is exact.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from numbers import Real


def worst_distances(sigmas: Sequence[Real], eta: Real, sign: int, start: Real = 1) -> list[Real]:
    """``x`` along DDIM with ``sigma eps = (1 + sign eta) x``, from ``x_N = start``.

    One entry for each sigma. The sign of x is kept: a negative entry says that a step overshot the
    point; the distance is its absolute value.
    """
    states = [start]
    for sigma, later in pairwise(sigmas):
        states.append(states[-1] - (1 - later / sigma) * (1 + sign * eta) * states[-1])
    return states


def reached_nu(
    sigmas: Sequence[Real], eta: Real, signs: Sequence[int] = (1, -1), start: Real = 1
) -> Real | None:
    """The largest ``sigma/x`` or ``x/sigma`` that the adversaries of these signs reach.

    ``start >= 1``: each begins at that ratio, on the side of the band it drives towards. None if
    one of them reaches or oversteps the point while sigma is positive: there is no band then.
    """
    worst = 1
    for sign in signs:
        first = sigmas[0] / (start if sign > 0 else 1 / start)
        for sigma, x in zip(sigmas, worst_distances(sigmas, eta, sign, first), strict=True):
            if x <= 0 < sigma:
                return None
            worst = max(worst, sigma / x, x / sigma) if sigma > 0 else worst
    return worst


def geometric_levels(beta: Real, steps: int) -> list[Real]:
    """``(1 - beta)^k`` for k = 0, ..., steps: the log-linear schedule of step size beta."""
    return [(1 - beta) ** k for k in range(steps + 1)]


@cache
def rational_schedules() -> list[tuple[tuple[Fraction, ...], Fraction]]:
    """Forty schedules of 1 to 12 steps with an eta each, among them ones with no nu at all.

    Always the same forty: cases for exact checks, drawn once.
    """
    draw = random.Random(20240614)
    cases = []
    for _ in range(40):
        eta = Fraction(draw.randint(1, 30), 20)
        sigmas = [Fraction(7)]
        for _ in range(draw.randint(1, 12)):
            sigmas.append(sigmas[-1] * Fraction(draw.randint(9, 19), 20))
        cases.append((tuple(sigmas), eta))
    return cases
