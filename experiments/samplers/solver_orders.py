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
difference is missing; and UniPC-p has order p + 1, though its last state is not corrected.

Slopes of the error in the number of steps decide the orders. Leading constants are integrals along
the flow, by quadrature of each method's local error, and what single steps add: a first step by
Euler's method, where the others are of higher order, and the last step of UniPC.
"""

import math
from functools import cache, partial

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import samplers
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.local_errors import log_step_errors, sigma_step_errors
from theorylab.diffusion.processes import variance_exploding

experiment = Experiment()

TABLE = Source("000", "slide 'Sampler comparison experiments (FID)'")
ALGORITHM = Source("000", "slide 'Improving sampling by gradient estimation'")
COMPONENTS = Source("003", "slide 'Components'")
PNDM = Source("003", "eq. (51), 'PNDM'")
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


UNIPC = (f"UniPC 1: {LOG}", f"UniPC 2: {LOG}", f"UniPC B1 2: {LOG}", f"UniPC 3: {SHORT}")


def unipc_terms(run):
    """Of one run of UniPC and of its false neighbours, as in LEADING."""
    name = run.split(": ")[0].removeprefix("UniPC ")
    first = f"start {name}" if name.endswith("2") else None
    power, last = int(name[-1]) + 1, f"predictor {name}"
    return {
        run: (power, f"UniPC {name}", first, last),
        f"{run}, last corrected": (power, f"UniPC {name}", first),
        f"{run}, all outputs anew": (power, f"PECE {name}", first, last),
        f"{run}, exact start": (power, f"UniPC {name}", None, last),
    }


#: Leading term of the error on N(0, 1): its power of 1/n, the local errors that add up along the
#: path, and what the first and the last step add besides, by their names in ``local_errors``.
LEADING = {
    f"DDIM: {LOG}": (1, "AB 1 in sigma"),
    f"gamma 3/2: {LOG}": (2, "equal 2", "AB 1 in sigma"),
    f"Heun: {LOG}": (2, "Heun"),
    f"midpoint: {LOG}": (2, "midpoint"),
    f"RK4: {LOG}": (4, "RK4"),
    "Simpson": (4, "Simpson"),
    f"DEIS log 3: {LOG}": (2, None, "AB 1 in sigma"),
    f"iPNDM 4: {LOG}": (2, "equal 4", "AB 1 in sigma"),
    f"F-PNDM: {LOG}": (2, "equal 4"),
    f"F-PNDM on sigma: {LOG}": (2, "equal 4"),
    f"S-PNDM: {LOG}": (2, "equal 2"),
    f"F-PNDM on sigma: {SIGMA}": (4, "AB 4 in sigma"),
    **{f"LMS {p}: {SHORT}": (p, f"AB {p} in sigma") for p in (2, 3, 4)},
    **{f"DEIS {p}: {SHORT}": (p, f"AB {p} in time") for p in (2, 3, 4)},
    **{f"DEIS log {p}: {SHORT}": (p, f"AB {p} in u") for p in (2, 3)},
    f"DPM++ 2M: {SHORT}": (2, "2M"),
    f"DPM++ 3M: {SHORT}": (2, "3M"),
    **{f"DPM++ exact {p}: {SHORT}": (p, f"data {p}") for p in (2, 3)},
    **{case: terms for run in UNIPC for case, terms in unipc_terms(run).items()},
}


@experiment.measure(
    grid={"n": (32, 64, 128, 256)},
    default={"n": (32, 64, 128, 256, 512)},
    paper={"n": (32, 64, 128, 256, 512, 1024)},
)
def errors(n):
    """Error at LAST: relative and signed for the normal law, the largest of four quantiles else."""
    found = np.empty((len(RUNS), 2))
    for k, run in enumerate(RUNS):
        name, path = run.split(": ")
        start, exact = (exact_states(float(sigma)) for sigma in levels(path, 1)[[0, -1]])
        *_, x = METHODS[name](denoiser, start, levels(path, n))
        apart = (x - exact).ravel()
        found[k] = float(apart[0] / exact[0]), float(apart[1:].abs().max())
    return xr.Dataset(
        {"error": (("run", "data"), found, {"long_name": "error of the last state"})},
        {"run": RUNS, "data": ["normal", "mixture"]},
    )


@experiment.measure()
def constants():
    """Limits of n^p (x_n/x - 1) for the normal law: integrals of local errors, and end terms."""
    sides = {}
    for path, local in ((LOG, log_step_errors), (SIGMA, sigma_step_errors)):
        first, last = levels(path, 1)[[0, -1]].tolist()
        if path == LOG:
            first, last = math.log(first), math.log(last)
        sums = [_along(local, first, last, nodes) for nodes in (40, 30)]
        sides[path] = *sums, (local(first), local(last)), first - last
    rows = []
    for case, (power, along, *ends) in LEADING.items():
        fine, coarse, at, span = sides[SIGMA if case.endswith(f": {SIGMA}") else LOG]
        sums = [table[along] if along else 0.0 for table in (fine, coarse)]
        end = sum(side[name] for side, name in zip(at, ends, strict=False) if name)
        rows.append((power, span**power * (sums[0] + end), span**power * abs(sums[0] - sums[1])))
    power, value, error = map(np.array, zip(*rows, strict=True))
    return xr.Dataset(
        {
            "power": ("case", power.astype(float)),
            "constant": ("case", value, {"long_name": "limit of the error times n^p"}),
            "error": ("case", error, {"long_name": "error of the quadrature"}),
        },
        {"case": list(LEADING)},
    )


def _along(local, first, last, nodes):
    """Integral of each local error by Gauss-Legendre: analytic within pi/2 of the real u."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    half = (first - last) / 2
    values = [local(last + half * (1 + point)) for point in points]
    return {
        name: half * sum(w * v[name] for w, v in zip(weights, values, strict=True))
        for name in values[0]
    }


# ---- checks -----------------------------------------------------------------------------------

TENTH = "3 %, below the tenth of the nearest neighbour"


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


def leading(errors, constants, runs, factor=1.0, of=None, margin=0.03, why=TENTH):
    """n^p (x_n/x - 1) over the constant tends to the factor."""
    found = on(errors, runs, ("normal",)).isel(data=0, drop=True)
    known = constants.sel(case=list(of or runs))
    power, constant = (
        xr.DataArray(known[k].values, {"run": found.run}, "run") for k in ("power", "constant")
    )
    return checks.limit(
        found * found.n.astype(float) ** power / constant,
        target=factor,
        margin=margin,
        dim="n",
        h=1 / found.n.values,
        exponents=[1, 2],
        rounding=float(np.max(1e-14 / np.abs(found))),
        reason=f"{why}; the remainder is a series in 1/n; a state is good to some ulp, 1e-14",
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
    PNDM,
    [("F-PNDM", LOG), ("F-PNDM on sigma", LOG), ("S-PNDM", LOG)],
    [2, 2, 2],
    entries="pndm",
    form="corrected",
    conditions="steps of equal ratio; the weights are those of steps equal in sigma",
)
claim_order(
    "pndm-as-stated",
    r"|x_n - x| \sim n^{-4}",
    PNDM,
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
    PNDM,
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


def claim_constant(id, statement, runs, controls=(), **options):
    experiment.claim(
        id,
        statement,
        source=options.pop("source", TABLE),
        form="derived",
        kind="limit",
        check=leading,
        runs=tuple(runs),
        controls=[Control("a tenth less", factor=0.9), Control("the sign", factor=-1.0), *controls],
        **{
            "conditions": "N(0, 1), steps of equal ratio, u = log sigma, L = u_n - u_0",
            **options,
        },
    )


claim_constant(
    "solver-constants-noise-form",
    r"n^p \tfrac{x_n - x}{x} \to (-1)^p \gamma_p L^p \int \dot t^{\,p+1}"
    r" \tfrac{d^p\epsilon}{dt^p} \tfrac{d\sigma}{dt} \tfrac{du}{x},"
    r"\quad \gamma = \tfrac12, \tfrac5{12}, \tfrac38, \tfrac{251}{720}",
    [
        f"DDIM: {LOG}",
        *(f"{m} {p}: {SHORT}" for m in ("LMS", "DEIS") for p in (2, 3, 4)),
        *(f"DEIS log {p}: {SHORT}" for p in (2, 3)),
    ],
)
experiment.claim(
    "solver-constants-gradient-estimation",
    r"\frac{x_n^{\gamma=2} - x}{x_n^{\gamma=1} - x} \to -1",
    source=ALGORITHM,
    form="derived",
    kind="limit",
    conditions="N(0, 1), steps of equal ratio",
    check=leading,
    runs=(f"gamma 2: {LOG}",),
    of=(f"DDIM: {LOG}",),
    factor=-1.0,
    controls=[Control("a tenth less", factor=-0.9), Control("DDIM's own sign", factor=1.0)],
)
claim_constant(
    "solver-constants-runge-kutta",
    r"\text{Heun: } L^2 \int \bigl(\tfrac{\sigma^2\epsilon_x\dot\epsilon}{4}"
    r" - \tfrac{\sigma(\ddot\epsilon - \dot\epsilon)}{12}\bigr) \tfrac{du}{x};"
    r"\quad \text{DPM-Solver-2: } L^2 \int \bigl(\tfrac{\sigma^2\epsilon_x\dot\epsilon}{8}"
    r" + \tfrac{\sigma(\ddot\epsilon + 2\dot\epsilon)}{24}\bigr) \tfrac{du}{x};"
    r"\quad \text{Runge-Kutta: } L^4 \int [h^5] \bigl(R_h x_u - x_{u-h}\bigr) \tfrac{du}{x}",
    [f"Heun: {LOG}", f"midpoint: {LOG}", f"RK4: {LOG}"],
    [
        Control(
            "Heun's and DPM-Solver-2's exchanged",
            of=(f"midpoint: {LOG}", f"Heun: {LOG}", f"RK4: {LOG}"),
        ),
        Control("Simpson's rule: exact stages", runs=(f"RK4: {LOG}",), of=("Simpson",)),
    ],
)
claim_constant(
    "solver-constants-equal-step-weights",
    r"n^2 \tfrac{x_n - x}{x} \to \tfrac{L^2}{12} \int \dot\epsilon\, \ddot\sigma\,"
    r" \tfrac{du}{x};"
    r"\quad \text{S-PNDM: } \tfrac{5 L^2}{12} \int \ddot\epsilon\, \dot\sigma\, \tfrac{du}{x}"
    r" \text{ more}",
    [f"F-PNDM: {LOG}", f"F-PNDM on sigma: {LOG}", f"S-PNDM: {LOG}"],
    [Control("S-PNDM as F-PNDM", runs=(f"S-PNDM: {LOG}",), of=(f"F-PNDM: {LOG}",))],
    source=PNDM,
    entries="pndm",
)
claim_constant(
    "solver-constants-uniform-sigma",
    r"n^4 \tfrac{x_n - x}{x} \to \tfrac{251}{720} S^4 \int \tfrac{d^4\epsilon}{d\sigma^4}"
    r" \tfrac{d\sigma}{x}",
    [f"F-PNDM on sigma: {SIGMA}"],
    source=PNDM,
    entries="pndm",
    conditions="N(0, 1), steps equal in sigma, S = sigma_n - sigma_0",
)
claim_constant(
    "solver-constants-euler-start",
    r"n^2 \tfrac{x_n - x}{x} \to C - L^2 \tfrac{\dot\epsilon\, \dot\sigma}{2x}(\sigma_n),"
    r"\quad C \text{ of S-PNDM, of F-PNDM and } 0 \text{ at } \gamma = \tfrac32,"
    r" \text{ for iPNDM, for DEIS with } t = \log\sigma",
    [f"gamma 3/2: {LOG}", f"iPNDM 4: {LOG}", f"DEIS log 3: {LOG}"],
    [
        Control(
            "without the first step's error",
            runs=(f"gamma 3/2: {LOG}", f"iPNDM 4: {LOG}"),
            of=(f"S-PNDM: {LOG}", f"F-PNDM: {LOG}"),
        )
    ],
)
claim_constant(
    "solver-constants-data-form",
    r"n^p \tfrac{x_n - x}{x} \to -\gamma_p L^p \int \tfrac{d^pD}{d\lambda^p}"
    r" \tfrac{d\lambda}{x};"
    r"\quad \text{2M: } -\tfrac{L^2}{12} \int \tfrac{dD}{d\lambda} \tfrac{d\lambda}{x}"
    r" \text{ more};"
    r"\quad \text{3M: } -\tfrac{L^2}{12} \int \tfrac{d^2D}{d\lambda^2} \tfrac{d\lambda}{x}",
    [f"{name}: {SHORT}" for name in ("DPM++ 2M", "DPM++ 3M", "DPM++ exact 2", "DPM++ exact 3")],
)
claim_constant(
    "solver-constants-unipc",
    r"n^{p+1} \tfrac{x_n - x}{x} \to L^{p+1} \Bigl(\int \bigl(c_p + D_x g_p\bigr)"
    r" \tfrac{d\lambda}{x} + \tfrac{g_p}{x}(\sigma_0) + \tfrac{s_p}{x}(\sigma_n)\Bigr),"
    r"\quad c = \tfrac{D''}{12} + \beta D', \tfrac{D'''}{24}, \tfrac{19 D''''}{720},"
    r"\quad g = -\tfrac{D'}{2}, -\tfrac{5 D''}{12} + \beta D', -\tfrac{3 D'''}{8},"
    r"\quad s = 0, c_1 + \tfrac{13}{12} D_x g_1, 0,"
    r"\quad \beta = -\tfrac1{12}, \text{ at } B = h\ \tfrac16",
    UNIPC,
    [
        Control("the last state corrected too", of=[f"{run}, last corrected" for run in UNIPC]),
        Control("all outputs anew", of=[f"{run}, all outputs anew" for run in UNIPC]),
        Control("B's constants alike", runs=(f"UniPC B1 2: {LOG}",), of=(f"UniPC 2: {LOG}",)),
    ],
)
claim_constant(
    "solver-constants-unipc-start",
    r"\tfrac{s_2}{x}(\sigma_n) = \bigl(c_1 + \tfrac{13}{12} D_x g_1\bigr) \tfrac1x(\sigma_n)"
    r" \text{ is what the first step of UniPC-2 adds}",
    UNIPC[1:3],
    [Control("an exact first step", of=[f"{run}, exact start" for run in UNIPC[1:3]])],
    margin=3e-4,
    why="a third of what the first step adds, 0.09 % at least",
)
