r"""Limits of the ideal denoiser: the nearest point as sigma vanishes, the mean as sigma grows?

Documents 000 and 001 say that the ideal denoiser of a finite set K smooths the projection: it tends
to the nearest point as sigma -> 0 and to the mean of the data as sigma -> infinity. Both hold with
conditions: the nearest point must be single (at a tie the limit is the average of the nearest), and
x must grow slower than sigma^2 (along sigma^2 w the limit is a tilted mean). The small-sigma error
is Arrhenius' exp(-gap/2 sigma^2); the smoothed distance tends to the distance with the factor
2 sigma^2, not with the printed sigma^2. Between the limits, on real images, the denoiser is far
from the projection.
"""

import math

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.images import point_sets

experiment = Experiment()

IMAGES = point_sets.NAMES
SETS = ["2 in R^1", "3 in R^2", "20 in R^4", "100 in R^16", "1000 in R^64", *IMAGES]
EXPONENTS = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0)  # of the second nearest point
DOUBLINGS = (4, 5, 6, 7, 8, 9)  # sigma = 2^k times the spread of the set
SMOOTHED = "Smoothed distance and approximate projection"
OPTIMAL = "Optimal denoiser"

# ---- measurements -----------------------------------------------------------------------------


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
    chosen = point_sets.named_set(set, rng)
    first, second = chosen.neighbours(queries, rng)
    denoiser = point_sets.named_denoiser(set, chosen)
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


@experiment.measure(
    grid={"set": SETS},
    data=IMAGES,
    quick={"queries": 2},
    default={"queries": 8},
    paper={"queries": 32},
)
def large_sigma(set, queries, rng):
    """D - mean of the data at sigma = 2^k spreads: x fixed, x ~ sigma, and x ~ sigma^2."""
    chosen = point_sets.named_set(set, rng)
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
    found = point_sets.named_denoiser(set, chosen)(
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
    grid={"images": IMAGES, "sigma": [0.1, 0.2, 0.3, 0.5, 1.5, 2.5, 4.0, 10.0, 20.0, 40.0]},
    data=IMAGES,
    quick={"queries": 48, "sigma": [0.1, 0.5, 1.5, 2.5, 4.0, 10.0, 40.0]},
    default={"queries": 256},
    paper={"queries": 2048},
)
def image_levels(images, sigma, queries, rng):
    """Noisy images x = x_0 + sigma noise: what the posterior over the whole data set looks like."""
    chosen = point_sets.image_set(images)
    x = torch.from_numpy(chosen.noisy(sigma, queries, rng).noisy)
    found = point_sets.image_denoiser(images).posterior(x, sigma)
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


# ---- checks ------------------------------------------------------------------------------------


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


# ---- claims -----------------------------------------------------------------------------------

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
