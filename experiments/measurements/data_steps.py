r"""Data steps: does the gradient step of DPS-y_t solve its proximal problem, and is it stable?

DiffPIR (document 001, algorithm 1, line 4) takes the proximal point of the misfit with
rho = lambda sigma_n^2/sigma_bar^2. It is exact Bayes for x0 ~ N(0, c I) if
lambda_t = 1 + sigma_bar_t^2/c, for no constant, and it never stretches a difference. The comment at
DPS-y_t (algorithm 2, line 5) calls its step the same; it is one gradient step: too long by
1 + h^2/rho in a direction of singular value h, and unstable where the measurement is precise,
beyond sigma_t^2 h^2 = lambda sigma_n^2 (1 + alpha_t^(-1/2)). With the noise level sigma_bar_t for
the undefined sigma_t it explodes. DPS of Chung et al., for contrast, pulls through the posterior
covariance. Every step is the library's; the other route is least squares, Bayes' rule or algebra.
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
from theorylab.diffusion.schedules import append_zero, ddpm_grid

experiment = Experiment()


def last(states):
    *_, state = states
    return state


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"rows": [1, 3, 6]})
def one_step(rows, rng):
    """Proximal points, gradient steps and gradients through the denoiser, by another route each."""
    roots, noise, strength = rng.standard_normal((3, 3, 3)) / 2, 0.3, 2.0
    prior = GaussianMixture.full(None, rng.standard_normal((3, 3)), roots @ roots.mT)
    h = torch.from_numpy(rng.standard_normal((rows, 3)) / math.sqrt(rows + 3))
    y = torch.from_numpy(rng.standard_normal(rows))
    measurement = LinearMeasurement(h, y, noise)
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
    sigmas = append_zero(ddpm_grid(steps, 0.1 / steps, 20 / steps)).tolist()
    prior = GaussianMixture.standard_normal(1)
    measurement = LinearMeasurement([[1.0]], [1.0], noise)
    alpha = (1 + sigmas[1] ** 2) / (1 + sigmas[0] ** 2)
    threshold = (1 / alpha - 1) / (1 + alpha**-0.5) / noise**2
    pair = torch.tensor([[0.0], [1.0]], dtype=torch.float64)

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
        # The mean of DDPM's step for N(0, 1), then the gradient step with all of the noise level.
        z = math.sqrt(bar / bar_after) * pair
        gradient = -2 * measurement.pull_back(measurement.residual(z), z)
        ends.append(z - s**2 / (2 * threshold * noise**2) * gradient)
        rows.append([abs(float(end[1] - end[0])) for end in ends])
    arms = ["DPS-y_t, 1.01 lambda*", "DPS-y_t, 0.99 lambda*", "DiffPIR", "sigma_bar_t"]
    return xr.Dataset(
        {"stretch": (("time", "arm"), rows, {"long_name": "growth of a difference in one step"})},
        {"time": np.arange(steps, 0, -1) / steps, "arm": arms},
    ).assign(threshold=threshold)


# ---- checks -----------------------------------------------------------------------------------


def data_step(one_step, which="prox", arm="printed"):
    dim = {"prox": "rho", "displacement": "ratio", "through": "pull"}[which]
    return checks.identity(
        one_step[which].sel({dim: arm}, drop=True),
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


def no_growth(growth, arm="DPS-y_t, 1.01 lambda*"):
    return checks.bound(
        growth.stretch.sel(arm=arm, drop=True).max("time", skipna=False) - 1,
        rounding=1e-10,
        margin=1e-6,
        reason="a difference that grows in one step by more than 1e-6 grows; 1 % of lambda is 2 %",
    )


# ---- claims -----------------------------------------------------------------------------------


def claim(id, statement, place, check, controls, entry, **more):
    more |= {"source": Source("001", place), "controls": controls, "entries": entry}
    return experiment.claim(id, statement, check=check, **more)


def others(name, arms, **fixed):
    return [Control(arm, **{name: arm}, **fixed) for arm in arms]


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
