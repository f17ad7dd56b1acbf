r"""Smoothed distance, its bounds: how smooth is it, and how far from the distance?

Document 000 says that the gradient of the smoothed distance is continuous where that of the
distance is not.

It is: smoothed, the gradient of dist_K^2/2 has the Hessian I - Cov(x_0|x)/sigma^2 between
1 - D^2/(4 sigma^2) and 1, D the diameter of K, and the midpoint of a pair attains the lower bound.
The value differs from dist_K^2 by at most 2 sigma^2 log m for m points, below for the sum and above
for the mean; as sigma grows, the sum plus that constant tends to the mean of the squared distances.
"""

import math

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distance import smoothed_distance_squared
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.manifolds import PointCloud
from theorylab.images import point_sets

experiment = Experiment()

SMALL = {
    "pair": torch.tensor([[-0.6, 0.0, 0.0], [0.6, 0.0, 0.0]], dtype=torch.float64),
    "simplex": torch.eye(4, dtype=torch.float64),
}
LEVELS = (0.1, 0.3, 1.0, 3.0)  # sigma over half the smallest spacing


def points_of(name, generator):
    return SMALL[name] if name in SMALL else point_sets.float_points(name, generator)


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"set": ["pair", "simplex", "20 in R^4", "digits"]},
    data=("digits",),
    quick={"set": ["pair", "simplex", "20 in R^4"], "queries": 8},
    default={"queries": 32},
)
def smoothed(set, queries, generator):
    """Smoothed distances against dist^2, their Hessians by autograd, and gradient quotients."""
    points = points_of(set, generator)
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
    points = points_of(set, generator)
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


# ---- checks -----------------------------------------------------------------------------------


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


# ---- claims -----------------------------------------------------------------------------------

SMOOTHED = Source("000", "Smoothed distance and approximate projection")
bounds = experiment.about("smoothed-distance-smoothness-bounds-limits", SMOOTHED)

bounds(
    "continuous",
    r"|\nabla\tfrac12\mathrm{dist}_K^2(x,\sigma) - \nabla\tfrac12\mathrm{dist}_K^2(y,\sigma)|"
    r" \le \max\bigl(1, \tfrac{D^2}{4\sigma^2} - 1\bigr)|x - y|",
    form="as stated",
    kind="inequality",
    conditions="finite K of diameter D, across the points where dist^2 has a jump",
    check=smooth_gradient,
    controls=[Control("without smoothing", arm="dist^2")],
)
bounds(
    "hessian",
    r"\bigl(1 - \tfrac{D^2}{4\sigma^2}\bigr) I \preceq \nabla^2\tfrac12\mathrm{dist}_K^2(x,\sigma)"
    r" \preceq I",
    kind="inequality",
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
    bounds(
        f"{version}",
        text + r" \mathrm{dist}_K(x)^2",
        kind="inequality",
        conditions=f"-2 sigma^2 log of the {version} over m points",
        check=smoothed_between,
        version=version,
        controls=[Control(r"\sigma^2\log m", factor=0.5)],
    )
bounds(
    "large-sigma",
    r"\mathrm{dist}_K^2(x,\sigma) + 2\sigma^2\log m \to \tfrac1m\textstyle\sum_i|x - x_i|^2",
    kind="limit",
    conditions="sigma to infinity: the sum itself falls to minus infinity",
    check=constant_of_large_sigma,
    controls=[Control(r"\to |x - \bar x|^2", arm="square of mean")],
)
