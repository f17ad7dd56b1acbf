r"""Symmetry breaking: at which noise level, in which dynamics, is the centre lost?

Document 001 shows "Spontaneous symmetry breaking in generative diffusion models" as a title with a
figure: the dynamics has a transition at a critical noise level.

The level depends on the dynamics. For points at equal distance from their mean whose covariance has
the largest eigenvalue v, the centre is lost at sigma^2 = v in the variance-exploding flow and SDE,
at v - 1 + sqrt(1 + v^2) in the variance-preserving SDE (2^(1/4) for +-1), and in the
variance-preserving flow at v/(1 - v), which for v >= 1 is never.

Symbolic derivatives of the velocity, and bisection on the library's drifts, decide.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import symmetry_breaking as sb
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.processes import (
    from_exploding_coordinates,
    marginal_score,
    probability_flow_drift,
    reverse_drift,
    variance_exploding,
    variance_preserving,
)

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


# ---- checks -----------------------------------------------------------------------------------


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


# ---- claims -----------------------------------------------------------------------------------

critical = experiment.about("symmetry-breaking-critical-level", SLIDE, kind="limit")

for dynamics, form in (("VE flow", "reading"), ("VE SDE", "derived")):
    critical(
        dynamics.lower().replace(" ", "-"),
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
    "vp-sde",
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
    "one-level",
    r"\partial_x v(0) = 0 \iff \sigma = a \text{ in every dynamics}",
    form="reading",
    expected="refuted",
    conditions="data +-a, variance-preserving reverse SDE; exact witness at a = 1",
    check=vanishes,
    dynamics="VP SDE",
    level=lambda v: v,
)
critical(
    "vp-flow",
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
    "vp-flow-none",
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
    "point-sets",
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
    "two-gaussians",
    r"\sigma_c^2 = a^2 - \tau^2",
    kind="identity",
    conditions="two Gaussians of variance tau^2 at +-a, variance-exploding flow and SDE",
    check=level_of_gaussians,
    controls=[Control("as for points", power=0.0), Control("twice tau^2", power=2.0)],
)
