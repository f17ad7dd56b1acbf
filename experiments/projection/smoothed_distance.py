r"""Smoothed distance: is half the gradient of its square sigma times the ideal noise?

Document 000 defines a smoothed distance to a finite set K and states that half the gradient of its
square is sigma eps*. The printed pair is off by exactly 2: -sigma^2 log sum exp(-|x - x_0|^2 /
2 sigma^2) tends to half the squared distance, and half its gradient is half of sigma eps*. No other
reading of the definition mends it; the factor 2 sigma^2 does. Without noise, half the squared
distance has the gradient x - proj(x), where the nearest point is single.

Derivatives of log-sum-exp are five-point differences in extended precision, beside the streaming
denoiser on random sets, the digits and Fashion-MNIST; slopes of the plain distance come from the
closed forms of a sphere, a torus and a subspace, and from minima over points. What the smoothed
distance tends to as sigma vanishes stands in `ideal_denoiser_limits`.
"""

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.denoisers import eps_from_denoised
from theorylab.diffusion.distance import half_squared_distance_gradient
from theorylab.diffusion.finite_differences import five_point, log_sum_slopes, one_sided_slope
from theorylab.diffusion.finite_sets import FiniteSet
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere, Torus
from theorylab.images import point_sets

experiment = Experiment()

IMAGES = point_sets.NAMES
SETS = ["2 in R^1", "3 in R^2", "20 in R^4", "100 in R^16", "1000 in R^64", *IMAGES]
THEOREM = "Ideal denoiser equivalent to gradient of smoothed distance, theorem"
SMOOTHED = "Smoothed distance and approximate projection"

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
    chosen = point_sets.named_set(set, rng)
    m, dim = chosen.points.shape
    sigma = level * chosen.spread
    weights = rng.dirichlet(np.full(m, 3.0))
    x = chosen.noisy(sigma, queries, rng).noisy
    directions = np.stack([rng.standard_normal(dim), np.subtract(*chosen.take([0, 1]))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    squared = chosen.squared_distances(x)
    along = chosen.project(directions) - (x @ directions.T)[:, :, None]  # (query, direction, m)
    noisy, nearest = torch.from_numpy(x), torch.from_numpy(chosen.take(squared.argmin(1)))
    uniform = point_sets.named_denoiser(set, chosen)
    weighted = IdealDenoiser(chosen.points, torch.from_numpy(weights))
    found = [denoiser.posterior(noisy, sigma) for denoiser in (uniform, weighted)]
    denoised = uniform(noisy, sigma)
    eps = {"eps": denoised, "eps_nearest": nearest}
    projected = {
        name: eps_from_denoised(d, noisy, sigma).numpy() @ directions.T for name, d in eps.items()
    }
    slopes = {
        "slope": log_sum_slopes(squared, along, sigma**2),
        "slope_softmin": log_sum_slopes(squared, along, sigma**2 / 2),
    }
    exponents = [log_weight - squared / (2 * sigma**2) for log_weight in (0.0, np.log(weights))]
    return xr.Dataset(
        {name: (("query", "direction"), v) for name, v in (projected | slopes).items()}
        | {
            "size": ("query", np.linalg.norm(x - denoised.numpy(), axis=1)),
            "log_sum": (("law", "query"), [special.logsumexp(e, axis=1) for e in exponents]),
            "smoothed": (
                ("law", "query"),
                [f.smoothed_squared_distance.numpy() for f in found],
            ),
            "distance": ("query", found[0].distance.numpy()),
            "true_distance": ("query", np.sqrt(squared.min(1))),
            "sigma": sigma,
        },
        {"law": ["uniform", "weighted"]},
    )


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
            point_sets.image_set("digits")
            if shape == "digits"
            else FiniteSet(torch.from_numpy(values))
        )
        known = PointCloud(chosen.points)
        rows = chosen.points.numpy()
        half_squared = lambda q: ((q[:, None] - rows) ** 2).sum(-1).min(1) / 2
        first, second = chosen.neighbours(queries, rng)
        middle = (first + second) / 2
        towards = np.stack([((middle - p) * u).sum(1) for p in (first, second)])
        one_sided = [one_sided_slope(half_squared, q, v) for q, v in zip(middle, u, strict=True)]
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


# ---- checks ------------------------------------------------------------------------------------

ROUNDING = "float64 of the denoiser and differences in extended precision reach 1e-11 of |x - D|"


def half_gradient(gradients, definition="2 sigma^2", eps="eps", half=0.5):
    """(half) grad dist^2(x, sigma) = sigma eps*, with dist^2 defined in one of four ways."""
    d = gradients
    log_sum = d.log_sum.sel(law="uniform")
    left = (
        half
        * {
            "2 sigma^2": -2 * d.sigma**2 * d.slope,
            "1.998 sigma^2": -1.998 * d.sigma**2 * d.slope,
            "printed": -(d.sigma**2) * d.slope,
            "square of the printed": 2 * d.sigma**4 * log_sum * d.slope,
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


# ---- claims -----------------------------------------------------------------------------------

uniform = "x_0 uniform on a finite set K, x = x_0 + sigma * noise, sigma > 0"

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
