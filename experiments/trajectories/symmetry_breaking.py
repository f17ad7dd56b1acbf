r"""Symmetry breaking: at which noise level, in which dynamics, and can sampling start below it?

Document 001 shows "Spontaneous symmetry breaking in generative diffusion models" as a title with a
figure: the dynamics has a transition at a critical noise level, and what happens before it does not
matter, so that sampling may start late from a Gaussian.

The level depends on the dynamics. For points at equal distance from their mean whose covariance has
the largest eigenvalue v, the centre is lost at sigma^2 = v in the variance-exploding flow and SDE,
at v - 1 + sqrt(1 + v^2) in the variance-preserving SDE (2^(1/4) for +-1), and in the
variance-preserving flow at v/(1 - v), which for v >= 1 is never. Only two equal points make a
pitchfork: with three or more corners of a simplex other modes appear above that level, and with
unequal weights, as on the digits, the centre slides into one mode and is never lost. A late start
has an error that falls like sigma^-8 in Kullback-Leibler divergence, but it is not zero.

Symbolic derivatives, ball arithmetic for the numbers of modes, and Newton's method on the library's
drifts decide.
"""

import math
from functools import partial

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import symmetry_breaking as sb
from theorylab.diffusion.ball_laws import FiniteLaw
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.flow_maps import ode_flow
from theorylab.diffusion.mode_counting import modes_in_plane, modes_on_line
from theorylab.diffusion.processes import (
    from_exploding_coordinates,
    marginal_score,
    probability_flow_drift,
    reverse_drift,
    variance_exploding,
    variance_preserving,
)
from theorylab.images import datasets

experiment = Experiment()

SLIDE = Source("001", "slide 'Spontaneous symmetry breaking'")
DYNAMICS = {
    "VE flow": (variance_exploding(), probability_flow_drift, sb.exploding_level),
    "VE SDE": (variance_exploding(), reverse_drift, sb.exploding_level),
    "VP SDE": (variance_preserving(), reverse_drift, sb.preserving_sde_level),
    "VP flow": (variance_preserving(), probability_flow_drift, sb.preserving_flow_level),
}
CROSS = torch.cat([torch.eye(4), -torch.eye(4)]).double()  # all at distance 1, covariance I/4
POINTS = {
    "pair": sb.simplex(2),
    "close pair": sb.simplex(2, 0.6),
    "wide pair": sb.simplex(2, 1.7),
    "triangle": sb.simplex(3, 1.2),
    "tetrahedron": sb.simplex(4, 2.5),
    "cross-polytope": 1.5 * CROSS,
}
SPREAD = 0.7  # standard deviation of each of the "two Gaussians" at +-1.3
FRACTIONS = (0.999, 0.99, 0.95, 0.9, 0.8, 0.7)
STARTS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"law": [*POINTS, "two Gaussians"], "dynamics": list(DYNAMICS)},
    quick={"law": ["pair", "close pair", "triangle", "cross-polytope", "two Gaussians"]},
)
def levels(law, dynamics):
    """Where a perturbation of the centre begins to grow, by the library's drifts and autograd."""
    process, drift, _ = DYNAMICS[dynamics]
    if law == "two Gaussians":
        mixture, variance = pair_of_gaussians(), 1.3**2 - SPREAD**2
    else:
        mixture = GaussianMixture.isotropic(None, POINTS[law], 0.0)
        variance = float(torch.linalg.eigvalsh(mixture.covariance())[-1])
    zero = torch.zeros(1, mixture.dim, dtype=torch.float64)

    def growth(sigma):
        _, t = from_exploding_coordinates(process, zero, sigma)
        velocity = lambda x: drift(process, x, t, marginal_score(process, mixture, x, t))[0]
        return -torch.autograd.functional.jacobian(velocity, zero)[:, 0].diagonal().min().item()

    grid = np.geomspace(0.05, 20, 9)
    signs = np.sign([growth(s) for s in grid])
    turns = np.flatnonzero(signs[:-1] != signs[1:])
    found = len(turns) == 1
    level = sb.instability_level(growth, *grid[[turns[0], turns[0] + 1]]) if found else 0.0
    return xr.Dataset(
        {
            "level": (
                (),
                level,
                {"long_name": "level of the transition, 0 if none"},
            ),
            "turns": ((), len(turns), {"long_name": "changes of sign from sigma = 0.05 to 20"}),
            "variance": ((), variance, {"long_name": "largest eigenvalue v"}),
            "dim": mixture.dim,
        }
    )


def pair_of_gaussians():
    return GaussianMixture.isotropic(None, [[-1.3], [1.3]], SPREAD)


@experiment.measure(grid={"corners": [2, 3, 4, 10]})
def branches(corners):
    """The fixed point nearest a corner of a simplex, by Newton's method from that corner."""
    law, rows = GaussianMixture.isotropic(None, sb.simplex(corners), 0.0), []
    known = sb.simplex_levels(corners)
    for fraction in FRACTIONS:
        sigma = fraction * known.appearance
        # Above the inflection between fold and corner the Newton steps cannot overshoot.
        x, top = sb.fixed_point(law, law.posterior_covariance, sb.simplex(corners)[:1], sigma)
        rows.append((float(x.norm()), sigma, top))
    order, sigma, top = np.transpose(rows)
    return xr.Dataset(
        {
            "order": ("fraction", order, {"long_name": "|x|/R at the mode"}),
            "sigma": ("fraction", sigma, {"long_name": "noise level"}),
            "growth": ("fraction", top, {"long_name": "largest eigenvalue of Cov/sigma^2"}),
        },
        {"fraction": list(FRACTIONS)},
    )


@experiment.measure(
    grid={"images": ["digits", "with mirror images"]},
    data=("digits",),
    quick={"steps": 24},
    default={"steps": 96},
    paper={"steps": 400},
)
def image_branch(images, steps):
    """The fixed point that starts at the mean of the images, followed down in sigma."""
    points = datasets.as_float(datasets.digits()).flatten(1)
    mean = points.mean(0, keepdim=True)
    if images == "with mirror images":  # x -> 2 mean - x: a true symmetry about the mean
        points = torch.cat([points, 2 * mean - points])

    def weights(x, sigma):
        return (-(points - x).square().sum(1) / (2 * sigma**2)).softmax(0)

    def covariance(x, sigma):
        w = weights(x, sigma)[:, None]
        spread = points - w.T @ points
        return ((w * spread).T @ spread)[None]

    denoiser = lambda x, sigma: weights(x, sigma)[None] @ points
    sigmas, rows, x = np.geomspace(3.0, 1.0, steps), [], mean
    for sigma in sigmas.tolist():
        x, top = sb.fixed_point(denoiser, covariance, x, sigma)
        rows.append((top, float((x - mean).norm())))
    top, moved = np.transpose(rows)
    return xr.Dataset(
        {
            "growth": ("step", top, {"long_name": "largest eigenvalue of Cov/sigma^2"}),
            "moved": ("step", moved, {"long_name": "distance of the fixed point from the mean"}),
            "sigma": ("step", sigmas, {"long_name": "noise level"}),
        }
    )


@experiment.measure(grid={"weight": [0.5, 0.8], "start": ["moments", "noise"]})
def late_start(weight, start):
    """+-1 with weights w, 1 - w, begun at s from N(mean, var + s^2), or from N(0, s^2).

    The flow that follows is the exact one: it ends at +1 beyond the boundary of the two basins,
    found by integrating the flow upwards, where it contracts.
    """
    mean, variance = (2 * weight - 1, 4 * weight * (1 - weight)) if start == "moments" else (0, 0)
    mixture = GaussianMixture.isotropic([1 - weight, weight], [[-1.0], [1.0]], 0.0)
    # Below 0.1 the flow is stiff; from there it forgets its start by 1e-20 before 0.5.
    lowest = torch.tensor([[-(0.1**2) * math.log(weight / (1 - weight)) / 2]], dtype=torch.float64)
    boundary = ode_flow(mixture, lowest, (0.1, *STARTS))[1:, 0, 0].numpy()
    total = np.sqrt(variance + np.square(STARTS))
    share = special.ndtr((mean - boundary) / total)
    divergences = [divergence(weight, s, mean, variance) for s in STARTS]
    return xr.Dataset(
        {
            "divergence": (
                "s",
                divergences,
                {"long_name": "KL(p_s, start)", "units": "nat"},
            ),
            "share": ("s", share, {"long_name": "share of samples that end at +1"}),
            "error": ("s", np.abs(share - weight), {"long_name": "|share - w| = W2^2/4"}),
        },
        {"s": list(STARTS)},
    )


def divergence(weight, s, mean, variance):
    """KL(w N(1, s^2) + (1 - w) N(-1, s^2) || N(mean, variance + s^2)), by Gauss-Legendre panels.

    Integrated is q f(p/q - 1) with f(t) = (1 + t)log(1 + t) - t >= 0, where p log(p/q) would lose
    every digit: at s = 16 the two laws agree to 1e-6.
    """
    nodes, rule = np.polynomial.legendre.leggauss(40)
    edges = np.unique([a + k * s for a in (-1, 1) for k in range(-13, 14)])
    half = np.diff(edges)[:, None] / 2
    x, total = edges[:-1, None] + half * (1 + nodes), variance + s * s
    log_p = np.logaddexp(
        math.log(weight) - (x - 1) ** 2 / (2 * s * s),
        math.log(1 - weight) - (x + 1) ** 2 / (2 * s * s),
    )
    log_q = -((x - mean) ** 2) / (2 * total) - math.log(total) / 2
    t = np.expm1(log_p - math.log(s) - log_q)
    series = sum((-1) ** n * t**n / (n * (n - 1)) for n in range(2, 9))
    f = np.where(np.abs(t) < 0.01, series, special.xlogy(1 + t, 1 + t) - t)
    return float((half * rule * np.exp(log_q) * f).sum() / math.sqrt(2 * math.pi))


# ---- checks: the critical level ---------------------------------------------------------------


def coefficient(dynamics):
    """d/dx of the backward velocity at 0, for +-a: per d sigma (VE), per d int beta (VP)."""
    x, s, a = sp.symbols("x s a", positive=True)
    scale = 1 if dynamics.startswith("VE") else 1 / sp.sqrt(1 + s**2)
    density = sum(sp.exp(-((x - e * scale * a) ** 2) / (2 * (scale * s) ** 2)) for e in (1, -1))
    score = sp.diff(sp.log(density), x)
    share = 1 if dynamics.endswith("SDE") else sp.Rational(1, 2)
    velocity = 2 * s * share * score if dynamics.startswith("VE") else x / 2 + share * score
    return sp.simplify(sp.diff(velocity, x).subs(x, 0)), s, a


def vanishes(dynamics, level, narrow=False):
    """The coefficient is 0 at sigma^2 = level(a^2)."""
    found, s, a = coefficient(dynamics)
    if narrow:  # a < 1
        b = sp.symbols("b", positive=True)
        found, a = found.subs(a, b / sp.sqrt(1 + b**2)), b / sp.sqrt(1 + b**2)
        witness = {b: sp.Rational(3, 4)}
    else:
        witness = {a: 1}
    at_level = found.subs(s, sp.sqrt(sp.simplify(level(a**2))))
    return checks.proof(at_level, witness, reason="the linear coefficient is exactly 0")


def always_unstable(dynamics="VP flow", factor=1):
    """For a^2 = 1 + b >= 1 the coefficient of the flow is at least 1/(2 s^4)."""
    found, s, a = coefficient(dynamics)
    b = sp.symbols("b", nonnegative=True)
    excess = found.subs(a, sp.sqrt(1 + b)) - factor / (2 * s**4)
    return checks.proof_nonnegative(
        sp.factor(sp.simplify(excess)), {s: 3, b: 0}, reason="positive growth at every level"
    )


def level_formula(levels, formula=None, scale=1.0, spread="largest"):
    """The measured levels against sqrt(v), sqrt(v - 1 + sqrt(1 + v^2)), sqrt(v/(1 - v))."""
    d = levels.where(levels.law != "two Gaussians", drop=True)
    spread = d.variance * (d.dim if spread == "trace" else 1)
    claimed = xr.concat(
        [
            xr.apply_ufunc(DYNAMICS[formula or n][2], spread.sel(dynamics=n), vectorize=True)
            for n in d.dynamics.values
        ],
        "dynamics",
    )
    # No level at all counts as an infinite one.
    measured = d.level.where(d.turns == 1, np.inf)
    return checks.identity(
        np.abs(1 / measured**2 - 1 / (scale * claimed) ** 2) * d.variance,
        1e-11,
        1e-7,
        reason="rounding: bisection to 1e-14 on a slope known to 1e-13; slips exceed 1e-2",
    )


def level_of_gaussians(levels, power=1.0):
    """sigma^2 = a^2 - tau^2 for two Gaussians of standard deviation tau, in VE dynamics."""
    measured = levels.level.sel(law="two Gaussians", dynamics=["VE flow", "VE SDE"])
    claimed = math.sqrt(1.3**2 - power * SPREAD**2)
    return checks.identity(
        np.abs(measured / claimed - 1), 1e-11, 1e-7, reason="as for points; slips exceed 1e-2"
    )


def born_at(law, level, step=1e-2):
    """One mode just above the level, more just below: modes counted by ball arithmetic."""
    counts = [law((f * level) ** 2) for f in (1 + step, 1 - step)]
    return checks.certificate(
        [counts[0] - 1, min(counts[1], 2) - 2],
        (0, 0),
        reason=f"one mode at {1 + step:g} of the level, at least two at {1 - step:g}",
        note=f"{counts[0]} and {counts[1]} modes",
    )


def pair_modes(weight, variance):
    return modes_on_line(FiniteLaw.on_line([-1.0, 1.0], [1 - weight, weight]), variance)


def triangle_modes(variance):
    return modes_in_plane(FiniteLaw([tuple(p) for p in sb.simplex(3).tolist()], [1] * 3), variance)


def weights_born_at(level=sb.unequal_pair_level, weights=(0.5, 0.6, 0.75, 0.9)):
    parts = [born_at(partial(pair_modes, w), level(w), 1e-3) for w in weights]
    return checks.certificate(
        [part.estimate.values.tolist() for part in parts],
        (0, 0),
        reason="one mode at 1.001 of the level, two at 0.999",
        dims=("weight", "side"),
    )


def triangle_born_at(level):
    return born_at(triangle_modes, level)


def pitchfork(square, pole=1):
    """m^2/(1 - sigma^2) -> square on the branch sigma^2 = m/artanh(m) of +-1."""
    m = sp.symbols("m", positive=True)
    sigma_squared = m / sp.atanh(pole * m) * pole
    limit = sp.limit(m**2 / sp.series(1 - sigma_squared, m, 0, 5).removeO(), m, 0)
    return checks.proof(limit - square, None, reason="the limit of m^2/(1 - sigma^2) is exact")


def branch_formula(branches, corners=0, power=1.0):
    """(sigma/sigma_c)^2 = k m/log((1 + (k-1) m)/(1 - m)) at the fixed points Newton finds."""
    d = branches
    k, m = d.corners + corners, d.order
    claimed = k * m / np.log((1 + (k - 1) * m) / (1 - m))
    measured = d.sigma**2 * (d.corners - 1)
    return checks.identity(
        np.abs(measured / claimed**power - 1).max("fraction"),
        1e-9,
        1e-6,
        reason="rounding: Newton's 1e-12, amplified 1e2 times near the fold; slips exceed 1e-2",
    )


def equal_heights(share=1, order_shift=0):
    """At m = (k-2)/(k-1), sigma^2/sigma_c^2 = k(k-2)/(2(k-1)log(k-1)): a mode, as high as 0."""
    k = sp.symbols("k", integer=True, positive=True) + 2  # at least 3 corners, R = 1
    m = (k - 2) / (k - 1) + order_shift
    s2 = share * k * (k - 2) / (2 * (k - 1) ** 2 * sp.log(k - 1))
    near, far = sp.exp(m / s2), sp.exp(-m / (s2 * (k - 1)))
    fixed = near - far - m * (near + (k - 1) * far)
    height = sp.exp(-(m**2) / (2 * s2)) * (near + (k - 1) * far) - k
    (symbol,) = k.free_symbols
    parts = [part.subs(symbol, n) for part in (fixed, height) for n in (1, 2, 8)]
    return checks.proof(parts, {}, reason="fixed point and equal height, for 3, 4 and 10 corners")


def image_stability(image_branch, images="digits", relation="<="):
    """The largest eigenvalue of Cov/sigma^2 along the fixed point that starts at the mean."""
    largest = image_branch.growth.sel(images=images).max("step") - 1
    sign = 1 if relation == "<=" else -1
    return checks.bound(
        sign * largest, 1e-9, 0.0, reason="stable below 1, lost above", level="observation"
    )


# ---- checks: the late start -------------------------------------------------------------------


def divergence_limit(late_start, weight=0.5, start="moments", power=4, target=1 / 12):
    """KL (var + s^2)^power -> target."""
    d = late_start.sel(weight=weight, start=start).sel(s=slice(2, None))
    total = d.s**2 + (4 * weight * (1 - weight) if start == "moments" else 0)
    return checks.limit(
        (d.divergence * total**power).rename(s="h"),
        target,
        0.02 * target,
        reason="two percent: below the tenth that a wrong constant is off",
        dim="h",
        h=1 / total.values,
        exponents=(1, 2, 3),
        rounding=1e-7 * target,
    )


def divergence_rate(late_start, weight=0.5, start="moments", order=8):
    """KL ~ (standard deviation of the start)^-order."""
    d = late_start.sel(weight=weight, start=start).sel(s=slice(2, None))
    spread = np.sqrt(d.s**2 + (4 * weight * (1 - weight) if start == "moments" else 0))
    return checks.rate(
        d.divergence.rename(s="h"),
        order,
        0.25,
        reason="the neighbours' orders are 2 and more away",
        dim="h",
        h=1 / spread.values,
        rounding=1e-7,
    )


def share_limit(late_start, power=1.5, factor=1.0, weight=0.8, start="moments"):
    """|share - w| (var + s^2)^(3/2) -> phi(z)|z^2 - 1||kappa_3|/6, z the (1-w)-quantile."""
    d = late_start.sel(weight=weight, start=start).sel(s=slice(2, None))
    z, total = special.ndtri(1 - weight), 4 * weight * (1 - weight) + d.s**2
    third = abs(8 * weight * (1 - weight) * (1 - 2 * weight))
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    target = factor * density * abs(z * z - 1) * third / 6
    return checks.limit(
        (d.error * total**power).rename(s="h"),
        target,
        0.05 * target,
        reason="five percent: half of what the nearest neighbour is off",
        dim="h",
        h=1 / total.values,
        exponents=(0.5, 1, 1.5, 2),
        rounding=1e-6 * target,
    )


def share_bound(late_start, factor=1.0, weight=0.8, start="moments", power=0.5):
    """|share - w| <= factor (KL/2)^power for every s at or above the critical level."""
    d = late_start.sel(weight=weight, start=start)
    bound = factor * (d.divergence / 2) ** power
    return checks.bound(
        d.error - bound,
        1e-10,
        1e-7,
        reason="rounding: the flow's tolerance; 1e-7 of the samples are not told apart",
        where=d.s >= 1,
    )


def symmetric_share(late_start, weight=0.5):
    return checks.identity(
        late_start.error.sel(weight=weight).max("s"),
        1e-11,
        1e-8,
        reason="rounding: the flow's tolerance",
    )


# ---- claims: the critical level ---------------------------------------------------------------

LEVEL = "symmetry-breaking-critical-level"
critical = partial(experiment.claim, source=SLIDE, entries=LEVEL, kind="limit", form="derived")

for dynamics, form in (("VE flow", "reading"), ("VE SDE", "derived")):
    critical(
        f"{LEVEL}-{dynamics.lower().replace(' ', '-')}",
        r"\partial_x v(0) = 0 \iff \sigma = a",
        form=form,
        conditions=f"data +-a, {dynamics}; the VE flow moves along the score of its density",
        check=vanishes,
        dynamics=dynamics,
        level=lambda v: v,
        controls=[
            Control(r"\sigma = a/\sqrt2", level=lambda v: v / 2),
            Control("the level of the VP SDE", level=lambda v: v - 1 + sp.sqrt(1 + v**2)),
        ],
    )
critical(
    f"{LEVEL}-vp-sde",
    r"\partial_x v(0) = 0 \iff \sigma^2 = a^2 - 1 + \sqrt{1 + a^4}; \quad a = 1:\ \sigma = 2^{1/4}",
    conditions="data +-a, variance-preserving reverse SDE, sigma in VE units",
    check=vanishes,
    dynamics="VP SDE",
    level=lambda v: v - 1 + sp.sqrt(1 + v**2),
    controls=[
        Control(r"\sigma^2 = a^2 + 1 - \sqrt{1 + a^4}", level=lambda v: v + 1 - sp.sqrt(1 + v**2)),
        Control("in the flow", dynamics="VP flow"),
    ],
)
critical(
    f"{LEVEL}-one-level",
    r"\partial_x v(0) = 0 \iff \sigma = a \text{ in every dynamics}",
    form="reading",
    expected="refuted",
    conditions="data +-a, variance-preserving reverse SDE; exact witness at a = 1",
    check=vanishes,
    dynamics="VP SDE",
    level=lambda v: v,
)
critical(
    f"{LEVEL}-vp-flow",
    r"\partial_x v(0) = 0 \iff \sigma^2 = a^2/(1 - a^2)",
    conditions="data +-a with a < 1, variance-preserving flow",
    check=vanishes,
    dynamics="VP flow",
    narrow=True,
    level=lambda v: v / (1 - v),
    controls=[
        Control(r"\sigma^2 = a^2", level=lambda v: v),
        Control(r"\sigma^2 = a^2/(1 + a^2)", level=lambda v: v / (1 + v)),
    ],
)
critical(
    f"{LEVEL}-vp-flow-none",
    r"\partial_x v(0) \ge 1/(2\sigma^4) > 0",
    kind="inequality",
    conditions="data +-a with a >= 1, variance-preserving flow: no transition at any level",
    check=always_unstable,
    controls=[
        Control("a tenth more", factor=sp.Rational(11, 10)),
        Control("the reverse SDE", dynamics="VP SDE"),
    ],
)
critical(
    f"{LEVEL}-point-sets",
    r"\sigma_c = \sqrt v,\ \sqrt{v - 1 + \sqrt{1 + v^2}},\ \sqrt{v/(1 - v)} \text{ or none}",
    kind="identity",
    conditions="points at equal distance from their mean, v = largest eigenvalue of the covariance",
    check=level_formula,
    controls=[
        Control("a thousandth more", scale=1.001),
        Control("the trace for the largest eigenvalue", spread="trace"),
        Control(r"\sqrt v in every dynamics", formula="VE flow"),
    ],
)
critical(
    f"{LEVEL}-two-gaussians",
    r"\sigma_c^2 = a^2 - \tau^2",
    kind="identity",
    conditions="two Gaussians of variance tau^2 at +-a, variance-exploding flow and SDE",
    check=level_of_gaussians,
    controls=[Control("as for points", power=0.0), Control("twice tau^2", power=2.0)],
)
critical(
    f"{LEVEL}-pitchfork",
    r"x_*^2 / (1 - \sigma^2) \to 3",
    conditions="data +-1, fixed points x = tanh(x/sigma^2) as sigma -> 1",
    check=pitchfork,
    square=3,
    controls=[Control("2 for 3", square=2), Control("tanh(x/(2 sigma^2))", pole=2)],
)
critical(
    f"{LEVEL}-branches",
    r"\sigma^2 (k-1)/R^2 = k m / \log\tfrac{1 + (k-1)m}{1 - m}",
    kind="identity",
    conditions="k corners of a regular simplex, fixed point m times a corner",
    check=branch_formula,
    controls=[
        Control("one corner more", corners=1),
        Control("sigma for sigma^2", power=0.5),
    ],
)
critical(
    f"{LEVEL}-equal-heights",
    r"p_\sigma(0) = p_\sigma(m x_1),\ m = \tfrac{k-2}{k-1}"
    r" \iff \sigma^2 (k-1)/R^2 = \tfrac{k(k-2)}{2(k-1)\log(k-1)}",
    kind="identity",
    conditions="k = 3, 4, 10 corners: above the level where the centre is lost",
    check=equal_heights,
    controls=[
        Control("a tenth less", share=sp.Rational(9, 10)),
        Control("another order", order_shift=sp.Rational(1, 10)),
    ],
)
triangle = critical(
    f"{LEVEL}-triangle-appearance",
    r"\text{new modes at } \max_m \sigma(m) = 1.045\,\sigma_c",
    conditions="three equal points: the fold of the branch, a discontinuous transition",
    check=triangle_born_at,
    level=sb.simplex_levels(3).appearance,
    controls=[
        Control("where the heights are equal", level=sb.simplex_levels(3).equal_height * 0.98),
        Control("a twentieth more", level=sb.simplex_levels(3).appearance * 1.05),
    ],
)
critical(
    f"{LEVEL}-triangle-reading",
    r"\text{new modes where the centre is lost, } \sigma_c = R/\sqrt2",
    form="reading",
    expected="refuted",
    conditions="three equal points",
    check=triangle_born_at,
    level=sb.simplex_levels(3).instability,
    twin=triangle,
)
unequal = critical(
    f"{LEVEL}-unequal-weights",
    r"\text{second mode at } \sigma^2 = 1 - r^2,\ \tfrac{r}{1 - r^2} - \mathrm{artanh}\,r"
    r" = \tfrac12|\log\tfrac{w}{1 - w}|",
    conditions="data +-1 with weights w, 1 - w; w = .5, .6, .75, .9: a saddle-node unless w = .5",
    check=weights_born_at,
    controls=[
        Control("a hundredth more", level=lambda w: 1.01 * sb.unequal_pair_level(w)),
        Control("standard deviation of the data", level=lambda w: 2 * math.sqrt(w * (1 - w))),
    ],
)
critical(
    f"{LEVEL}-any-weights",
    r"\text{second mode at } \sigma = 1 \text{ for every weight}",
    form="reading",
    expected="refuted",
    conditions="data +-1 with weights w, 1 - w",
    check=weights_born_at,
    level=lambda w: 1.0,
    twin=unequal,
)
kept = critical(
    f"{LEVEL}-digits-never",
    r"\lambda_{\max}(\mathrm{Cov}(x_0 \mid x = m_\sigma)) < \sigma^2",
    kind="inequality",
    conditions="the fixed point that starts at the mean of the digits, sigma from 3 to 1",
    check=image_stability,
    controls=[Control("digits with their mirror images", images="with mirror images")],
)
critical(
    f"{LEVEL}-digits-reading",
    r"\lambda_{\max}(\mathrm{Cov}(x_0 \mid x = m_\sigma)) \ge \sigma^2 \text{ at some level}",
    form="reading",
    expected="refuted",
    conditions="the fixed point that starts at the mean of the digits, sigma from 3 to 1",
    check=image_stability,
    relation=">=",
    twin=kept,
)

# ---- claims: the late start -------------------------------------------------------------------

LATE = "symmetry-breaking-late-start"
late = partial(experiment.claim, source=SLIDE, entries=LATE, form="derived")

pinsker = late(
    f"{LATE}-corrected",
    r"|P(x_0 = 1) - w| \le \sqrt{\mathrm{KL}(p_s, N(\mu, C + s^2))/2}",
    kind="inequality",
    form="corrected",
    conditions="+-1 with w = .8, exact flow from the Gaussian at s >= 1; W2^2 is 4 times the left",
    check=share_bound,
    controls=[
        Control("KL/2, without the root", power=1.0),
        Control("a hundredth of the bound", factor=0.01),
    ],
)
late(
    f"{LATE}-as-stated",
    r"P(x_0 = 1) = w \text{ after any start at } s \ge \sigma_c",
    kind="rate",
    form="as stated",
    expected="refuted",
    conditions="+-1 with w = .8: what happens before the critical level does not matter",
    check=share_bound,
    factor=0.0,
    twin=pinsker,
)
late(
    f"{LATE}-symmetric-exact",
    r"P(x_0 = 1) = \tfrac12 \text{ after any symmetric start}",
    conditions="+-1 with equal weights: exact at every s, above and below the critical level",
    check=symmetric_share,
    controls=[Control("w = .8", weight=0.8)],
)
late(
    f"{LATE}-divergence",
    r"12 (1 + s^2)^4\,\mathrm{KL}(p_s, N(0, 1 + s^2)) \to 1",
    kind="rate",
    conditions="+-1 with equal weights, s to infinity",
    check=divergence_limit,
    controls=[
        Control("1/24 for 1/12", target=1 / 24),
        Control("a tenth less", target=0.9 / 12),
    ],
)
late(
    f"{LATE}-divergence-rate",
    r"\mathrm{KL}(p_s, N(0, 1 + s^2)) \sim (1 + s^2)^{-4}",
    kind="rate",
    conditions="+-1 with equal weights, s to infinity",
    check=divergence_rate,
    controls=[
        Control("a start without the data's covariance", start="noise"),
        Control("unequal weights", weight=0.8),
        Control("s^{-6}", order=6),
    ],
)
late(
    f"{LATE}-noise-only",
    r"4 s^4\,\mathrm{KL}(p_s, N(0, s^2)) \to 1",
    kind="rate",
    conditions="+-1 with equal weights, started from the noise alone: four orders of s worse",
    check=divergence_limit,
    start="noise",
    power=2,
    target=1 / 4,
    controls=[Control("a tenth less", target=0.225), Control("1/12 for 1/4", target=1 / 12)],
)
late(
    f"{LATE}-skewed",
    r"\tfrac{12 (C + s^2)^3}{\kappa_3^2}\,\mathrm{KL}(p_s, N(\mu, C + s^2)) \to 1",
    kind="rate",
    conditions="+-1 with w = .8: a third cumulant costs two orders of s",
    check=divergence_limit,
    weight=0.8,
    power=3,
    target=(8 * 0.8 * 0.2 * 0.6) ** 2 / 12,
    controls=[Control("a tenth less", target=0.9 * (8 * 0.8 * 0.2 * 0.6) ** 2 / 12)],
)
late(
    f"{LATE}-output",
    r"|P(x_0 = 1) - w|\,(C + s^2)^{3/2} \to \varphi(z)|z^2 - 1||\kappa_3|/6",
    kind="rate",
    conditions="+-1 with w = .8, exact flow from N(mu, C + s^2); Phi(z) = 1 - w",
    check=share_limit,
    controls=[Control("a tenth less", factor=0.9), Control("1/24 for 1/6", factor=0.25)],
)
