r"""Gradient estimation, its premise: is eps the gradient of the distance, and constant to K?

Document 000 takes eps for sqrt(n) grad dist_K(x) where dist = sqrt(n) sigma, and says that this
gradient does not change between x and its projection: so predictions of several steps estimate it.

The premise holds up to |rho - 1| + eta rho with rho = dist/(sqrt(n) sigma), which one point
attains. The gradient does not change between x and its projection; beyond x it may.
"""

import math

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.denoisers import eps_from_denoised
from theorylab.diffusion.distance import distance_gradient
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.manifolds import Sphere, Torus
from theorylab.diffusion.point_cloud import PointCloud
from theorylab.images import datasets

experiment = Experiment()

SLIDE = "slide 'Improving sampling by gradient estimation'"


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"set": ["points", "sphere", "torus"], "dim": [5, 60]},
    quick={"queries": 64},
    default={"queries": 4000},
)
def segments(set, dim, queries, generator):
    """Change of grad dist from x to p + s (x - p), by differentiating the distance itself."""
    normals = torch.randn(50, dim, dtype=torch.float64, generator=generator)
    closed_set = {
        "points": PointCloud(normals),
        "sphere": Sphere(2, 1.0, dim),
        "torus": Torus(2.0, 0.7, dim),
    }[set]
    x = 2 * torch.randn(queries, dim, dtype=torch.float64, generator=generator)
    p = closed_set.project(x)
    # The sphere and the torus are seen from inside, where going on passes their medial axes.
    if set != "points":
        p = closed_set.sample(queries, generator)
        inward = closed_set.centre - p if set == "sphere" else _to_core(p)
        x = p + 0.6 * inward
    here = distance_gradient(x, closed_set.project(x))
    shares = [0.01, 0.2, 0.5, 0.9, 1.0, 3.0]
    rows = []
    for s in shares:
        y = (p + s * (x - p)).requires_grad_()
        (gradient,) = torch.autograd.grad(_distance(set, closed_set, y).sum(), y)
        rows.append(float((gradient - here).norm(dim=1).max()))
    return xr.Dataset(
        {"change": ("share", rows, {"long_name": "largest change of the gradient"})},
        {"share": shares},
    )


def _to_core(p):
    """From a point of the torus to the centre of its meridian circle."""
    ring = p[:, :2] / p[:, :2].norm(dim=1, keepdim=True)
    return torch.cat([2.0 * ring, torch.zeros(len(p), p.shape[1] - 2).double()], 1) - p


def _distance(set, closed_set, y):
    if set == "points":
        return torch.cdist(y, closed_set.points).amin(1)
    rest = y[:, 3:].square().sum(1)
    if set == "sphere":
        return ((y[:, :3].norm(dim=1) - 1).square() + rest).sqrt()
    tube = torch.hypot(y[:, :2].norm(dim=1) - 2, y[:, 2]) - 0.7
    return (tube.square() + rest).sqrt()


@experiment.measure(
    grid={"set": ["one point", "random points", "digits"]},
    data=("digits",),
    quick={"queries": 30},
    default={"queries": 300},
)
def premises(set, queries, generator):
    """|eps - sqrt(n) grad dist|/sqrt(n), rho = dist/(sqrt(n) sigma) and the relative error eta.

    Points x_0 + sigma noise, the denoiser at ``mismatch`` times the noise there is.
    """
    if set == "digits":
        points = datasets.as_float(datasets.digits()).flatten(1)
    else:
        count = 1 if set == "one point" else 200
        points = torch.randn(count, 64, dtype=torch.float64, generator=generator)
    closed_set, denoiser, n = PointCloud(points), IdealDenoiser(points), 64
    found = []
    for noise in (20.0, 5.0, 1.0, 0.3):
        for mismatch in (1 / 3, 1.0, 3.0):
            draws = torch.randn(queries, n, dtype=torch.float64, generator=generator)
            x = closed_set.sample(queries, generator) + noise * draws
            sigma, p = mismatch * noise, closed_set.project(x)
            distance, eps = (x - p).norm(dim=1), eps_from_denoised(denoiser(x, sigma), x, sigma)
            # The gradient by hand, not by the library's own function.
            apart = (eps - math.sqrt(n) * (x - p) / distance[:, None]).norm(dim=1) / math.sqrt(n)
            eta = (sigma * eps - (x - p)).norm(dim=1) / distance
            found.append(torch.stack([apart, distance / (math.sqrt(n) * sigma), eta]).numpy())
    shape = (4, 3, 3, queries)
    apart, rho, eta = np.moveaxis(np.reshape(found, shape), 2, 0)
    dims = ("noise", "mismatch", "query")
    return xr.Dataset(
        {"apart": (dims, apart), "rho": (dims, rho), "eta": (dims, eta)},
        {"noise": [20.0, 5.0, 1.0, 0.3], "mismatch": [1 / 3, 1.0, 3.0]},
    )


# ---- checks -----------------------------------------------------------------------------------


def invariance(segments, low=0.0, high=1.0):
    d = segments
    inside = d.change.isel(share=((d.share > low) & (d.share <= high)).values.nonzero()[0])
    return checks.bound(
        inside.max("share", skipna=False),
        rounding=1e-9,
        margin=1e-7,
        reason="gradients of the distance at 1 % of it lose two digits; another nearest point "
        "turns the gradient by more than 1e-2",
    )


def premise(premises, terms="|rho - 1| + eta rho"):
    d = premises
    allowed = {
        "|rho - 1| + eta rho": np.abs(d.rho - 1) + d.eta * d.rho,
        "|rho - 1|": np.abs(d.rho - 1),
        "eta rho": d.eta * d.rho,
        "eta": d.eta,
    }[terms]
    return checks.bound(
        (d.apart - allowed).max(("noise", "mismatch", "query"), skipna=False),
        rounding=1e-11,
        margin=1e-9,
        reason="attained on one point, so equality must pass; rounding of numbers below 10",
        tightness=d.apart / allowed,
    )


# ---- claims -----------------------------------------------------------------------------------

experiment.claim(
    "grad-dist-invariance-along-segment",
    r"\nabla\mathrm{dist}_K(p + s(x - p)) = \nabla\mathrm{dist}_K(x),\quad p = \mathrm{proj}_K(x),"
    r"\ 0 < s \le 1",
    source=Source("000", SLIDE),
    entries="grad-dist-invariance-along-segment",
    conditions="x with one nearest point, not on K",
    check=invariance,
    controls=[Control("beyond x, at s = 3", low=1.0, high=3.0)],
)
experiment.claim(
    "eps-approx-sqrt-n-grad-dist",
    r"\|\epsilon - \sqrt n\,\nabla\mathrm{dist}_K(x)\| \le \sqrt n\,(|\rho - 1| + \eta\rho),"
    r"\quad \rho = \mathrm{dist}_K(x)/(\sqrt n\,\sigma)",
    source=Source("000", SLIDE),
    entries="eps-approx-sqrt-n-grad-dist",
    kind="inequality",
    form="reading",
    conditions="eta the relative error of sigma eps as x - proj(x); attained on one point",
    check=premise,
    controls=[
        Control("without eta rho", terms="|rho - 1|"),
        Control("without |rho - 1|", terms="eta rho"),
        Control("eta alone", terms="eta"),
    ],
)
