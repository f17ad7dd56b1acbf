"""Laws in one dimension: the Kolmogorov-Smirnov distance and its exact band."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import xarray as xr

from ..evidence import ALPHA, Evidence
from .intervals import acceptable, require, tail
from .points import select


def law_1d(
    distance,
    n,
    margin,
    reason: str,
    *,
    m=None,
    where=None,
    alpha: float = ALPHA,
    level: str = "statistics",
    note: str = "",
) -> Evidence:
    r"""Equality of laws on the line up to ``margin``, from an empirical KS distance.

    The Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant (1990),
    :math:`P(\sup|F_n - F| > \varepsilon) \le 2 e^{-2 n \varepsilon^2}`, holds for every law and
    every n. So the KS distance between the sampled law and the target lies within
    ``eps = sqrt(log(2 points / alpha) / (2 n))`` of the empirical one. Supported: distance + eps
    <= margin; refuted: distance - eps > margin. At alpha = 1e-4, eps = 0.01 needs n = 50,000.

    Args:
        distance: ``ks_distance(samples, cdf)``, or ``ks_distance_two_samples``; one per point.
        n: independent samples behind each distance.
        margin: largest KS distance that does not matter; below that of every control.
        m: samples of the second law; each sample then gets half of alpha and both bands add up.
    """
    samples = n if m is None else 1 / (1 / xr.DataArray(n) + 1 / xr.DataArray(m))
    sizes = [n] if m is None else [n, m]
    distance, margin, samples, *sizes, excluded = select(where, distance, margin, samples, *sizes)
    valid = ((distance >= 0) & (distance <= 1)) | distance.isnull()
    require(valid, "a KS distance lies outside [0, 1]")
    share = 2 * tail(alpha, distance.size) / len(sizes)
    band = sum(dkw_band(size, share) for size in sizes)
    return Evidence(
        level,
        estimate=distance,
        lower=(distance - band).clip(min=0),
        upper=(distance + band).clip(max=1),
        region=acceptable("<=", margin),
        reason=reason,
        alpha=alpha,
        samples=samples,
        excluded=excluded,
        note=note,
    )


def dkw_band(n, alpha: float):
    """Half-width of the DKW band with Massart's constant: ``sqrt(log(2 / alpha) / (2 n))``."""
    return np.sqrt(math.log(2 / alpha) / (2 * n))


def ks_distance(
    samples: np.ndarray,
    cdf: Callable[[np.ndarray], np.ndarray],
    cdf_left: Callable[[np.ndarray], np.ndarray] | None = None,
) -> float:
    """Exact ``sup_x |F_n(x) - F(x)|`` for the empirical law of ``samples`` (1-D).

    Args:
        samples: finite numbers; ties are allowed.
        cdf: F, vectorised.
        cdf_left: left limits F(x-), for a law with atoms; by default F is continuous.
    """
    values, counts = np.unique(_finite(samples), return_counts=True)
    upto = np.cumsum(counts) / counts.sum()
    before = np.concatenate([[0.0], upto[:-1]])
    right = np.asarray(cdf(values), dtype=float)
    left = right if cdf_left is None else np.asarray(cdf_left(values), dtype=float)
    # Between samples F_n is constant and F monotone, so the supremum sits at a sample.
    return float(max(np.abs(upto - right).max(), np.abs(before - left).max()))


def ks_distance_two_samples(first: np.ndarray, second: np.ndarray) -> float:
    """Exact ``sup_x |F_n(x) - G_m(x)|`` between two empirical laws (1-D)."""
    first, second = np.sort(_finite(first)), np.sort(_finite(second))
    both = np.concatenate([first, second])
    f = np.searchsorted(first, both, side="right") / first.size
    g = np.searchsorted(second, both, side="right") / second.size
    return float(np.abs(f - g).max())


def _finite(samples) -> np.ndarray:
    samples = np.asarray(samples, dtype=float)
    if samples.ndim != 1 or samples.size == 0:
        raise ValueError(f"a KS distance needs a 1-D sample, not one of shape {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("a KS distance needs finite samples; some are NaN or infinite")
    return samples
