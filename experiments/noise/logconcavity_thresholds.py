"""Thresholds of log-concavity: at which sigma^2 does a blurred Gaussian mixture get there?

Document 004 says for Gaussian mixtures: if sigma^2 >= diameter of the means. That compares a
variance with a length. The sharp condition is sigma^2 + tau^2 >= D^2/4: exact for two components of
any weights, sufficient for any number (Popoviciu), and attained where the farthest pair is an
exposed edge of the hull, as in a simplex.

Sympy decides where the statement is algebra; the library's Hessians are searched for the rest.
`image_logconcavity` does this for images, `log_concavity` for three points on a line.
"""

import math
from functools import partial

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import optimize

from theorylab import Control, Experiment, Source, checks
from theorylab.checks.symbolic import FRACTIONS
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.measurement_hessians import (
    log_concave_variance,
)

experiment = Experiment()


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [1, 2, 8, 32], "weight": [0.5, 0.9, 0.999]},
    quick={"dim": [8]},
    paper={"dim": [1, 2, 8, 32, 128], "weight": [0.5, 0.7, 0.9, 0.99, 0.999]},
)
def thresholds(dim, weight, rng):
    """sigma^2 at which two components N(mu_i, tau^2 I) become log-concave, by their Hessian.

    Bisection on the largest curvature along the line through the means. The last pair is the
    document's own: difference of the means 6 (1, ..., 1), tau = 1.
    """
    distances, taus = [1.0, 3.0, 6.0, 12.0, 6 * math.sqrt(dim)], [0.2, 0.2, 1.0, 1.0, 1.0]
    u, found = rng.standard_normal(dim), []
    u /= np.linalg.norm(u)
    for distance, tau in zip(distances, taus, strict=True):
        means = np.outer([-distance / 2, distance / 2], u)
        mixture = GaussianMixture.isotropic([1 - weight, weight], means, tau)
        excess = partial(_largest_on_line, mixture, u, distance, tau, weight)
        v = optimize.brentq(excess, 1.01 * tau**2, 5 * distance**2 / 4, rtol=1e-13, xtol=1e-13)
        found.append(v - tau**2)
    return xr.Dataset(
        {
            "threshold": ("pair", found, {"long_name": "smallest log-concave sigma^2"}),
            "distance": ("pair", distances),
            "tau": ("pair", taus),
        },
        {"pair": ["1", "3", "6", "12", "document"]},
    )


def _largest_on_line(mixture, u, distance, tau, weight, v):
    """v times the largest second derivative of log q along the line through the means."""
    sigma, along = math.sqrt(v - tau**2), torch.as_tensor(u)
    # The posterior is spread over both only where the log-odds are of order one.
    reach = distance + v * (abs(math.log(weight / (1 - weight))) + 10) / distance
    grid = torch.linspace(-reach, reach, 401, dtype=torch.float64)
    for _ in range(5):
        curved = v * (mixture.hessian_vector_product(grid[:, None] * along, along, sigma) @ along)
        best, step = int(curved.argmax()), float(grid[1] - grid[0])
        top = float(curved[best])
        grid = float(grid[best]) + torch.linspace(-2 * step, 2 * step, 41, dtype=torch.float64)
    return top


@experiment.measure(
    grid={"dim": [1, 2, 8, 32], "kind": ["random", "simplex"]},
    quick={"dim": [2, 8], "steps": 40, "sets": 2},
    default={"steps": 150, "sets": 3},
    paper={"dim": [1, 2, 8, 32, 128], "steps": 500, "sets": 20},
)
def spreads(dim, kind, steps, sets, rng):
    """Largest eigenvalue of Cov(Z | y) found for means of random weights, against D^2/4."""
    ratios, largest, bound, radius = [0.1, 0.5, 1.0, 2.0], [], [], []
    for _ in range(sets):
        simplex = np.eye(dim + 1) - 1 / (dim + 1)
        means = simplex if kind == "simplex" else rng.standard_normal((6, dim))
        weights = rng.dirichlet(np.ones(len(means)))
        mixture = GaussianMixture.isotropic(weights, means, 0.0)
        quarter = log_concave_variance(torch.as_tensor(means))
        search = partial(_search, mixture, means, weights, steps=steps, rng=rng)
        largest.append([search(ratio * quarter) for ratio in ratios])
        bound.append(quarter)
        radius.append(np.linalg.norm(means - means.mean(0), axis=1).max() ** 2)
    return xr.Dataset(
        {
            "largest": (("set", "ratio"), largest, {"long_name": "largest eigenvalue found"}),
            "quarter": ("set", bound, {"long_name": "D^2/4"}),
            "squared_radius": ("set", radius, {"long_name": "squared radius about the centre"}),
        },
        {"ratio": ratios},
    )


def _search(mixture, means, weights, variance, steps, rng):
    """Largest eigenvalue found: climbing from between far pairs, and from far out beyond them."""
    sigma, starts, centre = math.sqrt(variance), [], means.mean(0)
    distance = np.triu(np.linalg.norm(means[:, None] - means, axis=-1))
    far = np.unravel_index(np.argsort(-distance, None)[:8], distance.shape)
    for i, j in zip(*far, strict=True):
        if i == j:
            continue
        middle, edge = (means[i] + means[j]) / 2, means[i] - means[j]
        out = middle - centre - edge * ((middle - centre) @ edge) / (edge @ edge)
        tie = variance * math.log(weights[j] / weights[i]) / (edge @ edge) * edge
        # Where the pair is equally likely; 60 units of log weight beyond, the others are gone.
        beyond = 60 * variance / (out @ out) if out @ out > 1e-12 else 0.0
        starts += [middle + tie, middle + tie + beyond * out]

    def eigenvalue(y):
        return torch.linalg.eigvalsh(mixture.posterior_covariance(y, sigma))[:, -1].numpy()

    options = {"steps": steps, "scale": 0.3 * sigma}
    return checks.adversarial_search(eigenvalue, np.array(starts), rng, **options)[1].max()


# ---- checks ------------------------------------------------------------------------------------


def sufficient_symbolic(rule):
    """-(log q)'' v >= 0 for two components at distance D, at sigma^2 = rule(D, tau^2, pi) + s.

    v = sigma^2 + tau^2, s >= 0. With E_1, E_2 the two terms of the density, which take all positive
    values whatever the weights pi, 1 - pi, the expression is
    (v - D^2/4)/v + D^2/(4v) ((E_1 - E_2)/(E_1 + E_2))^2.
    """
    symbols, expression, v = _two_components(rule)
    distance, first, second = symbols[0], *symbols[2:4]
    square = ((first - second) / (first + second)) ** 2
    form = sp.expand(v - distance**2 / 4) / v + distance**2 / (4 * v) * square
    return checks.proof_nonnegative(expression, _pairs_witness(symbols), equals=form)


def sharp_symbolic(rule):
    """(log q)'' = 0 where both components are equally likely, at sigma^2 = rule exactly (s = 0)."""
    symbols, expression, _ = _two_components(rule)
    _, _, first, second, _, _, extra = symbols
    at_tie = expression.subs({second: first, extra: 0})
    return checks.proof(at_tie, _pairs_witness(symbols), tries=FRACTIONS)


def _two_components(rule):
    """Symbols, -v (log q)'' along the line through the means, and v."""
    distance, tau, first, second, p, r = sp.symbols("D tau E1 E2 p r", positive=True)
    extra, y = sp.symbols("s", nonnegative=True), sp.symbols("y", real=True)
    v = sp.symbols("v", positive=True)

    def derive(f):
        pulls = ((first, y + distance / 2), (second, y - distance / 2))
        return sp.diff(f, y) - sum(sp.diff(f, e) * e * pull / v for e, pull in pulls)

    expression = sp.simplify(-v * derive(derive(sp.log(first + second))))
    value = sp.expand(rule(distance, tau**2, p / (p + r))) + tau**2 + extra
    symbols = (distance, tau, first, second, p, r, extra)
    return symbols, expression.subs(v, sp.expand(value)), sp.expand(value)


def _pairs_witness(symbols):
    """The document's mixture at d = 1, D = 6 and tau = 1, with weights 9/10 and 1/10."""
    return dict(zip(symbols, map(sp.Integer, (6, 1, 1, 1, 9, 1, 0)), strict=True))


def popoviciu_symbolic(share):
    """Var Z <= share D^2 for Z in an interval of length D: three points, any weights.

    With theta = (Z - a)/D: 1/4 - Var theta = (E theta - 1/2)^2 + E theta (1 - theta).
    """
    weights, low, high = (sp.symbols(f"{n}0:3", positive=True) for n in "wgh")
    theta = [g / (g + h) for g, h in zip(low, high, strict=True)]
    mean = lambda values: sum(w * x for w, x in zip(weights, values, strict=True)) / sum(weights)
    first = mean(theta)
    variance = mean([(t - first) ** 2 for t in theta])
    inside = mean([g * h / (g + h) ** 2 for g, h in zip(low, high, strict=True)])
    form = (first - sp.Rational(1, 2)) ** 2 + inside + share - sp.Rational(1, 4)
    # Two values near the ends, each of half the weight.
    values = dict(zip("wgh", ((1, 2, 1), (1, 1000, 1), (1000, 1, 1000)), strict=True))
    witness = dict(zip((*weights, *low, *high), sum(values.values(), ()), strict=True))
    return checks.proof_nonnegative(share - variance, witness, equals=form)


def measured_threshold(thresholds, rule):
    """The sigma^2 where the library's Hessian turns negative, against rule(D, tau, weight)."""
    claimed = rule(thresholds.distance, thresholds.tau, thresholds.weight)
    return checks.identity(
        np.abs(thresholds.threshold - claimed) / (thresholds.distance**2 / 4),
        rounding=1e-10,
        margin=1e-7,
        reason="bisection ends at 1e-12 of D^2/4",
    )


def spread_bounded(spreads, share=1.0):
    """Largest eigenvalue of Cov(Z | y) <= share D^2/4, wherever the search has looked."""
    ratio = spreads.largest / spreads.quarter
    return checks.bound(
        ratio.max("set") - share,
        rounding=1e-10,
        margin=1e-7,
        reason="the bound is attained at infinity, up to exp(-60); slips sought are 2 %",
        tightness=ratio,
    )


def simplex_threshold(spreads, claimed):
    """sup_y of the largest eigenvalue, for the means of a simplex with any weights, is claimed."""
    data = spreads.sel(kind="simplex")
    return checks.identity(
        (np.abs(data.largest / data[claimed] - 1)).max("set"),
        rounding=1e-10,
        margin=1e-7,
        reason="a tie far beyond the pair's face is reached up to exp(-60)",
    )


# ---- claims -----------------------------------------------------------------------------------

SLIDE = Source("004", "slide 'More and more log-concave'")
QUARTER = lambda d, tau2, w: d**2 / 4 - tau2
LENGTH = lambda d, tau2, w: d
SQUARE = lambda d, tau2, w: d**2
LESS = lambda d, tau2, w: sp.Rational(49, 200) * d**2 - tau2
PRIOR = lambda d, tau2, w: w * (1 - w) * d**2 - tau2
RULES = {
    r"\sigma^2 + \tau^2 \ge 0.98\,D^2/4": LESS,
    r"\sigma^2 + \tau^2 \ge \pi(1-\pi)D^2, \text{ the variance of the means}": PRIOR,
}
diameter = experiment.about("logconcave-threshold-diameter", SLIDE, kind="inequality")
two = experiment.about("logconcave-threshold-two-components", SLIDE)
many = experiment.about("logconcave-threshold-k-components", SLIDE, kind="inequality")

sufficient = diameter(
    "corrected",
    r"\sigma^2 + \tau^2 \ge D^2/4 \Rightarrow q_\sigma \text{ is log-concave}",
    entries="logconcave-threshold-two-components",
    conditions="two components of covariance tau^2 I at distance D, any weights",
    check=sufficient_symbolic,
    rule=QUARTER,
    controls=[Control(statement, rule=rule) for statement, rule in RULES.items()],
)
diameter(
    "as-stated",
    r"\sigma^2 \ge D \Rightarrow q_\sigma \text{ is log-concave}",
    conditions="witness: the document's own mixture, D = 6 and tau = 1",
    check=sufficient_symbolic,
    rule=LENGTH,
    expected="refuted",
    twin=sufficient,
)
diameter(
    "reading-squared",
    r"\sigma^2 \ge D^2 \Rightarrow q_\sigma \text{ is log-concave}",
    conditions="two components of any weights; four times more than is needed",
    check=sufficient_symbolic,
    rule=SQUARE,
    controls=[
        Control(r"\sigma^2 \ge D", rule=LENGTH),
        Control(r"\sigma^2 \ge D^2/8", rule=lambda d, tau2, w: d**2 / 8),
    ],
)
two(
    "sharp",
    r"\sigma^2 + \tau^2 = D^2/4 \Rightarrow \sup_y \lambda_{\max}\nabla^2\log q_\sigma(y) = 0",
    conditions="attained where both components are equally likely, whatever their weights",
    check=sharp_symbolic,
    rule=QUARTER,
    controls=[
        *(Control(statement, rule=rule) for statement, rule in RULES.items()),
        Control(r"\sigma^2 + \tau^2 = D^2", rule=lambda d, tau2, w: d**2 - tau2),
    ],
)
two(
    "measured",
    r"\sigma_*^2 = D^2/4 - \tau^2",
    entries="logconcave-threshold-diameter",
    conditions="d = 1 to 32, D = 1 to 12 and 6 sqrt(d), weights 1/2, 9/10, 999/1000",
    check=measured_threshold,
    rule=lambda d, tau, w: d**2 / 4 - tau**2,
    controls=[
        Control(r"D^2 - \tau^2", rule=lambda d, tau, w: d**2 - tau**2),
        Control(r"\pi(1-\pi)D^2 - \tau^2", rule=lambda d, tau, w: w * (1 - w) * d**2 - tau**2),
        Control(r"D^2/4", rule=lambda d, tau, w: d**2 / 4 + 0 * tau),
    ],
)
many(
    "symbolic",
    r"\mathrm{Var}(\langle u, Z\rangle) \le D^2/4, \text{ so } \sigma^2 + \tau^2 \ge D^2/4"
    r"\text{ suffices}",
    conditions="three points of any weights in an interval of length D (Popoviciu)",
    check=popoviciu_symbolic,
    share=sp.Rational(1, 4),
    controls=[
        Control(r"\le 0.98\,D^2/4", share=sp.Rational(49, 200)),
        Control(r"\le D^2/12, \text{ as if uniform}", share=sp.Rational(1, 12)),
    ],
)
many(
    "measured",
    r"\lambda_{\max}\mathrm{cov}(Z|y) \le D^2/4",
    conditions="six random means, or a simplex, d = 1 to 32, random weights; searched over y",
    check=spread_bounded,
    controls=[Control(r"\le 0.98\,D^2/4", share=0.98), Control(r"\le D^2/8", share=0.5)],
)
many(
    "simplex",
    r"\sup_y\lambda_{\max}\mathrm{cov}(Z|y) = D^2/4 \text{ for a simplex with any weights}",
    conditions="d = 1 to 32; each edge is exposed, and seen alone far out along its normal",
    kind="identity",
    check=simplex_threshold,
    claimed="quarter",
    controls=[Control(r"R^2: \text{ the squared circumradius}", claimed="squared_radius")],
)
