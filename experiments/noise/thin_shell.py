"""Thin shell: does Gaussian noise live on a sphere, perpendicular to the data, and lengthen it?

Document 001, Proposition 1, says of z ~ N(0, sigma^2 I_d) and a vector x: E|z|^2 = sigma^2 d; with
high probability |z| = sigma sqrt(d) +- O(1); E[|x + z|^2 - |x|^2] = sigma^2 d;
lim P(|x + z| > |x|) = 1 for d -> infinity; x and z are perpendicular.

The two identities hold. The O(1) hides sigma: the shell is sigma/sqrt(2) thick, 57 at sigma = 80.
The limit needs |x| = o(sigma d): for |x| = c sigma d it is Phi(1/(2c)), because <x, z>, although
perpendicular in angle, is of size sigma |x|, which then outweighs |z|^2. The error at finite d is
at most phi(1)/d. Exact chi, noncentral chi-square and beta laws decide, against noise drawn by the
library's forward process on a mixture, on digits and on Fashion-MNIST, for d from 1 to 10^6.
"""

import itertools
import math
from fractions import Fraction
from functools import cache, partial

import flint
import numpy as np
import sympy as sp
import torch
import xarray as xr
from flint import arb
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.gaussian_norms import probability_norm_grows
from theorylab.diffusion.processes import forward_sample, variance_exploding
from theorylab.images import datasets

experiment = Experiment()

HALF = Fraction(1, 2)
DIMS = (1, 2, 3, 5, 10, 30, 100, 1000, 10_000, 100_000, 1_000_000)

SIGMAS = (0.01, 1.0, 80.0)  # 80 is where EDM's schedules start
EXPONENTS = (0.5, 0.75, 0.9, 1.0, 1.1, 1.5)  # |x| = sigma d^exponent
RATIOS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # |x| = ratio sigma d
NOISE_LEVELS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
ENOUGH = 4_000_000  # samples: in small dimensions more would only cost time
CHUNK = 2**16  # normals drawn at once: they stay in the cache


# --- measurements --------------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [1, 2, 8, 64, 512, 4096, 65_536, 1_000_000]},
    quick={"dim": [1, 2, 16, 256, 4096, 65_536], "normals": 1.6e7},
    default={"normals": 2.4e8},
    paper={"normals": 3e9},
)
def norms(dim, normals, generator):
    """|z|^2 summed, and how often |z| leaves the shell, of half-width t sigma^power."""
    samples = min(int(normals) // (dim * len(SIGMAS)), ENOUGH)
    power, times = [0, 1], [1.5, 2.0]
    total, width = np.zeros(len(SIGMAS)), np.zeros(len(SIGMAS))
    outside = np.zeros((len(SIGMAS), len(power), len(times)), dtype=int)
    for i, sigma in enumerate(SIGMAS):
        for rows in _chunks(samples, dim):
            x = torch.zeros((), dtype=torch.float64).expand(rows, dim)
            squared = _noise(x, sigma, generator).square().sum(1)
            off = (squared.sqrt() - sigma * math.sqrt(dim)).abs()
            total[i] += squared.sum().item()
            width[i] += off.square().sum().item()
            for j, k in np.ndindex(outside.shape[1:]):
                outside[i, j, k] += (off > times[k] * sigma ** power[j]).sum().item()
    return xr.Dataset(
        {
            "squared_norms": ("sigma", total, {"long_name": "sum of |z|^2 over samples"}),
            "mean_square_width": ("sigma", width / samples, {"long_name": "mean (|z| - s√d)^2"}),
            "outside": (("sigma", "power", "t"), outside, {"long_name": "samples off the shell"}),
            "samples": samples,
        },
        {"sigma": list(SIGMAS), "power": power, "t": times},
    )


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
    grid={"dim": [1, 4, 16, 64, 256, 1024]},
    quick={"dim": [1, 4, 16, 64, 256], "samples": 20_000},
    default={"samples": 40_000},
    paper={"dim": [1, 4, 16, 64, 256, 1024, 4096], "samples": 200_000},
)
def growth(dim, samples, generator):
    """How often |x + z| > |x|, for x in a mixture's directions with |x| = sigma d^exponent."""
    sigma, mixture, longer = 0.5, _mixture(dim), np.zeros(len(EXPONENTS), dtype=int)
    for rows in _chunks(samples, dim):
        x = mixture.sample(rows, generator)
        x = x / x.norm(dim=1, keepdim=True)
        for i, exponent in enumerate(EXPONENTS):
            norm = sigma * dim**exponent
            noised = forward_sample(variance_exploding(), norm * x, sigma, generator=generator)
            longer[i] += int((noised.norm(dim=1) > norm).sum())
    return xr.Dataset(
        {"longer": ("exponent", longer), "samples": samples}, {"exponent": list(EXPONENTS)}
    )


@experiment.measure(
    grid={"source": ["mixture", "digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"points": 2000, "draws": 5},
    default={"points": 4000, "draws": 8},
    paper={"points": 20_000, "draws": 100},
)
def noised(source, points, draws, generator):
    """|x_t|^2 - |x|^2 for real x, by sigma: its moments, and how often it is positive."""
    x = _points(source, points, generator)
    dim, squared = x.shape[1], x.square().sum(1)
    order = torch.arange(points).repeat(draws).split(max(1, CHUNK // dim))
    longer, moments = [], []
    for sigma in NOISE_LEVELS:
        gains, cosines = [], []
        for rows in order:
            z = _noise(x[rows], sigma, generator)
            gains.append((x[rows] + z).square().sum(1) - squared[rows])
            cosines.append(_cosine(x[rows], z))
        gain = torch.cat(gains).numpy()
        longer.append((gain > 0).sum())
        moments.append([float(moment) for moment in checks.central_moments(gain)[1:]])
    average, variance, third = np.transpose(moments)
    return xr.Dataset(
        {
            "dim": dim,
            "samples": points * draws,
            "squared_norm": ("point", squared.numpy(), {"long_name": "|x|^2"}),
            "cosine": ("sample", torch.cat(cosines).numpy(), {"long_name": "cos(x, z)"}),
            "longer": ("sigma", longer, {"long_name": "samples with |x_t| > |x|"}),
            "average": ("sigma", average, {"long_name": "mean of |x_t|^2 - |x|^2"}),
            "variance": ("sigma", variance, {"long_name": "variance of |x_t|^2 - |x|^2"}),
            "third": ("sigma", third, {"long_name": "third central moment of |x_t|^2 - |x|^2"}),
        },
        {"sigma": list(NOISE_LEVELS)},
    )


@experiment.measure()
def exact():
    """P(|x + z| > |x|) by its exact law: at critical growth, along exponents, at the worst x."""
    large, curve = 4.0 ** np.arange(4, 10), np.unique(np.round(np.geomspace(1, 1e6, 97)))
    small = np.array([1, 2, 3, 5, 10, 30, 100, 1000, 10_000, 100_000, 1_000_000])
    # Finest about 1/2, where the error is largest.
    ratio = np.union1d(np.geomspace(1e-3, 1e3, 601), np.linspace(0.4, 0.6, 401))
    gap = np.stack([d * (special.ndtr(0.5 / ratio) - _exact_law(int(d), ratio * d)) for d in small])
    return xr.Dataset(
        {
            "critical": (
                ("ratio", "large_dim"),
                np.stack([[_exact_law(int(d), c * d) for d in large] for c in RATIOS]),
            ),
            "curve": (
                ("exponent", "curve_dim"),
                np.stack([[_exact_law(int(d), d**p) for d in curve] for p in EXPONENTS]),
            ),
            "largest_gap": ("small_dim", gap.max(1), {"long_name": "max d (Phi(1/2c) - P)"}),
            "smallest_gap": ("small_dim", gap.min(1), {"long_name": "min d (Phi(1/2c) - P)"}),
        },
        {
            "ratio": list(RATIOS),
            "exponent": list(EXPONENTS),
            "large_dim": large,
            "curve_dim": curve,
            "small_dim": small,
        },
    )


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


def _points(source, points, generator):
    """Points of a data set, drawn with replacement, in [-1, 1]; or of a mixture in R^32."""
    if source == "mixture":
        return _mixture(32).sample(points, generator)
    data = datasets.digits() if source == "digits" else datasets.fashion_mnist()
    index = torch.randint(len(data.images), (points,), generator=generator)
    return datasets.as_float(data._replace(images=data.images[index])).flatten(1)


# --- checks: the shell ---------------------------------------------------------------------------


def radial_moment(moment, value):
    """E|z|^moment by integrating the radial density of N(0, sigma^2 I_d), for every d > 0."""
    d, sigma, r = sp.symbols("d sigma r", positive=True)
    surface = 2 / ((sp.sqrt(2) * sigma) ** d * sp.gamma(d / 2))
    integrand = r ** (d - 1 + moment) * sp.exp(-(r**2) / (2 * sigma**2))
    found = surface * sp.integrate(integrand, (r, 0, sp.oo))
    return checks.proof(found - value(d, sigma), {d: 3, sigma: sp.Rational(5, 2)})


def second_moment(norms, factor=1.0, missing=0, power=2):
    """The mean of |z|^2 against factor sigma^power (d - missing), by its exact chi-square law."""
    return checks.chi_square_mean(
        norms.squared_norms,
        norms.samples * norms.dim,
        factor * norms.sigma**power * (norms.dim - missing) * norms.samples,
        margin=0.005,
        reason="half a percent shows a dimension lost up to d = 100, and any lost factor",
        where=norms.dim > missing,
    )


def tails_certified(power=1, rate=HALF):
    """P(| |z| - sigma sqrt(d) | > t sigma^power) <= 2 exp(-rate t^2), by balls."""

    def difference(dim, sigma, t):
        return _outside(dim, t * sigma ** (power - 1)) - 2 * (-_ball(rate) * t**2).exp()

    sigmas = [Fraction(1, 100), Fraction(1), Fraction(80)]
    return _certified(difference, dim=DIMS, sigma=sigmas, t=[1, 2, 3, 4, 6])


def tails_measured(norms, power=1, rate=0.5):
    """The same bound on noise of the forward process."""
    return checks.proportion(
        norms.outside.sel(power=power),
        norms.samples,
        2 * np.exp(-rate * norms.t**2),
        margin=0,
        relation="<=",
        reason="a bound on a probability",
    )


def chernoff_exponents(upper=HALF, lower=1):
    """Chernoff's exponents of |z|^2 at sigma^2 (sqrt(d) +- t)^2: at least upper t^2, lower t^2.

    Per dimension, with u = t/sqrt(d): exponent minus bound is 0 at u = 0 and never falls.
    """
    s, x, g, u, v = sp.symbols("s x g u v", positive=True)
    # E exp(l g^2) at l = (1 - 1/s)/2; the exponent l x - log E is largest at s = x.
    generating = sp.integrate(sp.exp(-(g**2) / (2 * s)), (g, -sp.oo, sp.oo)) / sp.sqrt(2 * sp.pi)
    exponent = ((1 - 1 / s) / 2 * x - sp.log(generating)).subs(s, x)
    above = exponent.subs(x, (1 + u) ** 2) - upper * u**2
    below = exponent.subs(x, (1 - u) ** 2) - lower * u**2
    slope_below = sp.diff(below, u).subs(u, v / (1 + v))  # 0 < u < 1
    parts = [above.subs(u, 0), sp.diff(above, u), below.subs(u, 0), slope_below]
    return checks.proof_nonnegative(parts, {u: sp.Rational(1, 3), v: sp.Rational(1, 3)})


def width_certified(bound):
    """E(|z|/sigma - sqrt(d))^2 = 2d - 2 sqrt(d) E|z|/sigma <= bound, by balls."""

    def difference(dim):
        return 2 * dim - 2 * arb(dim).sqrt() * _mean_radius(dim) - _ball(bound)

    return _certified(difference, dim=[*range(1, 101), *DIMS[-4:]])


def radial_law(directions, missing=0, variance=None):
    """Law of |z|/sigma: chi with d - missing degrees, or N(sqrt(d), variance)."""

    def cdf(d):
        if variance is None:
            return lambda r: special.gammainc((d - missing) / 2, r**2 / 2)
        return lambda r: special.ndtr((r - math.sqrt(d)) / math.sqrt(variance))

    radius = directions.radius.sel(dim=directions.dim > missing)
    return _same_law({f"d={d}": (radius.sel(dim=d), cdf(d)) for d in radius.dim.values})


def normal_limit(statistic, value):
    """Limit of d^p sup_y |P(Y <= y) - Phi(y)| for a standardised statistic Y.

    Y = sqrt(2)(|z|/sigma - sqrt(d)) with p = 1/2 (the supremum is at y -> 0), or
    Y = sqrt(d) cos(x, z) with p = 1 (at y -> sqrt(3 - sqrt(6)) = .742).
    """
    y, dims = np.linspace(-0.5, 1.5, 20_001), 4.0 ** np.arange(3, 10)
    if statistic == "radius":
        laws = [special.gammainc(d / 2, (math.sqrt(d) + y / math.sqrt(2)) ** 2 / 2) for d in dims]
    else:
        laws = [(1 + np.sign(y) * special.betainc(0.5, (d - 1) / 2, y**2 / d)) / 2 for d in dims]
    distances = [np.abs(law - special.ndtr(y)).max() for law in laws]
    power = {"radius": 0.5, "cosine": 1.0}[statistic]
    # A step of 1e-4 in y misses the supremum by less than 1e-8 of it.
    return _limit(dims**power * distances, dims, value, 1e-6, rounding=1e-8, exponents=(1, 2))


# --- checks: longer, or not ----------------------------------------------------------------------


def gain_symbolic(order, value):
    """Mean (order 1) or variance (order 2) of |x + z|^2 - |x|^2, from its generating function.

    A coordinate's log E exp(-l ((x_i + z_i)^2 - x_i^2)) is a(l) + x_i^2 b(l); summed over the
    coordinates it is d a(l) + |x|^2 b(l), for every x.
    """
    a, b, l, x, sigma = _gain_generating_function()
    d, k = sp.symbols("d k", positive=True)  # k = |x|^2
    cumulant = (-1) ** order * sp.diff(d * a + k * b, l, order).subs(l, 0)
    witness = {d: 3, k: 2, sigma: sp.Rational(5, 2), l: 1, x: 1}
    return checks.proof([sp.diff(b, x), cumulant - value(d, k, sigma)], witness)


def gain_measured(noised, sources, level, factor=1.0, power=2, cross=0.0):
    """The mean of |x_t|^2 - |x|^2 against factor sigma^power d + cross sigma E|x|."""
    some = noised.sel(source=noised.source.isin(sources))
    norm = np.sqrt(some.squared_norm).mean("point")
    target = factor * some.sigma**power * some.dim + cross * some.sigma * norm
    return checks.mean(
        some.samples,
        some.average,
        some.variance,
        some.third,
        target,
        scale=target,
        margin=0.1,
        reason="a tenth: below sigma = 0.3 the gain drowns in its own fluctuation 2 sigma |x|",
        where=some.sigma >= 0.3,
        level=level,
    )


def critical_limit(exact, law=None):
    """lim P(|x + z| > |x|) for |x| = c sigma d, against a law of y = 1/(2c); Phi by default."""
    target = (law or special.ndtr)(0.5 / exact.ratio)
    return _limit(
        exact.critical,
        exact.large_dim.values,
        target,
        1e-10,
        rounding=1e-13,
        exponents=(1, 2, 3),
        dim="large_dim",
    )


def gap_bounded(exact, constant, power=1):
    """0 <= Phi(1/(2c)) - P(|x + z| > |x|) <= constant / d^power for every c = |x|/(sigma d)."""
    shrink = exact.small_dim ** (power - 1.0)
    sides = [shrink * exact.largest_gap / constant - 1, -shrink * exact.smallest_gap / constant]
    return checks.bound(
        xr.concat(sides, "side"),
        rounding=1e-13 * exact.small_dim / constant,
        margin=1e-6,
        reason="the largest gap is approached for d -> infinity; probabilities are good to 1e-13",
        tightness=shrink * exact.largest_gap / constant,
    )


def lengthening_exponent(denominator=4, variance=1):
    """P(|x + z| <= |x|) <= exp(-d^2 / (denominator (d + 2k))), k = |x|^2/sigma^2, for every d, x.

    The gain's generating function stays below that of a normal of the same mean and variance:
    d a(l) + k b(l) <= -d l + variance (d + 2k) l^2; then Chernoff's bound at its best l.
    """
    a, b, l, _, sigma = _gain_generating_function()
    a, b = (part.subs(sigma, 1) for part in (a, b))
    d, k = sp.symbols("d k", positive=True)
    room, room_k = variance * l**2 - l - a, 2 * variance * l**2 - b
    best = d / (2 * (d + 2 * k))
    exponent = d * best - (d + 2 * k) * best**2 - d**2 / (denominator * (d + 2 * k))
    parts = [room.subs(l, 0), sp.diff(room, l), room_k, exponent]
    return checks.proof_nonnegative(parts, {d: 5, k: 2, l: sp.Rational(1, 4)})


def not_lengthened(gap, norm=lambda d: d):
    """P(|x + z| <= |x|) >= gap for |x| = sigma norm(d) and every d >= 2.

    |x + z|^2 - |x|^2 = sigma^2 (g^2 + 2 norm g + r^2), r^2 ~ chi2(d - 1), is not positive where
    -2 <= g < -1 and r^2 <= 2d - 1; the first has probability Phi(2) - Phi(1), the second at least
    1/2 by Markov's inequality. Here g = -1 - a, a = 1/(1+v) in (0, 1), d = 2 + m.
    """
    m, v = sp.symbols("m v", nonnegative=True)
    d, size = 2 + m, 1 + 1 / (1 + v)
    not_longer = 2 * norm(d) * size - size**2 - (2 * d - 1)
    markov = sp.Rational(1, 2) - (d - 1) / (2 * d - 1)
    event = (sp.erf(sp.sqrt(2)) - sp.erf(1 / sp.sqrt(2))) / 4  # (Phi(2) - Phi(1)) / 2
    return checks.proof_nonnegative([not_longer, markov, event - gap], {m: 2, v: 1})


def frequency_on_growth(growth, law="exact"):
    """Frequency of |x + z| > |x| for |x| = sigma d^exponent, against a law."""
    predicted = xr.DataArray(
        [[_law(law, d, d**p) for p in growth.exponent.values] for d in growth.dim.values.tolist()],
        growth.longer.coords,
        ("dim", "exponent"),
    )
    return checks.proportion(
        growth.longer,
        growth.samples,
        predicted,
        margin=0.03,
        reason="the regimes' limits 1, .69 and .5 are ten times as far apart",
    )


def frequency_on_data(noised, sources, level, law="exact"):
    """Frequency of |x + z| > |x| for given data, against a law averaged over the same points."""
    some = noised.sel(source=noised.source.isin(sources))
    predicted = [
        [_law(law, dim, np.sqrt(squared) / sigma).mean() for sigma in NOISE_LEVELS]
        for dim, squared in zip(some.dim.values.tolist(), some.squared_norm.values, strict=True)
    ]
    return checks.proportion(
        some.longer,
        some.samples,
        some.longer.copy(data=np.reshape(predicted, some.longer.shape)),
        margin=0.05,
        reason="a tenth of what the printed limit of 1 is off by at small sigma",
        level=level,
    )


# --- checks: perpendicular -----------------------------------------------------------------------


def cosine_moment(value):
    """E cos^2(x, z) for d = n + 1 > 1, by the density of t = tan of the angle to the equator."""
    n, t = sp.symbols("n t", positive=True)
    d = n + 1
    mass = sp.integrate((1 + t**2) ** (-d / 2), (t, 0, sp.oo))
    squares = sp.integrate(t**2 * (1 + t**2) ** (-d / 2 - 1), (t, 0, sp.oo))
    return checks.proof(sp.expand_func(squares / mass) - value(d), {n: 2})


def cosine_law(directions, noised, missing=0, normal=None):
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
    for source in noised.source.values:
        one = noised.sel(source=source)
        cases[str(source)] = (one.cosine, cdf(int(one.dim)))
    return _same_law(cases, margin=0.04)


def inner_product_law(directions, variance=1.0, power=0.0):
    """<x, z> / (sigma |x|) ~ N(0, variance / d^power): perpendicular in angle, not small."""
    cases = {}
    for d in directions.dim.values.tolist():
        one, std = directions.sel(dim=d), math.sqrt(variance / d**power)
        cases[f"d={d}"] = (one.cosine * one.radius, lambda u, std=std: special.ndtr(u / std))
    return _same_law(cases)


# --- what the checks share -----------------------------------------------------------------------


def _certified(difference, **axes):
    """certificate of difference(*point) <= 0 at every point of a grid."""
    with flint.ctx.workprec(256):
        points = itertools.product(*axes.values())
        balls = np.array([difference(*point) for point in points], dtype=object)
        grid = balls.reshape([len(values) for values in axes.values()])
        coords = {name: [float(v) for v in values] for name, values in axes.items()}
        ball = xr.DataArray(grid, coords, tuple(axes))
        return checks.certificate(ball, (-math.inf, 0.0), "a bound: lhs - rhs is never positive")


def _limit(values, dims, target, margin, rounding, *, exponents, dim="h"):
    return checks.limit(
        values,
        target,
        margin,
        "what rounding leaves of the extrapolation in 1/d; the slips sought are of some percent",
        dim=dim,
        h=1 / np.asarray(dims, dtype=float),
        exponents=exponents,
        rounding=rounding,
    )


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


def _ball(fraction):
    fraction = Fraction(fraction)
    return arb(flint.fmpq(fraction.numerator, fraction.denominator))


@cache
def _outside(dim, half_width):
    """P(| |z|/sigma - sqrt(d) | > half_width), the two tails of chi_d, as a ball."""
    root, shape, width = arb(dim).sqrt(), arb(dim) / 2, _ball(half_width)
    tails = ((root + width) ** 2 / 2).gamma_upper(shape, 1)
    if half_width**2 < dim:
        tails += 1 - ((root - width) ** 2 / 2).gamma_upper(shape, 1)
    return tails


def _mean_radius(dim):
    """E|z|/sigma = sqrt(2) Gamma((d + 1)/2) / Gamma(d/2), as a ball."""
    return arb(2).sqrt() * ((arb(dim + 1) / 2).lgamma() - (arb(dim) / 2).lgamma()).exp()


@cache
def _gain_generating_function():
    """a, b with log E exp(-l ((x + z)^2 - x^2)) = a(l) + x^2 b(l) on R, and their symbols."""
    l, sigma = sp.symbols("l sigma", positive=True)
    x, z = sp.symbols("x z", real=True)
    density = sp.exp(-(z**2) / (2 * sigma**2)) / (sp.sqrt(2 * sp.pi) * sigma)
    integrand = sp.exp(-l * ((x + z) ** 2 - x**2)) * density
    mean = sp.simplify(sp.integrate(integrand, (z, -sp.oo, sp.oo)))
    log = sp.expand_log(sp.log(mean), force=True)
    a = log.subs(x, 0)
    return a, sp.simplify((log - a) / x**2), l, x, sigma


def _exact_law(dim, norm):
    """P(|x + z| > |x|), z ~ N(0, I_dim), for |x| = norm."""
    return probability_norm_grows(dim, torch.as_tensor(norm, dtype=torch.float64)).numpy()


def _law(law, dim, norm):
    """P(|x + z| > |x|) by a law: the exact one, or one of its false neighbours."""
    norm = np.asarray(norm, dtype=float)
    return {
        "exact": lambda: _exact_law(dim, norm),
        "one": lambda: np.ones_like(norm),
        "half lost": lambda: special.ndtr(dim / norm),
        "central": lambda: special.gammaincc(dim / 2, norm**2 / 2),
    }[law]()


# --- claims --------------------------------------------------------------------------------------

PHI_AT_1 = math.exp(-0.5) / math.sqrt(2 * math.pi)
STAR = math.sqrt(3 - math.sqrt(6))  # where phi(y) (3y - y^3) is largest

claim = partial(experiment.claim, source=Source("001", "Proposition 1"))

second, shell = "noise-second-moment", "thin-shell-constant"
gain, longer, right_angle = (
    "noise-raises-mean-square-norm",
    "noise-raises-norm-whp",
    "noise-perpendicular",
)

claim(
    second,
    r"\mathbb{E}\|z\|^2 = \sigma^2 d",
    entries=second,
    conditions="every d and sigma",
    check=radial_moment,
    moment=2,
    value=lambda d, sigma: sigma**2 * d,
    controls=[
        Control(r"\sigma^2 (d-1)", value=lambda d, sigma: sigma**2 * (d - 1)),
        Control(r"\sigma d", value=lambda d, sigma: sigma * d),
    ],
)
claim(
    f"{second}-measured",
    r"\mathbb{E}\|x_t - x_0\|^2 = \sigma^2 d",
    entries=second,
    conditions="variance-exploding forward process; d to 10^6; sigma = 0.01, 1, 80",
    check=second_moment,
    controls=[
        Control(r"\sigma^2 (d-1)", missing=1),
        Control(r"\sigma d", power=1),
        Control(r"0.9\,\sigma^2 d", factor=0.9),
    ],
)
claim(
    f"{second}-law",
    r"\|z\|^2 / \sigma^2 \sim \chi^2_d",
    entries=[second, shell],
    kind="law",
    form="derived",
    check=radial_law,
    controls=[
        Control(r"\chi^2_{d-1}", missing=1),
        Control(r"\|z\|/\sigma \sim N(\sqrt d, 1)", variance=1.0),
        Control(r"\|z\|/\sigma \sim N(\sqrt d, 1/4)", variance=0.25),
    ],
)

shell_tails = claim(
    f"{shell}-corrected",
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\sigma\big) \le 2 e^{-t^2/2}",
    entries=shell,
    conditions="d from 1 to 10^6, sigma = 0.01, 1, 80, t from 1 to 6",
    kind="inequality",
    form="corrected",
    check=tails_certified,
    controls=[
        Control(r"2 e^{-t^2}", rate=Fraction(1)),
        Control(r"2 e^{-2t^2}", rate=Fraction(2)),
        Control(r"half-width t\sigma^2", power=2),
    ],
)
claim(
    f"{shell}-as-stated",
    r"\|z\| = \sigma\sqrt d \pm O(1):\quad"
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\big) \le 2 e^{-t^2/2}",
    entries=shell,
    conditions="O(1) read as a constant that depends neither on d nor on sigma",
    kind="inequality",
    check=tails_certified,
    power=0,
    expected="refuted",
    twin=shell_tails,
)
measured_tails = claim(
    f"{shell}-measured-corrected",
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\sigma\big) \le 2 e^{-t^2/2}",
    entries=shell,
    conditions="variance-exploding forward process; d to 10^6; sigma = 0.01, 1, 80",
    kind="inequality",
    form="corrected",
    check=tails_measured,
    controls=[Control(r"2 e^{-2t^2}", rate=2.0)],
)
claim(
    f"{shell}-measured-as-stated",
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\big) \le 2 e^{-t^2/2}",
    entries=shell,
    conditions="O(1) read as a constant that depends neither on d nor on sigma",
    kind="inequality",
    check=tails_measured,
    power=0,
    expected="refuted",
    twin=measured_tails,
)
claim(
    f"{shell}-symbolic",
    r"\mathbb{P}(\|z\| \ge \sigma(\sqrt d + t)) \le e^{-t^2/2}, \quad"
    r"\mathbb{P}(\|z\| \le \sigma(\sqrt d - t)) \le e^{-t^2}",
    entries=shell,
    conditions="every d, sigma and t > 0",
    kind="inequality",
    form="derived",
    check=chernoff_exponents,
    controls=[
        Control(r"upper tail e^{-t^2}", upper=1),
        Control(r"lower tail e^{-2t^2}", lower=2),
    ],
)
claim(
    f"{shell}-reading-fixed-sigma",
    r"\mathbb{E}(\|z\| - \sigma\sqrt d)^2 \le \tfrac12\sigma^2",
    entries=shell,
    conditions="O(1) for d -> infinity at fixed sigma",
    kind="inequality",
    form="reading",
    check=width_certified,
    bound=HALF,
    controls=[
        Control(r"\le 0.49\,\sigma^2", bound=Fraction(49, 100)),
        Control(r"\le \tfrac14\sigma^2", bound=Fraction(1, 4)),
    ],
)
claim(
    f"{shell}-mean",
    r"\mathbb{E}\|z\| = \sigma\sqrt2\,\Gamma(\tfrac{d+1}2)/\Gamma(\tfrac d2)",
    entries=shell,
    conditions="every d and sigma",
    form="derived",
    check=radial_moment,
    moment=1,
    value=lambda d, sigma: sigma * sp.sqrt(2) * sp.gamma((d + 1) / 2) / sp.gamma(d / 2),
    controls=[Control(r"\sigma\sqrt d", value=lambda d, sigma: sigma * sp.sqrt(d))],
)
claim(
    f"{shell}-normal-limit",
    r"\sqrt d\,\sup_y\big|\mathbb{P}(\sqrt2(\|z\|/\sigma - \sqrt d) \le y) - \Phi(y)\big|"
    r" \to \frac1{3\sqrt\pi}",
    entries=shell,
    kind="limit",
    form="derived",
    check=normal_limit,
    statistic="radius",
    value=1 / (3 * math.sqrt(math.pi)),
    controls=[
        Control(r"\to 1/(3\sqrt{2\pi})", value=1 / (3 * math.sqrt(2 * math.pi))),
        Control(r"\to 0", value=0.0),
    ],
)

claim(
    gain,
    r"\mathbb{E}\big[\|x+z\|^2 - \|x\|^2\big] = \sigma^2 d",
    entries=gain,
    conditions="every x, d and sigma",
    check=gain_symbolic,
    order=1,
    value=lambda d, k, sigma: sigma**2 * d,
    controls=[
        Control(r"2\sigma^2 d", value=lambda d, k, sigma: 2 * sigma**2 * d),
        Control(r"\sigma^2 d + \sigma\|x\|", value=lambda d, k, s: s**2 * d + s * sp.sqrt(k)),
    ],
)
claim(
    f"{gain}-variance",
    r"\mathrm{Var}\big[\|x+z\|^2 - \|x\|^2\big] = 2\sigma^4 d + 4\sigma^2\|x\|^2",
    entries=[gain, longer],
    conditions="every x, d and sigma",
    form="derived",
    check=gain_symbolic,
    order=2,
    value=lambda d, k, sigma: 2 * sigma**4 * d + 4 * sigma**2 * k,
    controls=[
        Control(r"2\sigma^4 d", value=lambda d, k, s: 2 * s**4 * d),
        Control("half the cross term", value=lambda d, k, s: 2 * s**4 * d + 2 * s**2 * k),
    ],
)
for suffix, sources, level, where in (
    ("measured", ["mixture"], "statistics", "x from a mixture in R^32"),
    ("images", ["digits", "fashion-mnist"], "observation", "x from the digits and Fashion-MNIST"),
):
    claim(
        f"{gain}-{suffix}",
        r"\mathbb{E}\big[\|x_t\|^2 - \|x_0\|^2\big] = \sigma^2 d",
        entries=gain,
        conditions=f"{where}; variance-exploding forward process; sigma >= 0.3",
        check=gain_measured,
        sources=sources,
        level=level,
        controls=[
            Control(r"2\sigma^2 d", factor=2.0),
            Control(r"\sigma d", power=1),
            Control(r"\sigma^2 d + \sigma\,\mathbb{E}\|x\|", cross=1.0),
        ],
    )
    claim(
        f"{longer}-{suffix}",
        r"\mathbb{P}(\|x_t\| > \|x_0\|) = \mathbb{E}_x\,\mathbb{P}\big(\chi'^2_d(k) > k\big),"
        r"\quad k = \|x\|^2/\sigma^2",
        entries=longer,
        conditions=f"{where}; variance-exploding forward process; sigma = 0.003 to 1",
        form="corrected",
        check=frequency_on_data,
        sources=sources,
        level=level,
        controls=[
            Control("= 1, as printed", law="one"),
            Control(r"= \Phi(\sigma d / \|x\|)", law="half lost"),
            Control(r"= \mathbb{P}(\chi^2_d > k)", law="central"),
        ],
    )

critical = claim(
    f"{longer}-corrected",
    r"\|x\| = c\,\sigma d: \quad"
    r"\lim_{d\to\infty}\mathbb{P}(\|x+z\| > \|x\|) = \Phi\big(\tfrac1{2c}\big)",
    entries=longer,
    conditions="c from 1/8 to 4",
    kind="limit",
    form="corrected",
    check=critical_limit,
    controls=[
        Control(r"= \Phi(1/c)", law=lambda y: special.ndtr(2 * y)),
        Control(r"= \tfrac12", law=lambda y: 0.5 + 0 * y),
    ],
)
claim(
    f"{longer}-as-stated",
    r"\lim_{d\to\infty}\mathbb{P}(\|x+z\| > \|x\|) = 1",
    entries=longer,
    conditions="any x in R^d, as printed; here |x| = c sigma d",
    kind="limit",
    check=critical_limit,
    law=lambda y: 1 + 0 * y,
    expected="refuted",
    twin=critical,
)
claim(
    f"{longer}-with-hypothesis",
    r"\mathbb{P}(\|x+z\| > \|x\|) \ge"
    r"1 - \exp\Big(-\frac{\sigma^2 d^2}{4\sigma^2 d + 8\|x\|^2}\Big),"
    r"\quad\text{so the limit is 1 if } \|x\| = o(\sigma d)",
    entries=longer,
    conditions="every x, d and sigma",
    kind="inequality",
    form="corrected",
    check=lengthening_exponent,
    controls=[
        Control(r"twice the exponent", denominator=2),
        Control(r"half the variance", variance=HALF),
    ],
)
claim(
    f"{longer}-counterexample",
    r"\|x\| = \sigma d: \quad \mathbb{P}(\|x+z\| > \|x\|) \le 0.933",
    entries=longer,
    conditions="every d >= 2 and sigma",
    kind="inequality",
    form="derived",
    check=not_lengthened,
    gap=Fraction(67, 1000),
    controls=[
        Control(r"\|x\| = \sigma\sqrt d", norm=sp.sqrt),
        Control(r"\le 0.69", gap=Fraction(31, 100)),
    ],
)
claim(
    f"{longer}-rate",
    r"0 \le \Phi\Big(\frac{\sigma d}{2\|x\|}\Big)"
    r" - \mathbb{P}(\|x+z\| > \|x\|) \le \frac{\varphi(1)}d",
    entries=longer,
    conditions="every x; d from 1 to 10^6; attained for |x| = sigma d / 2, d -> infinity",
    kind="inequality",
    form="derived",
    check=gap_bounded,
    constant=PHI_AT_1,
    controls=[
        Control(r"\le 0.9\,\varphi(1)/d", constant=0.9 * PHI_AT_1),
        Control(r"\le \varphi(1)/d^{3/2}", power=1.5),
    ],
)
claim(
    f"{longer}-regimes",
    r"\|x\| = \sigma d^p: \quad"
    r"\mathbb{P}(\|x+z\| > \|x\|) = \mathbb{P}\big(\chi'^2_d(d^{2p}) > d^{2p}\big)",
    entries=longer,
    conditions="p from 1/2 to 3/2, d to 1024 (paper: 4096); variance-exploding forward process",
    form="corrected",
    check=frequency_on_growth,
    controls=[
        Control("= 1, as printed", law="one"),
        Control(r"= \Phi(\sigma d / \|x\|)", law="half lost"),
        Control(r"= \mathbb{P}(\chi^2_d > d^{2p})", law="central"),
    ],
)

angle = claim(
    f"{right_angle}-mean-square",
    r"\mathbb{E}\cos^2\angle(x, z) = \frac1d",
    entries=right_angle,
    conditions="every x != 0 and d > 1",
    form="corrected",
    check=cosine_moment,
    value=lambda d: 1 / d,
    controls=[
        Control(r"= 1/(d+1)", value=lambda d: 1 / (d + 1)),
        Control(r"= 1/d^2", value=lambda d: 1 / d**2),
    ],
)
claim(
    f"{right_angle}-reading-exact",
    r"\langle x, z\rangle = 0",
    entries=right_angle,
    conditions="read literally: a cosine of 0 at finite d",
    form="reading",
    check=cosine_moment,
    value=lambda d: 0 * d,
    expected="refuted",
    twin=angle,
)
claim(
    f"{right_angle}-law",
    r"\cos^2\angle(x, z) \sim \mathrm{Beta}\big(\tfrac12, \tfrac{d-1}2\big)",
    entries=right_angle,
    conditions="x from a mixture or from images, or a second noise; d > 1",
    kind="law",
    form="derived",
    check=cosine_law,
    controls=[
        Control(r"\mathrm{Beta}(\tfrac12, \tfrac{d-2}2)", missing=1),
        Control(r"\cos \sim N(0, 2/d)", normal=2.0),
    ],
)
claim(
    f"{right_angle}-normal-limit",
    r"d\,\sup_y\big|\mathbb{P}(\sqrt d\cos \le y) - \Phi(y)\big| \to"
    r"\tfrac14\varphi(y_*)(3y_* - y_*^3), \quad y_*^2 = 3 - \sqrt6",
    entries=right_angle,
    kind="limit",
    form="derived",
    check=normal_limit,
    statistic="cosine",
    value=math.exp(-(STAR**2) / 2) / math.sqrt(2 * math.pi) * (3 * STAR - STAR**3) / 4,
    controls=[Control(r"\to \tfrac14", value=0.25), Control(r"\to 0", value=0.0)],
)
claim(
    f"{right_angle}-not-small",
    r"\langle x, z\rangle \sim N(0, \sigma^2\|x\|^2)",
    entries=[right_angle, longer],
    conditions="x from a mixture, d from 1; perpendicular in angle, yet not small",
    kind="law",
    form="derived",
    check=inner_product_law,
    controls=[
        Control(r"N(0, \sigma^2\|x\|^2/d)", power=1.0),
        Control(r"N(0, 2\sigma^2\|x\|^2)", variance=2.0),
    ],
)
