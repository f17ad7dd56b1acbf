r"""DDPM's update, and DDIM's: are those of the slides the published ones?

In coordinates x = x_0 + sigma eps the slides write DDIM as x_{t-1} = x_t + (sigma_{t-1} - sigma_t)
eps and DDPM as a step to sigma' = sigma_{t-1}^2/sigma_t with fresh noise of variance sigma_{t-1}^2
- sigma'^2. Both are the published updates, rescaled by the root of the *cumulative* alpha; DDPM is
that of the posterior variance, not of the other published choice, beta_t. The samplers' own steps
are compared with the published formulas, by numbers.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.samplers import ancestral, ddim, ddpm

experiment = Experiment()

TRAINING = "slide 'Training diffusion models'"
DETERMINISTIC = "slide 'Sampling from diffusion models (Deterministic)'"
PROBABILISTIC = "slide 'Sampling from diffusion models (Probabilistic)'"

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"sigma": [0.5, 2.0, 40.0], "ratio": [0.02, 0.3, 0.6, 0.95]})
def steps(sigma, ratio, generator):
    """One step of each sampler against Ho et al. and Song et al. in z = sqrt(alpha_bar) x.

    The published formulas in numpy, with the same noise; every arm is one change to them.
    """
    later = ratio * sigma
    x = sigma * torch.randn(20, 3, dtype=torch.float64, generator=generator)
    denoiser = lambda x, sigma: torch.tanh(x)  # not linear, so that x and x0_hat are told apart
    seeded = lambda: torch.Generator().manual_seed(1)
    w = torch.randn(20, 3, dtype=torch.float64, generator=seeded()).numpy()
    found = {
        "ddim": list(ddim(denoiser, x, [sigma, later]))[1],
        "ddpm": list(ddpm(denoiser, x, [sigma, later], generator=seeded()))[1],
        "ancestral": list(ancestral(denoiser, x, [sigma, later], generator=seeded()))[1],
    }
    bar, bar_next = 1 / (1 + sigma**2), 1 / (1 + later**2)
    z, x0 = math.sqrt(bar) * x.numpy(), np.tanh(x.numpy())
    eps, beta = (z - math.sqrt(bar) * x0) / math.sqrt(1 - bar), 1 - bar / bar_next
    mean = (math.sqrt(bar_next) * beta * x0 + math.sqrt(bar / bar_next) * (1 - bar_next) * z) / (
        1 - bar
    )
    posterior = beta * (1 - bar_next) / (1 - bar)
    published = {
        "ddim": math.sqrt(bar_next) * x0 + math.sqrt(1 - bar_next) * eps,
        "ddpm": mean + math.sqrt(posterior) * w,
        "ddpm, variance beta": mean + math.sqrt(beta) * w,
        "ddpm, a millionth more noise": mean + math.sqrt(posterior) * (1 + 1e-6) * w,
        "ddpm, its mean": mean,
    }
    size = np.abs(x.numpy()).max()
    gap = [
        [np.abs(v / math.sqrt(bar_next) - f.numpy()).max() / size for v in published.values()]
        for f in found.values()
    ]
    return xr.Dataset(
        {"gap": (("sampler", "formula"), gap, {"long_name": "largest gap over largest |x|"})},
        {"sampler": list(found), "formula": list(published)},
    )


# ---- checks -----------------------------------------------------------------------------------

S, GAP, EPS, X = sp.symbols("sigma_next gap epsilon x", positive=True)
BIG = S + GAP  # sigma_t > sigma_{t-1}
LOWER = S**2 / BIG
WITNESS = {S: 2, GAP: 3, EPS: sp.Rational(1, 5), X: 7}


def _prove(*differences):
    free = set().union(*(sp.sympify(d).free_symbols for d in differences))
    return checks.proof(list(differences), {s: v for s, v in WITNESS.items() if s in free})


def coordinates(alpha="cumulative"):
    """z_t = sqrt(a) x_t with sigma_t^2 = (1 - a)/a has the two coefficients of the DDPM chain."""
    first, second, third = sp.symbols("alpha_1 alpha_2 alpha_3", positive=True)
    signal, noise = sp.Integer(1), sp.Integer(0)
    for step in (first, second, third):  # z <- sqrt(alpha) z + sqrt(1 - alpha) noise
        signal, noise = signal * sp.sqrt(step), step * noise + 1 - step
    a = {"cumulative": first * second * third, "per step": third}[alpha]
    witness = {first: sp.Rational(9, 10), second: sp.Rational(4, 5), third: sp.Rational(1, 2)}
    return checks.proof([sp.sqrt(a) - signal, a * (1 - a) / a - noise], witness)


def ddim_form(step="slide"):
    """The step in x against sqrt(bar') x0_hat + sqrt(1 - bar') eps in z, x0_hat from z."""
    bar, bar_next = 1 / (1 + BIG**2), 1 / (1 + S**2)
    moved = {
        "slide": X + (S - BIG) * EPS,
        "sign": X - (S - BIG) * EPS,
        "convex combination": S / BIG * X + (1 - S / BIG) * (X - BIG * EPS),
        "weights of DDPM's mean": (S / BIG) ** 2 * X + (1 - (S / BIG) ** 2) * (X - BIG * EPS),
    }[step]
    z = sp.sqrt(bar) * X
    published = sp.sqrt(bar_next) * (z - sp.sqrt(1 - bar) * EPS) / sp.sqrt(bar)
    published += sp.sqrt(1 - bar_next) * EPS
    return _prove(sp.sqrt(bar_next) * moved - published)


def ddpm_form(variance="posterior", step="slide", eta="slide"):
    """Mean and variance of the step in x, against Ho et al.'s, eqs. 6 and 7, in z."""
    bar, bar_next = 1 / (1 + BIG**2), 1 / (1 + S**2)
    alpha, x0 = bar / bar_next, X - BIG * EPS
    mean = sp.sqrt(bar_next) * (1 - alpha) * x0 + sp.sqrt(alpha) * (1 - bar_next) * sp.sqrt(bar) * X
    down = {"slide": LOWER, "sigma_{t-1}": S}[step]
    fresh = {
        "slide": S**2 - LOWER**2,
        "no root": (S**2 - LOWER**2) ** 2,
        "SMLD": BIG**2 - S**2,
        "alpha_t (sigma_t^2 - sigma_{t-1}^2)": alpha * (BIG**2 - S**2),
    }[eta]
    published = {
        "posterior": (1 - alpha) * (1 - bar_next) / (1 - bar),
        "beta": 1 - alpha,
    }[variance]
    return _prove(
        X + (down - BIG) * EPS - mean / (1 - bar) / sp.sqrt(bar_next),
        fresh - published / bar_next,
    )


def sampler_step(steps, sampler="ddpm", formula="ddpm"):
    return checks.identity(
        steps.gap.sel(sampler=sampler, formula=formula),
        rounding=1e-13,
        margin=1e-9,
        reason="rounding of ten operations; a coefficient off by 1e-6 moves the state by 1e-8",
    )


def level_kept(power=2):
    """sigma'^2 + eta^2 = sigma_{t-1}^2: data in one point keep their law N(x_0, sigma^2 I)."""
    lower = S**power / BIG ** (power - 1)
    return _prove(lower**2 + (S**2 - LOWER**2) - S**2)


# ---- claims -----------------------------------------------------------------------------------

experiment.claim(
    "ve-vp-change-of-coordinates-cumulative",
    r"z_t = \sqrt{\alpha_t}\,x_t,\ \sigma_t^2 = (1-\alpha_t)/\alpha_t:\quad"
    r" z_t = \sqrt{\alpha_t}\,x_0 + \sqrt{1-\alpha_t}\,\epsilon",
    source=Source("000", TRAINING + ", footnote"),
    entries=["ve-vp-change-of-coordinates"],
    form="reading",
    conditions="alpha_t cumulative (alpha-bar of Ho et al.); shown for a chain of three steps",
    check=coordinates,
    controls=[Control("alpha_t of a single step, as Ho et al. use the letter", alpha="per step")],
)
experiment.claim(
    "ddim-update",
    r"x_{t-1} = x_t + (\sigma_{t-1} - \sigma_t)\,\epsilon_\theta(x_t, \sigma_t)"
    r"\text{ is DDIM}",
    source=Source("000", DETERMINISTIC),
    entries=["ddim-update", "ve-vp-change-of-coordinates"],
    kind="algorithm",
    conditions="Song et al. 2021, eq. 12 at eta = 0, in z = sqrt(alpha_t) x",
    check=ddim_form,
    controls=[
        Control("the sign", step="sign"),
        Control("the weights of DDPM's mean", step="weights of DDPM's mean"),
    ],
)
experiment.claim(
    "ddim-update-convex-combination",
    r"x_{t-1} = r\,x_t + (1-r)\,\hat x_0,\quad r = \sigma_{t-1}/\sigma_t",
    source=Source("000", DETERMINISTIC),
    entries="ddim-update",
    form="derived",
    check=ddim_form,
    step="convex combination",
    controls=[Control("r^2 for r", step="weights of DDPM's mean")],
)
experiment.claim(
    "ddim-update-sampler",
    r"\text{the sampler's step is DDIM's, to rounding}",
    source=Source("000", DETERMINISTIC),
    entries="ddim-update",
    kind="algorithm",
    form="derived",
    check=sampler_step,
    sampler="ddim",
    formula="ddim",
    controls=[Control("the mean of DDPM", formula="ddpm, its mean")],
)
experiment.claim(
    "ddpm-update",
    r"x_{t-1} = x_t + (\sigma' - \sigma_t)\epsilon_\theta + \eta w,\ \sigma' ="
    r" \sigma_{t-1}^2/\sigma_t,\ \eta^2 = \sigma_{t-1}^2 - \sigma'^2 \text{ is DDPM}",
    source=Source("000", PROBABILISTIC),
    entries="ddpm-update",
    kind="algorithm",
    conditions="with the posterior variance ('fixed small'): Ho et al. 2020, eqs. 6, 7",
    check=ddpm_form,
    controls=[
        Control("with the variance beta_t ('fixed large')", variance="beta"),
        Control("a step to sigma_{t-1}", step="sigma_{t-1}"),
        Control("eta without the root", eta="no root"),
        Control("the variance of SMLD", eta="SMLD"),
    ],
)
experiment.claim(
    "ddpm-update-fixed-large",
    r"\eta^2 = \alpha_t(\sigma_t^2 - \sigma_{t-1}^2) \text{ for the variance } \beta_t",
    source=Source("000", PROBABILISTIC),
    entries="ddpm-update",
    kind="algorithm",
    form="derived",
    conditions="alpha_t of one step, (1 + sigma_{t-1}^2)/(1 + sigma_t^2)",
    check=ddpm_form,
    variance="beta",
    eta="alpha_t (sigma_t^2 - sigma_{t-1}^2)",
    controls=[
        Control("the slide's eta", eta="slide"),
        Control("the variance of SMLD", eta="SMLD"),
    ],
)
experiment.claim(
    "ddpm-update-sampler",
    r"\text{the sampler's step is DDPM's, to rounding}",
    source=Source("000", PROBABILISTIC),
    entries="ddpm-update",
    kind="algorithm",
    form="derived",
    check=sampler_step,
    controls=[
        Control("the variance beta_t", formula="ddpm, variance beta"),
        Control("a millionth more noise", formula="ddpm, a millionth more noise"),
        Control("no noise", formula="ddpm, its mean"),
        Control("the DDIM sampler", sampler="ddim"),
    ],
)
experiment.claim(
    "ddpm-update-ancestral",
    r"\text{the ancestral sampler at } \eta = 1 \text{ is DDPM}",
    source=Source("000", PROBABILISTIC),
    entries="ddpm-update",
    kind="algorithm",
    form="derived",
    check=sampler_step,
    sampler="ancestral",
    controls=[Control("a millionth more noise", formula="ddpm, a millionth more noise")],
)
experiment.claim(
    "ddpm-update-keeps-the-level",
    r"\sigma'^2 + \eta^2 = \sigma_{t-1}^2",
    source=Source("000", PROBABILISTIC),
    entries="ddpm-update",
    form="derived",
    conditions="so data in one point keep their law N(x_0, sigma^2 I)",
    check=level_kept,
    controls=[Control("sigma_{t-1}^3/sigma_t^2 for sigma'", power=3)],
)
