r"""Noise schedules: which are plotted, is log-linear the best, where does sampling start?

The slides plot four ten-step schedules without formulas; read off the plot, theirs is log-linear
from 40 to .06, snapped up to the levels the network was trained on, and then the smallest level.
"Relative noise model suggests log-linear schedule" can be sharpened: of all schedules of N steps
between two levels the log-linear one has the smallest nu for every eta (Jensen). The plotted curve,
whose last step is larger, has not. Nor does the model's choice carry over to every law: with ten
DDIM steps and exact W2 theirs is best of the four for normal laws and flat spectra, worst for steep
ones, and beaten for separated modes.

The sampler starts, as printed, from N(0, I), which leaves a fortieth of the data's spread; the
start is N(0, sigma_N^2 I). How nearly x_sigma is normal has a rate: KL falls like sigma^-4 for
centred data, sigma^-2 otherwise, and sigma^-6 (symmetric data: sigma^-8) against the normal law of
the same moments.
"""

import math

import mpmath as mp
import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.admissibility import smallest_nu
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers import ddim, rk4
from theorylab.diffusion.schedules import (
    ddpm_grid,
    edm,
    log_linear,
    select_from_time,
    select_steps,
    snap_up,
)

experiment = Experiment()

PLOT = "slide 'Experiments on noise schedule'"
ALGORITHM = "slide 'Improved sampling algorithm'"
HIGH_NOISE = "slide 'Denoising approximates projection: high noise'"
#: log sigma_t at N = 10, read off the slide's plot, in which a pixel is .026.
PLOTTED = {
    "theirs": [3.691, 2.97, 2.25, 1.525, 0.799, 0.078, -0.643, -1.368, -2.084, -2.761, -4.605],
    "EDM, its end": [-3.97, -4.61],
}
LINE = {
    "normal": ([1.0], [0.0], [0.5]),
    "near modes": ([0.5, 0.5], [-1.0, 1.0], [0.3, 0.3]),
    "four modes": ([0.1, 0.4, 0.3, 0.2], [-3.0, -1.0, 1.5, 3.0], [0.5, 0.6, 0.5, 0.6]),
}
DATA = ("k^-0.5", "k^-1", "k^-1.5", "k^-2", "k^-2.5", *LINE)
FLAT = ("k^-0.5", "k^-1", "normal")


def ten_steps():
    """The four plotted schedules; the trained levels are those of DDPM."""
    grid = ddpm_grid()
    return {
        "theirs": torch.cat([snap_up(log_linear(9, 0.06, 40.0), grid), grid[-1:]]),
        "offset": select_from_time(grid, 10, 854),
        "EDM": snap_up(edm(10), grid),
        "DDIM": select_steps(grid, 10),
    }


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure()
def curves():
    """log sigma of the four schedules, and largest distances of candidates to the plotted ones."""
    found = ten_steps()
    candidates = {
        "theirs": ("theirs", found["theirs"]),
        "theirs, log-linear throughout": ("theirs", log_linear(10, 0.01, 40.0)),
        "theirs, from 35": (
            "theirs",
            torch.cat([snap_up(log_linear(9, 0.06, 35.0), ddpm_grid()), ddpm_grid()[-1:]]),
        ),
        "EDM": ("EDM, its end", found["EDM"][-2:]),
        "EDM, not snapped": ("EDM, its end", edm(10)[-2:]),
    }
    gaps = [np.abs(v.log().numpy() - PLOTTED[k]).max() for k, v in candidates.values()]
    return xr.Dataset(
        {
            "gap": ("candidate", gaps, {"long_name": "largest gap of log sigma to the plot"}),
            "log_sigma": (("schedule", "step"), [v.log().numpy() for v in found.values()]),
        },
        {"candidate": list(candidates), "schedule": list(found)},
    )


@experiment.measure(
    grid={"eta": [0.02, 0.05, 0.1], "steps": [5, 20]},
    quick={"tried": 200},
    default={"tried": 5000},
)
def bands(eta, steps, tried, rng):
    """log of the smallest nu, for sigma_N/sigma_0 = 4000: log-linear, random ones, EDM's, theirs.

    ``nu`` is infinite where a step has beta >= 1/(1 + eta), stored as 1e3.
    The random ones are log-linear with their logarithmic steps multiplied by exp(spread normal).
    """
    log_nu = lambda sigmas: min(math.log(smallest_nu(sigmas, eta)), 1e3)
    best = math.inf
    for spread in np.geomspace(0.01, 1, tried):
        shares = np.exp(spread * rng.standard_normal(steps))
        exponents = np.append(0, np.cumsum(shares / shares.sum()))
        best = min(best, log_nu((40 * 4000.0**-exponents).tolist()))
    named = {
        "log-linear": log_linear(steps, 0.01, 40.0),
        "EDM, rho = 7": edm(steps, 0.01, 40.0),
        "EDM, rho = 100": edm(steps, 0.01, 40.0, 100.0),
        "last step as plotted": [*log_linear(steps - 1, 0.06, 40.0).tolist(), 0.01],
    }
    return xr.Dataset(
        {
            "log_nu": ("schedule", [log_nu(v) for v in named.values()]),
            "best_random": best,
        },
        {"schedule": list(named)},
    )


@experiment.measure(grid={"data": list(DATA)}, quick={"nodes": 801}, default={"nodes": 6401})
def distances(data, nodes):
    """W2 to the data after ten DDIM steps from N(0, sigma_N^2 I).

    Spectra: 3072 eigenvalues ~ k^-p of sum 768, closed. On the line DDIM's map is increasing (the
    denoiser is), so W2 is the mean square over quantiles: a trapezoidal rule in the normal score,
    ``error`` twice the change from every second node.
    """
    values, errors = [], []
    for sigmas in ten_steps().values():
        start = float(sigmas[0])
        if data.startswith("k^"):
            eigenvalues = torch.arange(1, 3073, dtype=torch.float64) ** float(data[2:])
            eigenvalues *= 768 / eigenvalues.sum()
            wiener = lambda x, s, v=eigenvalues: v / (v + s**2) * x
            *_, x = ddim(wiener, torch.full((1, 3072), start, dtype=torch.float64), sigmas)
            found = [float((x - eigenvalues.sqrt()).norm())] * 2
        else:
            weights, means, stds = LINE[data]
            law = GaussianMixture.isotropic(weights, [[m] for m in means], stds)
            score = torch.linspace(-8, 8, nodes, dtype=torch.float64)
            *_, x = ddim(law, start * score[:, None], sigmas)
            if not bool((x[:, 0].diff() > 0).all()):
                raise RuntimeError("DDIM's map is not increasing: quantiles do not give W2")
            squares = (x[:, 0] - law.quantile(torch.special.ndtr(score))).square()
            mass = torch.exp(-score.square() / 2)
            found = [
                math.sqrt(float((mass[::k] * squares[::k]).sum() / mass[::k].sum())) for k in (1, 2)
            ]
        values.append(found[0])
        errors.append(2 * abs(found[0] - found[1]))
    return xr.Dataset(
        {
            "w2": ("schedule", values, {"long_name": "W2 to the data"}),
            "error": ("schedule", errors),
        },
        {"schedule": list(ten_steps())},
    )


@experiment.measure(grid={"spread": [0.1, 1.0, 3.0], "sigma": [40.0, 160.0]})
def starts(spread, sigma):
    """Standard deviation of what the exact flow makes of several starts, over the data's.

    Data N(0, spread^2); Runge-Kutta 4 with 400 steps down to spread/1000, then the denoiser.
    """
    wiener = lambda x, s: spread**2 / (spread**2 + s**2) * x
    path = log_linear(400, spread / 1000, sigma)
    named = {
        "1": 1.0,
        "sigma_N^2": sigma,
        "sigma_N": math.sqrt(sigma),
        "sigma_N^2 + Var": math.sqrt(sigma**2 + spread**2),
    }
    x = torch.tensor([[v] for v in named.values()], dtype=torch.float64)
    *_, x = rk4(wiener, x, path)
    return xr.Dataset(
        {"ratio": ("variance", x[:, 0].numpy() / math.hypot(spread, spread / 1000))},
        {"variance": list(named)},
    )


@experiment.measure(grid={"law": ["two points", "off centre", "skew"]})
def divergences(law):
    """KL of p_sigma from N(0, sigma^2) and from the normal law of its own two moments; mpmath."""
    weights, points = {
        "two points": ([0.5, 0.5], [-1, 1]),
        "off centre": ([0.5, 0.5], [-1, 2]),
        "skew": ([0.2, 0.8], [-2, 0.5]),
    }[law]
    sigmas, rows = [2.5 * 2**k for k in range(5)], []
    with mp.workdps(30):
        weights, points = [mp.mpf(w) for w in map(str, weights)], [mp.mpf(p) for p in points]
        mean = sum(w * p for w, p in zip(weights, points, strict=True))
        second = sum(w * p * p for w, p in zip(weights, points, strict=True))
        total = second - mean**2
        third = sum(w * (p - mean) ** 3 for w, p in zip(weights, points, strict=True))
        for sigma in map(mp.mpf, sigmas):
            normal = lambda x, m, v: mp.exp(-((x - m) ** 2) / (2 * v)) / mp.sqrt(2 * mp.pi * v)
            density = lambda x: sum(
                w * normal(x, p, sigma**2)  # noqa: B023
                for w, p in zip(weights, points, strict=True)
            )
            # Trapezoids of sigma/4: the integrand is analytic, so the error is below e^-90.
            nodes = [sigma * k / 4 for k in range(-56, 57)]
            values = [density(x) for x in nodes]
            rows.append([])
            for m, v in ((0, sigma**2), (mean, total + sigma**2)):
                logs = [mp.log(p / normal(x, m, v)) for x, p in zip(nodes, values, strict=True)]
                rows[-1].append(float(mp.fdot(values, logs) * sigma / 4))
    plain, matched = np.array(rows).T
    return xr.Dataset(
        {
            "plain": ("sigma", plain, {"long_name": "KL to N(0, sigma^2)"}),
            "matched": ("sigma", matched, {"long_name": "KL to the moment-matched normal law"}),
            "second_moment": float(second),
            "third_cumulant": float(third),
            "variance": float(total),
        },
        {"sigma": sigmas},
    )


# ---- checks -----------------------------------------------------------------------------------


def plotted(curves, candidates=("theirs", "EDM")):
    return checks.identity(
        curves.gap.sel(candidate=list(candidates)),
        rounding=0.0,
        margin=0.03,
        reason="a pixel of the plot is .026 in log sigma",
    )


def narrowest(bands, schedule="log-linear"):
    """log nu is at most that of log-linear, of every random schedule and of the named ones."""
    least = np.minimum(bands.log_nu.min("schedule"), bands.best_random)
    return checks.bound(
        bands.log_nu.sel(schedule=schedule) / least - 1,
        rounding=1e-12,
        margin=1e-9,
        reason="an inequality; rounding of products of 20 factors",
    )


def jensen(which="both", sign=1):
    """log of the factors as functions of s = -log(1 - beta): one concave, one convex."""
    eta, s = sp.symbols("eta s", positive=True)
    log_lower = sp.log(1 - (1 + eta) * (1 - sp.exp(-s)))
    log_upper = sp.log(1 - (1 - eta) * (1 - sp.exp(-s)))
    # In e^s = 1 + u; the lower factor is positive where eta u < 1, the upper where eta < 1.
    u = sp.symbols("u", positive=True)
    below, above = sp.symbols("below above", positive=True)
    second = {
        "lower": -sp.diff(log_lower, s, 2).subs(s, sp.log(1 + u)).subs(u, 1 / (eta + below)),
        "upper": sp.diff(log_upper, s, 2).subs(s, sp.log(1 + u)).subs(eta, above / (1 + above)),
    }
    kept = second.values() if which == "both" else [second[which]]
    witness = {eta: sp.Rational(1, 10), below: 2, above: sp.Rational(1, 9), u: sp.Rational(1, 2)}
    return checks.proof_nonnegative([sign * sp.factor(sp.simplify(v)) for v in kept], witness)


def best_of_four(distances, schedule="theirs", data=FLAT):
    d = distances.sel(data=list(data))
    least = d.w2.min("schedule")
    return checks.bound(
        d.w2.sel(schedule=schedule) / least - 1,
        rounding=2 * d.error.max("schedule") / least,
        margin=0.005,
        reason="half a per cent does not make a schedule the better one",
    )


def ranking(distances, order=("theirs", "offset", "EDM", "DDIM"), data="k^-1"):
    w2 = distances.w2.sel(data=data, schedule=list(order)).drop_vars("schedule")
    ahead, behind = w2.isel(schedule=slice(-1)), w2.isel(schedule=slice(1, None))
    return checks.bound(
        ahead / behind - 0.995,
        rounding=1e-9,
        margin=0.0,
        reason="each below the next by half a per cent or more; closed forms",
    )


def start(starts, variance="sigma_N^2", margin=0.003):
    return checks.identity(
        np.abs(starts.ratio.sel(variance=variance) - 1),
        rounding=1e-6,
        margin=margin,
        reason="the flow is followed to 1e-6; N(0, sigma_N^2) leaves out Var/(2 sigma_N^2), .28 % "
        "at most here",
    )


def gaussian_rate(divergences, order=4, to="plain", law="two points"):
    d = divergences.sel(law=law)
    return checks.rate(
        d[to],
        order,
        tolerance=0.4,
        dim="sigma",
        h=1 / d.sigma.values,
        rounding=1e-10,
        reason="the orders 2, 4, 6, 8 are 2 apart",
    )


def gaussian_constant(divergences, to="plain", law="two points", claimed="Var^2/(4 sigma^4)"):
    d = divergences.sel(law=law)
    mean_square = d.second_moment - d.variance
    leading = {
        "Var^2/(4 sigma^4)": d.variance**2 / (4 * d.sigma**4),
        "Var^2/(2 sigma^4)": d.variance**2 / (2 * d.sigma**4),
        "mean^2/(2 sigma^2)": mean_square / (2 * d.sigma**2),
        "E x_0^2/(2 sigma^2)": d.second_moment / (2 * d.sigma**2),
        "kappa_3^2/(12 sigma^6)": d.third_cumulant**2 / (12 * d.sigma**6),
        "kappa_3^2/(6 sigma^6)": d.third_cumulant**2 / (6 * d.sigma**6),
        "1/(12 (1 + sigma^2)^4)": 1 / (12 * (1 + d.sigma**2) ** 4),
        "1/(6 (1 + sigma^2)^4)": 1 / (6 * (1 + d.sigma**2) ** 4),
    }[claimed]
    return checks.limit(
        d[to] / leading,
        target=1.0,
        margin=0.01,
        dim="sigma",
        h=1 / d.sigma.values,
        exponents=[2, 4],
        reason="1 %: the neighbours are off by factors of 2 or more; a series in 1/sigma^2",
    )


def gaussian_bound(divergences, factor=1.0):
    d = divergences
    allowed = factor * d.second_moment / (2 * d.sigma**2)
    return checks.bound(
        (d.plain / allowed - 1).max("sigma", skipna=False),
        rounding=1e-10,
        margin=1e-8,
        reason="quadrature in 30 digits",
        tightness=d.plain / allowed,
    )


# ---- claims -----------------------------------------------------------------------------------

experiment.claim(
    "schedule-formulas",
    r"\text{theirs: log-linear from 40 to .06 in 9 steps, then } \sigma_1;\ \text{EDM: } \rho = 7"
    r"\text{; both snapped up to DDPM's levels}",
    source=Source("000", PLOT),
    entries="schedule-formulas",
    kind="definition",
    form="reading",
    conditions="N = 10; the slide prints curves and no formula",
    check=plotted,
    controls=[
        Control("log-linear down to the end", candidates=("theirs, log-linear throughout",)),
        Control("from 35 instead of 40", candidates=("theirs, from 35",)),
        Control("EDM as published, down to .002", candidates=("EDM, not snapped",)),
    ],
)
experiment.claim(
    "loglinear-suggested-by-error-model",
    r"\text{of all } N\text{-step schedules from } \sigma_N \text{ to } \sigma_0"
    r" \text{ the log-linear one has the smallest admissible } \nu",
    source=Source("000", PLOT),
    entries="loglinear-suggested-by-error-model",
    kind="inequality",
    form="reading",
    conditions="'suggests' read as: is the narrowest band for every eta; sigma_N/sigma_0 = 4000",
    check=narrowest,
    controls=[
        Control("the plotted curve, whose last step is larger", schedule="last step as plotted"),
        Control("EDM's", schedule="EDM, rho = 7"),
        Control("EDM's at rho = 100, nearly log-linear", schedule="EDM, rho = 100"),
    ],
)
experiment.claim(
    "loglinear-suggested-by-error-model-jensen",
    r"s \mapsto \log(1-(1+\eta)(1-e^{-s})) \text{ is concave, }"
    r" \log(1-(1-\eta)(1-e^{-s})) \text{ convex}",
    source=Source("000", PLOT),
    entries="loglinear-suggested-by-error-model",
    kind="inequality",
    form="derived",
    conditions="s = -log(1 - beta), of given sum over the steps: equal s are best, by Jensen",
    check=jensen,
    controls=[
        Control("the first convex", which="lower", sign=-1),
        Control("the second concave", which="upper", sign=-1),
    ],
)
flat = experiment.claim(
    "loglinear-suggested-by-error-model-w2",
    r"\text{of the four schedules theirs has the smallest } W_2",
    source=Source("000", PLOT + ", table"),
    entries="loglinear-suggested-by-error-model",
    kind="empirical",
    form="corrected",
    conditions="ten DDIM steps, exact denoisers: normal data on the line, spectra k^-.5 and k^-1",
    check=best_of_four,
    controls=[
        Control("the offset schedule", schedule="offset"),
        Control("spectrum k^-2", data=("k^-2",)),
        Control("four modes", data=("four modes",)),
    ],
)
experiment.claim(
    "loglinear-suggested-by-error-model-w2-all-data",
    r"\text{of the four schedules theirs has the smallest } W_2 \text{, whatever the data}",
    source=Source("000", PLOT + ", table"),
    entries="loglinear-suggested-by-error-model",
    kind="empirical",
    form="reading",
    conditions="as above, with steep spectra and separated modes",
    expected="refuted",
    twin=flat,
    check=best_of_four,
    data=DATA,
)
experiment.claim(
    "loglinear-suggested-by-error-model-ranking",
    r"W_2:\ \text{theirs} < \text{offset} < \text{EDM} < \text{DDIM}",
    source=Source("000", PLOT + ", table"),
    entries="loglinear-suggested-by-error-model",
    kind="empirical",
    form="derived",
    conditions="the table's order on CelebA; Gaussian data of spectrum k^-1, ten DDIM steps",
    check=ranking,
    controls=[
        Control("the order on CIFAR-10", order=("theirs", "offset", "DDIM", "EDM")),
        Control("spectrum k^-2", data="k^-2"),
    ],
)
scaled = experiment.claim(
    "sampler-initialisation-corrected",
    r"x_N \sim \mathcal N(0, \sigma_N^2 I) \text{ ends in the law of the data}",
    source=Source("000", ALGORITHM),
    entries="sampler-initialisation",
    kind="algorithm",
    form="corrected",
    conditions="normal data, exact flow; up to Var/(2 sigma_N^2) of the standard deviation",
    check=start,
    controls=[Control("variance sigma_N", variance="sigma_N")],
)
experiment.claim(
    "sampler-initialisation-as-stated",
    r"x_N \sim \mathcal N(0, I)",
    source=Source("000", ALGORITHM),
    entries="sampler-initialisation",
    kind="algorithm",
    conditions="sigma_N = 40 or 160",
    expected="refuted",
    twin=scaled,
    check=start,
    variance="1",
)
experiment.claim(
    "sampler-initialisation-exact",
    r"x_N \sim \mathcal N(\mu, \sigma_N^2 I + \mathrm{Cov}) \text{ ends in the law of the data}",
    source=Source("000", ALGORITHM),
    entries="sampler-initialisation",
    kind="algorithm",
    form="derived",
    conditions="normal data, exact flow",
    check=start,
    variance="sigma_N^2 + Var",
    margin=1e-5,
    controls=[Control("without the covariance", variance="sigma_N^2")],
)
experiment.claim(
    "start-from-gaussian-bound",
    r"KL(p_\sigma \,\|\, \mathcal N(0, \sigma^2)) \le E x_0^2 / (2\sigma^2)",
    source=Source("000", HIGH_NOISE),
    entries="start-from-gaussian",
    kind="inequality",
    form="derived",
    conditions="three laws of two points",
    check=gaussian_bound,
    controls=[Control("a tenth of it", factor=0.1)],
)
for name, order, options, wording in (
    ("centred", 4, {}, r"KL \sim \mathrm{Var}^2/(4\sigma^4)"),
    (
        "off-centre",
        2,
        {"law": "off centre", "claimed": "mean^2/(2 sigma^2)"},
        r"KL \sim \mu^2/(2\sigma^2)",
    ),
    (
        "moments-matched-skew",
        6,
        {"to": "matched", "law": "skew", "claimed": "kappa_3^2/(12 sigma^6)"},
        r"KL(p_\sigma \,\|\, \mathcal N(\mu, \mathrm{Var} + \sigma^2)) \sim"
        r" \kappa_3^2/(12\sigma^6)",
    ),
    (
        "moments-matched",
        8,
        {"to": "matched", "claimed": "1/(12 (1 + sigma^2)^4)"},
        r"KL(p_\sigma \,\|\, \mathcal N(0, 1 + \sigma^2)) \sim 1/(12(1 + \sigma^2)^4)",
    ),
):
    wrong = {4: "Var^2/(2 sigma^4)", 2: "E x_0^2/(2 sigma^2)", 6: "kappa_3^2/(6 sigma^6)"}
    wrong[8] = "1/(6 (1 + sigma^2)^4)"
    common = {
        "source": Source("000", HIGH_NOISE),
        "entries": "start-from-gaussian",
        "form": "derived",
        "conditions": {2: "a mean that is not 0", 6: "a skew law"}.get(order, "x_0 = +-1"),
    }
    experiment.claim(
        f"start-from-gaussian-{name}",
        wording,
        kind="limit",
        check=gaussian_constant,
        controls=[Control(f"the constant of {wrong[order]}", claimed=wrong[order])],
        **common,
        **options,
    )
    experiment.claim(
        f"start-from-gaussian-{name}-rate",
        rf"KL \text{{ falls like }} \sigma^{{-{order}}}",
        kind="rate",
        check=gaussian_rate,
        order=order,
        controls=[Control("two orders less", order=order - 2)],
        **common,
        **{k: v for k, v in options.items() if k != "claimed"},
    )
