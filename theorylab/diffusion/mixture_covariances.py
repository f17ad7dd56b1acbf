r"""Covariances of the components of a Gaussian mixture, and what noise does to them.

Two structures cover every family of :class:`~theorylab.diffusion.distributions.GaussianMixture`:

- :class:`LowRankPlusDiagonal`: $\Sigma_i = \mathrm{diag}(D_i) + F_i F_i^\top$ (isotropic and
  diagonal covariances are the rank-0 case);
- :class:`Full`: $\Sigma_i = Q_i \,\mathrm{diag}(\lambda_i)\, Q_i^\top$, one ``eigh`` each.

``covariances.at(noise)`` gives the noisy covariances $S_i = \Sigma_i + \sigma^2 I$ factored, where
``noise`` is $\sigma^2$, of shape (1, 1) or (batch, 1). With $\delta$ of shape (k, batch, d):

- ``coordinates(delta)``  coordinates in which $S_i$ is diagonal (shared by the next three)
- ``mahalanobis(y)``      $\delta^\top S_i^{-1} \delta$, shape (k, batch), a sum of squares
- ``solve(y)``            $S_i^{-1} \delta$, shape (k, batch, d)
- ``shrink(y)``           $\Sigma_i S_i^{-1} \delta$, shape (k, batch, d), not as $\delta - \sigma^2
  S_i^{-1}\delta$, which cancels when sigma is large
- ``log_det``             $\log\det S_i$, shape (k, 1) or (k, batch)
- ``precisions()``        $S_i^{-1}$, shape (k, d, d), for one sigma
- ``posteriors()``        $\sigma^2 \Sigma_i S_i^{-1}$, the covariance of $x_0$ given
  $x_0 + \sigma\epsilon$, shape (k, d, d), for one sigma
- ``posterior_traces``    the traces of the latter, shape (k, 1) or (k, batch)

All float64. The component axis comes first so that batched products need no copies.
"""

import torch
from torch import Tensor

from theorylab.diffusion.batching import rows_of_each


class LowRankPlusDiagonal:
    r"""$\Sigma_i = \mathrm{diag}(D_i) + F_i F_i^\top$.

    Args:
        diagonal: $D$, shape (k, d), or (k, 1) for multiples of the identity; entries >= 0.
        factors: $F$, shape (k, d, r); r = 0 for none.
    """

    def __init__(self, diagonal: Tensor, factors: Tensor):
        self.diagonal, self.factors = diagonal, factors
        self.dim = factors.shape[1]
        self.has_factors = factors.shape[2] > 0
        self.isotropic = not self.has_factors and diagonal.shape[1] == 1
        # With D a multiple of the identity, the left singular vectors of (D + sigma^2)^(-1/2) F are
        # those of F: one decomposition serves every sigma. Otherwise each sigma needs its own.
        self.one_frame = not self.has_factors or diagonal.shape[1] == 1
        if self.has_factors and self.one_frame:
            self._left, self._singular, _ = torch.linalg.svd(factors, full_matrices=False)

    def has_density(self) -> bool:
        """Whether every component has a density without noise (sufficient: D > 0)."""
        return bool((self.diagonal > 0).all())

    def at(self, noise: Tensor) -> "NoisyLowRankPlusDiagonal":
        """The covariances plus ``noise`` times the identity, factored; see the module."""
        scale = self.diagonal[:, None, :] + noise  # A = D + sigma^2, (k, 1|batch, 1|d)
        if not self.has_factors:
            return NoisyLowRankPlusDiagonal(self, noise, scale, None, None)
        if self.one_frame:
            left, gain = self._left, self._singular[:, None, :].square() / scale
        else:
            left, singular, _ = torch.linalg.svd(
                self.factors / scale.sqrt().transpose(1, 2), full_matrices=False
            )
            gain = singular.square()[:, None, :]
        return NoisyLowRankPlusDiagonal(self, noise, scale, left, gain)

    def matrices(self) -> Tensor:
        """Sigma_i as dense matrices, shape (k, d, d)."""
        diagonal = self.diagonal.expand(-1, self.dim)
        return torch.diag_embed(diagonal) + self.factors @ self.factors.transpose(1, 2)

    def variances_along(self, direction: Tensor) -> Tensor:
        """u' Sigma_i u for a direction u of shape (d,); shape (k,)."""
        along = (direction @ self.factors).square().sum(-1)
        return (self.diagonal * direction.square()).expand(-1, self.dim).sum(-1) + along

    def sample(self, index: Tensor, generator: torch.Generator | None) -> Tensor:
        """One draw from N(0, Sigma_i) for each i in ``index``, shape (n, d)."""
        draws = _normal(len(index), self.dim, self.diagonal, generator)
        draws = draws * self.diagonal.sqrt()[index]
        if self.has_factors:
            latent = _normal(len(index), self.factors.shape[2], self.diagonal, generator)
            for i, rows in zip(*rows_of_each(index), strict=True):
                draws[rows] += latent[rows] @ self.factors[i].T
        return draws

    def component(self, i: int) -> "LowRankPlusDiagonal":
        """The covariance of component i alone."""
        return LowRankPlusDiagonal(self.diagonal[i : i + 1], self.factors[i : i + 1])


class NoisyLowRankPlusDiagonal:
    r"""$S = A^{1/2}\,[\,I + U \,\mathrm{diag}(g)\, U^\top]\,A^{1/2}$ with $A = D + \sigma^2$.

    $U$, $g$: left singular vectors and squared singular values of $A^{-1/2} F$. By Woodbury
    $S^{-1} = A^{-1/2}\,[\,(I - UU^\top) + U\,\mathrm{diag}(1/(1+g))\,U^\top]\,A^{-1/2}$.
    The part of a vector outside the span of U is formed before it is scaled: subtracting two
    products with $1/A$, as Woodbury is usually written, loses all digits when sigma is small.
    """

    def __init__(self, covariances, noise, scale, left, gain):
        self._covariances, self._noise = covariances, noise
        self.scale, self._root = scale, scale.sqrt()
        self._left, self._gain = left, gain
        copies = covariances.dim // scale.shape[2]  # d where D is a multiple of the identity
        self.log_det = copies * scale.log().sum(-1)
        shrinkage = covariances.diagonal[:, None, :] / scale
        self.posterior_traces = copies * (noise * shrinkage).sum(-1)
        if left is not None:
            self.log_det = self.log_det + gain.log1p().sum(-1)
            weights = (1 / scale).expand(-1, -1, covariances.dim) @ left.square()  # (k, 1|batch, r)
            self.posterior_traces = self.posterior_traces + (
                (noise.square() * weights * gain / (1 + gain)).sum(-1)
            )

    def coordinates(self, delta: Tensor) -> tuple[Tensor | None, Tensor]:
        """(U'z, z - U U'z) for z = A^(-1/2) delta."""
        whitened = delta / self._root
        if self._left is None:
            return None, whitened
        along = whitened @ self._left
        return along, whitened - along @ self._left.transpose(1, 2)

    def mahalanobis(self, coordinates) -> Tensor:
        along, rest = coordinates
        squares = _squared_norm(rest)
        if along is None:
            return squares
        return squares + _squared_norm(along / (1 + self._gain).sqrt())

    def solve(self, coordinates) -> Tensor:
        return self._inverse(coordinates) / self._root

    def shrink(self, coordinates) -> Tensor:
        # Sigma S^-1 = D S^-1 + A^(1/2) U diag(g / (1 + g)) U' A^(-1/2): sums of like signs.
        shrunk = self._covariances.diagonal[:, None, :] / self._root * self._inverse(coordinates)
        along, _ = coordinates
        if along is None:
            return shrunk
        low_rank = (along * (self._gain / (1 + self._gain))) @ self._left.transpose(1, 2)
        return shrunk + self._root * low_rank

    def precisions(self) -> Tensor:
        dim = self._covariances.dim
        if self._left is None:
            return torch.diag_embed((1 / self.scale).expand(-1, -1, dim)[:, 0])
        inside = torch.eye(dim, dtype=self.scale.dtype, device=self.scale.device) - (
            (self._left * (self._gain / (1 + self._gain))) @ self._left.transpose(1, 2)
        )
        return inside / self._root / self._root.transpose(1, 2)

    def posteriors(self) -> Tensor:
        # sigma^2 D / A + sigma^4 A^(-1/2) U diag(g / (1 + g)) U' A^(-1/2)
        shrinkage = self._noise * self._covariances.diagonal[:, None, :] / self.scale
        diagonal = torch.diag_embed(shrinkage.expand(-1, -1, self._covariances.dim)[:, 0])
        if self._left is None:
            return diagonal
        low_rank = (self._left * (self._gain / (1 + self._gain))) @ self._left.transpose(1, 2)
        return diagonal + (self._noise / self._root) * low_rank * (
            self._noise / self._root.transpose(1, 2)
        )

    def _inverse(self, coordinates) -> Tensor:
        along, rest = coordinates
        if along is None:
            return rest
        return rest + (along / (1 + self._gain)) @ self._left.transpose(1, 2)


class Full:
    r"""$\Sigma_i = Q_i\,\mathrm{diag}(\lambda_i)\,Q_i^\top$ from dense matrices, shape (k, d, d).

    Eigenvalues below d * 2.2e-16 times the largest are rounding and become 0: a singular matrix
    stays singular. (A graded covariance belongs in a diagonal or low-rank mixture.)

    Raises:
        ValueError: a matrix is not symmetric, or has a negative eigenvalue beyond rounding.
    """

    isotropic, one_frame = False, True

    def __init__(self, matrices: Tensor):
        size = matrices.abs().amax((1, 2))
        asymmetry = (matrices - matrices.transpose(1, 2)).abs().amax((1, 2))
        if bool((asymmetry > 1e-10 * size).any()):
            i = int((asymmetry - 1e-10 * size).argmax())
            raise ValueError(
                f"covariance {i} is not symmetric: |C - C'| reaches {float(asymmetry[i]):.3g} "
                f"where the largest entry is {float(size[i]):.3g}; give (C + C') / 2"
            )
        eigenvalues, basis = torch.linalg.eigh((matrices + matrices.transpose(1, 2)) / 2)
        smallest, largest = eigenvalues[:, 0], eigenvalues.abs().amax(1)
        if bool((smallest < -1e-10 * largest).any()):
            i = int((smallest / largest.clamp_min(torch.finfo(largest.dtype).tiny)).argmin())
            raise ValueError(
                f"covariance {i} is not positive semidefinite: its smallest eigenvalue is "
                f"{float(smallest[i]):.6g} (largest {float(largest[i]):.6g}); allowed: eigenvalues "
                ">= 0"
            )
        self.dim = matrices.shape[1]
        floor = self.dim * torch.finfo(largest.dtype).eps * largest[:, None]
        self._set(torch.where(eigenvalues < floor, 0.0, eigenvalues), basis)

    def _set(self, eigenvalues: Tensor, basis: Tensor) -> None:
        self.eigenvalues, self.basis, self.dim = eigenvalues, basis, basis.shape[1]

    def has_density(self) -> bool:
        """Whether every component has a density without noise."""
        return bool((self.eigenvalues > 0).all())

    def at(self, noise: Tensor) -> "NoisyFull":
        """The covariances plus ``noise`` times the identity, factored; see the module."""
        return NoisyFull(self, noise)

    def matrices(self) -> Tensor:
        """Sigma_i as dense matrices, shape (k, d, d)."""
        return (self.basis * self.eigenvalues[:, None, :]) @ self.basis.transpose(1, 2)

    def variances_along(self, direction: Tensor) -> Tensor:
        """u' Sigma_i u for a direction u of shape (d,); shape (k,)."""
        return ((direction @ self.basis).square() * self.eigenvalues).sum(-1)

    def sample(self, index: Tensor, generator: torch.Generator | None) -> Tensor:
        """One draw from N(0, Sigma_i) for each i in ``index``, shape (n, d)."""
        draws = _normal(len(index), self.dim, self.basis, generator)
        for i, rows in zip(*rows_of_each(index), strict=True):
            draws[rows] = (draws[rows] * self.eigenvalues[i].sqrt()) @ self.basis[i].T
        return draws

    def component(self, i: int) -> "Full":
        """The covariance of component i alone."""
        one = object.__new__(Full)
        one._set(self.eigenvalues[i : i + 1], self.basis[i : i + 1])
        return one


class NoisyFull:
    r"""$S_i = Q_i\,\mathrm{diag}(\lambda_i + \sigma^2)\,Q_i^\top$: only a diagonal knows sigma."""

    def __init__(self, covariances: Full, noise: Tensor):
        self._basis = covariances.basis
        self._eigenvalues = covariances.eigenvalues[:, None, :]
        self._noise = noise
        self._scale = self._eigenvalues + noise
        self._root = self._scale.sqrt()
        self.log_det = self._scale.log().sum(-1)
        self.posterior_traces = (noise * (self._eigenvalues / self._scale)).sum(-1)

    def coordinates(self, delta: Tensor) -> Tensor:
        """Q' delta."""
        return delta @ self._basis

    def mahalanobis(self, coordinates: Tensor) -> Tensor:
        return _squared_norm(coordinates / self._root)

    def solve(self, coordinates: Tensor) -> Tensor:
        return (coordinates / self._scale) @ self._basis.transpose(1, 2)

    def shrink(self, coordinates: Tensor) -> Tensor:
        return (coordinates * (self._eigenvalues / self._scale)) @ self._basis.transpose(1, 2)

    def precisions(self) -> Tensor:
        return (self._basis / self._scale) @ self._basis.transpose(1, 2)

    def posteriors(self) -> Tensor:
        shrunk = self._noise * (self._eigenvalues / self._scale)
        return (self._basis * shrunk) @ self._basis.transpose(1, 2)


def _normal(n: int, dim: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(n, dim, dtype=like.dtype, device=like.device, generator=generator)


def _squared_norm(vectors: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vectors, dim=-1).square()  # three times as fast as a sum
