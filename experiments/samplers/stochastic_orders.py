r"""Stochastic orders: how fast does the law of a noisy sampler become right, with what constant?

Document 000 compares gradient estimation with samplers that add noise: DDPM, and Analytic-DDIM in
its table. What is their weak order, that of the law of their output as the steps become many? On
normal data N(0, lambda I) every step is x' = a x + b w, so that the law of the output is a
recursion of variances: a and b are read off the samplers, nothing is drawn, and orders and
constants are found as exactly as for a deterministic solver. The start is exact.

All samplers that spend a share of each step's noise are of first order, with one formula: where a
step keeps the share r^c of the noise for a ratio r of levels,

    n (v_n - v)/v -> -(c/2) (lambda L/v) (1 - (v/v_N)^c),     L = log(sigma_N/sigma_0).

DDIM has c = 1, ancestral sampling 1 + eta^2, gradient estimation's noise 1/(1 - mu), and Euler's
method with churn S has 1 + S/L: churn and eta^2 are one thing. DDPM (eta = 1) is thus twice as far
from the data's law as DDIM with as many steps: new noise does not repair a perfect denoiser's
errors. Heun's method with churn has order 2. EDM's noise scale s above 1 leaves the variance wrong
in the limit, by the share (s^2 - 1)(1 - (v/v_N)^(S/L)). Analytic-DDIM is exact at any number of
steps if all eigenvalues are equal, and else of first order again: its one variance is right for
their mean only.
"""

import math
from functools import partial

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import integrate

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import samplers
from theorylab.diffusion.affine_steps import affine_steps, normal_variances
from theorylab.diffusion.schedules import log_linear

experiment = Experiment()

TABLE = Source("000", "slide 'Sampler comparison experiments (FID)'")
DDPM = Source("000", "slide 'Sampling from diffusion models (probabilistic)'")
FIRST, LAST = 10.0, 0.1
SPAN = math.log(FIRST / LAST)
EIGENVALUES = (0.1, 1.0, 4.0)
CHURN = 2.0
LOUD = 1.01  # noise scale, 1 % above 1

#: Sampler and the power c with which a step of ratio r keeps the old noise.
FIRST_ORDER = {
    "DDIM": (samplers.ddim, 1.0),
    "ancestral 0.5": (partial(samplers.ancestral, eta=0.5), 1.25),
    "DDPM": (samplers.ddpm, 2.0),
    "ancestral 1.5": (partial(samplers.ancestral, eta=1.5), 3.25),
    "mu 1/3": (partial(samplers.gradient_estimation, gamma=1.0, mu=1 / 3), 1.5),
    "churn, Euler": (
        partial(samplers.edm_stochastic, churn=CHURN, correct=False),
        1 + CHURN / SPAN,
    ),
}
HEUN = {
    "churn, Heun": partial(samplers.edm_stochastic, churn=CHURN),
    "loud churn, Heun": partial(samplers.edm_stochastic, churn=CHURN, noise_scale=LOUD),
}
#: Analytic-DDIM and its share eta of new noise.
ANALYTIC = {"A-DDIM": 0.0, "A-DDPM": 1.0}
RUNS = (*FIRST_ORDER, *HEUN, *ANALYTIC)


def final_variances(run, sigmas, eigenvalues, powers=None):
    """Variance of each coordinate at the last level, from an exact start; no sampling."""
    denoiser = lambda x, sigma: eigenvalues / (eigenvalues + sigma**2) * x
    if run in ANALYTIC:
        if powers is None:
            powers = [float((s**2 / (eigenvalues + s**2)).mean()) for s in sigmas[:-1].tolist()]
        sampler = partial(samplers.analytic_ddim, noise_power=powers, eta=ANALYTIC[run])
    else:
        sampler = HEUN[run] if run in HEUN else FIRST_ORDER[run][0]
    noise = (
        (lambda generator: {}) if run == "DDIM" else (lambda generator: {"generator": generator})
    )
    sample = lambda x, generator: sampler(denoiser, x, sigmas, **noise(generator))
    steps = affine_steps(sample, torch.full_like(eigenvalues, float(sigmas[0])))
    return normal_variances(*steps, eigenvalues + sigmas[0] ** 2)[-1]


@experiment.measure(
    grid={"run": RUNS},
    quick={"steps": (32, 64, 128, 256)},
    default={"steps": (32, 64, 128, 256, 512)},
    paper={"steps": (32, 64, 128, 256, 512, 1024)},
)
def variances(run, steps):
    """What the variance of each coordinate lacks, relative to that of the data under noise."""
    eigenvalues = torch.tensor(EIGENVALUES, dtype=torch.float64)
    found = [final_variances(run, log_linear(n, LAST, FIRST), eigenvalues) for n in steps]
    error = torch.stack(found) / (eigenvalues + LAST**2) - 1
    return xr.Dataset(
        {"error": (("n", "eigenvalue"), error.numpy(), {"long_name": "error of the variance"})},
        {"n": list(steps), "eigenvalue": list(EIGENVALUES)},
    )


@experiment.measure(grid={"arm": ["exact", "a hundredth less", "DDPM"], "n": [2, 5, 20]})
def few_steps(arm, n):
    """The same after few steps, where each eigenvalue stands alone; noise powers exact or not."""
    errors = np.empty((len(ANALYTIC), len(EIGENVALUES)))
    sigmas = log_linear(n, LAST, FIRST)
    for j, value in enumerate(EIGENVALUES):
        powers = [s**2 / (value + s**2) for s in sigmas[:-1].tolist()]
        if arm != "exact":
            powers = [0.99 * power for power in powers]
        alone = torch.tensor([value], dtype=torch.float64)
        for i, run in enumerate(ANALYTIC):
            found = final_variances("DDPM" if arm == "DDPM" else run, sigmas, alone, powers)
            errors[i, j] = float(found) / (value + LAST**2) - 1
    return xr.Dataset(
        {"error": (("eta", "eigenvalue"), errors)},
        {"eta": list(ANALYTIC.values()), "eigenvalue": list(EIGENVALUES)},
    )


@experiment.measure()
def constants():
    """Limits of n^p (v_n/v - 1): Heun's with churn and Analytic-DDIM's by quadrature; others' c.

    A relative local error e(u) h^(p+1) in a step of length h = SPAN/n in u = log sigma, which
    later steps multiply by (v_0/v)^q, adds up to SPAN^p int e (v_0/v)^q du.
    """
    value, sigma, h = sp.symbols("lambda sigma h", positive=True)
    slope = lambda s: s / (value + s**2)
    after = sigma * sp.exp(-h)
    step = after - sigma
    factor = 1 + step / 2 * (slope(sigma) + slope(after) * (1 + step * slope(sigma)))
    exact = (value + after**2) / (value + sigma**2)
    # The numerator's third derivative: lower orders vanish, for the method is of second order.
    cubic = sp.diff(factor**2 - exact, h, 3).subs(h, 0) / 6
    heun = sp.lambdify((value, sigma), cubic, "math")
    rows = {}
    for one in EIGENVALUES:
        last = one + LAST**2
        rows["churn, Heun", one] = _integral(
            lambda s, one=one, last=last: (
                heun(one, s) * (last / (one + s**2)) ** (CHURN / SPAN) * (1 + CHURN / SPAN) ** 3
            )
        )
        for run, eta in ANALYTIC.items():
            c = 1 + eta**2
            rows[run, one] = _integral(
                lambda s, one=one, last=last, c=c: (
                    c**2
                    * s**2
                    * (_lost(s) - one / (one + s**2))
                    * (last / (one + s**2)) ** c
                    / last
                )
            )
    runs = ["churn, Heun", *ANALYTIC]
    table = np.array([[rows[run, one] for one in EIGENVALUES] for run in runs])
    power = np.array([2.0, 1.0, 1.0])
    return xr.Dataset(
        {
            "power": ("run", power),
            "constant": (("run", "eigenvalue"), SPAN ** power[:, None] * table[..., 0]),
            "error": (("run", "eigenvalue"), SPAN ** power[:, None] * table[..., 1]),
            "c": ("first", [c for _, c in FIRST_ORDER.values()]),
        },
        {"run": runs, "eigenvalue": list(EIGENVALUES), "first": list(FIRST_ORDER)},
    )


def _integral(density):
    """Over u = log sigma; value and error."""
    over = lambda u: density(math.exp(u))
    return integrate.quad(over, math.log(LAST), math.log(FIRST), epsrel=1e-10, limit=200)[:2]


def _lost(sigma):
    """Mean over the coordinates of the posterior variance over sigma^2: 1 - the noise power."""
    return sum(one / (one + sigma**2) for one in EIGENVALUES) / len(EIGENVALUES)


# ---- checks -----------------------------------------------------------------------------------


def order(variances, runs, p, eigenvalues=EIGENVALUES):
    """|v_n - v| falls like n^-p."""
    found = np.abs(variances.error.sel(run=list(runs), eigenvalue=list(eigenvalues)))
    return checks.rate(
        found,
        p,
        tolerance=0.5,
        dim="n",
        h=1 / found.n.values,
        rounding=np.minimum(0.5, 1e-12 / found),
        last=2,
        reason="orders are integers, so half a unit decides; a variance is good to 1e-12",
    )


def tends(variances, runs, power, constant, error, factor):
    """n^power (v_n/v - 1) over the constant tends to the factor."""
    found = variances.error.sel(run=list(runs))
    return checks.limit(
        found * found.n.astype(float) ** power / constant,
        target=factor,
        margin=0.03,
        dim="n",
        h=1 / found.n.values,
        exponents=[1, 2],
        rounding=1e-6 + float(np.max(np.abs(error / constant))),
        reason="3 %, below the tenth of the nearest neighbour; the remainder is a series in 1/n; "
        "errors above 1e-6 are known to 1e-6 of themselves",
    )


def first_order(variances, runs=tuple(FIRST_ORDER), factor=1.0, c=None):
    """The closed form, at each run's own c unless others are given."""
    own = [FIRST_ORDER[run][1] for run in runs] if c is None else c
    c = xr.DataArray(list(own), {"run": list(runs)}, "run")
    one = variances.eigenvalue
    first, last = one + FIRST**2, one + LAST**2
    constant = -c / 2 * SPAN * one / last * (1 - (last / first) ** c)
    return tends(variances, runs, 1, constant, 0.0, factor)


def by_quadrature(variances, constants, runs, factor=1.0, of=None):
    known = constants.sel(run=list(of or runs)).assign_coords(run=list(runs))
    return tends(variances, runs, known.power, known.constant, known.error, factor)


def left_over(variances, run="loud churn, Heun", scale=LOUD**2 - 1):
    """v_n/v - 1 tends to scale (1 - (v/v_N)^(S/L))."""
    one = variances.eigenvalue
    share = 1 - ((one + LAST**2) / (one + FIRST**2)) ** (CHURN / SPAN)
    found = variances.error.sel(run=run)
    return checks.limit(
        found,
        target=scale * share,
        margin=0.03 * (LOUD**2 - 1),
        dim="n",
        h=1 / found.n.values,
        exponents=[1, 2],
        rounding=1e-12,
        reason="3 % of s^2 - 1; half of it, or none, is the nearest neighbour",
    )


def exact(few_steps, arm="exact"):
    found = np.abs(few_steps.error.sel(arm=arm))
    return checks.identity(
        found,
        rounding=1e-12,
        margin=1e-6,
        reason="variances after at most twenty steps in float64; a noise power wrong by 1 % moves "
        "them by 2e-3 and more",
    )


# ---- claims -----------------------------------------------------------------------------------

CONDITIONS = "N(0, diag(0.1, 1, 4)), steps of equal ratio from 10 to 0.1, exact denoiser and start"


def claim(id, statement, source, **options):
    return experiment.claim(
        id,
        statement,
        source=source,
        **{"form": "derived", "kind": "limit", "conditions": CONDITIONS, **options},
    )


claim(
    "stochastic-orders-first",
    r"|v_n - v| \sim n^{-1} \text{ for DDPM, ancestral, } \mu, \text{ churn with Euler, A-DDIM}",
    TABLE,
    kind="rate",
    check=order,
    runs=(*FIRST_ORDER, *ANALYTIC),
    p=1,
    controls=[
        Control("one order more", p=2),
        Control("one order less", p=0),
        Control("Heun's steps", runs=("churn, Heun",)),
    ],
)
claim(
    "stochastic-orders-churn",
    r"|v_n - v| \sim n^{-2} \text{ for Heun's steps with churn } S",
    TABLE,
    kind="rate",
    check=order,
    runs=("churn, Heun",),
    p=2,
    controls=[
        Control("one order more", p=3),
        Control("one order less", p=1),
        Control("the noise of churn 1 % too large", runs=("loud churn, Heun",)),
        Control("Euler's steps", runs=("churn, Euler",)),
    ],
)
claim(
    "stochastic-constants",
    r"n \tfrac{v_n - v}{v} \to -\tfrac{c}{2} \tfrac{\lambda L}{v} \bigl(1 - (v/v_N)^c\bigr),"
    r"\quad c = 1,\ 1 + \eta^2,\ \tfrac{1}{1 - \mu},\ 1 + \tfrac{S}{L}",
    DDPM,
    check=first_order,
    controls=[
        Control("a tenth less", factor=0.9),
        Control("the sign", factor=-1.0),
        Control("1 + eta", c=(1.0, 1.5, 2.0, 2.5, 1.5, 1 + CHURN / SPAN)),
        Control("1 + mu", c=(1.0, 1.25, 2.0, 3.25, 4 / 3, 1 + CHURN / SPAN)),
        Control("half of the churn", c=(1.0, 1.25, 2.0, 3.25, 1.5, 1 + CHURN / SPAN / 2)),
    ],
)
claim(
    "stochastic-constants-heun",
    r"n^2 \tfrac{v_n - v}{v} \to \tfrac{(L + S)^3}{L} \int \kappa (v/v_\sigma)^{S/L}\, du",
    TABLE,
    check=by_quadrature,
    runs=("churn, Heun",),
    controls=[Control("a tenth less", factor=0.9), Control("the sign", factor=-1.0)],
)
claim(
    "stochastic-constants-analytic-ddim",
    r"n \tfrac{v_n - v}{v} \to c^2 L \int \sigma^2 \bigl(\overline{\tfrac{\lambda}"
    r"{\lambda + \sigma^2}} - \tfrac{\lambda}{\lambda + \sigma^2}\bigr)"
    r" (v/v_\sigma)^c \tfrac{du}{v}, \quad c = 1 + \eta^2",
    TABLE,
    check=by_quadrature,
    runs=tuple(ANALYTIC),
    controls=[
        Control("a tenth less", factor=0.9),
        Control("the sign", factor=-1.0),
        Control("the other eta", of=("A-DDPM", "A-DDIM")),
    ],
)
claim(
    "stochastic-noise-scale",
    r"\tfrac{v_n - v}{v} \to (s^2 - 1) \bigl(1 - (v/v_N)^{S/L}\bigr), \quad s = 1.01",
    TABLE,
    check=left_over,
    controls=[
        Control("nothing is left", scale=0.0),
        Control("s - 1", scale=LOUD - 1),
        Control("at noise scale 1", run="churn, Heun"),
    ],
)
claim(
    "analytic-ddim-exact",
    r"v_n = \lambda + \sigma_0^2 \text{ for every } n, \quad \text{N}(0, \lambda I),"
    r"\ \eta = 0, 1",
    TABLE,
    kind="identity",
    conditions="N(0, lambda I), lambda = 0.1, 1, 4; any levels; noise powers of the data",
    check=exact,
    controls=[
        Control("noise powers a hundredth less", arm="a hundredth less"),
        Control("DDPM's variance", arm="DDPM"),
    ],
)
