r"""Solver orders: with what order and what constant does each sampler follow the probability flow?

The documents name solvers without saying how fast they converge: Euler, Heun and Runge-Kutta (003),
PNDM, GENIE, DDIM (003), and a table of PNDM, DPM, DEIS and UniPC beside gradient estimation (000).
Here each sampler follows the exact flow of N(0, 1), x(sigma) proportional to sqrt(1 + sigma^2), and
of an unequal two-component mixture on the line, where the flow maps quantiles to quantiles. The
sampler's denoiser is exact, so that what is left is the solver's error.

Names promise more than they keep. Gradient estimation at gamma = 2 has order 1 and exactly minus
DDIM's leading error; PNDM's fourth-order weights give order 2 on every grid but one uniform in
sigma; a multistep method that starts with Euler's step has order 2 whatever its own order, unless
its first steps are short; DPM-Solver++(3M), as its code has it, has order 2, for half of its second
difference is missing; and UniPC-p has order p + 1.

Slopes of the error in the number of steps decide the orders; leading constants are integrals along
the flow, computed by quadrature from each method's local error.
"""

import math
from functools import cache, partial

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import integrate

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import samplers
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.processes import variance_exploding

experiment = Experiment()

TABLE = Source("000", "slide 'Sampler comparison experiments (FID)'")
ALGORITHM = Source("000", "slide 'Improving sampling by gradient estimation'")
COMPONENTS = Source("003", "slide 'Components'")
FIRST, LAST = 10.0, 0.1
SPAN = math.log(FIRST / LAST)

#: Exactly what is run; the orders are claimed below.
METHODS = {
    "DDIM": samplers.ddim,
    "gamma 3/2": partial(samplers.gradient_estimation, gamma=1.5),
    "gamma 2": partial(samplers.gradient_estimation, gamma=2.0),
    "Heun": samplers.heun,
    "midpoint": samplers.midpoint,
    "RK4": samplers.rk4,
    **{f"LMS {p}": partial(samplers.lms, order=p) for p in (2, 3, 4)},
    "iPNDM 4": samplers.ipndm,
    "S-PNDM": partial(samplers.pndm, order=2),
    "F-PNDM": samplers.pndm,
    "F-PNDM on sigma": partial(samplers.pndm, process=variance_exploding()),
    **{f"DEIS {p}": partial(samplers.deis, order=p) for p in (2, 3, 4)},
    **{f"DEIS log {p}": partial(samplers.deis, order=p, time=torch.log) for p in (2, 3)},
    "DPM++ 2M": samplers.dpm_solver_pp,
    "DPM++ 3M": partial(samplers.dpm_solver_pp, order=3),
    **{
        f"DPM++ exact {p}": partial(samplers.dpm_solver_pp, order=p, weights="exact")
        for p in (2, 3)
    },
    **{f"UniPC {p}": partial(samplers.unipc, order=p) for p in (1, 2, 3)},
    "UniPC B1 2": partial(samplers.unipc, order=2, step_function="h"),
}
LOG, SHORT, SIGMA = "log", "log, short start", "sigma"
#: Where each sampler runs: steps of equal ratio, the same with a short start, equal steps.
PATHS = {
    LOG: (
        "DDIM",
        "gamma 3/2",
        "gamma 2",
        "Heun",
        "midpoint",
        "RK4",
        "DEIS 4",
        "DEIS log 3",
        "iPNDM 4",
        "F-PNDM",
        "F-PNDM on sigma",
        "S-PNDM",
        "UniPC 1",
        "UniPC 2",
        "UniPC B1 2",
    ),
    SHORT: (
        "LMS 2",
        "LMS 3",
        "LMS 4",
        "DEIS 2",
        "DEIS 3",
        "DEIS 4",
        "DEIS log 2",
        "DEIS log 3",
        "DPM++ 2M",
        "DPM++ 3M",
        "DPM++ exact 2",
        "DPM++ exact 3",
        "UniPC 3",
    ),
    SIGMA: ("RK4", "F-PNDM on sigma"),
}
RUNS = [f"{name}: {path}" for path, names in PATHS.items() for name in names]
#: Of each row of the batch: weight of the second component, means, standard deviation, normal score
#: of the quantile that is followed. The first row is N(0, 1).
ROWS = [(0.5, 0.0, 0.0, 1.0, 1.0), *((0.7, -1.5, 1.0, 0.6, z) for z in (-1.5, -0.5, 0.2, 1.0))]
SECOND, LEFT, RIGHT, STD, _ = torch.tensor(ROWS, dtype=torch.float64).T[:, :, None]
MIDDLE, HALF, VARIANCE = (LEFT + RIGHT) / 2, (RIGHT - LEFT) / 2, STD**2
LOG_ODDS = torch.log(SECOND / (1 - SECOND)) / 2


def levels(path, n):
    """n steps down to LAST. A short start cuts the first step in 13 that grow by doubling: the
    error of Euler's first step, second order in its length, falls by 2^24."""
    if path == SIGMA:  # the weights of equal steps are at home here; from 3, where n = 32 will do
        return np.linspace(3.0, LAST, n + 1)
    u = np.linspace(0.0, 1.0, n + 1)
    if path == SHORT:
        u = np.concatenate([[0.0], u[1] * 2.0 ** -np.arange(12.0, 0, -1), u[1:]])
    return FIRST * np.exp(-SPAN * u)


def denoiser(x, sigma):
    """Posterior mean of two components of one variance: the odds are logistic in x."""
    total = VARIANCE + sigma**2
    mean = MIDDLE + HALF * torch.tanh(HALF / total * (x - MIDDLE) + LOG_ODDS)
    return mean + VARIANCE / total * (x - mean)


@cache
def exact_states(sigma):
    """The flow's states at sigma: the same quantiles of every noisy law."""
    states = []
    for second, left, right, std, score in ROWS:
        law = GaussianMixture.isotropic([1 - second, second], [[left], [right]], [std, std])
        p = torch.special.ndtr(torch.tensor([score], dtype=torch.float64))
        states.append(law.quantile(p, sigma))
    return torch.stack(states)


@experiment.measure(
    grid={"run": RUNS},
    quick={"steps": (32, 64, 128, 256)},
    default={"steps": (32, 64, 128, 256, 512)},
    paper={"steps": (32, 64, 128, 256, 512, 1024)},
)
def errors(run, steps):
    """Error at LAST: relative and signed for the normal law, the largest of four quantiles else."""
    name, path = run.split(": ")
    start, exact = (exact_states(float(sigma)) for sigma in levels(path, 1)[[0, -1]])
    found = np.empty((len(steps), 2))
    for k, n in enumerate(steps):
        *_, x = METHODS[name](denoiser, start, levels(path, n))
        apart = (x - exact).ravel()
        found[k] = float(apart[0] / exact[0]), float(apart[1:].abs().max())
    return xr.Dataset(
        {"error": (("n", "data"), found, {"long_name": "error of the last state"})},
        {"n": list(steps), "data": ["normal", "mixture"]},
    )


@experiment.measure()
def constants():
    """Limits of n^p (x_n/x - 1) for the normal law on a log-linear grid, from local errors.

    With u = log sigma (steps h = SPAN/n) and x = sqrt(1 + sigma^2), a local error e(u) h^(p+1)
    relative to x adds up to SPAN^p int e du: the flow is linear.
    """
    u = sp.Symbol("u", real=True)
    sigma = sp.exp(u)
    x = sp.sqrt(1 + sigma**2)
    eps, denoised = sigma / x, 1 / x
    time = sp.sqrt(sp.Rational(1, 100) + 2 * sp.Rational(199, 10) * sp.log(1 + sigma**2))
    along = lambda f, clock, times: (
        f if times == 0 else along(f.diff(u) / clock.diff(u), clock, times - 1)
    )
    gammas = [1, sp.Rational(1, 2), sp.Rational(5, 12), sp.Rational(3, 8), sp.Rational(251, 720)]

    def noise_form(p, clock):
        """Adams-Bashforth in the clock: -gamma_p h_clock^(p+1) d^p eps/dclock^p dsigma/dclock."""
        step = clock.diff(u)
        return (-1) ** p * gammas[p] * step**p * along(eps, clock, p) * sigma.diff(u)

    def data_form(p):
        """The same for D as a polynomial in lambda = -u."""
        return -gammas[p] * (-1) ** p * denoised.diff(u, p)

    equal = -eps.diff(u) * sigma.diff(u, 2) / 12  # weights of equal steps: mean over u for d sigma
    local = {
        "DDIM": (1, noise_form(1, sigma)),
        "gamma 2": (1, -noise_form(1, sigma)),
        **{f"LMS {p}": (p, noise_form(p, sigma)) for p in (2, 3, 4)},
        "F-PNDM": (2, -equal),
        **{f"DEIS {p}": (p, noise_form(p, time)) for p in (2, 3, 4)},
        **{f"DEIS log {p}": (p, noise_form(p, u)) for p in (2, 3)},
        **{f"DPM++ exact {p}": (p, data_form(p)) for p in (2, 3)},
        "DPM++ 2M": (2, data_form(2) + denoised.diff(u) / 12),
        "DPM++ 3M": (2, -denoised.diff(u, 2) / 12),
    }
    rows = []
    for p, e in local.values():
        value, error = integrate.quad(
            sp.lambdify(u, e / x, "math"), math.log(LAST), math.log(FIRST), epsrel=1e-11, limit=400
        )
        rows.append((p, SPAN**p * value, SPAN**p * error))
    order, value, error = map(np.array, zip(*rows, strict=True))
    return xr.Dataset(
        {
            "power": ("sampler", order.astype(float)),
            "constant": ("sampler", value, {"long_name": "limit of the error times n^p"}),
            "error": ("sampler", error),
        },
        {"sampler": list(local)},
    )


# ---- checks -----------------------------------------------------------------------------------


def on(errors, runs, data=("normal", "mixture")):
    return errors.error.sel(run=list(runs), data=list(data))


def order(errors, runs, orders, shift=0, data=("normal", "mixture")):
    """|error| falls like n^-p: p = the arm's order."""
    found = np.abs(on(errors, runs, data))
    claimed = xr.DataArray([float(p + shift) for p in orders], {"run": found.run}, "run")
    return checks.rate(
        found,
        claimed.broadcast_like(found.isel(n=0, drop=True)),
        tolerance=0.5,
        dim="n",
        h=1 / found.n.values,
        rounding=np.minimum(0.5, 1e-14 / found),
        last=2,
        reason="orders are integers, so half a unit decides; a state is good to some ulp, 1e-14",
    )


def leading(errors, constants, runs, factor=1.0, of=None):
    """n^p (x_n/x - 1) over the constant tends to the factor."""
    found = on(errors, runs, ("normal",)).isel(data=0, drop=True)
    known = constants.sel(sampler=[of or run.split(": ")[0] for run in runs])
    power, constant = (
        xr.DataArray(known[k].values, {"run": found.run}, "run") for k in ("power", "constant")
    )
    return checks.limit(
        found * found.n**power / constant,
        target=factor,
        margin=0.03,
        dim="n",
        h=1 / found.n.values,
        exponents=[1, 2],
        rounding=1e-3,
        reason="3 %, below the tenth of the nearest neighbour; the remainder is a series in 1/n; "
        "the smallest error judged, 1e-10, is known to 1e-3 of itself",
    )


# ---- claims -----------------------------------------------------------------------------------

OFF_BY_ONE = [Control("one order more", shift=1), Control("one order less", shift=-1)]


def claim_order(id, statement, source, arms, orders, **options):
    return experiment.claim(
        id,
        statement,
        source=source,
        kind="rate",
        check=order,
        runs=tuple(f"{name}: {path}" for name, path in arms),
        orders=tuple(orders),
        **{"form": "derived", "controls": OFF_BY_ONE, **options},
    )


claim_order(
    "solver-orders",
    r"|x_n - x| \sim n^{-p}, \quad p = 1, 2, 4 \text{ for Euler, Heun, Runge-Kutta}",
    COMPONENTS,
    [("DDIM", LOG), ("Heun", LOG), ("RK4", LOG), ("RK4", SIGMA)],
    [1, 2, 4, 4],
    entries=("solver-orders", "heun-edm"),
    form="reading",
    conditions="smooth data (a normal law and a mixture), steps of equal ratio above sigma = 0.1",
)
claim_order(
    "solver-orders-dpm-solver-2",
    r"|x_n - x| \sim n^{-2}, \quad m = \sqrt{\sigma_t \sigma_{t-1}}",
    TABLE,
    [("midpoint", LOG)],
    [2],
    conditions="the midpoint rule with its midpoint in log sigma",
)
claim_order(
    "solver-orders-gradient-estimation",
    r"|x_n - x| \sim n^{-p}, \quad p = 2 \text{ at } \gamma = \tfrac32,"
    r" \ p = 1 \text{ at } \gamma = 1, 2",
    ALGORITHM,
    [("gamma 3/2", LOG), ("gamma 2", LOG), ("DDIM", LOG)],
    [2, 1, 1],
    conditions="steps of equal ratio",
)
claim_order(
    "solver-orders-multistep",
    r"|x_n - x| \sim n^{-p} \text{ for LMS-}p, \text{ DEIS-}p, \ p = 2, 3, 4",
    TABLE,
    [(f"{m} {p}", SHORT) for m in ("LMS", "DEIS") for p in (2, 3, 4)]
    + [("DEIS log 2", SHORT), ("DEIS log 3", SHORT)],
    [2, 3, 4, 2, 3, 4, 2, 3],
    conditions="the first steps short, so that Euler's start costs nothing",
)
claim_order(
    "solver-orders-euler-start",
    r"|x_n - x| \sim n^{-2} \text{ whatever the order}",
    TABLE,
    [("DEIS 4", LOG), ("DEIS log 3", LOG), ("iPNDM 4", LOG)],
    [2, 2, 2],
    conditions="a first step by Euler's method, as long as the others",
    controls=[
        *OFF_BY_ONE,
        Control("the same with a short start", runs=("DEIS 4: log, short start",), orders=(2,)),
    ],
)
pndm = claim_order(
    "pndm-corrected",
    r"|x_n - x| \sim n^{-2}",
    Source("003", "eq. (51), 'PNDM'"),
    [("F-PNDM", LOG), ("F-PNDM on sigma", LOG), ("S-PNDM", LOG)],
    [2, 2, 2],
    entries="pndm",
    form="corrected",
    conditions="steps of equal ratio; the weights are those of steps equal in sigma",
)
claim_order(
    "pndm-as-stated",
    r"|x_n - x| \sim n^{-4}",
    Source("003", "eq. (51), 'PNDM'"),
    [("F-PNDM", LOG)],
    [4],
    entries="pndm",
    form="reading",
    conditions="the order of its Runge-Kutta start and of its four weights",
    expected="refuted",
    controls=(),
    twin=pndm,
)
claim_order(
    "pndm-uniform-sigma",
    r"|x_n - x| \sim n^{-4}",
    Source("003", "eq. (51), 'PNDM'"),
    [("F-PNDM on sigma", SIGMA)],
    [4],
    entries="pndm",
    conditions="steps equal in sigma, where the start is the classical Runge-Kutta method; N(0, 1)",
    data=("normal",),
)
three_m = claim_order(
    "dpm-solver-3m-corrected",
    r"|x_n - x| \sim n^{-2} \text{ as coded}, \ n^{-3} \text{ with } A_2 \text{ in full}",
    TABLE,
    [("DPM++ 3M", SHORT), ("DPM++ 2M", SHORT), ("DPM++ exact 2", SHORT), ("DPM++ exact 3", SHORT)],
    [2, 2, 2, 3],
    form="corrected",
    conditions="the multistep updates of the authors' code; a short start",
)
claim_order(
    "dpm-solver-3m-as-named",
    r"|x_n - x| \sim n^{-3}",
    TABLE,
    [("DPM++ 3M", SHORT)],
    [3],
    form="reading",
    conditions="the '3' of 3M",
    expected="refuted",
    controls=(),
    twin=three_m,
)
claim_order(
    "solver-orders-unipc",
    r"|x_n - x| \sim n^{-(p+1)}, \quad B(h) = h \text{ or } e^h - 1",
    TABLE,
    [("UniPC 1", LOG), ("UniPC 2", LOG), ("UniPC B1 2", LOG), ("UniPC 3", SHORT)],
    [2, 3, 3, 4],
    conditions="corrected at every step but the last; p = 3 with a short start",
)


def claim_constant(id, statement, arms, controls=(), **options):
    experiment.claim(
        id,
        statement,
        source=options.pop("source", TABLE),
        form="derived",
        kind="limit",
        conditions="N(0, 1), steps of equal ratio, L = log(sigma_n/sigma_0)",
        check=leading,
        runs=tuple(f"{name}: {path}" for name, path in arms),
        controls=[Control("a tenth less", factor=0.9), Control("the sign", factor=-1.0), *controls],
        **options,
    )


claim_constant(
    "solver-constants-noise-form",
    r"n^p \tfrac{x_n - x}{x} \to (-1)^p \gamma_p L^p \int \dot t^{\,p+1}"
    r" \tfrac{d^p\epsilon}{dt^p} \tfrac{d\sigma}{dt} \tfrac{du}{x},"
    r"\quad \gamma = \tfrac12, \tfrac5{12}, \tfrac38, \tfrac{251}{720}",
    [("DDIM", LOG)]
    + [(f"LMS {p}", SHORT) for p in (2, 3, 4)]
    + [(f"DEIS {p}", SHORT) for p in (2, 3)]
    + [("DEIS log 2", SHORT)],
)
claim_constant(
    "solver-constants-gradient-estimation",
    r"\frac{x_n^{\gamma=2} - x}{x_n^{\gamma=1} - x} \to -1",
    [("gamma 2", LOG)],
    [Control("DDIM's own sign", of="DDIM")],
    source=ALGORITHM,
)
claim_constant(
    "solver-constants-equal-step-weights",
    r"n^2 \tfrac{x_n - x}{x} \to \tfrac{L^2}{12} \int \dot\epsilon\, \ddot\sigma\,"
    r" \tfrac{du}{x}",
    [("F-PNDM", LOG)],
    source=Source("003", "eq. (51), 'PNDM'"),
    entries="pndm",
)
claim_constant(
    "solver-constants-data-form",
    r"n^p \tfrac{x_n - x}{x} \to -\gamma_p L^p \int \tfrac{d^pD}{d\lambda^p}"
    r" \tfrac{d\lambda}{x};"
    r"\quad \text{2M: } -\tfrac{L^2}{12} \int \tfrac{dD}{d\lambda} \tfrac{d\lambda}{x}"
    r" \text{ more};"
    r"\quad \text{3M: } -\tfrac{L^2}{12} \int \tfrac{d^2D}{d\lambda^2} \tfrac{d\lambda}{x}",
    [("DPM++ 2M", SHORT), ("DPM++ 3M", SHORT), ("DPM++ exact 2", SHORT), ("DPM++ exact 3", SHORT)],
)
