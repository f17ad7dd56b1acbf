r"""Ideal denoiser: is half the gradient of the squared smoothed distance sigma times its noise?

Documents 000 and 001 give the ideal (optimal) denoiser of a finite set K in closed form, define a
smoothed distance to K and state that half the gradient of its square is sigma eps*. Document 004
gives the same denoiser as x + sigma^2 grad log p_sigma. The printed pair is off by exactly 2: the
slide's -sigma^2 log sum exp(-|x - x_0|^2 / 2 sigma^2) tends to half the squared distance, and half
its gradient is half of sigma eps*. No other reading of the definition mends it; the factor
2 sigma^2 does. The closed form is that of the uniform law on K, which the slide does not say. The
limits hold with conditions: the nearest point must be single as sigma vanishes, and x must grow
slower than sigma^2 as sigma grows.

The code under test is the streaming denoiser, on random sets, the digits and Fashion-MNIST. The
other routes: derivatives of log-sum-exp by five-point differences in extended precision, the
softmax written out by scipy, quadrature of the training loss, hyperbolic tangents and quantiles for
two points, the Faddeeva function for a Cauchy prior, and sympy.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import integrate, optimize, special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.denoisers import eps_from_denoised, score_from_denoised
from theorylab.diffusion.distance import half_squared_distance_gradient
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere, Torus
from theorylab.images import datasets

experiment = Experiment()

IMAGES = ("digits", "fashion-mnist")
RANDOM = {  # name -> points, dimension
    "2 in R^1": (2, 1),
    "3 in R^2": (3, 2),
    "20 in R^4": (20, 4),
    "100 in R^16": (100, 16),
    "1000 in R^64": (1000, 64),
}
SETS = [*RANDOM, *IMAGES]
LAWS = ("uniform", "weighted")
EXPONENTS = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0)  # of the second nearest point
DOUBLINGS = (4, 5, 6, 7, 8, 9)  # sigma = 2^k times the spread of the set
DENOISER = "Ideal denoisers"
THEOREM = "Ideal denoiser equivalent to gradient of smoothed distance, theorem"
SMOOTHED = "Smoothed distance and approximate projection"
OPTIMAL = "Optimal denoiser"


class FiniteSet(NamedTuple):
    """Points (m, d), float64 or bytes standing for u/127.5 - 1; their mean and r.m.s. spread."""

    points: torch.Tensor
    mean: np.ndarray
    spread: float

    def blocks(self):
        for rows in self.points.split(4096):
            values = rows.double()
            yield (values / 127.5 - 1 if rows.dtype == torch.uint8 else values).numpy()

    def take(self, index):
        """The points of these indices, (len(index), d)."""
        rows = self.points[torch.as_tensor(index)].double()
        return (rows / 127.5 - 1 if self.points.dtype == torch.uint8 else rows).numpy()

    def squared_distances(self, x):
        """|x - x_i|^2 from float64 differences, (queries, m)."""
        columns = [np.stack([((b - q) ** 2).sum(1) for q in x]) for b in self.blocks()]
        return np.concatenate(columns, axis=1)

    def average(self, weights):
        """sum_i weights_i x_i, (queries, d)."""
        starts = np.cumsum([0, *(len(b) for b in self.points.split(4096))])
        parts = zip(starts[:-1], starts[1:], self.blocks(), strict=True)
        return sum(weights[:, a:z] @ block for a, z, block in parts)


def described(points):
    found = FiniteSet(points, np.zeros(points.shape[1]), 0.0)
    mean = sum(b.sum(0) for b in found.blocks()) / len(points)
    spread = math.sqrt(sum(((b - mean) ** 2).sum() for b in found.blocks()) / len(points))
    return FiniteSet(points, mean, spread)


@functools.cache
def images_as_set(name):
    if name == "digits":
        return described(datasets.as_float(datasets.digits()).flatten(1))
    return described(datasets.fashion_mnist().images.flatten(1))


@functools.cache
def images_denoiser(name):
    return IdealDenoiser(images_as_set(name).points)


def finite_set(name, rng):
    if name in IMAGES:
        return images_as_set(name)
    return described(torch.from_numpy(rng.standard_normal(RANDOM[name]) * 1.5 + 0.7))


def denoiser_of(name, chosen, weights=None):
    if weights is None and name in IMAGES:
        return images_denoiser(name)
    return IdealDenoiser(chosen.points, None if weights is None else torch.from_numpy(weights))


def five_point(function, step):
    """First and second derivative at 0 by differences, to O(step^4); long double where it exists.

    Arguments of ``function`` are five steps, its values may have further axes behind.
    """
    h = np.longdouble(step)
    far, near, middle, later, last = function(h * np.arange(-2, 3))
    first = (far - 8 * near + 8 * later - last) / (12 * h)
    second = (-far + 16 * near - 30 * middle + 16 * later - last) / (12 * h * h)
    return float(first), float(second)


def log_sum_derivatives(a, b, c):
    """Of log sum_i exp(a_i + b_i h + c_i h^2) at h = 0, by differences: no softmax is formed."""
    alive = a > a.max() - 60  # what is left out weighs less than 1e-26 m
    a, b = (v[alive].astype(np.longdouble) for v in (a - a.max(), b))
    c = np.asarray(c, dtype=np.longdouble)
    c = c[alive] if c.ndim else c
    # The scale on which the sum changes; with 1e-3 of it the differences err by about 1e-13.
    scale = max(float(np.ptp(b)), math.sqrt(float(np.abs(c).max())))

    def value(h):
        return np.log(np.exp(a + b * h[:, None] + c * (h * h)[:, None]).sum(1))

    return five_point(value, 1e-3 / scale)


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"set": SETS, "level": [0.15, 0.4, 1.0, 4.0]},
    data=IMAGES,
    quick={"queries": 2, "level": [0.4, 4.0]},
    default={"queries": 12},
    paper={"queries": 48},
)
def gradients(set, level, queries, rng):
    """The denoiser beside derivatives of log sum_i w_i exp(-|x - x_i|^2/2 sigma^2).

    sigma is ``level`` times the spread of the set; everything is taken along two directions, one
    random and one between two points of the set.
    """
    chosen = finite_set(set, rng)
    m, dim = chosen.points.shape
    sigma = level * chosen.spread
    weights = rng.dirichlet(np.full(m, 3.0))
    start = chosen.take(rng.integers(m, size=queries))
    x = start + sigma * rng.standard_normal((queries, dim))
    directions = np.stack([rng.standard_normal(dim), np.subtract(*chosen.take([0, 1]))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    squared = chosen.squared_distances(x)
    toward = np.concatenate([b @ directions.T for b in chosen.blocks()]).T  # (2, m)
    along = toward - (x @ directions.T)[:, :, None]  # <x_i - x, u>, (query, 2, m)
    nearest = chosen.take(squared.argmin(1))
    noisy, rows = torch.from_numpy(x), {}
    denoisers = {
        law: denoiser_of(set, chosen, w) for law, w in zip(LAWS, (None, weights), strict=True)
    }
    denoised = {law: denoiser(noisy, sigma) for law, denoiser in denoisers.items()}
    for law, log_weight in zip(LAWS, (np.zeros(m), np.log(weights)), strict=True):
        found = denoisers[law].posterior(noisy, sigma)
        eps = {
            "eps": eps_from_denoised(denoised[law], noisy, sigma),
            "eps_unweighted": eps_from_denoised(denoised["uniform"], noisy, sigma),
            "eps_nearest": eps_from_denoised(torch.from_numpy(nearest), noisy, sigma),
            "score": score_from_denoised(denoised[law], noisy, sigma),
        }
        row = {name: v.numpy() @ directions.T for name, v in eps.items()}
        for name, width in (("slope", 2 * sigma**2), ("slope_softmin", sigma**2)):
            row[name] = [
                [
                    log_sum_derivatives(log_weight - s / width, 2 * v / width, -1 / width)[0]
                    for v in pair
                ]
                for s, pair in zip(squared, along, strict=True)
            ]
        by_formula = {
            "posterior mean": log_weight - squared / (2 * sigma**2),
            "temperature 4 sigma^2": log_weight - squared / (4 * sigma**2),
            "temperature sigma^2": log_weight - squared / sigma**2,
            "no square": log_weight - np.sqrt(squared) / (2 * sigma**2),
        }
        stacked = np.concatenate([special.softmax(v, axis=1) for v in by_formula.values()])
        means = dict(zip(by_formula, np.split(chosen.average(stacked), 4), strict=True))
        gap = {k: np.linalg.norm(found.mean.numpy() - v, axis=1) for k, v in means.items()}
        exponent = log_weight - squared / (2 * sigma**2)
        row["formula_error"] = np.stack(list(gap.values()))
        row["size"] = np.linalg.norm(x - means["posterior mean"], axis=1)
        row["log_sum"] = special.logsumexp(exponent, axis=1)
        row["smoothed"] = found.smoothed_squared_distance.numpy()
        rows[law] = row
    dims = dict.fromkeys((*eps, "slope", "slope_softmin"), ("law", "query", "direction")) | {
        "formula_error": ("law", "arm", "query")
    }
    variables = {
        name: (dims.get(name, ("law", "query")), np.array([rows[law][name] for law in LAWS]))
        for name in rows["uniform"]
    }
    variables |= {
        "sigma": sigma,
        "distance": ("query", found.distance.numpy()),
        "true_distance": ("query", np.sqrt(squared.min(1))),
    }
    return xr.Dataset(variables, {"law": list(LAWS), "arm": list(by_formula)})


@experiment.measure(
    grid={"set": SETS},
    data=IMAGES,
    quick={"queries": 2},
    default={"queries": 12},
    paper={"queries": 48},
)
def small_sigma(set, queries, rng):
    """sigma -> 0 at points .3 of the way from a point of K to its nearest neighbour, and halfway.

    sigma is such that the second nearest point has weight exp(-t) beside the nearest; the arms
    ``cold`` and ``tie`` (halfway) are at sigma / 3, where limits show to the last digit.
    """
    chosen = finite_set(set, rng)
    first, second = neighbours(chosen, queries, rng)
    denoiser = denoiser_of(set, chosen)
    t = np.array(EXPONENTS)
    between = np.linalg.norm(second - first, axis=1)
    sigma = np.sqrt(0.4 * between**2 / (2 * t[:, None]))  # (t, query); the gap is .49 - .09
    x, middle = 0.7 * first + 0.3 * second, (first + second) / 2
    levels = torch.from_numpy(sigma.reshape(-1, 1))
    at_x, at_middle = (torch.from_numpy(np.tile(v, (len(t), 1))) for v in (x, middle))
    generic = denoiser.posterior(at_x, levels)
    arms = {
        "generic": generic.mean,
        "cold": denoiser(at_x, levels / 3),
        "tie": denoiser(at_middle, levels / 3),
    }
    to_first = [mean.numpy().reshape(len(t), *x.shape) - first for mean in arms.values()]
    squared = chosen.squared_distances(x)
    order = squared.argsort(1)[:, :2]
    gaps = squared - squared.min(1, keepdims=True)
    offsets = np.sqrt(chosen.squared_distances(first))  # |x_i - p|
    remainder = []
    for s in sigma:
        u = np.exp(-gaps / (2 * s[:, None] ** 2))
        np.put_along_axis(u, order[:, :1], 0.0, axis=1)
        others = u.copy()
        np.put_along_axis(others, order[:, 1:], 0.0, axis=1)
        heavy = (others * offsets).sum(1) / between
        second_weight = np.take_along_axis(u, order[:, 1:], axis=1)[:, 0]
        remainder.append(heavy / second_weight + u.sum(1))
    dims = ("t", "query")
    return xr.Dataset(
        {
            "error": (("arm", *dims), np.linalg.norm(to_first, axis=-1)),
            "tie_error": (dims, np.linalg.norm(to_first[2] - (second - first) / 2, axis=-1)),
            "between": ("query", between),
            "gap": ("query", np.sort(gaps, axis=1)[:, 1]),
            "remainder": (dims, np.array(remainder)),
            "farthest": ("query", offsets.max(1)),
            "size": ("query", np.linalg.norm(first, axis=1)),
            "smoothed": (dims, generic.smoothed_squared_distance.numpy().reshape(len(t), -1)),
            "true_squared": ("query", squared.min(1)),
            "sigma": (dims, sigma, {"long_name": "noise level"}),
            "points": len(chosen.points),
        },
        {"t": t, "arm": list(arms)},
    )


def neighbours(chosen, queries, rng):
    """Points of the set that have a single nearest other point, and that other point."""
    index = rng.permutation(len(chosen.points))[:queries]
    first = chosen.take(index)
    squared = chosen.squared_distances(first)
    squared[np.arange(len(index)), index] = np.inf
    alone = np.flatnonzero(squared.min(1) > 0)
    # A set smaller than the number of queries gives its points again.
    rows = alone[np.arange(queries) % len(alone)]
    return first[rows], chosen.take(squared[rows].argmin(1))


@experiment.measure(
    grid={"set": SETS},
    data=IMAGES,
    quick={"queries": 2},
    default={"queries": 8},
    paper={"queries": 32},
)
def large_sigma(set, queries, rng):
    """D - mean of the data at sigma = 2^k spreads: x fixed, x ~ sigma, and x ~ sigma^2."""
    chosen = finite_set(set, rng)
    m, dim = chosen.points.shape
    mean, spread = chosen.mean, chosen.spread
    sigma = spread * 2.0 ** np.array(DOUBLINGS)
    z = rng.standard_normal((queries, dim))
    offset = spread * z / np.linalg.norm(z, axis=1, keepdims=True)
    pairs = rng.permuted(np.tile(np.arange(min(m, 1000)), (queries, 1)), axis=1)[:, :2]
    tilt = chosen.take(pairs[:, 0]) - chosen.take(pairs[:, 1])
    tilt *= 2 / (spread * np.linalg.norm(tilt, axis=1, keepdims=True))
    places = {
        "fixed": mean + offset + 0 * sigma[:, None, None],
        "trajectory": mean + sigma[:, None, None] * z,
        "sigma squared": mean + sigma[:, None, None] ** 2 * tilt,
    }
    x = np.stack(list(places.values()))
    levels = np.broadcast_to(sigma[:, None], x.shape[:-1])
    found = denoiser_of(set, chosen)(
        torch.from_numpy(x.reshape(-1, dim)), torch.from_numpy(levels.reshape(-1, 1).copy())
    )
    shift = found.numpy().reshape(x.shape) - mean
    linear, third = np.zeros_like(z), np.zeros(dim)
    weights, tilted = np.zeros(queries), np.zeros_like(z)
    for block in chosen.blocks():
        y = block - mean
        linear += (y @ offset.T).T @ y / m
        third += (y**2).sum(1) @ y / m
        pull = np.exp(tilt @ y.T)
        weights += pull.sum(1)
        tilted += pull @ y
    tilted /= weights[:, None]
    coefficients = {
        "both terms": linear - third / 2,
        "without third moment": linear,
        "third moment not halved": linear - third,
    }
    rows = [
        sigma[:, None] ** 2 * (shift[0] * c).sum(-1) / (c**2).sum(-1) for c in coefficients.values()
    ]
    dims = ("doubling", "query")
    return xr.Dataset(
        {
            "shift": (("arm", *dims), np.linalg.norm(shift, axis=-1) / spread),
            "to_tilted": (dims, np.linalg.norm(shift[2] - tilted, axis=-1) / spread),
            "coefficient": (("terms", *dims), np.array(rows)),
            "inverse": ("doubling", 2.0 ** -np.array(DOUBLINGS)),
        },
        {"arm": list(places), "doubling": list(DOUBLINGS), "terms": list(coefficients)},
    )


@experiment.measure(
    grid={"dim": [1, 2], "points": [2, 5, 20]},
    quick={"points": [5]},
    default={},
)
def losses(dim, points, rng):
    """E|eps(x) - noise|^2 by quadrature over x, for eps = base + c g.

    Trapezoids converge geometrically here: a step of sigma/7 over 7.5 sigma beyond the points.
    """
    places = rng.standard_normal((points, dim)) * 1.2 + 0.5
    weights = rng.dirichlet(np.full(points, 2.0))
    spread = math.sqrt((weights @ (places - weights @ places) ** 2).sum())
    tables = {name: [] for name in ("base", "perturbed", "product", "mmse", "value")}
    for level in (0.4, 0.8, 2.0):
        sigma = level * spread
        low, high = places.min(0) - 7.5 * sigma, places.max(0) + 7.5 * sigma
        axes = [np.arange(a, b, sigma / 7) for a, b in zip(low, high, strict=True)]
        x = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, dim)
        squared = ((x[:, None] - places) ** 2).sum(-1)
        joint = weights * np.exp(-squared / (2 * sigma**2)) * (2 * math.pi * 49) ** (-dim / 2)
        density = joint.sum(1)
        noisy = torch.from_numpy(x)
        ideal = {
            "ideal": IdealDenoiser(torch.from_numpy(places), torch.from_numpy(weights)),
            "unweighted": IdealDenoiser(torch.from_numpy(places)),
        }
        bases = {k: eps_from_denoised(d(noisy, sigma), noisy, sigma) for k, d in ideal.items()}
        bases = {k: v.numpy() for k, v in bases.items()}
        bases["nearest"] = (x - places[squared.argmin(1)]) / sigma
        formula = special.softmax(np.log(weights) - squared / (2 * sigma**2), axis=1) @ places

        noise = (x[:, None] - places) / sigma
        towards = np.einsum("xi,xid->xd", joint, noise)
        constant = (joint * (noise**2).sum(-1)).sum()

        def loss(eps, density=density, towards=towards, constant=constant):
            square = density @ (eps**2).sum(1)
            return float(square - 2 * (eps * towards).sum() + constant)

        tests = [np.tanh(x), np.cos(2 * x / spread), x / spread]
        steps = (0.01, 0.3)
        tables["base"].append([loss(eps) for eps in bases.values()])
        tables["perturbed"].append(
            [[[loss(eps + c * g) for c in steps] for g in tests] for eps in bases.values()]
        )
        tables["product"].append([(density * (g**2).sum(1)).sum() for g in tests])
        second = weights @ (places**2).sum(1)
        tables["mmse"].append((second - density @ (formula**2).sum(1)) / sigma**2)
        tables["value"].append(spread**2 / sigma**2)
    dims = {
        "base": ("level", "eps"),
        "perturbed": ("level", "eps", "test", "step"),
        "product": ("level", "test"),
    }
    return xr.Dataset(
        {name: (dims.get(name, "level"), np.array(v)) for name, v in tables.items()},
        {
            "eps": list(bases),
            "level": [0.4, 0.8, 2.0],
            "test": ["tanh", "cos", "linear"],
            "step": list(steps),
        },
    )


@experiment.measure(
    grid={"images": list(IMAGES), "sigma": [0.1, 0.2, 0.3, 0.5, 1.5, 2.5, 4.0, 10.0, 20.0, 40.0]},
    data=IMAGES,
    quick={"queries": 48, "sigma": [0.1, 0.5, 1.5, 2.5, 4.0, 10.0, 40.0]},
    default={"queries": 256},
    paper={"queries": 2048},
)
def image_levels(images, sigma, queries, rng):
    """Noisy images x = x_0 + sigma noise: what the posterior over the whole data set looks like."""
    chosen = images_as_set(images)
    _, x = noisy_images(chosen, sigma, queries, rng)
    found = images_denoiser(images).posterior(x, sigma)
    nearest = chosen.take(found.index)
    error = np.linalg.norm(found.mean.numpy() - nearest, axis=1)
    size = ("query", found.effective_sample_size.numpy())
    return xr.Dataset(
        {
            "effective_sample_size": (*size, {"long_name": "effective sample size"}),
            "relative_error": (
                "query",
                error / found.distance.numpy(),
                {"long_name": "distance of denoised and nearest image over distance to the set"},
            ),
            "distance": ("query", found.distance.numpy(), {"long_name": "distance to the set"}),
            "dim": x.shape[1],
        }
    )


@experiment.measure(
    grid={"images": list(IMAGES), "level": [0.4, 1.0, 2.5]},
    data=IMAGES,
    quick={"queries": 768, "level": [0.4]},
    default={"queries": 1280},
    paper={"queries": 8192},
)
def image_losses(images, level, queries, rng):
    """|D - x_0|^2 and |mean - x_0|^2 beside the trace of the posterior's covariance at x."""
    chosen, denoiser = images_as_set(images), images_denoiser(images)
    sigma = level * chosen.spread
    start, x = noisy_images(chosen, sigma, queries, rng)
    guesses = {"ideal": denoiser(x, sigma).numpy(), "mean": chosen.mean}
    squares = [((guess - start) ** 2).sum(1) for guess in guesses.values()]
    return xr.Dataset(
        {
            "square": (("eps", "query"), np.stack(squares)),
            "trace": ("query", denoiser.covariance_trace(x, sigma).numpy()),
        },
        {"eps": list(guesses)},
    )


def noisy_images(chosen, sigma, queries, rng):
    start = chosen.take(rng.integers(len(chosen.points), size=queries))
    return start, torch.from_numpy(start + sigma * rng.standard_normal(start.shape))


@experiment.measure(
    grid={"shape": ["points", "digits", "sphere", "torus", "subspace"]},
    data=("digits",),
    quick={"queries": 16},
    default={"queries": 64},
    paper={"queries": 512},
)
def projections(shape, queries, rng, generator):
    """Slopes of half the squared distance, whose closed forms stand here, beside x - proj(x).

    For the point sets, ``tie`` holds the one-sided slopes halfway between nearest neighbours.
    """
    dim = 64 if shape == "digits" else 6
    x = rng.standard_normal((queries, dim)) * (0.5 if shape == "digits" else 2.0)
    u = rng.standard_normal((queries, dim))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    tie = {}
    if shape in ("points", "digits"):
        values = rng.standard_normal((50, dim))
        chosen = (
            images_as_set("digits") if shape == "digits" else described(torch.from_numpy(values))
        )
        known = PointCloud(chosen.points)
        rows = chosen.points.numpy()
        half_squared = lambda q: ((q[:, None] - rows) ** 2).sum(-1).min(1) / 2
        first, second = neighbours(chosen, queries, rng)
        middle = (first + second) / 2
        towards = np.stack([((middle - p) * u).sum(1) for p in (first, second)])
        one_sided = [forward(half_squared, q, v) for q, v in zip(middle, u, strict=True)]
        any_one = half_squared_distance_gradient(
            torch.from_numpy(middle), known.project(torch.from_numpy(middle))
        )
        tie = {
            "one_sided": np.array(one_sided),
            "all_nearest": towards.min(0),
            "any_nearest": (any_one.numpy() * u).sum(1),
        }
    elif shape == "sphere":
        known = Sphere(2, radius=1.5, ambient_dim=dim)
        half_squared = lambda q: (
            ((np.sqrt((q[:, :3] ** 2).sum(1)) - 1.5) ** 2 + (q[:, 3:] ** 2).sum(1)) / 2
        )
    elif shape == "torus":
        known = Torus(2.0, 0.5, ambient_dim=dim)
        half_squared = lambda q: (
            (
                (np.sqrt((np.sqrt((q[:, :2] ** 2).sum(1)) - 2) ** 2 + q[:, 2] ** 2) - 0.5) ** 2
                + (q[:, 3:] ** 2).sum(1)
            )
            / 2
        )
    else:
        basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
        known = AffineSubspace(torch.from_numpy(basis[:, :2].T.copy()))
        half_squared = lambda q: ((q @ basis[:, 2:]) ** 2).sum(1) / 2
    point = torch.from_numpy(x)
    gradient = half_squared_distance_gradient(point, known.project(point)).numpy()
    slopes = [
        five_point(lambda h, q=q, v=v: half_squared(q + h[:, None] * v), 1e-4)[0]
        for q, v in zip(x, u, strict=True)
    ]
    zeros = np.zeros(queries)
    return xr.Dataset(
        {
            "slope": ("query", np.array(slopes)),
            "gradient": ("query", (gradient * u).sum(1)),
            "size": ("query", np.linalg.norm(gradient, axis=1)),
            "has_ties": int(bool(tie)),
            **{
                name: ("query", tie.get(name, zeros))
                for name in ("one_sided", "all_nearest", "any_nearest")
            },
        }
    )


def forward(function, x, u, step=2.0**-20):
    """One-sided slope of a piecewise quadratic: exact but for rounding while no piece changes."""
    at, near, far = function(x + np.longdouble(step) * np.arange(3)[:, None] * u)
    return float((4 * near - 3 * at - far) / (2 * np.longdouble(step)))


@experiment.measure()
def two_points():
    """K = {-1, +1}: denoiser, score, and the probability-flow ODE from sigma = 80 down to 0.1."""
    denoiser = IdealDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    x = np.linspace(-3, 3, 41)
    sigmas = np.array([0.25, 0.5, 0.8, 2.0, 5.0])
    grid = torch.from_numpy(np.tile(x, len(sigmas))[:, None])
    noise = torch.from_numpy(np.repeat(sigmas, len(x))[:, None])
    denoised = denoiser(grid, noise)
    score = score_from_denoised(denoised, grid, noise)
    shape = len(sigmas), len(x)
    starts = np.array([30.0, -10.0, 2.0, 0.5, 100.0, -60.0])
    levels = np.array([80.0, 40.0, 20.0, 10.0, 5.0, 3.0, 2.0, 1.4, 1.0, 0.7, 0.5, 0.35, 0.2, 0.1])
    flows = []
    # The second has weights of temperature 4 sigma^2 and need not be accurate.
    for factor, rtol in ((1.0, 1e-10), (math.sqrt(2.0), 1e-5)):

        def slope(log_sigma, state, factor=factor):
            sigma = math.exp(log_sigma)
            return state - denoiser(torch.from_numpy(state[:, None]), factor * sigma).numpy()[:, 0]

        span = np.log(levels[[0, -1]])
        solved = integrate.solve_ivp(
            slope, span, starts, "DOP853", np.log(levels), rtol=rtol, atol=rtol / 10
        )
        flows.append(solved.y.T)
    law = lambda v, s: (special.ndtr((v - 1) / s) + special.ndtr((v + 1) / s)) / 2
    ranks = law(starts, levels[0])
    exact = [
        [
            optimize.brentq(lambda v, s=s, q=q: law(v, s) - q, -9 * s - 1, 9 * s + 1, xtol=1e-14)
            for q in ranks
        ]
        for s in levels
    ]
    ends = np.where(
        ranks > 0.5,
        1 + levels[:, None] * special.ndtri(2 * np.maximum(ranks, 0.5) - 1 + (ranks <= 0.5)),
        -1 + levels[:, None] * special.ndtri(2 * np.minimum(ranks, 0.5) - (ranks == 1)),
    )
    return xr.Dataset(
        {
            "denoised": (("sigma", "x"), denoised.numpy().reshape(shape)),
            "score": (("sigma", "x"), score.numpy().reshape(shape)),
            "state": (("arm", "noise", "start"), np.array(flows)),
            "quantile": (("noise", "start"), np.array(exact)),
            "linear_end": (("noise", "start"), np.where(np.isfinite(ends), ends, 0.0)),
        },
        {
            "sigma": sigmas,
            "x": x,
            "noise": levels,
            "start": starts,
            "arm": ["ideal", "temperature 4 sigma^2"],
        },
    )


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


# ---- checks -----------------------------------------------------------------------------------

ROUNDING = "float64 of the denoiser and differences in extended precision reach 1e-11 of |x - D|"


def closed_form(gradients, law="weighted", eps="eps"):
    """eps* = -sigma grad log p_sigma, with p_sigma of the law named."""
    d = gradients.sel(law=law)
    error = np.abs(d[eps] + d.sigma * d.slope).max("direction") * d.sigma / d["size"]
    return checks.identity(
        error.max("query"),
        rounding=1e-9,
        margin=1e-7,
        reason=ROUNDING + "; a thousandth in the denoiser is at least 1e-6",
    )


def closed_form_symbolic(weighted=True, power=1):
    """eps* with weights p_i is -sigma grad log sum p_i exp; n = 2, m = 3, all symbols."""
    x, y = sp.symbols("x y", real=True)
    s = sp.Symbol("sigma", positive=True)
    points = [sp.symbols(f"a{i} b{i}", real=True) for i in range(3)]
    p = sp.symbols("p0:3", positive=True)
    kernel = [sp.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * s**2)) for a, b in points]
    log_density = sp.log(sum(w * e for w, e in zip(p, kernel, strict=True)))
    used = p if weighted else (1, 1, 1)
    terms = [w * e for w, e in zip(used, kernel, strict=True)]
    eps = sum((x - a) * e for (a, _), e in zip(points, terms, strict=True)) / (
        s**power * sum(terms)
    )
    values = ["1/3", "2/5", "3/2", "1", "0", "-1", "1/2", "0", "-2", "1/2", "1/3", "1/6"]
    symbols = [x, y, s, *sum(points, ()), *p]
    witness = dict(zip(symbols, map(sp.Rational, values), strict=True))
    return checks.proof(-s * sp.diff(log_density, x) - eps, witness)


def half_gradient(gradients, definition="2 sigma^2", eps="eps", half=0.5):
    """(half) grad dist^2(x, sigma) = sigma eps*, with dist^2 defined in one of four ways."""
    d = gradients.sel(law="uniform")
    left = (
        half
        * {
            "2 sigma^2": -2 * d.sigma**2 * d.slope,
            "1.998 sigma^2": -1.998 * d.sigma**2 * d.slope,
            "printed": -(d.sigma**2) * d.slope,
            "square of the printed": 2 * d.sigma**4 * d.log_sum * d.slope,
            "softmin of the squares": -(d.sigma**2) * d.slope_softmin,
        }[definition]
    )
    error = np.abs(left - d.sigma * d[eps]).max("direction") / d["size"]
    return checks.identity(
        error.max("query"),
        rounding=1e-9,
        margin=1e-7,
        reason=ROUNDING + "; the printed slip is 0.5 of the component along the direction",
    )


def half_gradient_symbolic(c=2, power=1):
    x, y = sp.symbols("x y", real=True)
    s = sp.Symbol("sigma", positive=True)
    points = [sp.symbols(f"a{i} b{i}", real=True) for i in range(3)]
    kernel = [sp.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * s**2)) for a, b in points]
    smoothed = -c * s**2 * sp.log(sum(kernel))
    right = [
        s
        * sum((v - q[k]) * e for q, e in zip(points, kernel, strict=True))
        / (s**power * sum(kernel))
        for k, v in enumerate((x, y))
    ]
    values = ["1/3", "2/5", "3/2", "1", "0", "-1", "1/2", "0", "-2"]
    witness = dict(zip([x, y, s, *sum(points, ())], map(sp.Rational, values), strict=True))
    differences = [sp.diff(smoothed, v) / 2 - r for v, r in zip((x, y), right, strict=True)]
    return checks.proof(differences, witness)


def softmin_symbolic(temperature=2, c=2):
    """softmin_{T sigma^2}(d_i) = -c sigma^2 log sum exp(-d_i / 2 sigma^2), d_i = |x_i - x|^2.

    softmin_T(d) := -T log sum exp(-d_i / T), the one that tends to min d as T -> 0.
    """
    s = sp.Symbol("sigma", positive=True)
    d = sp.symbols("d0:3", nonnegative=True)
    width = temperature * s**2
    softmin = -width * sp.log(sum(sp.exp(-v / width) for v in d))
    printed = -c * s**2 * sp.log(sum(sp.exp(-v / (2 * s**2)) for v in d))
    witness = dict(zip([s, *d], map(sp.Rational, ["1/2", "1", "1/3", "2"]), strict=True))
    return checks.proof(softmin - printed, witness)


def smoothed_value(gradients, c=2.0, sign=-1.0):
    """The value itself: sign c sigma^2 log sum, beside the streamed one, and dist beside scipy."""
    d = gradients
    exact = sign * c * d.sigma**2 * d.log_sum
    scale = d.sigma**2 + np.abs(exact) + d.true_distance**2
    error = np.maximum(np.abs(d.smoothed - exact) / scale, np.abs(d.distance / d.true_distance - 1))
    return checks.identity(
        error.max(("query", "law")),
        rounding=1e-11,
        margin=1e-9,
        reason="rounding: a few hundred ulp of squared distances; the slips sought exceed 1e-3",
    )


def smoothed_limit(small_sigma, c=2.0):
    """-c sigma^2 log sum -> dist^2, within 2 sigma^2 log m of it at every sigma."""
    d = small_sigma
    scale = d.true_squared
    sigma = (d.sigma**2 / scale).transpose("t", ...)
    envelope = 2.2 * sigma * np.log(np.minimum(1 + d.remainder, d.points))
    return checks.envelope(
        c / 2 * d.smoothed / scale,
        1.0,
        envelope,
        margin=0.02,
        dim="t",
        h=1 / d.t.values,
        rounding=1e-12,
        reason="dist^2 - 2 sigma^2 log(sum of relative weights) is exact, and the log is at most "
        "log(1 + remainder) and log m, with a tenth to spare; the printed value tends to half",
    )


def excess_loss(losses, eps="ideal", power=2):
    """L(eps + c g) - L(eps) = c^2 E|g|^2: no first variation, so eps is the minimiser."""
    d = losses.sel(eps=eps)
    rise = d.perturbed - d.base - d["product"] * d.step**power
    error = np.abs(rise) / (2 * d.step * np.sqrt(d.base * d["product"]))
    return checks.identity(
        error.max(("test", "step", "level")),
        rounding=1e-10,
        margin=1e-8,
        reason="trapezoids of analytic integrands at sigma/7, cut at 7.5 sigma, err by less than "
        "1e-12, divided by 2 c = 0.02",
    )


def least_loss(losses, eps="ideal", factor=1.0):
    d = losses.sel(eps=eps)
    return checks.identity(
        (np.abs(d.base - factor * d.mmse) / d.value).max("level"),
        rounding=1e-11,
        margin=1e-8,
        reason="quadrature as for the excess; a thousandth in D moves the loss by 1e-6 only, for "
        "the minimum is flat",
    )


def image_loss(image_losses, eps="ideal", factor=1.0):
    d = image_losses
    return checks.mean(
        *checks.central_moments(d.square.sel(eps=eps) - factor * d.trace, "query"),
        target=0.0,
        scale=d.trace.mean("query"),
        margin=0.2,
        reason="20 %: 768 images resolve about 9 % and carry their skewness of 2; "
        "the neighbours are off by 50 % and more",
    )


def small_relative_error(image_levels, low=math.inf, high=0.0, allowed=0.1):
    d = image_levels
    worst = d.relative_error.quantile(0.95, "query", skipna=False).drop_vars("quantile")
    return checks.bound(
        worst - allowed,
        rounding=1e-9,
        margin=0.0,
        reason="the document gives no number: small is read as a tenth, for 95 % of noisy images",
        where=((d.sigma <= low) | (d.sigma >= high)).broadcast_like(worst),
        level="observation",
    )


def smoothing_bound(small_sigma, half=0.5):
    """|D - proj| <= (m - 1) max|x_i - p| exp(-half gap / sigma^2), in logarithms."""
    d = small_sigma
    bound = np.log((d.points - 1) * d.farthest) - half * d.gap / d.sigma**2
    excess = np.log(d.error.sel(arm="generic")) - bound
    return checks.bound(
        excess.max("query"),
        rounding=1e-6,
        margin=1e-5,
        reason="at exp(-14) the rounding of D is below 1e-7 of the error; for two points the "
        "bound tends to an equality",
        tightness=np.exp(excess.max("query")),
    )


def nearest_limit(small_sigma, arms=("cold",), target="nearest"):
    """D -> the nearest point, extrapolated in exp(-t), t = (d_2^2 - d_1^2) / 2 sigma^2."""
    d = small_sigma
    error = d.tie_error if target == "average" else d.error.sel(arm=list(arms))
    return checks.limit(
        (error / d.between).max("query"),
        target=0.0,
        margin=1e-6,
        dim="t",
        h=np.exp(-d.t.values),
        exponents=[1],
        rounding=1e-12,
        reason="in units of the distance to the second point; at a tie the limit is half of it",
    )


def arrhenius(small_sigma, half=0.5, factor=1.0):
    """|D - p| / (|x_2 - p| exp(-half gap / sigma^2)) -> 1, with its remainder as the envelope."""
    d = small_sigma
    ratio = d.error.sel(arm="generic") / d.between * np.exp(half * d.gap / d.sigma**2)
    return checks.envelope(
        ratio.transpose("t", ...),
        factor,
        1.1 * d.remainder.transpose("t", ...),
        margin=0.05,
        dim="t",
        h=1 / d.t.values,
        rounding=(1e-14 * (1 + d["size"] / d.between) * np.exp(d.t)).transpose("t", ...),
        reason="the remainder is the weight of all others, with a tenth to spare for rounding; it "
        "ends below 0.05, the neighbours are off by 0.1 and by exp(14)",
    )


def mean_limit(large_sigma, arm="fixed", exponents=(2, 4, 6), target="mean"):
    d = large_sigma
    values = d.to_tilted if target == "tilted" else d["shift"].sel(arm=arm)
    return checks.limit(
        values,
        target=0.0,
        margin=1e-6,
        dim="doubling",
        h=d.inverse.isel({n: 0 for n in d.inverse.dims if n != "doubling"}).values,
        exponents=list(exponents),
        rounding=1e-13,
        reason="in spreads of the set; the extrapolation over 6 doublings reaches 1e-8",
    )


def mean_coefficient(large_sigma, terms="both terms", factor=1.0):
    d = large_sigma
    return checks.limit(
        d.coefficient.sel(terms=terms),
        target=factor,
        margin=1e-4,
        dim="doubling",
        h=d.inverse.isel({n: 0 for n in d.inverse.dims if n != "doubling"}).values,
        exponents=[2, 4, 6],
        rounding=1e-8,
        reason="rounding of D - mean times sigma^2 at 512 spreads; a thousandth is excluded",
    )


def formula(gradients, arm="posterior mean"):
    d = gradients
    error = d.formula_error.sel(arm=arm) / d["size"]
    return checks.identity(
        error.max(("query", "law")),
        rounding=1e-9,
        margin=1e-7,
        reason="scipy's softmax over float64 differences errs by 1e-12 of |x - D|",
    )


def half_squared(projections, factor=0.5):
    """grad (factor dist^2) = x - proj."""
    d = projections
    error = np.abs(2 * factor * d.slope - d.gradient) / d["size"]
    return checks.identity(
        error.max("query"),
        rounding=1e-9,
        margin=1e-7,
        reason="five-point differences with step 1e-4 in float64 or better: 1e-10",
    )


def half_squared_symbolic(halves=1):
    """The circle of radius r in the plane, off its centre."""
    x, y = sp.symbols("x y", real=True)
    r = sp.Symbol("r", positive=True)
    length = sp.sqrt(x**2 + y**2)
    distance = sp.Rational(halves, 2) * (length - r) ** 2
    witness = {x: sp.Rational(3, 2), y: sp.Integer(2), r: sp.Integer(1)}
    return checks.proof([sp.diff(distance, v) - (v - r * v / length) for v in (x, y)], witness)


def slope_at_ties(projections, rule="all_nearest"):
    """The one-sided slope where two points are nearest: min over them of <x - p, u>."""
    d = projections
    return checks.identity(
        np.abs(d.one_sided - d[rule]).max("query"),
        rounding=1e-7,
        margin=1e-5,
        reason="one-sided differences with step 2^-20 of values near 1: 1e-9 in float64",
        where=d.has_ties == 1,
    )


def two_point_denoiser(two_points, temperature=1.0, factor=1.0):
    d = two_points
    error = np.abs(d.denoised - factor * np.tanh(d.x / (temperature * d.sigma**2)))
    return checks.identity(
        error.max("x"),
        rounding=1e-13,
        margin=1e-10,
        reason="rounding: a few ulp; values of order 1",
    )


def two_point_score(two_points, power=2):
    d = two_points
    exact = (np.tanh(d.x / d.sigma**2) - d.x) / d.sigma**power
    return checks.identity(
        (np.abs(d.score - exact) * d.sigma**2).max("x"),
        rounding=1e-13,
        margin=1e-10,
        reason="rounding: a few ulp; values of order 1",
    )


def two_point_symbolic(temperature=1):
    """The softmax over -1 and +1, and the score of their mixture, with tanh(x / sigma^2)."""
    x = sp.Symbol("x", real=True)
    s = sp.Symbol("sigma", positive=True)
    left, right = (sp.exp(-((x - a) ** 2) / (2 * s**2)) for a in (-1, 1))
    tanh = sp.tanh(x / (temperature * s**2))
    score = sp.diff(sp.log(left + right), x)
    witness = {x: sp.Rational(2, 5), s: sp.Rational(3, 2)}
    return checks.proof(
        [((right - left) / (right + left) - tanh).rewrite(sp.exp), (score - (tanh - x) / s**2)],
        witness,
    )


def two_point_flow(two_points, arm="ideal"):
    d = two_points
    error = np.abs(d.state.sel(arm=arm) - d["quantile"]) / (1 + d.noise)
    return checks.identity(
        error.max("start"),
        rounding=1e-8,
        margin=1e-7,
        reason="DOP853 at rtol 1e-10; a thousandth in the denoiser moves the states by 1e-4",
        where=d.noise < 80,
    )


def two_point_flow_symbolic(temperature=1):
    """d/dsigma of F_sigma(x(sigma)) along dx/dsigma = (x - tanh(x / sigma^2)) / sigma is 0."""
    x = sp.Symbol("x", real=True)
    s = sp.Symbol("sigma", positive=True)
    law = sum(1 + sp.erf((x - a) / (sp.sqrt(2) * s)) for a in (-1, 1)) / 4
    tanh = sp.tanh(x / (temperature * s**2)).rewrite(sp.exp)
    change = sp.diff(law, x) * (x - tanh) / s + sp.diff(law, s)
    return checks.proof(change, {x: sp.Rational(2, 5), s: sp.Rational(3, 2)})


def two_point_ends(two_points, factor=1.0):
    """x -> +-1 linearly in sigma, with the slope of the normal quantile."""
    d = two_points
    sign = np.sign(d.linear_end)
    exact = sign + factor * (d.linear_end - sign)
    error = np.abs(d.state.sel(arm="ideal") - exact) / d.noise
    return checks.identity(
        error.max("start"),
        rounding=1e-7,
        margin=1e-5,
        reason="at sigma <= 0.2 what the other point contributes is below exp(-12) of sigma",
        where=d.noise < 0.3,
    )


def tweedie_of_sets(gradients, power=2, sign=1.0):
    """E[X | y] = y + sigma^2 grad log q_sigma, from eps and score of the denoiser."""
    d = gradients
    jump = -d.sigma * d.eps
    by_density = np.abs(jump - sign * d.sigma**power * d.slope)
    by_score = np.abs(jump - sign * d.sigma**power * d.score)
    error = np.maximum(by_density, by_score).max("direction") / d["size"]
    return checks.identity(error.max(("query", "law")), rounding=1e-9, margin=1e-7, reason=ROUNDING)


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

uniform = "x_0 uniform on a finite set K, x = x_0 + sigma * noise, sigma > 0"

closed = experiment.claim(
    "ideal-denoiser-closed-form-corrected",
    r"\epsilon^*(x,\sigma) = \frac{\sum_i p_i (x - x_i) e^{-|x-x_i|^2/2\sigma^2}}"
    r"{\sigma \sum_i p_i e^{-|x-x_i|^2/2\sigma^2}} = -\sigma \nabla\log p_\sigma(x)",
    source=Source("000", DENOISER),
    entries="ideal-denoiser-closed-form",
    form="corrected",
    conditions="x_0 = x_i with probability p_i; any finite set",
    check=closed_form,
    controls=[
        Control("the nearest point for the posterior mean", eps="eps_nearest"),
        Control("weights p_i left out", eps="eps_unweighted"),
    ],
)
experiment.claim(
    "ideal-denoiser-closed-form-as-stated",
    r"\epsilon^*(x,\sigma) = \frac{\sum_i (x - x_i) e^{-|x-x_i|^2/2\sigma^2}}"
    r"{\sigma \sum_i e^{-|x-x_i|^2/2\sigma^2}} \text{ for any law on } K",
    source=Source("000", DENOISER),
    entries="ideal-denoiser-closed-form",
    conditions="finite K; the slide asks nothing of the law of x_0 on it",
    check=closed_form,
    eps="eps_unweighted",
    expected="refuted",
    twin=closed,
)
experiment.claim(
    "ideal-denoiser-closed-form-reading-uniform",
    r"\epsilon^*(x,\sigma) = \frac{\sum_i (x - x_i) e^{-|x-x_i|^2/2\sigma^2}}"
    r"{\sigma \sum_i e^{-|x-x_i|^2/2\sigma^2}}",
    source=Source("000", DENOISER),
    entries="ideal-denoiser-closed-form",
    form="reading",
    conditions=uniform,
    check=closed_form,
    law="uniform",
    controls=[Control("the nearest point for the posterior mean", eps="eps_nearest")],
)
closed_symbolic = experiment.claim(
    "ideal-denoiser-closed-form-symbolic-corrected",
    r"-\sigma\nabla\log\sum_i p_i e^{-|x-x_i|^2/2\sigma^2} = \epsilon^*(x,\sigma)",
    source=Source("000", DENOISER),
    entries="ideal-denoiser-closed-form",
    form="corrected",
    conditions="three points in the plane with weights p_i, all symbols",
    check=closed_form_symbolic,
    controls=[
        Control("weights left out", weighted=False),
        Control("divided by sigma^2 for sigma", power=2),
    ],
)
experiment.claim(
    "ideal-denoiser-closed-form-symbolic-as-stated",
    r"-\sigma\nabla\log\sum_i p_i e^{-|x-x_i|^2/2\sigma^2} ="
    r" \frac{\sum_i (x - x_i) e^{-|x-x_i|^2/2\sigma^2}}{\sigma\sum_i e^{-|x-x_i|^2/2\sigma^2}}",
    source=Source("000", DENOISER),
    entries="ideal-denoiser-closed-form",
    conditions="three points in the plane with weights p_i, all symbols",
    check=closed_form_symbolic,
    weighted=False,
    expected="refuted",
    twin=closed_symbolic,
)

minimiser = experiment.claim(
    "denoising-loss-minimiser",
    r"E|\epsilon^* + g - \epsilon|^2 = E|\epsilon^* - \epsilon|^2 + E|g|^2 \text{ for every } g(x)",
    source=Source("000", DENOISER),
    entries="denoising-loss-minimiser",
    conditions="unrestricted functions of x, sigma of positive weight; dimensions 1 and 2",
    check=excess_loss,
    controls=[
        Control("the minimiser of uniform weights", eps="unweighted"),
        Control("the nearest point for the posterior mean", eps="nearest"),
        Control("an excess linear in the perturbation", power=1),
    ],
)
experiment.claim(
    "denoising-loss-minimiser-reading-set",
    r"\epsilon^* = \arg\min L \text{ depends on the set } K \text{ and } \sigma \text{ alone}",
    source=Source("000", DENOISER),
    entries="denoising-loss-minimiser",
    form="reading",
    conditions="'data distribution K' read as the set K, which the other slides take it to be",
    check=excess_loss,
    eps="unweighted",
    expected="refuted",
    twin=minimiser,
)
experiment.claim(
    "denoising-loss-minimiser-value",
    r"\min L = E\,\mathrm{tr}\,\mathrm{Cov}(x_0 \mid x)/\sigma^2 = (E|x_0|^2 - E|D|^2)/\sigma^2",
    source=Source("000", DENOISER),
    entries="denoising-loss-minimiser",
    form="derived",
    conditions="dimensions 1 and 2",
    check=least_loss,
    controls=[
        Control("uniform weights", eps="unweighted"),
        Control("the nearest point for the posterior mean", eps="nearest"),
        Control("a thousandth less", factor=0.999),
    ],
)
experiment.claim(
    "denoising-loss-minimiser-images",
    r"E|\epsilon^* - \epsilon|^2 = E\,\mathrm{tr}\,\mathrm{Cov}(x_0 \mid x)/\sigma^2",
    source=Source("000", DENOISER),
    entries="denoising-loss-minimiser",
    form="derived",
    conditions="x_0 uniform over a set of images, sigma at least 0.4 of its spread",
    check=image_loss,
    controls=[
        Control("the mean of all images for the posterior mean", eps="mean"),
        Control("half the covariance", factor=0.5),
    ],
)

softmin = experiment.claim(
    "smoothed-distance-definition-corrected",
    r"\mathrm{softmin}_{2\sigma^2}|x_i - x|^2 ="
    r" -2\sigma^2 \log\sum_i e^{-|x_i-x|^2/2\sigma^2} =: \mathrm{dist}_K^2(x,\sigma)",
    source=Source("000", SMOOTHED),
    entries="smoothed-distance-definition",
    kind="definition",
    form="corrected",
    conditions="three points, squared distances as symbols",
    check=softmin_symbolic,
    controls=[
        Control("temperature 4 sigma^2", temperature=4),
        Control("three halves of the factor", c=3),
    ],
)
experiment.claim(
    "smoothed-distance-definition-as-stated",
    r"\mathrm{softmin}_{\sigma^2}|x_i - x|^2 = -\sigma^2 \log\sum_i e^{-|x_i-x|^2/2\sigma^2}",
    source=Source("000", SMOOTHED),
    entries="smoothed-distance-definition",
    kind="definition",
    conditions="three points, squared distances as symbols",
    check=softmin_symbolic,
    temperature=1,
    c=1,
    expected="refuted",
    twin=softmin,
)
experiment.claim(
    "smoothed-distance-definition-value",
    r"\mathrm{dist}_K^2(x,\sigma) = -2\sigma^2\log\textstyle\sum_i w_i e^{-|x-x_i|^2/2\sigma^2},"
    r"\quad \mathrm{dist}_K(x) = \min_i |x - x_i|",
    source=Source("000", SMOOTHED),
    entries="smoothed-distance-definition",
    kind="definition",
    form="derived",
    conditions="as the streaming pass computes them, uniform and weighted",
    check=smoothed_value,
    controls=[
        Control("sigma^2 for 2 sigma^2", c=1.0),
        Control("a thousandth more", c=2.002),
        Control("the sign", sign=1.0),
    ],
)
limit_of_smoothed = experiment.claim(
    "smoothed-distance-definition-limit-corrected",
    r"-2\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/2\sigma^2} \to \mathrm{dist}_K(x)^2,"
    r"\ \sigma\to0",
    source=Source("000", SMOOTHED),
    entries="smoothed-distance-definition",
    kind="limit",
    form="corrected",
    conditions="finite K",
    check=smoothed_limit,
    controls=[Control("nine tenths of the factor", c=1.8), Control("twice the factor", c=4.0)],
)
experiment.claim(
    "smoothed-distance-definition-limit-as-stated",
    r"-\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/2\sigma^2} \to \mathrm{dist}_K(x)^2,\ \sigma\to0",
    source=Source("000", SMOOTHED),
    entries="smoothed-distance-definition",
    kind="limit",
    conditions="finite K; the square on the left is supplied from the theorem",
    check=smoothed_limit,
    c=1.0,
    expected="refuted",
    twin=limit_of_smoothed,
)

half = experiment.claim(
    "ideal-denoiser-is-half-gradient-corrected",
    r"\tfrac12\nabla\bigl(-2\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/2\sigma^2}\bigr)"
    r" = \sigma\epsilon^*(x,\sigma)",
    source=Source("000", THEOREM),
    entries="ideal-denoiser-is-half-gradient",
    form="corrected",
    conditions=uniform,
    check=half_gradient,
    controls=[
        Control("1.998 sigma^2 for 2 sigma^2", definition="1.998 sigma^2"),
        Control("the nearest point for the posterior mean", eps="eps_nearest"),
        Control("the gradient without its half", half=1.0),
        Control("the sign", half=-0.5),
    ],
)
experiment.claim(
    "ideal-denoiser-is-half-gradient-as-stated",
    r"\tfrac12\nabla\bigl(-\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/2\sigma^2}\bigr)"
    r" = \sigma\epsilon^*(x,\sigma)",
    source=Source("000", THEOREM),
    entries=["ideal-denoiser-is-half-gradient", "smoothed-distance-definition"],
    conditions=uniform + "; the printed expression taken as dist^2, as the theorem needs",
    check=half_gradient,
    definition="printed",
    expected="refuted",
    twin=half,
)
experiment.claim(
    "ideal-denoiser-is-half-gradient-reading-literal",
    r"\tfrac12\nabla\bigl(-\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/2\sigma^2}\bigr)^2"
    r" = \sigma\epsilon^*(x,\sigma)",
    source=Source("000", THEOREM),
    entries=["ideal-denoiser-is-half-gradient", "smoothed-distance-definition"],
    form="reading",
    conditions=uniform + "; the printed expression taken as dist, as it is printed",
    check=half_gradient,
    definition="square of the printed",
    expected="refuted",
    twin=half,
)
experiment.claim(
    "ideal-denoiser-is-half-gradient-reading-softmin",
    r"\tfrac12\nabla\bigl(-\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/\sigma^2}\bigr)"
    r" = \sigma\epsilon^*(x,\sigma)",
    source=Source("000", THEOREM),
    entries=["ideal-denoiser-is-half-gradient", "smoothed-distance-definition"],
    form="reading",
    conditions=uniform + "; softmin of the squares at temperature sigma^2, as its name says: the "
    "noise level is then sigma / sqrt 2",
    check=half_gradient,
    definition="softmin of the squares",
    expected="refuted",
    twin=half,
)
half_symbolic = experiment.claim(
    "ideal-denoiser-is-half-gradient-symbolic-corrected",
    r"\tfrac12\nabla\bigl(-2\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/2\sigma^2}\bigr)"
    r" = \sigma\epsilon^*(x,\sigma)",
    source=Source("000", THEOREM),
    entries="ideal-denoiser-is-half-gradient",
    form="corrected",
    conditions="three points in the plane, all symbols",
    check=half_gradient_symbolic,
    controls=[
        Control("nine tenths of the factor", c=sp.Rational(9, 5)),
        Control("eps* divided by sigma once more", power=2),
    ],
)
experiment.claim(
    "ideal-denoiser-is-half-gradient-symbolic-as-stated",
    r"\tfrac12\nabla\bigl(-\sigma^2\log\textstyle\sum_i e^{-|x-x_i|^2/2\sigma^2}\bigr)"
    r" = \sigma\epsilon^*(x,\sigma)",
    source=Source("000", THEOREM),
    entries="ideal-denoiser-is-half-gradient",
    conditions="three points in the plane, all symbols",
    check=half_gradient_symbolic,
    c=1,
    expected="refuted",
    twin=half_symbolic,
)

at_the_ends = experiment.claim(
    "ideal-denoiser-sigma-smoothing-of-projection-corrected",
    r"|D - \mathrm{proj}_K(x)| \le \tfrac1{10}\,\mathrm{dist}_K(x)"
    r" \text{ for } \sigma \le 0.3 \text{ and } \sigma \ge 40",
    source=Source("000", "Denoising approximates projection, third bullet"),
    entries="ideal-denoiser-sigma-smoothing-of-projection",
    kind="inequality",
    form="corrected",
    conditions="95 % of noisy images x_0 + sigma * noise, images in [-1, 1]^d",
    check=small_relative_error,
    low=0.3,
    high=40.0,
    controls=[
        Control("every sigma", low=math.inf),
        Control("a hundredth for a tenth", allowed=0.01),
    ],
)
experiment.claim(
    "ideal-denoiser-sigma-smoothing-of-projection-reading-small",
    r"|D - \mathrm{proj}_K(x)| \le \tfrac1{10}\,\mathrm{dist}_K(x) \text{ for every } \sigma",
    source=Source("000", "Denoising approximates projection, third bullet"),
    entries="ideal-denoiser-sigma-smoothing-of-projection",
    kind="inequality",
    form="reading",
    conditions="'small relative error' without a number, read as a tenth for 95 % of noisy images",
    check=small_relative_error,
    low=math.inf,
    expected="refuted",
    twin=at_the_ends,
)
experiment.claim(
    "ideal-denoiser-sigma-smoothing-of-projection-bound",
    r"|D - p| \le (m-1) \max_i|x_i - p|\, e^{-(d_2^2 - d_1^2)/2\sigma^2},"
    r"\quad p = \mathrm{proj}_K(x)",
    source=Source("000", "Denoising approximates projection, third bullet"),
    entries="ideal-denoiser-sigma-smoothing-of-projection",
    kind="inequality",
    form="derived",
    conditions="finite K of m points, d_1 < d_2 the two smallest distances",
    check=smoothing_bound,
    controls=[
        Control("sigma^2 for 2 sigma^2", half=1.0),
        Control("a tenth more in the exponent of two points", half=0.55),
    ],
)

experiment.claim(
    "half-squared-distance-gradient",
    r"\nabla\tfrac12\mathrm{dist}_K(x)^2 = x - \mathrm{proj}_K(x)",
    source=Source("000", "Distance and projection, proposition"),
    entries="half-squared-distance-gradient",
    conditions="K closed with one nearest point: finite sets, a sphere, a torus, a subspace",
    check=half_squared,
    controls=[
        Control("without the half", factor=1.0),
        Control("a thousandth more", factor=0.5005),
    ],
)
experiment.claim(
    "half-squared-distance-gradient-symbolic",
    r"\nabla\tfrac12\mathrm{dist}_K(x)^2 = x - \mathrm{proj}_K(x)",
    source=Source("000", "Distance and projection, proposition"),
    entries="half-squared-distance-gradient",
    conditions="the circle of radius r, off its centre",
    check=half_squared_symbolic,
    controls=[Control("without the half", halves=2)],
)
ties = experiment.claim(
    "half-squared-distance-gradient-ties",
    r"\lim_{h\downarrow0} \tfrac1h\bigl(\tfrac12\mathrm{dist}_K(x+hu)^2"
    r" - \tfrac12\mathrm{dist}_K(x)^2\bigr)"
    r" = \min_{p \in \mathrm{proj}_K(x)} \langle x - p, u\rangle",
    source=Source("000", "Distance and projection, proposition"),
    entries="half-squared-distance-gradient",
    form="derived",
    conditions="finite K, x halfway between nearest neighbours: there is no gradient",
    check=slope_at_ties,
    controls=[Control("one of the nearest points", rule="any_nearest")],
)
experiment.claim(
    "half-squared-distance-gradient-reading-any-projection",
    r"\nabla\tfrac12\mathrm{dist}_K(x)^2 = x - p \text{ for some } p \in \mathrm{proj}_K(x)",
    source=Source("000", "Distance and projection, proposition"),
    entries="half-squared-distance-gradient",
    form="reading",
    conditions="without the hypothesis that the projection is a single point",
    check=slope_at_ties,
    rule="any_nearest",
    expected="refuted",
    twin=ties,
)

experiment.claim(
    "optimal-denoiser-formula",
    r"r^*(\hat x;\sigma) = \sum_i u_i x_i,\quad"
    r" u = \mathrm{softmax}(-|\hat x - x_i|^2/2\sigma^2)",
    source=Source("001", "Notations"),
    entries="optimal-denoiser-formula",
    conditions=uniform + "; with log p_i added to the exponents, any weights",
    check=formula,
    controls=[
        Control("temperature 4 sigma^2", arm="temperature 4 sigma^2"),
        Control("temperature sigma^2", arm="temperature sigma^2"),
        Control("distances not squared", arm="no square"),
    ],
)

experiment.claim(
    "optimal-denoiser-large-sigma-limit",
    r"r^*(\hat x;\sigma) \to E[x_i],\ \sigma\to\infty",
    source=Source("001", OPTIMAL),
    entries="optimal-denoiser-large-sigma-limit",
    kind="limit",
    conditions="x fixed",
    check=mean_limit,
    controls=[Control("x growing as sigma^2", arm="sigma squared")],
)
along_path = experiment.claim(
    "optimal-denoiser-large-sigma-limit-trajectory",
    r"r^*(\mu + \sigma z;\sigma) \to E[x_i],\ \sigma\to\infty",
    source=Source("001", OPTIMAL),
    entries="optimal-denoiser-large-sigma-limit",
    kind="limit",
    form="derived",
    conditions="x growing as sigma, as along the trajectories the slide draws; the rate is 1/sigma",
    check=mean_limit,
    arm="trajectory",
    exponents=(1, 2, 3, 4),
    controls=[Control("x growing as sigma^2", arm="sigma squared")],
)
experiment.claim(
    "optimal-denoiser-large-sigma-limit-reading-any-x",
    r"\sup_x |r^*(x;\sigma) - E[x_i]| \to 0,\ \sigma\to\infty",
    source=Source("001", OPTIMAL),
    entries="optimal-denoiser-large-sigma-limit",
    kind="limit",
    form="reading",
    conditions="uniformly in x, tried at x = mu + sigma^2 w",
    check=mean_limit,
    arm="sigma squared",
    exponents=(1, 2, 3, 4),
    expected="refuted",
    twin=along_path,
)
experiment.claim(
    "optimal-denoiser-large-sigma-limit-tilted",
    r"r^*(\mu + \sigma^2 w;\sigma) \to"
    r" \textstyle\sum_i e^{\langle w, x_i\rangle} x_i \big/ \sum_i e^{\langle w, x_i\rangle}",
    source=Source("001", OPTIMAL),
    entries="optimal-denoiser-large-sigma-limit",
    kind="limit",
    form="derived",
    conditions="x growing as sigma^2",
    check=mean_limit,
    arm="sigma squared",
    target="tilted",
    controls=[Control("the mean of the data", target="mean")],
)
experiment.claim(
    "optimal-denoiser-large-sigma-limit-coefficient",
    r"\sigma^2 (r^* - \mu) \to C(x - \mu) - \tfrac12 E(X-\mu)|X-\mu|^2",
    source=Source("001", OPTIMAL),
    entries="optimal-denoiser-large-sigma-limit",
    kind="limit",
    form="derived",
    conditions="x fixed; mu and C the mean and covariance of the uniform law on K",
    check=mean_coefficient,
    controls=[
        Control("without the third moment", terms="without third moment"),
        Control("the third moment not halved", terms="third moment not halved"),
        Control("a thousandth more", factor=1.001),
    ],
)

nearest = experiment.claim(
    "optimal-denoiser-small-sigma-limit-corrected",
    r"r^*(x;\sigma) \to \mathrm{proj}_K(x),\ \sigma\to0",
    source=Source("001", "1D example, figure"),
    entries="optimal-denoiser-small-sigma-limit",
    kind="limit",
    form="corrected",
    conditions="one nearest point",
    check=nearest_limit,
    controls=[Control("halfway between two nearest points", arms=("tie",))],
)
experiment.claim(
    "optimal-denoiser-small-sigma-limit-as-stated",
    r"r^*(x;\sigma) \to \text{a nearest point of } K,\ \sigma\to0, \text{ for every } x",
    source=Source("001", "1D example, figure"),
    entries="optimal-denoiser-small-sigma-limit",
    kind="limit",
    conditions="every x, also halfway between two nearest points",
    check=nearest_limit,
    arms=("cold", "tie"),
    expected="refuted",
    twin=nearest,
)
experiment.claim(
    "optimal-denoiser-small-sigma-limit-tie",
    r"r^*\bigl(\tfrac{a+b}2;\sigma\bigr) \to \tfrac{a+b}2,\ \sigma\to0",
    source=Source("001", "1D example, figure"),
    entries="optimal-denoiser-small-sigma-limit",
    kind="limit",
    form="derived",
    conditions="a and b the two nearest points, equally near",
    check=nearest_limit,
    arms=("tie",),
    target="average",
    controls=[Control("one of the two", target="nearest")],
)
experiment.claim(
    "optimal-denoiser-small-sigma-limit-rate",
    r"|r^* - x_{(1)}| \big/ \bigl(|x_{(2)} - x_{(1)}| e^{-(d_2^2-d_1^2)/2\sigma^2}\bigr) \to 1",
    source=Source("001", "1D example, figure"),
    entries=[
        "optimal-denoiser-small-sigma-limit",
        "ideal-denoiser-sigma-smoothing-of-projection",
    ],
    kind="rate",
    form="derived",
    conditions="one nearest and one second nearest point",
    check=arrhenius,
    controls=[
        Control("sigma^2 for 2 sigma^2", half=1.0),
        Control("a tenth less", factor=0.9),
    ],
)

experiment.claim(
    "two-point-1d-example",
    r"r^*(x;\sigma) = \tanh(x/\sigma^2),\quad"
    r" \nabla\log p_\sigma(x) = (\tanh(x/\sigma^2) - x)/\sigma^2",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="K = {-1, +1}, equal weights",
    check=two_point_symbolic,
    controls=[Control("temperature 4 sigma^2", temperature=2)],
)
experiment.claim(
    "two-point-1d-example-denoiser",
    r"r^*(x;\sigma) = \tanh(x/\sigma^2)",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="K = {-1, +1}, equal weights",
    check=two_point_denoiser,
    controls=[
        Control("temperature 4 sigma^2", temperature=2.0),
        Control("a thousandth more", factor=1.001),
    ],
)
experiment.claim(
    "two-point-1d-example-score",
    r"\nabla\log p_\sigma(x) = (\tanh(x/\sigma^2) - x)/\sigma^2",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="K = {-1, +1}, equal weights",
    check=two_point_score,
    controls=[Control("sigma for sigma^2", power=1)],
)
experiment.claim(
    "two-point-1d-example-flow-symbolic",
    r"\tfrac{d}{d\sigma} F_\sigma(x(\sigma)) = 0 \text{ along }"
    r" \tfrac{dx}{d\sigma} = \tfrac{x - \tanh(x/\sigma^2)}{\sigma}",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="F_sigma the distribution function of x_0 + sigma * noise",
    check=two_point_flow_symbolic,
    controls=[Control("temperature 4 sigma^2", temperature=2)],
)
experiment.claim(
    "two-point-1d-example-flow",
    r"F_\sigma(x(\sigma)) = F_{80}(x(80)),\quad"
    r" F_\sigma(x) = \tfrac12[\Phi(\tfrac{x-1}\sigma) + \Phi(\tfrac{x+1}\sigma)]",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="probability-flow ODE of the ideal denoiser from sigma = 80 to 0.1",
    check=two_point_flow,
    controls=[Control("temperature 4 sigma^2", arm="temperature 4 sigma^2")],
)
experiment.claim(
    "two-point-1d-example-ends",
    r"x(\sigma) = 1 + \sigma\,\Phi^{-1}(2q - 1) + O(e^{-c/\sigma^2}),"
    r"\ q = F_{80}(x(80)) > \tfrac12",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="sigma <= 0.2; mirrored for q < 1/2: the basins meet at 0",
    check=two_point_ends,
    controls=[Control("a tenth more", factor=1.1)],
)

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
    "tweedie-finite-sets",
    r"E[X \mid Y] = Y + \sigma^2 \nabla\log q_\sigma(Y)",
    source=Source("004", "Empirical Bayes, key result"),
    entries="tweedie",
    conditions="Y = X + sigma N; X on a finite set, uniform or weighted; images included",
    check=tweedie_of_sets,
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
