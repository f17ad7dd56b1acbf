r"""Closed sets with exact distance, projection and reach.

``dist_K(x) = min |x - x_0|`` over ``x_0 in K``, ``proj_K(x)`` a point that attains it, ``reach K``
the supremum of ``tau`` such that every ``x`` with ``dist_K(x) < tau`` has one nearest point only
(Federer 1959, "Curvature measures", Def. 4.1). Inputs are ``(batch, ambient_dim)``; all arithmetic
and all results are float64.

A smooth set of dimension ``k`` is written in ``m`` coordinates ``u = F (x - centre)`` with
orthonormal rows ``F (m, ambient_dim)``; what is orthogonal to them only adds to the distance.
"""

from typing import Protocol

import torch
from torch import Tensor

from theorylab.diffusion.point_cloud import PointCloud

__all__ = ["AffineSubspace", "ClosedSet", "PointCloud", "Sphere", "Torus"]


class ClosedSet(Protocol):
    """What every set here offers; trajectories are measured against any of them."""

    dim: int
    ambient_dim: int
    reach: float

    def distance(self, x: Tensor) -> Tensor: ...

    def project(self, x: Tensor) -> Tensor: ...

    def sample(self, n: int, generator: torch.Generator) -> Tensor: ...


class AffineSubspace:
    r"""``K = {offset + B^T a : a in R^k}``, ``basis`` B of shape ``(k, n)`` with independent rows.

    ``offset (n,)`` defaults to 0. Convex, so the reach is infinite. Raises ``ValueError`` when the
    rows are dependent.
    """

    reach = torch.inf

    def __init__(self, basis: Tensor, offset: Tensor | None = None):
        self.basis = _orthonormal_rows(basis)
        self.dim, self.ambient_dim = self.basis.shape
        self.offset = _vector("offset", offset, self.ambient_dim)

    def project(self, x: Tensor) -> Tensor:
        """``offset + B^T B (x - offset)`` for orthonormal B, ``(batch, n)``."""
        return (
            self.offset + (_points(x, self.ambient_dim) - self.offset) @ self.basis.T @ self.basis
        )

    def distance(self, x: Tensor) -> Tensor:
        """``|(I - B^T B)(x - offset)|``, ``(batch,)``."""
        return _normal_part(_points(x, self.ambient_dim) - self.offset, self.basis).norm(dim=1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` draws of N(offset, B^T B): there is no uniform law on an unbounded set."""
        shape = (n, self.dim)
        coordinates = torch.randn(shape, dtype=torch.float64, generator=generator)
        return self.offset + coordinates @ self.basis


class Sphere:
    r"""``K = {centre + F^T u : |u| = radius}``, the sphere of intrinsic dimension ``dim`` in R^n.

    ``frame`` F spans the ``dim + 1`` coordinates it lies in (rows are orthonormalised); by default
    the first ones of ``ambient_dim``, itself by default ``dim + 1``. The reach is the radius.
    """

    def __init__(
        self,
        dim: int,
        radius: float = 1.0,
        ambient_dim: int | None = None,
        centre: Tensor | None = None,
        frame: Tensor | None = None,
    ):
        _check_positive("radius", radius)
        self.dim, self.radius, self.reach = dim, float(radius), float(radius)
        self.frame = _frame(frame, dim + 1, ambient_dim)
        self.ambient_dim = self.frame.shape[1]
        self.centre = _vector("centre", centre, self.ambient_dim)

    def project(self, x: Tensor) -> Tensor:
        """``centre + radius F^T u/|u|``; where u = 0 every point is nearest and one is returned."""
        u = (_points(x, self.ambient_dim) - self.centre) @ self.frame.T
        return self.centre + (self.radius * _direction(u)) @ self.frame

    def distance(self, x: Tensor) -> Tensor:
        """``sqrt((|u| - radius)^2 + |y|^2)``, y the part of x - centre off the frame."""
        shifted = _points(x, self.ambient_dim) - self.centre
        radial = (shifted @ self.frame.T).norm(dim=1) - self.radius
        return torch.hypot(radial, _normal_part(shifted, self.frame).norm(dim=1))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` uniform draws, ``(n, ambient_dim)``: the direction of a standard Gaussian."""
        shape = (n, self.dim + 1)
        u = _direction(torch.randn(shape, dtype=torch.float64, generator=generator))
        return self.centre + (self.radius * u) @ self.frame


class Torus:
    r"""The torus of revolution, ``u = ((R + r cos t) cos p, (R + r cos t) sin p, r sin t)``.

    ``major`` R > ``minor`` r > 0; ``frame`` spans the three coordinates ``u`` (rows are
    orthonormalised in order, the third is the axis), by default the first of ``ambient_dim``. The
    reach is ``min(r, R - r)``: the core circle is at distance r, the axis at R - r.
    """

    dim = 2

    def __init__(
        self,
        major: float,
        minor: float,
        ambient_dim: int | None = None,
        centre: Tensor | None = None,
        frame: Tensor | None = None,
    ):
        _check_positive("minor", minor)
        if not minor < major < torch.inf:
            raise ValueError(f"need minor < major < infinity, got minor {minor} and major {major}")
        self.major, self.minor = float(major), float(minor)
        self.reach = min(self.minor, self.major - self.minor)
        self.frame = _frame(frame, 3, ambient_dim)
        self.ambient_dim = self.frame.shape[1]
        self.centre = _vector("centre", centre, self.ambient_dim)

    def project(self, x: Tensor) -> Tensor:
        """The point of the nearest meridian circle nearest to x, ``(batch, ambient_dim)``.

        On the axis and on the core circle, where many are nearest, one is returned.
        """
        u = (_points(x, self.ambient_dim) - self.centre) @ self.frame.T
        around = _direction(u[:, :2])
        profile = torch.stack([u[:, :2].norm(dim=1) - self.major, u[:, 2]], dim=1)
        across = self.minor * _direction(profile)
        ring = (self.major + across[:, :1]) * around
        return self.centre + torch.cat([ring, across[:, 1:]], dim=1) @ self.frame

    def distance(self, x: Tensor) -> Tensor:
        """``hypot(hypot(|(u_1, u_2)| - R, u_3) - r, |y|)``, y the part off the frame."""
        shifted = _points(x, self.ambient_dim) - self.centre
        u = shifted @ self.frame.T
        tube = torch.hypot(u[:, :2].norm(dim=1) - self.major, u[:, 2]) - self.minor
        return torch.hypot(tube, _normal_part(shifted, self.frame).norm(dim=1))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` draws uniform in area, ``(n, ambient_dim)``.

        The angle t has density ``(1 + (r/R) cos t)/(2 pi)``. No rejection loop is needed: a uniform
        t is kept with probability ``(1 + (r/R) cos t)/2`` and otherwise reflected to ``pi - t``.
        """
        draws = torch.rand(3, n, dtype=torch.float64, generator=generator)
        p, t = 2 * torch.pi * draws[0], 2 * torch.pi * draws[1]
        keep = 2 * draws[2] < 1 + self.minor / self.major * t.cos()
        t = torch.where(keep, t, torch.pi - t)
        ring = self.major + self.minor * t.cos()
        u = torch.stack([ring * p.cos(), ring * p.sin(), self.minor * t.sin()], dim=1)
        return self.centre + u @ self.frame


def _points(x: Tensor, ambient_dim: int) -> Tensor:
    if x.ndim != 2 or x.shape[1] != ambient_dim:
        raise ValueError(f"x must have shape (batch, {ambient_dim}), got {tuple(x.shape)}")
    return x.to(torch.float64)


def _vector(name: str, value: Tensor | None, dim: int) -> Tensor:
    if value is None:
        return torch.zeros(dim, dtype=torch.float64)
    if value.shape != (dim,):
        raise ValueError(f"{name} must have shape ({dim},), got {tuple(value.shape)}")
    return value.to(torch.float64)


def _frame(frame: Tensor | None, rows: int, ambient_dim: int | None) -> Tensor:
    if rows < 1:
        raise ValueError(f"dim must be at least 0, got {rows - 1}")
    if frame is None:
        n = rows if ambient_dim is None else ambient_dim
        if n < rows:
            raise ValueError(f"ambient_dim must be at least {rows}, got {n}")
        return torch.eye(rows, n, dtype=torch.float64)
    if frame.ndim != 2 or len(frame) != rows or ambient_dim not in (None, frame.shape[1]):
        wanted = "ambient_dim" if ambient_dim is None else ambient_dim
        raise ValueError(f"frame must have shape ({rows}, {wanted}), got {tuple(frame.shape)}")
    return _orthonormal_rows(frame)


def _orthonormal_rows(rows: Tensor) -> Tensor:
    if rows.ndim != 2 or not len(rows) <= rows.shape[1]:
        raise ValueError(f"rows must have shape (k, n) with k <= n, got {tuple(rows.shape)}")
    scaled = rows.to(torch.float64)
    scaled = scaled / scaled.norm(dim=1, keepdim=True)
    orthonormal, triangle = torch.linalg.qr(scaled.T)
    # A diagonal entry is the share of a row that the rows before it do not span.
    if not bool((triangle.diagonal().abs() > 1e-10).all()):
        raise ValueError("the rows are linearly dependent, zero or not finite")
    return orthonormal.T


def _direction(u: Tensor) -> Tensor:
    """``u/|u|`` per row, and the first axis where u = 0."""
    length = u.norm(dim=1, keepdim=True)
    axis = torch.eye(1, u.shape[1], dtype=u.dtype)
    return torch.where(length > 0, u / length, axis)


def _normal_part(shifted: Tensor, frame: Tensor) -> Tensor:
    """``(I - F^T F) shifted`` for orthonormal rows F."""
    return shifted - shifted @ frame.T @ frame


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < torch.inf:
        raise ValueError(f"{name} must be finite and positive, got {value}")
