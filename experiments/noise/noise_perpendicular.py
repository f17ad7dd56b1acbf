"""Perpendicular noise: is Gaussian noise at a right angle to the data, and to other noise?

Document 001, Proposition 1, says that x and z are perpendicular. Their cosine has mean square 1/d
and the law of a uniform direction, at every d; the inner product is of size sigma |x|,
perpendicular in angle and yet not small.

Exact beta laws decide, against noise drawn by the library's forward process on a mixture, on digits
and on Fashion-MNIST.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.processes import forward_sample, variance_exploding
from theorylab.images import point_sets

experiment = Experiment()

CHUNK = 2**16  # normals drawn at once: they stay in the cache

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [1, 2, 3, 4, 16, 64, 256, 1024, 4096]},
    quick={"dim": [1, 2, 3, 4, 16, 64, 256], "samples": 40_000},
    default={"dim": [1, 2, 3, 4, 16, 64, 256, 1024], "samples": 40_000},
    paper={"samples": 200_000},
)
def directions(dim, samples, generator):
    """|z|/sigma, and the cosines between z and x (from a mixture) and between two noises."""
    sigma, mixture, parts = 2.0, _mixture(dim), []
    for rows in _chunks(samples, dim):
        x = mixture.sample(rows, generator)
        z, other = _noise(x, sigma, generator), _noise(x, sigma, generator)
        parts.append(torch.stack([z.norm(dim=1) / sigma, _cosine(x, z), _cosine(z, other)]))
    radius, cosine, between = torch.cat(parts, 1).numpy()
    return xr.Dataset(
        {
            "radius": ("sample", radius, {"long_name": "|z|/sigma"}),
            "cosine": ("sample", cosine, {"long_name": "cos(x, z)"}),
            "cosine_of_noises": ("sample", between, {"long_name": "cos(z, z')"}),
        }
    )


@experiment.measure(
    grid={"source": ["mixture", *point_sets.NAMES]},
    data=point_sets.NAMES,
    quick={"points": 2000, "draws": 5},
    default={"points": 4000, "draws": 8},
    paper={"points": 20_000, "draws": 100},
)
def given_points(source, points, draws, generator):
    """Cosines between noise of sigma = 1 and given x: of a mixture in R^32, or images."""
    cloud = _mixture(32) if source == "mixture" else point_sets.image_cloud(source)
    x, cosines = cloud.sample(points, generator), []
    for rows in torch.arange(points).repeat(draws).split(max(1, CHUNK // x.shape[1])):
        cosines.append(_cosine(x[rows], _noise(x[rows], 1.0, generator)))
    cosine = torch.cat(cosines).numpy()
    return xr.Dataset({"cosine": ("sample", cosine, {"long_name": "cos(x, z)"}), "dim": x.shape[1]})


def _chunks(samples, dim):
    rows = max(1, CHUNK // dim)
    return [rows] * (samples // rows) + [samples % rows] * (samples % rows > 0)


def _noise(x, sigma, generator):
    """z = x_t - x of the variance-exploding process, whose time is sigma."""
    return forward_sample(variance_exploding(), x, sigma, generator=generator) - x


def _cosine(a, b):
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))


def _mixture(dim):
    """Three components of unequal weight and width on the diagonal of R^dim."""
    means = torch.tensor([[-1.0], [0.2], [0.8]], dtype=torch.float64).expand(3, dim)
    return GaussianMixture.isotropic((0.2, 0.3, 0.5), means, (0.1, 0.3, 0.5))


# ---- checks ------------------------------------------------------------------------------------


def normal_limit(value):
    """Limit of d sup_y |P(Y <= y) - Phi(y)|, Y = sqrt(d) cos(x, z).

    The supremum is at y -> sqrt(3 - sqrt(6)) = .742.
    """
    y, dims = np.linspace(-0.5, 1.5, 20_001), 4.0 ** np.arange(3, 10)
    laws = [(1 + np.sign(y) * special.betainc(0.5, (d - 1) / 2, y**2 / d)) / 2 for d in dims]
    distances = [np.abs(law - special.ndtr(y)).max() for law in laws]
    # A step of 1e-4 in y misses the supremum by less than 1e-8 of it.
    return checks.limit(
        dims * distances,
        value,
        1e-6,
        "what rounding leaves of the extrapolation in 1/d; the slips sought are of some percent",
        h=1 / dims,
        exponents=(1, 2),
        rounding=1e-8,
    )


def cosine_moment(value):
    """E cos^2(x, z) for d = n + 1 > 1, by the density of t = tan of the angle to the equator."""
    n, t = sp.symbols("n t", positive=True)
    d = n + 1
    mass = sp.integrate((1 + t**2) ** (-d / 2), (t, 0, sp.oo))
    squares = sp.integrate(t**2 * (1 + t**2) ** (-d / 2 - 1), (t, 0, sp.oo))
    return checks.proof(sp.expand_func(squares / mass) - value(d), {n: 2})


def cosine_law(directions, given_points, missing=0, normal=None):
    """cos^2 ~ Beta(1/2, (d - 1 - missing)/2), or cos ~ N(0, normal/d): to x, and of two noises."""

    def cdf(d):
        if normal is not None:
            return lambda c: special.ndtr(c * math.sqrt(d / normal))
        b = (d - 1 - missing) / 2
        return lambda c: (1 + np.sign(c) * special.betainc(0.5, b, c**2)) / 2

    cases = {}
    for d in directions.dim.values[directions.dim > 1 + missing].tolist():
        one = directions.sel(dim=d)
        cases[f"d={d}, x from a mixture"] = (one.cosine, cdf(d))
        cases[f"d={d}, two noises"] = (one.cosine_of_noises, cdf(d))
    for source in given_points.source.values:
        one = given_points.sel(source=source)
        cases[str(source)] = (one.cosine, cdf(int(one.dim)))
    return _same_law(cases, margin=0.04)


def inner_product_law(directions, variance=1.0, power=0.0):
    """<x, z> / (sigma |x|) ~ N(0, variance / d^power): perpendicular in angle, not small."""
    cases = {}
    for d in directions.dim.values.tolist():
        one, std = directions.sel(dim=d), math.sqrt(variance / d**power)
        cases[f"d={d}"] = (one.cosine * one.radius, lambda u, std=std: special.ndtr(u / std))
    return _same_law(cases)


def _same_law(cases, margin=0.03):
    """Samples and distribution function by name of the case: one KS distance each."""
    names = xr.DataArray(list(cases), dims="case").assign_coords(case=list(cases))
    distances = [checks.ks_distance(samples.values, cdf) for samples, cdf in cases.values()]
    sizes = [samples.size for samples, _ in cases.values()]
    return checks.law_1d(
        names.copy(data=distances),
        names.copy(data=sizes),
        margin=margin,
        reason="what the samples resolve; a degree of freedom lost is twice as far, or more",
    )


# ---- claims -----------------------------------------------------------------------------------

STAR = math.sqrt(3 - math.sqrt(6))  # where phi(y) (3y - y^3) is largest
right_angle = experiment.about("noise-perpendicular", Source("001", "Proposition 1"))

angle = right_angle(
    "mean-square",
    r"\mathbb{E}\cos^2\angle(x, z) = \frac1d",
    conditions="every x != 0 and d > 1",
    form="corrected",
    check=cosine_moment,
    value=lambda d: 1 / d,
    controls=[
        Control(r"= 1/(d+1)", value=lambda d: 1 / (d + 1)),
        Control(r"= 1/d^2", value=lambda d: 1 / d**2),
    ],
)
right_angle(
    "reading-exact",
    r"\langle x, z\rangle = 0",
    conditions="read literally: a cosine of 0 at finite d",
    check=cosine_moment,
    value=lambda d: 0 * d,
    expected="refuted",
    twin=angle,
)
right_angle(
    "law",
    r"\cos^2\angle(x, z) \sim \mathrm{Beta}\big(\tfrac12, \tfrac{d-1}2\big)",
    conditions="x from a mixture or from images, or a second noise; d > 1",
    kind="law",
    check=cosine_law,
    controls=[
        Control(r"\mathrm{Beta}(\tfrac12, \tfrac{d-2}2)", missing=1),
        Control(r"\cos \sim N(0, 2/d)", normal=2.0),
    ],
)
right_angle(
    "normal-limit",
    r"d\,\sup_y\big|\mathbb{P}(\sqrt d\cos \le y) - \Phi(y)\big| \to"
    r"\tfrac14\varphi(y_*)(3y_* - y_*^3), \quad y_*^2 = 3 - \sqrt6",
    kind="limit",
    check=normal_limit,
    value=math.exp(-(STAR**2) / 2) / math.sqrt(2 * math.pi) * (3 * STAR - STAR**3) / 4,
    controls=[Control(r"\to \tfrac14", value=0.25), Control(r"\to 0", value=0.0)],
)
right_angle(
    "not-small",
    r"\langle x, z\rangle \sim N(0, \sigma^2\|x\|^2)",
    entries="noise-raises-norm-whp",
    conditions="x from a mixture, d from 1; perpendicular in angle, yet not small",
    kind="law",
    check=inner_product_law,
    controls=[
        Control(r"N(0, \sigma^2\|x\|^2/d)", power=1.0),
        Control(r"N(0, 2\sigma^2\|x\|^2)", variance=2.0),
    ],
)
