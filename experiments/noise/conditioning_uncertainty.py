"""Conditioning: does another measurement reduce uncertainty, on average or always?

Document 004: conditioning reduces uncertainty on average. So it does, by the variance of the
posterior mean; for single measurements it may grow. That the average curvature of log q is negative
holds for every density and says nothing about log-concavity.

Second measurements are averaged by Gauss-Hermite quadrature; sympy proves the law of total variance
for three values of X and two of Y, of any joint law.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.checks.symbolic import FRACTIONS
from theorylab.diffusion.distributions import GaussianMixture

experiment = Experiment()


# ---- measurements ------------------------------------------------------------------------------


@experiment.measure(
    grid={"law": ["skewed pair", "points 1", "points 2", "isotropic 1", "isotropic 2"]},
    quick={"nodes": 120},
    default={"nodes": 160},
    paper={"nodes": 220},
)
def averages(law, nodes, rng):
    """Posterior variance along a direction before a second measurement, and after, on average.

    Y_2 given y_1 is the mixture sum_i r_i N(mu_i, (g_i + sigma^2) I) over the components of the
    posterior: Gauss-Hermite quadrature, with nodes and with half as many to see its error.
    """
    if law == "skewed pair":
        weights, means, stds = np.array([0.1, 0.9]), np.array([[1.0], [-1.0]]), np.zeros(2)
    else:
        weights, means, stds = _mixture(law, rng)
    mixture, within = GaussianMixture.isotropic(weights, means, stds), stds**2
    sigma, d, found = 1.0, means.shape[1], []
    total = within + sigma**2
    for y1 in [np.zeros(d), *rng.standard_normal((3, d))]:
        u = rng.standard_normal(d)
        u /= np.linalg.norm(u)
        before = mixture.posterior_covariance(torch.as_tensor(y1)[None], sigma)[0].numpy()
        log = np.log(weights) - ((y1 - means) ** 2).sum(1) / (2 * total) - d / 2 * np.log(total)
        centres = means + (within / total)[:, None] * (y1 - means)
        law_of_y2 = special.softmax(log), centres, np.sqrt(within / total * sigma**2 + sigma**2)
        fine, coarse = (_after(mixture, y1, u, law_of_y2, n) for n in (nodes, nodes // 2))
        found.append([u @ before @ u, *fine, abs(fine[0] - coarse[0]) + 1e-13])
    names = ("before", "average", "of_mean", "largest", "quadrature")
    return xr.Dataset({n: ("first", c) for n, c in zip(names, np.transpose(found), strict=True)})


def _mixture(law, rng):
    """Weights, means and standard deviations of four components in d dimensions."""
    kind, d, k = law.split()[0], int(law.split()[1]), 4
    weights = rng.dirichlet(np.full(k, 4.0))
    means = rng.standard_normal((k, d)) * 1.5 / math.sqrt(d)
    return weights, means, np.zeros(k) if kind == "points" else rng.uniform(0.2, 0.6, k)


def _after(mixture, y1, u, law_of_y2, nodes):
    """Mean of u' Cov(X | y_1, y_2) u, variance of u' E[X | y_1, y_2], and largest of the first."""
    shares, centres, spread = law_of_y2
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    product = lambda v: np.stack(np.meshgrid(*[v] * len(u), indexing="ij"), -1).reshape(-1, len(u))
    y2 = (centres[:, None] + spread[:, None, None] * product(x)).reshape(-1, len(u))
    mass = (shares[:, None] * product(w / w.sum()).prod(1)).ravel()
    mean_y, level = torch.as_tensor((y1 + y2) / 2), math.sqrt(0.5)
    variance = np.einsum("c,ncd,d->n", u, mixture.posterior_covariance(mean_y, level).numpy(), u)
    mean = mixture(mean_y, level).numpy() @ u
    return mass @ variance, mass @ (mean - mass @ mean) ** 2, variance.max()


@experiment.measure(
    grid={"separation": [1.0, 3.0, 5.0, 10.0]}, quick={"nodes": 400}, paper={"nodes": 2000}
)
def curvature_on_average(separation, nodes):
    """E (log q)'' and E ((log q)')^2 under q, and the largest (log q)''; means +-separation."""
    mixture = GaussianMixture.isotropic([0.3, 0.7], [[-separation], [separation]], 1.0)
    x, w = np.polynomial.legendre.leggauss(nodes)
    y = torch.as_tensor(x * (separation + 12))[:, None]
    mass = w * (separation + 12) * mixture.log_density(y).exp().numpy()
    second, first = mixture.hessian(y)[:, 0, 0].numpy(), mixture.score(y)[:, 0].numpy()
    found = {"average": mass @ second, "fisher": mass @ first**2, "largest": second.max()}
    return xr.Dataset(found)


# ---- checks ------------------------------------------------------------------------------------


def total_variance_symbolic(sign=1, factor=1):
    """Var X - factor E Var(X | Y) = sign Var E[X | Y], which is a weighted square of a difference.

    For three values of X and two of Y, of any joint law.
    """
    joint, x = sp.Matrix(3, 2, sp.symbols("p0:6", positive=True)), sp.symbols("x0:3", real=True)
    mean = lambda w, f: sum(w[i] * f(x[i]) for i in range(3)) / sum(w)
    variance = lambda w: mean(w, lambda t: t**2) - mean(w, lambda t: t) ** 2
    first, second = (list(joint[:, j]) for j in range(2))
    one, two = sum(first), sum(second)
    after = (one * variance(first) + two * variance(second)) / (one + two)
    gap = mean(first, lambda t: t) - mean(second, lambda t: t)
    before = variance([joint[i, 0] + joint[i, 1] for i in range(3)])
    witness = dict(zip((*joint, *x), (1, 2, 1, 1, 3, 1, 0, 1, 3), strict=True))
    of_mean = one * two / (one + two) ** 2 * gap**2
    return checks.proof(before - factor * after - sign * of_mean, witness, tries=FRACTIONS)


def variance_falls(averages, after):
    """The posterior variance along a direction, after a second measurement, is at most before's."""
    return checks.bound(
        (averages[after] - averages.before) / averages.before,
        rounding=averages.quadrature / averages.before,
        margin=1e-6,
        reason="quadrature agrees with half as many nodes to 1e-9",
        tightness=averages[after] / averages.before,
    )


def variance_split(averages, factor=1.0):
    """Before = average after + factor times the variance of the posterior mean."""
    error = np.abs(averages.before - averages.average - factor * averages.of_mean)
    return checks.identity(
        error / averages.before,
        rounding=averages.quadrature / averages.before,
        margin=1e-6,
        reason="quadrature agrees with half as many nodes to 1e-9",
    )


def average_curvature(curvature_on_average, sign=1, what="average"):
    """E (log q)'' = -sign E ((log q)')^2 for every density, log-concave or not."""
    data = curvature_on_average
    return checks.identity(
        np.abs(data[what] + sign * data.fisher) / data.fisher,
        rounding=1e-11,
        margin=1e-8,
        reason="Gauss-Legendre quadrature of an analytic integrand, exact to rounding",
    )


# ---- claims -----------------------------------------------------------------------------------

SLIDE = Source("004", "slide 'More and more log-concave'")
average = experiment.about("conditioning-reduces-uncertainty", SLIDE, kind="inequality")

fewer = average(
    "",
    r"\mathbb{E}[\mathrm{cov}(X|Y_{1:m})|y_{1:m-1}] \preceq \mathrm{cov}(X|y_{1:m-1})",
    conditions="points and mixtures, d = 1 and 2, second measurement, random directions",
    check=variance_falls,
    after="average",
    controls=[Control("for every second measurement", after="largest")],
)
average(
    "symbolic",
    r"\mathrm{Var} X - \mathbb{E}\,\mathrm{Var}(X|Y) = \mathrm{Var}\,\mathbb{E}[X|Y] \ge 0",
    form="as stated",
    conditions="three values of X, two of Y, any joint law",
    check=total_variance_symbolic,
    controls=[
        Control(r"= -\mathrm{Var}\,\mathbb{E}[X|Y] \le 0", sign=-1),
        Control(r"2\,\mathbb{E}\,\mathrm{Var}(X|Y)", factor=2),
    ],
)
average(
    "reading-pointwise",
    r"\mathrm{cov}(X|y_{1:m}) \preceq \mathrm{cov}(X|y_{1:m-1}) \text{ for every } y_m",
    conditions="without 'on average'",
    check=variance_falls,
    after="largest",
    expected="refuted",
    twin=fewer,
)
average(
    "split",
    r"\mathrm{cov}(X|y_1) = \mathbb{E}[\mathrm{cov}(X|Y_{1:2})|y_1]"
    r" + \mathrm{cov}(\mathbb{E}[X|Y_{1:2}]|y_1)",
    conditions="points and mixtures, d = 1 and 2, random directions",
    kind="identity",
    check=variance_split,
    controls=[Control("without the second term", factor=0.0), Control("0.9 of it", factor=0.9)],
)
average(
    "vacuous",
    r"\mathbb{E}_q \nabla^2\log q = -\mathbb{E}_q\nabla\log q\,\nabla\log q^\top \preceq 0"
    r"\text{ for every density } q",
    conditions="unequal pairs of Gaussians at +-1 to +-10: a negative average says nothing about "
    "log-concavity, the largest value here is +82",
    kind="identity",
    check=average_curvature,
    controls=[
        Control("the opposite sign", sign=-1),
        Control("the largest value for the average", what="largest"),
    ],
)
