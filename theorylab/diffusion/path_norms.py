r"""The exact law of |path(z1, z2, w)| for independent latents z1, z2 ~ N(0, I_d), by quadrature.

A path between latents that turns and scales with them, path(c Q z1, c Q z2) = c Q path(z1, z2) for
rotations Q and c > 0, acts in the plane of its two latents. Write |z1| = rho cos a,
|z2| = rho sin a and phi for the angle between them. These three are independent, with

    rho ~ chi_{2d},    density of a  ~ (sin 2a)^(d-1),  0 < a < pi/2,
                       density of phi ~ (sin phi)^(d-2), 0 < phi < pi,

so that |path| = rho q(a, phi), q being the norm of the path between two vectors of the plane: in
every dimension two integrals remain, however large d is. All in float64; for latents N(0, s^2 I)
multiply norms by s. Linear interpolation and every kind of slerp are such paths.

Source: polar coordinates for the pair (z1, z2) in R^{2d}; R. J. Muirhead, "Aspects of multivariate
statistical theory" (1982), theorem 1.5.5 for the angle.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import mpmath
import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import special

__all__ = ["NormLaw", "Path", "chi_pdf", "norm_law"]

Path = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]

#: Half-width of the quadrature's window in standard deviations of a and phi: e^(-9^2/2) = 3e-18.
WINDOW = 9.0

#: Below this dimension the window would hold the whole range of both angles anyway.
FEW = 16

#: Numbers of an array (radii, nodes) held at once (8 MiB).
CHUNK = 2**20


class NormLaw(NamedTuple):
    """Law of ``rho * q``, rho ~ chi_{2 dim}, independent of q = scales[j] with chance weights[j].

    ``scales`` and ``weights`` have shape (nodes,); the weights sum to 1.
    """

    dim: int
    scales: np.ndarray
    weights: np.ndarray

    def pdf(self, r: ArrayLike) -> np.ndarray:
        """Density of the norm at r > 0, in r's shape."""
        return self._average(lambda r, q: chi_pdf(r / q, 2 * self.dim) / q, r)

    def cdf(self, r: ArrayLike) -> np.ndarray:
        """P(norm <= r), in r's shape."""
        return self._average(lambda r, q: special.gammainc(self.dim, (r / q) ** 2 / 2), r)

    def sf(self, r: ArrayLike) -> np.ndarray:
        """P(norm > r), with its own digits where it is small."""
        return self._average(lambda r, q: special.gammaincc(self.dim, (r / q) ** 2 / 2), r)

    def moment(self, order: float) -> float:
        """E[norm^order] = E[rho^order] E[q^order]; a meaningless number where it is infinite."""
        half = mpmath.mpf(order) / 2
        # lgamma would cost ten digits of a variance in large dimension.
        ratio = float(mpmath.gammaprod([self.dim + half], [self.dim]) * 2**half)
        return ratio * float(self.weights @ self.scales**order)

    def _average(self, function, r: ArrayLike) -> np.ndarray:
        r = np.asarray(r, dtype=np.float64)
        rows = max(CHUNK // len(self.scales), 1)
        parts = [
            function(part[:, None], self.scales) @ self.weights
            for part in np.split(r.ravel(), range(rows, r.size, rows))
        ]
        return np.concatenate(parts).reshape(r.shape)


def norm_law(path: Path, dim: int, weight: float) -> NormLaw:
    r"""Law of |path(z1, z2, weight)| for independent z1, z2 ~ N(0, I_dim).

    Args:
        path: such as ``slerp``: takes latents ``(batch, 2)`` and the weight, returns
            ``(batch, 2)``; it must turn and scale with its latents.
        dim: d >= 2.

    The distribution function is good to 1e-10 for d >= 3; at d = 2 to 1e-7 (probabilities below
    0.1) or 1e-10. Slerp's norm is unbounded near phi = pi, with P(norm > t) of order t^(1-d):
    moments of order >= d - 1 are infinite, and high ones converge slowly for d < 8.

    Raises:
        ValueError: dim < 2, or a path whose norms are not finite.
    """
    if dim < 2:
        raise ValueError(f"two latents span a plane in dim >= 2 only; got dim={dim}")
    # In few dimensions nothing keeps the angles from the ends of their range, where the path may
    # be singular (at a = pi/4, phi = pi its norm is 0/0): there the nodes gather at the ends.
    if dim < FEW:
        left, right = (_gathered(centre, math.pi / 8) for centre in (math.pi / 8, 3 * math.pi / 8))
        a, mass_a = np.concatenate([left, right], axis=1)
        phi, mass_phi = _gathered(math.pi / 2, math.pi / 2)
    else:
        a, mass_a = _gauss(math.pi / 4, min(math.pi / 4, WINDOW / (2 * math.sqrt(dim - 1))))
        phi, mass_phi = _gauss(math.pi / 2, min(math.pi / 2, WINDOW / math.sqrt(dim - 2)))
    mass = np.outer(mass_a * np.sin(2 * a) ** (dim - 1), mass_phi * np.sin(phi) ** (dim - 2))
    a, phi = (grid.ravel() for grid in np.meshgrid(a, phi, indexing="ij"))
    mass = mass.ravel() / mass.sum()
    kept = mass > 1e-24  # the corners of the window weigh nothing
    a, phi, mass = a[kept], phi[kept], mass[kept]
    z1 = torch.from_numpy(np.stack([np.cos(a), np.zeros_like(a)], axis=1))
    z2 = torch.from_numpy(np.sin(a)[:, None] * np.stack([np.cos(phi), np.sin(phi)], axis=1))
    scales = path(z1, z2, weight).norm(dim=1).numpy()
    if not np.isfinite(scales).all():
        raise ValueError("the path has norms that are not finite between ordinary latents")
    # A path through 0 would divide by it; (1e150)^2 still is a number.
    return NormLaw(dim, np.maximum(scales, 1e-150), mass)


def chi_pdf(r: ArrayLike, dof: int) -> np.ndarray:
    r"""Density of the chi law, r^(k-1) e^(-r^2/2) / (2^(k/2-1) Gamma(k/2)) with k = dof, at r > 0.

    Written around its mode, sqrt(2h/pi) exp(-h (v - log(1 + v)) - delta) / r with h = k/2,
    v = r^2/k - 1 and delta Stirling's remainder (Loader 2000): the plain form takes differences of
    numbers as large as k log k.
    """
    r = np.asarray(r, dtype=np.float64)
    half = dof / 2
    with mpmath.workdps(40):
        h = mpmath.mpf(half)
        stirling = (h - mpmath.mpf(1) / 2) * mpmath.log(h) - h + mpmath.log(2 * mpmath.pi) / 2
        delta = float(mpmath.loggamma(h) - stirling)
    t = np.where(r > 0, r, 1.0) / math.sqrt(dof)
    v = (t - 1) * (t + 1)
    # Each logarithm where it has its digits: near the mode, and towards r = 0.
    exponent = v - np.where(v > -0.5, np.log1p(np.maximum(v, -0.5)), 2 * np.log(t))
    density = np.exp(-half * exponent - delta - np.log(t)) / math.sqrt(math.pi)
    return np.where(r > 0, density, 0.0)


def _gauss(centre: float, half: float, nodes: int = 48) -> np.ndarray:
    """Nodes and masses of Gauss and Legendre's rule, (2, nodes)."""
    x, mass = np.polynomial.legendre.leggauss(nodes)
    return np.stack([centre + half * x, half * mass])


def _gathered(centre: float, half: float, nodes: int = 96) -> np.ndarray:
    """The same rule after x -> (3x - x^3)/2, whose derivative vanishes at both ends."""
    x, mass = np.polynomial.legendre.leggauss(nodes)
    return np.stack([centre + half * (3 * x - x**3) / 2, half * mass * 1.5 * (1 - x**2)])
