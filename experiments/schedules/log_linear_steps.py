r"""Log-linear steps: how long may the steps of an admissible log-linear schedule be?

Document 000 calls log-linear schedules of steps beta < C(eta, nu) admissible: slow enough for its
error model to keep holding. C must depend on the number of steps N: beta* = c/(eta + c), c = 1 -
nu^(-1/N), and no constant serves every N. With N the largest ratio of noise levels grows to
nu^(1/eta), which bounds every admissible schedule (`admissible_schedule`).

The worst case is acted out by errors of +-eta x on K = {0}, in rational numbers or in 30 digits;
the library's log-linear schedule stands beside 40 digits.
"""

import itertools
import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import sympy as sp
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import admissibility, adversary, schedules

experiment = Experiment()

ANALYSIS = "Analysis under the error model"

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"steps": [2, 5, 10, 20, 50, 100]})
def nodes(steps):
    """Largest relative errors of the library's schedules against 40 digits, node by node.

    The arm "N + 1" counts one step too many in the exponent.
    """
    with mp.workdps(40):
        fractions = [mp.mpf(k) / steps for k in range(steps + 1)]
        high, low = mp.mpf(40), mp.mpf("0.01")
        root, end = (mp.mpf(v) ** (mp.mpf(1) / 7) for v in ("80", "0.002"))
        cases = {
            "log-linear": (
                schedules.log_linear(steps, 0.01, 40.0),
                [high * (low / high) ** f for f in fractions],
            ),
            "edm": (
                schedules.edm(steps, 0.002, 80.0),
                [(root + (end - root) * f) ** 7 for f in fractions],
            ),
        }
        power = mp.mpf(steps) / (steps + 1)
        errors = [
            (
                largest_relative_error(sigmas, exact),
                largest_relative_error(sigmas, [exact[0] * (t / exact[0]) ** power for t in exact]),
            )
            for sigmas, exact in cases.values()
        ]
    return xr.Dataset(
        {"node_error": (("schedule", "arm"), np.array(errors, dtype=float))},
        {"schedule": list(cases), "arm": ["N", "N + 1"]},
    )


def largest_relative_error(sigmas, exact):
    return max(abs(mp.mpf(s) / t - 1) for s, t in zip(sigmas.tolist(), exact, strict=True))


# ---- checks -----------------------------------------------------------------------------------

STEP_COUNTS = (1, 2, 10, 28, 300)


def log_linear_is_admissible(steps_of_beta=None, factor=1.0, rule="exact", attained=False):
    """Band reached with N steps of beta; beta from N, or from a fixed ``steps_of_beta``."""
    cells = list(itertools.product((0.05, 0.1, 0.5, 2.0), (1.5, 2.0, 4.0), STEP_COUNTS))
    excess = []
    with mp.workdps(30):
        for eta, nu, steps in cells:
            counted = steps_of_beta or steps
            beta = admissibility.log_linear_beta(eta, nu, counted)
            if rule == "logarithm":
                beta = math.log(nu) / counted / (eta + math.log(nu) / counted)
            worst = adversary.reached_nu(
                adversary.geometric_levels(mp.mpf(beta) * factor, steps), mp.mpf(eta)
            )
            excess.append(1.0 if worst is None else float(min(worst, 2 * nu) / nu - 1))
    reason = (
        "rounding: one float beta, then 30 digits; the adversary attains nu, so equality must "
        "pass, and 1 % of beta moves it by over 1e-4"
    )
    excess = xr.DataArray(excess, dims="cell")
    if attained:
        return checks.identity(np.abs(excess), rounding=1e-11, margin=1e-9, reason=reason)
    return checks.bound(excess, rounding=1e-11, margin=1e-9, reason=reason)


def largest_step_exact(factor=Fraction(1), nu0=Fraction(1), counts_nu0=True, below=True):
    """At rational beta* the schedule is admissible and 1e-9 above it is not; 0 where so."""
    wrong = []
    for eta, c, steps in itertools.product(
        (Fraction(1, 20), Fraction(1, 2), Fraction(3)),
        (Fraction(1, 10), Fraction(1, 3)),
        (1, 7, 30),
    ):
        nu = (nu0 if counts_nu0 else 1) / (1 - c) ** steps
        beta = factor * c / (eta + c)
        admissible = lambda b, nu=nu, eta=eta, n=steps: admissibility.is_admissible(
            adversary.geometric_levels(b, n), eta, max(nu, nu0), nu0
        )
        wrong += [int(not admissible(beta)), int(admissible(beta * (1 + Fraction(1, 10**9))))]
    return checks.certificate(wrong, (0.0, 0.0), "rational numbers; 0 where the claim holds")


def beta_star_symbolic(added=1):
    """(1 - beta*)(nu0/nu)^(1/N) = 1 - beta*(eta + 1)."""
    eta, nu, nu0, steps = sp.symbols("eta nu nu0 N", positive=True)
    c = 1 - (nu0 / nu) ** (1 / steps)
    beta = c / (eta + c)
    gap = (1 - beta) * (nu0 / nu) ** (1 / steps) - (1 - beta * (eta + added))
    return checks.proof(gap, {eta: sp.Rational(1, 3), nu: 3, nu0: 2, steps: 2})


def constant_vanishes(power=1, added=0.0):
    """N beta*_N -> log(nu)/eta, so that the infimum over N is 0."""
    cells = list(itertools.product((0.05, 0.1, 0.5), (1.5, 2.0, 4.0)))
    counts = [100 * 2**k for k in range(9)]
    values = [
        [
            n**power * admissibility.log_linear_beta(eta, nu, n) * (eta + added) / math.log(nu)
            for n in counts
        ]
        for eta, nu in cells
    ]
    return checks.limit(
        xr.DataArray(values, dims=("cell", "h")),
        target=1.0,
        margin=1e-6,
        h=[1 / n for n in counts],
        exponents=[1, 2, 3],
        rounding=1e-13,
        reason="a series in 1/N, extrapolated to better than 1e-9; neighbours are off by 10 %",
    )


def log_linear_nodes(nodes, schedule="log-linear", arm="N"):
    d = nodes
    return checks.identity(
        d.node_error.sel(arm=arm, schedule=schedule),
        rounding=1e-13,
        margin=1e-10,
        reason="rounding: one exponential of a number below 5",
    )


def infinite_steps_symbolic(added=0, contraction=1):
    """Logarithms of N equal steps are g(1/N)/(1/N) with g(0) = 0, so their limit is g'(0)."""
    h, log_nu, eta = sp.symbols("h L eta", positive=True)
    c = 1 - sp.exp(-log_nu * h)
    beta = c / (eta + c)
    noise, distance = sp.log(1 - beta), sp.log(1 - contraction * beta * (1 - eta))
    limits = -log_nu / (eta + added), -log_nu * (1 - eta) / (eta + added)
    parts = [
        part
        for g, value in zip((noise, distance), limits, strict=True)
        for part in (g.subs(h, 0), g.diff(h).subs(h, 0) - value)
    ]
    return checks.proof(parts, {log_nu: 1, eta: sp.Rational(1, 3)})


def infinite_steps(added=0.0, factor=1.0):
    """log(sigma_N/sigma_0) at beta*_N, over log(nu)/eta."""
    cells = list(itertools.product((0.05, 0.1, 0.5), (1.5, 2.0, 4.0)))
    counts = [100 * 2**k for k in range(9)]
    values = [
        [
            math.log(admissibility.largest_noise_ratio(eta, nu, n)) * (eta + added) / math.log(nu)
            for n in counts
        ]
        for eta, nu in cells
    ]
    return checks.limit(
        xr.DataArray(values, dims=("cell", "h")),
        target=factor,
        margin=1e-6,
        h=[1 / n for n in counts],
        exponents=[1, 2, 3],
        rounding=1e-12,
        reason="a series in 1/N, extrapolated to better than 1e-9; neighbours are off by 2 %",
    )


# ---- claims -----------------------------------------------------------------------------------

SCHEDULE = Source("000", f"slide '{ANALYSIS}'")

constant = experiment.claim(
    "loglinear-admissible-constant-corrected",
    r"\sigma_{t-1} = (1-\beta)\sigma_t \text{ is } (\eta,\nu)\text{-admissible for } \beta \le"
    r" \tfrac{c}{\eta + c},\ c = 1 - \nu^{-1/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    kind="inequality",
    form="corrected",
    conditions="N steps, K = {0} and the worst errors",
    check=log_linear_is_admissible,
    controls=[
        Control(r"1.05\,\beta^*", factor=1.05),
        Control(r"c = \log(\nu)/N", rule="logarithm"),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-as-stated",
    r"\sigma_{t-1} = (1-\beta)\sigma_t \text{ is } (\eta,\nu)\text{-admissible for }"
    r" \beta < C(\eta,\nu)",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    kind="inequality",
    conditions="for every number of steps; C = beta*_100, and no other constant serves",
    check=log_linear_is_admissible,
    steps_of_beta=100,
    expected="refuted",
    twin=constant,
)
experiment.claim(
    "loglinear-admissible-constant-attained",
    r"\nu_{\min} = \nu \text{ at } \beta^* = \tfrac{c}{\eta + c},\ c = 1 - \nu^{-1/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    conditions="N steps from 1 to 300",
    check=log_linear_is_admissible,
    attained=True,
    controls=[
        Control(r"0.99\,\beta^*", factor=0.99),
        Control(r"c = \log(\nu)/N", rule="logarithm"),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-exact",
    r"\beta^* \text{ is admissible and } (1 + 10^{-9})\beta^* \text{ is not},\quad"
    r" c = 1 - (\nu_0/\nu)^{1/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    conditions="initial band nu0 = 3/2: the inequality is not strict, and sharp",
    check=largest_step_exact,
    nu0=Fraction(3, 2),
    controls=[
        Control(r"1.05\,\beta^*", factor=Fraction(21, 20)),
        Control(r"0.95\,\beta^*", factor=Fraction(19, 20)),
        Control(r"c = 1 - \nu^{-1/N}", counts_nu0=False),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-symbolic",
    r"(1-\beta^*)(\nu_0/\nu)^{1/N} = 1 - \beta^*(1+\eta)",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    check=beta_star_symbolic,
    controls=[Control(r"1 - \beta^*\eta", added=0)],
)
experiment.claim(
    "loglinear-admissible-constant-vanishes",
    r"N\beta^*_N \to \log(\nu)/\eta",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    kind="limit",
    form="derived",
    conditions="eta > 0: the infimum over N is 0, so no constant is free of N",
    check=constant_vanishes,
    controls=[
        Control(r"\log(\nu)/(1 + \eta)", added=1.0),
        Control(r"\sqrt N \beta^*_N", power=0.5),
    ],
)
experiment.claim(
    "loglinear-admissible-constant-nodes",
    r"\sigma_k = \sigma_N (\sigma_0/\sigma_N)^{k/N}",
    source=SCHEDULE,
    entries="loglinear-admissible-constant",
    form="derived",
    conditions="the library's log-linear schedule against 40 digits",
    check=log_linear_nodes,
    controls=[
        Control("exponent k/(N + 1)", arm="N + 1"),
        Control("EDM's nodes shifted", schedule="edm", arm="N + 1"),
    ],
)
experiment.claim(
    "admissible-infinite-step-limit-symbolic",
    r"(1-\beta^*_N)^N \to \nu^{-1/\eta},\quad"
    r" (1 - \beta^*_N(1-\eta))^N \to \nu^{-(1-\eta)/\eta}",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="limit",
    form="derived",
    conditions="beta* with c = 1 - nu^(-1/N); derivative at 1/N = 0 of the logarithm",
    check=infinite_steps_symbolic,
    controls=[
        Control(r"\nu^{-1/(1+\eta)}", added=1),
        Control("twice the contraction", contraction=2),
    ],
)
experiment.claim(
    "admissible-infinite-step-limit",
    r"\log(\sigma_N/\sigma_0) \to \log(\nu)/\eta",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="limit",
    form="derived",
    conditions="the largest ratio that N admissible steps span; N to 25,600",
    check=infinite_steps,
    controls=[
        Control(r"\log(\nu)/(1+\eta)", added=1.0),
        Control("a fiftieth less", factor=0.98),
    ],
)
