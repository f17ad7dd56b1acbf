r"""Posterior sampling: which law do DiffPIR, DPS-y_t and DPS draw from, given y = H x0 + noise?

Document 001 prints DiffPIR and DPS-y_t for inverse problems; that they sample the posterior
N(m, V) is implied. With the exact denoiser of x0 ~ N(0, 1), y = x0 + sigma_n n and the linear
schedule of DDPM with T -> infinity steps, the output is Gaussian with, for n = lambda sigma_n^2,

    DiffPIR, zeta > 0        mean y/(1+n), variance (1 + sqrt(1-zeta))/2 * n/(1+n)
    DiffPIR, zeta = 0        variance (n/(n + (1-n)(1-abar_T)))^(1/(1-n)) -> n^(1/(1-n))
    DPS-y_t                  mean y/(1+n), variance n/(2+n)
    DPS, ancestral           mean y (1 - e^(-1/n)), variance n/2 (1 - e^(-2/n))
    DPS, probability flow    mean y sqrt(2/n) F(1/sqrt(2n)) with Dawson's F, variance e^(-1/n)

So lambda stands for a rescaled noise, and zeta for lost variance, down to half. DPS-y_t has the
mean at lambda = 1 and the variance at lambda = 2, never both. DPS forgets the prior, or collapses.
Exact is DiffPIR with zeta = 0 and lambda_t = 1 + sigma_t^2; its error is (log T)/T, not 1/T, for
the linear schedule takes equal steps in sigma^2 down to 0. For a mixture no constant lambda does.

Judged are exact recursions of mean and variance, whose steps are those of the library's guided
denoisers, and exact W2 on the line. ``measurement_guidance`` holds the samplers to what is printed.
"""

import functools
import math

import numpy as np
import torch
import xarray as xr
from scipy import integrate

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.guidance import gradient_guidance, proximal_guidance
from theorylab.diffusion.linear_measurement import LinearMeasurement
from theorylab.diffusion.linear_posterior import linear_posterior
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.samplers.dps_yt import dps_yt
from theorylab.diffusion.samplers.noise_mixing import noise_mixing
from theorylab.diffusion.schedules import append_zero, ddpm_grid, log_linear
from theorylab.diffusion.transport import w2_squared_from_quantiles

experiment = Experiment()

NOISES = (0.05, 0.2, 0.5)
# The product of all alphas as T -> infinity: exp of minus the mean of beta, (0.1 + 20)/2.
ABAR = math.exp(-10.05)

# name: guidance, lambda, zeta
SETTINGS = {"exact": ("exact", 1.0, 0.0)}
for _strength in (1.0, 3.0):
    for _zeta in (0.0, 0.3, 1.0):
        SETTINGS[f"DiffPIR {_strength:g} {_zeta:g}"] = ("DiffPIR", _strength, _zeta)
for _strength in (1.0, 2.0, 5.0):
    SETTINGS[f"DPS-y_t {_strength:g}"] = ("DPS-y_t", _strength, None)
SETTINGS["DPS flow"], SETTINGS["DPS ancestral"] = ("DPS", 1.0, 0.0), ("DPS", 1.0, "ancestral")
MIXING = tuple(s for s, (_, _, zeta) in SETTINGS.items() if zeta in (0.3, 1.0))
FLOWING = ("DiffPIR 1 0", "DiffPIR 3 0")
GRADIENT = ("DPS-y_t 1", "DPS-y_t 2", "DPS-y_t 5")


def ddpm_levels(steps):
    """The linear schedule of DDPM with ``steps`` levels instead of 1000, and 0."""
    return append_zero(ddpm_grid(steps, 0.1 / steps, 20 / steps))


def ancestral_share(sigma, sigma_next):
    return 1 - (sigma_next / sigma) ** 2


def guided(prior, measurement, guidance, strength=1.0):
    if guidance == "exact":
        return linear_posterior(prior, measurement)
    wrap = {"DiffPIR": proximal_guidance, "DPS": gradient_guidance}[guidance]
    return wrap(prior, measurement, strength)


def last(states):
    *_, state = states
    return state


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"steps": [4000, 8000, 16000, 32000, 64000]})
def laws(steps):
    """Exact means and variances of the outputs for x0 ~ N(0, 1) and y = 1."""
    found = [[law_of(steps, noise, *s) for s in SETTINGS.values()] for noise in NOISES]
    found = np.array(found).swapaxes(0, 1)
    return xr.Dataset(
        {
            "mean": (("setting", "noise"), found[..., 0], {"long_name": "mean of the output"}),
            "variance": (("setting", "noise"), found[..., 1], {"long_name": "its variance"}),
        },
        {"setting": list(SETTINGS), "noise": list(NOISES)},
    )


def law_of(steps, noise, guidance, strength, zeta):
    """Mean and variance of what an affine recursion makes of N(0, 1 + sigma_T^2)."""
    sigmas = ddpm_levels(steps).numpy()
    s, after = sigmas[:-1], sigmas[1:]
    if guidance == "DPS-y_t":
        slope, root = 1 / (1 + s**2), (after / s) ** 2
        gain = (s**2 - after**2) / (1 + after**2) / (strength * noise**2)
        drawn = (s**2 - after**2) * (1 + after**2) / (1 + s**2) * (after > 0)
        kept, added = (1 - gain) * (slope + root * (1 - slope)), gain
        fresh = np.sqrt((1 - gain) ** 2 * drawn + (gain * after) ** 2)
    else:
        slope, shift = affine(steps, noise, guidance, strength)
        share = ancestral_share(s, after) if zeta == "ancestral" else np.full_like(s, zeta)
        root = np.sqrt(1 - share) * after / s
        kept, added = slope + root * (1 - slope), shift * (1 - root)
        fresh = np.sqrt(share) * after
    # later[k]: the product of what the steps from k on keep.
    with np.errstate(under="ignore"):
        later = np.cumprod(np.concatenate([[1.0], kept[::-1]]))[::-1]
        variance = (later[1:] ** 2 * fresh**2).sum() + later[0] ** 2 * (1 + s[0] ** 2)
    return (later[1:] * added).sum(), variance


@functools.lru_cache(maxsize=1)
def affine(steps, noise, guidance, strength):
    """Slope and value at 0 of a guided denoiser of N(0, 1), at every level of the schedule."""
    prior, measurement = (
        GaussianMixture.standard_normal(1),
        LinearMeasurement([[1.0]], [1.0], noise),
    )
    level = ddpm_levels(steps)[:-1, None]
    denoiser, zero = guided(prior, measurement, guidance, strength), torch.zeros_like(level)
    shift = denoiser(zero, level)
    return (denoiser(zero + 1, level) - shift).numpy()[:, 0], shift.numpy()[:, 0]


STRENGTHS = (0.3, 1.0, 3.0, 10.0)
MIXTURE = ([0.35, 0.65], [[-1.0], [1.0]], [0.3, 0.4])


@experiment.measure(
    grid={"guidance": ["exact", "DPS", *(f"DiffPIR {s:g}" for s in STRENGTHS)]},
    quick={"steps": (50,)},
    default={"steps": (50, 100, 200, 400)},
    paper={"steps": (50, 100, 200, 400, 800, 1600)},
)
def distances(guidance, steps):
    """Exact W2 from DDIM's output to the posterior of a mixture on the line, sigma_n = 0.7."""
    prior = GaussianMixture.isotropic(*MIXTURE)
    measurement = LinearMeasurement([[1.0]], [0.1], 0.7)
    posterior = linear_posterior(prior, measurement)
    name, *strength = guidance.split()
    denoiser = guided(prior, measurement, name, float(strength[0]) if strength else 1.0)
    rows = []
    for n in steps:
        sigmas = append_zero(log_linear(n, 0.002, 80.0))

        def output(u, sigmas=sigmas):
            start = torch.special.ndtri(u)[:, None] * math.sqrt(1 + 80.0**2)
            return last(ddim(denoiser, start, sigmas))[:, 0]

        probes = output(torch.linspace(1e-6, 1 - 1e-6, 801, dtype=torch.float64))
        found = w2_squared_from_quantiles(posterior.quantile, output, rtol=1e-4)
        # The output's quantiles are the image of the start's only if the map never turns back.
        rows.append((math.sqrt(found.value), found.error / found.value, float(probes.diff().min())))
    names = ("w2", "relative_error", "least_increase")
    columns = zip(*rows, strict=True)
    return xr.Dataset(
        {name: ("n", list(v)) for name, v in zip(names, columns, strict=True)}, {"n": list(steps)}
    )


@experiment.measure(
    quick={"draws": 150, "steps": 150}, default={"draws": 400, "steps": 1000}, paper={"draws": 2000}
)
def samples(draws, generator, steps=1000):
    """Samples in the plane: eight modes on a circle, one coordinate measured."""
    angles = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
    ring = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)
    prior = GaussianMixture.isotropic(None, ring, 0.3)
    measurement = LinearMeasurement([[1.0, 0.0]], [1.0], 0.5)
    posterior, sigmas = linear_posterior(prior, measurement), ddpm_levels(steps)
    start = torch.randn(draws, 2, dtype=torch.float64, generator=generator)
    start = start * (1 + sigmas[0] ** 2) ** 0.5
    prox, through = guided(prior, measurement, "DiffPIR"), guided(prior, measurement, "DPS")
    arms = {
        "exact": posterior.sample(draws, generator),
        "DiffPIR, zeta = 0": last(noise_mixing(prox, start, sigmas)),
        "DiffPIR, zeta = 1": last(noise_mixing(prox, start, sigmas, zeta=1.0, generator=generator)),
        "DPS-y_t": last(dps_yt(prior, start, sigmas, measurement, generator=generator)),
        "DPS": last(
            noise_mixing(through, start, sigmas, zeta=ancestral_share, generator=generator)
        ),
    }
    axis = torch.linspace(-3.2, 3.2, 65, dtype=torch.float64)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
    return xr.Dataset(
        {
            "x": (("sampler", "draw", "coordinate"), torch.stack(list(arms.values())).numpy()),
            "density": (("v", "u"), posterior.log_density(points).exp().reshape(65, 65).numpy()),
        },
        {"sampler": list(arms), "u": axis.numpy(), "v": axis.numpy()},
    )


# ---- checks -----------------------------------------------------------------------------------


def target(quantity, law, noise, strength, zeta):
    """Limits as T -> infinity for y = 1, with the end of the schedule at abar_T = exp(-10.05)."""
    n, a = strength * noise**2, ABAR
    v = noise**2 / (1 + noise**2)
    root = math.sqrt(1 - zeta) if isinstance(zeta, float) else 0.0
    if quantity == "mean":
        return {
            "posterior": 1 - v,
            # x_T starts at mean 0, not at that of the posterior under noise.
            "started at 0": (1 - v) * (1 - math.sqrt(v * a / (1 - a + v * a))),
            "rescaled noise": 1 / (1 + n),
            "the measurement": 1 - math.exp(-(1 - a) / n),
            "Dawson": dawson(n, a),
        }[law]
    return {
        "posterior": v,
        "started at 0": v / (1 - a + v * a),
        "rescaled noise": n / (1 + n),
        "mixed": (1 + root) / 2 * n / (1 + n),
        "mixed, 1 - zeta/2": (1 - (1 - root**2) / 2) * n / (1 + n),
        "mixed, lambda = 1": (1 + root) / 2 * v,
        "power": (n / (1 - a * (1 - n)) if n < 1 else n / (1 + a * (n - 1))) ** (1 / (1 - n)),
        "n to the 1": n,
        "half step": n / (2 + n),
        "half": n / (1 + n) / 2,
        "measurement's half": n / 2 * (1 - math.exp(-2 * (1 - a) / n)),
        "collapsed": math.exp(-(1 - a) / n),
        "collapsed at half the rate": math.exp(-0.5 / n),
    }[law]


def dawson(n, a):
    """int_{sqrt a}^1 e^{(v^2 - 1)/(2n)} dv / n: sqrt(2/n) F(1/sqrt(2n)) less the start's share."""
    value, _ = integrate.quad(lambda v: math.exp((v * v - 1) / (2 * n)) / n, math.sqrt(a), 1)
    return value


def limit_of_law(
    laws, settings, law, quantity="variance", margin=0.01, least_noise=0.0, exponents=None
):
    at = {"setting": list(settings)}
    values = laws[quantity].sel(at)
    wanted = [[target(quantity, law, s, *SETTINGS[k][1:]) for s in NOISES] for k in settings]
    wanted = xr.DataArray(wanted, coords={**at, "noise": list(NOISES)}, dims=("setting", "noise"))
    return checks.limit(
        values,
        wanted,
        margin,
        "relative deviation of the limit T -> infinity; the nearest neighbour lies 2 margins away, "
        "and after 64,000 steps what is extrapolated is 1 % where the rate is 1/sqrt(T)",
        dim="steps",
        h=1 / laws.steps,
        exponents=exponents,
        scale=wanted,
        where=wanted.noise >= least_noise,
    )


def error_grows_with_log(laws, factor=1.0):
    """T log(std/limit) gains beta_min/(8 V) with every factor e in T."""
    found = laws.variance.sel(setting="exact", drop=True)
    v = laws.noise**2 / (1 + laws.noise**2)
    scaled = laws.steps * np.log(found * (1 - ABAR + v * ABAR) / v) / 2
    gained = scaled.diff("steps") / math.log(2)
    return checks.limit(
        gained,
        -factor * 0.1 / (8 * v),
        0.02,
        "2 %: the slip of a pure rate 1/T is 100 %; the terms left are (log T)/T",
        dim="steps",
        h=1 / gained.steps,
        exponents=(1.0,),
        scale=0.1 / (8 * v),
    )


def near_posterior(distances, arms=("exact",), within=0.06):
    d = distances.sel(guidance=list(arms)).isel(n=-1)
    return checks.bound(
        d.w2 - within,
        rounding=d.relative_error * d.w2 + 1e-9,
        margin=1e-6,
        reason="a tenth of the posterior's standard deviation, above DDIM's error at 50 steps",
        where=d.least_increase >= 0,
    )


def far_from_posterior(distances, arms, least=0.2):
    d = distances.sel(guidance=list(arms)).isel(n=-1)
    return checks.bound(
        least - d.w2,
        rounding=d.relative_error * d.w2 + 1e-9,
        margin=1e-6,
        reason="a quarter of the posterior's standard deviation",
        where=d.least_increase >= 0,
    )


# ---- claims -----------------------------------------------------------------------------------

GAUSSIAN = "x0 ~ N(0, 1), y = x0 + sigma_n n, DDPM's linear schedule, sigma_n from 0.05 to 0.5"
common = {"kind": "law", "conditions": GAUSSIAN}
pir = experiment.about(
    "diffpir-posterior-accuracy", Source("001", "Algorithm 1; implicit"), **common
)
yt = experiment.about("dps-yt-posterior-accuracy", Source("001", "Algorithm 2; implicit"), **common)
versus = experiment.about(
    "diffpir-vs-dps-yt", Source("001", "slide '(my) Motivation', question 2"), **common
)


def limit_claim(about, suffix, statement, settings, law, wrong, quantity="variance", **more):
    """A limit, with other laws (or settings) as controls."""
    controls = [
        Control(
            w if isinstance(w, str) else " and ".join(w),
            **({"law": w} if isinstance(w, str) else {"settings": w}),
        )
        for w in wrong
    ]
    return about(
        suffix,
        statement,
        check=limit_of_law,
        controls=controls,
        settings=settings,
        law=law,
        quantity=quantity,
        **more,
    )


exact = limit_claim(
    pir,
    "corrected-variance",
    r"\zeta = 0,\ \lambda_t = 1 + \bar\sigma_t^2:\ \mathrm{Var} \to V",
    ("exact",),
    "started at 0",
    ["half", ("DiffPIR 1 0",), ("DPS-y_t 1",)],
)
limit_claim(
    pir,
    "as-stated",
    r"\text{the output is a sample of } p(x_0 \mid y):\ \mathrm{Var} \to V",
    ("DiffPIR 1 1",),
    "posterior",
    [],
    expected="refuted",
    twin=exact,
)
limit_claim(
    pir,
    "corrected-mean",
    r"\zeta = 0,\ \lambda_t = 1 + \bar\sigma_t^2:\ E \to"
    r" m(1 - \sqrt{V\bar\alpha_T/(1 - \bar\alpha_T + V\bar\alpha_T)})",
    ("exact",),
    "started at 0",
    [("DiffPIR 1 0",), "the measurement"],
    quantity="mean",
    margin=1e-4,
)
limit_claim(
    pir,
    "variance-mixing",
    r"\zeta > 0:\ \mathrm{Var} \to \tfrac{1 + \sqrt{1 - \zeta}}{2}\,\tfrac{n}{1 + n},"
    r"\quad n = \lambda\sigma_n^2",
    MIXING,
    "mixed",
    ["rescaled noise", "mixed, 1 - zeta/2", "mixed, lambda = 1", "half"],
    margin=0.02,
)
limit_claim(
    pir,
    "mean-mixing",
    r"\zeta > 0:\ E \to y/(1 + \lambda\sigma_n^2)",
    MIXING,
    "rescaled noise",
    ["posterior", "the measurement"],
    quantity="mean",
)
limit_claim(
    pir,
    "variance-flow",
    r"\zeta = 0, \lambda \text{ constant}:\ \mathrm{Var} \to n^{1/(1-n)}",
    FLOWING,
    "power",
    ["rescaled noise", "n to the 1", "posterior"],
)
pir(
    "error-log",
    r"\zeta = 0,\ \lambda_t = 1 + \bar\sigma_t^2:\ \log(\mathrm{std}/\sqrt V)"
    r" = -\tfrac{\beta_{\min}}{8V}\,\tfrac{\log T}{T} + O(1/T)",
    controls=[Control("pure 1/T", factor=0.0), Control("with 1/4 for 1/8", factor=2.0)],
    check=error_grows_with_log,
    kind="rate",
)
MIXED = "a mixture of two normals on the line, sigma_n = 0.7, DDIM steps"
close = pir(
    "mixture-exact-denoiser",
    r"W_2(\mathrm{law}, p(x_0 \mid y)) \le 0.06 \text{ with } D_y = E[x_0 \mid x, y]",
    controls=[Control("DPS", arms=("DPS",)), Control("lambda = 3", arms=("DiffPIR 3",))],
    check=near_posterior,
    form="corrected",
    conditions=MIXED,
)
pir(
    "mixture-as-stated",
    r"W_2(\mathrm{law}, p(x_0 \mid y)) \le 0.06 \text{ with } \lambda = 1",
    check=near_posterior,
    conditions=MIXED,
    arms=("DiffPIR 1",),
    expected="refuted",
    twin=close,
)
pir(
    "mixture-no-strength",
    r"W_2(\mathrm{law}, p(x_0 \mid y)) \ge 0.2 \text{ for } \lambda = 0.3, 1, 3, 10",
    controls=[Control("exact denoiser", arms=("exact",)), Control("0.3", least=0.3)],
    check=far_from_posterior,
    kind="inequality",
    conditions=MIXED,
    arms=tuple(f"DiffPIR {s:g}" for s in STRENGTHS),
)
twice = limit_claim(
    yt,
    "variance-at-two",
    r"\lambda = 2:\ \mathrm{Var} \to V",
    ("DPS-y_t 2",),
    "posterior",
    [("DPS-y_t 1",), ("DPS-y_t 5",)],
    form="corrected",
)
limit_claim(
    yt,
    "as-stated",
    r"\text{the output is a sample of } p(x_0 \mid y):\ \mathrm{Var} \to V",
    ("DPS-y_t 1",),
    "posterior",
    [],
    expected="refuted",
    twin=twice,
)
limit_claim(
    yt,
    "mean",
    r"E \to y/(1 + \lambda\sigma_n^2)\text{: that of the posterior at } \lambda = 1 \text{ alone}",
    GRADIENT,
    "rescaled noise",
    ["posterior", "the measurement"],
    quantity="mean",
    margin=1e-3,
)
limit_claim(
    yt,
    "variance",
    r"\mathrm{Var} \to n/(2 + n),\quad n = \lambda\sigma_n^2",
    GRADIENT,
    "half step",
    ["rescaled noise", "half", "posterior"],
)
limit_claim(
    versus,
    "dps-ancestral-mean",
    r"\text{DPS, ancestral}:\ E \to y(1 - e^{-1/\sigma_n^2})",
    ("DPS ancestral",),
    "the measurement",
    ["posterior", "rescaled noise"],
    quantity="mean",
    margin=1e-3,
    exponents=(1.0,),
)
limit_claim(
    versus,
    "dps-ancestral-variance",
    r"\text{DPS, ancestral}:\ \mathrm{Var} \to \tfrac{\sigma_n^2}{2}(1 - e^{-2/\sigma_n^2})",
    ("DPS ancestral",),
    "measurement's half",
    ["posterior", "half"],
)
limit_claim(
    versus,
    "dps-flow-mean",
    r"\text{DPS, flow}:\ E \to \tfrac{y}{\sigma_n^2}"
    r"\int_{\sqrt{\bar\alpha_T}}^1 e^{(v^2 - 1)/(2\sigma_n^2)}\,dv > y",
    ("DPS flow",),
    "Dawson",
    ["posterior", "the measurement"],
    quantity="mean",
    margin=1e-3,
)
limit_claim(
    versus,
    "dps-flow-variance",
    r"\text{DPS, flow}:\ \mathrm{Var} \to e^{-(1 - \bar\alpha_T)/\sigma_n^2}",
    ("DPS flow",),
    "collapsed",
    ["posterior", "collapsed at half the rate"],
    conditions=GAUSSIAN.replace("0.05", "0.2") + "; at 0.05 the variance is 1e-174",
    least_noise=0.2,
)
