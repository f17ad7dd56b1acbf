r"""Denoising as projection: where does a noised point project, and does the denoiser follow?

Document 000 says that for little noise most of it is normal to a d-dimensional K in R^n, so that
for reach(K) of order sigma sqrt(n) a noised point x_0 + sigma eps projects back to within about
sigma sqrt(d) of x_0 with high probability; that for much noise denoising and projection point the
same way, any weighted mean of the data being relatively close to the projection; and that
grad dist_K^2 / 2 is about dist_K eps / sqrt(n).

With constants: the normal share of |eps|^2 has a Beta law and falls below one half with probability
at most exp(-n KL(d/n, 1/2)/2), so "most" needs d < n/2. The theorem with both hidden constants 1 is
false (the error exceeds sigma sqrt(d) about every other time); with u = sqrt(2 log(2/delta)) and
R = sigma (sqrt(n) + u) < reach it holds as sigma (sqrt(d) + u) reach/(reach - R), and no curvature
factor smaller than Federer's serves every noise. The reach hypothesis is sufficient, not necessary:
a circle and a point cloud of a tenth of it do as well, a lattice fails. At high noise the error is
at most the diameter D of the data, (1 - 1/m) D for the ideal denoiser, and the angle obeys
cos >= 1 - D^2/(2 dist^2); at a fixed x no amount of assumed noise aligns them. The scaled noise
has a second error, |rho - 1| with rho = dist/(sqrt(n) sigma), besides rho eta.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr
from flint import arb, fmpq
from scipy import stats

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import schedules
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere, Torus
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.trajectories import relative_projection_error
from theorylab.images import datasets

experiment = Experiment()

SHAPES = {"line": 1, "20-plane": 20, "circle": 1, "20-sphere": 20, "torus": 2}
RATIOS = (1.2, 2.0, 4.0)  # reach / (sigma sqrt(n)); where it is infinite, 1 / (sigma sqrt(n))
HALF = fmpq(1, 2)
DIMS = (64, 100, 400, 3072)
SCALES = (4.0, 16.0, 64.0, 256.0, 1024.0)  # |sigma eps| / D
ROWS = 1000  # queries at a time


# ---- measurements: low noise ------------------------------------------------------------------


def tube(shape, dim, generator):
    """A set of reach 1 (or infinite), turned at random in R^dim."""
    frame = torch.randn(max(SHAPES[shape] + 1, 3), dim, dtype=torch.float64, generator=generator)
    if shape in ("line", "20-plane"):
        return AffineSubspace(frame[: SHAPES[shape]])
    if shape == "torus":
        return Torus(2.5, 1.0, frame=frame)
    return Sphere(SHAPES[shape], 1.0, frame=frame[: SHAPES[shape] + 1])


def tangent_length(closed_set, x0, v):
    """|P_T v| on the tangent space at x0 in K, from its parametrisation."""
    if isinstance(closed_set, AffineSubspace):
        return (v @ closed_set.basis.T).norm(dim=1)
    u, w = (x0 - closed_set.centre) @ closed_set.frame.T, v @ closed_set.frame.T
    if isinstance(closed_set, Sphere):
        u = u / u.norm(dim=1, keepdim=True)
        return (w - (w * u).sum(1, keepdim=True) * u).norm(dim=1)
    ring = u[:, :2].norm(dim=1)
    cos_p, sin_p = (u[:, :2] / ring[:, None]).unbind(1)
    cos_t, sin_t = (ring - closed_set.major) / closed_set.minor, u[:, 2] / closed_set.minor
    along = -sin_p * w[:, 0] + cos_p * w[:, 1]
    across = -sin_t * (cos_p * w[:, 0] + sin_p * w[:, 1]) + cos_t * w[:, 2]
    return torch.hypot(along, across)


@experiment.measure(
    grid={"shape": list(SHAPES), "dim": [24, 400, 3072]},
    quick={"dim": [24, 200], "samples": 5000},
    default={"samples": 10_000},
    paper={"samples": 100_000},
)
def tubes(shape, dim, samples, generator):
    """|proj(x_0 + sigma eps) - x_0| / sigma, and the share of |eps|^2 normal to K at x_0."""
    closed_set = tube(shape, dim, generator)
    shares, errors = [], []
    for start in range(0, samples, ROWS):
        x0 = closed_set.sample(min(ROWS, samples - start), generator)
        eps = torch.randn(x0.shape, dtype=torch.float64, generator=generator)
        tangent = tangent_length(closed_set, x0, eps)
        shares.append(1 - (tangent / eps.norm(dim=1)).square())
        sigmas = [1 / (ratio * math.sqrt(dim)) for ratio in RATIOS]
        errors.append(
            torch.stack([(closed_set.project(x0 + s * eps) - x0).norm(dim=1) / s for s in sigmas])
        )
    return xr.Dataset(
        {
            "share": ("sample", torch.cat(shares).numpy(), {"long_name": "normal share"}),
            "error": (("ratio", "sample"), torch.cat(errors, 1).numpy(), {"units": "sigma"}),
            "intrinsic": SHAPES[shape],
            "flat": math.isinf(closed_set.reach),
        },
        {"ratio": list(RATIOS)},
    )


@experiment.measure(
    grid={"shape": ["circle", "20-sphere", "torus"]},
    quick={"starts": 64, "steps": 150},
    default={"starts": 400, "steps": 600},
)
def worst_noise(shape, starts, steps, generator, rng):
    """The v, |v| < reach = 1, that maximises |proj(x_0 + v) - x_0| (1 - |v|)/|v_T| in a search."""
    closed_set = tube(shape, SHAPES[shape] + 3, generator)
    x0 = closed_set.sample(starts, generator)

    def parts(v):
        v = torch.as_tensor(v)
        error = (closed_set.project(x0 + v) - x0).norm(dim=1)
        return [a.numpy() for a in (error, tangent_length(closed_set, x0, v), v.norm(dim=1))]

    def amplification(v):
        error, tangent, length = parts(v)
        # A tangent part below 1e-3 of the noise would only amplify rounding.
        allowed = (tangent > 1e-3 * length) & (length < 0.95)
        return np.where(allowed, error * (1 - length) / np.maximum(tangent, 1e-12), 0.0)

    first = 0.3 * rng.standard_normal(x0.shape) / math.sqrt(x0.shape[1])
    v, _ = checks.adversarial_search(amplification, first, rng, steps=steps, scale=0.05)
    error, tangent, length = parts(v)
    return xr.Dataset(
        {"error": ("start", error), "tangent": ("start", tangent), "length": ("start", length)}
    )


@experiment.measure(grid={"set": ["circle", "points", "lattice"]}, quick={"samples": 1000})
def below_reach(set, generator, samples=4000):
    """|proj - x_0| / sigma where the reach is only a tenth of sigma sqrt(n)."""
    dim = 100 if set == "lattice" else 2500
    errors = []
    if set == "circle":
        closed_set, sigma = Sphere(1, 1.0, ambient_dim=dim), 10 / math.sqrt(dim)
    elif set == "points":
        closed_set = PointCloud(torch.randn(50, dim, dtype=torch.float64, generator=generator))
        sigma = 10 * closed_set.reach / math.sqrt(dim)
    else:
        sigma, spacing = 1.0, 0.2 * math.sqrt(dim)
    for _ in range(0, samples, 250):
        eps = torch.randn(250, dim, dtype=torch.float64, generator=generator)
        if set == "lattice":  # the origin stands for every point of h Z^n
            errors.append(spacing * (sigma * eps / spacing).round().norm(dim=1))
        else:
            x0 = closed_set.sample(250, generator)
            errors.append((closed_set.project(x0 + sigma * eps) - x0).norm(dim=1) / sigma)
    intrinsic = 1 if set == "circle" else 0
    return xr.Dataset(
        {"error": ("sample", torch.cat(errors).numpy(), {"units": "sigma"}), "intrinsic": intrinsic}
    )


@experiment.measure(
    grid={"set": ["20 in R^4", "200 in R^16", "digits"]},
    data=("digits",),
    quick={"set": ["20 in R^4", "200 in R^16"], "samples": 1500},
    default={"samples": 20_000},
)
def finite_sets(set, samples, generator):
    """How often a noised point of a finite K does not project back, against sums of Phi."""
    points = data_points(set, generator)
    gaps = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    gaps.fill_diagonal_(torch.inf)
    cloud, spacing, rows = PointCloud(points), float(gaps.amin(1).median()), []
    chosen = torch.randint(len(points), (samples,), generator=generator)
    for level in (2.0, 3.0):
        sigma = spacing / level
        x = points[chosen] + sigma * torch.randn(
            samples, points.shape[1], dtype=torch.float64, generator=generator
        )
        lost = int((cloud.nearest(x).point != points[chosen]).any(1).sum())
        tails = [torch.special.ndtr(-gaps / (k * sigma)).sum(1) for k in (2, 1)]
        rows.append([lost, *(float(t[chosen].clamp(max=1).mean()) for t in tails)])
    lost, halved, whole = np.transpose(rows)
    return xr.Dataset(
        {
            "lost": ("level", lost.astype(int)),
            "bound": (("halving", "level"), np.stack([halved, whole])),
            "samples": samples,
        },
        {"level": [2.0, 3.0], "halving": [2, 1]},
    )


def data_points(name, generator, limit=60_000):
    """Points of a finite set, (m, n) float64; images in [-1, 1]."""
    if name == "digits":
        return datasets.as_float(datasets.digits()).flatten(1)
    if name == "fashion-mnist":
        data = datasets.fashion_mnist()
        return datasets.as_float(data._replace(images=data.images[:limit])).flatten(1)
    m, n = (int(part.split("^")[-1]) for part in name.replace("R^", "").split(" in "))
    return torch.randn(m, n, dtype=torch.float64, generator=generator)


# ---- measurements: high noise -----------------------------------------------------------------


@experiment.measure(
    grid={"set": ["equidistant pair", "one against nine", "8 in R^3", "digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"set": ["equidistant pair", "one against nine", "8 in R^3", "digits"], "queries": 32},
    default={"queries": 128},
)
def far_away(set, queries, generator, images=1000):
    """Weighted means against the projection at x_0 + sigma eps with |sigma eps| = scale D.

    The fashion images are the first 1,000, so that their diameter is computed from all pairs.
    """
    if set == "equidistant pair":
        points = torch.tensor([[-0.5, 0.0], [0.5, 0.0]], dtype=torch.float64)
    elif set == "one against nine":
        points = torch.ones(10, 1, dtype=torch.float64).index_fill_(0, torch.tensor(0), 0.0)
    else:
        points = data_points(set, generator, images)
    diameter, (m, n) = float(torch.cdist(points, points).max()), points.shape
    cloud, denoiser = PointCloud(points), IdealDenoiser(points)
    eps = torch.randn(queries, n, dtype=torch.float64, generator=generator)
    x0 = cloud.sample(queries, generator)
    if set == "equidistant pair":
        x0, eps = torch.zeros_like(x0), eps * torch.tensor([0.0, 1.0])
    eps = eps / eps.norm(dim=1, keepdim=True)
    weights = -torch.rand(queries, m, dtype=torch.float64, generator=generator).log()
    inside = torch.lerp(points[:1], points[1:2], 0.25).expand(queries, n)
    rows = []
    for scale in SCALES:
        size = scale * diameter
        x, sigma = x0 + size * eps, size / math.sqrt(n)
        p = cloud.nearest(x).point
        means = {
            "ideal": denoiser(x, sigma),
            "mean": points.mean(0).expand_as(x),
            "random": weights / weights.sum(1, keepdim=True) @ points,
            "one point": points[torch.cdist(p, points).argmax(1)],
            "fixed x": denoiser(inside, sigma),
        }
        errors, turns = [], []
        for name, mean in means.items():
            at, near = (inside, cloud.nearest(inside).point) if name == "fixed x" else (x, p)
            errors.append((mean - near).norm(dim=1) / diameter)
            a, b = (v / v.norm(dim=1, keepdim=True) for v in (mean - at, near - at))
            turns.append((a - b).square().sum(1) / 2)  # 1 - cos without cancellation
        rows.append([torch.stack(errors), torch.stack(turns), (x - p).norm(dim=1) / diameter])
    errors, turns, distance = (torch.stack(column).numpy() for column in zip(*rows, strict=True))
    return xr.Dataset(
        {
            "error": (("scale", "mean", "query"), errors, {"units": "diameter"}),
            "turn": (("scale", "mean", "query"), turns, {"long_name": "1 - cos"}),
            "distance": (("scale", "query"), distance, {"units": "diameter"}),
            "points": m,
        },
        {"scale": list(SCALES), "mean": list(means)},
    )


@experiment.measure(
    grid={"set": ["subspace", "digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"starts": 4, "images": 1000},
    default={"starts": 12, "images": 10_000},
    paper={"starts": 200, "images": 60_000},
)
def trajectories(set, starts, images, generator):
    """Relative errors of D and of dist eps/sqrt(n) along DDIM from sigma = 800 to 0.05."""
    if set == "subspace":  # N(0, I_16) on a subspace of R^64
        basis = torch.randn(16, 64, dtype=torch.float64, generator=generator)
        closed_set = AffineSubspace(basis)
        denoiser = GaussianMixture.low_rank(None, torch.zeros(1, 64), closed_set.basis.T[None])
        diameter = math.inf
    else:
        points = data_points(set, generator, images)
        closed_set, denoiser = PointCloud(points), IdealDenoiser(points)
        # Any ball around all of K has at least the radius of K: twice it bounds the diameter.
        diameter = 2 * float((points - points.mean(0)).norm(dim=1).max())
    n = closed_set.ambient_dim
    sigmas, rows = schedules.log_linear(24, 0.05, 800.0), []
    first = float(sigmas[0]) * torch.randn(starts, n, dtype=torch.float64, generator=generator)
    for sigma, x in zip(sigmas.tolist(), ddim(denoiser, first, sigmas), strict=True):
        p, denoised = closed_set.project(x), denoiser(x, sigma)
        distance = (x - p).norm(dim=1)
        scaled = [distance[:, None] * (x - denoised) / (sigma * r) for r in (math.sqrt(n), n)]
        found = [relative_projection_error(denoised, x, p), distance / (math.sqrt(n) * sigma)]
        found += [(s - (x - p)).norm(dim=1) / distance for s in scaled]
        rows.append(torch.stack([*found, diameter / distance]))
    rows = torch.stack(rows, 1).numpy()
    names = ("eta", "rho", "scaled", "scaled_by_n", "bound")
    rows[-1] = np.where(np.isinf(rows[-1]), -1.0, rows[-1])  # -1: no bound, K is not bounded
    return xr.Dataset(
        {name: (("sigma", "start"), row) for name, row in zip(names, rows, strict=True)},
        {"sigma": sigmas.numpy()},
    )


# ---- checks -----------------------------------------------------------------------------------


def normal_share(tubes, lost=0, tangent=0):
    """KS distance of the normal share from Beta((n - d + lost)/2, (d + tangent)/2)."""
    rows = {}
    for shape in tubes.shape.values:
        for n in tubes.dim.values:
            d, sample = SHAPES[str(shape)], tubes.share.sel(shape=shape, dim=n)
            law = stats.beta((n - d + lost) / 2, (d + tangent) / 2)
            rows[f"{shape}, n={n}"] = checks.ks_distance(sample.values, law.cdf)
    return checks.law_1d(
        xr.DataArray(list(rows.values()), {"set": list(rows)}, "set"),
        tubes.sizes["sample"],
        0.08,
        reason="twice the band of 5,000 samples; one tangent dimension more moves a line's by 0.2",
    )


def chance_of_less_than_half(n, d):
    """P(normal share < 1/2) = I_{1/2}((n - d)/2, d/2), a ball."""
    return arb(HALF).beta_lower(arb(fmpq(n - d, 2)), arb(fmpq(d, 2)), regularized=True)


def chernoff(power=HALF):
    """P(normal share < 1/2) <= exp(-power n KL(d/n, 1/2)) for d < n/2."""
    pairs = [(n, d) for n in (4, 24, 64, 400, 3072) for d in (1, n // 8, n // 4, n // 2 - 1) if d]
    balls = []
    for n, d in pairs:
        p = arb(fmpq(d, n))
        divergence = p * (2 * p).log() + (1 - p) * (2 * (1 - p)).log()
        # Logarithms: both sides are as small as exp(-1000).
        balls.append(chance_of_less_than_half(n, d).log() + arb(power) * n * divergence)
    return checks.certificate(
        xr.DataArray(balls, {"pair": [f"n={n}, d={d}" for n, d in pairs]}, "pair"),
        (-math.inf, 0.0),
        "a bound on a probability, compared by logarithms",
    )


def mostly_normal(share=HALF / 2):
    """P(normal share > 1/2) >= 0.99 for n >= 64 and every d <= share n."""
    pairs = [(n, d) for n in DIMS for d in range(1, n, n // 16) if fmpq(d, n) <= share]
    pairs += [(n, n // k) for n in DIMS for k in (2, 4) if fmpq(1, k) <= share]
    balls = [1 - chance_of_less_than_half(n, d) for n, d in pairs]
    return checks.certificate(
        balls, (0.99, math.inf), "'most' read as more than half, 'high probability' as 0.99"
    )


def low_noise(tubes, constant=1.0, concentration=True, curvature=True, delta=0.05):
    """P(error > constant (sqrt(d) + u) reach/(reach - R)) <= delta, R = sigma (sqrt(n) + u)."""
    u = math.sqrt(2 * math.log(2 / delta)) if concentration else 0.0
    outer = (1 + u / np.sqrt(tubes.dim)) / tubes.ratio  # R / reach
    factor = 1 / (1 - outer.where(~tubes.flat & (outer < 1), 0)) if curvature else 1.0
    bound = constant * (np.sqrt(tubes.intrinsic) + u) * factor
    return checks.proportion(
        (tubes.error > bound).sum("sample"),
        tubes.sizes["sample"],
        delta,
        0,
        relation="<=",
        reason="a bound on a probability",
        where=(outer < 1) | tubes.flat,
        note=f"largest error/bound {float((tubes.error / bound).where(outer < 1).max()):.3g}",
    )


def error_law(tubes, extra=0, scale=1.0):
    """Law of |proj - x_0| / sigma against chi_d, d + extra degrees, on sets of any curvature."""
    rows = {}
    for shape in tubes.shape.values:
        for n in tubes.dim.values[tubes.dim.values >= 200]:
            sample = scale * tubes.error.sel(shape=shape, dim=n, ratio=4.0).values
            law = stats.chi(SHAPES[str(shape)] + extra)
            rows[f"{shape}, n={n}"] = checks.ks_distance(sample, law.cdf)
    return checks.law_1d(
        xr.DataArray(list(rows.values()), {"set": list(rows)}, "set"),
        tubes.sizes["sample"],
        0.08,
        reason="twice the band of 5,000 samples; curvature changes the length by 2 % or less here",
    )


def federer(worst_noise, reached=1.0, curved=True):
    """|proj(x_0 + v) - x_0| <= |v_T| / (1 - reached |v|), reach 1."""
    factor = 1 / (1 - reached * worst_noise.length) if curved else 1.0
    ratio = worst_noise.error / (worst_noise.tangent * factor)
    return checks.bound(
        (ratio - 1).max("start", skipna=False),
        1e-9,
        1e-6,
        reason="rounding 1e-16 over tangent parts of 1e-5 and more; a control gains 5 % or more",
        tightness=ratio,
    )


def returns(below_reach, sets, allowed=2.716):
    """P(error <= sigma (sqrt(d) + u)) >= 0.95 though reach = sigma sqrt(n)/10."""
    some = below_reach.sel(set=sets)
    close = (some.error <= np.sqrt(some.intrinsic) + allowed).sum("sample")
    return checks.proportion(
        close, some.sizes["sample"], 0.95, 0, relation=">=", reason="a bound on a probability"
    )


def finite_return(finite_sets, halving=2):
    """P(proj(x_0 + sigma eps) != x_0) <= sum_i Phi(-|x_i - x_0| / (halving sigma))."""
    return checks.proportion(
        finite_sets.lost,
        finite_sets.samples,
        finite_sets.bound.sel(halving=halving),
        0,
        relation="<=",
        reason="a bound on a probability, averaged over the same x_0 as the count",
    )


BOUNDED = ["ideal", "mean", "random", "one point"]


def weighted_mean(far_away, means=BOUNDED, constant=1.0, lost=0):
    """|mean - proj| <= constant (1 - lost/m) D."""
    allowed = constant * (1 - lost / far_away.points)
    ratio = far_away.error.sel(mean=means) / allowed
    return checks.bound(
        (ratio - 1).max(["query", "scale"], skipna=False),
        1e-12,
        1e-9,
        reason="attained to rounding; a control is off by a tenth or more",
        tightness=ratio,
    )


def vanishes(far_away, constant=1.0, power=1):
    """|mean - proj| / dist <= constant (D/(|sigma eps| - D))^power, for every weighted mean."""
    h = 1 / far_away.scale
    return checks.envelope(
        (far_away.error.sel(mean=BOUNDED) / far_away.distance).max("query"),
        0.0,
        constant * (1 + 1e-6) * (1 / (far_away.scale - 1)) ** power,
        0.01,
        reason="D over the least distance of x_0 + sigma eps; attained, hence the 1e-6",
        dim="scale",
        h=h,
        rounding=1e-12,
    )


def angle_symbolic(factor=2):
    """cos = (s^2 + r^2 - D^2)/(2 s r) >= 1 - D^2/(factor r^2) for a point at distance s >= r of x.

    r = dist, the point within D of the projection; means of such points lie in the same cone.
    """
    r, t, diameter = sp.symbols("r t D", positive=True)
    s = r + t
    gap = (s**2 + r**2 - diameter**2) / (2 * s * r) - (1 - diameter**2 / (factor * r**2))
    square = (r * t**2 + diameter**2 * t) / (2 * s * r**2)
    witness = {r: 1, t: sp.Rational(1, 100), diameter: sp.Rational(1, 2)}
    return checks.proof_nonnegative(gap, witness, equals=square if factor == 2 else None)


def same_direction(far_away, means=BOUNDED, factor=2.0):
    """1 - cos <= D^2/(factor (|sigma eps| - D)^2)."""
    h = 1 / far_away.scale
    return checks.envelope(
        far_away.turn.sel(mean=means).max("query"),
        0.0,
        1 / (factor * (far_away.scale - 1) ** 2),
        0.01,
        reason="from cos >= 1 - D^2/(2 dist^2) and dist >= |sigma eps| - D",
        dim="scale",
        h=h,
        rounding=1e-14,
    )


def angle_bound(far_away, factor=2.0):
    """1 - cos <= D^2/(factor dist^2) at the distance that was measured."""
    ratio = far_away.turn.sel(mean=BOUNDED) * factor * far_away.distance**2
    return checks.bound(
        (ratio - 1).max(["query", "scale"], skipna=False),
        1e-6,
        1e-5,
        reason="|a - b|^2 of unit vectors a quarter of 1e-3 apart is known to 1e-9 of itself",
        tightness=ratio,
    )


def scaled_noise(trajectories, mismatch=1.0, norm="scaled"):
    """|dist eps/sqrt(n) - (x - proj)| <= (mismatch |rho - 1| + rho eta) dist."""
    allowed = mismatch * abs(trajectories.rho - 1) + trajectories.rho * trajectories.eta
    excess = trajectories[norm] - allowed
    return checks.bound(
        excess.max(["sigma", "start"], skipna=False),
        1e-10,
        1e-6,
        reason="the triangle inequality; rounding of a relative error in R^784",
        tightness=trajectories[norm] / allowed.where(allowed > 0),
    )


IMAGES = ["digits", "fashion-mnist"]


def below_diameter(trajectories, factor=1.0):
    """eta <= factor D'/dist along trajectories, D' twice the radius about the mean."""
    some = trajectories.sel(set=[s for s in IMAGES if s in trajectories.set])
    ratio = some.eta / (factor * some.bound)
    return checks.bound(
        (ratio - 1).max(["sigma", "start"], skipna=False),
        1e-12,
        1e-9,
        level="observation",
        reason="the projection and D lie in one ball of the data",
        tightness=ratio,
    )


def tail(trajectories, order=1):
    """eta ~ 1/sigma at the top of the trajectories."""
    some = trajectories.sel(set=[s for s in IMAGES if s in trajectories.set])
    return checks.rate(
        some.eta.mean("start"),
        order,
        0.2,
        reason="below half the distance to the next order",
        h=1 / some.sigma,
        dim="sigma",
        last=4,
        level="observation",
    )


def hump(trajectories, top=1.0, allowed=0.1):
    """Mean eta <= allowed where sigma <= 0.3 top or sigma >= 40 / top; top = inf: everywhere."""
    some = trajectories.sel(set=[s for s in IMAGES if s in trajectories.set])
    ends = (some.sigma <= 0.3 * top) | (some.sigma >= 40.0 / top)
    return checks.bound(
        some.eta.mean("start") - allowed,
        1e-9,
        1e-3,
        level="observation",
        reason="'small' read as a tenth, as in the document's plot, where the largest is 0.09",
        where=ends,
    )


# ---- claims -----------------------------------------------------------------------------------

LOW = "Denoising approximates projection: low noise"
HIGH = "Denoising approximates projection: high noise"
CLOSED = "closed C^2 submanifold of dimension d, or a finite set (d = 0)"


def claim(id, statement, place, *, entries=None, **options):
    names = ("noise-mostly-normal", "low-noise-projection-theorem", "high-noise-same-direction")
    names += ("weighted-mean-small-relative-error", "grad-f-approx-by-scaled-eps")
    names += ("ideal-denoiser-vs-projection-cifar10",)
    own = entries or next(name for name in names if id.startswith(name))
    return experiment.claim(id, statement, source=Source("000", place), entries=own, **options)


claim(
    "noise-mostly-normal-law",
    r"|P_N\epsilon|^2/|\epsilon|^2 \sim \mathrm{Beta}\bigl(\tfrac{n-d}2, \tfrac d2\bigr)",
    LOW,
    kind="law",
    form="corrected",
    conditions="at every x_0 of a subspace, a sphere, a torus; whatever sigma is",
    check=normal_share,
    controls=[
        Control(r"\mathrm{Beta}(n/2, d/2)", lost=20),
        Control(r"\mathrm{Beta}((n-d)/2, (d+1)/2)", tangent=1),
    ],
)
claim(
    "noise-mostly-normal-chernoff",
    r"\mathbb{P}\bigl(|P_N\epsilon|^2 < \tfrac12|\epsilon|^2\bigr) \le"
    r" e^{-n\,\mathrm{KL}(d/n,\,1/2)/2}",
    LOW,
    kind="inequality",
    form="derived",
    conditions="d < n/2; n from 4 to 3072, by enclosures",
    check=chernoff,
    controls=[Control("three quarters of n KL in the exponent", power=fmpq(3, 4))],
)
most = claim(
    "noise-mostly-normal-corrected",
    r"d \le n/4 \Rightarrow \mathbb{P}(|P_N\epsilon|^2 > \tfrac12|\epsilon|^2) \ge 0.99",
    LOW,
    kind="inequality",
    form="corrected",
    conditions="n = 64, 100, 400, 3072",
    check=mostly_normal,
    controls=[Control("d <= n/2", share=HALF)],
)
claim(
    "noise-mostly-normal-as-stated",
    r"\mathbb{P}(|P_N\epsilon|^2 > \tfrac12|\epsilon|^2) \ge 0.99",
    LOW,
    kind="inequality",
    conditions="any d < n, as printed ('low-dimensional' has no number)",
    check=mostly_normal,
    share=fmpq(1),
    expected="refuted",
    twin=most,
)

theorem = claim(
    "low-noise-projection-theorem-corrected",
    r"\mathbb{P}\Bigl(|\mathrm{proj}_K(x_\sigma) - x_0| \le \sigma(\sqrt d + u)\frac{\tau}{\tau-R}"
    r"\Bigr) \ge 1-\delta,\ u = \sqrt{2\log\tfrac2\delta},\ R = \sigma(\sqrt n + u) < \tau",
    LOW,
    kind="inequality",
    form="corrected",
    conditions=f"K a {CLOSED} of reach tau; delta = 0.05; d = 1, 2, 20, n = 24 to 3072",
    check=low_noise,
    controls=[
        Control("half of it", constant=0.5),
        Control(r"\sigma\sqrt d\,\tau/(\tau - R)", concentration=False),
    ],
)
claim(
    "low-noise-projection-theorem-as-stated",
    r"\tau \ge \sigma\sqrt n \Rightarrow |\mathrm{proj}_K(x_\sigma) - x_0| \le \sigma\sqrt d",
    LOW,
    kind="inequality",
    conditions="both hidden constants read as 1; with high probability read as 0.95",
    check=low_noise,
    concentration=False,
    curvature=False,
    expected="refuted",
    twin=theorem,
)
claim(
    "low-noise-projection-theorem-law",
    r"|\mathrm{proj}_K(x_\sigma) - x_0|/\sigma \sim \chi_d",
    LOW,
    kind="law",
    form="derived",
    conditions="exact on a subspace; on sphere and torus up to O(sqrt(d) sigma/tau); n >= 200",
    check=error_law,
    controls=[Control(r"\chi_{d+1}", extra=1), Control("a tenth less", scale=0.9)],
)
claim(
    "low-noise-projection-theorem-federer",
    r"|\mathrm{proj}_K(x_0 + v) - x_0| \le |P_T v|\,\frac{\tau}{\tau - |v|}",
    LOW,
    kind="inequality",
    form="derived",
    conditions="|v| < tau, the worst v found by search (Federer 1959, Theorem 4.8 (8), (12))",
    check=federer,
    controls=[
        Control("no curvature factor", curved=False),
        Control(r"\tau/(\tau - 0.9|v|)", reached=0.9),
    ],
)
claim(
    "low-noise-projection-theorem-reach-not-needed",
    r"\tau = \sigma\sqrt n/10:\ \mathbb{P}(|\mathrm{proj}_K(x_\sigma) - x_0| \le"
    r" \sigma(\sqrt d + u)) \ge 0.95",
    LOW,
    kind="inequality",
    form="derived",
    conditions="a circle and 50 random points in R^2500: the hypothesis is not necessary",
    check=returns,
    sets=["circle", "points"],
    controls=[
        Control("on the lattice h Z^100: nor can it be left out", sets=["lattice"]),
        Control("error 0 on the circle too", sets=["circle"], allowed=-1.0),
    ],
)
claim(
    "low-noise-projection-theorem-finite",
    r"\mathbb{P}(\mathrm{proj}_K(x_\sigma) \ne x_0) \le"
    r" \textstyle\sum_{i} \Phi(-|x_i - x_0|/2\sigma)",
    LOW,
    kind="inequality",
    form="derived",
    conditions="finite K, d = 0: spacings of 2 sigma sqrt(2 log m) suffice, whatever n",
    check=finite_return,
    controls=[Control(r"\Phi(-|x_i - x_0|/\sigma)", halving=1)],
)

claim(
    "weighted-mean-small-relative-error-bound",
    r"\bigl|\textstyle\sum_i w_i x_i - \mathrm{proj}_K(x)\bigr| \le D",
    HIGH,
    kind="inequality",
    form="corrected",
    conditions="K of diameter D, any weights; attained",
    check=weighted_mean,
    controls=[Control("0.9 D", constant=0.9)],
)
claim(
    "weighted-mean-small-relative-error-ideal",
    r"|D(x,\sigma) - \mathrm{proj}_K(x)| \le (1 - \tfrac1m) D",
    HIGH,
    kind="inequality",
    form="derived",
    conditions="the ideal denoiser of m equally likely points, every x and sigma",
    check=weighted_mean,
    means=["ideal"],
    lost=1,
    controls=[
        Control(r"(1 - 2/m) D", lost=2),
        Control(r"\tfrac12 D", constant=0.5, lost=0),
    ],
)
claim(
    "weighted-mean-small-relative-error",
    r"\bigl|\textstyle\sum_i w_i x_i - \mathrm{proj}_K(x)\bigr|/\mathrm{dist}_K(x) \le"
    r" \frac{D}{\sigma|\epsilon| - D} \to 0",
    HIGH,
    kind="limit",
    conditions="x = x_0 + sigma eps, sigma to infinity, bounded K",
    check=vanishes,
    controls=[Control("order 2", power=2), Control("half of it", constant=0.5)],
)

claim(
    "high-noise-same-direction-symbolic",
    r"\cos\angle(\hat x - x, \mathrm{proj}_K(x) - x) \ge 1 - \frac{D^2}{2\,\mathrm{dist}_K(x)^2}",
    HIGH,
    kind="inequality",
    form="derived",
    conditions="any xhat in conv K, dist > D/sqrt(2); two equidistant points attain it",
    check=angle_symbolic,
    controls=[Control(r"1 - D^2/(3\,\mathrm{dist}^2)", factor=3)],
)
claim(
    "high-noise-same-direction-bound",
    r"\cos\angle(\hat x - x, \mathrm{proj}_K(x) - x) \ge 1 - \frac{D^2}{2\,\mathrm{dist}_K(x)^2}",
    HIGH,
    kind="inequality",
    form="derived",
    conditions="ideal denoiser and other weighted means, on sets and images",
    check=angle_bound,
    controls=[Control(r"1 - D^2/(2.2\,\mathrm{dist}^2)", factor=2.2)],
)
aligned = claim(
    "high-noise-same-direction-corrected",
    r"1 - \cos\angle(\hat x - x, \mathrm{proj}_K(x) - x) \le \frac{D^2}{2(\sigma|\epsilon| - D)^2}"
    r" \to 0",
    HIGH,
    kind="limit",
    form="corrected",
    conditions="x = x_0 + sigma eps moves out with sigma",
    check=same_direction,
    controls=[Control("a fifth of it", factor=10.0)],
)
claim(
    "high-noise-same-direction-as-stated",
    r"1 - \cos\angle(D(x,\sigma) - x, \mathrm{proj}_K(x) - x) \to 0,\ \sigma \to \infty",
    HIGH,
    kind="limit",
    conditions="as printed: sigma is large, nothing is said of x; here x is fixed",
    check=same_direction,
    means=["fixed x"],
    expected="refuted",
    twin=aligned,
)

scaled = claim(
    "grad-f-approx-by-scaled-eps-corrected",
    r"\bigl|\mathrm{dist}\,\epsilon/\sqrt n - \nabla f\bigr| \le (|\rho - 1| + \rho\eta)\,"
    r"\mathrm{dist},\quad \rho = \frac{\mathrm{dist}}{\sqrt n\sigma}",
    "Our error model",
    kind="inequality",
    form="corrected",
    conditions="where |sigma eps - grad f| <= eta dist; along DDIM on a subspace and images",
    check=scaled_noise,
    controls=[
        Control("n for sqrt(n)", norm="scaled_by_n"),
        Control("half of the mismatch", mismatch=0.5),
    ],
)
claim(
    "grad-f-approx-by-scaled-eps-as-stated",
    r"\bigl|\mathrm{dist}\,\epsilon/\sqrt n - \nabla f\bigr| \le \rho\eta\,\mathrm{dist}",
    "Our error model",
    kind="inequality",
    conditions="the approximation read as as good as that of sigma eps: no term for rho",
    check=scaled_noise,
    mismatch=0.0,
    expected="refuted",
    twin=scaled,
)

PLOT = "Ideal denoiser equivalent to gradient of smoothed distance, plot"
claim(
    "ideal-denoiser-vs-projection-cifar10-bound",
    r"\eta_t \le 2\max_i|x_i - \bar x|/\mathrm{dist}_K(x_t)",
    PLOT,
    kind="inequality",
    form="derived",
    conditions="along DDIM from sigma = 800 to 0.05 over the digits and Fashion-MNIST",
    check=below_diameter,
    controls=[Control("a twentieth of it", factor=0.05)],
)
claim(
    "ideal-denoiser-vs-projection-cifar10-tail",
    r"\eta_t = \Theta(\sigma_t^{-1})",
    PLOT,
    kind="rate",
    form="derived",
    conditions="sigma from 200 to 800, digits and Fashion-MNIST",
    check=tail,
    controls=[Control("order 2", order=2), Control("order 1/2", order=0.5)],
)
ends = claim(
    "ideal-denoiser-vs-projection-cifar10-corrected",
    r"E\,\eta_t \le \tfrac1{10} \text{ for } \sigma_t \le 0.3 \text{ and } \sigma_t \ge 40",
    PLOT,
    kind="empirical",
    form="corrected",
    conditions="digits and Fashion-MNIST along DDIM of the ideal denoiser",
    check=hump,
    controls=[Control("a thousandth for a tenth", allowed=0.001)],
)
claim(
    "ideal-denoiser-vs-projection-cifar10-reading",
    r"E\,\eta_t \le \tfrac1{10} \text{ at every noise level}",
    PLOT,
    kind="empirical",
    form="reading",
    conditions="the plot's statement for CIFAR-10 carried over to other images",
    check=hump,
    top=math.inf,
    expected="refuted",
    twin=ends,
)
