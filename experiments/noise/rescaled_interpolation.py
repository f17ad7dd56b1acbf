"""Rescaled interpolation: which linear paths between two Gaussian latents have which exact law?

Document 001, Proposition 5 and Figure 6, for independent z1, z2 ~ N(0, I_d) and a weight w: linear
interpolation shifts the distribution of latents; "a simple re-scaling trick" keeps the details that
it blurs.

All of these laws are exact in every dimension. A path that is linear in the latents is Gaussian
with the covariance of its matrix: that of linear interpolation is ((1-w)^2 + w^2) I; rescaled by
the root it is I at every w, and so is that of the path at a fixed angle, of which the rescaled one
is a reparametrisation. How far other paths end from N(0, I_d) is judged in `latent_interpolation`.
"""

import math
from itertools import product

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.interpolation import fixed_angle_slerp, lerp, rescaled_lerp

experiment = Experiment()

PATHS = {"lerp": lerp, "rescaled": rescaled_lerp, "fixed angle": fixed_angle_slerp}
WEIGHTS = [0.1, 0.25, 0.5, 0.8]


def lerp_scale(w):
    """Standard deviation of (1 - w) z1 + w z2."""
    return np.hypot(1 - w, w)


#: Covariance of the path at weights w and v, in units of the latents' variance.
COUPLINGS = {
    "linear": lambda w, v: (1 - w) * (1 - v) + w * v,
    "angles atan(w/(1-w))": lambda w, v: np.cos(np.arctan2(w, 1 - w) - np.arctan2(v, 1 - v)),
    "angles w pi/2": lambda w, v: np.cos((w - v) * np.pi / 2),
    "variance 1": lambda w, v: 1 + 0 * w * v,
    "variance squared": lambda w, v: ((1 - w) * (1 - v) + w * v) ** 2,
    "linear, root": lambda w, v: np.sqrt((1 - w) * (1 - v) + w * v),
    "linear / ((1-w)^2 + w^2)": lambda w, v: (
        ((1 - w) * (1 - v) + w * v) / (lerp_scale(w) * lerp_scale(v)) ** 2
    ),
}

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [1, 2, 3, 16, 64, 128, 512]},
    quick={"dim": [1, 2, 16, 128]},
    default={},
    paper={"dim": [1, 2, 1024]},
)
def linear_maps(dim, generator):
    """The matrix of each linear path, pushed out of the code, and the covariances it gives."""
    basis = torch.eye(2 * dim, dtype=torch.float64)
    pairs = torch.randn((2, 2, 16, dim), dtype=torch.float64, generator=generator)
    size = (len(PATHS), len(WEIGHTS))
    covariance, anisotropy = np.zeros((2, *size, len(WEIGHTS)))
    nonlinearity = np.zeros(size)
    for i, path in enumerate(PATHS.values()):
        maps = [path(basis[:, :dim], basis[:, dim:], w) for w in WEIGHTS]
        for (j, first), (k, second) in product(enumerate(maps), enumerate(maps)):
            block = first.T @ second
            covariance[i, j, k] = block.diagonal().mean()
            anisotropy[i, j, k] = (block - covariance[i, j, k] * basis[:dim, :dim]).abs().max()
        for j, w in enumerate(WEIGHTS):
            (a, b), (c, d) = pairs
            whole = path(a + 3 * c, b + 3 * d, w)
            nonlinearity[i, j] = (whole - path(a, b, w) - 3 * path(c, d, w)).abs().max()
    dims = ("path", "weight", "other")
    return xr.Dataset(
        {
            "covariance": (dims, covariance, {"long_name": "covariance per coordinate"}),
            "anisotropy": (dims, anisotropy, {"long_name": "deviation from a multiple of I"}),
            "nonlinearity": (dims[:2], nonlinearity),
        },
        {"path": list(PATHS), "weight": WEIGHTS, "other": WEIGHTS},
    )


@experiment.measure(grid={"dim": [4, 16, 128, 1024]}, quick={"dim": [4, 16, 128]}, default={})
def reparametrised(dim, generator):
    """The rescaled path less the path at a fixed angle, run through at two speeds."""
    z1, z2 = torch.randn((2, 64, dim), dtype=torch.float64, generator=generator)
    speeds = {"atan(w/(1-w))": lambda w: math.atan2(w, 1 - w) * 2 / math.pi, "w": lambda w: w}
    gap = [
        [
            float((rescaled_lerp(z1, z2, w) - fixed_angle_slerp(z1, z2, v(w))).abs().max())
            for w in WEIGHTS
        ]
        for v in speeds.values()
    ]
    return xr.Dataset(
        {"gap": (("speed", "weight"), gap, {"long_name": "largest difference of coordinates"})},
        {"speed": list(speeds), "weight": WEIGHTS},
    )


# ---- checks ------------------------------------------------------------------------------------


def covariance_along(linear_maps, path, law):
    """Is the path a linear map with covariance law(w, v) I between the weights w and v?"""
    m = linear_maps.sel(path=path)
    error = abs(m.covariance - COUPLINGS[law](m.weight, m.other)) + m.anisotropy + m.nonlinearity
    return checks.identity(
        error,
        rounding=1e-13,
        margin=1e-9,
        reason="a linear map of (z1, z2) is Gaussian with the covariance of its matrix; rounding "
        "is some ulps of numbers below 20, and slips sought move the covariance by 1e-3",
    )


def reparametrisation(reparametrised, speed="atan(w/(1-w))"):
    """Is rescaled(w) = fixed_angle(v) pointwise, with the angle v pi/2 equal to the speed named?"""
    return checks.identity(
        reparametrised.gap.sel(speed=speed),
        rounding=1e-13,
        margin=1e-9,
        reason="two formulas of one rotation; v = w is 0.01 off",
    )


HALF = sp.Rational(1, 2)


def rescaling_symbolic(power=HALF):
    """The coefficients are a unit vector whose angle runs at speed 1/((1-w)^2 + w^2)."""
    w = sp.Symbol("w", positive=True)
    q = (1 - w) ** 2 + w**2
    a, b = (1 - w) / q**power, w / q**power
    speed = a * sp.diff(b, w) - b * sp.diff(a, w)
    return checks.proof([a**2 + b**2 - 1, speed - 1 / q], {w: sp.Rational(1, 3)})


EVERY = "z_1, z_2 independent N(0, I_d), all w and v, every d from 1 on"

# ---- claims -----------------------------------------------------------------------------------

PROPOSITION = Source("001", "Proposition 5")
FIGURE = Source("001", "Figure 6")
lerp_law = experiment.about("lerp-shifts-latent", PROPOSITION, kind="law", conditions=EVERY)
rescaled_identity = experiment.about("rescaled-lerp", FIGURE, kind="identity")
rescaled_law = experiment.about("rescaled-lerp", FIGURE, kind="law", conditions=EVERY)

lerp_law(
    "corrected",
    r"(1-w)z_1+wz_2\sim N\big(0,((1-w)^2+w^2)I_d\big),\quad"
    r"{\rm Cov}(z_w,z_v)=((1-w)(1-v)+wv)I_d",
    check=covariance_along,
    controls=[
        Control("the weights add up to 1, so the variance stays", law="variance 1"),
        Control("variance squared", law="variance squared"),
        Control("standard deviation for variance", law="linear, root"),
        Control("the rescaled path has this covariance", path="rescaled"),
    ],
    path="lerp",
    law="linear",
)
rescaled_law(
    "corrected",
    r"\frac{(1-w)z_1+wz_2}{\sqrt{(1-w)^2+w^2}}\sim N(0,I_d),\quad"
    r"{\rm Cov}(z_w,z_v)=\cos(\theta_w-\theta_v)I_d,\ \tan\theta_w=\tfrac w{1-w}",
    check=covariance_along,
    controls=[
        Control("linear interpolation", path="lerp"),
        Control("the root forgotten", law="linear / ((1-w)^2 + w^2)"),
        Control("at constant angular speed", law="angles w pi/2"),
        Control("all points of the path coincide", law="variance 1"),
    ],
    path="rescaled",
    law="angles atan(w/(1-w))",
)
rescaled_law(
    "derived-fixed-angle",
    r"\cos\tfrac{w\pi}2z_1+\sin\tfrac{w\pi}2z_2\sim N(0,I_d),\quad"
    r"{\rm Cov}(z_w,z_v)=\cos\tfrac{(w-v)\pi}2I_d",
    check=covariance_along,
    controls=[
        Control("linear interpolation", path="lerp"),
        Control("at the speed of the rescaled path", law="angles atan(w/(1-w))"),
    ],
    path="fixed angle",
    law="angles w pi/2",
)
rescaled_identity(
    "derived-reparametrisation",
    r"\text{the rescaled path is the fixed-angle path at }v=\tfrac2\pi\arctan\tfrac w{1-w}",
    check=reparametrisation,
    controls=[Control("at v = w", speed="w")],
    conditions="every z_1, z_2",
)
rescaled_identity(
    "symbolic",
    r"a^2+b^2=1,\quad\dot\theta=ab'-a'b=\tfrac1{(1-w)^2+w^2}\in[1,2]",
    check=rescaling_symbolic,
    controls=[Control("the root forgotten", power=1)],
    conditions="a = (1-w)/s, b = w/s, s^2 = (1-w)^2 + w^2",
)
