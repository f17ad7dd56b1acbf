r"""Gaussian mixtures: every quantity of diffusion theory in closed form, at every noise level.

For $x_0 \sim \sum_i w_i\, N(m_i, \Sigma_i)$ and $x = x_0 + \sigma\epsilon$ with
$\epsilon \sim N(0, I)$, write $S_i = \Sigma_i + \sigma^2 I$.
Then $x \sim q_\sigma = \sum_i w_i\, N(m_i, S_i)$ and

- responsibilities      $r_i(x) = w_i N(x; m_i, S_i) / q_\sigma(x)$
- score                 $\nabla\log q_\sigma = s = \sum_i r_i s_i$, $\; s_i = -S_i^{-1}(x - m_i)$
- Hessian               $\nabla^2\log q_\sigma = \sum_i r_i\,[(s_i - s)(s_i - s)^\top - S_i^{-1}]$
- posterior             $x_0 \mid x \sim \sum_i r_i\, N(\mu_i, \Gamma_i)$,
                        $\mu_i = m_i + \Sigma_i S_i^{-1}(x - m_i)$,
                        $\Gamma_i = \sigma^2\Sigma_i S_i^{-1}$
- posterior mean        $D(x, \sigma) = \sum_i r_i \mu_i = x + \sigma^2 s$ (Tweedie)
- posterior covariance  $\sum_i r_i\,[\Gamma_i + (\mu_i - D)(\mu_i - D)^\top]
                        = \sigma^2 (I + \sigma^2 \nabla^2\log q_\sigma)$

Posterior mean and covariance are computed from the posterior, score and Hessian from the density,
so that either pair can test the other. Components may be points ($\Sigma_i = 0$) where sigma > 0.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from theorylab.diffusion import mixture_density, mixture_posterior, mixture_quantiles
from theorylab.diffusion.batching import by_noise, by_rows, rows_of_each
from theorylab.diffusion.mixture_covariances import Full, LowRankPlusDiagonal
from theorylab.diffusion.mixture_density import Components
from theorylab.diffusion.mixture_parameters import (
    finite,
    points_and_noise,
    standard_deviations,
    weights_and_means,
)


class MixturePosterior(NamedTuple):
    """Law of x0 given x = x0 + sigma * noise, a Gaussian mixture for each row of x."""

    responsibilities: Tensor  # (batch, k)
    means: Tensor  # (batch, k, d)
    covariances: Tensor  # (batch, k, d, d)


class GaussianMixture:
    r"""$\sum_i w_i\, N(m_i, \Sigma_i)$ on $R^d$, with itself as the exact denoiser.

    Build one with :meth:`isotropic`, :meth:`diagonal`, :meth:`low_rank`, :meth:`full` or
    :meth:`standard_normal`. Calling the mixture, ``mixture(x, sigma)``, gives the posterior mean.

    In every method x has shape (batch, d), and sigma >= 0 is the standard deviation of the added
    noise, a number or a tensor of shape (batch, 1). Inputs are converted to float64; results are
    float64, exact but for rounding that a few ulps of x, means and covariances would explain, for
    sigma from 1e-6 to 1e6. Where a component has no density (a point, a singular covariance; for
    low rank, a diagonal part with a zero) sigma must be positive. Random draws use the generator
    given (None: torch's default).

    Raises:
        ValueError: shapes that do not fit, NaN or infinity, weights that are negative or do not sum
            to one, covariances that are not positive semidefinite, sigma < 0, or sigma = 0 where
            there is no density. The message says what is allowed.

    Attributes:
        weights: (k,); means: (k, d); dim: d.
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: LowRankPlusDiagonal | Full):
        self.weights, self.means, self.dim = weights, means, means.shape[1]
        self._components = Components(weights.log(), means, covariances)
        self._has_density = covariances.has_density()

    # ---- construction -----------------------------------------------------------------------

    @classmethod
    def isotropic(cls, weights, means, stds) -> "GaussianMixture":
        """Sigma_i = stds_i^2 I.

        Args:
            weights: (k,), or None for equal weights.
            means: (k, d).
            stds: (k,) or one number; 0 makes a component a point.
        """
        weights, means = weights_and_means(weights, means)
        stds = standard_deviations(stds, means)
        if stds.dim() > 1:
            raise ValueError(
                f"stds of an isotropic mixture: got shape {tuple(stds.shape)}, allowed: a number "
                f"or ({len(means)},), one per component; for one per coordinate use .diagonal"
            )
        diagonal = stds.square().expand(len(means))[:, None]
        return cls(weights, means, LowRankPlusDiagonal(diagonal, _no_factors(means)))

    @classmethod
    def diagonal(cls, weights, means, stds) -> "GaussianMixture":
        """Sigma_i = diag(stds_i^2).

        Args:
            weights: (k,), or None for equal weights.
            means: (k, d).
            stds: (k, d); entries >= 0.
        """
        weights, means = weights_and_means(weights, means)
        stds = standard_deviations(stds, means)
        if stds.shape != means.shape:
            raise ValueError(
                f"stds of a diagonal mixture: got shape {tuple(stds.shape)}, allowed: "
                f"{tuple(means.shape)}, the shape of the means"
            )
        return cls(weights, means, LowRankPlusDiagonal(stds.square(), _no_factors(means)))

    @classmethod
    def low_rank(cls, weights, means, factors, stds=0.0) -> "GaussianMixture":
        """Sigma_i = F_i F_i' + diag(stds_i^2), never formed: cost grows as k d r.

        With stds per coordinate, every distinct sigma costs k small singular value decompositions.

        Args:
            weights: (k,), or None for equal weights.
            means: (k, d).
            factors: F, (k, d, r).
            stds: of the rest: a number, (k,) for isotropic, (k, d) for diagonal; entries >= 0.
        """
        weights, means = weights_and_means(weights, means)
        factors = finite(factors, "factors").to(means.device)
        if factors.dim() != 3 or factors.shape[:2] != means.shape or factors.shape[2] == 0:
            raise ValueError(
                f"factors: got shape {tuple(factors.shape)}, allowed: "
                f"({len(means)}, {means.shape[1]}, r) with r >= 1, for means {tuple(means.shape)}"
            )
        stds = standard_deviations(stds, means)
        if stds.dim() < 2:
            stds = stds.expand(len(means))[:, None]
        return cls(weights, means, LowRankPlusDiagonal(stds.square(), factors))

    @classmethod
    def full(cls, weights, means, covariances) -> "GaussianMixture":
        """Any covariances; one ``eigh`` each here, after which every sigma is diagonal.

        Args:
            weights: (k,), or None for equal weights.
            means: (k, d).
            covariances: (k, d, d), symmetric, positive semidefinite.
        """
        weights, means = weights_and_means(weights, means)
        covariances = finite(covariances, "covariances").to(means.device)
        wanted = (len(means), means.shape[1], means.shape[1])
        if covariances.shape != wanted:
            raise ValueError(
                f"covariances: got shape {tuple(covariances.shape)}, allowed: {wanted} for means "
                f"{tuple(means.shape)}"
            )
        return cls(weights, means, Full(covariances))

    @classmethod
    def standard_normal(cls, dim: int) -> "GaussianMixture":
        """N(0, I) on R^dim."""
        return cls.isotropic(None, torch.zeros(1, dim, dtype=torch.float64), 1.0)

    # ---- the mixture itself -----------------------------------------------------------------

    def mean(self) -> Tensor:
        """E[x0] = sum_i w_i m_i, shape (d,)."""
        return self.weights @ self.means

    def covariance(self) -> Tensor:
        """Cov(x0) = sum_i w_i [Sigma_i + (m_i - m)(m_i - m)'], shape (d, d)."""
        spread = self.means - self.mean()
        within = torch.einsum("k,kde->de", self.weights, self._components.covariances.matrices())
        return within + (self.weights[:, None] * spread).T @ spread

    def covariances(self) -> Tensor:
        """The covariances Sigma_i of the components as dense matrices, shape (k, d, d)."""
        return self._components.covariances.matrices()

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent draws of x0, shape (n, d)."""
        uniform = torch.rand(n, dtype=torch.float64, device=self.means.device, generator=generator)
        index = _draw_index(self.weights, uniform)
        return self.means[index] + self._components.covariances.sample(index, generator)

    def project(self, direction) -> "GaussianMixture":
        """Law of the scalar <u, x0>: the mixture on R with means <u, m_i>, variances u' Sigma_i u.

        For a unit vector u, noise of level sigma on x0 is noise of level sigma on <u, x0>.

        Args:
            direction: u, shape (d,), not necessarily of unit length.
        """
        direction = finite(direction, "direction").to(self.means.device)
        if direction.shape != (self.dim,):
            raise ValueError(
                f"direction: got shape {tuple(direction.shape)}, allowed: ({self.dim},)"
            )
        variances = self._components.covariances.variances_along(direction)
        projected = (self.means @ direction)[:, None]
        return GaussianMixture.isotropic(self.weights, projected, variances.sqrt())

    # ---- density under noise ----------------------------------------------------------------

    def log_density(self, x, sigma=0.0) -> Tensor:
        r"""$\log q_\sigma(x) = \log\sum_i w_i N(x; m_i, S_i)$, shape (batch,)."""
        x, noise = self._arguments(x, sigma)
        return self._by_rows(mixture_density.log_density, x, noise)

    def responsibilities(self, x, sigma=0.0) -> Tensor:
        r"""$r_i(x) = w_i N(x; m_i, S_i) / q_\sigma(x)$, shape (batch, k)."""
        x, noise = self._arguments(x, sigma)
        return self._by_rows(mixture_density.responsibilities, x, noise)

    def score(self, x, sigma=0.0) -> Tensor:
        r"""$\nabla\log q_\sigma(x) = -\sum_i r_i S_i^{-1}(x - m_i)$, shape (batch, d)."""
        x, noise = self._arguments(x, sigma)
        return self._by_rows(mixture_density.score, x, noise)

    def hessian(self, x, sigma=0.0) -> Tensor:
        r"""$\nabla^2\log q_\sigma = \sum_i r_i[(s_i - s)(s_i - s)^\top - S_i^{-1}]$, (batch, d, d).

        batch * d^2 numbers: in high dimension use :meth:`hessian_vector_product`.
        """
        x, noise = self._arguments(x, sigma)
        return self._by_noise(mixture_density.hessian, x, noise)

    def hessian_vector_product(self, x, v, sigma=0.0) -> Tensor:
        r"""$\nabla^2\log q_\sigma(x)\, v$ without the Hessian, shape (batch, d).

        $\sum_i r_i\,[(s_i - s)\,\langle s_i - s, v\rangle - S_i^{-1} v]$

        Args:
            v: shape (batch, d), or (d,) for the same vector at every x.
        """
        x, noise = self._arguments(x, sigma)
        v = finite(v, "v").to(x.device)
        if v.shape not in (x.shape, x.shape[1:]):
            raise ValueError(
                f"v: got shape {tuple(v.shape)}, allowed: {tuple(x.shape)} or ({self.dim},)"
            )
        return self._by_rows(mixture_density.hessian_vector_product, x, noise, v.expand_as(x))

    # ---- posterior of x0 --------------------------------------------------------------------

    def __call__(self, x, sigma) -> Tensor:
        """The denoiser: :meth:`posterior_mean`."""
        return self.posterior_mean(x, sigma)

    def posterior_mean(self, x, sigma) -> Tensor:
        r"""$D(x, \sigma) = E[x_0 \mid x_0 + \sigma\epsilon = x] = \sum_i r_i \mu_i$, (batch, d)."""
        x, noise = self._arguments(x, sigma)
        return self._by_rows(mixture_posterior.mean, x, noise)

    def posterior_covariance(self, x, sigma) -> Tensor:
        r"""$\sum_i r_i\,[\Gamma_i + (\mu_i - D)(\mu_i - D)^\top]$, shape (batch, d, d).

        The law of total covariance, not $\sigma^2(I + \sigma^2\nabla^2\log q)$, which cancels when
        sigma is large.
        """
        x, noise = self._arguments(x, sigma)
        return self._by_noise(mixture_posterior.covariance, x, noise)

    def posterior_covariance_trace(self, x, sigma) -> Tensor:
        r"""$E[\|x_0 - D\|^2 \mid x] = \sum_i r_i\,[\mathrm{tr}\,\Gamma_i + \|\mu_i - D\|^2]$.

        Shape (batch,), without a matrix where the covariances are isotropic, diagonal or low rank.
        Its mean over x is the least denoising loss at this sigma.
        """
        x, noise = self._arguments(x, sigma)
        return self._by_rows(mixture_posterior.covariance_trace, x, noise)

    def posterior(self, x, sigma) -> MixturePosterior:
        """The posterior itself: responsibilities, means and covariances of its components.

        batch * k * d^2 numbers where sigma differs between rows (k * d^2 where it does not).
        """
        x, noise = self._arguments(x, sigma)
        return MixturePosterior(
            self._by_rows(mixture_density.responsibilities, x, noise),
            self._by_rows(mixture_posterior.component_means, x, noise),
            self._by_noise(mixture_posterior.component_covariances, x, noise),
        )

    def posterior_sample(self, x, sigma, generator: torch.Generator | None = None) -> Tensor:
        """One exact draw of x0 given x0 + sigma * noise = x for each row of x, shape (batch, d).

        Draws component i by its responsibility, then corrects a draw of the pair: for x0' of that
        component and x' = x0' + sigma * noise', x0' + Sigma_i S_i^-1 (x - x') has the law of x0
        given x (Matheron's rule). For several draws per point, repeat the rows of x.
        """
        x, noise = self._arguments(x, sigma)
        uniform = torch.rand(len(x), dtype=x.dtype, device=x.device, generator=generator)
        index = _draw_index(self.responsibilities(x, sigma), uniform)
        draws = self.means[index] + self._components.covariances.sample(index, generator)
        added = torch.randn(x.shape, dtype=x.dtype, device=x.device, generator=generator)
        residual = x - (draws + noise.sqrt() * added)
        noise = noise.expand(len(x), 1)
        for i, rows in zip(*rows_of_each(index), strict=True):
            covariance = self._components.covariances.component(int(i))
            draws[rows] += mixture_posterior.shrink(covariance, residual[rows], noise[rows])
        return draws

    # ---- one dimension ----------------------------------------------------------------------

    def cdf(self, x, sigma=0.0) -> Tensor:
        r"""$P(x_0 + \sigma\epsilon \le x)$ in one dimension; x of any shape, sigma a number.

        A point component without noise is a step, continuous from the right.
        """
        return mixture_quantiles.cdf(finite(x, "x"), *self._on_the_line(sigma))

    def quantile(self, p, sigma=0.0) -> Tensor:
        r"""The least x with $P(x_0 + \sigma\epsilon \le x) \ge p$, in one dimension.

        Args:
            p: probabilities strictly between 0 and 1, any shape.
            sigma: a number.
        """
        return mixture_quantiles.quantile(finite(p, "p"), *self._on_the_line(sigma))

    # ---- inside -----------------------------------------------------------------------------

    def _arguments(self, x, sigma) -> tuple[Tensor, Tensor]:
        return points_and_noise(x, sigma, self.dim, self._has_density)

    def _by_rows(self, function: Callable[..., Tensor], x: Tensor, noise: Tensor, *more) -> Tensor:
        """function(components, x, noise, *more) with bounded memory."""

        def bounded(x: Tensor, noise: Tensor, *more) -> Tensor:
            return by_rows(
                partial(function, self._components), self._components.rows_reduced, x, noise, *more
            )

        if self._components.covariances.one_frame:
            return bounded(x, noise, *more)
        return by_noise(bounded, x, noise, *more)

    def _by_noise(self, function: Callable[..., Tensor], x: Tensor, noise: Tensor) -> Tensor:
        """function(components, x, noise), one sigma at a time."""
        return by_noise(partial(function, self._components), x, noise)

    def _on_the_line(self, sigma) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, means and standard deviations of the noisy components in one dimension."""
        if self.dim != 1:
            raise ValueError(
                f"cdf and quantile need dimension 1, this mixture has dimension {self.dim}; "
                "use .project(direction) first"
            )
        sigma = float(sigma)
        if not 0 <= sigma < math.inf:
            raise ValueError(f"sigma: got {sigma:g}, allowed: a finite number >= 0")
        stds = (self._components.covariances.matrices()[:, 0, 0] + sigma**2).sqrt()
        return self.weights, self.means[:, 0], stds


def _draw_index(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Index drawn from probabilities of shape (k,), or (n, k), by n uniform numbers on [0, 1)."""
    cumulative = probabilities.cumsum(-1)
    threshold = uniform * cumulative[..., -1]  # the sum may differ from 1 by rounding
    if cumulative.dim() == 1:
        index = torch.searchsorted(cumulative, threshold, right=True)
    else:
        index = torch.searchsorted(cumulative, threshold[:, None], right=True).squeeze(1)
    return index.clamp_max(probabilities.shape[-1] - 1)


def _no_factors(means: Tensor) -> Tensor:
    return means.new_zeros(*means.shape, 0)
