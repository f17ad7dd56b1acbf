r"""Admissible schedules: does DDIM track the distance to the data when sigma falls slowly enough?

Document 000 calls DDIM approximate gradient descent on f = dist_K^2 / 2, assumes that the scaled
noise sigma eps errs by at most eta dist_K wherever sqrt(n) sigma is within a factor nu of dist_K,
and calls a schedule (eta, nu)-admissible when this keeps holding: log-linear ones for steps
beta < C(eta, nu). Then sqrt(n) sigma tracks the distance, which lies between two products.

The mathematics holds with what the slides leave out. The gradient is estimated by sigma eps, not
by eps. With eta >= 1 the assumption is vacuous and the distance may grow. C must depend on the
number of steps N: beta* = c/(eta + c), c = 1 - nu^(-1/N), and no constant serves every N. Tracking
needs a start on dist = sqrt(n) sigma, not merely in the band. The lower product needs its factors
clamped at 0. A schedule has the smallest nu = prod 1/(1 - eta (sigma_i/sigma_{i-1} - 1)), and none
at all once a ratio reaches 1 + 1/eta. Uniformly over the band no eta < 1 serves finite data:
beside the midpoint of two points of K it comes near 1, and beyond where others are near; along real
trajectories it stays below.

The worst case is acted out exactly, in rational numbers, by errors of +-eta x on K = {0}; then the
bounds are compared with DDIM's real trajectories, eta measured at every step, on a subspace, a
sphere, a point cloud, the digits and Fashion-MNIST.
"""

import itertools
import math
import random
from fractions import Fraction
from functools import cache

import flint
import mpmath as mp
import numpy as np
import sympy as sp
import torch
import xarray as xr
from flint import arb
from scipy import linalg, special, stats

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import admissibility, schedules
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.trajectories import relative_projection_error, track
from theorylab.images import datasets

experiment = Experiment()

MODEL = "Our error model"
ANALYSIS = "Analysis under the error model"
HIGH, LOW = 40.0, 0.05
SCHEDULES = ("log-linear", "edm", "ddpm", "leap")
ADVERSARY_ETA = 0.3
BAND = 2.0
ETAS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)


# ---- measurements: trajectories ---------------------------------------------------------------


def sigmas_of(schedule, steps):
    """``steps`` steps; "leap" falls from 10 to 0.1 in one of them."""
    if schedule == "log-linear":
        return schedules.log_linear(steps, LOW, HIGH)
    if schedule == "edm":
        return schedules.edm(steps, LOW, HIGH)
    if schedule == "ddpm":
        return schedules.select_steps(schedules.ddpm_grid(), steps)
    before = steps // 2
    return torch.cat(
        [
            schedules.log_linear(before, HIGH / 4, HIGH),
            schedules.log_linear(steps - before - 1, LOW, 2 * LOW),
        ]
    )


def follow(denoiser, closed_set, normals, sigmas, padded):
    """sigma, distance and eta along DDIM from sigmas[0] * normals, then at rest up to ``padded``.

    A resting step has beta = 0 and changes no product, so runs of different length fit one array.
    """
    remembered = [None, None]

    def once(x, sigma):  # the sampler and the tracker ask for the same state
        if remembered[0] is not x:
            remembered[:] = x, denoiser(x, sigma)
        return remembered[1]

    start = float(sigmas[0]) * normals
    found = track(once, closed_set, ddim(once, start, sigmas), sigmas)
    rest = padded + 1 - len(found.sigma)
    if rest < 0:
        raise ValueError(f"{len(found.sigma) - 1} steps do not fit into padded={padded}")
    rows = (found.sigma[:, None], found.distance, found.eta)
    padded_rows = [np.pad(row.numpy(), ((0, rest), (0, 0)), mode="edge") for row in rows]
    return padded_rows[0][:, 0], *padded_rows[1:]


def known_set(name, dim, generator):
    """A set with the exact denoiser of a law on it, or with one that errs by eta dist."""
    if name.startswith("point"):
        sign = 1 if name == "point, +eta" else -1
        point = PointCloud(torch.zeros(1, dim, dtype=torch.float64))
        return point, lambda x, sigma: -sign * ADVERSARY_ETA * x
    inside = max(1, dim // 4)
    if name == "subspace":
        basis = torch.randn(inside, dim, dtype=torch.float64, generator=generator)
        subspace = AffineSubspace(basis)
        factors = (subspace.basis.T * torch.linspace(0.5, 2, inside, dtype=torch.float64))[None]
        return subspace, GaussianMixture.low_rank(None, torch.zeros(1, dim), factors)
    if name == "point cloud":
        points = torch.randn(200, dim, dtype=torch.float64, generator=generator)
        return PointCloud(points), IdealDenoiser(points)
    sphere = Sphere(inside, 2.0, ambient_dim=dim)
    if name == "sphere":
        return sphere, lambda x, sigma: uniform_on_sphere(x, sigma, sphere)

    def erring(x, sigma):
        """The projection with an error of random direction and size up to eta dist."""
        noise = torch.randn(x.shape, dtype=torch.float64, generator=generator)
        size = torch.rand(len(x), 1, dtype=torch.float64, generator=generator) * ADVERSARY_ETA
        size = size * sphere.distance(x)[:, None]
        return sphere.project(x) + size * noise / noise.norm(dim=1, keepdim=True)

    return sphere, erring


def uniform_on_sphere(x, sigma, sphere):
    """E[x0 | x], x0 uniform: R I_{k/2}(z)/I_{k/2-1}(z) u/|u|, z = R|u|/sigma^2, u in R^k."""
    k = sphere.dim + 1
    u = x @ sphere.frame.T
    norm = u.norm(dim=1, keepdim=True)
    z = (sphere.radius * norm / sigma**2).numpy()
    # Far beyond the order Hankel's series is exact to double precision, and ive is not needed.
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = special.ive(k / 2, z) / special.ive(k / 2 - 1, z)
    large = 1 - (k - 1) / (2 * z) + (k - 1) * (k - 3) / (8 * z**2)
    ratio = torch.from_numpy(np.where(z > 1e6 * k, large, ratio))
    return sphere.radius * ratio * u / norm @ sphere.frame


PATH = {"long_name": "distance to the data"}, {"long_name": "relative error of the projection"}


@experiment.measure(
    grid={
        "set": ["point, +eta", "point, -eta", "erring sphere", "subspace", "sphere", "point cloud"],
        "dim": [4, 64, 512],
    },
    quick={"dim": [4, 64], "starts": 4, "steps": (5, 20)},
    default={"starts": 32, "steps": (5, 10, 20, 50)},
    paper={"starts": 128, "steps": (5, 10, 20, 50, 200)},
)
def trajectories(set, dim, starts, steps, generator):
    """Distance and relative error along DDIM, on sets whose projection and denoiser are known."""
    closed_set, denoiser = known_set(set, dim, generator)
    normals = torch.randn(starts, dim, dtype=torch.float64, generator=generator)
    rows = [
        [follow(denoiser, closed_set, normals, sigmas_of(s, n), max(steps)) for n in steps]
        for s in SCHEDULES
    ]
    sigma, distance, eta = (np.array([[run[i] for run in row] for row in rows]) for i in range(3))
    runs = ("schedule", "steps", "step")
    return xr.Dataset(
        {
            "sigma": (runs, sigma),
            "distance": ((*runs, "start"), distance, PATH[0]),
            "eta": ((*runs, "start"), eta, PATH[1]),
        },
        {"schedule": list(SCHEDULES), "steps": list(steps)},
    )


@experiment.measure(
    grid={
        "images": ["digits", "fashion-mnist"],
        "schedule": ["log-linear", "leap"],
        "steps": [10, 20],
    },
    data=("digits", "fashion-mnist"),
    quick={"steps": [8], "padded": 8, "starts": 4},
    default={"padded": 20, "starts": 16},
    paper={"schedule": list(SCHEDULES), "steps": [10, 20, 50, 100], "padded": 100, "starts": 64},
)
def image_trajectories(images, schedule, steps, padded, starts, generator):
    """The same along DDIM of the ideal denoiser over a set of real images."""
    points, closed_set, denoiser = image_set(images)
    normals = torch.randn(starts, points.shape[1], dtype=torch.float64, generator=generator)
    sigma, distance, eta = follow(denoiser, closed_set, normals, sigmas_of(schedule, steps), padded)
    return xr.Dataset(
        {
            "sigma": ("step", sigma),
            "distance": (("step", "start"), distance, PATH[0]),
            "eta": (("step", "start"), eta, PATH[1]),
            "ambient_dim": points.shape[1],
        }
    )


@cache
def image_set(images):
    """Loading costs as much as several steps; cells of one process share it."""
    if images == "digits":
        points = datasets.as_float(datasets.digits()).flatten(1)
    else:
        points = datasets.fashion_mnist().images.flatten(1)  # uint8: an eighth of the memory
    return points, PointCloud(points), IdealDenoiser(points)


@experiment.measure(
    grid={"set": ["point cloud", "digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"set": ["point cloud", "digits"], "queries": 8},
    default={"queries": 4},
    paper={"queries": 64},
)
def gradient_steps(set, queries, rng):
    """One DDIM step of the ideal denoiser against beta times a gradient from an own softmax."""
    if set == "point cloud":
        points = rng.standard_normal((300, 16))
    elif set == "digits":
        points = datasets.as_float(datasets.digits()).flatten(1).numpy()
    else:
        points = datasets.as_float(datasets.fashion_mnist()).flatten(1).numpy()
    denoiser, ratio, rows = IdealDenoiser(torch.from_numpy(points)), 0.7, []
    levels = (0.1, 0.5, 2.0, 10.0, 40.0)
    for sigma in levels:
        x = points[rng.integers(len(points), size=queries)]
        x = x + sigma * rng.standard_normal(x.shape)
        *_, after = ddim(denoiser, torch.from_numpy(x), [sigma, ratio * sigma])
        moved = after.numpy() - x
        scaled_noise = x - np.stack([posterior_mean(q, points, sigma) for q in x])
        arms = {
            "sigma eps": -(1 - ratio) * scaled_noise,
            "eps": -(1 - ratio) * scaled_noise / sigma,
            "step of DDPM": -(1 - ratio**2) * scaled_noise,
        }
        size = np.linalg.norm(moved, axis=1)
        rows.append([(np.linalg.norm(moved - a, axis=1) / size).max() for a in arms.values()])
    return xr.Dataset(
        {"error": (("sigma", "arm"), np.array(rows), {"long_name": "relative error of a step"})},
        {"sigma": list(levels), "arm": list(arms)},
    )


def posterior_mean(x, points, sigma):
    exponents = np.concatenate(
        [-((part - x) ** 2).sum(1) for part in np.array_split(points, 1 + len(points) // 2000)]
    ) / (2 * sigma**2)
    weight = np.exp(exponents - exponents.max())
    return weight / weight.sum() @ points


# ---- measurements: the error model ------------------------------------------------------------


@experiment.measure(
    grid={"dim": [8, 64, 256], "share": [0.125, 0.5, 0.75]},
    quick={"dim": [8, 64], "samples": 20_000},
    default={"samples": 40_000},
    paper={"samples": 400_000},
)
def subspace_errors(dim, share, samples, generator):
    """eta for N(0, I_d) on a d-dimensional subspace, x = x_0 + sigma noise: closed form and law."""
    inside, levels = int(share * dim), (0.1, 1.0, 10.0, 100.0)
    subspace = AffineSubspace(torch.randn(inside, dim, dtype=torch.float64, generator=generator))
    basis, normal = subspace.basis.numpy(), linalg.null_space(subspace.basis.numpy())
    model = GaussianMixture.low_rank(None, torch.zeros(1, dim), subspace.basis.T[None])
    norms = lambda rows: np.linalg.norm(rows, axis=1)
    mismatch, ks = [], []
    for sigma in levels:
        x = subspace.sample(samples, generator)
        x = x + sigma * torch.randn(x.shape, dtype=torch.float64, generator=generator)
        eta = relative_projection_error(model(x, sigma), x, subspace.project(x)).numpy()
        shrink = sigma**2 / (1 + sigma**2)
        closed = shrink * norms(x.numpy() @ basis.T) / norms(x.numpy() @ normal)
        mismatch.append(np.abs(eta / closed - 1).max())
        laws = {
            "n - d": (shrink, dim - inside, dim - inside),
            "n": (shrink, dim, dim),
            "one coordinate more": (shrink, dim - inside, dim - inside + 1),
            "no noise along K": (shrink**2, dim - inside, dim - inside),
        }
        ks.append(
            [
                checks.ks_distance(
                    eta**2, lambda v, a=a, k=k, m=m: stats.f.cdf(v * m / (a * inside), inside, k)
                )
                for a, k, m in laws.values()
            ]
        )
    return xr.Dataset(
        {
            "mismatch": ("sigma", mismatch, {"long_name": "eta against its closed form"}),
            "ks": (("sigma", "arm"), np.array(ks), {"long_name": "KS distance of eta^2"}),
            "samples": samples,
        },
        {"sigma": list(levels), "arm": list(laws)},
    )


@experiment.measure(grid={"set": ["point cloud", "digits"]}, data=("digits",))
def beside_midpoints(set, rng, pairs=32):
    """eta in the band, sqrt(n) sigma = nu dist, beside midpoints of far points and their nearest.

    Just off the midpoint the projection is one of the two points and the posterior mean is not.
    """
    points = torch.from_numpy(rng.standard_normal((300, 16)))
    if set == "digits":
        points = image_set("digits")[0]
    gaps = torch.cdist(points, points) + torch.diag(torch.full((len(points),), torch.inf))
    first = gaps.min(1).values.argsort(descending=True)[:pairs]
    x = torch.lerp(points[first], points[gaps[first].argmin(1)], 0.499)
    nearest, denoiser, rows = PointCloud(points).nearest(x), IdealDenoiser(points), []
    for nu in (1.0, BAND):
        sigma = nu * nearest.distance[:, None] / points.shape[1] ** 0.5
        rows.append(relative_projection_error(denoiser(x, sigma), x, nearest.point).numpy())
    zero = relative_projection_error(x, x, nearest.point)
    return xr.Dataset(
        {
            "eta": (("nu", "pair"), np.array(rows), PATH[1]),
            "zero_noise": ("pair", zero.numpy(), {"long_name": "relative error of eps = 0"}),
        },
        {"nu": [1.0, BAND]},
    )


# ---- measurements: schedules ------------------------------------------------------------------


@experiment.measure(grid={"steps": [2, 5, 10, 20, 50, 100]})
def named_schedules(steps):
    """1/nu_min (0: none) of five schedules, against closed forms in 40 digits, node by node."""
    grid = schedules.ddpm_grid()
    ours = schedules.snap_up(schedules.log_linear(max(1, steps - 1), 0.06, HIGH), grid)
    library = {
        "log-linear": schedules.log_linear(steps, 0.01, HIGH),
        "ddpm": schedules.select_steps(grid, steps),
        "ddpm, offset": schedules.select_from_time(grid, steps, 854),
        "edm": schedules.edm(steps, 0.002, 80.0),
        "ours": torch.cat([ours, grid[-1:]]),
    }
    with mp.workdps(40):
        oracle = nodes_in_high_precision(steps)
        nodes, shifted, inverse, closed = [], [], [], []
        for name, sigmas in library.items():
            exact = oracle[name]
            power = mp.mpf(steps) / (steps + 1)
            nodes.append(largest_relative_error(sigmas, exact))
            slipped = [exact[0] * (t / exact[0]) ** power for t in exact]
            shifted.append(largest_relative_error(sigmas, slipped))
            inverse.append([1 / admissibility.smallest_nu(sigmas, eta) for eta in ETAS])
            ratios = [a / b for a, b in itertools.pairwise(exact)]
            rules = {
                "ratio - 1": lambda r: r - 1,
                "beta": lambda r: 1 - 1 / r,
                "1 % more": lambda r: mp.mpf(101) / 100 * (r - 1),
            }
            closed.append(
                [
                    [mp.fprod(max(0, 1 - mp.mpf(eta) * f(r)) for r in ratios) for eta in ETAS]
                    for f in rules.values()
                ]
            )
    return xr.Dataset(
        {
            "node_error": (("schedule", "arm"), np.array([nodes, shifted], dtype=float).T),
            "inverse_nu": (
                ("schedule", "eta"),
                np.array(inverse, dtype=float),
                {"long_name": "1/nu_min"},
            ),
            "closed": (("schedule", "rule", "eta"), np.array(closed, dtype=float)),
            "log_range": ("schedule", [float(s[0].log() - s[-1].log()) for s in library.values()]),
        },
        {
            "schedule": list(library),
            "eta": list(ETAS),
            "rule": list(rules),
            "arm": ["N", "N + 1"],
        },
    )


def largest_relative_error(sigmas, exact):
    return max(abs(mp.mpf(s) / t - 1) for s, t in zip(sigmas.tolist(), exact, strict=True))


def nodes_in_high_precision(steps):
    grid = ddpm_levels()
    geometric = lambda n, high, low: [
        mp.mpf(high) * (mp.mpf(low) / mp.mpf(high)) ** (mp.mpf(k) / n) for k in range(n + 1)
    ]
    snapped = lambda nodes: [min(s for s in grid if s >= t) for t in nodes]
    at = lambda times: [grid[t - 1] for t in times]
    roots = [mp.mpf(v) ** (mp.mpf(1) / 7) for v in ("80", "0.002")]
    return {
        "log-linear": geometric(steps, "40", "0.01"),
        "ddpm": at([round(Fraction(1000 * (steps - k), steps)) for k in range(steps)] + [1]),
        "ddpm, offset": at([round(Fraction(854 * (steps - k), steps)) for k in range(steps)] + [1]),
        "edm": [(roots[0] + (roots[1] - roots[0]) * k / steps) ** 7 for k in range(steps + 1)],
        "ours": [*snapped(geometric(max(1, steps - 1), "40", "0.06")), grid[0]],
    }


@cache
def ddpm_levels():
    """sigma_1 < ... < sigma_1000 of the linear-beta process."""
    alpha_bar, levels = mp.mpf(1), []
    for t in range(1000):
        alpha_bar *= 1 - (mp.mpf("1e-4") + (mp.mpf("0.02") - mp.mpf("1e-4")) * t / 999)
        levels.append(mp.sqrt((1 - alpha_bar) / alpha_bar))
    return levels


# ---- exact worst cases ------------------------------------------------------------------------


def ball(value):
    """An exact rational as a ball."""
    fraction = Fraction(value)
    return arb(flint.fmpq(fraction.numerator, fraction.denominator))


def worst_distances(sigmas, eta, sign, start=1):
    """|x| along DDIM on K = {0} with sigma eps = (1 + sign eta) x, from |x_N| = start.

    The sign of x is kept: a negative entry says that a step overshot the point.
    """
    states = [start]
    for sigma, later in itertools.pairwise(sigmas):
        states.append(states[-1] - (1 - later / sigma) * (1 + sign * eta) * states[-1])
    return states


def reached(sigmas, eta, signs=(1, -1), start=1):
    """Largest sqrt(n) sigma/dist or its inverse, from sqrt(n) sigma/dist = start; None if none."""
    worst = 1
    for sign in signs:
        first = sigmas[0] / (start if sign > 0 else 1 / start)
        for sigma, x in zip(sigmas, worst_distances(sigmas, eta, sign, first), strict=True):
            if x <= 0 < sigma:
                return None
            worst = max(worst, sigma / x, x / sigma) if sigma > 0 else worst
    return worst


@cache
def rational_schedules():
    """Forty schedules of 1 to 12 steps with an eta each, among them ones with no nu at all."""
    draw = random.Random(20240614)
    cases = []
    for _ in range(40):
        eta = Fraction(draw.randint(1, 30), 20)
        sigmas = [Fraction(7)]
        for _ in range(draw.randint(1, 12)):
            sigmas.append(sigmas[-1] * Fraction(draw.randint(9, 19), 20))
        cases.append((tuple(sigmas), eta))
    return cases


def geometric(beta, steps):
    return [(1 - beta) ** k for k in range(steps + 1)]


# ---- checks: the error model ------------------------------------------------------------------


def excludes_zero_noise(beside_midpoints, largest_eta=0.999):
    """eps = 0 must break the assumption for every eta that is allowed."""
    d = beside_midpoints
    return checks.bound(
        largest_eta - d.zero_noise.min("pair"),
        rounding=1e-13,
        margin=0.0,
        reason="the relative error of eps = 0 is |0 - (x - proj)|/dist = 1; the assumption has "
        "content only if that exceeds eta",
    )


def relative_error_below(beside_midpoints, image_trajectories, where="trajectories", limit=1.0):
    """The largest eta among states of the band, on trajectories or beside midpoints."""
    if where == "trajectories":
        d = image_trajectories.sel(schedule="log-linear")
        ratio = np.sqrt(d.ambient_dim) * d.sigma / d.distance
        inside = (ratio >= 1 / BAND) & (ratio <= BAND)
        worst = d.eta.where(inside, 0.0).max(("step", "start"))
    else:
        worst = beside_midpoints.eta.max(("pair", "nu"))
    return checks.bound(
        worst - limit,
        rounding=1e-9,
        margin=0.0,
        reason="the theorem needs eta < 1: only then does the distance fall",
        level="observation",
        tightness=worst / limit,
    )


def closed_form_of_eta(subspace_errors, factor=1.0):
    d = subspace_errors
    return checks.identity(
        np.abs(d.mismatch.max("sigma") + factor - 1),
        rounding=1e-10,
        margin=1e-8,
        reason="rounding: |x|/|x_perp| up to 1e5 among all samples; slips sought are 1e-3",
    )


def law_of_eta(subspace_errors, arm="n - d"):
    d = subspace_errors
    return checks.law_1d(
        d.ks.sel(arm=arm),
        d.samples,
        margin=0.04,
        reason="the band at 20,000 samples is 0.018; neighbours lie beyond 0.06",
    )


def gradient_step_symbolic(power=1, later=1):
    """x + (sigma' - sigma) eps - (x - (1 - (sigma'/sigma)^later) sigma^power eps)."""
    x, eps = sp.symbols("x epsilon", real=True)
    sigma, less = sp.symbols("sigma sigma_prime", positive=True)
    descent = x - (1 - (less / sigma) ** later) * sigma**power * eps
    half = sp.Rational(1, 2)
    return checks.proof(x + (less - sigma) * eps - descent, {x: 1, eps: 1, sigma: 2, less: half})


def gradient_step(gradient_steps, arm="sigma eps"):
    d = gradient_steps
    return checks.identity(
        d.error.sel(arm=arm).drop_vars("arm"),
        rounding=2e-11,
        margin=1e-8,
        reason="rounding: exponents of order 1e3 to double precision, amplified by the spread of "
        "the posterior; a relative slip of 1e-3 in the denoiser moves a step by over 1e-6",
    )


# ---- checks: admissibility --------------------------------------------------------------------


def smallest_nu_is_reached(eta_factor=Fraction(1), signs=(1, -1), start=Fraction(1)):
    """The smallest nu against the adversary's worst ratio, over the forty schedules, exactly."""
    differences = []
    for sigmas, eta in rational_schedules():
        nu = admissibility.smallest_nu(sigmas, eta * eta_factor, start)
        worst = reached(sigmas, eta, signs, start)
        none = nu == math.inf, worst is None
        differences.append(Fraction(none[0] != none[1]) if any(none) else Fraction(nu) - worst)
    return checks.certificate(
        [ball(v) for v in differences], (0.0, 0.0), "rational numbers: equality is exact"
    )


def smallest_nu_closed_form(form="ratio", nu0=Fraction(3, 2), counts_nu0=True):
    differences = []
    for sigmas, eta in rational_schedules():
        ratios = [a / b for a, b in itertools.pairwise(sigmas)]
        excess = [r - 1 if form == "ratio" else 1 - 1 / r for r in ratios]
        factors = [1 - eta * e for e in excess]
        nu = admissibility.smallest_nu(sigmas, eta, nu0)
        if min(factors) <= 0 or nu == math.inf:
            differences.append(Fraction((min(factors) <= 0) != (nu == math.inf)))
        else:
            differences.append(nu - (nu0 if counts_nu0 else 1) / math.prod(factors))
    return checks.certificate(
        [ball(v) for v in differences], (0.0, 0.0), "rational numbers: equality is exact"
    )


def steps_without_nu(holds_at_zero=False, strict=False, edge=lambda eta: 1 / (1 + eta)):
    """Whether "no nu" is the same as "eta > 0 and some beta >= 1/(1 + eta)"."""
    cases = list(rational_schedules())
    for eta in (Fraction(1, 10), Fraction(1, 2), Fraction(1), Fraction(3)):
        cases += [((Fraction(1), 1 - beta), eta) for beta in (1 / (1 + eta), eta / (1 + eta))]
        cases.append(((Fraction(1), eta / (1 + eta) - Fraction(1, 10**9)), eta))
        cases.append(((Fraction(1), eta / (1 + eta) + Fraction(1, 10**9)), eta))
        cases.append(((Fraction(1), Fraction(1, 2), Fraction(0)), eta))
    cases += [((Fraction(1), Fraction(1, 3), Fraction(0)), Fraction(0))]
    wrong = []
    for sigmas, eta in cases:
        largest = max(1 - b / a for a, b in itertools.pairwise(sigmas))
        long = largest > edge(eta) if strict else largest >= edge(eta)
        claimed = long and (eta > 0 or holds_at_zero)
        wrong.append(int(claimed != (admissibility.smallest_nu(sigmas, eta) == math.inf)))
    return checks.certificate(wrong, (0.0, 0.0), "0 where both sides of the equivalence agree")


def other_inequality_is_weaker(sign=1):
    """(1-beta)^2 >= (1 - beta(1-eta)) (1 - beta(1+eta)): the lower distance bound decides."""
    beta, eta = sp.symbols("beta eta", positive=True)
    gap = (1 - beta) ** 2 - (1 - beta * (1 - eta)) * (1 - beta * (1 + eta))
    third = sp.Rational(1, 3)
    return checks.proof_nonnegative(sign * gap, {beta: third, eta: third})


def splitting_helps(sign=1):
    """Two steps of ratios 1 + a, 1 + b keep more of 1/nu than one step of their product."""
    eta, a, b = sp.symbols("eta a b", positive=True)
    gap = (1 - eta * a) * (1 - eta * b) - (1 - eta * ((1 + a) * (1 + b) - 1))
    half = sp.Rational(1, 2)
    return checks.proof_nonnegative(sign * gap, {eta: half, a: half, b: half})


def nu_of_named_schedules(named_schedules, rule="ratio - 1", eta=None):
    d = named_schedules.sel(eta=list(ETAS) if eta is None else [eta])
    return checks.identity(
        np.abs(d.inverse_nu - d.closed.sel(rule=rule)),
        rounding=1e-11,
        margin=1e-8,
        reason="1/nu lies in [0, 1]; rounding: 1,000 factors in the DDPM grid, 200 in the product",
    )


def cap_of_named_schedules(named_schedules, plus=0.0, factor=1.0):
    """sigma_N/sigma_0 <= nu^(1/eta) for every admissible schedule."""
    d = named_schedules.sel(eta=[eta for eta in ETAS if eta > 0])
    room = -np.log(np.maximum(d.inverse_nu, 1e-300)) / (d.eta + plus) * factor
    return checks.bound(
        d.log_range / room - 1,
        rounding=1e-9,
        margin=1e-6,
        where=d.inverse_nu > 0,
        reason="an inequality between logarithms, tight for many small steps",
        tightness=(d.log_range / room).where(d.inverse_nu > 0, 0.0),
    )


# ---- checks: log-linear schedules -------------------------------------------------------------

STEP_COUNTS = (1, 2, 10, 28, 300)


def log_linear_is_admissible(steps_of_beta=None, factor=1.0, rule="exact", attained=False):
    """Band reached with N steps of beta; beta from N, or from a fixed ``steps_of_beta``."""
    cells = list(itertools.product((0.05, 0.1, 0.5, 2.0), (1.5, 2.0, 4.0), STEP_COUNTS))
    excess = []
    with mp.workdps(30):
        for eta, nu, steps in cells:
            counted = steps_of_beta or steps
            beta = admissibility.log_linear_beta(eta, nu, counted)
            if rule == "logarithm":
                beta = math.log(nu) / counted / (eta + math.log(nu) / counted)
            worst = reached(geometric(mp.mpf(beta) * factor, steps), mp.mpf(eta))
            excess.append(1.0 if worst is None else float(min(worst, 2 * nu) / nu - 1))
    reason = (
        "rounding: one float beta, then 30 digits; the adversary attains nu, so equality must "
        "pass, and 1 % of beta moves it by over 1e-4"
    )
    excess = xr.DataArray(excess, dims="cell")
    if attained:
        return checks.identity(np.abs(excess), rounding=1e-11, margin=1e-9, reason=reason)
    return checks.bound(excess, rounding=1e-11, margin=1e-9, reason=reason)


def largest_step_exact(factor=Fraction(1), nu0=Fraction(1), counts_nu0=True, below=True):
    """At rational beta* the schedule is admissible and 1e-9 above it is not; 0 where so."""
    wrong = []
    for eta, c, steps in itertools.product(
        (Fraction(1, 20), Fraction(1, 2), Fraction(3)),
        (Fraction(1, 10), Fraction(1, 3)),
        (1, 7, 30),
    ):
        nu = (nu0 if counts_nu0 else 1) / (1 - c) ** steps
        beta = factor * c / (eta + c)
        admissible = lambda b, nu=nu, eta=eta, n=steps: admissibility.is_admissible(
            geometric(b, n), eta, max(nu, nu0), nu0
        )
        wrong += [int(not admissible(beta)), int(admissible(beta * (1 + Fraction(1, 10**9))))]
    return checks.certificate(wrong, (0.0, 0.0), "rational numbers; 0 where the claim holds")


def beta_star_symbolic(added=1):
    """(1 - beta*)(nu0/nu)^(1/N) = 1 - beta*(eta + 1)."""
    eta, nu, nu0, steps = sp.symbols("eta nu nu0 N", positive=True)
    c = 1 - (nu0 / nu) ** (1 / steps)
    beta = c / (eta + c)
    gap = (1 - beta) * (nu0 / nu) ** (1 / steps) - (1 - beta * (eta + added))
    return checks.proof(gap, {eta: sp.Rational(1, 3), nu: 3, nu0: 2, steps: 2})


def constant_vanishes(power=1, added=0.0):
    """N beta*_N -> log(nu)/eta, so that the infimum over N is 0."""
    cells = list(itertools.product((0.05, 0.1, 0.5), (1.5, 2.0, 4.0)))
    counts = [100 * 2**k for k in range(9)]
    values = [
        [
            n**power * admissibility.log_linear_beta(eta, nu, n) * (eta + added) / math.log(nu)
            for n in counts
        ]
        for eta, nu in cells
    ]
    return checks.limit(
        xr.DataArray(values, dims=("cell", "h")),
        target=1.0,
        margin=1e-6,
        h=[1 / n for n in counts],
        exponents=[1, 2, 3],
        rounding=1e-13,
        reason="a series in 1/N, extrapolated to better than 1e-9; neighbours are off by 10 %",
    )


def log_linear_nodes(named_schedules, schedule="log-linear", arm="N"):
    d = named_schedules
    return checks.identity(
        d.node_error.sel(arm=arm, schedule=schedule),
        rounding=1e-13,
        margin=1e-10,
        reason="rounding: one exponential of a number below 5",
    )


# ---- checks: infinitely many steps ------------------------------------------------------------


def infinite_steps_symbolic(added=0, contraction=1):
    """Logarithms of N equal steps are g(1/N)/(1/N) with g(0) = 0, so their limit is g'(0)."""
    h, log_nu, eta = sp.symbols("h L eta", positive=True)
    c = 1 - sp.exp(-log_nu * h)
    beta = c / (eta + c)
    noise, distance = sp.log(1 - beta), sp.log(1 - contraction * beta * (1 - eta))
    limits = -log_nu / (eta + added), -log_nu * (1 - eta) / (eta + added)
    parts = [
        part
        for g, value in zip((noise, distance), limits, strict=True)
        for part in (g.subs(h, 0), g.diff(h).subs(h, 0) - value)
    ]
    return checks.proof(parts, {log_nu: 1, eta: sp.Rational(1, 3)})


def infinite_steps(added=0.0, factor=1.0):
    """log(sigma_N/sigma_0) at beta*_N, over log(nu)/eta."""
    cells = list(itertools.product((0.05, 0.1, 0.5), (1.5, 2.0, 4.0)))
    counts = [100 * 2**k for k in range(9)]
    values = [
        [
            math.log(admissibility.largest_noise_ratio(eta, nu, n)) * (eta + added) / math.log(nu)
            for n in counts
        ]
        for eta, nu in cells
    ]
    return checks.limit(
        xr.DataArray(values, dims=("cell", "h")),
        target=factor,
        margin=1e-6,
        h=[1 / n for n in counts],
        exponents=[1, 2, 3],
        rounding=1e-12,
        reason="a series in 1/N, extrapolated to better than 1e-9; neighbours are off by 2 %",
    )


def cap_symbolic(added=0):
    """rho^(-eta) >= 1 - eta (rho - 1): a convex function above its tangent at rho = 1.

    Multiplied over the steps it gives (sigma_N/sigma_0)^(-eta) >= 1/nu for every schedule.
    """
    rho, eta = sp.symbols("rho eta", positive=True)
    gap = rho ** (-(eta + added)) - 1 + eta * (rho - 1)
    value, slope = gap.subs(rho, 1), gap.diff(rho).subs(rho, 1)
    # Zero value and zero slope as two inequalities each, so that one check decides all.
    parts = [sp.powsimp(sp.simplify(gap.diff(rho, 2))), value, -value, slope, -slope]
    return checks.proof_nonnegative(parts, {rho: 2, eta: sp.Rational(1, 3)})


# ---- checks: the theorem, exactly -------------------------------------------------------------


def tracks_exactly(inside=Fraction(0), factor=Fraction(1), nu0=None):
    """Whether the adversary stays in the band at beta*, from ``inside`` of the way to its edge.

    With nu0 the start is on the edge of that smaller band, and beta* knows of it.
    """
    excess = []
    for eta, c, steps in itertools.product(
        (Fraction(1, 10), Fraction(1, 2), Fraction(2)),
        (Fraction(1, 10), Fraction(1, 3)),
        (2, 7, 20),
    ):
        nu = (nu0 or 1) / (1 - c) ** steps
        sigmas = geometric(factor * c / (eta + c), steps)
        start = nu0 or 1 + inside * (nu - 1)
        worst = reached(sigmas, eta, start=start)
        excess.append(Fraction(1) if worst is None else worst / nu - 1)
    return checks.certificate(
        [ball(v) for v in excess],
        (-math.inf, 0.0),
        "rational numbers; at beta* the adversary ends exactly on the band's edge",
    )


def two_sided_exactly(clamped=True, plus=1, upper_factor=Fraction(1)):
    """Three adversaries on K = {0}: +eta x, -eta x, and one that steps onto the point if it can."""
    cases = [(tuple(geometric(Fraction(4, 5), 2)), Fraction(1, 2)), *rational_schedules()]
    excess = []
    for sigmas, eta in cases:
        betas = [1 - b / a for a, b in itertools.pairwise(sigmas)]
        falls = [1 - beta * (eta + plus) for beta in betas]
        lower = list(itertools.accumulate((max(0, f) if clamped else f for f in falls), _times))
        rises = [1 + beta * (upper_factor * eta - 1) for beta in betas]
        upper = list(itertools.accumulate(rises, _times))
        paths = [worst_distances(sigmas, eta, sign)[1:] for sign in (1, -1)]
        stopping = next((i for i, b in enumerate(betas) if b * (1 + eta) >= 1), None)
        if stopping is not None:
            before = worst_distances(sigmas, eta, 1)[1 : stopping + 1]
            paths.append([*before, *[Fraction(0)] * (len(betas) - stopping)])
        for path in paths:
            distances = [abs(x) for x in path]
            excess.append(max(low - d for low, d in zip(lower, distances, strict=True)))
            excess.append(max(d - up for d, up in zip(distances, upper, strict=True)))
    return checks.certificate(
        [ball(v) for v in excess], (-math.inf, 0.0), "rational numbers: no slack is needed"
    )


def _times(a, b):
    return a * b


def attained_exactly(eta_factor=Fraction(1), swapped=False):
    """The library's two products are the adversaries' distances, while no lower factor is 0."""
    differences = []
    for sigmas, eta in rational_schedules():
        factors = admissibility.distance_factors(sigmas, eta * eta_factor)
        down, up = (worst_distances(sigmas, eta, sign) for sign in (1, -1))
        down = [max(0, x) if min(down[: i + 1]) > 0 else 0 for i, x in enumerate(down)]
        if swapped:
            down, up = up, down
        gaps = (
            abs(a - b)
            for products, path in ((factors.lower, down), (factors.upper, up))
            for a, b in zip(products, path, strict=True)
        )
        differences.append(max(gaps))
    return checks.certificate(
        [ball(v) for v in differences], (0.0, 0.0), "rational numbers: equality is exact"
    )


def decreases_exactly(etas=(Fraction(0), Fraction(1, 2), Fraction(999, 1000))):
    """dist_{t-1}/dist_t - 1 for the adversary -eta x on an admissible schedule of 10 steps."""
    growth = []
    for eta in etas:
        sigmas = geometric(Fraction(1, 10), 10)
        if admissibility.smallest_nu(sigmas, eta) == math.inf:
            raise ValueError(f"the schedule is not admissible for eta = {eta}")
        path = worst_distances(sigmas, eta, -1)
        growth.append(max(b / a - 1 for a, b in itertools.pairwise(path)))
    return checks.certificate(
        [ball(v) for v in growth],
        (-math.inf, -1e-6),
        "rational numbers; below 0 by more than 1e-6, so that equality is not a decrease",
    )


# ---- checks: the theorem along trajectories ---------------------------------------------------

RUNS = {"step": slice(None, -1)}
SLACK = {
    "rounding": 1e-10,
    "margin": 1e-8,
    "reason": "rounding: distances to 1e-13, 200 steps; adversaries attain the bounds, so equality "
    "must pass",
}


def _factors(d, eta, scale):
    """beta and eta of every step; eta as measured there, or the largest along the trajectory."""
    ratio = d.sigma.shift(step=-1).isel(RUNS) / d.sigma.isel(RUNS)
    error = scale * d.eta.isel(RUNS)
    return 1 - ratio, error if eta == "step" else error.max("step")


def _later(d, name="distance"):
    return d[name].isel(step=slice(1, None)) / d[name].isel(step=0)


def tracks(d, eta, scale, start, level="numerics"):
    """q = sqrt(n) sigma/dist over its start stays in [1/prod(1 + eta e), 1/prod(1 - eta e)].

    e = sigma_t/sigma_{t-1} - 1. Products, not their inverses: where a factor is 0 no nu exists
    and the bound is void.
    """
    beta, error = _factors(d, eta, scale)
    excess = beta / (1 - beta)
    shrinking = np.maximum(0, 1 - error * excess).cumprod("step")
    growing = (1 + error * excess).cumprod("step")
    q = start * _later(d, "sigma") / _later(d)
    worst = np.maximum(q * shrinking - 1, 1 / (q * growing) - 1)
    return checks.bound(
        worst.max(("step", "start")),
        note=f"no nu for {float((shrinking.isel(step=-1) == 0).mean()):.0%} of the trajectories",
        level=level,
        **SLACK,
    )


def two_sided(d, eta, scale, plus, sign, level="numerics"):
    beta, error = _factors(d, eta, scale)
    lower = np.maximum(0, 1 - beta * (error + plus)).cumprod("step")
    upper = (1 - beta + sign * beta * error).cumprod("step")
    distance = _later(d)
    return checks.bound(
        np.maximum(lower / distance - 1, distance / upper - 1).max(("step", "start")),
        level=level,
        **SLACK,
    )


def decreases(d, scale, sign, level="numerics"):
    beta, error = _factors(d, "step", scale)
    fall = d.distance.isel(step=slice(1, None)).values / d.distance.isel(RUNS)
    return checks.bound(
        (fall / (1 - beta + sign * beta * error) - 1).max(("step", "start")), level=level, **SLACK
    )


def tracks_on_known_sets(trajectories, eta="largest", scale=1.0, start=1.0):
    return tracks(trajectories, eta, scale, start)


def tracks_on_images(image_trajectories, eta="step", scale=1.0, start=1.0):
    return tracks(image_trajectories, eta, scale, start, level="observation")


def two_sided_on_known_sets(trajectories, eta="largest", scale=1.0, plus=1.0, sign=1.0):
    return two_sided(trajectories, eta, scale, plus, sign)


def two_sided_on_images(image_trajectories, eta="largest", scale=1.0, plus=1.0, sign=1.0):
    return two_sided(image_trajectories, eta, scale, plus, sign, level="observation")


def decreases_on_known_sets(trajectories, scale=1.0, sign=1.0):
    return decreases(trajectories, scale, sign)


def decreases_on_images(image_trajectories, scale=1.0, sign=1.0):
    return decreases(image_trajectories, scale, sign, level="observation")


def stays_in_band(image_trajectories, schedule="log-linear", nu=BAND):
    d = image_trajectories.sel(schedule=schedule)
    ratio = np.sqrt(d.ambient_dim) * d.sigma / d.distance
    worst = np.maximum(ratio, 1 / ratio).max("step").quantile(0.9, "start").drop_vars("quantile")
    return checks.bound(
        worst / nu - 1,
        rounding=1e-9,
        margin=0.0,
        reason="a band of a factor 2 for nine of ten trajectories: at ten steps about one in a "
        "thousand leaves it",
        level="observation",
        tightness=worst / nu,
    )


def leaves_band(image_trajectories, schedule="leap", nu=BAND):
    """A step with beta >= 1/(1 + eta), eta as measured, ends outside the band, on every run."""
    d = image_trajectories.sel(schedule=schedule)
    beta, error = _factors(d, "step", 1.0)
    longest = (beta * (1 + error)).max("step")
    ratio = np.sqrt(d.ambient_dim) * d.sigma / d.distance
    worst = np.maximum(ratio, 1 / ratio).max("step")
    return checks.bound(
        np.maximum(1 - longest, nu / worst - 1).max("start"),
        rounding=1e-9,
        margin=0.0,
        reason="inadmissible for every nu at the measured eta, and outside a band of a factor 2",
        level="observation",
    )


# ---- claims -----------------------------------------------------------------------------------

ASSUMED = Source("000", f"slide '{MODEL}', assumption")
DESCENT = Source("000", f"slide '{MODEL}'")
SCHEDULE = Source("000", f"slide '{ANALYSIS}'")
TRACKING = Source("000", f"slide '{ANALYSIS}', theorem, item 1")
BOUNDS = Source("000", f"slide '{ANALYSIS}', theorem, item 2")
ON_IMAGES = "ideal denoiser over the images, from x_N = sigma_N N(0, I), eta as measured"
ON_SETS = "eta as measured, for two adversaries on a point, an erring projector and exact denoisers"

allowed = experiment.claim(
    "relative-error-assumption-corrected",
    r"0 \le \eta < 1 \Rightarrow \epsilon_\theta \equiv 0 \text{ violates the assumption}",
    source=ASSUMED,
    entries="relative-error-assumption",
    kind="definition",
    form="corrected",
    check=excludes_zero_noise,
    controls=[Control(r"\eta up to 1.001", largest_eta=1.001)],
)
experiment.claim(
    "relative-error-assumption-as-stated",
    r"\eta \ge 0 \Rightarrow \epsilon_\theta \equiv 0 \text{ violates the assumption}",
    source=ASSUMED,
    entries="relative-error-assumption",
    kind="definition",
    conditions="the slide asks for eta >= 0 only; judged at eta = 3/2",
    check=excludes_zero_noise,
    largest_eta=1.5,
    expected="refuted",
    twin=allowed,
)
along = experiment.claim(
    "relative-error-assumption-along-trajectories",
    r"|\sigma_t\epsilon^*(x_t, \sigma_t) - \nabla f(x_t)| < \mathrm{dist}_K(x_t)",
    source=ASSUMED,
    entries="relative-error-assumption",
    kind="empirical",
    form="reading",
    conditions="along DDIM while within the band of nu = 2; " + ON_IMAGES,
    check=relative_error_below,
    controls=[Control("a twentieth of the distance", limit=0.05)],
)
experiment.claim(
    "relative-error-assumption-everywhere-in-the-band",
    r"|\sigma\epsilon^*(x, \sigma) - \nabla f(x)| < \mathrm{dist}_K(x)",
    source=ASSUMED,
    entries="relative-error-assumption",
    kind="empirical",
    form="reading",
    conditions="at every x of the band of nu = 2; a witness beside a midpoint decides",
    check=relative_error_below,
    where="everywhere",
    expected="refuted",
    twin=along,
)
experiment.claim(
    "relative-error-assumption-subspace",
    r"\eta = \tfrac{\sigma^2}{1 + \sigma^2} |x_\parallel| / |x_\perp|",
    source=ASSUMED,
    entries="relative-error-assumption",
    form="derived",
    conditions="data N(0, I_d) on a d-dimensional subspace of R^n",
    check=closed_form_of_eta,
    controls=[Control("a thousandth more", factor=1.001)],
)
experiment.claim(
    "relative-error-assumption-subspace-law",
    r"\eta^2 \sim \tfrac{\sigma^2}{1 + \sigma^2} \tfrac{d}{n - d} F_{d, n-d}",
    source=ASSUMED,
    entries="relative-error-assumption",
    kind="law",
    form="derived",
    conditions="the same, x = x_0 + sigma noise; at high noise eta < 1 is typical only if n > 2d",
    check=law_of_eta,
    controls=[
        Control("n in place of n - d", arm="n"),
        Control("one normal coordinate fewer", arm="one coordinate more"),
        Control(r"\bigl(\sigma^2/(1+\sigma^2)\bigr)^2", arm="no noise along K"),
    ],
)

descent = experiment.claim(
    "ddim-is-gradient-descent-corrected",
    r"x_t + (\sigma_{t-1} - \sigma_t)\epsilon"
    r" = x_t - \bigl(1 - \tfrac{\sigma_{t-1}}{\sigma_t}\bigr) \sigma_t\epsilon",
    source=DESCENT,
    entries="ddim-is-gradient-descent",
    form="corrected",
    check=gradient_step_symbolic,
    controls=[
        Control("the step size of DDPM", later=2),
        Control(r"\sigma_t^2\epsilon", power=2),
    ],
)
experiment.claim(
    "ddim-is-gradient-descent-as-stated",
    r"x_t + (\sigma_{t-1} - \sigma_t)\epsilon"
    r" = x_t - \bigl(1 - \tfrac{\sigma_{t-1}}{\sigma_t}\bigr) \epsilon",
    source=DESCENT,
    entries="ddim-is-gradient-descent",
    conditions="'with the gradient estimated by eps'",
    check=gradient_step_symbolic,
    power=0,
    expected="refuted",
    twin=descent,
)
experiment.claim(
    "ddim-is-gradient-descent-ideal-denoiser",
    r"x_{t-1} = x_t - \bigl(1 - \tfrac{\sigma_{t-1}}{\sigma_t}\bigr)"
    r" \textstyle\sum_i p_i(x_t)(x_t - x_i)",
    source=DESCENT,
    entries="ddim-is-gradient-descent",
    form="derived",
    conditions="one step of the sampler over a finite set, p the posterior by direct summation",
    check=gradient_step,
    controls=[
        Control("eps without sigma", arm="eps"),
        Control("the step size of DDPM", arm="step of DDPM"),
    ],
)

experiment.claim(
    "admissible-schedule-definition-reading-worst-case",
    r"\nu_{\min} = \max_t \max(\sqrt n\sigma_t/|x_t|, |x_t|/(\sqrt n\sigma_t)),"
    r"\quad \sigma\epsilon = (1 \pm \eta)x",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    kind="definition",
    form="reading",
    conditions="'slow enough to maintain the assumption' as two products of factors, one a step: "
    "necessary and sufficient against the worst error, K = {0}",
    check=smallest_nu_is_reached,
    controls=[
        Control("a tenth less eta", eta_factor=Fraction(9, 10)),
        Control("the error -eta x alone", signs=(-1,)),
    ],
)
experiment.claim(
    "admissible-schedule-definition-closed-form",
    r"\nu_{\min} = \nu_0 \prod_i \bigl(1 - \eta(\tfrac{\sigma_i}{\sigma_{i-1}} - 1)\bigr)^{-1}",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    form="derived",
    conditions="infinite once a factor is not positive",
    check=smallest_nu_closed_form,
    controls=[
        Control(r"\beta_i in place of \sigma_i/\sigma_{i-1} - 1", form="beta"),
        Control(r"without \nu_0", counts_nu0=False),
    ],
)
experiment.claim(
    "admissible-schedule-definition-longest-step",
    r"\nu_{\min} = \infty \iff \eta > 0,\ \max_i \beta_i \ge 1/(1 + \eta)",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    form="derived",
    conditions="sigma_0 = 0 allowed",
    check=steps_without_nu,
    controls=[
        Control("also for eta = 0, where a step to 0 has nu = 1", holds_at_zero=True),
        Control(r"\beta_i > 1/(1 + \eta)", strict=True),
        Control(r"\beta_i \ge 1 - \eta", edge=lambda eta: 1 - eta),
    ],
)
experiment.claim(
    "admissible-schedule-definition-one-inequality-symbolic",
    r"(1-\beta)^2 \ge (1 - \beta(1-\eta))(1 - \beta(1+\eta))",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    kind="inequality",
    form="derived",
    conditions="so the lower bound on the distance alone decides",
    check=other_inequality_is_weaker,
    controls=[Control("the other way round", sign=-1)],
)
experiment.claim(
    "admissible-schedule-definition-slower-is-better-symbolic",
    r"(1-\eta a)(1-\eta b) \ge 1 - \eta((1+a)(1+b) - 1)",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    kind="inequality",
    form="derived",
    conditions="splitting a step of ratio (1+a)(1+b) never raises nu: 'slow enough' is meaningful",
    check=splitting_helps,
    controls=[Control("the other way round", sign=-1)],
)
experiment.claim(
    "admissible-schedule-definition-named-schedules",
    r"1/\nu_{\min} = \prod_i \max\bigl(0, 1 - \eta(\tfrac{\sigma_i}{\sigma_{i-1}} - 1)\bigr)",
    source=Source("000", "slide 'Experiments on noise schedule'"),
    entries="admissible-schedule-definition",
    form="derived",
    conditions="log-linear, DDPM, DDPM offset, EDM and the document's own; 2 to 200 steps",
    check=nu_of_named_schedules,
    controls=[
        Control("a hundredth more eta", rule="1 % more"),
        Control(r"\beta_i in place of \sigma_i/\sigma_{i-1} - 1", rule="beta"),
    ],
)

constant = experiment.claim(
    "loglinear-admissible-constant-corrected",
    r"\sigma_{t-1} = (1-\beta)\sigma_t \text{ is } (\eta,\nu)\text{-admissible for } \beta \le"
    r" \tfrac{c}{\eta + c},\ c = 1 - \nu^{-1/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    kind="inequality",
    form="corrected",
    conditions="N steps, K = {0} and the worst errors",
    check=log_linear_is_admissible,
    controls=[
        Control(r"1.05\,\beta^*", factor=1.05),
        Control(r"c = \log(\nu)/N", rule="logarithm"),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-as-stated",
    r"\sigma_{t-1} = (1-\beta)\sigma_t \text{ is } (\eta,\nu)\text{-admissible for }"
    r" \beta < C(\eta,\nu)",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    kind="inequality",
    conditions="for every number of steps; C = beta*_100, and no other constant serves",
    check=log_linear_is_admissible,
    steps_of_beta=100,
    expected="refuted",
    twin=constant,
)
experiment.claim(
    "loglinear-admissible-constant-attained",
    r"\nu_{\min} = \nu \text{ at } \beta^* = \tfrac{c}{\eta + c},\ c = 1 - \nu^{-1/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    conditions="N steps from 1 to 300",
    check=log_linear_is_admissible,
    attained=True,
    controls=[
        Control(r"0.99\,\beta^*", factor=0.99),
        Control(r"c = \log(\nu)/N", rule="logarithm"),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-exact",
    r"\beta^* \text{ is admissible and } (1 + 10^{-9})\beta^* \text{ is not},\quad"
    r" c = 1 - (\nu_0/\nu)^{1/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    conditions="initial band nu0 = 3/2: the inequality is not strict, and sharp",
    check=largest_step_exact,
    nu0=Fraction(3, 2),
    controls=[
        Control(r"1.05\,\beta^*", factor=Fraction(21, 20)),
        Control(r"0.95\,\beta^*", factor=Fraction(19, 20)),
        Control(r"c = 1 - \nu^{-1/N}", counts_nu0=False),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-symbolic",
    r"(1-\beta^*)(\nu_0/\nu)^{1/N} = 1 - \beta^*(1+\eta)",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    check=beta_star_symbolic,
    controls=[Control(r"1 - \beta^*\eta", added=0)],
)
experiment.claim(
    "loglinear-admissible-constant-vanishes",
    r"N\beta^*_N \to \log(\nu)/\eta",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    kind="limit",
    form="derived",
    conditions="eta > 0: the infimum over N is 0, so no constant is free of N",
    check=constant_vanishes,
    controls=[
        Control(r"\log(\nu)/(1 + \eta)", added=1.0),
        Control(r"\sqrt N \beta^*_N", power=0.5),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-nodes",
    r"\sigma_k = \sigma_N (\sigma_0/\sigma_N)^{k/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    conditions="the library's log-linear schedule against 40 digits",
    check=log_linear_nodes,
    controls=[
        Control("exponent k/(N + 1)", arm="N + 1"),
        Control("EDM's nodes shifted", schedule="edm", arm="N + 1"),
    ],
)

experiment.claim(
    "admissible-infinite-step-limit-symbolic",
    r"(1-\beta^*_N)^N \to \nu^{-1/\eta},\quad"
    r" (1 - \beta^*_N(1-\eta))^N \to \nu^{-(1-\eta)/\eta}",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="limit",
    form="derived",
    conditions="beta* with c = 1 - nu^(-1/N); derivative at 1/N = 0 of the logarithm",
    check=infinite_steps_symbolic,
    controls=[
        Control(r"\nu^{-1/(1+\eta)}", added=1),
        Control("twice the contraction", contraction=2),
    ],
)
experiment.claim(
    "admissible-infinite-step-limit",
    r"\log(\sigma_N/\sigma_0) \to \log(\nu)/\eta",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="limit",
    form="derived",
    conditions="the largest ratio that N admissible steps span; N to 25,600",
    check=infinite_steps,
    controls=[
        Control(r"\log(\nu)/(1+\eta)", added=1.0),
        Control("a fiftieth less", factor=0.98),
    ],
)
experiment.claim(
    "admissible-infinite-step-limit-cap-symbolic",
    r"\rho^{-\eta} \ge 1 - \eta(\rho - 1)",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="inequality",
    form="derived",
    conditions="over the steps: sigma_N/sigma_0 <= nu^(1/eta) for every admissible schedule",
    check=cap_symbolic,
    controls=[Control(r"\rho^{-(1+\eta)}", added=1)],
)
experiment.claim(
    "admissible-infinite-step-limit-cap",
    r"\sigma_N/\sigma_0 \le \nu_{\min}^{1/\eta}",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="inequality",
    form="derived",
    conditions="five named schedules where admissible",
    check=cap_of_named_schedules,
    controls=[
        Control(r"\nu^{1/(1+\eta)}", plus=1.0),
        Control(r"\nu^{0.9/\eta}", factor=0.9),
    ],
)

theorem = experiment.claim(
    "ddim-tracking-theorem-corrected",
    r"\tfrac1\nu \mathrm{dist}_K(x_t) \le \sqrt n\sigma_t \le \nu\,\mathrm{dist}_K(x_t)",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    form="corrected",
    conditions="relative error eta, admissible schedule (here beta*), dist(x_N) = sqrt(n) sigma_N",
    check=tracks_exactly,
    controls=[
        Control("an inadmissible schedule, 1.05 beta*", factor=Fraction(21, 20)),
        Control("a start 1 % of the way to the band's edge", inside=Fraction(1, 100)),
    ],
)
experiment.claim(
    "ddim-tracking-theorem-as-stated",
    r"\tfrac1\nu \mathrm{dist}_K(x_t) \le \sqrt n\sigma_t \le \nu\,\mathrm{dist}_K(x_t)",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    conditions="no condition on x_N: a start 30 % of the way to the band's edge",
    check=tracks_exactly,
    inside=Fraction(3, 10),
    expected="refuted",
    twin=theorem,
)
experiment.claim(
    "ddim-tracking-theorem-initial-band",
    r"\tfrac1\nu \mathrm{dist}_K(x_t) \le \sqrt n\sigma_t \le \nu\,\mathrm{dist}_K(x_t),\quad"
    r" c = 1 - (\nu_0/\nu)^{1/N}",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    form="derived",
    conditions="start on the edge of the band nu0 = 13/10",
    check=tracks_exactly,
    nu0=Fraction(13, 10),
    controls=[Control(r"1.05\,\beta^*", factor=Fraction(21, 20))],
)
experiment.claim(
    "ddim-tracking-theorem-known-sets",
    r"\prod_i (1 + \eta e_i)^{-1} \le \frac{\sqrt n\sigma_t}{\nu_0\mathrm{dist}_K(x_t)} \le"
    r" \prod_i (1 - \eta e_i)^{-1},\quad e_i = \tfrac{\sigma_i}{\sigma_{i-1}} - 1",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    form="derived",
    conditions=ON_SETS + "; nu0 = sqrt(n) sigma_N/dist(x_N)",
    check=tracks_on_known_sets,
    controls=[
        Control("a tenth less eta", scale=0.9),
        Control("a start 1 % above", start=1.01),
        Control("a start 1 % below", start=0.99),
    ],
)
experiment.claim(
    "ddim-tracking-theorem-images",
    r"\prod_i (1 + \eta_i e_i)^{-1} \le \frac{\sqrt n\sigma_t}{\nu_0\mathrm{dist}_K(x_t)} \le"
    r" \prod_i (1 - \eta_i e_i)^{-1}",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    form="derived",
    conditions=ON_IMAGES + " at each step",
    check=tracks_on_images,
    controls=[Control("exact tracking, eta = 0", scale=0.0), Control("a tenth", scale=0.1)],
)
experiment.claim(
    "ddim-tracking-theorem-images-band",
    r"\tfrac12 \mathrm{dist}_K(x_t) \le \sqrt n\sigma_t \le 2\,\mathrm{dist}_K(x_t)",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="empirical",
    form="derived",
    conditions="nine of ten trajectories, log-linear from sigma = 40 to 0.05; " + ON_IMAGES,
    check=stays_in_band,
    controls=[
        Control("an inadmissible schedule: one step from 10 to 0.1", schedule="leap"),
        Control("a band of 2 %", nu=1.02),
    ],
)
experiment.claim(
    "ddim-tracking-theorem-inadmissible-images",
    r"\beta_i \ge 1/(1 + \eta_i) \text{ and } \sqrt n\sigma_t \notin"
    r" [\tfrac12 \mathrm{dist}_K, 2\,\mathrm{dist}_K] \text{ for some } t",
    source=TRACKING,
    entries=("ddim-tracking-theorem", "admissible-schedule-definition"),
    kind="empirical",
    form="derived",
    conditions="one step from sigma = 10 to 0.1, every trajectory; " + ON_IMAGES,
    check=leaves_band,
    controls=[Control("the log-linear schedule", schedule="log-linear")],
)

two_sided_bound = experiment.claim(
    "ddim-two-sided-distance-bound-corrected",
    r"\prod_{i=t}^N \max(0, 1-\beta_i(\eta+1)) \le \frac{\mathrm{dist}_K(x_{t-1})}"
    r"{\mathrm{dist}_K(x_N)} \le \prod_{i=t}^N (1+\beta_i(\eta-1))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    kind="inequality",
    form="corrected",
    conditions="relative error eta at every step, beta_i = 1 - sigma_{i-1}/sigma_i",
    check=two_sided_exactly,
    controls=[
        Control(r"\eta in place of \eta + 1", plus=0),
        Control("nine tenths of eta above", upper_factor=Fraction(9, 10)),
    ],
)
experiment.claim(
    "ddim-two-sided-distance-bound-as-stated",
    r"\prod_{i=t}^N (1-\beta_i(\eta+1)) \le \frac{\mathrm{dist}_K(x_{t-1})}"
    r"{\mathrm{dist}_K(x_N)} \le \prod_{i=t}^N (1+\beta_i(\eta-1))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    kind="inequality",
    conditions="two steps of beta = 4/5 at eta = 1/2: the product is 1/25, the distance can be 0",
    check=two_sided_exactly,
    clamped=False,
    expected="refuted",
    twin=two_sided_bound,
)
experiment.claim(
    "ddim-two-sided-distance-bound-attained",
    r"\mathrm{dist}_K(x_{t-1}) = \mathrm{dist}_K(x_N) \prod_{i=t}^N (1-\beta_i(1\pm\eta))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    form="derived",
    conditions="K = {0}, sigma eps = (1 +- eta) x, while no lower factor is 0",
    check=attained_exactly,
    controls=[
        Control("a tenth less eta", eta_factor=Fraction(9, 10)),
        Control("the signs exchanged", swapped=True),
    ],
)
experiment.claim(
    "ddim-two-sided-distance-bound-known-sets",
    r"\prod_{i=t}^N \max(0, 1-\beta_i(\eta+1)) \le \frac{\mathrm{dist}_K(x_{t-1})}"
    r"{\mathrm{dist}_K(x_N)} \le \prod_{i=t}^N (1+\beta_i(\eta-1))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    kind="inequality",
    form="corrected",
    conditions=ON_SETS + ", its largest value along the trajectory",
    check=two_sided_on_known_sets,
    controls=[
        Control(r"\eta in place of \eta + 1", plus=0.0),
        Control(r"1 - \beta_i(\eta + 1) above", sign=-1.0),
        Control("a tenth less eta", scale=0.9),
    ],
)
experiment.claim(
    "ddim-two-sided-distance-bound-images",
    r"\prod_{i=t}^N \max(0, 1-\beta_i(\eta_i+1)) \le \frac{\mathrm{dist}_K(x_{t-1})}"
    r"{\mathrm{dist}_K(x_N)} \le \prod_{i=t}^N (1+\beta_i(\eta_i-1))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    kind="inequality",
    form="derived",
    conditions=ON_IMAGES + " at each step",
    check=two_sided_on_images,
    eta="step",
    controls=[
        Control(r"\eta in place of \eta + 1", plus=0.0),
        Control("eta = 0: both bounds equal", scale=0.0),
        Control(r"1 - \beta_i(\eta + 1) above", sign=-1.0),
    ],
)

fall = experiment.claim(
    "admissible-implies-dist-decreases-corrected",
    r"\mathrm{dist}_K(x_{t-1}) < \mathrm{dist}_K(x_t)",
    source=SCHEDULE,
    entries="admissible-implies-dist-decreases",
    kind="inequality",
    form="corrected",
    conditions="0 <= eta < 1, an admissible schedule, the error -eta x on K = {0}",
    check=decreases_exactly,
    controls=[
        Control("eta = 1", etas=(Fraction(1),)),
        Control("eta = 1.01", etas=(Fraction(1, 2), Fraction(101, 100))),
    ],
)
experiment.claim(
    "admissible-implies-dist-decreases-as-stated",
    r"\mathrm{dist}_K(x_{t-1}) < \mathrm{dist}_K(x_t)",
    source=SCHEDULE,
    entries="admissible-implies-dist-decreases",
    kind="inequality",
    conditions="eta >= 0 as on the slide, judged at eta = 3/2 on an admissible schedule",
    check=decreases_exactly,
    etas=(Fraction(3, 2),),
    expected="refuted",
    twin=fall,
)
experiment.claim(
    "admissible-implies-dist-decreases-known-sets",
    r"\mathrm{dist}_K(x_{t-1}) \le (1-\beta_t(1-\eta_t))\,\mathrm{dist}_K(x_t)",
    source=SCHEDULE,
    entries="admissible-implies-dist-decreases",
    kind="inequality",
    form="derived",
    conditions=ON_SETS,
    check=decreases_on_known_sets,
    controls=[
        Control("a tenth less eta", scale=0.9),
        Control(r"1-\beta_t(1+\eta_t)", sign=-1.0),
    ],
)
experiment.claim(
    "admissible-implies-dist-decreases-images",
    r"\mathrm{dist}_K(x_{t-1}) \le (1-\beta_t(1-\eta_t))\,\mathrm{dist}_K(x_t)",
    source=SCHEDULE,
    entries="admissible-implies-dist-decreases",
    kind="inequality",
    form="derived",
    conditions=ON_IMAGES + " at each step",
    check=decreases_on_images,
    controls=[
        Control("eta = 0", scale=0.0),
        Control(r"1-\beta_t(1+\eta_t)", sign=-1.0),
    ],
)
