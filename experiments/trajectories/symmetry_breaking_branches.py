r"""Symmetry breaking, its branches: which modes appear, and is it at the critical noise level?

Document 001 shows "Spontaneous symmetry breaking in generative diffusion models" as a title with a
figure: the dynamics has a transition at a critical noise level. Read literally, new modes appear
at the level where the centre is lost, and the centre is lost on images too.

Only two equal points make a pitchfork: with three or more corners of a simplex other modes appear
above that level, and with unequal weights, as on the digits, the centre slides into one mode and is
never lost.

Ball arithmetic for the numbers of modes, symbolic limits, and Newton's method for the fixed points
decide.
"""

import math
from functools import partial

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import symmetry_breaking as sb
from theorylab.diffusion.ball_laws import FiniteLaw
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.mode_counting import modes_in_plane, modes_on_line
from theorylab.images import datasets

experiment = Experiment()

SLIDE = Source("001", "slide 'Spontaneous symmetry breaking'")
FRACTIONS = (0.999, 0.99, 0.95, 0.9, 0.8, 0.7)


# ---- measurements -----------------------------------------------------------------------------


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


# ---- checks -----------------------------------------------------------------------------------


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


# ---- claims -----------------------------------------------------------------------------------

critical = experiment.about("symmetry-breaking-critical-level", SLIDE, kind="limit")

critical(
    "pitchfork",
    r"x_*^2 / (1 - \sigma^2) \to 3",
    conditions="data +-1, fixed points x = tanh(x/sigma^2) as sigma -> 1",
    check=pitchfork,
    square=3,
    controls=[Control("2 for 3", square=2), Control("tanh(x/(2 sigma^2))", pole=2)],
)
critical(
    "branches",
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
    "equal-heights",
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
    "triangle-appearance",
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
    "triangle-reading",
    r"\text{new modes where the centre is lost, } \sigma_c = R/\sqrt2",
    expected="refuted",
    conditions="three equal points",
    check=triangle_born_at,
    level=sb.simplex_levels(3).instability,
    twin=triangle,
)
unequal = critical(
    "unequal-weights",
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
    "any-weights",
    r"\text{second mode at } \sigma = 1 \text{ for every weight}",
    form="reading",
    expected="refuted",
    conditions="data +-1 with weights w, 1 - w",
    check=weights_born_at,
    level=lambda w: 1.0,
    twin=unequal,
)
kept = critical(
    "digits-never",
    r"\lambda_{\max}(\mathrm{Cov}(x_0 \mid x = m_\sigma)) < \sigma^2",
    kind="inequality",
    conditions="the fixed point that starts at the mean of the digits, sigma from 3 to 1",
    check=image_stability,
    controls=[Control("digits with their mirror images", images="with mirror images")],
)
critical(
    "digits-reading",
    r"\lambda_{\max}(\mathrm{Cov}(x_0 \mid x = m_\sigma)) \ge \sigma^2 \text{ at some level}",
    expected="refuted",
    conditions="the fixed point that starts at the mean of the digits, sigma from 3 to 1",
    check=image_stability,
    relation=">=",
    twin=kept,
)
