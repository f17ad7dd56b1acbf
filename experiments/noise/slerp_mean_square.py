"""Slerp's mean square: does spherical interpolation keep E|z|^2 = d, and is it finite at all?

Document 001, Proposition 5: spherical interpolation maintains the distribution of latents
asymptotically. In few dimensions its tails are heavy, P(|slerp| > t) ~ t^-(d-1), for the angle
between the latents may be near pi: E|slerp|^2 is infinite for d <= 3. For every other d it has a
closed form halfway, above d by Var(chi_d)/(d - 3).

Exact laws come from quadrature over the plane of the two latents; a one-dimensional integral over
their angle and the closed form are the oracle.
"""

import math

import flint
import mpmath
import numpy as np
import sympy as sp
import xarray as xr
from flint import arb
from scipy import integrate

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.interpolation import slerp
from theorylab.diffusion.path_norms import norm_law

experiment = Experiment()

WEIGHTS = [0.1, 0.25, 0.5, 0.8]
FAR = [16.0, 32.0, 64.0, 128.0, 256.0, 512.0]


def chi_variance(dim: int) -> float:
    """Var chi_d = d - 2 Gamma((d+1)/2)^2 / Gamma(d/2)^2, from 40 digits: it cancels."""
    with mpmath.workdps(40):
        half = mpmath.mpf(dim) / 2
        return float(dim - 2 * mpmath.gammaprod([half + 0.5], [half]) ** 2)


def slerp_excess(dim: int, w: float) -> float:
    """E|slerp|^2 - d = -2 Var(chi_d) E[s1 s2 cos(phi)/sin(phi)^2].

    With s1 = sin (1-w)phi and s2 = sin w phi it follows from
    s1^2 + s2^2 + 2 s1 s2 cos(phi) = sin(phi)^2; infinite for d <= 3.
    """
    reach = min(math.pi / 2, 12 / math.sqrt(dim - 2))

    def weighted(y, power):
        phi = math.pi / 2 + y
        term = math.sin((1 - w) * phi) * math.sin(w * phi) * math.cos(phi)
        return math.cos(y) ** (dim - 2 - power) * (term if power else 1.0)

    over, mass = (
        integrate.quad(weighted, -reach, reach, args=(p,), epsabs=1e-15, epsrel=1e-11, limit=200)[0]
        for p in (2, 0)
    )
    return -2 * chi_variance(dim) * over / mass


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [4, 5, 6, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16_384, 65_536]},
    quick={"dim": [4, 16, 64, 256, 1024, 4096]},
    default={},
)
def mean_squares(dim):
    """E|slerp|^2 by quadrature over the plane of the two latents, where it is finite."""
    found = [norm_law(slerp, dim, w).moment(2) for w in WEIGHTS]
    return xr.Dataset(
        {"mean_square": ("weight", found, {"long_name": "mean squared norm"})}, {"weight": WEIGHTS}
    )


@experiment.measure(grid={"dim": [2, 3, 4]})
def tails(dim):
    """P(|slerp| > t) far out, by the same quadrature."""
    survival = [norm_law(slerp, dim, w).sf(FAR) for w in WEIGHTS]
    return xr.Dataset(
        {"survival": (("weight", "far"), np.array(survival), {"long_name": "P(norm > far)"})},
        {"weight": WEIGHTS, "far": FAR},
    )


# ---- checks ------------------------------------------------------------------------------------


def mean_square(mean_squares, excess="exact"):
    """E|slerp|^2 - d against a one-dimensional integral, and halfway against its closed form."""
    n = mean_squares.sel(dim=mean_squares.dim > 3)
    forms = {
        "exact": lambda d, w: (
            chi_variance(int(d)) / (d - 3) if w == 0.5 else slerp_excess(int(d), w)
        ),
        "zero": lambda d, w: 0.0,
        "halfway's at every weight": lambda d, w: chi_variance(int(d)) / (d - 3),
        "variance 1/2 for Var chi_d": lambda d, w: (
            slerp_excess(int(d), w) / (2 * chi_variance(int(d)))
        ),
    }
    oracle = xr.apply_ufunc(forms[excess], n.dim, n.weight, vectorize=True)
    evidence = checks.identity(
        abs(n.mean_square - n.dim - oracle),
        rounding=1e-14 * n.dim + 1e-10,
        margin=1e-8,
        reason="a difference of numbers of size d, each to a few ulps; slips are above 1e-3/d",
        note="d <= 3, where the mean square is infinite, lies outside the conditions",
    )
    return evidence


def heavy_tail(tails, order):
    """P(|slerp| > t) ~ t^-(d - order) in few dimensions."""
    survival = tails.survival.sel(dim=tails.dim <= 4)
    return checks.rate(
        survival,
        order=survival.dim - order,
        tolerance=0.1,
        reason="the neighbouring orders are 1 away; the last slopes are within 0.05 of the limit",
        dim="far",
        h=1 / survival.far,
        rounding=1e-3,
    )


def excess_certified(low, high):
    """(d - 3)(E|slerp|^2 - d) halfway, for every d from 4 to 4096."""
    previous, flint.ctx.prec = flint.ctx.prec, 128
    try:
        balls = []
        for dim in range(4, 4097):
            ratio = (arb(dim + 1) / 2).lgamma() - (arb(dim) / 2).lgamma()
            balls.append(dim - 2 * (2 * ratio).exp())
    finally:
        flint.ctx.prec = previous
    return checks.certificate(
        balls,
        (low, high),
        reason="it equals Var chi_d, which rises from 0.466 to 1/2: no d keeps the mean square",
        dims=["dim"],
    )


ANGLES = [("angles expanded", lambda e: sp.simplify(sp.expand_trig(e)))]


def great_circle_symbolic(sign=1):
    a, b = sp.symbols("a b", positive=True)
    sides = sp.sin(a) ** 2 + sp.sin(b) ** 2 + 2 * sign * sp.sin(a) * sp.sin(b) * sp.cos(a + b)
    witness = {a: sp.Rational(1, 3), b: sp.Rational(1, 2)}
    return checks.proof(sides - sp.sin(a + b) ** 2, witness, tries=ANGLES)


def halfway_symbolic(form="d(d-2)"):
    """E|slerp|^2 at w = 1/2, for symbolic d: d E[1/(1+c)] + (E chi)^2 E[c/(1+c)]."""
    d = sp.Symbol("d", positive=True)
    a = (d - 1) / 2  # (1 + c)/2 ~ Beta(a, a)
    gamma = sp.gamma
    inverse = gamma(a - 1) * gamma(2 * a) / (gamma(2 * a - 1) * gamma(a)) / 2
    m = 2 * gamma((d + 1) / 2) ** 2 / gamma(d / 2) ** 2
    claimed = {"d(d-2)": d * (d - 2) - m, "d(d-1)": d * (d - 1) - m, "d": d * (d - 3)}[form]
    difference = d * inverse + m * (1 - inverse) - claimed / (d - 3)
    tries = [("gamma functions combined", lambda e: sp.simplify(sp.gammasimp(sp.expand(e))))]
    return checks.proof(difference, {d: 7}, conditions=[d > 3], tries=tries)


PAIR = "z_1, z_2 independent N(0, I_d), 0 < w < 1 fixed"

# ---- claims -----------------------------------------------------------------------------------

PROPOSITION = Source("001", "Proposition 5")
claim = experiment.about("slerp-maintains-latent", PROPOSITION, conditions=PAIR)

claim(
    "derived-mean-square",
    r"E\|{\rm slerp}_w\|^2=d-2\,{\rm Var}(\chi_d)\,"
    r"E\Big[\tfrac{\sin((1-w)\phi)\sin(w\phi)\cos\phi}{\sin^2\phi}\Big],\quad"
    r" E\|{\rm slerp}_{1/2}\|^2=\tfrac{d(d-2)-(E\chi_d)^2}{d-3}",
    check=mean_square,
    controls=[
        Control("it is d", excess="zero"),
        Control("halfway's value at every weight", excess="halfway's at every weight"),
        Control("1/2 for Var chi_d", excess="variance 1/2 for Var chi_d"),
    ],
    conditions=PAIR + ", d >= 4 (infinite below)",
)
claim(
    "derived-heavy-tail",
    r"P(\|{\rm slerp}_w\|>t)\asymp t^{-(d-1)}:\ E\|{\rm slerp}_w\|^2=\infty\text{ for }d\le3",
    kind="rate",
    check=heavy_tail,
    controls=[Control("t^-d", order=0), Control("t^-(d-2)", order=2)],
    conditions=PAIR + ", d = 2, 3, 4",
    order=1,
)
claim(
    "symbolic-great-circle",
    r"\sin^2a+\sin^2b+2\sin a\sin b\cos(a+b)=\sin^2(a+b):"
    r"\text{ equal norms are kept at every angle}",
    check=great_circle_symbolic,
    controls=[Control("minus twice the product", sign=-1)],
)
claim(
    "symbolic-halfway",
    r"E\|{\rm slerp}_{1/2}\|^2=\tfrac{d(d-2)-(E\chi_d)^2}{d-3}\text{ for every real }d>3",
    check=halfway_symbolic,
    controls=[Control("it is d", form="d"), Control("d(d-1) for d(d-2)", form="d(d-1)")],
)
claim(
    "certified-mean-square",
    r"0.46\le(d-3)\,(E\|{\rm slerp}_{1/2}\|^2-d)\le\tfrac12,\quad d=4,\dots,4096",
    kind="inequality",
    check=excess_certified,
    controls=[
        Control("the mean square is kept", low=-1e-3, high=1e-3),
        Control("the excess is at least 1/2 over d - 3", low=0.5, high=math.inf),
    ],
    low=0.46,
    high=0.5,
)
