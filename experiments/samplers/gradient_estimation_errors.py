r"""Gradient estimation, errors: what becomes of an error of one step, and does it oscillate?

The sampler replaces eps_t by eps_bar = eps_{t+1} + gamma (eps_t - eps_{t+1}), which is said to
correct for the error made in the previous step.

That holds to the letter for gamma = 1 + h_{t+1}/h_t, which is 2 at equal steps and not on the
schedule it is used with. At equal steps and gamma = 2 the first prediction drops out of the last
state and the last one counts twice, so that independent errors add up to little more than DDIM's.
Steps with beta > 1/gamma make dist/sigma oscillate and grow.
"""

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.samplers import gradient_estimation

experiment = Experiment()

SLIDE = "slide 'Improving sampling by gradient estimation'"


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"gamma": [1.0, 1.5, 2.0, 3.0], "steps": [10, 40]})
def impulses(gamma, steps):
    """What weight an error of eps made at one step alone has in the end, at equal steps."""
    sigmas, count = torch.linspace(1, 0, steps + 1, dtype=torch.float64), 0

    def denoiser(x, sigma):
        nonlocal count
        count += 1
        return x - sigma * (torch.arange(steps) == count - 1).double()[:, None]

    *_, last = gradient_estimation(
        denoiser, torch.zeros(steps, 1, dtype=torch.float64), sigmas, gamma=gamma
    )
    found = -steps * last[:, 0].numpy()
    telescoped = np.ones(steps)
    telescoped[0], telescoped[-1] = 2 - gamma, gamma
    lone = np.append(np.ones(steps - 1), 2.0)
    return xr.Dataset(
        {
            "gap": ("weights", [np.abs(found - w).max() for w in (telescoped, lone)]),
            "variance": (found**2).mean(),
        },
        {"weights": ["2 - gamma, 1, ..., 1, gamma", "1, ..., 1, 2"]},
    )


@experiment.measure(grid={"gamma": [1.5, 2.0, 3.0], "beta": [0.3, 0.45, 0.55, 0.7]})
def kicks(gamma, beta):
    """dist/sigma on one data point after one wrong eps, along sigma_{t-1} = (1 - beta) sigma_t.

    ``growth`` is the ratio of two changes of dist/sigma in a row, five steps in a row; and the
    largest h at which a root of z^2 - (1 + gamma h) z + (gamma - 1) h leaves the unit disc.
    """
    path, calls = [(1 - beta) ** k for k in range(10)], 0

    def denoiser(x, sigma):
        nonlocal calls
        calls += 1
        return torch.full_like(x, -sigma if calls == 2 else 0.0)

    states = gradient_estimation(denoiser, torch.zeros(1, 1).double(), path, gamma=gamma)
    scaled = np.array([float(x) / s for x, s in zip(states, path, strict=True)])
    changes = np.diff(scaled)[2:]
    low, high = 0.0, 4.0
    for _ in range(60):
        h = (low + high) / 2
        stable = np.abs(np.roots([1, gamma * h - 1, -(gamma - 1) * h])).max() <= 1
        low, high = (h, high) if stable else (low, h)
    return xr.Dataset(
        {"growth": ("step", changes[1:6] / changes[:5]), "limit": low},
        {"step": range(5)},
    )


# ---- checks -----------------------------------------------------------------------------------


def correction(steps="any", gamma="1 + h'/h"):
    """h' eps' + h eps_bar = (h' + h) eps: the previous step, taken with eps', is made good."""
    h, before, eps, eps_before = sp.symbols("h h_before epsilon epsilon_before", positive=True)
    weight = {"1 + h'/h": 1 + before / h, "2": 2, "1 + h/h'": 1 + h / before}[gamma]
    two_steps = before * eps_before + h * (weight * eps + (1 - weight) * eps_before)
    gap = two_steps - (before + h) * eps
    if steps == "equal":
        gap = gap.subs(before, h)
    witness = {h: 1, before: 2, eps: 3, eps_before: 5}
    return checks.proof(gap, {s: witness[s] for s in gap.free_symbols})


def weights(impulses, weights="2 - gamma, 1, ..., 1, gamma"):
    return checks.identity(
        impulses.gap.sel(weights=weights),
        rounding=1e-12,
        margin=1e-9,
        reason="rounding of at most 40 sums of numbers of order 1",
    )


def amplification(impulses, form="telescoped"):
    """Variance of the last state for independent errors of eps, over DDIM's."""
    d = impulses
    n, gamma = d.steps, d.gamma
    claimed = {
        "telescoped": ((2 - gamma) ** 2 + n - 2 + gamma**2) / n,
        "per step": gamma**2 + (gamma - 1) ** 2 + 0 * n,
        "as DDIM": 1 + 0 * gamma * n,
    }[form]
    return checks.identity(
        np.abs(d.variance - claimed),
        rounding=1e-12,
        margin=1e-9,
        reason="rounding of sums of at most 40 squares of order 1",
    )


def parasite(kicks, form="-beta (gamma - 1)/(1 - beta)"):
    d = kicks
    factor = d.beta * (d.gamma - 1)
    claimed = {
        "-beta (gamma - 1)/(1 - beta)": -factor / (1 - d.beta),
        "beta (gamma - 1)/(1 - beta)": factor / (1 - d.beta),
        "-beta (gamma - 1)": -factor,
        "-beta gamma/(1 - beta)": -d.beta * d.gamma / (1 - d.beta),
    }[form]
    return checks.identity(
        np.abs(d.growth - claimed).max("step"),
        rounding=1e-7,
        margin=1e-5,
        reason="the slowest decay, .13^6 = 5e-6, leaves eleven of sixteen digits of a change",
    )


def threshold(beta="1/gamma"):
    """|parasitic factor| = 1 at beta = 1/gamma and grows with beta."""
    beta_, gamma = sp.symbols("beta gamma", positive=True)
    factor = beta_ * (gamma - 1) / (1 - beta_)
    place = {"1/gamma": 1 / gamma, "1/(gamma - 1)": 1 / (gamma - 1), "1/2": sp.Rational(1, 2)}
    growth = sp.diff(factor, beta_) - (gamma - 1) / (1 - beta_) ** 2
    witness = {gamma: sp.Rational(5, 2), beta_: sp.Rational(1, 3)}
    return checks.proof(
        [factor.subs(beta_, place[beta]) - 1, growth],
        witness,
        reason="the derivative (gamma - 1)/(1 - beta)^2 is positive, so the crossing is the only",
    )


def interval(kicks, form="2/(2 gamma - 1)"):
    gamma = kicks.gamma
    claimed = {"2/(2 gamma - 1)": 2 / (2 * gamma - 1), "1": 1 + 0 * gamma, "2/gamma": 2 / gamma}
    return checks.identity(
        np.abs(kicks.limit - claimed[form]).max("beta"),
        rounding=1e-8,
        margin=1e-6,
        reason="bisection to 1e-15 on roots known to 1e-8 where two of them meet",
    )


# ---- claims -----------------------------------------------------------------------------------

corrected = experiment.claim(
    "ge-corrects-previous-error-corrected",
    r"h'\epsilon_{t+1} + h\bar\epsilon_t = (h + h')\epsilon_t \text{ for } \gamma = 1 + h'/h",
    source=Source("000", SLIDE),
    entries="ge-corrects-previous-error",
    form="corrected",
    conditions="h = sigma_t - sigma_{t-1}, h' the step before, which used eps_{t+1} alone",
    check=correction,
    controls=[Control("the ratio upside down", gamma="1 + h/h'")],
)
experiment.claim(
    "ge-corrects-previous-error-as-stated",
    r"h'\epsilon_{t+1} + h(2\epsilon_t - \epsilon_{t+1}) = (h + h')\epsilon_t",
    source=Source("000", SLIDE),
    entries="ge-corrects-previous-error",
    expected="refuted",
    twin=corrected,
    check=correction,
    gamma="2",
)
experiment.claim(
    "ge-corrects-previous-error-equal-steps",
    r"h\epsilon_{t+1} + h(2\epsilon_t - \epsilon_{t+1}) = 2h\epsilon_t",
    source=Source("000", SLIDE),
    entries="ge-corrects-previous-error",
    form="reading",
    conditions="equal steps",
    check=correction,
    gamma="2",
    steps="equal",
    controls=[Control("steps of any size", steps="any")],
)
experiment.claim(
    "ge-corrects-previous-error-weights",
    r"x_0 = x_N - h\,((2-\gamma)\epsilon_N + \epsilon_{N-1} + \dots + \epsilon_2 +"
    r" \gamma\epsilon_1)",
    source=Source("000", SLIDE),
    entries="ge-corrects-previous-error",
    form="derived",
    conditions="equal steps: at gamma = 2 the first prediction drops out, the last counts twice",
    check=weights,
    controls=[Control("the first prediction kept", weights="1, ..., 1, 2")],
)
experiment.claim(
    "ge-stability-interval",
    r"z^2 - (1+\gamma h)z + (\gamma-1)h \text{ is stable for } -\tfrac{2}{2\gamma-1} \le h \le 0",
    source=Source("000", "derived from Algorithm 2"),
    entries="ge-stability-and-noise-amplification",
    form="derived",
    conditions="the test equation x' = x, real h; gamma > 1",
    check=interval,
    controls=[
        Control("1 for every gamma", form="1"),
        Control("2/gamma", form="2/gamma"),
    ],
)
experiment.claim(
    "ge-stability-one-point",
    r"\mathrm{dist}/\sigma: \text{ the parasitic factor is } -\beta(\gamma-1)/(1-\beta)",
    source=Source("000", "derived from Algorithm 2"),
    entries="ge-stability-and-noise-amplification",
    form="derived",
    conditions="data in one point, sigma_{t-1} = (1 - beta) sigma_t",
    check=parasite,
    controls=[
        Control("the sign", form="beta (gamma - 1)/(1 - beta)"),
        Control("that of x", form="-beta (gamma - 1)"),
        Control("gamma for gamma - 1", form="-beta gamma/(1 - beta)"),
    ],
)
experiment.claim(
    "ge-stability-threshold",
    r"|\beta(\gamma-1)/(1-\beta)| \le 1 \iff \beta \le 1/\gamma",
    source=Source("000", "derived from Algorithm 2"),
    entries="ge-stability-and-noise-amplification",
    form="derived",
    conditions="gamma > 1; at gamma = 2 the ten-step schedule's beta = .51 is just beyond",
    check=threshold,
    controls=[
        Control("1/(gamma - 1)", beta="1/(gamma - 1)"),
        Control("1/2 for every gamma", beta="1/2"),
    ],
)
experiment.claim(
    "ge-noise-amplification",
    r"\mathrm{Var}/\mathrm{Var}_{\mathrm{DDIM}} = ((2-\gamma)^2 + N - 2 + \gamma^2)/N",
    source=Source("000", "derived from Algorithm 2"),
    entries="ge-stability-and-noise-amplification",
    form="derived",
    conditions="independent errors of eps of equal variance, fed back nowhere; equal steps",
    check=amplification,
    controls=[
        Control("errors of a step add independently: 5 at gamma = 2", form="per step"),
        Control("no more than DDIM", form="as DDIM"),
    ],
)
