"""Hessians of measurements: is that of the next one -(I - cov / sigma^2) / sigma^2?

Document 004 gives the Hessian of log q and of the next measurement's conditional law; the paper
behind its slides bounds the second by zeta(m) for blurred bounded laws. All hold; with D^2/4 for
the squared radius R^2 the bound is at least as good, and what m measurements gain over one falls
short of 1/sigma^2 like 1/m.

The library's mixtures are judged against Taylor series of the joint densities in ball arithmetic;
sympy proves the formulas for three atoms of any weights.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.checks.symbolic import FRACTIONS
from theorylab.diffusion.ball_laws import (
    GRID,
    joint_curvature,
)
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.measurement_hessians import (
    conditional_hessian,
    log_concave_variance,
)
from theorylab.images import datasets

experiment = Experiment()


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={
        "law": ["points 1", "points 8", "points 64", "isotropic 2", "full 2", "full 8", "digits"],
        "measurements": [1, 2, 5],
    },
    data=("digits",),
    quick={
        "law": ["points 1", "points 64", "isotropic 2", "full 8", "digits"],
        "measurements": [1, 3],
        "queries": 2,
    },
    default={"queries": 4},
    paper={"measurements": [1, 2, 5, 20], "queries": 20},
)
def hessians(law, measurements, queries, rng):
    """Second derivatives of log densities along random directions, three ways.

    By the Taylor series of the joint density of all measurements, in balls; by the library's
    Hessian of their mean's density; and by the library's posterior covariance.
    """
    weights, means, covariances, mixture = _mixture(law, rng)
    sigmas, m = [0.3, 0.8, 2.0], measurements
    names = ("series", "hessian", "variance", "variance_last", "entropy")
    found = np.zeros((len(sigmas), queries, len(names)))
    for place in np.ndindex(len(sigmas), queries):
        sigma = sigmas[place[0]]
        u, y = _tie(means, sigma / math.sqrt(m), rng)
        noise = sigma * rng.standard_normal((m, len(y)))
        ys = _dyadic(y + noise - noise.mean(0))
        along, batch = torch.tensor(u), torch.tensor(ys)[None]
        mean, level = batch.mean(1), sigma / math.sqrt(m)
        curved = joint_curvature(weights, means, covariances, ys, u, sigma)
        matrices = (
            conditional_hessian(mixture, batch, sigma),
            mixture.posterior_covariance(mean, level),
            mixture.posterior_covariance(batch[:, -1], sigma),
        )
        # A dyadic u is not quite of unit length.
        forms = np.array([float(curved.mid()), *(float(along @ a[0] @ along) for a in matrices)])
        entropy = torch.special.entr(mixture.responsibilities(mean, level)).sum()
        found[place] = [*forms / (u @ u), entropy]
    columns = {name: (("sigma", "query"), found[..., i]) for i, name in enumerate(names)}
    return xr.Dataset(columns, {"sigma": sigmas})


def _mixture(law, rng):
    """Weights, means, covariances (None for points) and the library's mixture of them."""
    if law == "digits":
        means = datasets.as_float(datasets.digits()).flatten(1).numpy()
        weights = np.full(len(means), 1 / len(means))
        return weights, means, None, GaussianMixture.isotropic(None, means, 0.0)
    kind, d, k = law.split()[0], int(law.split()[1]), 4
    weights = rng.dirichlet(np.full(k, 4.0))
    means = _dyadic(rng.standard_normal((k, d)) * 1.5 / math.sqrt(d))
    if kind == "points":
        return weights, means, None, GaussianMixture.isotropic(weights, means, 0.0)
    if kind == "isotropic":
        stds = rng.uniform(0.2, 0.6, k)
        covariances = stds[:, None, None] ** 2 * np.eye(d)
        return weights, means, covariances, GaussianMixture.isotropic(weights, means, stds)
    shapes = rng.standard_normal((k, d, d)) / math.sqrt(d)
    covariances = 0.2 * shapes @ shapes.transpose(0, 2, 1)
    return weights, means, covariances, GaussianMixture.full(weights, means, covariances)


def _tie(means, level, rng):
    """A direction, and a point about half-way between two neighbouring means."""
    first = rng.integers(len(means))
    distance = np.linalg.norm(means - means[first], axis=1)
    edge = means[np.argsort(distance)[1]] - means[first]
    shift = 0.5 * edge * min(1.0, level**2 / (edge @ edge))
    aside, turn = rng.standard_normal((2, len(edge))) / math.sqrt(len(edge))
    u = edge / np.linalg.norm(edge) + 0.5 * turn
    return _dyadic(u / np.linalg.norm(u)), means[first] + edge / 2 + shift + 0.1 * level * aside


def _dyadic(x):
    return np.rint(x * GRID) / GRID


@experiment.measure(
    grid={"dim": [1, 2, 8], "measurements": [1, 2, 5, 20], "kind": ["pair", "ball"]},
    quick={"dim": [8], "measurements": [1, 3], "steps": 20},
    default={"steps": 50},
    paper={"dim": [1, 2, 8, 32], "steps": 500},
)
def precise(dim, measurements, kind, steps, rng):
    """Largest eigenvalue found of the conditional Hessian, for means in a ball of radius R."""
    cases = {"radius": [3, 3, 1, 0.5], "tau": [1, 1, 0.1, 0.3], "sigma2": [8, 16, 1, 0.36]}
    # Only the mean of the measurements matters; their spread about it is arbitrary.
    offsets = torch.linspace(-1, 1, measurements, dtype=torch.float64) * (measurements > 1)
    largest, quarters = [], []
    for radius, tau, sigma2 in zip(*cases.values(), strict=True):
        directions = rng.standard_normal((6, dim))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        means = radius * rng.uniform(0.3, 1, (6, 1)) * directions
        if kind == "pair":
            means = radius * np.stack([directions[0], -directions[0]])
        mixture, sigma = GaussianMixture.isotropic(None, means, tau), math.sqrt(sigma2)

        def eigenvalue(mean, mixture=mixture, sigma=sigma):
            ys = torch.as_tensor(mean)[:, None] + offsets[:, None]
            return torch.linalg.eigvalsh(conditional_hessian(mixture, ys, sigma))[:, -1].numpy()

        starts = np.concatenate([np.zeros((1, dim)), means])
        options = {"steps": steps, "scale": 0.3 * sigma}
        largest.append(checks.adversarial_search(eigenvalue, starts, rng, **options)[1].max())
        quarters.append(log_concave_variance(torch.as_tensor(means)))
    return xr.Dataset(
        {
            "largest": ("case", largest, {"long_name": "largest eigenvalue found"}),
            "quarter": ("case", quarters, {"long_name": "D^2/4 of the means"}),
            **{name: ("case", np.array(values, dtype=float)) for name, values in cases.items()},
        }
    )


# ---- checks ------------------------------------------------------------------------------------

NONDEGENERATE = "posterior entropy above 0.1: where one component has it all, every formula agrees"


def hessian_identity(hessians, one=False, power=2, factor=1.0, per_measurement=0, given="variance"):
    """-(1 - factor cov / sigma^power) / s, s = sigma^2 / m^per_measurement, against the series.

    Two errors at every point: of that formula with the library's posterior covariance, and of the
    library's Hessian itself. ``one`` keeps a single measurement only.
    """
    data = hessians.sel(measurements=hessians.measurements == 1) if one else hessians
    s = data.sigma**2 / data.measurements**per_measurement
    formula = -(1 - factor * data[given] / data.sigma**power) / s
    scale = 1 / data.sigma**2 + data.variance / data.sigma**4
    errors = [np.abs(side - data.series) / scale for side in (formula, data.hessian)]
    return checks.identity(
        xr.concat(errors, xr.DataArray(["formula", "library"], dims="side")).max("query"),
        rounding=1e-12,
        margin=1e-9,
        reason="float64 leaves 1e-14; the least slip sought is a tenth of the covariance",
        where=(data.entropy > 0.1).all("query"),
        note=NONDEGENERATE,
    )


def hessian_symbolic(power=2, sign=1):
    """Second derivatives of log q for three points in the plane, of any weights.

    E_i = w_i exp(-|y - x_i|^2 / 2 sigma^2) stands for itself: positive, arbitrary (the weights
    are), with gradient -(y - x_i) E_i / sigma^2.
    """
    sigma, y, atoms = sp.symbols("sigma", positive=True), sp.symbols("y1 y2", real=True), _ATOMS
    slope = lambda i, c: -(y[c] - atoms[i][c]) / sigma**2
    total, derive, mean = _exponential_sum(y, slope)
    difference = []
    for c, e in ((0, 0), (0, 1)):
        first, second = (mean([x[k] for x in atoms]) for k in (c, e))
        covariance = mean([x[c] * x[e] for x in atoms]) - first * second
        claimed = -(int(c == e) - sign * covariance / sigma**power) / sigma**2
        difference.append(derive(derive(sp.log(total), c), e) - claimed)
    return checks.proof(difference, _witness(sigma, y), tries=FRACTIONS)


def conditional_symbolic(power=0, share=2):
    """The Hessian in y_3 of the log density of three measurements, for three points on the line.

    Against -(1 - cov / sigma^2) m^power / sigma^2, and against the density of the mean,
    -(1 - 1/m) / sigma^2 + (log q_(sigma/sqrt(m)))''(mean) / m^share; also that the measurements
    enter through their mean alone.
    """
    m, sigma, y = 3, sp.symbols("sigma", positive=True), sp.symbols("y1:4", real=True)
    atoms = [x for x, _ in _ATOMS]
    total, derive, mean = _exponential_sum(y, lambda i, c: -(y[c] - atoms[i]) / sigma**2)
    variance = mean([a**2 for a in atoms]) - mean(atoms) ** 2
    found = derive(derive(sp.log(total), 2), 2)
    of_mean = (variance / (sigma**2 / m) - 1) / (sigma**2 / m)
    average, a = sum(y) / m, atoms[0]
    shift = sum((c - a) ** 2 for c in y) - m * (average - a) ** 2
    difference = [
        found + (1 - variance / sigma**2) * m**power / sigma**2,
        found + (1 - sp.Rational(1, m)) / sigma**2 - of_mean / m**share,
        sp.diff(shift, a),
    ]
    return checks.proof(difference, _witness(sigma, y), tries=FRACTIONS)


_ATOMS = [sp.symbols(f"a{i} b{i}", real=True) for i in range(3)]
_TERMS = sp.symbols("E0:3", positive=True)


def _exponential_sum(y, slope):
    """sum_i E_i, the derivative in y_c of what is made of E_i and y, and means under E_i / sum."""
    total = sum(_TERMS)

    def derive(f, c):
        return sp.diff(f, y[c]) + sum(sp.diff(f, e) * e * slope(i, c) for i, e in enumerate(_TERMS))

    def mean(values):
        return sum(e * v for e, v in zip(_TERMS, values, strict=True)) / total

    return total, derive, mean


def _witness(sigma, y):
    """Exact values for all symbols of a check on three atoms."""
    symbols = [sigma, *y, *_TERMS, *(c for atom in _ATOMS for c in atom)]
    thirds = [*[5, 1, -2, 4][: 1 + len(y)], 3, 6, 2, 0, 3, 3, 0, -3, 1]
    return {s: sp.Rational(n, 3) for s, n in zip(symbols, thirds, strict=True)}


def precise_symbolic(spread=1):
    """Blurred means a_i (tau): Hessian of three measurements by Cov(Z | y); equality for +-R.

    Cov(X | y) = tau^2 sigma^2 / N + (sigma^2 / N)^2 Cov(Z | y), N = m tau^2 + sigma^2; two equally
    likely means at +-R attain zeta(m) with spread R^2.
    """
    m, sigma, tau = 3, *sp.symbols("sigma tau", positive=True)
    y, radius, atoms = (
        sp.symbols("y1:4", real=True),
        sp.symbols("R", positive=True),
        [x for x, _ in _ATOMS],
    )
    precision = (sigma**2 * sp.eye(m) + tau**2 * sp.ones(m, m)).inv()
    slope = lambda i, c: -sum(precision[c, k] * (y[k] - atoms[i]) for k in range(m))
    total, derive, mean = _exponential_sum(y, slope)
    scale = m * tau**2 + sigma**2
    within = mean([a**2 for a in atoms]) - mean(atoms) ** 2
    covariance = tau**2 * sigma**2 / scale + (sigma**2 / scale) ** 2 * within
    found = derive(derive(sp.log(total), 2), 2)
    pair = {atoms[0]: radius, atoms[1]: -radius, atoms[2]: radius, _TERMS[1]: _TERMS[0] + _TERMS[2]}
    difference = [
        found + (1 - covariance / sigma**2) / sigma**2,
        found.subs(pair) - precise_bound(m, spread * radius**2, tau**2, sigma**2),
    ]
    witness = _witness(sigma, y) | {tau: sp.Rational(1, 2), radius: 2}
    return checks.proof(difference, witness, tries=FRACTIONS)


def precise_bound(m, spread, variance, sigma2, power=2):
    """zeta(m) = [variance/N - 1 + sigma2 spread/N^power] / sigma2, N = m variance + sigma2."""
    total = m * variance + sigma2
    return (variance / total - 1 + sigma2 * spread / total**power) / sigma2


def precise_bounded(precise, factor=1.0, power=2, spread="radius"):
    """Largest eigenvalue found of the conditional Hessian <= zeta(m)."""
    squared = precise.radius**2 if spread == "radius" else precise.quarter
    arguments = precise.measurements, factor * squared, precise.tau**2, precise.sigma2
    return checks.bound(
        (precise.largest - precise_bound(*arguments, power)) * precise.sigma2,
        rounding=1e-12,
        margin=1e-9,
        reason="attained by two means at +-R; in units of 1/sigma^2 rounding is 1e-15",
    )


def precise_limit(value):
    """lim m (1 + sigma^2 zeta(m)) for m -> infinity, for every R, tau and sigma > 0."""
    m, radius, tau, sigma = sp.symbols("m R tau sigma", positive=True)
    gain = 1 + sigma**2 * precise_bound(m, radius**2, tau**2, sigma**2)
    found = sp.limit(sp.cancel(m * gain), m, sp.oo)
    return checks.proof(found - value, {radius: 3, tau: 1, sigma: 2, m: 1}, tries=FRACTIONS)


# ---- claims -----------------------------------------------------------------------------------

SLIDE = Source("004", "slide 'More and more log-concave'")
PAPER = Source(
    "004", "slide 'More and more log-concave', after Saremi, Park & Bach 2024, theorem 1"
)
single = experiment.about("hessian-single", SLIDE)
conditional = experiment.about("hessian-conditional", SLIDE)
precisely = experiment.about("gm-precise-statement", PAPER, kind="inequality", form="derived")
SINGLE = r"\nabla^2\log q(y) = -\tfrac1{\sigma^2}\big[I - \tfrac1{\sigma^2}\mathrm{cov}(X|Y=y)\big]"
CONDITIONAL = (
    r"\nabla^2_{y_m}\log p(y_m|y_{1:m-1})"
    r" = -\tfrac1{\sigma^2}\big[I - \tfrac1{\sigma^2}\mathrm{cov}(X|y_{1:m})\big]"
)

single(
    "",
    SINGLE,
    conditions="finite sets, mixtures (d = 1 to 64) and the digits; posterior not degenerate",
    check=hessian_identity,
    one=True,
    controls=[
        Control(r"covariance not divided by \sigma^2", one=True, power=0),
        Control(r"covariance divided by \sigma", one=True, power=1),
        Control(r"0.9\,\mathrm{cov}", one=True, factor=0.9),
        Control(r"I + \mathrm{cov}/\sigma^2", one=True, factor=-1.0),
    ],
)
single(
    "symbolic",
    SINGLE,
    form="as stated",
    conditions="three points of any weights in the plane, every sigma and y",
    check=hessian_symbolic,
    controls=[
        Control(r"covariance not divided by \sigma^2", power=0),
        Control(r"covariance divided by \sigma", power=1),
        Control(r"I + \mathrm{cov}/\sigma^2", sign=-1),
    ],
)
conditional(
    "",
    CONDITIONAL,
    conditions="as for one measurement; m up to 5, or 20 in the paper preset",
    check=hessian_identity,
    controls=[
        Control(r"\sigma^2/m \text{ for } \sigma^2 \text{ in front}", per_measurement=1),
        Control(r"\mathrm{cov}(X|y_m)", given="variance_last"),
        Control(r"0.9\,\mathrm{cov}", factor=0.9),
    ],
)
conditional(
    "symbolic",
    CONDITIONAL + r" = -\tfrac1{\sigma^2}(1-\tfrac1m)I"
    r" + \tfrac1{m^2}\nabla^2\log q_{\sigma/\sqrt m}(\bar y)",
    conditions="three points of any weights on the line, three measurements, every sigma",
    check=conditional_symbolic,
    controls=[
        Control(r"\sigma^2/m \text{ for } \sigma^2 \text{ in front}", power=1),
        Control(r"\tfrac1m\nabla^2\log q_{\sigma/\sqrt m}", share=1),
    ],
)
ZETA = (
    r"\zeta(m) = \tfrac1{\sigma^2}\Big(\tfrac{\tau^2}{m\tau^2+\sigma^2} - 1"
    r" + \tfrac{\sigma^2 S}{(m\tau^2+\sigma^2)^2}\Big)"
)
precisely(
    "",
    r"\nabla^2_{y_m}\log p(y_m|y_{1:m-1}) \preceq \zeta(m) I,\ " + ZETA + r",\ S = R^2",
    conditions="X = Z + N(0, tau^2 I), |Z| <= R; four (R, tau, sigma), d = 1 to 8, m = 1 to 20",
    check=precise_bounded,
    controls=[
        Control(r"S = R^2/2", factor=0.5),
        Control(r"(m\tau^2+\sigma^2)^1 \text{ below } S", power=1),
        Control(r"S = 0.98\,R^2", factor=0.98),
    ],
)
precisely(
    "diameter",
    r"\nabla^2_{y_m}\log p(y_m|y_{1:m-1}) \preceq \zeta(m) I,\ " + ZETA + r",\ S = D^2/4 \le R^2",
    conditions="D the diameter of the means; as before",
    check=precise_bounded,
    spread="diameter",
    controls=[Control(r"S = 0.98\,D^2/4", factor=0.98, spread="diameter")],
)
precisely(
    "symbolic",
    r"\mathrm{cov}(X|y_{1:m}) = \tfrac{\tau^2\sigma^2}{m\tau^2+\sigma^2}I"
    r" + \big(\tfrac{\sigma^2}{m\tau^2+\sigma^2}\big)^2\mathrm{cov}(Z|y_{1:m}),"
    r"\ \zeta(m) \text{ attained at } Z = \pm R",
    conditions="three blurred points of any weights on the line, m = 3",
    kind="identity",
    check=precise_symbolic,
    controls=[
        Control(r"S = R^2/2", spread=sp.Rational(1, 2)),
        Control(r"S = 2R^2", spread=2),
    ],
)
precisely(
    "limit",
    r"m\,(1 + \sigma^2\zeta(m)) \to 1",
    conditions="tau > 0: the gain over the first measurement falls short of 1/sigma^2 like 1/m",
    kind="limit",
    check=precise_limit,
    value=1,
    controls=[Control(r"\to 2", value=2), Control(r"\to 0: \text{ faster than } 1/m", value=0)],
)
