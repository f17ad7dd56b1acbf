r"""Denoising at high noise: do denoiser and projection point the same way, far from the data?

Document 000 says that for much noise denoising and projection point the same way, any weighted mean
of the data being relatively close to the projection.

With constants: the error of a weighted mean is at most the diameter D of the data, (1 - 1/m) D for
the ideal denoiser, and the angle obeys cos >= 1 - D^2/(2 dist^2), which two equidistant points
attain. It is x that has to move away: at a fixed x no amount of assumed noise aligns them.
"""

import math

import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.manifolds import PointCloud
from theorylab.images import point_sets

experiment = Experiment()

SCALES = (4.0, 16.0, 64.0, 256.0, 1024.0)  # |sigma eps| / D


# ---- measurements -----------------------------------------------------------------------------


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
        points = point_sets.float_points(set, generator, images)
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


# ---- checks -----------------------------------------------------------------------------------

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


# ---- claims -----------------------------------------------------------------------------------

HIGH = Source("000", "Denoising approximates projection: high noise")
relative_error = experiment.about("weighted-mean-small-relative-error", HIGH)
direction = experiment.about("high-noise-same-direction", HIGH)

relative_error(
    "bound",
    r"\bigl|\textstyle\sum_i w_i x_i - \mathrm{proj}_K(x)\bigr| \le D",
    kind="inequality",
    form="corrected",
    conditions="K of diameter D, any weights; attained",
    check=weighted_mean,
    controls=[Control("0.9 D", constant=0.9)],
)
relative_error(
    "ideal",
    r"|D(x,\sigma) - \mathrm{proj}_K(x)| \le (1 - \tfrac1m) D",
    kind="inequality",
    conditions="the ideal denoiser of m equally likely points, every x and sigma",
    check=weighted_mean,
    means=["ideal"],
    lost=1,
    controls=[
        Control(r"(1 - 2/m) D", lost=2),
        Control(r"\tfrac12 D", constant=0.5, lost=0),
    ],
)
relative_error(
    "",
    r"\bigl|\textstyle\sum_i w_i x_i - \mathrm{proj}_K(x)\bigr|/\mathrm{dist}_K(x) \le"
    r" \frac{D}{\sigma|\epsilon| - D} \to 0",
    kind="limit",
    conditions="x = x_0 + sigma eps, sigma to infinity, bounded K",
    check=vanishes,
    controls=[Control("order 2", power=2), Control("half of it", constant=0.5)],
)

direction(
    "symbolic",
    r"\cos\angle(\hat x - x, \mathrm{proj}_K(x) - x) \ge 1 - \frac{D^2}{2\,\mathrm{dist}_K(x)^2}",
    kind="inequality",
    conditions="any xhat in conv K, dist > D/sqrt(2); two equidistant points attain it",
    check=angle_symbolic,
    controls=[Control(r"1 - D^2/(3\,\mathrm{dist}^2)", factor=3)],
)
direction(
    "bound",
    r"\cos\angle(\hat x - x, \mathrm{proj}_K(x) - x) \ge 1 - \frac{D^2}{2\,\mathrm{dist}_K(x)^2}",
    kind="inequality",
    conditions="ideal denoiser and other weighted means, on sets and images",
    check=angle_bound,
    controls=[Control(r"1 - D^2/(2.2\,\mathrm{dist}^2)", factor=2.2)],
)
aligned = direction(
    "corrected",
    r"1 - \cos\angle(\hat x - x, \mathrm{proj}_K(x) - x) \le \frac{D^2}{2(\sigma|\epsilon| - D)^2}"
    r" \to 0",
    kind="limit",
    conditions="x = x_0 + sigma eps moves out with sigma",
    check=same_direction,
    controls=[Control("a fifth of it", factor=10.0)],
)
direction(
    "as-stated",
    r"1 - \cos\angle(D(x,\sigma) - x, \mathrm{proj}_K(x) - x) \to 0,\ \sigma \to \infty",
    kind="limit",
    conditions="as printed: sigma is large, nothing is said of x; here x is fixed",
    check=same_direction,
    means=["fixed x"],
    expected="refuted",
    twin=aligned,
)
