"""Log-concavity: how much Gaussian blurring does it take, and does it last as measurements add up?

Document 004 says: enough blurring leads to unimodality and to log-concavity, for Gaussian mixtures
if sigma^2 >= diameter of the means; the Hessian of the next measurement's conditional law is
-(I - cov / sigma^2) / sigma^2; conditioning reduces uncertainty on average, so that a chain of
measurements gets more and more log-concave.

Both Hessians hold. Blurring needs bounded support: atoms at powers of two with light tails have
infinitely many modes, or unbounded posterior variance, at every sigma. The condition compares a
variance with a length; the sharp one is sigma^2 + tau^2 >= D^2/4, exact for two components and
wherever the farthest pair is an exposed edge of the hull, as it is for the digits. Once
log-concave, always log-concave: on the line; in the plane four atoms lose it again at the third
measurement. Ball arithmetic and branch and bound decide where the domain is a box, sympy where the
statement is algebra; the library's mixtures are judged against Taylor series of the densities.
"""

import math
from functools import partial

import numpy as np
import sympy as sp
import torch
import xarray as xr
from flint import arb, fmpq
from scipy import optimize, special

from theorylab import Control, Evidence, Experiment, Source, checks
from theorylab.checks.enclosures import down, up
from theorylab.checks.suprema import Piece, supremum
from theorylab.diffusion import blurred_examples as examples
from theorylab.diffusion.ball_laws import (
    GRID,
    FiniteLaw,
    joint_curvature,
    posterior_covariance,
    posterior_weights,
    third_central_moment,
)
from theorylab.diffusion.diametral_pairs import edge_curvature, exposed_edge, farthest_pair
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.measurement_hessians import (
    climb_posterior_eigenvalue,
    conditional_hessian,
    largest_posterior_eigenvalue,
    log_concave_variance,
)
from theorylab.diffusion.mode_counting import modes_in_plane, modes_on_line
from theorylab.evidence import select
from theorylab.images import datasets

experiment = Experiment()

CHAIN = (1, 2, 3, 5, 8, 12)  # numbers of measurements
#: Laws on the line, all of them with hull [-1, 1]: D^2/4 = 1.
FIVE = [-1, fmpq(-2, 5), fmpq(1, 10), fmpq(3, 5), 1]
LINES = {
    "two points, 1/2": FiniteLaw.on_line([-1, 1]),
    "two points, 1/5": FiniteLaw.on_line([-1, 1], [1, 4]),
    "three points": FiniteLaw.on_line([-1, 0, 1]),
    "five points": FiniteLaw.on_line(FIVE, [1, 2, 3, 4, 5]),
}
#: Atoms at (+-a, 0) of total weight p and at (0, +-1) of total weight 1 - p.
RHOMBI = {
    "rhombus 1.1": (fmpq(11, 10), fmpq(5138, 10_000)),
    "rhombus 1.2": (fmpq(6, 5), fmpq(4, 5)),
    "rhombus 1.3": (fmpq(13, 10), fmpq(1, 2)),
}
#: sigma^2 of each chain: the first law is log-concave, mostly by little.
START = dict(zip([*LINES, *RHOMBI], (1.001, 1.001, 0.2835, 0.1255, 0.6, 1.12, 0.9), strict=True))
TRIANGLE = FiniteLaw([(0, 1), (-(3**0.5) / 2, -0.5), (3**0.5 / 2, -0.5)], [1, 1, 1])
RATIOS = (0.1, 0.25, 0.5, 0.9, 0.98, 1.001, 2.0, 8.0)  # variance / (D^2/4) of bounded laws
GROWING = tuple(16.0**k for k in range(len(RATIOS)))  # variances for unbounded laws
SIDES = (-1e-4, 1e-4)  # relative distance to a threshold at which it is tested


# --- measurements: Hessians ----------------------------------------------------------------------


@experiment.measure(
    grid={
        "law": ["points 1", "points 8", "points 64", "isotropic 2", "full 2", "full 8", "digits"],
        "measurements": [1, 2, 5],
    },
    data=("digits",),
    quick={
        "law": ["points 1", "points 64", "isotropic 2", "full 8", "digits"],
        "measurements": [1, 3],
        "queries": 2,
    },
    default={"queries": 4},
    paper={"measurements": [1, 2, 5, 20], "queries": 20},
)
def hessians(law, measurements, queries, rng):
    """Second derivatives of log densities along random directions, three ways.

    By the Taylor series of the joint density of all measurements, in balls; by the library's
    Hessian of their mean's density; and by the library's posterior covariance.
    """
    weights, means, covariances, mixture = _mixture(law, rng)
    sigmas, m = [0.3, 0.8, 2.0], measurements
    names = ("series", "hessian", "variance", "variance_last", "entropy")
    found = np.zeros((len(sigmas), queries, len(names)))
    for place in np.ndindex(len(sigmas), queries):
        sigma = sigmas[place[0]]
        u, y = _tie(means, sigma / math.sqrt(m), rng)
        noise = sigma * rng.standard_normal((m, len(y)))
        ys = _dyadic(y + noise - noise.mean(0))
        along, batch = torch.tensor(u), torch.tensor(ys)[None]
        mean, level = batch.mean(1), sigma / math.sqrt(m)
        curved = joint_curvature(weights, means, covariances, ys, u, sigma)
        matrices = (
            conditional_hessian(mixture, batch, sigma),
            mixture.posterior_covariance(mean, level),
            mixture.posterior_covariance(batch[:, -1], sigma),
        )
        # A dyadic u is not quite of unit length.
        forms = np.array([float(curved.mid()), *(float(along @ a[0] @ along) for a in matrices)])
        entropy = torch.special.entr(mixture.responsibilities(mean, level)).sum()
        found[place] = [*forms / (u @ u), entropy]
    columns = {name: (("sigma", "query"), found[..., i]) for i, name in enumerate(names)}
    return xr.Dataset(columns, {"sigma": sigmas})


def _mixture(law, rng):
    """Weights, means, covariances (None for points) and the library's mixture of them."""
    if law == "digits":
        means = datasets.as_float(datasets.digits()).flatten(1).numpy()
        weights = np.full(len(means), 1 / len(means))
        return weights, means, None, GaussianMixture.isotropic(None, means, 0.0)
    kind, d, k = law.split()[0], int(law.split()[1]), 4
    weights = rng.dirichlet(np.full(k, 4.0))
    means = _dyadic(rng.standard_normal((k, d)) * 1.5 / math.sqrt(d))
    if kind == "points":
        return weights, means, None, GaussianMixture.isotropic(weights, means, 0.0)
    if kind == "isotropic":
        stds = rng.uniform(0.2, 0.6, k)
        covariances = stds[:, None, None] ** 2 * np.eye(d)
        return weights, means, covariances, GaussianMixture.isotropic(weights, means, stds)
    shapes = rng.standard_normal((k, d, d)) / math.sqrt(d)
    covariances = 0.2 * shapes @ shapes.transpose(0, 2, 1)
    return weights, means, covariances, GaussianMixture.full(weights, means, covariances)


def _tie(means, level, rng):
    """A direction, and a point about half-way between two neighbouring means."""
    first = rng.integers(len(means))
    distance = np.linalg.norm(means - means[first], axis=1)
    edge = means[np.argsort(distance)[1]] - means[first]
    shift = 0.5 * edge * min(1.0, level**2 / (edge @ edge))
    aside, turn = rng.standard_normal((2, len(edge))) / math.sqrt(len(edge))
    u = edge / np.linalg.norm(edge) + 0.5 * turn
    return _dyadic(u / np.linalg.norm(u)), means[first] + edge / 2 + shift + 0.1 * level * aside


def _dyadic(x):
    return np.rint(x * GRID) / GRID


# --- measurements: in balls ----------------------------------------------------------------------


@experiment.measure(grid={"law": [*LINES, "powers of two"]})
def modes(law):
    """Numbers of modes, certified; -1 as the upper end says that there is none."""
    if law in LINES:
        low = high = [modes_on_line(LINES[law], v) for v in RATIOS]
    else:
        low, high = [examples.valleys_between_powers(v) + 1 for v in GROWING], [-1] * len(GROWING)
    return _levels(law, low, high, "number of modes")


@experiment.measure(grid={"law": [*LINES, "powers of two", "Cauchy"]})
def curvatures(law):
    """sup_y sigma^2 (log q)''(y), certified; of unbounded laws a value that it exceeds."""
    if law in LINES:
        low, high = np.transpose([_largest_variance(LINES[law], v) for v in RATIOS]) / RATIOS - 1
    else:
        witness = _between_powers if law == "powers of two" else _beyond_cauchys_core
        low = high = [witness(v) for v in GROWING]
    return _levels(law, low, high, "sup of sigma^2 (log q)''")


def _levels(law, low, high, name):
    bounded = law in LINES
    return xr.Dataset(
        {
            "low": ("level", low, {"long_name": f"{name}, at least"}),
            "high": ("level", high, {"long_name": f"{name}, at most"}),
            "variance": ("level", list(RATIOS if bounded else GROWING)),
            "ratio": ("level", list(RATIOS) if bounded else [0.0] * len(GROWING)),
            "bounded": bounded,
        }
    )


def _between_powers(variance):
    """Below sup_y Var(X | y)/v - 1 for atoms 2^k of weight exp(-4^k/2)."""
    level = math.ceil(math.log(variance, 4)) + 3
    share = examples.pair_share(arb(0.5) + 1 / (2 * arb(variance)), level)
    return down(share * 4**level / (4 * variance) - 1)


def _beyond_cauchys_core(variance):
    places = np.linspace(1, 12, 45) * math.sqrt(variance)
    return max(down(examples.cauchy_curvature(y, variance)) for y in places)


def _largest_variance(law, variance, tolerance=1e-6):
    """Floats below and above sup_y Var(X | y) for a law of LINES."""
    v, (atoms, weights) = arb(float(variance)), map(np.array, zip(*_floats(law), strict=True))
    value = lambda y: posterior_covariance(law, [y], v)[0][0]
    slope = lambda y: [third_central_moment(law, y, v) / v]
    scan = np.linspace(-1 - 8 * variance, 1 + 8 * variance, 4001)
    p = special.softmax(np.log(weights) - (scan[:, None] - atoms) ** 2 / (2 * variance), axis=1)
    start = float(scan[(p @ atoms**2 - (p @ atoms) ** 2).argmax()])
    # Beyond the box the outermost atom's share only grows, and Var <= (1 - share) D^2.
    rest = lambda end, atom: up(4 * (1 - posterior_weights(law, [arb(end)], v)[atom]))
    end = abs(start) + 1.0
    while max(rest(-end, 0), rest(end, -1)) > down(value(arb(start))):
        end *= 2
    return supremum([Piece(value, [(-end, end)], [(start,)], slope)], tolerance)


def _floats(law):
    return [(float(arb(a)), float(arb(w))) for (a,), w in zip(*law, strict=True)]


@experiment.measure(
    grid={"weight": [0.5, 0.6, 0.8, 0.95, 0.999]},
    paper={"weight": [0.5, 0.51, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999]},
)
def folds(weight):
    """Modes of two points at distance 2 just below and just above candidate thresholds."""
    law = FiniteLaw.on_line([-1, 1], [arb(1 - weight), arb(weight)])
    prior = 4 * weight * (1 - weight)
    candidates = {"fold": examples.two_point_fold(weight, 2.0), "D^2/4": 1.0, "prior": prior}
    count = [[modes_on_line(law, v * (1 + s)) for s in SIDES] for v in candidates.values()]
    return xr.Dataset(
        {
            "modes": (("candidate", "side"), count),
            "variance": ("candidate", [*candidates.values()]),
        },
        {"candidate": [*candidates], "side": list(SIDES)},
    )


@experiment.measure()
def triangle():
    """Modes of an equilateral triangle of circumradius 1, at growing variances."""
    level = [0.1, 0.3, 0.45, 0.49, 0.51, 0.545, 0.546, 0.547, 0.56, 0.7, 0.8]
    return xr.Dataset(
        {"modes": ("variance", [modes_in_plane(TRIANGLE, v) for v in level])}, {"variance": level}
    )


@experiment.measure()
def collinear():
    """sup_y Var(X | y)/v - 1 for -1, 0, 1 of equal weights, about candidate thresholds."""
    exact, law = examples.three_point_threshold(), LINES["three points"]
    candidates = {"closed form": exact, "D^2/4": 1.0, "prior": 2 / 3}
    levels = [[v * (1 + s) for s in SIDES] for v in candidates.values()]
    ends = [[np.array(_largest_variance(law, v, 1e-7)) / v - 1 for v in row] for row in levels]
    return xr.Dataset(
        {
            "excess": (("candidate", "side", "end"), ends),
            "threshold": ("candidate", [*candidates.values()]),
        },
        {"candidate": [*candidates], "side": list(SIDES), "end": ["low", "high"]},
    )


@experiment.measure(grid={"law": [*LINES, *RHOMBI]})
def chains(law):
    """Suprema over y of the largest eigenvalue and the trace of Cov(X | y_1..y_m), certified."""
    if law in LINES:
        ends = [[_largest_variance(LINES[law], START[law] / m) for m in CHAIN]] * 2
    else:
        ends = np.stack([_largest_in_rhombus(*RHOMBI[law], START[law] / m) for m in CHAIN], 1)
    dims, ends = ("statistic", "measurements"), np.array(ends)
    return xr.Dataset(
        {
            "low": (dims, ends[..., 0], {"long_name": "sup over y, at least"}),
            "high": (dims, ends[..., 1], {"long_name": "sup over y, at most"}),
            "variance": START[law],
            "dim": 1 if law in LINES else 2,
        },
        {"statistic": ["eigenvalue", "trace"], "measurements": list(CHAIN)},
    )


def _largest_in_rhombus(a, p, variance):
    """Floats below and above the suprema over the plane of the eigenvalue and of the trace."""
    statistics = examples.rhombus_statistics(a, p, arb(float(variance)))
    starts = [(r / 16, c / 16) for r in range(17) for c in range(17)]
    box = [(0, 1), (0, 1)]
    return [
        supremum([Piece(function, box, starts) for function in functions], 1e-3)
        for functions in statistics.values()
    ]


# --- measurements: images ------------------------------------------------------------------------


@experiment.measure(
    grid={"images": ["digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"images": ["digits"]},
    default={"split": "test"},
    paper={"split": "train"},
)
def images(images, split="test"):
    """The threshold of a whole image set, in units where white is 1, from its farthest pair.

    Below: the ball of sigma^2 e' Hessian e along the pair, at sigma^2 = (1 - 1e-6) D^2/4 and at a
    point far along a direction that exposes the pair as an edge. Above: Popoviciu's D^2/4.
    """
    data = datasets.digits() if images == "digits" else datasets.fashion_mnist(split)
    points, white = data.images.flatten(1), data.maximum
    pair = farthest_pair(points)
    edge = exposed_edge(points, pair)
    if edge is None:
        raise ArithmeticError(f"no direction found that exposes the farthest pair of {images}")
    quarter, short = fmpq(pair.squared_distance, 4), fmpq(1, 10**6)
    curved, y = edge_curvature(points, pair, edge, quarter * (1 - short))
    scaled, there = points.to(torch.float64) / white, y[None] / white
    sigma, ideal = math.sqrt(pair.squared_distance) / 2 / white, IdealDenoiser(scaled)
    middle = (scaled[pair.first] + scaled[pair.second]) / 2
    centred = scaled - scaled.mean(0)
    spectrum = torch.linalg.eigvalsh(centred.T @ centred / len(centred))
    found = {
        "diameter": 2 * sigma,
        "quarter": sigma**2,
        "short": float(arb(short)),
        "curvature_low": down(curved),
        "curvature_high": up(curved),
        "witness_distance": float((there[0] - middle).norm()),
        "trace": float(ideal.covariance_trace(there, sigma)),
        "effective_points": float(ideal.posterior(there, sigma).effective_sample_size),
        "mean_error": float((ideal(there, sigma)[0] - middle).norm()),
        "radius": float(centred.norm(dim=1).max()),
        "largest_variance": float(spectrum[-1]),
        "points": len(points),
        "dim": points.shape[1],
    }
    return xr.Dataset(found)


@experiment.measure(
    grid={"images": ["digits"], "variance": [0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 8.0]},
    data=("digits",),
    quick={"variance": [0.25, 1.0, 2.0, 8.0], "queries": 50, "steps": 25},
    default={"queries": 300, "steps": 120},
    paper={"queries": 10_000, "steps": 400},
)
def nearby(images, variance, queries, steps, generator):
    """Largest eigenvalue of Cov(X | y) at noised images, and climbing from between the pair."""
    data, sigma, largest = datasets.digits(), math.sqrt(variance), 0.0
    points = data.images.flatten(1).to(torch.float64) / data.maximum
    pair = farthest_pair(data.images.flatten(1))
    middle = (points[pair.first] + points[pair.second])[None] / 2
    for rows in torch.randint(len(points), (queries,), generator=generator).split(50):
        z = torch.randn(len(rows), points.shape[1], generator=generator, dtype=torch.float64)
        values = largest_posterior_eigenvalue(points, points[rows] + sigma * z, sigma)
        largest = max(largest, float(values.max()))
    climbed = climb_posterior_eigenvalue(points, middle, sigma, steps)
    return xr.Dataset(
        {
            "noised": ((), largest, {"long_name": "largest at noised images"}),
            "climbed": ((), climbed, {"long_name": "largest found by climbing"}),
        }
    )


# --- measurements: mixtures ----------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [1, 2, 8, 32], "weight": [0.5, 0.9, 0.999]},
    quick={"dim": [8]},
    paper={"dim": [1, 2, 8, 32, 128], "weight": [0.5, 0.7, 0.9, 0.99, 0.999]},
)
def thresholds(dim, weight, rng):
    """sigma^2 at which two components N(mu_i, tau^2 I) become log-concave, by their Hessian.

    Bisection on the largest curvature along the line through the means. The last pair is the
    document's own: difference of the means 6 (1, ..., 1), tau = 1.
    """
    distances, taus = [1.0, 3.0, 6.0, 12.0, 6 * math.sqrt(dim)], [0.2, 0.2, 1.0, 1.0, 1.0]
    u, found = rng.standard_normal(dim), []
    u /= np.linalg.norm(u)
    for distance, tau in zip(distances, taus, strict=True):
        means = np.outer([-distance / 2, distance / 2], u)
        mixture = GaussianMixture.isotropic([1 - weight, weight], means, tau)
        excess = partial(_largest_on_line, mixture, u, distance, tau, weight)
        v = optimize.brentq(excess, 1.01 * tau**2, 5 * distance**2 / 4, rtol=1e-13, xtol=1e-13)
        found.append(v - tau**2)
    return xr.Dataset(
        {
            "threshold": ("pair", found, {"long_name": "smallest log-concave sigma^2"}),
            "distance": ("pair", distances),
            "tau": ("pair", taus),
        },
        {"pair": ["1", "3", "6", "12", "document"]},
    )


def _largest_on_line(mixture, u, distance, tau, weight, v):
    """v times the largest second derivative of log q along the line through the means."""
    sigma, along = math.sqrt(v - tau**2), torch.as_tensor(u)
    # The posterior is spread over both only where the log-odds are of order one.
    reach = distance + v * (abs(math.log(weight / (1 - weight))) + 10) / distance
    grid = torch.linspace(-reach, reach, 401, dtype=torch.float64)
    for _ in range(5):
        curved = v * (mixture.hessian_vector_product(grid[:, None] * along, along, sigma) @ along)
        best, step = int(curved.argmax()), float(grid[1] - grid[0])
        top = float(curved[best])
        grid = float(grid[best]) + torch.linspace(-2 * step, 2 * step, 41, dtype=torch.float64)
    return top


@experiment.measure(
    grid={"dim": [1, 2, 8, 32], "kind": ["random", "simplex"]},
    quick={"dim": [2, 8], "steps": 40, "sets": 2},
    default={"steps": 150, "sets": 3},
    paper={"dim": [1, 2, 8, 32, 128], "steps": 500, "sets": 20},
)
def spreads(dim, kind, steps, sets, rng):
    """Largest eigenvalue of Cov(Z | y) found for means of random weights, against D^2/4."""
    ratios, largest, bound, radius = [0.1, 0.5, 1.0, 2.0], [], [], []
    for _ in range(sets):
        simplex = np.eye(dim + 1) - 1 / (dim + 1)
        means = simplex if kind == "simplex" else rng.standard_normal((6, dim))
        weights = rng.dirichlet(np.ones(len(means)))
        mixture = GaussianMixture.isotropic(weights, means, 0.0)
        quarter = log_concave_variance(torch.as_tensor(means))
        search = partial(_search, mixture, means, weights, steps=steps, rng=rng)
        largest.append([search(ratio * quarter) for ratio in ratios])
        bound.append(quarter)
        radius.append(np.linalg.norm(means - means.mean(0), axis=1).max() ** 2)
    return xr.Dataset(
        {
            "largest": (("set", "ratio"), largest, {"long_name": "largest eigenvalue found"}),
            "quarter": ("set", bound, {"long_name": "D^2/4"}),
            "squared_radius": ("set", radius, {"long_name": "squared radius about the centre"}),
        },
        {"ratio": ratios},
    )


def _search(mixture, means, weights, variance, steps, rng):
    """Largest eigenvalue found: climbing from between far pairs, and from far out beyond them."""
    sigma, starts, centre = math.sqrt(variance), [], means.mean(0)
    distance = np.triu(np.linalg.norm(means[:, None] - means, axis=-1))
    far = np.unravel_index(np.argsort(-distance, None)[:8], distance.shape)
    for i, j in zip(*far, strict=True):
        if i == j:
            continue
        middle, edge = (means[i] + means[j]) / 2, means[i] - means[j]
        out = middle - centre - edge * ((middle - centre) @ edge) / (edge @ edge)
        tie = variance * math.log(weights[j] / weights[i]) / (edge @ edge) * edge
        # Where the pair is equally likely; 60 units of log weight beyond, the others are gone.
        beyond = 60 * variance / (out @ out) if out @ out > 1e-12 else 0.0
        starts += [middle + tie, middle + tie + beyond * out]

    def eigenvalue(y):
        return torch.linalg.eigvalsh(mixture.posterior_covariance(y, sigma))[:, -1].numpy()

    options = {"steps": steps, "scale": 0.3 * sigma}
    return checks.adversarial_search(eigenvalue, np.array(starts), rng, **options)[1].max()


@experiment.measure(
    grid={"dim": [1, 2, 8], "measurements": [1, 2, 5, 20], "kind": ["pair", "ball"]},
    quick={"dim": [8], "measurements": [1, 3], "steps": 20},
    default={"steps": 50},
    paper={"dim": [1, 2, 8, 32], "steps": 500},
)
def precise(dim, measurements, kind, steps, rng):
    """Largest eigenvalue found of the conditional Hessian, for means in a ball of radius R."""
    cases = {"radius": [3, 3, 1, 0.5], "tau": [1, 1, 0.1, 0.3], "sigma2": [8, 16, 1, 0.36]}
    # Only the mean of the measurements matters; their spread about it is arbitrary.
    offsets = torch.linspace(-1, 1, measurements, dtype=torch.float64) * (measurements > 1)
    largest, quarters = [], []
    for radius, tau, sigma2 in zip(*cases.values(), strict=True):
        directions = rng.standard_normal((6, dim))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        means = radius * rng.uniform(0.3, 1, (6, 1)) * directions
        if kind == "pair":
            means = radius * np.stack([directions[0], -directions[0]])
        mixture, sigma = GaussianMixture.isotropic(None, means, tau), math.sqrt(sigma2)

        def eigenvalue(mean, mixture=mixture, sigma=sigma):
            ys = torch.as_tensor(mean)[:, None] + offsets[:, None]
            return torch.linalg.eigvalsh(conditional_hessian(mixture, ys, sigma))[:, -1].numpy()

        starts = np.concatenate([np.zeros((1, dim)), means])
        options = {"steps": steps, "scale": 0.3 * sigma}
        largest.append(checks.adversarial_search(eigenvalue, starts, rng, **options)[1].max())
        quarters.append(log_concave_variance(torch.as_tensor(means)))
    return xr.Dataset(
        {
            "largest": ("case", largest, {"long_name": "largest eigenvalue found"}),
            "quarter": ("case", quarters, {"long_name": "D^2/4 of the means"}),
            **{name: ("case", np.array(values, dtype=float)) for name, values in cases.items()},
        }
    )


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
        weights, means, covariances = np.array([0.1, 0.9]), np.array([[1.0], [-1.0]]), None
        mixture = GaussianMixture.isotropic(weights, means, 0.0)
    else:
        weights, means, covariances, mixture = _mixture(law, rng)
    sigma, d, found = 1.0, means.shape[1], []
    within = np.zeros(len(means)) if covariances is None else covariances[:, 0, 0]
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


# --- checks: Hessians ----------------------------------------------------------------------------

NONDEGENERATE = "posterior entropy above 0.1: where one component has it all, every formula agrees"


def hessian_identity(hessians, one=False, power=2, factor=1.0, per_measurement=0, given="variance"):
    """-(1 - factor cov / sigma^power) / s, s = sigma^2 / m^per_measurement, against the series.

    Two errors at every point: of that formula with the library's posterior covariance, and of the
    library's Hessian itself. ``one`` keeps a single measurement only.
    """
    data = hessians.sel(measurements=hessians.measurements == 1) if one else hessians
    s = data.sigma**2 / data.measurements**per_measurement
    formula = -(1 - factor * data[given] / data.sigma**power) / s
    scale = 1 / data.sigma**2 + data.variance / data.sigma**4
    errors = [np.abs(side - data.series) / scale for side in (formula, data.hessian)]
    return checks.identity(
        xr.concat(errors, xr.DataArray(["formula", "library"], dims="side")).max("query"),
        rounding=1e-12,
        margin=1e-9,
        reason="float64 leaves 1e-14; the least slip sought is a tenth of the covariance",
        where=(data.entropy > 0.1).all("query"),
        note=NONDEGENERATE,
    )


def hessian_symbolic(power=2, sign=1):
    """Second derivatives of log q for three points in the plane, of any weights.

    E_i = w_i exp(-|y - x_i|^2 / 2 sigma^2) stands for itself: positive, arbitrary (the weights
    are), with gradient -(y - x_i) E_i / sigma^2.
    """
    sigma, y, atoms = sp.symbols("sigma", positive=True), sp.symbols("y1 y2", real=True), _ATOMS
    slope = lambda i, c: -(y[c] - atoms[i][c]) / sigma**2
    total, derive, mean = _exponential_sum(y, slope)
    difference = []
    for c, e in ((0, 0), (0, 1)):
        first, second = (mean([x[k] for x in atoms]) for k in (c, e))
        covariance = mean([x[c] * x[e] for x in atoms]) - first * second
        claimed = -(int(c == e) - sign * covariance / sigma**power) / sigma**2
        difference.append(derive(derive(sp.log(total), c), e) - claimed)
    return checks.proof(difference, _witness(sigma, y), tries=FRACTIONS)


def conditional_symbolic(power=0, share=2):
    """The Hessian in y_3 of the log density of three measurements, for three points on the line.

    Against -(1 - cov / sigma^2) m^power / sigma^2, and against the density of the mean,
    -(1 - 1/m) / sigma^2 + (log q_(sigma/sqrt(m)))''(mean) / m^share; also that the measurements
    enter through their mean alone.
    """
    m, sigma, y = 3, sp.symbols("sigma", positive=True), sp.symbols("y1:4", real=True)
    atoms = [x for x, _ in _ATOMS]
    total, derive, mean = _exponential_sum(y, lambda i, c: -(y[c] - atoms[i]) / sigma**2)
    variance = mean([a**2 for a in atoms]) - mean(atoms) ** 2
    found = derive(derive(sp.log(total), 2), 2)
    of_mean = (variance / (sigma**2 / m) - 1) / (sigma**2 / m)
    average, a = sum(y) / m, atoms[0]
    shift = sum((c - a) ** 2 for c in y) - m * (average - a) ** 2
    difference = [
        found + (1 - variance / sigma**2) * m**power / sigma**2,
        found + (1 - sp.Rational(1, m)) / sigma**2 - of_mean / m**share,
        sp.diff(shift, a),
    ]
    return checks.proof(difference, _witness(sigma, y), tries=FRACTIONS)


_ATOMS = [sp.symbols(f"a{i} b{i}", real=True) for i in range(3)]
_TERMS = sp.symbols("E0:3", positive=True)
FRACTIONS = (
    ("numerator over a common denominator", lambda e: sp.expand(sp.numer(sp.together(e)))),
    ("cancel", sp.cancel),
)


def _exponential_sum(y, slope):
    """sum_i E_i, the derivative in y_c of what is made of E_i and y, and means under E_i / sum."""
    total = sum(_TERMS)

    def derive(f, c):
        return sp.diff(f, y[c]) + sum(sp.diff(f, e) * e * slope(i, c) for i, e in enumerate(_TERMS))

    def mean(values):
        return sum(e * v for e, v in zip(_TERMS, values, strict=True)) / total

    return total, derive, mean


def _witness(sigma, y):
    """Exact values for all symbols of a check on three atoms."""
    symbols = [sigma, *y, *_TERMS, *(c for atom in _ATOMS for c in atom)]
    thirds = [*[5, 1, -2, 4][: 1 + len(y)], 3, 6, 2, 0, 3, 3, 0, -3, 1]
    return {s: sp.Rational(n, 3) for s, n in zip(symbols, thirds, strict=True)}


# --- checks: modes -------------------------------------------------------------------------------


def one_mode(modes, bounded_only, at_least=1.0):
    """One mode: of bounded laws at sigma^2 >= at_least D^2/4; of an unbounded law, ever."""
    return _enclosed(
        modes.low,
        modes.high.where(modes.high >= 0, np.inf),
        (0.5, 1.5),
        "a count of modes; one is claimed",
        where=_blurred(modes, bounded_only, at_least),
    )


def _blurred(data, bounded_only, at_least):
    """Points of a claim about enough blurring: bounded laws, and unbounded ones at any variance."""
    return data.bounded & (data.ratio >= at_least) | ~data.bounded & (not bounded_only)


def valley_symbolic(log_weight=lambda k: k * sp.log(2), gap=lambda k: 2**k):
    """Atoms x_k, x_(k+1) = x_k + gap(k) of weight exp(-log_weight): a valley between, for v <= v_k.

    The density half-way is at most exp(-(gap/2)^2/2v), at the atoms at least their weight. With
    v_k = (gap/2)^2 / (2 (k + 2) log 2) the first is lower; and v_(k+1) >= 2 v_k, so that every
    variance is below some v_k and all later ones.
    """
    k = sp.symbols("k", integer=True, positive=True)
    largest = sp.Rational(1, 4) * gap(k) ** 2 / (2 * (k + 2) * sp.log(2))
    deeper = gap(k) ** 2 / (8 * largest) - log_weight(k + 1)
    growth = sp.simplify(largest.subs(k, k + 1) / largest) - 2
    return checks.proof_nonnegative([sp.expand(deeper), growth], {k: 3})


def two_point_fold(folds, candidate):
    """Two modes just below the candidate threshold, one just above, for every weight."""
    expected = xr.DataArray([2, 1], {"side": list(SIDES)}, "side")
    count = folds.modes.sel(candidate=candidate) - expected
    reason = "counts of modes; the sides are a relative 1e-4 from the threshold"
    return _enclosed(count, count, (-0.5, 0.5), reason)


def modes_decrease(modes, triangle, plane=False):
    """The number of modes never grows with the variance: on the line, or of the triangle."""
    line = modes.low.sel(law=modes.bounded).diff("level")
    growth = triangle.modes.diff("variance") if plane else line
    return _enclosed(growth, growth, (-math.inf, 0.5), "counts of modes; none may be added")


def triangle_modes(triangle, middle=4, fold=0.5463):
    """Three modes below v = 1/2, ``middle`` up to the fold, one above; circumradius 1."""
    found = triangle.modes
    claimed = xr.where(found.variance < 0.5, 3, xr.where(found.variance < fold, middle, 1))
    return _enclosed(found - claimed, found - claimed, (-0.5, 0.5), "counts of modes")


# --- checks: log-concavity -----------------------------------------------------------------------


def log_concave(curvatures, bounded_only, at_least=1.0):
    """sup_y sigma^2 (log q)'' <= 0: bounded laws, sigma^2 >= at_least D^2/4; unbounded, ever."""
    return _enclosed(
        curvatures.low,
        curvatures.high.where(curvatures.bounded, np.inf),
        (-math.inf, 1e-5),
        "suprema are enclosed to 1e-5 or better",
        where=_blurred(curvatures, bounded_only, at_least),
    )


def spread_between_powers(share=0.95):
    """sup_y Var(X | y) >= share 4^k / 4 for every k and every sigma^2 >= 1: atoms 2^j, exp(-4^j/2).

    One ball for decay = 1/2 + 1/(2 sigma^2) in [1/2, 1] covers every sigma; k = 2, ..., 20.
    """
    decay = arb(0.75, 0.25)
    balls = [examples.pair_share(decay, level) - share for level in range(2, 21)]
    return checks.certificate(balls, (0.0, math.inf), "a lower bound on the variance of the pair")


def sufficient_symbolic(rule):
    """-(log q)'' v >= 0 for two components at distance D, at sigma^2 = rule(D, tau^2, pi) + s.

    v = sigma^2 + tau^2, s >= 0. With E_1, E_2 the two terms of the density, which take all positive
    values whatever the weights pi, 1 - pi, the expression is
    (v - D^2/4)/v + D^2/(4v) ((E_1 - E_2)/(E_1 + E_2))^2.
    """
    symbols, expression, v = _two_components(rule)
    distance, first, second = symbols[0], *symbols[2:4]
    square = ((first - second) / (first + second)) ** 2
    form = sp.expand(v - distance**2 / 4) / v + distance**2 / (4 * v) * square
    return checks.proof_nonnegative(expression, _pairs_witness(symbols), equals=form)


def sharp_symbolic(rule):
    """(log q)'' = 0 where both components are equally likely, at sigma^2 = rule exactly (s = 0)."""
    symbols, expression, _ = _two_components(rule)
    _, _, first, second, _, _, extra = symbols
    at_tie = expression.subs({second: first, extra: 0})
    return checks.proof(at_tie, _pairs_witness(symbols), tries=FRACTIONS)


def _two_components(rule):
    """Symbols, -v (log q)'' along the line through the means, and v."""
    distance, tau, first, second, p, r = sp.symbols("D tau E1 E2 p r", positive=True)
    extra, y = sp.symbols("s", nonnegative=True), sp.symbols("y", real=True)
    v = sp.symbols("v", positive=True)

    def derive(f):
        pulls = ((first, y + distance / 2), (second, y - distance / 2))
        return sp.diff(f, y) - sum(sp.diff(f, e) * e * pull / v for e, pull in pulls)

    expression = sp.simplify(-v * derive(derive(sp.log(first + second))))
    value = sp.expand(rule(distance, tau**2, p / (p + r))) + tau**2 + extra
    symbols = (distance, tau, first, second, p, r, extra)
    return symbols, expression.subs(v, sp.expand(value)), sp.expand(value)


def _pairs_witness(symbols):
    """The document's mixture at d = 1, D = 6 and tau = 1, with weights 9/10 and 1/10."""
    return dict(zip(symbols, map(sp.Integer, (6, 1, 1, 1, 9, 1, 0)), strict=True))


def popoviciu_symbolic(share):
    """Var Z <= share D^2 for Z in an interval of length D: three points, any weights.

    With theta = (Z - a)/D: 1/4 - Var theta = (E theta - 1/2)^2 + E theta (1 - theta).
    """
    weights, low, high = (sp.symbols(f"{n}0:3", positive=True) for n in "wgh")
    theta = [g / (g + h) for g, h in zip(low, high, strict=True)]
    mean = lambda values: sum(w * x for w, x in zip(weights, values, strict=True)) / sum(weights)
    first = mean(theta)
    variance = mean([(t - first) ** 2 for t in theta])
    inside = mean([g * h / (g + h) ** 2 for g, h in zip(low, high, strict=True)])
    form = (first - sp.Rational(1, 2)) ** 2 + inside + share - sp.Rational(1, 4)
    # Two values near the ends, each of half the weight.
    values = dict(zip("wgh", ((1, 2, 1), (1, 1000, 1), (1000, 1, 1000)), strict=True))
    witness = dict(zip((*weights, *low, *high), sum(values.values(), ()), strict=True))
    return checks.proof_nonnegative(share - variance, witness, equals=form)


def measured_threshold(thresholds, rule):
    """The sigma^2 where the library's Hessian turns negative, against rule(D, tau, weight)."""
    claimed = rule(thresholds.distance, thresholds.tau, thresholds.weight)
    return checks.identity(
        np.abs(thresholds.threshold - claimed) / (thresholds.distance**2 / 4),
        rounding=1e-10,
        margin=1e-7,
        reason="bisection ends at 1e-12 of D^2/4",
    )


def spread_bounded(spreads, share=1.0):
    """Largest eigenvalue of Cov(Z | y) <= share D^2/4, wherever the search has looked."""
    ratio = spreads.largest / spreads.quarter
    return checks.bound(
        ratio.max("set") - share,
        rounding=1e-10,
        margin=1e-7,
        reason="the bound is attained at infinity, up to exp(-60); slips sought are 2 %",
        tightness=ratio,
    )


def simplex_threshold(spreads, claimed):
    """sup_y of the largest eigenvalue, for the means of a simplex with any weights, is claimed."""
    data = spreads.sel(kind="simplex")
    return checks.identity(
        (np.abs(data.largest / data[claimed] - 1)).max("set"),
        rounding=1e-10,
        margin=1e-7,
        reason="a tie far beyond the pair's face is reached up to exp(-60)",
    )


def collinear_fold(collinear, candidate):
    """Not log-concave just below the candidate threshold, log-concave just above."""
    excess = collinear.excess.sel(candidate=candidate)
    sign = xr.DataArray([-1.0, 1.0], {"side": list(SIDES)}, "side")
    ends = (sign * excess).transpose("end", "side")
    reason = "the sides are a relative 1e-4 from the threshold, suprema enclosed to 1e-6"
    return _enclosed(ends.min("end"), ends.max("end"), (-math.inf, 0.0), reason)


def image_threshold(images, rule, relation="=="):
    """The threshold of the image set, between (1 - 1e-6) D^2/4 and D^2/4, over rule(images).

    With relation ``<=``: the rule is sufficient.
    """
    claimed = rule(images)
    certified = (images.curvature_low > 0) * (1 - images.short) * images.quarter
    return _enclosed(
        certified / claimed * (1 - 1e-12),
        images.quarter / claimed * (1 + 1e-12),
        (-math.inf if relation == "<=" else 1 - 2e-6, 1 + 2e-6),
        "violated at a witness just below D^2/4, Popoviciu's bound at D^2/4; 1e-12 for float64",
    )


def image_witness(images, points=2, share=1.0):
    """Far beyond the pair's edge the library's ideal denoiser sees two points: trace D^2/4."""
    errors = {
        "trace": np.abs(images.trace / (share * images.quarter) - 1),
        "effective points": np.abs(images.effective_points / points - 1),
        "mean": images.mean_error / images.diameter,
    }
    return checks.identity(
        xr.concat(errors.values(), xr.DataArray([*errors], dims="quantity")),
        rounding=1e-9,
        margin=1e-7,
        reason="others are 60 below in log weight; the witness, in float64, ties to about 1e-11",
    )


# --- checks: chains of measurements --------------------------------------------------------------


def precise_symbolic(spread=1):
    """Blurred means a_i (tau): Hessian of three measurements by Cov(Z | y); equality for +-R.

    Cov(X | y) = tau^2 sigma^2 / N + (sigma^2 / N)^2 Cov(Z | y), N = m tau^2 + sigma^2; two equally
    likely means at +-R attain zeta(m) with spread R^2.
    """
    m, sigma, tau = 3, *sp.symbols("sigma tau", positive=True)
    y, radius, atoms = (
        sp.symbols("y1:4", real=True),
        sp.symbols("R", positive=True),
        [x for x, _ in _ATOMS],
    )
    precision = (sigma**2 * sp.eye(m) + tau**2 * sp.ones(m, m)).inv()
    slope = lambda i, c: -sum(precision[c, k] * (y[k] - atoms[i]) for k in range(m))
    total, derive, mean = _exponential_sum(y, slope)
    scale = m * tau**2 + sigma**2
    within = mean([a**2 for a in atoms]) - mean(atoms) ** 2
    covariance = tau**2 * sigma**2 / scale + (sigma**2 / scale) ** 2 * within
    found = derive(derive(sp.log(total), 2), 2)
    pair = {atoms[0]: radius, atoms[1]: -radius, atoms[2]: radius, _TERMS[1]: _TERMS[0] + _TERMS[2]}
    difference = [
        found + (1 - covariance / sigma**2) / sigma**2,
        found.subs(pair) - precise_bound(m, spread * radius**2, tau**2, sigma**2),
    ]
    witness = _witness(sigma, y) | {tau: sp.Rational(1, 2), radius: 2}
    return checks.proof(difference, witness, tries=FRACTIONS)


def precise_bound(m, spread, variance, sigma2, power=2):
    """zeta(m) = [variance/N - 1 + sigma2 spread/N^power] / sigma2, N = m variance + sigma2."""
    total = m * variance + sigma2
    return (variance / total - 1 + sigma2 * spread / total**power) / sigma2


def precise_bounded(precise, factor=1.0, power=2, spread="radius"):
    """Largest eigenvalue found of the conditional Hessian <= zeta(m)."""
    squared = precise.radius**2 if spread == "radius" else precise.quarter
    arguments = precise.measurements, factor * squared, precise.tau**2, precise.sigma2
    return checks.bound(
        (precise.largest - precise_bound(*arguments, power)) * precise.sigma2,
        rounding=1e-12,
        margin=1e-9,
        reason="attained by two means at +-R; in units of 1/sigma^2 rounding is 1e-15",
    )


def precise_limit(value):
    """lim m (1 + sigma^2 zeta(m)) for m -> infinity, for every R, tau and sigma > 0."""
    m, radius, tau, sigma = sp.symbols("m R tau sigma", positive=True)
    gain = 1 + sigma**2 * precise_bound(m, radius**2, tau**2, sigma**2)
    found = sp.limit(sp.cancel(m * gain), m, sp.oo)
    return checks.proof(found - value, {radius: 3, tau: 1, sigma: 2, m: 1}, tries=FRACTIONS)


def stays_log_concave(chains, dim):
    """If q_sigma is log-concave, sup_y Cov(X | y_1..y_m) <= sigma^2 for every m."""
    data = chains.sel(law=chains.dim == dim, statistic="eigenvalue")
    first = data.high.sel(measurements=1) <= data.variance
    return _enclosed(
        data.low / data.variance - 1,
        data.high / data.variance - 1,
        (-math.inf, 0.0),
        "suprema are enclosed to 1e-6 on the line and 1e-3 in the plane",
        where=first.broadcast_like(data.low),
    )


def spread_decreases(chains, statistic):
    """sup_y of a statistic of Cov(X | y_1..y_m) does not grow with m."""
    data = chains.sel(statistic=statistic).drop_vars("measurements")
    later, earlier = (data.isel(measurements=slice(*ends)) for ends in ((1, None), (None, -1)))
    scale = data.variance
    return _enclosed(
        (later.low - earlier.high) / scale,
        (later.high - earlier.low) / scale,
        (-math.inf, 5e-3),
        "suprema are enclosed to 1e-3, and equal for two points; increases sought are 2e-2",
    )


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


def _enclosed(low, high, region, reason, where=None):
    """Evidence from ends that a measurement has certified."""
    low, high, excluded = select(where, low, high)
    return Evidence(
        "certificate",
        estimate=low,
        lower=low,
        upper=high,
        region=region,
        reason=reason,
        excluded=excluded,
    )


# --- claims: the two Hessians --------------------------------------------------------------------

SLIDE = Source("004", "slide 'More and more log-concave'")
PAPER = Source(
    "004", "slide 'More and more log-concave', after Saremi, Park & Bach 2024, theorem 1"
)
claim = partial(experiment.claim, source=SLIDE)

SINGLE = r"\nabla^2\log q(y) = -\tfrac1{\sigma^2}\big[I - \tfrac1{\sigma^2}\mathrm{cov}(X|Y=y)\big]"
CONDITIONAL = (
    r"\nabla^2_{y_m}\log p(y_m|y_{1:m-1})"
    r" = -\tfrac1{\sigma^2}\big[I - \tfrac1{\sigma^2}\mathrm{cov}(X|y_{1:m})\big]"
)

claim(
    "hessian-single",
    SINGLE,
    entries="hessian-single",
    conditions="finite sets, mixtures (d = 1 to 64) and the digits; posterior not degenerate",
    check=hessian_identity,
    one=True,
    controls=[
        Control(r"covariance not divided by \sigma^2", one=True, power=0),
        Control(r"covariance divided by \sigma", one=True, power=1),
        Control(r"0.9\,\mathrm{cov}", one=True, factor=0.9),
        Control(r"I + \mathrm{cov}/\sigma^2", one=True, factor=-1.0),
    ],
)
claim(
    "hessian-single-symbolic",
    SINGLE,
    entries="hessian-single",
    conditions="three points of any weights in the plane, every sigma and y",
    check=hessian_symbolic,
    controls=[
        Control(r"covariance not divided by \sigma^2", power=0),
        Control(r"covariance divided by \sigma", power=1),
        Control(r"I + \mathrm{cov}/\sigma^2", sign=-1),
    ],
)
claim(
    "hessian-conditional",
    CONDITIONAL,
    entries="hessian-conditional",
    conditions="as for one measurement; m up to 5, or 20 in the paper preset",
    check=hessian_identity,
    controls=[
        Control(r"\sigma^2/m \text{ for } \sigma^2 \text{ in front}", per_measurement=1),
        Control(r"\mathrm{cov}(X|y_m)", given="variance_last"),
        Control(r"0.9\,\mathrm{cov}", factor=0.9),
    ],
)
claim(
    "hessian-conditional-symbolic",
    CONDITIONAL + r" = -\tfrac1{\sigma^2}(1-\tfrac1m)I"
    r" + \tfrac1{m^2}\nabla^2\log q_{\sigma/\sqrt m}(\bar y)",
    entries="hessian-conditional",
    conditions="three points of any weights on the line, three measurements, every sigma",
    form="derived",
    check=conditional_symbolic,
    controls=[
        Control(r"\sigma^2/m \text{ for } \sigma^2 \text{ in front}", power=1),
        Control(r"\tfrac1m\nabla^2\log q_{\sigma/\sqrt m}", share=1),
    ],
)

# --- claims: unimodality -------------------------------------------------------------------------

unimodality = partial(claim, entries="blurring-gives-unimodality", kind="limit")
one = unimodality(
    "blurring-gives-unimodality-corrected",
    r"\mathrm{diam}\,\mathrm{supp} X \le D,\ \sigma^2 \ge D^2/4 \Rightarrow q_\sigma"
    r"\text{ has one mode}",
    conditions="laws on the line with two to five atoms; modes counted by root isolation in balls",
    form="corrected",
    check=one_mode,
    bounded_only=True,
    controls=[
        Control(r"\sigma^2 \ge 0.98\, D^2/4", bounded_only=True, at_least=0.98),
        Control(r"\sigma^2 \ge D^2/8", bounded_only=True, at_least=0.5),
    ],
)
unimodality(
    "blurring-gives-unimodality-as-stated",
    r"\forall X\ \exists\sigma_0:\ q_\sigma \text{ has one mode for } \sigma \ge \sigma_0",
    conditions=r"witness: atoms 2^k of weight 2^{-k}, up to sigma^2 = 16^7 (and see -every-sigma)",
    check=one_mode,
    bounded_only=False,
    expected="refuted",
    twin=one,
)
unimodality(
    "blurring-gives-unimodality-every-sigma",
    r"X = 2^k \text{ with probability } 2^{-k}: q_\sigma \text{ has infinitely many modes}",
    conditions="every sigma: between 2^k and 2^(k+1) there is a valley for sigma^2 <= v_k -> oo",
    form="derived",
    check=valley_symbolic,
    controls=[
        Control(r"probability \propto e^{-4^k}", log_weight=lambda k: sp.Integer(4) ** k),
        Control("atoms at equal distances", gap=lambda k: sp.Integer(1)),
    ],
)
unimodality(
    "blurring-gives-unimodality-two-points",
    r"\text{one mode} \iff \big|\log\tfrac{1-w}w\big| \ge"
    r" 2\log(\delta - \sqrt{\delta^2-1}) + 2\delta\sqrt{\delta^2-1},\ \delta = D/(2\sqrt v)",
    conditions="weights from 1/2 to 0.999",
    form="derived",
    check=two_point_fold,
    candidate="fold",
    controls=[
        Control(r"one mode iff log-concave: v \ge D^2/4", candidate="D^2/4"),
        Control(r"v \ge \mathrm{Var} X", candidate="prior"),
    ],
)
decrease = unimodality(
    "blurring-gives-unimodality-modes-decrease-corrected",
    r"d = 1:\ \text{the number of modes of } q_\sigma \text{ never grows with } \sigma",
    conditions="laws on the line with two to five atoms (Silverman 1981)",
    form="corrected",
    check=modes_decrease,
    controls=[Control("in the plane: an equilateral triangle", plane=True)],
)
unimodality(
    "blurring-gives-unimodality-modes-decrease-reading",
    r"\text{the number of modes of } q_\sigma \text{ never grows with } \sigma",
    conditions="read as: blurring brings unimodality about by removing modes, in every dimension",
    form="reading",
    check=modes_decrease,
    plane=True,
    expected="refuted",
    twin=decrease,
)
unimodality(
    "blurring-gives-unimodality-triangle",
    r"\text{equilateral, circumradius } 1:\ 3 \text{ modes for } v < .5,\ 4 \text{ for }"
    r" .5 < v < .5463,\ 1 \text{ beyond (log-concave only from } .75)",
    conditions="at the variances of the grid; interval Newton in the plane",
    form="derived",
    check=triangle_modes,
    controls=[
        Control("never more modes than components", middle=3),
        Control(r"one mode iff log-concave: v \ge .75", fold=0.75),
    ],
)

# --- claims: log-concavity -----------------------------------------------------------------------

concavity = partial(claim, entries="blurring-gives-logconcavity", kind="limit")
concave = concavity(
    "blurring-gives-logconcavity-corrected",
    r"\mathrm{diam}\,\mathrm{supp} X \le D,\ \sigma^2 \ge D^2/4 \Rightarrow q_\sigma"
    r"\text{ is log-concave}",
    conditions="laws on the line with two to five atoms; suprema over all y by branch and bound",
    form="corrected",
    check=log_concave,
    bounded_only=True,
    controls=[
        Control(r"\sigma^2 \ge 0.98\, D^2/4", bounded_only=True, at_least=0.98),
        Control(r"\sigma^2 \ge D^2/8", bounded_only=True, at_least=0.5),
    ],
)
concavity(
    "blurring-gives-logconcavity-as-stated",
    r"\forall X\ \exists\sigma_0:\ q_\sigma \text{ is log-concave for } \sigma \ge \sigma_0",
    conditions=r"witnesses: the sub-Gaussian atoms 2^k of weight exp(-4^k/2), and Cauchy's law",
    check=log_concave,
    bounded_only=False,
    expected="refuted",
    twin=concave,
)
concavity(
    "blurring-gives-logconcavity-every-sigma",
    r"X = 2^k \text{ with probability} \propto e^{-4^k/2}:"
    r"\ \sup_y\mathrm{Var}(X|y) = \infty \text{ for every } \sigma \ge 1",
    conditions="Var(X|y) >= .95 4^k/4 at the tie of levels k and k+1, k = 2 to 20, all sigma >= 1",
    form="derived",
    check=spread_between_powers,
    controls=[Control(r"\ge 1.01 \cdot 4^k/4: more than the pair has", share=1.01)],
)

# --- claims: the threshold -----------------------------------------------------------------------

QUARTER = lambda d, tau2, w: d**2 / 4 - tau2
LENGTH = lambda d, tau2, w: d
SQUARE = lambda d, tau2, w: d**2
LESS = lambda d, tau2, w: sp.Rational(49, 200) * d**2 - tau2
PRIOR = lambda d, tau2, w: w * (1 - w) * d**2 - tau2
RULES = {
    r"\sigma^2 + \tau^2 \ge 0.98\,D^2/4": LESS,
    r"\sigma^2 + \tau^2 \ge \pi(1-\pi)D^2, \text{ the variance of the means}": PRIOR,
}
DIAMETER, TWO, MANY = (
    "logconcave-threshold-diameter",
    "logconcave-threshold-two-components",
    "logconcave-threshold-k-components",
)
threshold = partial(claim, kind="inequality")

sufficient = threshold(
    f"{DIAMETER}-corrected",
    r"\sigma^2 + \tau^2 \ge D^2/4 \Rightarrow q_\sigma \text{ is log-concave}",
    entries=[DIAMETER, TWO],
    conditions="two components of covariance tau^2 I at distance D, any weights",
    form="corrected",
    check=sufficient_symbolic,
    rule=QUARTER,
    controls=[Control(statement, rule=rule) for statement, rule in RULES.items()],
)
threshold(
    f"{DIAMETER}-as-stated",
    r"\sigma^2 \ge D \Rightarrow q_\sigma \text{ is log-concave}",
    entries=DIAMETER,
    conditions="witness: the document's own mixture, D = 6 and tau = 1",
    check=sufficient_symbolic,
    rule=LENGTH,
    expected="refuted",
    twin=sufficient,
)
threshold(
    f"{DIAMETER}-reading-squared",
    r"\sigma^2 \ge D^2 \Rightarrow q_\sigma \text{ is log-concave}",
    entries=DIAMETER,
    conditions="two components of any weights; four times more than is needed",
    form="reading",
    check=sufficient_symbolic,
    rule=SQUARE,
    controls=[
        Control(r"\sigma^2 \ge D", rule=LENGTH),
        Control(r"\sigma^2 \ge D^2/8", rule=lambda d, tau2, w: d**2 / 8),
    ],
)
threshold(
    f"{TWO}-sharp",
    r"\sigma^2 + \tau^2 = D^2/4 \Rightarrow \sup_y \lambda_{\max}\nabla^2\log q_\sigma(y) = 0",
    entries=TWO,
    conditions="attained where both components are equally likely, whatever their weights",
    kind="identity",
    form="derived",
    check=sharp_symbolic,
    rule=QUARTER,
    controls=[
        *(Control(statement, rule=rule) for statement, rule in RULES.items()),
        Control(r"\sigma^2 + \tau^2 = D^2", rule=lambda d, tau2, w: d**2 - tau2),
    ],
)
threshold(
    f"{TWO}-measured",
    r"\sigma_*^2 = D^2/4 - \tau^2",
    entries=[TWO, DIAMETER],
    conditions="d = 1 to 32, D = 1 to 12 and 6 sqrt(d), weights 1/2, 9/10, 999/1000",
    kind="identity",
    form="derived",
    check=measured_threshold,
    rule=lambda d, tau, w: d**2 / 4 - tau**2,
    controls=[
        Control(r"D^2 - \tau^2", rule=lambda d, tau, w: d**2 - tau**2),
        Control(r"\pi(1-\pi)D^2 - \tau^2", rule=lambda d, tau, w: w * (1 - w) * d**2 - tau**2),
        Control(r"D^2/4", rule=lambda d, tau, w: d**2 / 4 + 0 * tau),
    ],
)
threshold(
    f"{MANY}-symbolic",
    r"\mathrm{Var}(\langle u, Z\rangle) \le D^2/4, \text{ so } \sigma^2 + \tau^2 \ge D^2/4"
    r"\text{ suffices}",
    entries=MANY,
    conditions="three points of any weights in an interval of length D (Popoviciu)",
    form="derived",
    check=popoviciu_symbolic,
    share=sp.Rational(1, 4),
    controls=[
        Control(r"\le 0.98\,D^2/4", share=sp.Rational(49, 200)),
        Control(r"\le D^2/12, \text{ as if uniform}", share=sp.Rational(1, 12)),
    ],
)
threshold(
    f"{MANY}-measured",
    r"\lambda_{\max}\mathrm{cov}(Z|y) \le D^2/4",
    entries=MANY,
    conditions="six random means, or a simplex, d = 1 to 32, random weights; searched over y",
    form="derived",
    check=spread_bounded,
    controls=[Control(r"\le 0.98\,D^2/4", share=0.98), Control(r"\le D^2/8", share=0.5)],
)
threshold(
    f"{MANY}-simplex",
    r"\sup_y\lambda_{\max}\mathrm{cov}(Z|y) = D^2/4 \text{ for a simplex with any weights}",
    entries=MANY,
    conditions="d = 1 to 32; each edge is exposed, and seen alone far out along its normal",
    kind="identity",
    form="derived",
    check=simplex_threshold,
    claimed="quarter",
    controls=[Control(r"R^2: \text{ the squared circumradius}", claimed="squared_radius")],
)
threshold(
    f"{MANY}-collinear",
    r"Z \in \{-1, 0, 1\} \text{ equally likely}:\ v_* = \tfrac1{4(1-4e^{-1/v_*})} = .28312",
    entries=MANY,
    conditions="the farthest pair hides a point between, so that D^2/4 = 1 is not sharp",
    kind="identity",
    form="derived",
    check=collinear_fold,
    candidate="closed form",
    controls=[
        Control(r"v_* = D^2/4", candidate="D^2/4"),
        Control(r"v_* = \mathrm{Var} Z", candidate="prior"),
    ],
)
exact = threshold(
    f"{DIAMETER}-images-corrected",
    r"\sigma^2 \ge D^2/4 \Rightarrow q_\sigma \text{ of the image set is log-concave}",
    entries=DIAMETER,
    conditions="finite sets, white is 1: digits, Fashion-MNIST (test; training in paper)",
    form="corrected",
    check=image_threshold,
    rule=lambda d: d.quarter,
    relation="<=",
    controls=[
        Control(r"\sigma^2 \ge 0.98\,D^2/4", rule=lambda d: 0.98 * d.quarter),
        Control(r"\sigma^2 \ge \lambda_{\max}\mathrm{cov}(X)", rule=lambda d: d.largest_variance),
    ],
)
threshold(
    f"{DIAMETER}-images-as-stated",
    r"\sigma^2 \ge D \Rightarrow q_\sigma \text{ of the image set is log-concave}",
    entries=DIAMETER,
    conditions="finite sets, white is 1: digits, Fashion-MNIST (test; training in paper)",
    check=image_threshold,
    rule=lambda d: d.diameter,
    relation="<=",
    expected="refuted",
    twin=exact,
)
threshold(
    f"{MANY}-images",
    r"\sigma_*^2 = D^2/4 \text{ exactly, for the image set}",
    entries=MANY,
    conditions="its farthest pair is an exposed edge of the hull, verified in integers",
    kind="identity",
    form="derived",
    check=image_threshold,
    rule=lambda d: d.quarter,
    controls=[
        Control(r"0.98\,D^2/4", rule=lambda d: 0.98 * d.quarter),
        Control(r"D", rule=lambda d: d.diameter),
        Control(r"R^2, \text{ of a ball about the mean}", rule=lambda d: d.radius**2),
        Control(r"\lambda_{\max}\mathrm{cov}(X)", rule=lambda d: d.largest_variance),
    ],
)
threshold(
    f"{MANY}-images-witness",
    r"\mathrm{tr}\,\mathrm{cov}(X|y_t) \to D^2/4 \text{ with two effective points, far along the"
    r" normal of the exposed edge}",
    entries=MANY,
    conditions="at sigma = D/2, by the streaming ideal denoiser",
    kind="limit",
    form="derived",
    check=image_witness,
    controls=[Control("three effective points", points=3), Control(r"0.98\,D^2/4", share=0.98)],
)

# --- claims: chains of measurements --------------------------------------------------------------

ZETA = (
    r"\zeta(m) = \tfrac1{\sigma^2}\Big(\tfrac{\tau^2}{m\tau^2+\sigma^2} - 1"
    r" + \tfrac{\sigma^2 S}{(m\tau^2+\sigma^2)^2}\Big)"
)
precise_claim = partial(
    claim, entries="gm-precise-statement", source=PAPER, kind="inequality", form="derived"
)
precise_claim(
    "gm-precise-statement",
    r"\nabla^2_{y_m}\log p(y_m|y_{1:m-1}) \preceq \zeta(m) I,\ " + ZETA + r",\ S = R^2",
    conditions="X = Z + N(0, tau^2 I), |Z| <= R; four (R, tau, sigma), d = 1 to 8, m = 1 to 20",
    check=precise_bounded,
    controls=[
        Control(r"S = R^2/2", factor=0.5),
        Control(r"(m\tau^2+\sigma^2)^1 \text{ below } S", power=1),
        Control(r"S = 0.98\,R^2", factor=0.98),
    ],
)
precise_claim(
    "gm-precise-statement-diameter",
    r"\nabla^2_{y_m}\log p(y_m|y_{1:m-1}) \preceq \zeta(m) I,\ " + ZETA + r",\ S = D^2/4 \le R^2",
    conditions="D the diameter of the means; as before",
    check=precise_bounded,
    spread="diameter",
    controls=[Control(r"S = 0.98\,D^2/4", factor=0.98, spread="diameter")],
)
precise_claim(
    "gm-precise-statement-symbolic",
    r"\mathrm{cov}(X|y_{1:m}) = \tfrac{\tau^2\sigma^2}{m\tau^2+\sigma^2}I"
    r" + \big(\tfrac{\sigma^2}{m\tau^2+\sigma^2}\big)^2\mathrm{cov}(Z|y_{1:m}),"
    r"\ \zeta(m) \text{ attained at } Z = \pm R",
    conditions="three blurred points of any weights on the line, m = 3",
    kind="identity",
    check=precise_symbolic,
    controls=[
        Control(r"S = R^2/2", spread=sp.Rational(1, 2)),
        Control(r"S = 2R^2", spread=2),
    ],
)
precise_claim(
    "gm-precise-statement-limit",
    r"m\,(1 + \sigma^2\zeta(m)) \to 1",
    conditions="tau > 0: the gain over the first measurement falls short of 1/sigma^2 like 1/m",
    kind="limit",
    check=precise_limit,
    value=1,
    controls=[Control(r"\to 2", value=2), Control(r"\to 0: \text{ faster than } 1/m", value=0)],
)

chain = partial(
    claim,
    entries="once-logconcave-always",
    source=Source("004", "slides 'More and more log-concave' and 'Main benefit'"),
    kind="inequality",
)
ALWAYS = (
    r"q_\sigma \text{ log-concave} \Rightarrow p(y_m|y_{1:m-1}) \text{ log-concave for every } m"
)
on_line = chain(
    "once-logconcave-always-corrected",
    r"d = 1:\ " + ALWAYS,
    conditions="laws on the line with two to five atoms; m up to 12",
    form="corrected",
    check=stays_log_concave,
    dim=1,
    controls=[Control("d = 2: atoms on the two axes", dim=2)],
)
chain(
    "once-logconcave-always-reading",
    ALWAYS,
    conditions="'large enough' read as: q_sigma is log-concave; witness: atoms (+-1.1, 0) of "
    "weight .2569 and (0, +-1) of .2431, sigma^2 = .6, at m = 3",
    form="reading",
    check=stays_log_concave,
    dim=2,
    expected="refuted",
    twin=on_line,
)
chain(
    "once-logconcave-always-trace",
    r"\sup_y \mathrm{tr}\,\mathrm{cov}(X|y_{1:m}) \text{ never grows with } m",
    conditions="the same laws, on the line and in the plane; true in every dimension",
    form="derived",
    check=spread_decreases,
    statistic="trace",
    controls=[
        Control(r"\lambda_{\max} \text{ for the trace}", statistic="eigenvalue"),
    ],
)

average = partial(claim, entries="conditioning-reduces-uncertainty", kind="inequality")
fewer = average(
    "conditioning-reduces-uncertainty",
    r"\mathbb{E}[\mathrm{cov}(X|Y_{1:m})|y_{1:m-1}] \preceq \mathrm{cov}(X|y_{1:m-1})",
    conditions="points and mixtures, d = 1 and 2, second measurement, random directions",
    check=variance_falls,
    after="average",
    controls=[Control("for every second measurement", after="largest")],
)
average(
    "conditioning-reduces-uncertainty-symbolic",
    r"\mathrm{Var} X - \mathbb{E}\,\mathrm{Var}(X|Y) = \mathrm{Var}\,\mathbb{E}[X|Y] \ge 0",
    conditions="three values of X, two of Y, any joint law",
    check=total_variance_symbolic,
    controls=[
        Control(r"= -\mathrm{Var}\,\mathbb{E}[X|Y] \le 0", sign=-1),
        Control(r"2\,\mathbb{E}\,\mathrm{Var}(X|Y)", factor=2),
    ],
)
average(
    "conditioning-reduces-uncertainty-reading-pointwise",
    r"\mathrm{cov}(X|y_{1:m}) \preceq \mathrm{cov}(X|y_{1:m-1}) \text{ for every } y_m",
    conditions="without 'on average'",
    form="reading",
    check=variance_falls,
    after="largest",
    expected="refuted",
    twin=fewer,
)
average(
    "conditioning-reduces-uncertainty-split",
    r"\mathrm{cov}(X|y_1) = \mathbb{E}[\mathrm{cov}(X|Y_{1:2})|y_1]"
    r" + \mathrm{cov}(\mathbb{E}[X|Y_{1:2}]|y_1)",
    conditions="points and mixtures, d = 1 and 2, random directions",
    kind="identity",
    form="derived",
    check=variance_split,
    controls=[Control("without the second term", factor=0.0), Control("0.9 of it", factor=0.9)],
)
average(
    "conditioning-reduces-uncertainty-vacuous",
    r"\mathbb{E}_q \nabla^2\log q = -\mathbb{E}_q\nabla\log q\,\nabla\log q^\top \preceq 0"
    r"\text{ for every density } q",
    conditions="unequal pairs of Gaussians at +-1 to +-10: a negative average says nothing about "
    "log-concavity, the largest value here is +82",
    kind="identity",
    form="derived",
    check=average_curvature,
    controls=[
        Control("the opposite sign", sign=-1),
        Control("the largest value for the average", what="largest"),
    ],
)
