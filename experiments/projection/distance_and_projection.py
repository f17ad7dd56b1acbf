r"""Distance and projection: what is differentiable, what smoothing bounds, and on which manifolds?

Document 000 defines dist_K as an infimum and proj_K(x) as the set of points that attain it, calls
proj_K(x) - x "the direction of steepest descent (i.e. neg. gradient)" of dist_K, says that the
gradient is not continuous while that of the smoothed distance is, defines the reach as the largest
tau with a unique projection where dist_K <= tau, and supposes that data lie near manifolds of low
dimension.

proj_K(x) is never empty only if K is closed. The negative gradient of dist_K is the direction over
the distance, a unit vector; then dist_K is 1-Lipschitz and |x|^2/2 - dist_K^2/2 convex. grad dist_K
jumps for every closed K: at K itself. What is learned, the gradient of dist_K^2/2, jumps only off
convex sets (Motzkin, Bunt), by the distance between the two nearest points; smoothed, it has the
Hessian I - Cov(x_0|x)/sigma^2 between 1 - D^2/(4 sigma^2) and 1. The largest tau of the reach does
not exist with "<=": the supremum with "<" is Federer's. Digits and Fashion-MNIST have fewer
dimensions than a 20-sphere by two estimators that recover known dimensions up to 10 within 20 %.
"""

import math
from itertools import pairwise

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distance import distance_gradient, smoothed_distance_squared
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.intrinsic_dimension import maximum_likelihood_dimension
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere, Torus
from theorylab.images import datasets

experiment = Experiment()

SETS = ["pair", "20 in R^4", "digits", "circle", "torus", "subspace", "box"]
CONVEX = ["subspace", "box"]
STEPS = tuple(10.0**-k for k in range(1, 7))
LEVELS = (0.1, 0.3, 1.0, 3.0)  # sigma over half the smallest spacing
KNOWN = {"circle": 1, "torus": 2, "5-sphere": 5, "10-sphere": 10}


class Box:
    """[-1, 1]^3, a convex body; distance and projection only."""

    def project(self, x):
        return x.clamp(-1, 1)

    def distance(self, x):
        return (x - self.project(x)).norm(dim=1)


def closed_set(name, generator):
    """The set, and its distance by a formula that gradients flow through."""
    if name in ("pair", "20 in R^4", "digits"):
        points = finite_points(name, generator)
        return PointCloud(points), lambda x: (x[:, None] - points).norm(dim=2).amin(1)
    frame = torch.randn(3, 5, dtype=torch.float64, generator=generator)
    chosen = {
        "circle": Sphere(1, 1.5, frame=frame[:2]),
        "torus": Torus(2.5, 1.0, frame=frame),
        "subspace": AffineSubspace(frame[:2], frame[2]),
        "box": Box(),
    }[name]
    return chosen, chosen.distance


def finite_points(name, generator):
    if name == "digits":
        return datasets.as_float(datasets.digits()).flatten(1)
    if name == "pair":
        return torch.tensor([[-0.6, 0.0, 0.0], [0.6, 0.0, 0.0]], dtype=torch.float64)
    if name == "simplex":
        return torch.eye(4, dtype=torch.float64)
    return torch.randn(20, 4, dtype=torch.float64, generator=generator)


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"set": SETS},
    data=("digits",),
    quick={"queries": 24},
    default={"queries": 500},
    paper={"queries": 5000},
)
def geometry(set, queries, generator):
    """Lipschitz quotients and second differences of dist_K over pairs; its gradient by autograd."""
    chosen, distance = closed_set(set, generator)
    dim = {"digits": 64, "20 in R^4": 4, "pair": 3, "box": 3}.get(set, 5)
    size = torch.logspace(-1, 1, queries, dtype=torch.float64)[:, None]
    x, step = (
        torch.randn(queries, dim, dtype=torch.float64, generator=generator) for _ in range(2)
    )
    x = 1.5 * x
    if set != "digits":
        x[:, 0] += 2.5  # beside the sets as well as around them
    y = x + size * step
    gap = (x - y).norm(dim=1)
    near, far, middle = (chosen.distance(z) for z in (x, y, (x + y) / 2))
    second = (near**2 + far**2) / 2 - middle**2
    point = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(distance(point).sum(), point)
    outside = near > 1e-6  # inside the box there is no direction
    slope, x, projection = (z[outside] for z in (slope, x, chosen.project(x)))
    vectors = {"unit": distance_gradient(x, projection), "printed": x - projection}
    vectors["half"] = vectors["printed"] / 2
    error = [float((slope - v).norm(dim=1).max()) for v in vectors.values()]
    cosine = torch.nn.functional.cosine_similarity(slope, x - projection)
    return xr.Dataset(
        {
            "lipschitz": float(((near - far).abs() / gap).max()),
            "curvature": float((4 * second / gap**2).max()),
            "error": ("arm", error, {"long_name": "largest |grad dist - vector|"}),
            "least_cosine": float(cosine.min()),
            "least_cosine_reversed": float((-cosine).min()),
        },
        {"arm": list(vectors)},
    )


@experiment.measure(grid={"set": SETS}, data=("digits",), quick={"queries": 16})
def jumps(set, generator, queries=64):
    """|grad f(x + h u) - grad f(x - h u)|, f = dist^2/2, across the medial axis; grad dist at K."""
    chosen, _ = closed_set(set, generator)
    middle, u, gap, on_set, normal, across = crossings(set, chosen, queries, generator)
    half, whole, at_set = [], [], []
    for h in STEPS:
        first, second = (z - chosen.project(z) for z in (middle + h * u, middle - h * u))
        half.append((first - second).norm(dim=1).numpy())
        ends = [z - chosen.project(z) for z in (on_set + h * normal, on_set - h * normal)]
        at_set.append((ends[0] - ends[1]).norm(dim=1).numpy())
        # Inside a body dist is 0, and so is its gradient.
        units = [z / z.norm(dim=1, keepdim=True).clamp(min=1e-12) for z in ends]
        whole.append((units[0] - units[1]).norm(dim=1).numpy())
    rows = ("step", "query")
    return xr.Dataset(
        {
            "half_squared": (rows, np.array(half), {"long_name": "jump of grad dist^2/2"}),
            "distance": (rows, np.array(whole), {"long_name": "jump of grad dist at K"}),
            "half_squared_at_set": (rows, np.array(at_set)),
            "gap": ("query", np.broadcast_to(gap, queries), {"long_name": "of nearest points"}),
            "at_set": across,
        },
        {"step": list(STEPS)},
    )


def crossings(name, chosen, queries, generator):
    """Where to cross: a middle point, a direction, the gap of its nearest points; K, its normal."""
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator)
    unit = lambda v: v / v.norm(dim=1, keepdim=True)
    if isinstance(chosen, PointCloud):
        points = chosen.points
        gaps = torch.cdist(points, points).fill_diagonal_(torch.inf)
        index = torch.randint(len(points), (queries,), generator=generator)
        a, b = points[index], points[gaps[index].argmin(1)]
        # No third point lies in the ball of a point and its nearest: the middle has two nearest.
        return (a + b) / 2, unit(b - a), (b - a).norm(dim=1), a, unit(draw(*a.shape)), 2.0
    if name in CONVEX:
        x = chosen.project(3 * draw(queries, 5 if name == "subspace" else 3))
        if name == "box":
            x[:, 0] = 1.0
            normal = torch.eye(1, 3, dtype=torch.float64).expand(queries, 3)
            return x, normal, 0.0, x, normal, 1.0
        shift = draw(queries, 5)
        normal = unit(shift - shift @ chosen.basis.T @ chosen.basis)
        return x, normal, 0.0, x, normal, 2.0
    angle = 2 * math.pi * torch.rand(queries, dtype=torch.float64, generator=generator)
    around = torch.stack([angle.cos(), angle.sin()], 1) @ chosen.frame[:2]
    if name == "circle":
        return 0 * around, around, 2 * chosen.radius, chosen.radius * around, around, 2.0
    core, outer = chosen.major * around, (chosen.major + chosen.minor) * around
    return core, around, 2 * chosen.minor, outer, around, 2.0


@experiment.measure(
    grid={"set": ["pair", "simplex", "20 in R^4", "digits"]},
    data=("digits",),
    quick={"set": ["pair", "simplex", "20 in R^4"], "queries": 8},
    default={"queries": 32},
)
def smoothed(set, queries, generator):
    """Smoothed distances against dist^2, their Hessians by autograd, and gradient quotients."""
    points = finite_points(set, generator)
    cloud, (m, n) = PointCloud(points), points.shape
    denoiser, diameter = IdealDenoiser(points), float(torch.cdist(points, points).max())
    x0 = cloud.sample(queries, generator)
    eps = torch.randn(queries, n, dtype=torch.float64, generator=generator)
    gaps = torch.cdist(points, points).fill_diagonal_(torch.inf)
    pair = points[list(divmod(int(gaps.argmin()), m))]  # of nearest points
    middle = pair.mean(0) if set != "simplex" else points.mean(0)
    along = (pair[1:] - pair[:1]) / (pair[1] - pair[0]).norm()
    sums, means, ends, quotient, sharp = [], [], [], [], []
    for level in LEVELS:
        sigma = level * cloud.reach
        x = torch.cat([middle[None], x0[1:] + sigma * eps[1:]])
        squared = cloud.distance(x).square()
        total = smoothed_distance_squared(x, points, sigma)
        average = smoothed_distance_squared(x, points, sigma, torch.full((m,), 1 / m).double())
        sums.append(((total - squared) / (2 * sigma**2)).numpy())
        means.append(((average - squared) / (2 * sigma**2)).numpy())
        half = lambda z, s=sigma: smoothed_distance_squared(z[None], points, s)[0] / 2
        hessians = torch.stack([torch.autograd.functional.hessian(half, z) for z in x[:2]])
        eigenvalues = torch.linalg.eigvalsh(hessians)
        ends.append([float(eigenvalues.min()), float(eigenvalues.max())])
        h = 1e-4 * sigma
        for found, back in ((quotient, lambda z, s=sigma: denoiser(z, s)), (sharp, cloud.project)):
            first, second = (z - back(z) for z in (x + h * along, x - h * along))
            found.append(float((first - second).norm(dim=1).max() / (2 * h)))
    lowest, highest = np.transpose(ends)
    return xr.Dataset(
        {
            "sum": (("level", "query"), np.array(sums), {"units": "2 sigma^2"}),
            "mean": (("level", "query"), np.array(means), {"units": "2 sigma^2"}),
            "lowest": ("level", lowest, {"long_name": "least eigenvalue of the Hessian"}),
            "highest": ("level", highest, {"long_name": "largest eigenvalue of the Hessian"}),
            "quotient": (("arm", "level"), [quotient, sharp]),
            "spread": ("level", (diameter / np.array(LEVELS) / cloud.reach) ** 2),
            "points": m,
        },
        {"level": list(LEVELS), "arm": ["smoothed", "dist^2"]},
    )


@experiment.measure(
    grid={"set": ["simplex", "20 in R^4", "digits"]},
    data=("digits",),
    quick={"set": ["simplex", "20 in R^4"]},
)
def large_sigma(set, generator, queries=8):
    """Smoothed squared distance at large sigma, with the constant of the sum taken out."""
    points = finite_points(set, generator)
    x = torch.randn(queries, points.shape[1], dtype=torch.float64, generator=generator)
    h, rows = [0.02 * 2.0**-k for k in range(6)], []
    size = float(torch.cdist(x, points).max())
    for value in h:  # h = (size / sigma)^2
        sigma = size / math.sqrt(value)
        total = smoothed_distance_squared(x, points, sigma)
        rows.append(((total + 2 * sigma**2 * math.log(len(points))) / size**2).numpy())
    distances = torch.cdist(x, points).square() / size**2
    limits = [distances.mean(1), (x - points.mean(0)).square().sum(1) / size**2]
    return xr.Dataset(
        {
            "value": (("h", "query"), np.array(rows)),
            "target": (("arm", "query"), torch.stack(limits).numpy()),
        },
        {"h": h, "arm": ["mean of squares", "square of mean"]},
    )


REACHES = ["20 in R^4", "sphere", "torus 2.5, 1", "torus 1.4, 1"]


@experiment.measure(grid={"set": REACHES}, quick={"steps": 200}, default={"steps": 1000})
def reaches(set, steps, rng, generator):
    """inf |y - x|^2 / (2 dist(y - x, Tan_x)) over pairs of K (Federer 1959, Theorem 4.18)."""
    if set == "20 in R^4":
        chosen = PointCloud(finite_points(set, generator))
        gaps = torch.cdist(chosen.points, chosen.points).fill_diagonal_(torch.inf)
        least, claimed = float(gaps.min()) / 2, [chosen.reach, 2 * chosen.reach]
    elif set == "sphere":
        chosen = Sphere(2, 1.5)
        x, y = (chosen.sample(500, generator) for _ in range(2))
        normal = ((y - x) * x).sum(1).abs() / chosen.radius
        least = float(((y - x).square().sum(1) / (2 * normal)).min())
        claimed = [chosen.reach, 2 * chosen.reach]
    else:
        major, minor = (float(part) for part in set.removeprefix("torus ").split(", "))
        chosen = Torus(major, minor)

        def place(p, t):
            ring = major + minor * np.cos(t)
            return np.stack([ring * np.cos(p), ring * np.sin(p), minor * np.sin(t)], 1)

        def negative_radius(angles):
            p, t, q, s = angles.T
            v = place(q, s) - place(p, t)
            normal = np.stack([np.cos(t) * np.cos(p), np.cos(t) * np.sin(p), np.sin(t)], 1)
            size = (v**2).sum(1)
            off = np.abs((v * normal).sum(1))
            # Two close points would only amplify rounding.
            return np.where(size > 1e-4, -size / (2 * np.maximum(off, 1e-12)), -np.inf)

        start = rng.uniform(-math.pi, math.pi, (64, 4))
        _, values = checks.adversarial_search(negative_radius, start, rng, steps=steps)
        least, claimed = -float(values.max()), [chosen.reach, minor]
    return xr.Dataset(
        {"least": least, "claimed": ("arm", claimed)}, {"arm": ["library", "neighbour"]}
    )


@experiment.measure(
    grid={"set": ["digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"set": ["digits"], "fashion": 300},
    default={"fashion": 1000},
    paper={"fashion": 3750},
)
def dimensions(set, fashion, generator, parts=16):
    """Estimates on disjoint parts of the images, on images with shuffled pixels, on a sphere.

    Shuffling each pixel across the images keeps its law and destroys what joins the pixels.
    """
    data = datasets.digits() if set == "digits" else datasets.fashion_mnist()
    size = min(len(data.images) // parts, fashion)
    images = datasets.as_float(data._replace(images=data.images[: parts * size])).flatten(1)
    shuffled = torch.rand(images.shape, generator=generator).argsort(0)
    arms = {
        "images": images,
        "shuffled pixels": images.gather(0, shuffled),
        "20-sphere": Sphere(20, ambient_dim=images.shape[1]).sample(len(images), generator),
    }
    found = [
        [[estimate(part, k) for part in points.split(size)] for k in (2, 10)]
        for points in arms.values()
    ]
    return xr.Dataset(
        {"dimension": (("arm", "neighbours", "seed"), np.array(found)), "size": size},
        {"arm": list(arms), "neighbours": [2, 10]},
    )


def estimate(points, k):
    return maximum_likelihood_dimension(torch.unique(points, dim=0), k)


@experiment.measure(grid={"manifold": list(KNOWN)}, quick={"size": 500}, default={"size": 2000})
def known_dimensions(manifold, size, generator, parts=16):
    """The same estimates on manifolds of known dimension in R^64."""
    frame = torch.randn(11, 64, dtype=torch.float64, generator=generator)
    d = KNOWN[manifold]
    chosen = Torus(2.5, 1.0, frame=frame[:3]) if d == 2 else Sphere(d, frame=frame[: d + 1])
    found = [
        [maximum_likelihood_dimension(chosen.sample(size, generator), k) for _ in range(parts)]
        for k in (2, 10)
    ]
    return xr.Dataset(
        {"dimension": (("neighbours", "seed"), np.array(found)), "known": d},
        {"neighbours": [2, 10]},
    )


# ---- checks -----------------------------------------------------------------------------------


def attained(closed=True):
    """min over y in K of |x - y| exists, at the infimum: K = [0, 1] or ]0, 1[, x from outside."""
    y, counts = sp.symbols("y", real=True), {}
    domain = sp.Interval(0, 1) if closed else sp.Interval.open(0, 1)
    for x, infimum in ((-1, 1), (3, 2), (sp.Rational(1, 3), 0)):
        counts[str(x)] = len(sp.solveset(sp.Abs(y - x) - infimum, y, domain))
    return checks.certificate(
        list(counts.values()),
        (1, math.inf),
        "number of points of K at the infimum of the distances, solved exactly",
        dims=["x"],
        note=f"points at the infimum: {counts}",
    )


def lipschitz(geometry, constant=1.0):
    """|dist(x) - dist(y)| <= constant |x - y|."""
    return checks.bound(
        geometry.lipschitz / constant - 1,
        1e-12,
        1e-9,
        reason="rounding of two distances over a difference of a tenth",
        tightness=geometry.lipschitz / constant,
    )


def semiconcave(geometry, c=0.5):
    """|x|^2/2 - c dist^2 is midpoint convex: 2 c (second difference of dist^2) <= |x - y|^2/4."""
    return checks.bound(
        2 * c * geometry.curvature - 1,
        1e-10,
        1e-6,
        reason="second difference over |x - y|^2 >= 0.01; c = 0.55 exceeds it by a tenth",
        tightness=2 * c * geometry.curvature,
    )


def steepest(geometry, arm="unit"):
    """grad dist = vector of the arm, |grad dist| = 1."""
    return checks.identity(
        geometry.error.sel(arm=arm),
        1e-12,
        1e-9,
        reason="autograd of the distance's own formula; unit vectors to rounding",
    )


def steepest_symbolic(power=1):
    """Outside a circle of radius r, x = (a, b): grad dist = (x - proj)/dist^power."""
    a, b, r = sp.symbols("a b r", positive=True)
    s = sp.sqrt(a**2 + b**2)
    off = sp.Matrix([a, b]) * (1 - r / s)
    gradient = sp.Matrix([sp.diff(s - r, v) for v in (a, b)])
    return checks.proof(gradient - off / (s - r) ** power, {a: 3, b: 4, r: 2})


def descent_direction(geometry, arm="least_cosine"):
    """cos of the angle between grad dist and x - proj is 1."""
    return checks.bound(
        1 - geometry[arm], 1e-12, 1e-9, reason="a cosine of 1 to rounding; the reverse is off by 2"
    )


def jump(jumps, sets, factor=1.0):
    """| |grad f(x + hu) - grad f(x - hu)| - factor |p_1 - p_2| | <= 2 h."""
    some = jumps.sel(set=sets)
    deviation = abs(some.half_squared - factor * some.gap).max("query")
    return checks.envelope(
        deviation,
        0.0,
        (1 + 1e-6) * 2 * some.step,
        1e-5,
        reason="x moves by 2h between the sides, the nearest points do not; attained",
        dim="step",
        rounding=1e-13,
    )


def discontinuous(jumps, sets, variable="half_squared"):
    """At the smallest h the jump is at least 1000 times 2h."""
    some = jumps.sel(set=sets).isel(step=-1)
    quotient = (some[variable] / (2 * some.step)).min("query")
    return checks.bound(
        1 - quotient / 1000,
        1e-9,
        1e-6,
        reason="a Lipschitz gradient of constant 1 has quotient 1; jumps have 1e4 and more",
        note=f"smallest quotient {float(quotient.min()):.3g}",
    )


def no_jump(jumps, sets):
    """|grad f(x) - grad f(y)| <= |x - y|."""
    some = jumps.sel(set=sets)
    ratio = some.half_squared / (2 * some.step)
    return checks.bound(
        (ratio - 1).max(["query", "step"], skipna=False),
        1e-9,
        1e-6,
        reason="attained to the rounding of 1e-16 over a step of 1e-6",
        tightness=ratio,
    )


def smoothed_between(smoothed, version="sum", factor=1.0):
    """sum: -factor log m <= (value - dist^2)/(2 sigma^2) <= 0; mean: 0 <= . <= factor log m."""
    width, value = np.log(smoothed.points), smoothed[version]
    low, high = (-factor * width, 0.0) if version == "sum" else (0.0, factor * width)
    excess = np.maximum(value - high, low - value).max(["query", "level"], skipna=False)
    return checks.bound(
        excess,
        1e-9,
        1e-6,
        reason="attained at equidistant points and far from all but one",
        tightness=abs(value) / width,
    )


def hessian_between(smoothed, spread=0.25, top=1.0):
    """1 - spread D^2/sigma^2 <= Hessian <= top."""
    low = (1 - spread * smoothed.spread - smoothed.lowest) / (1 + smoothed.spread)
    excess = np.maximum(low, smoothed.highest - top)
    return checks.bound(
        excess.max("level"),
        1e-10,
        1e-6,
        reason="second derivatives by autograd; the midpoint of a pair attains the lower bound",
    )


def smooth_gradient(smoothed, arm="smoothed"):
    """|grad(x) - grad(y)| <= max(1, D^2/(4 sigma^2) - 1) |x - y|."""
    constant = np.maximum(1, smoothed.spread / 4 - 1)
    ratio = smoothed.quotient.sel(arm=arm) / constant
    return checks.bound(
        (ratio - 1).max("level"),
        1e-6,
        1e-4,
        reason="differences of gradients over a step of 1e-4 sigma",
        tightness=ratio,
    )


def constant_of_large_sigma(large_sigma, arm="mean of squares"):
    """Limit of dist^2(x, sigma) + 2 sigma^2 log m as sigma grows."""
    return checks.limit(
        large_sigma.value,
        large_sigma.target.sel(arm=arm, drop=True),
        1e-6,
        reason="in units of the largest squared distance; the two limits differ by 1e-2",
        exponents=(1, 2, 3),
        rounding=1e-12,
    )


def unique_within(closed=False, factor=1):
    """Most nearest points of an x with dist(x) < (closed: <=) factor reach, over a grid of x.

    K on the line in units of 1/4, so that all distances are exact integers.
    """
    counts = {}
    for points in ((-4, 4), (0, 8, 20), (-8, 0, 8, 16)):
        reach = min(b - a for a, b in pairwise(points)) // 2
        most = 0
        for x in range(points[0] - 8, points[-1] + 9):
            distances = sorted(abs(x - p) for p in points)
            within = distances[0] < factor * reach or (closed and distances[0] <= factor * reach)
            most = max(most, distances.count(distances[0])) if within else most
        counts[str(points)] = most
    return checks.certificate(
        list(counts.values()),
        (1, 1),
        "the projection is unique, counted in integers",
        dims=["set"],
        note=f"most nearest points: {counts}",
    )


def reach_formula(reaches, arm="library", halves=2):
    """reach = inf |y - x|^2 / (halves dist(y - x, Tan_x))."""
    return checks.identity(
        abs(reaches.least * 2 / halves / reaches.claimed.sel(arm=arm) - 1),
        1e-9,
        2e-3,
        reason="the search ends within 1e-3 of the infimum; neighbours are off by a factor 2",
    )


def low_dimensional(dimensions, arm="images"):
    """The images' estimate lies below that of a 20-sphere with as many points."""
    return checks.observation(
        dimensions.dimension.sel(arm=arm),
        dimensions.dimension.sel(arm="20-sphere"),
        0.0,
        reason="estimates are low in high dimension, alike for both: so they are compared",
        setting="disjoint parts of the data, drawn in stored order",
    )


def recovers(known_dimensions, extra=0, tolerance=0.2):
    """|estimate - d| <= tolerance d, averaged over samples."""
    known = known_dimensions.known + extra
    return checks.observation(
        known_dimensions.dimension / known,
        xr.ones_like(known_dimensions.dimension),
        tolerance,
        relation="==",
        reason="below half the distance from 1 to 2; at d = 10 the estimators are 10 % low",
        setting="independent samples of spheres and a torus in R^64",
    )


# ---- claims -----------------------------------------------------------------------------------

DISTANCE = Source("000", "Distance and projection")
SMOOTHED = Source("000", "Smoothed distance and approximate projection")
LOW = Source("000", "Denoising approximates projection: low noise")
NONCONVEX = [name for name in SETS if name not in CONVEX]


def claim(id, statement, source, **options):
    names = ("dist-and-projection-definitions", "steepest-descent-of-distance")
    names += ("distance-gradient-discontinuous", "smoothed-distance-smoothness-bounds-limits")
    names += ("reach-definition", "manifold-hypothesis")
    entry = next(name for name in names if id.startswith(name))
    return experiment.claim(id, statement, source=source, entries=entry, **options)


projects = claim(
    "dist-and-projection-definitions-corrected",
    r"K \text{ closed} \Rightarrow \exists\, y \in K: |x - y| = \mathrm{dist}_K(x)",
    DISTANCE,
    kind="definition",
    form="corrected",
    conditions="K = [0, 1] at three x",
    check=attained,
    controls=[Control("the open interval", closed=False)],
)
claim(
    "dist-and-projection-definitions-as-stated",
    r"\forall K:\ \exists\, y \in K: |x - y| = \mathrm{dist}_K(x)",
    DISTANCE,
    kind="definition",
    conditions="any K, as printed; ]0, 1[ decides",
    check=attained,
    closed=False,
    expected="refuted",
    twin=projects,
)
claim(
    "dist-and-projection-definitions-lipschitz",
    r"|\mathrm{dist}_K(x) - \mathrm{dist}_K(y)| \le |x - y|",
    DISTANCE,
    kind="inequality",
    form="derived",
    check=lipschitz,
    controls=[Control("0.9 |x - y|", constant=0.9)],
)
claim(
    "dist-and-projection-definitions-semiconcave",
    r"\tfrac12|x|^2 - \tfrac12\mathrm{dist}_K(x)^2 \text{ is convex}",
    DISTANCE,
    kind="inequality",
    form="derived",
    conditions="midpoints of pairs, on finite sets, manifolds and convex sets",
    check=semiconcave,
    controls=[Control(r"\tfrac12|x|^2 - 0.55\,\mathrm{dist}_K^2", c=0.55)],
)

unit = claim(
    "steepest-descent-of-distance-corrected",
    r"-\nabla\mathrm{dist}_K(x) = \frac{\mathrm{proj}_K(x) - x}{\mathrm{dist}_K(x)}",
    DISTANCE,
    form="corrected",
    conditions="x off K with one nearest point; autograd of the distance",
    check=steepest,
    controls=[Control("half the vector", arm="half")],
)
claim(
    "steepest-descent-of-distance-as-stated",
    r"-\nabla\mathrm{dist}_K(x) = \mathrm{proj}_K(x) - x",
    DISTANCE,
    check=steepest,
    arm="printed",
    expected="refuted",
    twin=unit,
)
claim(
    "steepest-descent-of-distance-reading-direction",
    r"\cos\angle(\nabla\mathrm{dist}_K(x), x - \mathrm{proj}_K(x)) = 1",
    DISTANCE,
    form="reading",
    conditions="'the direction of steepest descent' alone",
    check=descent_direction,
    controls=[Control("of steepest ascent", arm="least_cosine_reversed")],
)
symbolic = claim(
    "steepest-descent-of-distance-symbolic-corrected",
    r"-\nabla\mathrm{dist}_K(x) = (\mathrm{proj}_K(x) - x)/\mathrm{dist}_K(x)",
    DISTANCE,
    form="corrected",
    conditions="outside the circle of radius r",
    check=steepest_symbolic,
    controls=[Control(r"/\mathrm{dist}_K^2", power=2)],
)
claim(
    "steepest-descent-of-distance-symbolic-as-stated",
    r"-\nabla\mathrm{dist}_K(x) = \mathrm{proj}_K(x) - x",
    DISTANCE,
    conditions="the circle of radius 2 at (3, 4)",
    check=steepest_symbolic,
    power=0,
    expected="refuted",
    twin=symbolic,
)

claim(
    "distance-gradient-discontinuous-as-stated",
    r"\nabla\mathrm{dist}_K \text{ is not continuous}",
    SMOOTHED,
    kind="inequality",
    conditions="every closed K, convex or not: it jumps at K itself, by 2, or by 1 at a body",
    check=discontinuous,
    sets=SETS,
    variable="distance",
    controls=[Control(r"\nabla\tfrac12\mathrm{dist}_K^2", variable="half_squared_at_set")],
)
learned = claim(
    "distance-gradient-discontinuous-corrected",
    r"K \text{ not convex} \Rightarrow \nabla\tfrac12\mathrm{dist}_K^2 \text{ is not continuous}",
    SMOOTHED,
    kind="inequality",
    form="corrected",
    conditions="finite sets, circle, torus; this gradient is what is learned",
    check=discontinuous,
    sets=NONCONVEX,
    controls=[Control("a subspace, a box", sets=CONVEX)],
)
claim(
    "distance-gradient-discontinuous-reading-half-squared",
    r"\nabla\tfrac12\mathrm{dist}_K^2 \text{ is not continuous}",
    SMOOTHED,
    kind="inequality",
    form="reading",
    conditions="every closed K; a subspace and a box decide",
    check=discontinuous,
    sets=SETS,
    expected="refuted",
    twin=learned,
)
claim(
    "distance-gradient-discontinuous-convex",
    r"K \text{ convex} \Rightarrow |\nabla\tfrac12\mathrm{dist}_K^2(x) -"
    r" \nabla\tfrac12\mathrm{dist}_K^2(y)| \le |x - y|",
    SMOOTHED,
    kind="inequality",
    form="derived",
    conditions="a subspace and a box, across their boundaries",
    check=no_jump,
    sets=CONVEX,
    controls=[Control("K a circle", sets=["circle"])],
)
claim(
    "distance-gradient-discontinuous-jump",
    r"|\nabla\tfrac12\mathrm{dist}_K^2(x + hu) - \nabla\tfrac12\mathrm{dist}_K^2(x - hu)|"
    r" \to |p_1 - p_2|,\ h \to 0",
    SMOOTHED,
    kind="limit",
    form="derived",
    conditions="p_1, p_2 the nearest points of x on either side; digits: nearest neighbours",
    check=jump,
    sets=NONCONVEX,
    controls=[Control("half of it", factor=0.5), Control("a hundredth more", factor=1.01)],
)

claim(
    "smoothed-distance-smoothness-bounds-limits-continuous",
    r"|\nabla\tfrac12\mathrm{dist}_K^2(x,\sigma) - \nabla\tfrac12\mathrm{dist}_K^2(y,\sigma)|"
    r" \le \max\bigl(1, \tfrac{D^2}{4\sigma^2} - 1\bigr)|x - y|",
    SMOOTHED,
    kind="inequality",
    conditions="finite K of diameter D, across the points where dist^2 has a jump",
    check=smooth_gradient,
    controls=[Control("without smoothing", arm="dist^2")],
)
claim(
    "smoothed-distance-smoothness-bounds-limits-hessian",
    r"\bigl(1 - \tfrac{D^2}{4\sigma^2}\bigr) I \preceq \nabla^2\tfrac12\mathrm{dist}_K^2(x,\sigma)"
    r" \preceq I",
    SMOOTHED,
    kind="inequality",
    form="derived",
    conditions="the midpoint of a pair attains the lower bound, so convex from sigma = D/2",
    check=hessian_between,
    controls=[
        Control(r"1 - D^2/(5\sigma^2)", spread=0.2),
        Control(r"\preceq 0.9\, I", top=0.9),
    ],
)
for version, text in (
    ("sum", r"\mathrm{dist}_K^2 - 2\sigma^2\log m \le \mathrm{dist}_K^2(x,\sigma) \le"),
    ("mean", r"\mathrm{dist}_K^2 + 2\sigma^2\log m \ge \mathrm{dist}_K^2(x,\sigma) \ge"),
):
    claim(
        f"smoothed-distance-smoothness-bounds-limits-{version}",
        text + r" \mathrm{dist}_K(x)^2",
        SMOOTHED,
        kind="inequality",
        form="derived",
        conditions=f"-2 sigma^2 log of the {version} over m points",
        check=smoothed_between,
        version=version,
        controls=[Control(r"\sigma^2\log m", factor=0.5)],
    )
claim(
    "smoothed-distance-smoothness-bounds-limits-large-sigma",
    r"\mathrm{dist}_K^2(x,\sigma) + 2\sigma^2\log m \to \tfrac1m\textstyle\sum_i|x - x_i|^2",
    SMOOTHED,
    kind="limit",
    form="derived",
    conditions="sigma to infinity: the sum itself falls to minus infinity",
    check=constant_of_large_sigma,
    controls=[Control(r"\to |x - \bar x|^2", arm="square of mean")],
)

federer = claim(
    "reach-definition-corrected",
    r"\tau = \sup\{t : \mathrm{dist}_K(x) < t \Rightarrow \mathrm{proj}_K(x) \text{ unique}\}"
    r" \text{ has the property itself}",
    LOW,
    kind="definition",
    form="corrected",
    conditions="finite sets on the line, tau half the smallest spacing (Federer 1959, Def. 4.1)",
    check=unique_within,
    controls=[Control(r"\tau + \tau/2", factor=1.5)],
)
claim(
    "reach-definition-as-stated",
    r"\tau = \max\{t : \mathrm{dist}_K(x) \le t \Rightarrow \mathrm{proj}_K(x) \text{ unique}\}",
    LOW,
    kind="definition",
    conditions="with <= the property holds below tau and fails at tau: there is no largest",
    check=unique_within,
    closed=True,
    expected="refuted",
    twin=federer,
)
claim(
    "reach-definition-formula",
    r"\tau = \inf_{x \ne y \in K} \frac{|y - x|^2}{2\,\mathrm{dist}(y - x, \mathrm{Tan}_x K)}",
    LOW,
    form="derived",
    conditions="finite set, sphere, torus with tau = r and with tau = R - r; search for the pair",
    check=reach_formula,
    controls=[
        Control("without the 2", halves=1),
        Control("twice it, and r for the torus", arm="neighbour"),
    ],
)

claim(
    "manifold-hypothesis",
    r"\hat d(\text{images}) < \hat d(S^{20})",
    LOW,
    kind="empirical",
    form="reading",
    conditions="digits (n = 64) and Fashion-MNIST (n = 784); TwoNN and 10 neighbours",
    check=low_dimensional,
    controls=[Control("images with each pixel shuffled", arm="shuffled pixels")],
)
claim(
    "manifold-hypothesis-estimator",
    r"0.8\,d \le \hat d \le 1.2\,d",
    LOW,
    kind="empirical",
    form="derived",
    conditions="circle, torus, 5-sphere and 10-sphere in R^64",
    check=recovers,
    controls=[Control("one dimension more", extra=1)],
)
