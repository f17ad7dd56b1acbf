r"""Noise schedules: which are plotted, and is the log-linear one the best?

The slides plot four ten-step schedules without formulas; read off the plot, theirs is log-linear
from 40 to .06, snapped up to the levels the network was trained on, and then the smallest level.
"Relative noise model suggests log-linear schedule" can be sharpened: of all schedules of N steps
between two levels the log-linear one has the smallest nu for every eta (Jensen). The plotted curve,
whose last step is larger, has not. Nor does the model's choice carry over to every law: with ten
DDIM steps and exact W2 theirs is best of the four for normal laws and flat spectra, worst for steep
ones, and beaten for separated modes.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.admissibility import smallest_nu
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers import ddim
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
