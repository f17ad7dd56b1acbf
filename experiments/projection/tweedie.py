r"""Tweedie's formula: is E[X | Y] = Y + sigma^2 grad log q_sigma(Y) for every law of X?

Document 004's key result. It needs no moments of X: Cauchy's law, which has no mean, obeys it as
Gaussian mixtures do, and points among them. The second derivative gives the posterior covariance.
Posterior means of the library stand beside five-point differences of log q_sigma in extended
precision, for Cauchy's law quadrature beside the Faddeeva function. `ideal_denoiser` judges finite
sets, images among them.
"""

import itertools
import math

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import integrate, special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.finite_differences import log_sum_derivatives

experiment = Experiment()


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [1, 4, 32], "components": [2, 8]},
    quick={"queries": 8},
    default={"queries": 64},
    paper={"queries": 512},
)
def mixtures(dim, components, queries, rng):
    """Posterior mean, score and covariance of Gaussian mixtures beside derivatives of log q_sigma.

    The means lie closer than 4 sigma_max and farther than sigma_min / 4, so that no posterior is
    degenerate at every level.
    """
    means = 2 * rng.standard_normal((components, dim)) / math.sqrt(dim)
    weights = rng.dirichlet(np.full(components, 5.0))
    roots = rng.standard_normal((components, dim, dim)) / math.sqrt(4 * dim)
    thin = rng.standard_normal((components, dim, 1)) / 2
    eye = np.eye(dim)
    kinds = {
        "points": (GaussianMixture.isotropic(weights, means, 0.0), 0 * roots),
        "full": (
            GaussianMixture.full(weights, means, roots @ roots.transpose(0, 2, 1)),
            roots @ roots.transpose(0, 2, 1),
        ),
        "low rank": (
            GaussianMixture.low_rank(weights, means, thin, 0.2),
            thin @ thin.transpose(0, 2, 1) + 0.04 * eye,
        ),
    }
    levels = (0.25, 0.6, 1.7, 5.0)
    names = ("jump", "score", "variance", "slope", "curvature", "size")
    table = {name: np.zeros((len(kinds), len(levels), queries)) for name in names}
    for k, (mixture, covariances) in enumerate(kinds.values()):
        for j, sigma in enumerate(levels):
            which = rng.choice(components, size=queries, p=weights)
            x = means[which] + sigma * rng.standard_normal((queries, dim))
            u = rng.standard_normal((queries, dim))
            u /= np.linalg.norm(u, axis=1, keepdims=True)
            noisy = torch.from_numpy(x)
            jump = mixture.posterior_mean(noisy, sigma).numpy() - x
            spread = mixture.posterior_covariance(noisy, sigma).numpy()
            table["jump"][k, j] = (jump * u).sum(1)
            table["score"][k, j] = (mixture.score(noisy, sigma).numpy() * u).sum(1)
            table["variance"][k, j] = np.einsum("qi,qij,qj->q", u, spread, u)
            table["size"][k, j] = np.linalg.norm(jump, axis=1)
            precision = np.linalg.inv(covariances + sigma**2 * eye)
            log_det = np.linalg.slogdet(precision)[1]
            offset = x[:, None] - means
            pulled = np.einsum("kij,qkj->qki", precision, offset)
            a = np.log(weights) + log_det / 2 - (offset * pulled).sum(-1) / 2
            b = -(pulled * u[:, None]).sum(-1)
            c = -np.einsum("qi,kij,qj->qk", u, precision, u) / 2
            found = [log_sum_derivatives(*row) for row in zip(a, b, c, strict=True)]
            table["slope"][k, j], table["curvature"][k, j] = np.array(found).T
    return xr.Dataset(
        {name: (("covariance", "sigma", "query"), v) for name, v in table.items()},
        {"covariance": list(kinds), "sigma": list(levels)},
    )


@experiment.measure()
def heavy_tails():
    """X Cauchy, which has no mean: E[X | y] by quadrature, the score by the Faddeeva function."""
    sigmas, y = np.array([0.25, 0.5, 2.0, 3.0]), np.array([-7.0, -1.0, 0.3, 2.0, 5.0, 20.0])
    mean, score = np.zeros((2, len(sigmas), len(y)))
    for i, s in enumerate(sigmas):
        for j, v in enumerate(y):
            weigh = lambda x, s=s, v=v: np.exp(-((v - x) ** 2) / (2 * s * s)) / (1 + x * x)
            cuts = sorted({v - 40 * s, v - 6 * s, v, v + 6 * s, v + 40 * s, -1.0, 0.0, 1.0})
            pieces = list(itertools.pairwise(cuts))
            quad = lambda f, pieces=pieces: sum(
                integrate.quad(f, a, b, epsabs=0, epsrel=1e-13, limit=400)[0] for a, b in pieces
            )
            mean[i, j] = v + quad(lambda x: (x - v) * weigh(x)) / quad(weigh)  # noqa: B023
            z = (v + 1j) / (s * math.sqrt(2))
            w = special.wofz(z)
            slope = -2 * z * w + 2j / math.sqrt(math.pi)
            score[i, j] = slope.real / (w.real * s * math.sqrt(2))
    return xr.Dataset(
        {"mean": (("sigma", "y"), mean), "score": (("sigma", "y"), score)},
        {"sigma": sigmas, "y": y},
    )


# ---- checks ------------------------------------------------------------------------------------


def tweedie_of_mixtures(mixtures, power=2, sign=1.0):
    d = mixtures
    scale = np.sqrt((d["size"] ** 2).mean("query"))
    by_density = np.abs(d.jump - sign * d.sigma**power * d.slope)
    by_score = np.abs(d.jump - sign * d.sigma**power * d.score)
    return checks.identity(
        (np.maximum(by_density, by_score) / scale).max("query"),
        rounding=1e-9,
        margin=1e-7,
        reason="five-point differences reach 1e-11; sigma is never 1",
    )


def tweedie_covariance(mixtures, power=4):
    """u' Cov(X | y) u = sigma^2 + sigma^4 u' (Hessian of log q_sigma) u."""
    d = mixtures
    exact = d.sigma**2 + d.sigma**power * d.curvature
    return checks.identity(
        (np.abs(d.variance - exact) / d.sigma**2).max("query"),
        rounding=1e-7,
        margin=1e-5,
        reason="second differences reach 1e-9 of 1/sigma^2; the right side cancels",
    )


def tweedie_heavy(heavy_tails, power=2, sign=1.0):
    d = heavy_tails
    error = np.abs(d["mean"] - d.y - sign * d.sigma**power * d.score) / d.sigma
    return checks.identity(
        error.max("y"),
        rounding=1e-10,
        margin=1e-8,
        reason="quadrature to 1e-12 relative",
    )


def tweedie_symbolic(power=2):
    """(x - y) phi = sigma^2 d/dy phi for the kernel: integrated against any law it is Tweedie's."""
    x, y = sp.symbols("x y", real=True)
    s = sp.Symbol("sigma", positive=True)
    kernel = sp.exp(-((y - x) ** 2) / (2 * s**2)) / (sp.sqrt(2 * sp.pi) * s)
    witness = {x: sp.Rational(1, 3), y: sp.Rational(2), s: sp.Rational(3, 2)}
    return checks.proof((x - y) * kernel - s**power * sp.diff(kernel, y), witness)


# ---- claims -----------------------------------------------------------------------------------

experiment.claim(
    "tweedie",
    r"E[X \mid Y] = Y + \sigma^2 \nabla\log q_\sigma(Y)",
    source=Source("004", "Empirical Bayes, key result"),
    entries="tweedie",
    conditions="Y = X + sigma N; X a Gaussian mixture, points included",
    check=tweedie_of_mixtures,
    controls=[Control("sigma for sigma^2", power=1), Control("the sign", sign=-1.0)],
)
experiment.claim(
    "tweedie-no-moments",
    r"E[X \mid Y] = Y + \sigma^2 \nabla\log q_\sigma(Y)",
    source=Source("004", "Empirical Bayes, key result"),
    entries="tweedie",
    conditions="Y = X + sigma N; X Cauchy, so that E|X| is infinite",
    check=tweedie_heavy,
    controls=[Control("sigma for sigma^2", power=1), Control("the sign", sign=-1.0)],
)
experiment.claim(
    "tweedie-symbolic",
    r"(x - y)\,\varphi_\sigma(y - x) = \sigma^2\,\partial_y \varphi_\sigma(y - x)",
    source=Source("004", "Empirical Bayes, key result"),
    entries="tweedie",
    form="derived",
    conditions="integrated against any law of X and divided by q_sigma(y), this is the statement",
    check=tweedie_symbolic,
    controls=[Control("sigma for sigma^2", power=1)],
)
experiment.claim(
    "tweedie-covariance",
    r"\mathrm{Cov}(X \mid Y) = \sigma^2 I + \sigma^4 \nabla^2\log q_\sigma(Y)",
    source=Source("004", "Empirical Bayes, key result"),
    entries="tweedie",
    form="derived",
    conditions="X a Gaussian mixture, points included",
    check=tweedie_covariance,
    controls=[Control("sigma^2 for sigma^4", power=2), Control("sigma^3 for sigma^4", power=3)],
)
