"""Latent interpolation: which path between two Gaussian latents keeps their distribution?

Document 001, Proposition 5, for independent z1, z2 ~ N(0, I_d) and a weight w: linear interpolation
shifts the distribution of latents in high dimension; spherical interpolation maintains it
asymptotically.

The first is true in every dimension: the law is N(0, ((1-w)^2 + w^2) I), which high dimension makes
singular to N(0, I). The second depends on the sense: fixed coordinates converge, but total
variation, the law of the norm and Wasserstein's distance converge to positive constants; at w = 1/2
the total variation ends at 0.166, the distance of *linear* interpolation in one dimension.

The paths turn and scale with their latents, so the exact law of the norm is a two-dimensional
integral over their values in the plane, with closed forms and limits as the oracle. The exact laws
of linear paths, among them the rescaled one, are judged in `rescaled_interpolation`, why slerp's
norm keeps the wrong spread in `latent_norms`, what the paths make of images in
`interpolated_images`.
"""

import math
from itertools import product

import flint
import numpy as np
import sympy as sp
import torch
import xarray as xr
from flint import arb
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.interpolation import fixed_angle_slerp, lerp, rescaled_lerp, slerp
from theorylab.diffusion.path_norms import norm_law
from theorylab.diffusion.rotation_invariant import distances_from_normal

experiment = Experiment()

PATHS = {
    "lerp": lerp,
    "slerp": slerp,
    "rescaled": rescaled_lerp,
    "fixed angle": fixed_angle_slerp,
}
FAMOUS = ["lerp", "slerp", "rescaled"]
WEIGHTS = [0.1, 0.25, 0.5, 0.8]


def lerp_scale(w):
    """Standard deviation of (1 - w) z1 + w z2."""
    return np.hypot(1 - w, w)


def spread(w):
    """cos^4(w pi/2) + sin^4(w pi/2): twice the limiting variance of |slerp|."""
    return np.cos(w * np.pi / 2) ** 4 + np.sin(w * np.pi / 2) ** 4


def normal_gap(variance):
    """sup |Phi(x/s) - Phi(x)| for s^2 = variance < 1: the KS distance of N(0, s^2) from N(0, 1)."""
    x = np.sqrt(np.log(1 / variance) / (1 / variance - 1))
    return special.ndtr(x / np.sqrt(variance)) - special.ndtr(x)


def coordinate_constant(variance):
    """lim d sup |P(X_1 <= x) - Phi(x)|: excess kurtosis -6 (1 - s^2)/d in Edgeworth's first term.

    The largest |He_3| phi, He_3 = x^3 - 3x, is at x^2 = 3 - sqrt(6).
    """
    x = math.sqrt(3 - math.sqrt(6))
    return (1 - variance) / 4 * (3 * x - x**3) * math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [16, 64, 256, 512, 1024, 2048, 4096, 8192, 16_384, 65_536]},
    quick={"dim": [64, 256, 1024, 4096, 16_384]},
    default={},
)
def distances(dim):
    """Distances of each path's law on R^d from N(0, I_d), by quadrature."""
    found = np.zeros((len(FAMOUS), len(WEIGHTS), 4))
    for (i, name), (j, w) in product(enumerate(FAMOUS), enumerate(WEIGHTS)):
        law = norm_law(PATHS[name], dim, w)
        centres = law.moment(1), math.sqrt(dim)
        found[i, j] = distances_from_normal(law.pdf, dim, min(centres) - 9, max(centres) + 9)[:4]
    labels = {
        "total_variation": "total variation from N(0, I)",
        "wasserstein": "W2 from N(0, I)",
        "norm": "KS distance of the norm from chi_d",
        "coordinate": "KS distance of a coordinate from N(0, 1)",
    }
    dims = ("path", "weight")
    columns = enumerate(labels.items())
    return xr.Dataset(
        {name: (dims, found[:, :, k], {"long_name": label}) for k, (name, label) in columns},
        {"path": FAMOUS, "weight": WEIGHTS},
    )


@experiment.measure(grid={"dim": [4, 16, 128, 1024]}, quick={"dim": [4, 16, 128]}, default={})
def turns(dim, generator):
    """How far paths are from commuting with a rotation and scaling, or with another linear map."""
    normal = torch.randn((3, dim, dim), dtype=torch.float64, generator=generator)
    rotation = torch.linalg.qr(normal[0])[0]
    shear = torch.eye(dim, dtype=torch.float64)
    shear[0, 1] = 1.0
    z1, z2 = normal[1:, : min(dim, 64)]
    arms = {**PATHS, "slerp of halves": _slerp_of_halves}
    maps = {"rotation and scaling": 3.7 * rotation, "shear": shear}
    error = np.zeros((len(arms), len(maps), len(WEIGHTS)))
    for k, w in enumerate(WEIGHTS):
        for (i, path), (j, matrix) in product(enumerate(arms.values()), enumerate(maps.values())):
            gap = path(z1 @ matrix.T, z2 @ matrix.T, w) - path(z1, z2, w) @ matrix.T
            error[i, j, k] = (gap.norm(dim=1) / (z1 @ matrix.T).norm(dim=1)).max()
    return xr.Dataset(
        {"error": (("path", "map", "weight"), error, {"long_name": "relative deviation"})},
        {"path": list(arms), "map": list(maps), "weight": WEIGHTS},
    )


def _slerp_of_halves(z1, z2, w):
    """A plausible slip: one angle for each half of the latent instead of one for the whole."""
    half = z1.shape[1] // 2
    return torch.cat(
        [slerp(z1[:, :half], z2[:, :half], w), slerp(z1[:, half:], z2[:, half:], w)], 1
    )


# ---- checks ------------------------------------------------------------------------------------


LIMITS = {
    "0": lambda w: 0 * w,
    "total_variation": lambda w: 2 * normal_gap(spread(w)),
    "total_variation, s for s^2": lambda w: 2 * normal_gap(np.sqrt(spread(w))),
    "norm": lambda w: normal_gap(spread(w)),
    "norm, s for s^2": lambda w: normal_gap(np.sqrt(spread(w))),
    "wasserstein": lambda w: (1 - np.sqrt(spread(w))) / math.sqrt(2),
    "wasserstein, s^2 for s": lambda w: (1 - spread(w)) / math.sqrt(2),
    "coordinate": lambda w: coordinate_constant(spread(w)),
    "coordinate, tau = 0": lambda w: coordinate_constant(0 * w),
    "coordinate, s for s^2": lambda w: coordinate_constant(np.sqrt(spread(w))),
}
#: Powers of 1/d in which each quantity departs from its limit.
EXPONENTS = {"norm": (0.5, 1.0, 1.5), "coordinate": (1.0, 2.0)}
REASON = (
    "extrapolated in 1/d from quadratures good to 1e-10; a limit of 0 and every neighbour's lie "
    "0.005 or more away"
)


def distance_limit(distances, quantity, target, path="slerp", power=0.0):
    """d^power times a distance from N(0, I_d), for d -> infinity."""
    d = distances.sel(path=path)
    exponents = EXPONENTS.get(quantity, (1.0, 2.0))
    if power < 0:  # first comes the limit of the distance itself, which is not 0
        exponents = (-power, 1 - power, 2 - power)
    elif power > 0:  # a limit of 0 is approached as 1/d and 1/d^2: one power is used up
        exponents = (1.0, 2.0)
    return checks.limit(
        d[quantity] * d.dim**power,
        LIMITS[target](d.weight),
        margin=1e-5,
        reason=REASON,
        dim="dim",
        h=1 / d.dim,
        exponents=exponents,
        rounding=1e-10 * max(1.0, 0.01 * float(d.dim.max()) ** power),
    )


def singular(distances, path="lerp", exponent=0.5):
    """Hellinger's bound 1 - TV <= (2 s / (1 + s^2))^(exponent d), which tends to 0."""
    d = distances.sel(path=path)
    s = lerp_scale(d.weight)
    affinity = (2 * s / (1 + s**2)) ** (exponent * d.dim)
    return checks.bound(
        1 - d.total_variation - affinity,
        rounding=1e-9,
        margin=1e-8,
        reason="the quadrature's error is below 1e-9",
        tightness=(1 - d.total_variation) / affinity.clip(min=1e-12),
    )


def singular_certified(exponent=1):
    """1 - TV between both of Hellinger's bounds, by balls: chi-square laws at the crossing."""
    previous, flint.ctx.prec = flint.ctx.prec, 4000  # the gamma series cancels
    try:
        rows = []
        for dim in (1, 2, 16, 128, 512, 2048):
            for tenths in (1, 3, 5):
                w = arb(tenths) / 10
                v = (1 - w) ** 2 + w**2
                # The densities cross at |z|^2 = x; below it lerp's is larger.
                x = dim * (1 / v).log() / (1 / v - 1)
                half = arb(dim) / 2
                inside = [(x / (2 * u)).gamma_lower(half, regularized=1) for u in (v, arb(1))]
                common = 1 - inside[0] + inside[1]
                affinity = (2 * v.sqrt() / (1 + v)) ** (half * arb(exponent))
                # TV <= sqrt(1 - affinity^2) says common >= 1 - sqrt(1 - affinity^2).
                rows.append([common / affinity, common / (1 - (1 - affinity**2).sqrt())])
        balls = xr.DataArray(np.array(rows, dtype=object), dims=("point", "bound"))
        ends = xr.DataArray([[0.0, 1.0], [1.0, math.inf]], dims=("bound", "end"))
        return checks.certificate(
            balls,
            (ends.isel(end=0), ends.isel(end=1)),
            reason="1 - sqrt(1 - a^2) <= 1 - TV <= a for the affinity a = (2s/(1 + s^2))^(d/2)",
        )
    finally:
        flint.ctx.prec = previous


def never_maintained(at_least, lost=1):
    """Slerp's limiting W2 (1 - sqrt(cos^4 + sin^4))/sqrt(2) from below, on an interval of w."""

    def distance(w):
        return (1 - (1 - (arb.pi() * w).sin() ** 2 / (2 * lost)).sqrt()) / arb(2).sqrt()

    return checks.branch_and_bound(
        distance,
        [(arb(1) / 10, arb(9) / 10)],
        reason="W2 to N(0, I) in the limit, in units of the latents' standard deviation",
        at_least=at_least,
        note="cos^4 + sin^4 = 1 - sin^2(w pi)/2",
    )


def commutes(turns, path="slerp", linear_map="rotation and scaling"):
    """Does the path commute with the map? For rotations this makes the direction uniform."""
    return checks.identity(
        turns.error.sel(path=path, map=linear_map),
        rounding=1e-12,
        margin=1e-9,
        reason="d flops in each product of unit vectors, amplified by 1/sin(phi) < 100",
    )


HALF = sp.Rational(1, 2)


def divergence_symbolic(factor=HALF, sign=-1):
    """KL(N(0, s^2) | N(0, 1)) by integration; the d coordinates add up."""
    x = sp.Symbol("x", real=True)
    s = sp.Symbol("s", positive=True)
    density = sp.exp(-(x**2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))
    log_ratio = -sp.log(s) - x**2 / (2 * s**2) + x**2 / 2
    divergence = sp.integrate(sp.expand(density * log_ratio), (x, -sp.oo, sp.oo))
    claimed = factor * (s**2 - 1 + sign * sp.log(s**2))
    return checks.proof(divergence - claimed, {s: sp.Rational(2, 3)})


PAIR = "z_1, z_2 independent N(0, I_d), 0 < w < 1 fixed"
TAU = r"\tau^2=\cos^4\tfrac{w\pi}2+\sin^4\tfrac{w\pi}2"


# ---- claims -----------------------------------------------------------------------------------

PROPOSITION = Source("001", "Proposition 5")
lerp_identity = experiment.about(
    "lerp-shifts-latent", PROPOSITION, kind="identity", conditions=PAIR
)
lerp_law = experiment.about("lerp-shifts-latent", PROPOSITION, kind="law", conditions=PAIR)
slerp_inequality = experiment.about(
    "slerp-maintains-latent", PROPOSITION, kind="inequality", conditions=PAIR
)
slerp_law = experiment.about("slerp-maintains-latent", PROPOSITION, kind="law", conditions=PAIR)
slerp_limit = experiment.about("slerp-maintains-latent", PROPOSITION, kind="limit", conditions=PAIR)
slerp_rate = experiment.about("slerp-maintains-latent", PROPOSITION, kind="rate", conditions=PAIR)

lerp_law(
    "as-stated",
    r"d_{\rm TV}\big((1-w)z_1+wz_2,\,z_1\big)\ge1-\Big(\tfrac{2s}{1+s^2}\Big)^{d/2}\to1,"
    r"\quad s^2=(1-w)^2+w^2",
    check=singular,
    controls=[
        Control("rescaled interpolation shifts the law as well", path="rescaled"),
        Control("slerp shifts the law as much", path="slerp"),
        Control("exponent d for d/2", exponent=1.0),
    ],
    conditions=PAIR + ", d to infinity",
)
lerp_law(
    "certified",
    r"1-\sqrt{1-a^2}\le1-d_{\rm TV}\le a,\quad a=\Big(\tfrac{2s}{1+s^2}\Big)^{d/2}",
    check=singular_certified,
    controls=[
        Control("exponent d for d/2", exponent=2),
        Control("exponent d/4 for d/2", exponent=0.5),
    ],
)
lerp_identity(
    "symbolic",
    r"{\rm KL}\big(N(0,s^2I_d)\,\|\,N(0,I_d)\big)=\tfrac d2\,(s^2-1-\log s^2)",
    check=divergence_symbolic,
    controls=[Control("the half forgotten", factor=1), Control("sign of the logarithm", sign=1)],
    conditions="s > 0",
)


# One sense of "asymptotically maintains" each: the limit that there is, and the limit 0 as read.
for name, quantity, symbol, limit, controls in [
    (
        "total-variation",
        "total_variation",
        r"d_{\rm TV}({\rm slerp}_w,N(0,I_d))",
        r"2\,(\Phi(x/\tau)-\Phi(x)),\ x^2=\tfrac{\log\tau^{-2}}{\tau^{-2}-1}",
        [
            Control("tau for tau^2", target="total_variation, s for s^2"),
            Control("half of it", target="norm"),
            Control("the rescaled path ends there too", path="rescaled"),
        ],
    ),
    (
        "norm-law",
        "norm",
        r"\sup_r|P(\|{\rm slerp}_w\|\le r)-P(\chi_d\le r)|",
        r"\Phi(x/\tau)-\Phi(x),\ x^2=\tfrac{\log\tau^{-2}}{\tau^{-2}-1}",
        [
            Control("tau for tau^2", target="norm, s for s^2"),
            Control("twice of it", target="total_variation"),
        ],
    ),
    (
        "wasserstein",
        "wasserstein",
        r"W_2({\rm slerp}_w,N(0,I_d))",
        r"(1-\tau)/\sqrt2",
        [
            Control("tau^2 for tau", target="wasserstein, s^2 for s"),
            Control("the rescaled path ends there too", path="rescaled"),
        ],
    ),
]:
    corrected = slerp_limit(
        f"corrected-{name}",
        rf"{symbol}\to {limit},\quad {TAU}",
        check=distance_limit,
        controls=controls,
        quantity=quantity,
        target=quantity,
    )
    stated = name == "total-variation"
    slerp_limit(
        "as-stated" if stated else f"reading-{name}",
        rf"{symbol}\to0\quad(d\to\infty)",
        check=distance_limit,
        expected="refuted",
        twin=corrected,
        quantity=quantity,
        target="0",
    )


slerp_limit(
    "reading-scaled-wasserstein",
    r"W_2({\rm slerp}_w,N(0,I_d))/\sqrt d\to0",
    check=distance_limit,
    controls=[Control("linear interpolation", path="lerp")],
    quantity="wasserstein",
    target="0",
    power=-0.5,
)
slerp_limit(
    "reading-marginals",
    r"\sup_x|P(z_{w,1}\le x)-\Phi(x)|\to0",
    check=distance_limit,
    controls=[
        Control("all coordinates at once, by their norm", quantity="norm"),
        Control("linear interpolation", path="lerp"),
    ],
    quantity="coordinate",
    target="0",
)
slerp_rate(
    "derived-marginal-rate",
    r"d\,\sup_x|P(z_{w,1}\le x)-\Phi(x)|\to\tfrac{1-\tau^2}4\max_x|x^3-3x|\,\varphi(x),\quad" + TAU,
    check=distance_limit,
    controls=[
        Control("tau for tau^2", target="coordinate, s for s^2"),
        Control("independent of w", target="coordinate, tau = 0"),
    ],
    quantity="coordinate",
    target="coordinate",
    power=1.0,
)
slerp_law(
    "derived-direction",
    r"{\rm slerp}_w(cQz_1,cQz_2)=cQ\,{\rm slerp}_w(z_1,z_2),\ Q\in O(d):"
    r"\text{ the direction is uniform and independent of the norm}",
    check=commutes,
    controls=[
        Control("it commutes with every linear map", linear_map="shear"),
        Control("one angle for each half of the latent", path="slerp of halves"),
    ],
)
slerp_inequality(
    "certified-never",
    r"\lim_{d\to\infty}W_2({\rm slerp}_w,N(0,I_d))\ge0.017\quad\text{for every }w\in[0.1,0.9]",
    check=never_maintained,
    controls=[
        Control("at least 0.08", at_least=0.08),
        Control("sin^2(w pi)/4 for sin^2(w pi)/2", lost=2),
    ],
    at_least=0.017,
)
