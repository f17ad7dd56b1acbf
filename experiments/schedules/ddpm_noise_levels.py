r"""DDPM's noise levels: what do the DDIM and DDPM updates keep, and are they the known ones?

In coordinates x = x_0 + sigma eps the slides write DDIM as x_{t-1} = x_t + (sigma_{t-1} - sigma_t)
eps and DDPM as a step to sigma' = sigma_{t-1}^2/sigma_t with fresh noise of variance sigma_{t-1}^2
- sigma'^2. Both are the published updates, rescaled by the root of the *cumulative* alpha; DDPM is
that of the posterior variance, not of the other published choice, beta_t.

"Matches norm of update in expectation" fails: the mean square of DDPM's update is (1 + r)/(1 - r)
times that of DDIM's, r = sigma_{t-1}/sigma_t. What is matched is the noise left, the mean square
of x_{t-1} - x0_hat. Its premise, E|w|^2 = |eps|^2, fails too: an ideal denoiser's noise has mean
square n - mmse/sigma^2. And what a denoiser estimates is not the noise that was added, nor that of
some data point, but its posterior mean.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.denoisers import eps_from_denoised
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.samplers import ancestral, ddim, ddpm

experiment = Experiment()

TRAINING = "slide 'Training diffusion models'"
DETERMINISTIC = "slide 'Sampling from diffusion models (Deterministic)'"
PROBABILISTIC = "slide 'Sampling from diffusion models (Probabilistic)'"
LAWS = {
    "normal": ([1.0], [0.0], [1.5]),
    "two modes": ([0.3, 0.7], [-2.0, 1.0], [0.3, 0.5]),
    "nearly points": ([0.5, 0.5], [-1.0, 1.0], [0.02, 0.02]),
}

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"dim": [2, 16], "points": [3, 60]}, quick={"queries": 50})
def targets(dim, points, queries=500, generator=None):
    """Candidates for what a denoiser estimates, against -sigma grad log p by automatic derivation.

    ``gap`` is relative to |eps|, the largest over queries x_0 + sigma noise and four sigmas.
    """
    K = torch.randn(points, dim, dtype=torch.float64, generator=generator)
    ideal, gaps = IdealDenoiser(K), []
    for sigma in (0.2, 0.7, 2.0, 10.0):
        noise = torch.randn(queries, dim, dtype=torch.float64, generator=generator)
        x = K[torch.randint(points, (queries,), generator=generator)] + sigma * noise
        leaf = x.clone().requires_grad_()
        squares = (leaf[:, None] - K).square().sum(-1)
        density = torch.logsumexp(-squares / (2 * sigma**2), 1)
        (score,) = torch.autograd.grad(density.sum(), leaf)
        nearest = K[squares.argmin(1)]
        found = {
            "posterior mean": eps_from_denoised(ideal(x, sigma), x, sigma),
            "noise added": noise,
            "from the nearest point": (x - nearest) / sigma,
            "from the mean": (x - K.mean(0)) / sigma,
        }
        gap = [(eps + sigma * score).norm(dim=1) / noise.norm(dim=1) for eps in found.values()]
        gaps.append([float(g.max()) for g in gap])
    return xr.Dataset(
        {"gap": ("arm", np.max(gaps, axis=0), {"long_name": "relative distance to the score's"})},
        {"arm": list(found)},
    )


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


@experiment.measure(grid={"law": list(LAWS)}, quick={"panels": 400}, default={"panels": 4000})
def errors(law, panels):
    """E(x_0 - x0_hat)^2 and E eps^2 on the line, by Gauss-Legendre panels in x.

    ``squared_error`` sums over the components of the law, given which x_0 is Gaussian.
    """
    weights, means, stds = LAWS[law]
    model = GaussianMixture.isotropic(weights, [[m] for m in means], stds)
    spread = float(model.covariance())
    sigmas, rows = [0.05, 0.2, 0.5, 1.0, 2.0, 10.0, 40.0], []
    nodes, node_weights = np.polynomial.legendre.leggauss(8)
    for sigma in sigmas:
        reach = np.abs(means).max() + 9 * math.hypot(sigma, max(stds))
        edges = np.linspace(-reach, reach, panels + 1)
        half = np.diff(edges)[:, None] / 2
        y = (edges[:-1, None] + half + half * nodes).ravel()
        measure = (half * node_weights).ravel()
        denoised = model(torch.from_numpy(y)[:, None], sigma)[:, 0].numpy()
        squared_error = eps_square = 0.0
        for weight, m, sd in zip(weights, means, stds, strict=True):
            total = math.hypot(sd, sigma)
            density = np.exp(-(((y - m) / total) ** 2) / 2) / (total * math.sqrt(2 * math.pi))
            centre = m + (sd / total) ** 2 * (y - m)
            squared = (denoised - centre) ** 2 + (sd * sigma / total) ** 2
            squared_error += weight * float(measure @ (density * squared))
            eps_square += weight * float(measure @ (density * ((y - denoised) / sigma) ** 2))
        rows.append((squared_error, eps_square))
    squared_error, eps_square = np.array(rows).T
    return xr.Dataset(
        {
            "mmse": ("sigma", squared_error, {"long_name": "mean square error of x0_hat"}),
            "eps_square": ("sigma", eps_square, {"long_name": "mean square of eps"}),
            "variance": spread,
        },
        {"sigma": sigmas},
    )


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

S, GAP, EPS, X = sp.symbols("sigma_next gap epsilon x", positive=True)
BIG = S + GAP  # sigma_t > sigma_{t-1}
LOWER = S**2 / BIG
WITNESS = {S: 2, GAP: 3, EPS: sp.Rational(1, 5), X: 7}


def _prove(*differences):
    free = set().union(*(sp.sympify(d).free_symbols for d in differences))
    return checks.proof(list(differences), {s: v for s, v in WITNESS.items() if s in free})


def target(targets, arm="posterior mean"):
    return checks.identity(
        targets.gap.sel(arm=arm),
        rounding=1e-11,
        margin=1e-8,
        reason="rounding of softmax weights at |x - x_i|^2/sigma^2 up to 1e4; the neighbours are "
        "off by more than 1e-3",
    )


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
    return checks.proof_nonnegative(levels[high] - levels[low], {S: 2, GAP: 3})


def estimate_error(errors, bound="Var sigma^2/(Var + sigma^2)", factor=1.0):
    d = errors
    allowed = {
        "Var sigma^2/(Var + sigma^2)": d.variance * d.sigma**2 / (d.variance + d.sigma**2),
        "min(sigma^2, Var)": np.minimum(d.sigma**2 + 0 * d.variance, d.variance),
    }[bound]
    return checks.bound(
        (d.mmse / (factor * allowed) - 1).max("sigma", skipna=False),
        rounding=1e-8,
        margin=1e-6,
        reason="8-point panels narrower than half the smallest scale; a normal law attains it",
        tightness=d.mmse / allowed,
    )


def noise_square(errors, mmse_counts=-1):
    d = errors
    return checks.identity(
        np.abs(d.eps_square - (1 + mmse_counts * d.mmse / d.sigma**2)).max("sigma"),
        rounding=1e-8,
        margin=1e-5,
        reason="as for the error; even at sigma = 40 the premise is off by 6e-4 or more",
    )


# ---- claims -----------------------------------------------------------------------------------

learned = experiment.claim(
    "forward-noising-model-corrected",
    r"\epsilon^*(x, \sigma) = E[\epsilon \mid x_\sigma = x] = -\sigma\nabla\log p_\sigma(x)",
    source=Source("000", TRAINING),
    entries="forward-noising-model",
    form="corrected",
    conditions="x_0 drawn from a law on K, independent of the noise",
    check=target,
    controls=[
        Control("from the nearest data point", arm="from the nearest point"),
        Control("from the mean of the data", arm="from the mean"),
    ],
)
experiment.claim(
    "forward-noising-model-as-stated",
    r"\epsilon_\theta(x_0 + \sigma\epsilon, \sigma) = \epsilon",
    source=Source("000", TRAINING),
    entries="forward-noising-model",
    conditions="every x_0 in K and noise: an estimate of the noise that was added",
    expected="refuted",
    twin=learned,
    check=target,
    arm="noise added",
)
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
experiment.claim(
    "x0-prediction",
    r"E\|\hat x_0 - x_0\|^2 \le \mathrm{Var}\,\sigma^2/(\mathrm{Var} + \sigma^2) \le"
    r" \min(\sigma^2, \mathrm{Var})",
    source=Source("000", DETERMINISTIC),
    entries="x0-prediction",
    kind="inequality",
    form="reading",
    conditions="ideal denoisers on the line; a normal law attains the first bound",
    check=estimate_error,
    controls=[
        Control("nine tenths of it", factor=0.9),
        Control("half of min(sigma^2, Var)", bound="min(sigma^2, Var)", factor=0.5),
    ],
)
premise = experiment.claim(
    "ddpm-noise-norm-premise-corrected",
    r"E\|\epsilon^*\|^2 = n - \mathrm{mmse}(\sigma)/\sigma^2",
    source=Source("000", PROBABILISTIC + ", parenthesis"),
    entries="ddpm-noise-norm-premise",
    form="corrected",
    conditions="the ideal denoiser's noise at x_0 + sigma eps; on the line",
    check=noise_square,
    controls=[Control("the sign", mmse_counts=1)],
)
experiment.claim(
    "ddpm-noise-norm-premise-as-stated",
    r"E\|\epsilon^*\|^2 = E\|w\|^2 = n",
    source=Source("000", PROBABILISTIC + ", parenthesis"),
    entries="ddpm-noise-norm-premise",
    expected="refuted",
    twin=premise,
    check=noise_square,
    mmse_counts=0,
)
