r"""Admissible schedules: how slowly must sigma fall for DDIM to track the distance to the data?

Document 000 calls a schedule (eta, nu)-admissible when it falls slowly enough for its error model
to keep holding. Against the worst errors this is decided by one product: nu_min = prod
1/(1 - eta (sigma_i/sigma_{i-1} - 1)), and no nu at all once a ratio reaches 1 + 1/eta. Whatever
the number of steps, the noise levels of an admissible schedule span at most nu^(1/eta).

The worst case is acted out exactly, in rational numbers, by errors of +-eta x on K = {0}; schedules
of the library stand beside 40 digits. How long the steps of a log-linear schedule may be is judged
in `log_linear_steps`, the theorem that makes use of this in `ddim_tracking`.
"""

import itertools
import math
from fractions import Fraction
from functools import cache

import mpmath as mp
import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import admissibility, adversary, schedules

experiment = Experiment()

ANALYSIS = "Analysis under the error model"
HIGH = 40.0
ETAS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"steps": [2, 5, 10, 20, 50, 100]})
def named_schedules(steps):
    """1/nu_min (0: none) of five schedules, against closed forms in 40 digits."""
    grid = schedules.ddpm_grid()
    ours = schedules.snap_up(schedules.log_linear(max(1, steps - 1), 0.06, HIGH), grid)
    library = {
        "log-linear": schedules.log_linear(steps, 0.01, HIGH),
        "ddpm": schedules.select_steps(grid, steps),
        "ddpm, offset": schedules.select_from_time(grid, steps, 854),
        "edm": schedules.edm(steps, 0.002, 80.0),
        "ours": torch.cat([ours, grid[-1:]]),
    }
    with mp.workdps(40):
        oracle = nodes_in_high_precision(steps)
        inverse, closed = [], []
        for name, sigmas in library.items():
            exact = oracle[name]
            inverse.append([1 / admissibility.smallest_nu(sigmas, eta) for eta in ETAS])
            ratios = [a / b for a, b in itertools.pairwise(exact)]
            rules = {
                "ratio - 1": lambda r: r - 1,
                "beta": lambda r: 1 - 1 / r,
                "1 % more": lambda r: mp.mpf(101) / 100 * (r - 1),
            }
            closed.append(
                [
                    [mp.fprod(max(0, 1 - mp.mpf(eta) * f(r)) for r in ratios) for eta in ETAS]
                    for f in rules.values()
                ]
            )
    return xr.Dataset(
        {
            "inverse_nu": (
                ("schedule", "eta"),
                np.array(inverse, dtype=float),
                {"long_name": "1/nu_min"},
            ),
            "closed": (("schedule", "rule", "eta"), np.array(closed, dtype=float)),
            "log_range": ("schedule", [float(s[0].log() - s[-1].log()) for s in library.values()]),
        },
        {"schedule": list(library), "eta": list(ETAS), "rule": list(rules)},
    )


def nodes_in_high_precision(steps):
    grid = ddpm_levels()
    geometric = lambda n, high, low: [
        mp.mpf(high) * (mp.mpf(low) / mp.mpf(high)) ** (mp.mpf(k) / n) for k in range(n + 1)
    ]
    snapped = lambda nodes: [min(s for s in grid if s >= t) for t in nodes]
    at = lambda times: [grid[t - 1] for t in times]
    roots = [mp.mpf(v) ** (mp.mpf(1) / 7) for v in ("80", "0.002")]
    return {
        "log-linear": geometric(steps, "40", "0.01"),
        "ddpm": at([round(Fraction(1000 * (steps - k), steps)) for k in range(steps)] + [1]),
        "ddpm, offset": at([round(Fraction(854 * (steps - k), steps)) for k in range(steps)] + [1]),
        "edm": [(roots[0] + (roots[1] - roots[0]) * k / steps) ** 7 for k in range(steps + 1)],
        "ours": [*snapped(geometric(max(1, steps - 1), "40", "0.06")), grid[0]],
    }


@cache
def ddpm_levels():
    """sigma_1 < ... < sigma_1000 of the linear-beta process."""
    alpha_bar, levels = mp.mpf(1), []
    for t in range(1000):
        alpha_bar *= 1 - (mp.mpf("1e-4") + (mp.mpf("0.02") - mp.mpf("1e-4")) * t / 999)
        levels.append(mp.sqrt((1 - alpha_bar) / alpha_bar))
    return levels


# ---- checks ------------------------------------------------------------------------------------


def smallest_nu_is_reached(eta_factor=Fraction(1), signs=(1, -1), start=Fraction(1)):
    """The smallest nu against the adversary's worst ratio, over the forty schedules, exactly."""
    differences = []
    for sigmas, eta in adversary.rational_schedules():
        nu = admissibility.smallest_nu(sigmas, eta * eta_factor, start)
        worst = adversary.reached_nu(sigmas, eta, signs, start)
        none = nu == math.inf, worst is None
        differences.append(Fraction(none[0] != none[1]) if any(none) else Fraction(nu) - worst)
    return checks.certificate(differences, (0.0, 0.0), "rational numbers: equality is exact")


def smallest_nu_closed_form(form="ratio", nu0=Fraction(3, 2), counts_nu0=True):
    differences = []
    for sigmas, eta in adversary.rational_schedules():
        ratios = [a / b for a, b in itertools.pairwise(sigmas)]
        excess = [r - 1 if form == "ratio" else 1 - 1 / r for r in ratios]
        factors = [1 - eta * e for e in excess]
        nu = admissibility.smallest_nu(sigmas, eta, nu0)
        if min(factors) <= 0 or nu == math.inf:
            differences.append(Fraction((min(factors) <= 0) != (nu == math.inf)))
        else:
            differences.append(nu - (nu0 if counts_nu0 else 1) / math.prod(factors))
    return checks.certificate(differences, (0.0, 0.0), "rational numbers: equality is exact")


def steps_without_nu(holds_at_zero=False, strict=False, edge=lambda eta: 1 / (1 + eta)):
    """Whether "no nu" is the same as "eta > 0 and some beta >= 1/(1 + eta)"."""
    cases = list(adversary.rational_schedules())
    for eta in (Fraction(1, 10), Fraction(1, 2), Fraction(1), Fraction(3)):
        cases += [((Fraction(1), 1 - beta), eta) for beta in (1 / (1 + eta), eta / (1 + eta))]
        cases.append(((Fraction(1), eta / (1 + eta) - Fraction(1, 10**9)), eta))
        cases.append(((Fraction(1), eta / (1 + eta) + Fraction(1, 10**9)), eta))
        cases.append(((Fraction(1), Fraction(1, 2), Fraction(0)), eta))
    cases += [((Fraction(1), Fraction(1, 3), Fraction(0)), Fraction(0))]
    wrong = []
    for sigmas, eta in cases:
        largest = max(1 - b / a for a, b in itertools.pairwise(sigmas))
        long = largest > edge(eta) if strict else largest >= edge(eta)
        claimed = long and (eta > 0 or holds_at_zero)
        wrong.append(int(claimed != (admissibility.smallest_nu(sigmas, eta) == math.inf)))
    return checks.certificate(wrong, (0.0, 0.0), "0 where both sides of the equivalence agree")


def other_inequality_is_weaker(sign=1):
    """(1-beta)^2 >= (1 - beta(1-eta)) (1 - beta(1+eta)): the lower distance bound decides."""
    beta, eta = sp.symbols("beta eta", positive=True)
    gap = (1 - beta) ** 2 - (1 - beta * (1 - eta)) * (1 - beta * (1 + eta))
    third = sp.Rational(1, 3)
    return checks.proof_nonnegative(sign * gap, {beta: third, eta: third})


def splitting_helps(sign=1):
    """Two steps of ratios 1 + a, 1 + b keep more of 1/nu than one step of their product."""
    eta, a, b = sp.symbols("eta a b", positive=True)
    gap = (1 - eta * a) * (1 - eta * b) - (1 - eta * ((1 + a) * (1 + b) - 1))
    half = sp.Rational(1, 2)
    return checks.proof_nonnegative(sign * gap, {eta: half, a: half, b: half})


def nu_of_named_schedules(named_schedules, rule="ratio - 1", eta=None):
    d = named_schedules.sel(eta=list(ETAS) if eta is None else [eta])
    return checks.identity(
        np.abs(d.inverse_nu - d.closed.sel(rule=rule)),
        rounding=1e-11,
        margin=1e-8,
        reason="1/nu lies in [0, 1]; rounding: 1,000 factors in the DDPM grid, 200 in the product",
    )


def cap_of_named_schedules(named_schedules, plus=0.0, factor=1.0):
    """sigma_N/sigma_0 <= nu^(1/eta) for every admissible schedule."""
    d = named_schedules.sel(eta=[eta for eta in ETAS if eta > 0])
    room = -np.log(np.maximum(d.inverse_nu, 1e-300)) / (d.eta + plus) * factor
    return checks.bound(
        d.log_range / room - 1,
        rounding=1e-9,
        margin=1e-6,
        where=d.inverse_nu > 0,
        reason="an inequality between logarithms, tight for many small steps",
        tightness=(d.log_range / room).where(d.inverse_nu > 0, 0.0),
    )


def cap_symbolic(added=0):
    """rho^(-eta) >= 1 - eta (rho - 1): a convex function above its tangent at rho = 1.

    Multiplied over the steps it gives (sigma_N/sigma_0)^(-eta) >= 1/nu for every schedule.
    """
    rho, eta = sp.symbols("rho eta", positive=True)
    gap = rho ** (-(eta + added)) - 1 + eta * (rho - 1)
    value, slope = gap.subs(rho, 1), gap.diff(rho).subs(rho, 1)
    # Zero value and zero slope as two inequalities each, so that one check decides all.
    parts = [sp.powsimp(sp.simplify(gap.diff(rho, 2))), value, -value, slope, -slope]
    return checks.proof_nonnegative(parts, {rho: 2, eta: sp.Rational(1, 3)})


# ---- claims -----------------------------------------------------------------------------------

SCHEDULE = Source("000", f"slide '{ANALYSIS}'")

experiment.claim(
    "admissible-schedule-definition-reading-worst-case",
    r"\nu_{\min} = \max_t \max(\sqrt n\sigma_t/|x_t|, |x_t|/(\sqrt n\sigma_t)),"
    r"\quad \sigma\epsilon = (1 \pm \eta)x",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    kind="definition",
    form="reading",
    conditions="'slow enough to maintain the assumption' as two products of factors, one a step: "
    "necessary and sufficient against the worst error, K = {0}",
    check=smallest_nu_is_reached,
    controls=[
        Control("a tenth less eta", eta_factor=Fraction(9, 10)),
        Control("the error -eta x alone", signs=(-1,)),
    ],
)
experiment.claim(
    "admissible-schedule-definition-closed-form",
    r"\nu_{\min} = \nu_0 \prod_i \bigl(1 - \eta(\tfrac{\sigma_i}{\sigma_{i-1}} - 1)\bigr)^{-1}",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    form="derived",
    conditions="infinite once a factor is not positive",
    check=smallest_nu_closed_form,
    controls=[
        Control(r"\beta_i in place of \sigma_i/\sigma_{i-1} - 1", form="beta"),
        Control(r"without \nu_0", counts_nu0=False),
    ],
)
experiment.claim(
    "admissible-schedule-definition-longest-step",
    r"\nu_{\min} = \infty \iff \eta > 0,\ \max_i \beta_i \ge 1/(1 + \eta)",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    form="derived",
    conditions="sigma_0 = 0 allowed",
    check=steps_without_nu,
    controls=[
        Control("also for eta = 0, where a step to 0 has nu = 1", holds_at_zero=True),
        Control(r"\beta_i > 1/(1 + \eta)", strict=True),
        Control(r"\beta_i \ge 1 - \eta", edge=lambda eta: 1 - eta),
    ],
)
experiment.claim(
    "admissible-schedule-definition-one-inequality-symbolic",
    r"(1-\beta)^2 \ge (1 - \beta(1-\eta))(1 - \beta(1+\eta))",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    kind="inequality",
    form="derived",
    conditions="so the lower bound on the distance alone decides",
    check=other_inequality_is_weaker,
    controls=[Control("the other way round", sign=-1)],
)
experiment.claim(
    "admissible-schedule-definition-slower-is-better-symbolic",
    r"(1-\eta a)(1-\eta b) \ge 1 - \eta((1+a)(1+b) - 1)",
    source=SCHEDULE,
    entries="admissible-schedule-definition",
    kind="inequality",
    form="derived",
    conditions="splitting a step of ratio (1+a)(1+b) never raises nu: 'slow enough' is meaningful",
    check=splitting_helps,
    controls=[Control("the other way round", sign=-1)],
)
experiment.claim(
    "admissible-schedule-definition-named-schedules",
    r"1/\nu_{\min} = \prod_i \max\bigl(0, 1 - \eta(\tfrac{\sigma_i}{\sigma_{i-1}} - 1)\bigr)",
    source=Source("000", "slide 'Experiments on noise schedule'"),
    entries="admissible-schedule-definition",
    form="derived",
    conditions="log-linear, DDPM, DDPM offset, EDM and the document's own; 2 to 200 steps",
    check=nu_of_named_schedules,
    controls=[
        Control("a hundredth more eta", rule="1 % more"),
        Control(r"\beta_i in place of \sigma_i/\sigma_{i-1} - 1", rule="beta"),
    ],
)
experiment.claim(
    "admissible-infinite-step-limit-cap-symbolic",
    r"\rho^{-\eta} \ge 1 - \eta(\rho - 1)",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="inequality",
    form="derived",
    conditions="over the steps: sigma_N/sigma_0 <= nu^(1/eta) for every admissible schedule",
    check=cap_symbolic,
    controls=[Control(r"\rho^{-(1+\eta)}", added=1)],
)
experiment.claim(
    "admissible-infinite-step-limit-cap",
    r"\sigma_N/\sigma_0 \le \nu_{\min}^{1/\eta}",
    source=SCHEDULE,
    entries="admissible-infinite-step-limit",
    kind="inequality",
    form="derived",
    conditions="five named schedules where admissible",
    check=cap_of_named_schedules,
    controls=[
        Control(r"\nu^{1/(1+\eta)}", plus=1.0),
        Control(r"\nu^{0.9/\eta}", factor=0.9),
    ],
)
