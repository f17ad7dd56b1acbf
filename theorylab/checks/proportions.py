"""Probabilities judged from counts, by the exact binomial law."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import special

from ..evidence import ALPHA, Evidence
from .intervals import acceptable, require, tail
from .points import select


def proportion(
    count,
    n,
    probability,
    margin,
    reason: str,
    *,
    relation: str = "==",
    where=None,
    alpha: float = ALPHA,
    level: str = "statistics",
    note: str = "",
) -> Evidence:
    r"""A probability, from ``count`` successes in ``n`` independent trials.

    Clopper and Pearson's interval (1934), exact for every n and probability:
    :math:`I^{-1}_{q}(k, n-k+1) \le p \le I^{-1}_{1-q}(k+1, n-k)` with the inverse regularised
    incomplete beta function and ``q = alpha / points / 2``. The judged deviation is
    ``p - probability``. Trials with unequal probabilities and mean p have a narrower law, so for
    them the interval stays valid (Hoeffding 1956).

    Args:
        count, n: integers, ``0 <= count <= n``; ``n = 0`` gives the interval [0, 1].
        probability: what the claim says the probability is, or its bound.
        margin: largest deviation that does not matter; for a bound usually 0.
        relation: ``"=="``; ``"<="`` if the claim bounds the probability from above; ``">="``.
    """
    count, n, probability, margin, excluded = select(where, count, n, probability, margin)
    require((count >= 0) & (count <= n), "a count lies outside 0 <= count <= n")
    q = tail(alpha, count.size)
    lower, upper = xr.apply_ufunc(
        lambda k, m: clopper_pearson(k, m, q), count, n, output_core_dims=[[], []]
    )
    return Evidence(
        level,
        estimate=count / n.where(n > 0) - probability,
        lower=lower - probability,
        upper=upper - probability,
        region=acceptable(relation, margin),
        reason=reason,
        alpha=alpha,
        samples=n,
        excluded=excluded,
        note=note,
    )


def clopper_pearson(count, n, q: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits that the success probability exceeds, or falls below, with probability <= q each."""
    count, n = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    # At the ends one beta parameter is 0; the limit there is 0 or 1 by definition.
    lower = special.betaincinv(np.maximum(count, 1), n - count + 1, q)
    upper = special.betainccinv(count + 1, np.maximum(n - count, 1), q)
    return np.where(count > 0, lower, 0.0), np.where(count < n, upper, 1.0)
