r"""DDPM's noise levels: what does its step match, and in which order stand its three levels?

DDPM is written as a step from sigma_t to sigma' = sigma_{t-1}^2/sigma_t with fresh noise of
variance sigma_{t-1}^2 - sigma'^2, so that sigma_{t-1} is the geometric mean of the other two. That
this is the published update is judged in `ddpm_update`.

"Matches norm of update in expectation" fails: the mean square of DDPM's update is (1 + r)/(1 - r)
times that of DDIM's, r = sigma_{t-1}/sigma_t. What is matched is the noise left, the mean square
of x_{t-1} - x0_hat, if the fresh noise is as large as the predicted one; whether it is, is judged
in `noise_prediction`.
"""

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.samplers import ddim, ddpm

experiment = Experiment()

PROBABILISTIC = "slide 'Sampling from diffusion models (Probabilistic)'"

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(quick={"draws": 4000}, default={"draws": 200_000})
def updates(draws, generator):
    """Squares of a DDPM step and of the noise it leaves, over those of DDIM; |eps|^2 = n = 64."""
    n, sigma, ratios, found = 64, 2.0, [0.1, 0.3, 0.6, 0.9, 0.99], []
    denoiser = lambda x, sigma: x - sigma  # eps is 1 in every coordinate
    x = torch.zeros(draws, n, dtype=torch.float64)
    for r in ratios:
        _, random = ddpm(denoiser, x, [sigma, r * sigma], generator=generator)
        _, plain = ddim(denoiser, x[:1], [sigma, r * sigma])
        for shift in (0.0, sigma):  # x_t is 0 and x0_hat is -sigma
            ratio = (random + shift).square().sum(1) / (plain + shift).square().sum()
            found.append(ratio.numpy())
    samples = xr.DataArray(
        np.reshape(found, (len(ratios), 2, draws)),
        {"ratio": ratios, "of": ["moved", "left"]},
        ("ratio", "of", "sample"),
    )
    names = ("draws", "average", "variance", "third")
    return xr.Dataset(dict(zip(names, checks.central_moments(samples), strict=True)))


# ---- checks -----------------------------------------------------------------------------------

S, GAP = sp.symbols("sigma_next gap", positive=True)
BIG = S + GAP  # sigma_t > sigma_{t-1}
LOWER = S**2 / BIG
WITNESS = {S: 2, GAP: 3}


def _prove(difference):
    free = sp.sympify(difference).free_symbols
    return checks.proof(difference, {s: v for s, v in WITNESS.items() if s in free})


def matched(of="x_t"):
    """E|x_{t-1} - reference|^2 of DDPM minus that of DDIM, over |eps|^2 = E|w|^2."""
    kept = {"x_t": (LOWER - BIG, S - BIG), "x0_hat": (LOWER, S)}[of]
    return _prove(kept[0] ** 2 + S**2 - LOWER**2 - kept[1] ** 2)


def excess(claimed="(1 + r)/(1 - r)"):
    ratio = ((LOWER - BIG) ** 2 + S**2 - LOWER**2) / (S - BIG) ** 2
    return _prove(ratio - RATIOS[claimed](S / BIG))


RATIOS = {
    "(1 + r)/(1 - r)": lambda r: (1 + r) / (1 - r),
    "1/(1 - r)": lambda r: 1 / (1 - r),
    "1": lambda r: 1 + 0 * r,
}


def update_ratio(updates, claimed="(1 + r)/(1 - r)", of="moved"):
    d = updates.sel(of=of)
    target = RATIOS[claimed](d.ratio)
    return checks.mean(
        d.draws,
        d.average,
        d.variance,
        d.third,
        target=target,
        scale=target,
        margin=0.05,
        reason="5 %: the neighbours are off by 9 % or more",
    )


def geometric(mean="geometric"):
    claimed = {"geometric": sp.sqrt(BIG * LOWER), "arithmetic": (BIG + LOWER) / 2}[mean]
    return _prove(claimed - S)


def ordered(low, high):
    levels = {r"\sigma'": LOWER, r"\sigma_{t-1}": S, r"\sigma_t": BIG}
    return checks.proof_nonnegative(levels[high] - levels[low], WITNESS)


# ---- claims -----------------------------------------------------------------------------------

left = experiment.claim(
    "ddpm-norm-matching-corrected",
    r"E\|x_{t-1}^{DDPM} - \hat x_0\|^2 = \|x_{t-1}^{DDIM} - \hat x_0\|^2",
    source=Source("000", PROBABILISTIC + ", parenthesis"),
    entries="ddpm-norm-matching",
    form="corrected",
    conditions="if E|w|^2 = |eps_theta|^2: the noise that is left",
    check=matched,
    of="x0_hat",
    controls=[Control("the update itself", of="x_t")],
)
experiment.claim(
    "ddpm-norm-matching-as-stated",
    r"E\|x_{t-1}^{DDPM} - x_t\|^2 = \|x_{t-1}^{DDIM} - x_t\|^2",
    source=Source("000", PROBABILISTIC + ", parenthesis"),
    entries="ddpm-norm-matching",
    expected="refuted",
    twin=left,
    check=matched,
    of="x_t",
)
experiment.claim(
    "ddpm-norm-matching-ratio",
    r"E\|x_{t-1}^{DDPM} - x_t\|^2 = \tfrac{1+r}{1-r}\,\|x_{t-1}^{DDIM} - x_t\|^2",
    source=Source("000", PROBABILISTIC + ", parenthesis"),
    entries="ddpm-norm-matching",
    form="derived",
    conditions="if E|w|^2 = |eps_theta|^2",
    check=excess,
    controls=[Control("1/(1 - r)", claimed="1/(1 - r)"), Control("equal", claimed="1")],
)
experiment.claim(
    "ddpm-norm-matching-ratio-sampled",
    r"E\|x_{t-1}^{DDPM} - x_t\|^2 = \tfrac{1+r}{1-r}\,\|x_{t-1}^{DDIM} - x_t\|^2",
    source=Source("000", PROBABILISTIC + ", parenthesis"),
    entries="ddpm-norm-matching",
    form="derived",
    conditions="steps of the samplers",
    check=update_ratio,
    controls=[Control("1/(1 - r)", claimed="1/(1 - r)"), Control("equal", claimed="1")],
)
experiment.claim(
    "sigma-geometric-mean",
    r"\sigma_{t-1} = \sqrt{\sigma_t\,\sigma'}",
    source=Source("000", PROBABILISTIC + ", note"),
    entries="sigma-geometric-mean",
    check=geometric,
    controls=[Control("the arithmetic mean", mean="arithmetic")],
)
for name, low, high in (
    ("lower", r"\sigma'", r"\sigma_{t-1}"),
    ("upper", r"\sigma_{t-1}", r"\sigma_t"),
):
    experiment.claim(
        f"sigma-geometric-mean-order-{name}",
        rf"{low} \le {high}",
        source=Source("000", PROBABILISTIC + ", note"),
        entries="sigma-geometric-mean",
        kind="inequality",
        form="reading",
        conditions="0 < sigma_{t-1} < sigma_t; printed as strict, which a last sigma of 0 is not",
        check=ordered,
        low=low,
        high=high,
        controls=[Control("reversed", low=high, high=low)],
    )
