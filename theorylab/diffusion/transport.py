r"""Exact Wasserstein-2 distances, W2(mu, nu)^2 = min E|X - Y|^2 over couplings X ~ mu, Y ~ nu.

    gaussian_w2, diagonal_gaussian_w2   two normal laws, any dimension
    dirac_w2, w2_shift                  a law and a point; a law and its translate
    w2_1d, discrete_w2_1d               samples or weighted points on the line
    w2_squared_from_quantiles           two laws on the line, given by quantile functions
    discrete_w2                         weighted points in R^d, by linear programming

Functions named `..._w2...` return W2, the one named `w2_squared...` returns W2^2. Everything is
computed in float64. The distance between two *samples* estimates the distance between their laws
badly in more than about four dimensions (two samples of one law lie far apart): no function here
pretends otherwise.

Source: C. Villani, "Topics in optimal transportation" (2003), theorems 1.3, 2.18 and remark 2.19.
"""

import math

import numpy as np
import torch
from numpy.typing import ArrayLike

from theorylab.diffusion.transport_line import (
    Quadrature,
    discrete_w2_1d,
    law_weights,
    w2_1d,
    w2_squared_from_quantiles,
)

__all__ = [
    "Quadrature",
    "diagonal_gaussian_w2",
    "dirac_w2",
    "discrete_w2",
    "discrete_w2_1d",
    "gaussian_w2",
    "w2_1d",
    "w2_shift",
    "w2_squared_from_quantiles",
]


def gaussian_w2(
    mean1: torch.Tensor, cov1: torch.Tensor, mean2: torch.Tensor, cov2: torch.Tensor
) -> torch.Tensor:
    r"""W2 between N(m1, S1) and N(m2, S2).

    Means have shape `(..., d)`, covariances `(..., d, d)`, the result `(...)`.

        W2^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^{1/2} S2 S1^{1/2})^{1/2})                    (Bures)
             = |m1 - m2|^2 + min over orthogonal U of |A - B U|_F^2,   S1 = A A^T, S2 = B B^T.

    The second form is the one computed, with U from the singular vectors of B^T A. It is a sum of
    squares, so that close covariances lose no digits: the trace form cannot see a W2 below 1e-8 of
    the standard deviations. (x = m1 + A z, y = m2 + B U z is the optimal coupling.) Covariances may
    be singular. Cost: 2 to 4 times that of the trace form by `eigvalsh`, 0.4 s at d = 784.

    Raises ValueError for shapes that do not fit and for matrices that are not symmetric positive
    semidefinite. Source: Dowson & Landau 1982; Bhatia, Jain & Lim 2019, "On the Bures-Wasserstein
    distance between positive definite matrices", theorem 1.
    """
    shift = torch.as_tensor(mean1).double() - torch.as_tensor(mean2).double()
    first, second = (
        _square_root(torch.as_tensor(cov).double(), shift.shape[-1], name)
        for cov, name in ((cov1, "cov1"), (cov2, "cov2"))
    )
    left, _, right = torch.linalg.svd(second.mT @ first)
    spread = first - second @ (left @ right)
    return torch.hypot(shift.norm(dim=-1), spread.flatten(-2).norm(dim=-1))


def _square_root(cov: torch.Tensor, dim: int, name: str) -> torch.Tensor:
    """A matrix A with A A^T = cov: the Cholesky factor, or by eigenvalues where it is singular."""
    if cov.ndim < 2 or cov.shape[-2:] != (dim, dim):
        raise ValueError(f"{name} must have shape (..., {dim}, {dim}); got {tuple(cov.shape)}")
    size = cov.abs().amax(dim=(-2, -1))
    # Not (> tolerance): NaN must fail too.
    if not ((cov - cov.mT).abs().amax(dim=(-2, -1)) <= 1e-10 * size).all():
        raise ValueError(f"{name} must be symmetric and finite")
    factor, failed = torch.linalg.cholesky_ex(cov)
    if not failed.any():
        return factor
    values, vectors = torch.linalg.eigh(cov)
    top = values.abs().amax(dim=-1, keepdim=True)
    if (values < -1e-10 * top).any():
        raise ValueError(
            f"{name} must be positive semidefinite; its least eigenvalue is {values.min():.3g}"
        )
    # What lies within rounding of 0 is 0: its square root would be 1e-8, not 1e-16.
    rounding = dim * torch.finfo(torch.float64).eps
    return vectors * torch.where(values > rounding * top, values, 0.0).sqrt()[..., None, :]


def diagonal_gaussian_w2(
    mean1: torch.Tensor,
    std1: float | torch.Tensor,
    mean2: torch.Tensor,
    std2: float | torch.Tensor,
) -> torch.Tensor:
    r"""W2 between N(m1, diag(s1^2)) and N(m2, diag(s2^2)): sqrt(|m1 - m2|^2 + |s1 - s2|^2).

    Means have shape `(..., d)`; standard deviations have it too, or are numbers or `(..., 1)` for
    isotropic laws (then |s1 - s2|^2 = d (s1 - s2)^2). Result `(...)`. Raises ValueError for a
    negative or NaN standard deviation.
    """
    mean1, std1, mean2, std2 = (
        torch.as_tensor(v, dtype=torch.float64) for v in (mean1, std1, mean2, std2)
    )
    if not ((std1 >= 0).all() and (std2 >= 0).all()):
        raise ValueError("standard deviations must be at least 0")
    shift, spread = torch.broadcast_tensors(mean1 - mean2, std1 - std2)
    return torch.hypot(shift.norm(dim=-1), spread.norm(dim=-1))


def dirac_w2(
    mean: torch.Tensor, covariance_trace: float | torch.Tensor, point: torch.Tensor
) -> torch.Tensor:
    r"""W2 between any law and the point mass at p: sqrt(|mean - p|^2 + tr Cov), E|X - p|^2's root.

    There is only one coupling. `mean` and `point` have shape `(..., d)`, the trace `(...)`.
    """
    trace = torch.as_tensor(covariance_trace, dtype=torch.float64)
    if not (trace >= 0).all():
        raise ValueError(f"covariance_trace must be at least 0; got {covariance_trace}")
    gap = (torch.as_tensor(mean).double() - torch.as_tensor(point).double()).norm(dim=-1)
    return torch.hypot(gap, trace.sqrt())


def w2_shift(shift: torch.Tensor) -> torch.Tensor:
    r"""W2 between any law with second moments and its translate by v, `(..., d)` to `(...)`: |v|.

    The translation costs |v|^2, and no coupling costs less: E|X - Y|^2 >= |E X - E Y|^2.
    """
    return torch.as_tensor(shift).double().norm(dim=-1)


def discrete_w2(x: ArrayLike, a: ArrayLike | None, y: ArrayLike, b: ArrayLike | None) -> float:
    """W2 between sum_i a_i delta_{x_i} and sum_j b_j delta_{y_j}; points `(n, d)`, `(m, d)`.

    Uniform laws of one size are matched by the Hungarian method (SciPy), the others solved by the
    network simplex (POT), whose optimum is then *checked*: the dual potentials it returns must be
    feasible and reach the same value. Memory O(n m); n = m = 2,000 takes about a second, 5,000 ten.
    Weights as in `discrete_w2_1d`. Raises ValueError for laws that are not laws, RuntimeError when
    the linear program was not solved.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    x, y = _in_space(x, "x"), _in_space(y, "y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x and y must have one dimension; got {x.shape[1]} and {y.shape[1]}")
    uniform = a is None and b is None and len(x) == len(y)
    a, b = law_weights(a, len(x), "a"), law_weights(b, len(y), "b")
    if uniform:
        # cdist takes differences first; |x|^2 + |y|^2 - 2 x.y would cancel for close points
        cost = cdist(x, y, "sqeuclidean")
        return math.sqrt(math.fsum(cost[linear_sum_assignment(cost)]) / len(x))
    x, a, y, b = x[a > 0], a[a > 0], y[b > 0], b[b > 0]
    return math.sqrt(_linear_program(a, b, cdist(x, y, "sqeuclidean")))


def _linear_program(a: np.ndarray, b: np.ndarray, cost: np.ndarray) -> float:
    from ot.lp import emd2  # POT takes seconds to import

    # POT's default limit of 100,000 iterations fails from about 2,000 points on.
    value, log = emd2(a, b, cost, numItermax=10**7, log=True)
    if log["warning"] is not None:
        raise RuntimeError(
            f"discrete_w2: the linear program of {len(a)} by {len(b)} points was not solved: "
            f"{log['warning']}"
        )
    # Any potentials with u_i + v_j <= c_ij bound the optimum from below by a.u + b.v.
    u, v = np.asarray(log["u"]), np.asarray(log["v"])
    violation = max(0.0, float((u[:, None] + v[None, :] - cost).max()))
    gap = abs(float(value) - (a @ u + b @ v - violation))
    if not gap <= 1e-9 * value + 1e-12 * cost.max():
        raise RuntimeError(
            f"discrete_w2: the linear program's answer {value:.17g} is not optimal: "
            f"its dual bound is {gap:.3g} away"
        )
    return max(float(value), 0.0)


def _in_space(points: ArrayLike, name: str) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.size == 0 or not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite points of shape (n, d); got {points.shape}")
    return points
