"""Laws in many dimensions, by KS distances of fixed one-dimensional features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from ..evidence import ALPHA, Evidence
from .intervals import remark
from .laws import ks_distance, ks_distance_two_samples, law_1d


def law(
    distances,
    n,
    margin,
    reason: str,
    *,
    m=None,
    dim: str = "feature",
    where=None,
    alpha: float = ALPHA,
    level: str = "statistics",
    note: str = "",
) -> Evidence:
    """Equality of laws in many dimensions, as far as a fixed family of features sees it.

    Judged, point by point, is the largest KS distance over the features (``feature_distances``:
    linear projections, which by Cramer and Wold determine the law when there are enough of them,
    and products of pairs, which see correlation). Each feature has a DKW band at
    ``alpha / (points * features)``, so the interval ``max +- band`` is exact for every n:

    - supported: every feature's law is within ``margin`` in KS distance. That is what is
      claimed; laws that agree on all features and differ elsewhere are not told apart (``mmd``
      sees every difference, with less resolution);
    - refuted: some feature differs by more than ``margin``, hence the laws differ.

    Args:
        distances: KS distances with dimension ``dim``; its coordinate, if any, names the worst
            feature in the note.
        n, m, margin: as for :func:`theorylab.checks.law_1d`.
    """
    distances = xr.DataArray(distances)
    if dim not in distances.dims:
        raise ValueError(f"distances have no dimension {dim!r}; they have {distances.dims}")
    features = distances.sizes[dim]
    if features == 0:
        raise ValueError("law needs at least one feature")
    largest = distances.max(dim, skipna=False)
    seen = distances if where is None else distances.where(where)
    if dim in distances.coords and bool(seen.notnull().any()):
        name = distances[dim].values[int(seen.max([d for d in seen.dims if d != dim]).argmax(dim))]
        note = remark(note, f"largest over {features} features at {name}")
    # The union over the features is a union over the points' own bands: it only divides alpha.
    judged = law_1d(
        largest,
        n,
        margin,
        reason,
        m=m,
        where=where,
        alpha=alpha / features,
        level=level,
        note=note,
    )
    return replace(judged, alpha=alpha)


def feature_distances(
    samples: np.ndarray,
    reference: np.ndarray | None = None,
    *,
    directions: int = 8,
    products: bool = True,
    seed: int = 0,
    cdf: Callable[[np.ndarray], Sequence[Callable]] | None = None,
) -> xr.DataArray:
    """KS distances of fixed features between ``samples`` and a reference, for ``law``.

    Features, a function of the dimension and of ``seed`` alone, never of the samples:

    - ``u_j . x`` for the first ``min(dim, directions)`` coordinate axes and for as many random
      unit vectors;
    - with ``products``, ``(u_j . x)(u_k . x)`` for consecutive directions j, k = j + 1: the axes
      in turn, then the random ones.

    Args:
        samples: ``(n, dim)``.
        reference: ``(m, dim)`` independent samples of the claimed law, by another route.
        cdf: instead of reference samples: maps the directions ``(count, dim)`` to exact
            distribution functions of ``u . x``, one each; products then need a reference.

    Returns:
        DataArray with dimension ``feature``, whose coordinate names the features.
    """
    samples = _matrix(samples)
    vectors, names = _directions(samples.shape[1], directions, seed)
    if (reference is None) == (cdf is None):
        raise ValueError("feature_distances takes either reference samples or cdf=")
    if cdf is not None:
        if products:
            raise ValueError("the law of products is not given by cdf=: pass products=False")
        laws = cdf(vectors)
        found = [ks_distance(samples @ u, f) for u, f in zip(vectors, laws, strict=True)]
        return xr.DataArray(found, dims="feature", coords={"feature": names})
    reference = _matrix(reference)
    if reference.shape[1] != samples.shape[1]:
        raise ValueError(f"samples are {samples.shape[1]}-dimensional, not {reference.shape[1]}")
    here, there = samples @ vectors.T, reference @ vectors.T
    pairs = [(j,) for j in range(len(vectors))]
    if products:
        pairs += [(j, j + 1) for j in range(len(vectors) - 1)]
    found = [
        ks_distance_two_samples(*(values[:, pair].prod(axis=1) for values in (here, there)))
        for pair in pairs
    ]
    labels = [" * ".join(names[j] for j in pair) for pair in pairs]
    return xr.DataArray(found, dims="feature", coords={"feature": labels})


def _directions(dim: int, count: int, seed: int) -> tuple[np.ndarray, list[str]]:
    if count < 1:
        raise ValueError(f"directions must be at least 1, not {count}")
    axes = np.eye(dim)[: min(dim, count)]
    random = np.random.default_rng([seed, dim]).standard_normal((count, dim))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    names = [f"x{j}" for j in range(len(axes))] + [f"u{j}" for j in range(count)]
    return np.concatenate([axes, random]), names


def _matrix(samples) -> np.ndarray:
    samples = np.asarray(samples, dtype=float)
    if samples.ndim != 2:
        raise ValueError(f"samples must have shape (n, dim), not {samples.shape}")
    return samples
