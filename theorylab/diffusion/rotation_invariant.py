r"""How far a rotation-invariant law on R^d is from N(0, I_d), from the density of its norm alone.

Let X be rotation invariant with norm R of density f, and N standard normal with norm chi_d. The
direction is uniform and independent of the norm in both, hence

    TV(X, N) = TV(R, chi_d) = 1/2 int |f - f_chi| dr
    W2(X, N) = W2(R, chi_d),   W2^2 = int (r - T(r))^2 f dr,   T = F_chi^{-1} o F

(coupling equal directions is optimal since |x - y| >= ||x| - |y||), and the first coordinate has
distribution function E[F_U(x / R)] with U^2 ~ Beta(1/2, (d-1)/2).

Computed by Gauss and Legendre's rule on panels that end wherever f crosses f_chi, so that the
absolute value has no kink inside a panel.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre
from scipy import optimize, special

from theorylab.diffusion.path_norms import chi_pdf

__all__ = ["DistancesFromNormal", "distances_from_normal"]

ORDER = 10
_NODES, _MASS = legendre.leggauss(ORDER)
# _UPTO[i, j]: integral from -1 to node i of the polynomial that is 1 at node j, 0 at the others.
_UPTO = np.stack(
    [legendre.legval(_NODES, legendre.legint(row, lbnd=-1)) for row in np.eye(ORDER)], axis=1
) @ np.linalg.inv(legendre.legvander(_NODES, ORDER - 1))


class DistancesFromNormal(NamedTuple):
    """Distances of a rotation-invariant law from N(0, I_d), and the mass that was left out."""

    total_variation: float
    wasserstein: float  # W2 of the laws on R^d, in units of one standard deviation
    norm_kolmogorov: float  # sup |F - F_chi| of the norms
    coordinate_kolmogorov: float  # the same for one coordinate and N(0, 1)
    missing_mass: float  # P(R outside [low, high])


def distances_from_normal(
    pdf: Callable[[np.ndarray], np.ndarray],
    dim: int,
    low: float,
    high: float,
    *,
    width: float = 0.5,
) -> DistancesFromNormal:
    """Distances between N(0, I_dim) and the rotation-invariant law whose norm has density ``pdf``.

    Args:
        pdf: density of the norm, vectorised, smooth on the scale of ``width``.
        dim: d >= 2.
        low, high: range that holds the mass of both norms, but for what does not matter: nine
            standard deviations of about 0.7 to both sides leave 1e-18 of a Gaussian tail.
        width: of a panel; the norm of a normal latent has standard deviation 0.7 at most.

    The error is that of the quadrature, 1e-11 for a density as smooth as chi's, plus what the mass
    outside contributes (for W2: its squared distance). The coordinate's distance has it from dim 16
    on only (1e-9 at 8, 1e-4 at 3): below, the coordinate's law given the norm has sharp ends.

    Raises:
        ValueError: dim < 2 or an empty range.
    """
    if dim < 2:
        raise ValueError(f"rotations need dim >= 2; got dim={dim}")
    low = max(low, 0.0)
    if not low < high:
        raise ValueError(f"the range [{low}, {high}] of norms is empty")
    edges = np.linspace(low, high, math.ceil((high - low) / width) + 1)
    edges = np.sort(np.concatenate([edges, _crossings(pdf, dim, edges)]))
    half = np.diff(edges)[:, None] / 2
    r = edges[:-1, None] + half * (_NODES + 1)
    mass, f = half * _MASS, pdf(r)
    gap = ((f - chi_pdf(r, dim)) * mass).sum(axis=1)
    panels = (f * mass).sum(axis=1)
    outside = 1 - panels.sum()
    below = (np.cumsum(panels) - panels)[:, None] + half * (f @ _UPTO.T)
    above = (np.cumsum(panels[::-1])[::-1] - panels)[:, None] + half * (f @ (_MASS - _UPTO).T)
    return DistancesFromNormal(
        total_variation=float((np.abs(gap).sum() + abs(gap.sum())) / 2),
        wasserstein=math.sqrt((((r - _transported(below, above, dim)) ** 2 * f) * mass).sum()),
        norm_kolmogorov=float(np.abs(np.cumsum(gap)).max()),
        coordinate_kolmogorov=_coordinate(r.ravel(), (f * mass).ravel(), dim),
        missing_mass=float(outside),
    )


def _crossings(pdf, dim: int, edges: np.ndarray) -> list[float]:
    """Radii at which the two densities cross, where they differ by more than rounding."""
    probe = np.linspace(edges[0], edges[-1], 4 * (len(edges) - 1) + 1)

    def difference(r):
        return pdf(r) - chi_pdf(r, dim)

    values = difference(probe)
    values[np.abs(values) < 1e-9] = 0
    # Between two crossings the difference may be below rounding: compare with the last sign seen.
    seen = values.nonzero()[0]
    pairs = [(i, j) for i, j in pairwise(seen) if values[i] * values[j] < 0]
    return [
        optimize.brentq(lambda r: float(difference(np.array(r))), probe[i], probe[j], xtol=1e-12)
        for i, j in pairs
    ]


def _transported(below: np.ndarray, above: np.ndarray, dim: int) -> np.ndarray:
    """F_chi^{-1}(F(r)), from whichever of F and 1 - F is small and has its digits."""
    tiny = np.finfo(float).tiny
    below, above = np.clip(below, tiny, 1), np.clip(above, tiny, 1)
    squared = np.where(
        below < above,
        special.gammaincinv(dim / 2, np.minimum(below, 0.75)),
        special.gammainccinv(dim / 2, np.minimum(above, 0.75)),
    )
    return np.sqrt(2 * squared)


def _coordinate(r: np.ndarray, mass: np.ndarray, dim: int) -> float:
    """sup_x |P(X_1 <= x) - Phi(x)|: by symmetry over x > 0, each hump of the difference refined."""

    def difference(x: float) -> float:
        within = special.betainc(0.5, (dim - 1) / 2, np.minimum((x / r) ** 2, 1.0)) / 2
        return abs(float(within @ mass) - (special.ndtr(x) - 0.5))

    grid = np.linspace(0, 6, 61)
    values = np.array([difference(x) for x in grid])
    best = values.max()
    tops = np.flatnonzero((values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:])) + 1
    for i in sorted(tops, key=lambda i: -values[i])[:3]:
        found = optimize.minimize_scalar(
            lambda x: -difference(x),
            bounds=(grid[i - 1], grid[i + 1]),
            method="bounded",
            options={"xatol": 1e-6},
        )
        best = max(best, -found.fun)
    return float(best)
