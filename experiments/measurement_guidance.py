r"""Measurement guidance: do DiffPIR and DPS-y_t, as printed, do what their comments say?

Document 001 prints both algorithms and annotates each line. DiffPIR (algorithm 1) is right as
printed: Tweedie's formula, a proximal point with rho = lambda sigma_n^2/sigma_bar^2, a mixture of
old and new noise that runs from DDIM (zeta = 0) to DDPM (zeta_t = beta_t/(1 - alpha_bar_t)). In
variance-exploding coordinates it is a sampler around a denoiser that wraps a denoiser. Its data
step is exact Bayes for x0 ~ N(0, c I) if lambda_t = 1 + sigma_bar_t^2/c, never for a constant.

DPS-y_t (algorithm 2) leaves sigma_t and y_{t-1} undefined and draws noise in its last step. With
sigma_t^2 = beta_t/alpha_t it runs; with the noise level sigma_bar_t it explodes. Its "proximal
subproblem" is one gradient step: too long by 1 + h^2/rho in a direction of singular value h, and
unstable where the measurement is precise. The noise of y_{t-1} has the law of the noise in
H x_{t-1} only if H H' = I; coloured by H it always has.

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
from theorylab.diffusion.guidance import gradient_guidance, proximal_guidance
from theorylab.diffusion.linear_measurement import LinearMeasurement
from theorylab.diffusion.samplers import ddim
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
    step = {"beta_t": beta, "half the step": beta / alpha / 2, "all noise": (1 - bar) / bar}
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


@experiment.measure(grid={"rows": [1, 3, 6]})
def data_steps(rows, rng):
    """Proximal points, gradient steps and gradients through the denoiser, by another route each."""
    mixture, h, y, noise = random_case(rng, rows)
    measurement, prior, strength = (
        LinearMeasurement(h, y, noise),
        GaussianMixture.full(*mixture),
        2.0,
    )
    found = {name: [] for name in ("prox", "displacement", "through", "rho_over_h2", "too_long")}
    svd = torch.linalg.svd(h, full_matrices=False)
    size = lambda a, b: float((a - b).abs().max() / (1 + b.abs().max()))

    def stacked(point, rho):
        """argmin |y - H v|^2 + rho |v - x|^2 by orthogonal least squares."""
        matrix = np.vstack([h.numpy(), math.sqrt(rho) * np.eye(3)])
        target = np.hstack([np.tile(y.numpy(), (8, 1)), math.sqrt(rho) * point.numpy()])
        return torch.from_numpy(np.linalg.lstsq(matrix, target.T, rcond=None)[0].T)

    sigmas = [0.02, 0.5, 10.0]
    for sigma in sigmas:
        x = torch.from_numpy(rng.standard_normal((8, 3)) * math.sqrt(1 + sigma**2))
        rho = strength * noise**2 / sigma**2
        rhos = {
            "printed": rho,
            "without lambda": rho / strength,
            "sigma_n": rho / noise,
            "1 - alpha_bar": rho * (1 + sigma**2),
        }
        point = proximal_guidance(lambda x, sigma: x, measurement, strength)(x, sigma)
        found["prox"].append([size(point, stacked(x, value)) for value in rhos.values()])

        gradient = measurement.pull_back(measurement.residual(x), x) / rho
        ratio = (gradient @ svd.Vh.T) / ((measurement.proximal(x, rho) - x) @ svd.Vh.T)
        ratios = {
            "as printed": torch.ones_like(svd.S),
            "1 + h^2/rho": 1 + svd.S**2 / rho,
            "1 + h^2/(2 rho)": 1 + svd.S**2 / rho / 2,
            "1 + h/rho": 1 + svd.S / rho,
        }
        off = [float((ratio / value - 1).abs().max()) for value in ratios.values()]
        found["displacement"].append(off)
        found["rho_over_h2"].append(float(rho / svd.S[0] ** 2))
        found["too_long"].append(float(ratio[0, 0]))

        mean, covariance = prior(x, sigma), prior.posterior_covariance(x, sigma)
        pull = torch.einsum("bij,bj->bi", covariance, measurement.residual(mean) @ h) / noise**2
        pulls = {"C H'(y - HD)": pull, "half": pull / 2, "over sigma": pull / sigma}
        dps = gradient_guidance(prior, measurement)(x, sigma)
        found["through"].append([size(dps, mean + value) for value in pulls.values()])
    last_dim = {"prox": ["rho"], "displacement": ["ratio"], "through": ["pull"]}
    return xr.Dataset(
        {name: (["sigma", *last_dim.get(name, [])], values) for name, values in found.items()},
        {"sigma": sigmas, "rho": list(rhos), "ratio": list(ratios), "pull": list(pulls)},
    )


@experiment.measure(grid={"noise": [0.05, 0.2]}, quick={"steps": 100}, default={"steps": 1000})
def growth(noise, steps):
    """How much one step stretches a difference, in variance-preserving coordinates.

    x0 ~ N(0, 1), H = 1; ``threshold`` is lambda*, where the first step of DPS-y_t reaches 1.
    """
    prior, sigmas = GaussianMixture.standard_normal(1), ddpm_levels(steps).tolist()
    measurement = LinearMeasurement([[1.0]], [1.0], noise)
    alpha = (1 + sigmas[1] ** 2) / (1 + sigmas[0] ** 2)
    threshold = (1 / alpha - 1) / (1 + alpha**-0.5) / noise**2
    pair = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    zero, one = torch.zeros_like(pair), torch.ones(1, 1, dtype=torch.float64)

    def y_t(levels, factor):
        streams = [torch.Generator().manual_seed(1) for _ in pair]
        strength = factor * threshold
        return dps_yt(prior, pair, levels, measurement, strength=strength, generator=streams)

    def diffpir(levels):
        return ddim(proximal_guidance(prior, measurement, 1e-3 * threshold), pair, levels)

    rows = []
    for s, after in pairwise(sigmas):
        bar, bar_after = 1 / (1 + s**2), 1 / (1 + after**2)
        ends = [last(states) for states in (y_t([s, after], 1.01), y_t([s, after], 0.99))]
        ends = [end * math.sqrt(bar_after / bar) for end in (*ends, last(diffpir([s, after])))]
        given = (pair, bar, bar_after, prior.score(pair), one, one[0], noise, threshold)
        ends.append(printed_dps_yt(*given, zero, zero, "all noise"))
        rows.append([abs(float(end[1] - end[0])) for end in ends])
    arms = ["DPS-y_t, 1.01 lambda*", "DPS-y_t, 0.99 lambda*", "DiffPIR", "sigma_bar_t"]
    return xr.Dataset(
        {"stretch": (("time", "arm"), rows, {"long_name": "growth of a difference in one step"})},
        {"time": np.arange(steps, 0, -1) / steps, "arm": arms},
    ).assign(threshold=threshold)


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
        {"total": (("noise", "direction"), totals), "draws": draws}, {"noise": list(noises)}
    )


# ---- checks -----------------------------------------------------------------------------------

ROUNDED = "rounding: paths of at most a thousand contracting steps, 1e-13 each; slips exceed 1e-3"


def same_path(paths, sampler="diffpir", slip="printed"):
    error = paths[sampler].sel({f"{sampler}_slip": slip}, drop=True)
    return checks.identity(error, rounding=1e-10, margin=1e-7, reason=ROUNDED)


def tweedie(clean_estimates, arm="printed"):
    error = clean_estimates.error.sel(arm=arm, drop=True)
    return checks.identity(error, rounding=1e-11, margin=1e-8, reason=ROUNDED)


def data_step(data_steps, which="prox", arm="printed"):
    dim = {"prox": "rho", "displacement": "ratio", "through": "pull"}[which]
    return checks.identity(
        data_steps[which].sel({dim: arm}, drop=True),
        rounding=1e-9,
        margin=1e-6,
        reason="rounding: 3 x 3 systems of condition below 1e5; slips exceed 1e-4",
    )


def exact_strength(strength="1 + s^2/c"):
    """Proximal point minus E[x0 | x, y], x0 ~ N(0, c), in a direction with singular value h."""
    c, s, n, h = sp.symbols("c s n h", positive=True)
    x, y = sp.symbols("x y", real=True)
    given = {"1 + s^2/c": 1 + s**2 / c, "1": 1, "3": 3, "1 + s/c": 1 + s / c, "s^2/c": s**2 / c}
    rho = given[strength] * n**2 / s**2
    proximal = (h * y + rho * c * x / (c + s**2)) / (h**2 + rho)
    bayes = (x / s**2 + h * y / n**2) / (1 / c + 1 / s**2 + h**2 / n**2)
    numbers = map(sp.Rational, ["1/2", "2/3", "1/5", "3/2", "1", "-1"])
    return checks.proof(proximal - bayes, dict(zip([c, s, n, h, x, y], numbers, strict=True)))


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


def no_growth(growth, arm="DPS-y_t, 1.01 lambda*"):
    return checks.bound(
        growth.stretch.sel(arm=arm, drop=True).max("time", skipna=False) - 1,
        rounding=1e-10,
        margin=1e-6,
        reason="a difference that grows in one step by more than 1e-6 grows; 1 % of lambda is 2 %",
    )


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
    "diffpir-prox-rho",
    r"\hat x_0 = \arg\min_x |y - Hx|^2 + \rho_t |x - x_0^{(t)}|^2,\quad"
    r" \rho_t = \lambda\sigma_n^2/\bar\sigma_t^2",
    "Algorithm 1, lines 1 and 4",
    data_step,
    others("arm", ["without lambda", "sigma_n", "1 - alpha_bar"]),
    "diffpir-prox-rho",
    kind="algorithm",
    conditions=r"\bar\sigma_t^2 = (1 - \bar\alpha_t)/\bar\alpha_t; H of rank 1 to 3, m up to 6",
)
exact = claim(
    "diffpir-prox-rho-exact-strength",
    r"\hat x_0 = E[x_0 \mid x_t, y] \text{ if } \lambda_t = 1 + \bar\sigma_t^2/c",
    "Algorithm 1, line 4",
    exact_strength,
    others("strength", ["3", "1 + s/c", "s^2/c"]),
    "diffpir-prox-rho",
    form="derived",
    conditions="x0 ~ N(0, c I); any H, in its singular directions",
)
claim(
    "diffpir-prox-rho-reading-constant",
    r"\hat x_0 = E[x_0 \mid x_t, y] \text{ with } \lambda = 1",
    "Algorithm 1, line 4",
    exact_strength,
    [],
    "diffpir-prox-rho",
    form="reading",
    strength="1",
    expected="refuted",
    twin=exact,
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
stable = claim(
    "dps-yt-gradient-vs-prox-stability",
    r"\text{no step of DPS-}y_t\text{ stretches iff } \sigma_t^2 h^2"
    r" \le \lambda\sigma_n^2 (1 + \alpha_t^{-1/2})",
    "Algorithm 2, line 5",
    no_growth,
    others("arm", ["DPS-y_t, 0.99 lambda*"]),
    "dps-yt-gradient-vs-prox",
    kind="inequality",
    form="derived",
    conditions="x0 ~ N(0, 1), h = 1; the bound 2 on the gradient step alone is met as alpha_t -> 1",
)
claim(
    "dps-yt-algorithm-reading-noise-level",
    r"\sigma_t = \bar\sigma_t,\ \text{the noise level: the data step is stable}",
    "Algorithm 2, line 5",
    no_growth,
    [],
    "dps-yt-algorithm",
    kind="inequality",
    form="reading",
    arm="sigma_bar_t",
    expected="refuted",
    twin=stable,
)
claim(
    "diffpir-vs-dps-yt-stability",
    r"\text{no step of DiffPIR stretches, whatever } \lambda",
    "slide '(my) Motivation', question 2",
    no_growth,
    others("arm", ["DPS-y_t, 0.99 lambda*"]),
    "diffpir-vs-dps-yt",
    kind="inequality",
    form="derived",
    arm="DiffPIR",
    conditions="x0 ~ N(0, 1), lambda = lambda*/1000, zeta = 0 (zeta > 0 only keeps less)",
)
ratio = claim(
    "dps-yt-gradient-vs-prox-corrected",
    r"\text{gradient step} = (1 + h^2/\rho) \text{ proximal step},\quad"
    r" \rho = \lambda\sigma_n^2/\sigma_t^2",
    "Algorithm 2, line 5, comment",
    data_step,
    others("arm", ["1 + h^2/(2 rho)", "1 + h/rho"], which="displacement"),
    "dps-yt-gradient-vs-prox",
    form="corrected",
    which="displacement",
    arm="1 + h^2/rho",
    conditions="in each singular direction of H, h its singular value",
)
claim(
    "dps-yt-gradient-vs-prox-as-stated",
    r"z - \tfrac{\sigma_t^2}{2\lambda\sigma_n^2}\nabla|y - Hz|^2"
    r" = \arg\min_x |y - Hx|^2 + \rho|x - z|^2",
    "Algorithm 2, line 5, comment",
    data_step,
    [],
    "dps-yt-gradient-vs-prox",
    which="displacement",
    arm="as printed",
    expected="refuted",
    twin=ratio,
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
claim(
    "diffpir-vs-dps-yt-through-the-denoiser",
    r"D - \tfrac{\sigma^2}{2\sigma_n^2}\nabla_x|y - HD|^2"
    r" = D + \mathrm{Cov}(x_0 \mid x) H'(y - HD)/\sigma_n^2",
    "slide '(my) Motivation', question 2",
    data_step,
    others("arm", ["half", "over sigma"], which="through"),
    "diffpir-vs-dps-yt",
    form="derived",
    which="through",
    arm="C H'(y - HD)",
    conditions="DPS of Chung et al., which alone differentiates the denoiser; a mixture in R^3",
)
