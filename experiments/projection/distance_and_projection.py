r"""Distance and projection: when is there a nearest point, and where is the gradient continuous?

Document 000 defines dist_K as an infimum and proj_K(x) as the set of points that attain it, calls
proj_K(x) - x "the direction of steepest descent (i.e. neg. gradient)" of dist_K, and says that the
gradient is not continuous.

proj_K(x) is never empty only if K is closed. The negative gradient of dist_K is the direction over
the distance, a unit vector; then dist_K is 1-Lipschitz and |x|^2/2 - dist_K^2/2 convex. grad dist_K
jumps for every closed K: at K itself. What is learned, the gradient of dist_K^2/2, jumps only off
convex sets (Motzkin, Bunt), by the distance between the two nearest points.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distance import distance_gradient
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere, Torus
from theorylab.images import point_sets

experiment = Experiment()

SETS = ["pair", "20 in R^4", "digits", "circle", "torus", "subspace", "box"]
CONVEX = ["subspace", "box"]
PAIR = torch.tensor([[-0.6, 0.0, 0.0], [0.6, 0.0, 0.0]], dtype=torch.float64)
STEPS = tuple(10.0**-k for k in range(1, 7))


class Box:
    """[-1, 1]^3, a convex body; distance and projection only."""

    def project(self, x):
        return x.clamp(-1, 1)

    def distance(self, x):
        return (x - self.project(x)).norm(dim=1)


def closed_set(name, generator):
    """The set, and its distance by a formula that gradients flow through."""
    if name in ("pair", "20 in R^4", "digits"):
        points = PAIR if name == "pair" else point_sets.float_points(name, generator)
        return PointCloud(points), lambda x: (x[:, None] - points).norm(dim=2).amin(1)
    frame = torch.randn(3, 5, dtype=torch.float64, generator=generator)
    chosen = {
        "circle": Sphere(1, 1.5, frame=frame[:2]),
        "torus": Torus(2.5, 1.0, frame=frame),
        "subspace": AffineSubspace(frame[:2], frame[2]),
        "box": Box(),
    }[name]
    return chosen, chosen.distance


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


# ---- claims -----------------------------------------------------------------------------------

DISTANCE = Source("000", "Distance and projection")
SMOOTHED = Source("000", "Smoothed distance and approximate projection")
NONCONVEX = [name for name in SETS if name not in CONVEX]
definitions = experiment.about("dist-and-projection-definitions", DISTANCE)
descent = experiment.about("steepest-descent-of-distance", DISTANCE)
gradient_jump = experiment.about("distance-gradient-discontinuous", SMOOTHED)

projects = definitions(
    "corrected",
    r"K \text{ closed} \Rightarrow \exists\, y \in K: |x - y| = \mathrm{dist}_K(x)",
    kind="definition",
    conditions="K = [0, 1] at three x",
    check=attained,
    controls=[Control("the open interval", closed=False)],
)
definitions(
    "as-stated",
    r"\forall K:\ \exists\, y \in K: |x - y| = \mathrm{dist}_K(x)",
    kind="definition",
    conditions="any K, as printed; ]0, 1[ decides",
    check=attained,
    closed=False,
    expected="refuted",
    twin=projects,
)
definitions(
    "lipschitz",
    r"|\mathrm{dist}_K(x) - \mathrm{dist}_K(y)| \le |x - y|",
    kind="inequality",
    check=lipschitz,
    controls=[Control("0.9 |x - y|", constant=0.9)],
)
definitions(
    "semiconcave",
    r"\tfrac12|x|^2 - \tfrac12\mathrm{dist}_K(x)^2 \text{ is convex}",
    kind="inequality",
    conditions="midpoints of pairs, on finite sets, manifolds and convex sets",
    check=semiconcave,
    controls=[Control(r"\tfrac12|x|^2 - 0.55\,\mathrm{dist}_K^2", c=0.55)],
)

unit = descent(
    "corrected",
    r"-\nabla\mathrm{dist}_K(x) = \frac{\mathrm{proj}_K(x) - x}{\mathrm{dist}_K(x)}",
    conditions="x off K with one nearest point; autograd of the distance",
    check=steepest,
    controls=[Control("half the vector", arm="half")],
)
descent(
    "as-stated",
    r"-\nabla\mathrm{dist}_K(x) = \mathrm{proj}_K(x) - x",
    check=steepest,
    arm="printed",
    expected="refuted",
    twin=unit,
)
descent(
    "reading-direction",
    r"\cos\angle(\nabla\mathrm{dist}_K(x), x - \mathrm{proj}_K(x)) = 1",
    conditions="'the direction of steepest descent' alone",
    check=descent_direction,
    controls=[Control("of steepest ascent", arm="least_cosine_reversed")],
)
symbolic = descent(
    "symbolic-corrected",
    r"-\nabla\mathrm{dist}_K(x) = (\mathrm{proj}_K(x) - x)/\mathrm{dist}_K(x)",
    conditions="outside the circle of radius r",
    check=steepest_symbolic,
    controls=[Control(r"/\mathrm{dist}_K^2", power=2)],
)
descent(
    "symbolic-as-stated",
    r"-\nabla\mathrm{dist}_K(x) = \mathrm{proj}_K(x) - x",
    conditions="the circle of radius 2 at (3, 4)",
    check=steepest_symbolic,
    power=0,
    expected="refuted",
    twin=symbolic,
)

gradient_jump(
    "as-stated",
    r"\nabla\mathrm{dist}_K \text{ is not continuous}",
    kind="inequality",
    conditions="every closed K, convex or not: it jumps at K itself, by 2, or by 1 at a body",
    check=discontinuous,
    sets=SETS,
    variable="distance",
    controls=[Control(r"\nabla\tfrac12\mathrm{dist}_K^2", variable="half_squared_at_set")],
)
learned = gradient_jump(
    "corrected",
    r"K \text{ not convex} \Rightarrow \nabla\tfrac12\mathrm{dist}_K^2 \text{ is not continuous}",
    kind="inequality",
    conditions="finite sets, circle, torus; this gradient is what is learned",
    check=discontinuous,
    sets=NONCONVEX,
    controls=[Control("a subspace, a box", sets=CONVEX)],
)
gradient_jump(
    "reading-half-squared",
    r"\nabla\tfrac12\mathrm{dist}_K^2 \text{ is not continuous}",
    kind="inequality",
    conditions="every closed K; a subspace and a box decide",
    check=discontinuous,
    sets=SETS,
    expected="refuted",
    twin=learned,
)
gradient_jump(
    "convex",
    r"K \text{ convex} \Rightarrow |\nabla\tfrac12\mathrm{dist}_K^2(x) -"
    r" \nabla\tfrac12\mathrm{dist}_K^2(y)| \le |x - y|",
    kind="inequality",
    conditions="a subspace and a box, across their boundaries",
    check=no_jump,
    sets=CONVEX,
    controls=[Control("K a circle", sets=["circle"])],
)
gradient_jump(
    "jump",
    r"|\nabla\tfrac12\mathrm{dist}_K^2(x + hu) - \nabla\tfrac12\mathrm{dist}_K^2(x - hu)|"
    r" \to |p_1 - p_2|,\ h \to 0",
    kind="limit",
    conditions="p_1, p_2 the nearest points of x on either side; digits: nearest neighbours",
    check=jump,
    sets=NONCONVEX,
    controls=[Control("half of it", factor=0.5), Control("a hundredth more", factor=1.01)],
)
