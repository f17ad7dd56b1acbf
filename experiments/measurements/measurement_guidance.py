r"""Measurement guidance: are DiffPIR and DPS-y_t, as printed, what their comments say?

Document 001 prints both algorithms and annotates each line. DiffPIR (algorithm 1) is right as
printed: Tweedie's formula, a proximal point, a mixture of old and new noise that runs from DDIM
(zeta = 0) to DDPM (zeta_t = beta_t/(1 - alpha_bar_t)). In variance-exploding coordinates it is a
sampler around a denoiser that wraps a denoiser. DPS-y_t (algorithm 2) leaves sigma_t and y_{t-1}
undefined and draws noise in its last step, which DDPM does not. With sigma_t^2 = beta_t/alpha_t it
runs. The noise of y_{t-1} has the law of the noise in H x_{t-1} only if H H' = I; coloured by H it
always has. What the data steps themselves do is in ``data_steps``.

The samplers of the library are held to the printed lines, path by path with the same noise.
"""

import math
from itertools import pairwise

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.guidance import proximal_guidance
from theorylab.diffusion.linear_measurement import LinearMeasurement
from theorylab.diffusion.samplers.dps_yt import dps_yt
from theorylab.diffusion.samplers.noise_mixing import noise_mixing
from theorylab.diffusion.schedules import append_zero, ddpm_grid

experiment = Experiment()


def ddpm_levels(steps):
    """The linear schedule of DDPM with ``steps`` levels instead of 1000, and 0."""
    return append_zero(ddpm_grid(steps, 0.1 / steps, 20 / steps))


# ---- the algorithms as printed, one step, in variance-preserving coordinates ------------------


def printed_diffpir(z, bar, after, score, h, y, noise, strength, zeta, fresh, slip="printed"):
    """Algorithm 1, lines 3 to 7; ``slip`` replaces one formula by a false neighbour."""
    clean = (z + (1 - bar) * score) / math.sqrt(bar)
    level = 1 - bar if slip == "noise power of z" else (1 - bar) / bar
    rho = strength * noise ** (1 if slip == "sigma_n for its square" else 2) / level
    gram = h.T @ h + rho * torch.eye(h.shape[1], dtype=h.dtype)
    guided = torch.linalg.solve(gram, (y @ h + rho * clean).T).T
    seen = clean if slip == "noise of the unguided estimate" else guided
    eps = (z - math.sqrt(bar) * seen) / math.sqrt(1 - bar)
    new = zeta if slip == "zeta for its root" else math.sqrt(zeta)
    mixed = math.sqrt(1 - zeta) * eps + new * fresh
    level = bar if slip == "old alpha_bar" else after
    return math.sqrt(after) * guided + math.sqrt(1 - level if after < 1 else 0.0) * mixed


def printed_dps_yt(z, bar, after, score, h, y, noise, strength, fresh, xi, slip="corrected"):
    """Algorithm 2, lines 3 to 5, with sigma_t^2 = beta_t/alpha_t; ``slip`` as above."""
    alpha = bar / after
    beta = 1 - alpha
    eps = -math.sqrt(1 - bar) * score
    z = (z - beta / math.sqrt(1 - bar) * eps) / math.sqrt(alpha)
    power = beta * (1 - after) / (1 - bar) if slip == "posterior variance" else beta
    if after < 1 or slip == "as printed":
        z = z + math.sqrt(power) * fresh
    level = {"clean measurement": 1.0, "measurement at level t": bar}.get(slip, after)
    target = math.sqrt(after) * y + math.sqrt(1 - level if after < 1 else 0.0) * xi
    step = {"beta_t": beta, "half the step": beta / alpha / 2}
    gradient = -2 * (target - z @ h.T) @ h
    return z - step.get(slip, beta / alpha) / (2 * strength * noise**2) * gradient


DIFFPIR_SLIPS = (
    "printed",
    "noise power of z",
    "sigma_n for its square",
    "noise of the unguided estimate",
    "zeta for its root",
    "old alpha_bar",
)
DPS_YT_SLIPS = (
    "corrected",
    "as printed",
    "posterior variance",
    "measurement at level t",
    "clean measurement",
    "beta_t",
    "half the step",
)


def random_case(rng, rows, dim=3):
    """A Gaussian mixture in R^dim and a measurement with ``rows`` rows."""
    roots = rng.standard_normal((3, dim, dim)) / 2
    mixture = (rng.dirichlet(np.full(3, 5.0)), rng.standard_normal((3, dim)), roots @ roots.mT)
    h = rng.standard_normal((rows, dim)) / math.sqrt(rows + dim)
    return mixture, torch.from_numpy(h), torch.from_numpy(rng.standard_normal(rows)), 0.3


def in_vp(mixture, bar):
    """The mixture of z - sqrt(1 - bar) eps = sqrt(bar) x0."""
    weights, means, covariances = mixture
    return GaussianMixture.full(weights, math.sqrt(bar) * means, bar * covariances)


def last(states):
    *_, state = states
    return state


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"rows": [1, 3, 5]}, quick={"steps": 30}, default={"steps": 200})
def paths(rows, steps, rng):
    """Final states of the samplers against the printed algorithms with the same noise."""
    mixture, h, y, noise = random_case(rng, rows)
    prior, measurement = GaussianMixture.full(*mixture), LinearMeasurement(h, y, noise)
    sigmas, seed = ddpm_levels(steps), int(rng.integers(2**31))
    bars = [1 / (1 + s**2) for s in sigmas.tolist()]
    start = torch.from_numpy(rng.standard_normal((16, 3)))
    x, zeta, strength = start * (1 + float(sigmas[0]) ** 2) ** 0.5, 0.3, 20.0
    guided = proximal_guidance(prior, measurement, strength)
    streams = lambda: torch.Generator().manual_seed(seed)
    found = {
        "diffpir": last(noise_mixing(guided, x, sigmas, zeta=zeta, generator=streams())),
        "dps_yt": last(
            dps_yt(prior, x, sigmas, measurement, strength=strength, generator=streams())
        ),
    }
    errors = {"diffpir": [], "dps_yt": []}
    slips = [("diffpir", s) for s in DIFFPIR_SLIPS] + [("dps_yt", s) for s in DPS_YT_SLIPS]
    for name, slip in slips:
        z, draws = start.clone(), streams()
        draw = lambda *shape: torch.randn(*shape, dtype=z.dtype, generator=draws)  # noqa: B023
        for bar, after in pairwise(bars):
            score = in_vp(mixture, bar).score(z, math.sqrt(1 - bar))
            given = (z, bar, after, score, h, y, noise, strength)
            if name == "diffpir":
                z = printed_diffpir(*given, zeta, draw(16, 3), slip)
            else:
                z = printed_dps_yt(*given, draw(16, 3), draw(16, rows), slip)
        errors[name].append(float((z - found[name]).abs().max() / (1 + z.abs().max())))
    return xr.Dataset(
        {n: (f"{n}_slip", e, {"long_name": "distance of paths"}) for n, e in errors.items()},
        {"diffpir_slip": list(DIFFPIR_SLIPS), "dps_yt_slip": list(DPS_YT_SLIPS)},
    )


@experiment.measure(quick={"queries": 16}, default={"queries": 200})
def clean_estimates(queries, rng):
    """E[x0 | z] by Tweedie's formula in variance-preserving coordinates, and by Bayes' rule."""
    mixture, *_ = random_case(rng, 1)
    betas = np.linspace(1e-4, 0.02, 1000)
    products, times, rows = np.cumprod(1 - betas), [2, 10, 100, 500, 1000], []
    for t in times:
        bar, alpha = float(products[t - 1]), float(1 - betas[t - 1])
        z = rng.standard_normal((queries, 3))
        score = in_vp(mixture, bar).score(z, math.sqrt(1 - bar)).numpy()
        arms = {
            "printed": (z + (1 - bar) * score) / math.sqrt(bar),
            "alpha_t for its product": (z + (1 - alpha) * score) / math.sqrt(bar),
            "not rescaled": z + (1 - bar) * score,
            "root of the variance": (z + math.sqrt(1 - bar) * score) / math.sqrt(bar),
        }
        exact = bayes_mean(mixture, z, bar)
        rows.append([np.abs(a - exact).max() / (1 + np.abs(exact).max()) for a in arms.values()])
    return xr.Dataset({"error": (("t", "arm"), rows)}, {"t": times, "arm": list(arms)})


def bayes_mean(mixture, z, bar):
    """E[x0 | z], z = sqrt(bar) x0 + sqrt(1 - bar) eps: a Kalman step in each component."""
    logs, centres = [], []
    for w, m, c in zip(*mixture, strict=True):
        predictive = bar * c + (1 - bar) * np.eye(len(m))
        residual = z - math.sqrt(bar) * m
        solved = np.linalg.solve(predictive, residual.T).T
        log_det = np.linalg.slogdet(predictive)[1]
        logs.append(math.log(w) - ((residual * solved).sum(1) + log_det) / 2)
        centres.append(m + math.sqrt(bar) * solved @ c)
    share = np.exp(np.array(logs) - np.max(logs, axis=0))
    return np.einsum("kq,kqd->qd", share / share.sum(0), np.array(centres))


@experiment.measure(grid={"dim": [3, 6]}, quick={"draws": 100_000}, default={"draws": 400_000})
def measured_noise(dim, draws, rng):
    """Squares of the noise in y_{t-1}, at t = 10, over the variance of that in H x_{t-1}.

    One sum for each left singular direction of H.
    """
    h = rng.standard_normal((3, dim)) / math.sqrt(dim)
    left, s, _ = np.linalg.svd(h, full_matrices=False)
    bars = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    after, bar = bars[8], bars[9]
    white, full = rng.standard_normal((draws, 3)), rng.standard_normal((draws, dim))
    noises = {
        "H xi": math.sqrt(1 - after) * full @ h.T,
        "xi": math.sqrt(1 - after) * white,
        "H H' xi": math.sqrt(1 - after) * white @ (h @ h.T),
        "H xi at level t": math.sqrt(1 - bar) * full @ h.T,
        "xi of the mean variance": math.sqrt((1 - after) * (s**2).mean()) * white,
    }
    totals = [(((n @ left) / s) ** 2).sum(0) / (1 - after) for n in noises.values()]
    return xr.Dataset(
        {"total": (("noise", "direction"), totals), "draws": draws, "square": ("direction", s**2)},
        {"noise": list(noises)},
    )


# ---- checks -----------------------------------------------------------------------------------

ROUNDED = "rounding: paths of at most a thousand contracting steps, 1e-13 each; slips exceed 1e-3"


def same_path(paths, sampler="diffpir", slip="printed"):
    error = paths[sampler].sel({f"{sampler}_slip": slip}, drop=True)
    return checks.identity(error, rounding=1e-10, margin=1e-7, reason=ROUNDED)


def tweedie(clean_estimates, arm="printed"):
    error = clean_estimates.error.sel(arm=arm, drop=True)
    return checks.identity(error, rounding=1e-11, margin=1e-8, reason=ROUNDED)


def ddpm_share(share="beta/(1 - bar)", power="posterior"):
    """zeta that makes lines 5 to 7 DDPM: the new noise, and what is kept of the old."""
    beta, after = sp.symbols("beta b", positive=True)
    bar = (1 - beta) * after
    zeta = {"beta/(1 - bar)": beta / (1 - bar), "beta": beta, "beta/b": beta / after}[share]
    fresh = (1 - after) * zeta
    wanted = {"posterior": beta * (1 - after) / (1 - bar), "beta": beta}[power]
    # In x0's place, DDPM's mean has sqrt(b) beta/(1 - bar): the rest is kept of z.
    kept = (1 - after) * (1 - zeta) / (1 - bar) - ((1 - beta) * (1 - after) ** 2) / (1 - bar) ** 2
    witness = {beta: sp.Rational(1, 10), after: sp.Rational(1, 2)}
    return checks.proof([fresh - wanted, kept], witness)


def law_of_the_noise(measured_noise, noise="H xi"):
    d = measured_noise
    return checks.chi_square_mean(
        d.total.sel(noise=noise, drop=True),
        dof=d.draws,
        target=d.draws,
        margin=0.05,
        reason="5 %: a third of the step from level t - 1 to t, above the interval of 1e5 draws",
    )


# ---- claims -----------------------------------------------------------------------------------


def claim(id, statement, place, check, controls, entry, **more):
    more |= {"source": Source("001", place), "controls": controls, "entries": entry}
    return experiment.claim(id, statement, check=check, **more)


def others(name, arms, **fixed):
    return [Control(arm, **{name: arm}, **fixed) for arm in arms]


claim(
    "diffpir-tweedie-step",
    r"E[x_0 \mid x_t] = \bigl(x_t + (1 - \bar\alpha_t) s(x_t, t)\bigr) / \sqrt{\bar\alpha_t}",
    "Algorithm 1, line 3",
    tweedie,
    others("arm", ["alpha_t for its product", "not rescaled", "root of the variance"]),
    "diffpir-tweedie-step",
    conditions="s the score of x_t's marginal; a mixture in R^3",
)
claim(
    "diffpir-noise-mixing",
    r"x_{t-1} = \sqrt{\bar\alpha_{t-1}}\hat x_0 + \sqrt{1 - \bar\alpha_{t-1}}"
    r"(\sqrt{1-\zeta}\,\hat\epsilon + \sqrt\zeta\,\epsilon_t)"
    r" \iff x \mapsto D_y + \sigma_{t-1}(\sqrt{1-\zeta}\tfrac{x - D_y}{\sigma_t}"
    r" + \sqrt\zeta\,\epsilon_t)",
    "Algorithm 1, lines 5 to 7",
    same_path,
    others("slip", DIFFPIR_SLIPS[1:]),
    "diffpir-noise-mixing",
    kind="algorithm",
    conditions="the sampler of the library with the same noise; H with 1, 3 or 5 rows on R^3",
)
claim(
    "diffpir-noise-mixing-ddpm",
    r"H = 0:\ \zeta = 0 \text{ is DDIM},\ \zeta_t = \beta_t/(1 - \bar\alpha_t)"
    r" \text{ is DDPM with } \tilde\beta_t",
    "Algorithm 1, lines 5 to 7",
    ddpm_share,
    [*others("share", ["beta", "beta/b"]), Control("DDPM's other variance, beta", power="beta")],
    "diffpir-noise-mixing",
    form="derived",
)
corrected = claim(
    "dps-yt-algorithm-corrected",
    r"\sigma_t^2 = \beta_t/\alpha_t,\ y_{t-1} = \sqrt{\bar\alpha_{t-1}}\,y"
    r" + \sqrt{1-\bar\alpha_{t-1}}\,\xi,\ \epsilon_1 = 0",
    "Algorithm 2",
    same_path,
    others("slip", [s for s in DPS_YT_SLIPS if s not in ("corrected", "as printed")]),
    "dps-yt-algorithm",
    kind="algorithm",
    form="corrected",
    conditions="the sampler of the library, in variance-exploding coordinates, with the same noise",
    sampler="dps_yt",
    slip="corrected",
)
claim(
    "dps-yt-algorithm-as-stated",
    r"\text{for } t = T \text{ to } 1:\ \epsilon_t \sim N(0, I): \text{ DDPM and data steps}",
    "Algorithm 2",
    same_path,
    [],
    "dps-yt-algorithm",
    kind="algorithm",
    conditions="noise in the last step too, which DDPM leaves out",
    sampler="dps_yt",
    slip="as printed",
    expected="refuted",
    twin=corrected,
)
coloured = claim(
    "dps-yt-measurement-law-coloured",
    r"y_{t-1} = \sqrt{\bar\alpha_{t-1}}\,y + \sqrt{1 - \bar\alpha_{t-1}}\,H\xi:\ "
    r" \mathrm{Cov} = (1 - \bar\alpha_{t-1}) HH' = \mathrm{Cov}(Hx_{t-1} \mid x_0)",
    "Algorithm 2, line 5",
    law_of_the_noise,
    others("noise", ["H H' xi", "H xi at level t", "xi of the mean variance"]),
    "dps-yt-measurement-law",
    kind="law",
    form="corrected",
)
claim(
    "dps-yt-measurement-law-reading",
    r"y_{t-1} = \sqrt{\bar\alpha_{t-1}}\,y + \sqrt{1 - \bar\alpha_{t-1}}\,\xi"
    r" \text{ has the noise of } H x_{t-1}",
    "Algorithm 2, line 5",
    law_of_the_noise,
    [],
    "dps-yt-measurement-law",
    kind="law",
    form="reading",
    conditions="H H' is not I",
    noise="xi",
    expected="refuted",
    twin=coloured,
)
