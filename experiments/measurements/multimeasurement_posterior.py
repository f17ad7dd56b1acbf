r"""Multimeasurement, the posterior mean: what do m noisy measurements of the same X say of X?

Y_i = X + sigma eps_i for i = 1..m, all independent. Document 004 states that the posterior mean is
the mean of the measurements plus (sigma^2 / m) times the score at noise sigma / sqrt(m).

It holds, for a mixture and for the digits: the measurements enter the likelihood of x through their
mean alone, so that one denoiser serves every m, and the density of all of them is that of their
mean times a Gaussian. The other route to each number is direct Bayes over the m measurements (no
sufficiency used).
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import stats

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.images import datasets

experiment = Experiment()

BAYES = "Multiple measurements: posterior mean"


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"law": ["eight modes", "digits"], "m": [1, 2, 5, 20, 100]},
    data=("digits",),
    quick={"queries": 32, "m": [1, 2, 5, 20]},
    default={"queries": 128},
    paper={"queries": 1024},
)
def posterior_means(law, m, queries, rng, generator):
    """The posterior mean by its formula, and by Bayes' rule over the measurements one by one.

    The noise of the mean, s, is held fixed and sigma = s sqrt(m), so that no posterior is
    degenerate: where one mode has all the weight every formula is right.
    """
    if law == "digits":
        images = datasets.as_float(datasets.digits()).flatten(1)
        model, spread = IdealDenoiser(images), 1.0
        weights = np.full(len(images), 1 / len(images))
        means, covariance = images.numpy(), np.zeros((64, 64))
    else:
        dim, spread = 4, 0.5
        weights = rng.dirichlet(np.full(8, 5.0))
        means = rng.standard_normal((8, dim))
        root = rng.standard_normal((dim, dim)) / 4
        covariance = root @ root.T
        model = GaussianMixture.full(weights, means, np.broadcast_to(covariance, (8, dim, dim)))
    rows = []
    for s in (0.5 * spread, spread, 2 * spread):
        sigma = s * math.sqrt(m)
        x = means[rng.choice(len(weights), size=queries, p=weights)]
        x = x + rng.multivariate_normal(np.zeros(x.shape[1]), covariance, size=queries)
        y = x[:, None] + sigma * rng.standard_normal((queries, m, x.shape[1]))
        mean = torch.from_numpy(y.mean(1))
        score = lambda noise: (model(mean, noise) - mean) / noise**2  # noqa: B023
        if law != "digits":
            score = lambda noise: model.score(mean, noise)  # noqa: B023
        arms = {
            "formula": mean + sigma**2 / m * score(sigma / math.sqrt(m)),
            "at sigma": mean + sigma**2 / m * score(sigma),
            "step sigma^2": mean + sigma**2 * score(sigma / math.sqrt(m)),
            "mean alone": mean,
        }
        oracle = bayes_mean(y, weights, means, covariance, sigma)
        size = np.linalg.norm(oracle - mean.numpy(), axis=1)
        rows.append(
            [(np.linalg.norm(a.numpy() - oracle, axis=1) / size).max() for a in arms.values()]
        )
    return xr.Dataset(
        {"error": (("noise", "arm"), np.array(rows), {"long_name": "relative error of the jump"})},
        {"noise": ["half", "one", "two"], "arm": list(arms)},
    )


def bayes_mean(y, weights, means, covariance, sigma):
    """E[X | y_1..y_m] by one Kalman step for each measurement in each component."""
    queries, m, dim = y.shape
    centre = np.broadcast_to(means, (queries, *means.shape)).copy()
    spread = covariance.copy()
    log_weight = np.broadcast_to(np.log(weights), (queries, len(weights))).copy()
    for i in range(m if covariance.any() else 0):
        predictive = spread + sigma**2 * np.eye(dim)
        gain = np.linalg.solve(predictive, spread).T
        residual = y[:, i, None] - centre
        whitened = np.linalg.solve(predictive, residual.reshape(-1, dim).T).T
        log_weight -= 0.5 * (residual * whitened.reshape(residual.shape)).sum(-1)
        centre += residual @ gain.T
        spread = spread - gain @ spread
    for i in range(0 if covariance.any() else m):  # points do not move: only their weights do
        log_weight -= ((y[:, i, None] - means) ** 2).sum(-1) / (2 * sigma**2)
    weight = np.exp(log_weight - log_weight.max(1, keepdims=True))
    return np.einsum("qk,qkd->qd", weight / weight.sum(1, keepdims=True), centre)


@experiment.measure(
    grid={"m": [1, 2, 3, 7, 20], "dim": [1, 4]},
    quick={"queries": 16},
    default={"queries": 1000},
)
def densities(m, dim, queries, rng):
    """log p(y_1..y_m): through the mean alone, and as a Gaussian mixture in R^(m d)."""
    weights = rng.dirichlet(np.full(3, 5.0))
    means = rng.standard_normal((3, dim))
    roots = rng.standard_normal((3, dim, dim)) / 2
    covariances = roots @ roots.transpose(0, 2, 1)
    model = GaussianMixture.full(weights, means, covariances)
    rows = {name: [] for name in ("through_the_mean", "at_sigma", "direct", "squares")}
    for sigma in (0.5, 1.0, 3.0):
        which = rng.choice(3, size=queries, p=weights)
        x = means[which] + np.einsum(
            "qij,qj->qi", roots[which], rng.standard_normal((queries, dim))
        )
        y = x[:, None] + sigma * rng.standard_normal((queries, m, dim))
        mean = torch.from_numpy(y.mean(1))
        rows["through_the_mean"].append(model.log_density(mean, sigma / math.sqrt(m)).numpy())
        rows["at_sigma"].append(model.log_density(mean, sigma).numpy())
        rows["squares"].append(((y - y.mean(1, keepdims=True)) ** 2).sum((1, 2)))
        stacked = [
            math.log(w)
            + stats.multivariate_normal(
                np.tile(mu, m), np.kron(np.ones((m, m)), c) + sigma**2 * np.eye(m * dim)
            ).logpdf(y.reshape(queries, -1))
            for w, mu, c in zip(weights, means, covariances, strict=True)
        ]
        rows["direct"].append(np.logaddexp.reduce(stacked, axis=0).reshape(queries))
    return xr.Dataset(
        {name: (("sigma", "query"), np.array(v)) for name, v in rows.items()},
        {"sigma": [0.5, 1.0, 3.0]},
    )


# ---- checks -----------------------------------------------------------------------------------


def jump_is_posterior_mean(posterior_means, arm="formula"):
    d = posterior_means
    return checks.identity(
        d.error.sel(arm=arm).max("noise"),
        rounding=1e-10,
        margin=1e-7,
        reason="rounding: at most 1e3 terms of relative size 1e-13; the slips sought exceed 1e-2",
        where=(d.m > 1) | (arm in ("formula", "mean alone")),
    )


def sufficient_symbolic(factor=1):
    """The measurements enter the likelihood of x through their mean alone."""
    x, *y = sp.symbols("x y1:6", real=True)
    mean = sp.Add(*y) / 5
    left = sum((v - x) ** 2 for v in y)
    right = factor * 5 * (mean - x) ** 2 + sum((v - mean) ** 2 for v in y)
    witness = dict(
        zip([x, *y], map(sp.Rational, ["1/3", "2/5", "3/2", "1", "0", "-1"]), strict=True)
    )
    return checks.proof(left - right, witness)


def universal_density(densities, through="through_the_mean", correction=1.0):
    d = densities
    through_the_mean = (
        d[through]
        - d.squares / (2 * d.sigma**2)
        - (d.m - 1) * d.dim / 2 * np.log(2 * np.pi * d.sigma**2)
        - correction * d.dim / 2 * np.log(d.m)
    )
    return checks.identity(
        (np.abs(through_the_mean - d.direct) / (1 + np.abs(d.direct))).max(("sigma", "query")),
        rounding=1e-11,
        margin=1e-8,
        reason="rounding: a covariance of order 80 with condition at most 1e4; slips exceed 1e-2",
        where=d.m > (0 if through == "through_the_mean" and correction == 1 else 1),
    )


# ---- claims -----------------------------------------------------------------------------------

experiment.claim(
    "multimeasurement-posterior-mean",
    r"E[X \mid Y_1,\dots,Y_m] = \bar Y_{1:m} + \tfrac{\sigma^2}{m} \nabla \log"
    r" q_{\sigma/\sqrt m}(\bar Y_{1:m})",
    source=Source("004", BAYES),
    entries="multimeasurement-posterior-mean",
    conditions="Y_i = X + eps_i, eps_i independent N(0, sigma^2 I), independent of X",
    check=jump_is_posterior_mean,
    controls=[
        Control("the score at noise sigma instead of sigma / sqrt(m)", arm="at sigma"),
        Control("a step of sigma^2 instead of sigma^2 / m", arm="step sigma^2"),
        Control("the mean without a jump", arm="mean alone"),
    ],
)
experiment.claim(
    "mean-sufficiency-universal-density-symbolic",
    r"\sum_i |y_i - x|^2 = m|\bar y - x|^2 + \sum_i |y_i - \bar y|^2",
    source=Source("004", BAYES),
    entries="mean-sufficiency-universal-density",
    form="derived",
    conditions="m = 5, one coordinate; coordinates add",
    check=sufficient_symbolic,
    controls=[Control("m + 10 % in place of m", factor=sp.Rational(11, 10))],
)
experiment.claim(
    "mean-sufficiency-universal-density",
    r"\log p(y_{1:m}) = \log q_{\sigma/\sqrt m}(\bar y)"
    r" - \tfrac{1}{2\sigma^2}\sum_i |y_i - \bar y|^2"
    r" - \tfrac{(m-1)d}{2}\log(2\pi\sigma^2) - \tfrac d2 \log m",
    source=Source("004", BAYES),
    entries="mean-sufficiency-universal-density",
    form="derived",
    conditions="as for the posterior mean",
    check=universal_density,
    controls=[
        Control("without the last term", correction=0.0),
        Control("q at noise sigma", through="at_sigma"),
    ],
)
