r"""What sampling finds: the projection of its start, or a point with the right weight?

Document 000 says that sampling "finds projections" to the data by gradient descent on the distance,
and that it samples from multimodal laws. With the projector in place of the denoiser DDIM does find
the projection of its start, on a straight line, and the weights of the modes are lost. With the
ideal denoiser the weights are right, with an error of order 1/n, and every third start ends
elsewhere than in its projection.

On digits and Fashion-MNIST as finite sets the nearest image at the start is the last one for some
trajectories only, and for all of them once sigma is below the spacing of the data.

Monotone maps on the line make the probabilities exact; the images are an observation.
"""

from functools import partial
from itertools import pairwise

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import samplers
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.schedules import append_zero, log_linear
from theorylab.images import datasets

experiment = Experiment()

FINDS = Source("000", "slide 'Diffusion approximates projection'")
FIRST = 40.0
POINTS = torch.tensor([[-1.0], [0.1], [1.0]], dtype=torch.float64)


# ---- measurements -----------------------------------------------------------------------------


def posterior_mean(x, sigma):
    """The ideal denoiser of the three points."""
    return torch.softmax((x * POINTS.T - POINTS.T**2 / 2) / sigma**2, 1) @ POINTS


def projector(x, sigma):
    """The nearest of the three points."""
    return POINTS[(x - POINTS.T).abs().argmin(1)]


@experiment.measure(
    grid={"denoiser": ["ideal", "projector"], "n": [20, 40, 80, 160, 320]},
    quick={"n": [20, 40, 80, 160]},
)
def three_points(denoiser, n):
    """DDIM's law on K = {-1, 0.1, 1} from the exact noisy law, and how often it ends in proj(x_N).

    The map is monotone: two thresholds, found by cutting brackets in 64, tell all.
    """
    model = posterior_mean if denoiser == "ideal" else projector
    sigmas = append_zero(log_linear(n, 0.02, FIRST))
    noisy = lambda x: float(torch.special.ndtr((x - POINTS[:, 0]) / FIRST).mean())
    thresholds = []
    for left, right in ((-1.0, 0.1), (0.1, 1.0)):
        middle, low, high = (left + right) / 2, -200.0, 200.0
        for _ in range(8):
            x = torch.linspace(low, high, 65, dtype=torch.float64)
            *_, last = samplers.ddim(model, x[:, None], sigmas)
            first = int((last[:, 0] > middle).nonzero()[0])
            low, high = float(x[first - 1]), float(x[first])
        thresholds.append((low + high) / 2)
    reached = [noisy(t) for t in thresholds]
    nearest = [noisy((a + b) / 2) for a, b in ((-1.0, 0.1), (0.1, 1.0))]
    start = torch.linspace(-90.0, 90.0, 37, dtype=torch.float64)[:, None]
    *_, before, _ = samplers.ddim(model, start, sigmas)
    line = projector(start, 0.0) + 0.02 / FIRST * (start - projector(start, 0.0))
    return xr.Dataset(
        {
            "weight": ("point", np.diff([0.0, *reached, 1.0])),
            "projected": ("point", np.diff([0.0, *nearest, 1.0])),
            "missed": sum(abs(a - b) for a, b in zip(reached, nearest, strict=True)),
            "off_the_segment": float((before - line).abs().max()),
        },
        {"point": [0, 1, 2]},
    )


@experiment.measure(grid={"sampler": ["DDIM", "DDPM", "ancestral"]})
def repeats(sampler):
    """Largest difference between two runs from one start, over the largest entry."""
    x = torch.linspace(-60, 60, 64, dtype=torch.float64)[:, None]
    runs = []
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        run = {
            "DDIM": samplers.ddim,
            "DDPM": partial(samplers.ddpm, generator=generator),
            "ancestral": partial(samplers.ancestral, generator=generator),
        }[sampler]
        *_, last = run(posterior_mean, x, log_linear(20, 0.06, FIRST))
        runs.append(last)
    return xr.Dataset({"difference": float((runs[0] - runs[1]).abs().max() / runs[0].abs().max())})


@experiment.measure(grid={"n": [50, 100, 200, 400, 800]})
def variances(n):
    """Relative error of the last variance on N(0, s^2), from s^2 + sigma_N^2: SDE and ODE steps.

    DDPM: v' = c^2 v + eta^2 with c = 1 + (sigma' - sigma) sigma/(s^2 + sigma^2), sigma' =
    sigma_next^2/sigma, eta^2 = sigma_next^2 - sigma'^2; DDIM: sigma' = sigma_next, eta = 0.
    """
    spreads = (0.3, 1.0, 3.0)
    levels = log_linear(n, 0.1, 10.0).tolist()
    rows = []
    for noise in (0.0, 1.0, 2.0):
        row = []
        for s in spreads:
            v = s**2 + levels[0] ** 2
            for sigma, after in pairwise(levels):
                kept = after**2 / sigma if noise else after
                v *= (1 + (kept - sigma) * sigma / (s**2 + sigma**2)) ** 2
                v += noise * (after**2 - kept**2)
            row.append(v / (s**2 + levels[-1] ** 2) - 1)
        rows.append(row)
    return xr.Dataset(
        {"error": (("noise", "spread"), np.array(rows))},
        {"noise": [0.0, 1.0, 2.0], "spread": list(spreads)},
    )


@experiment.measure(
    grid={"images": ["digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"count": 500, "draws": 12},
    default={"count": 6000, "draws": 64},
    paper={"count": 60_000, "draws": 1000},
)
def projections(images, count, draws, rng):
    """Share of DDIM's trajectories whose nearest image is the one they end in, at each level."""
    data = datasets.digits() if images == "digits" else datasets.fashion_mnist()
    x0 = datasets.as_float(data).flatten(1)[:count]
    ideal = IdealDenoiser(x0)
    sigmas = log_linear(24, 0.05, 1000.0)
    x = 1000.0 * torch.from_numpy(rng.standard_normal((draws, x0.shape[1])))
    nearest = np.array(
        [
            ideal.posterior(state, sigma).index.numpy()
            for sigma, state in zip(sigmas.tolist(), samplers.ddim(ideal, x, sigmas), strict=True)
        ]
    )
    final = (nearest == nearest[-1]).mean(1)
    return xr.Dataset(
        {"final": ("sigma", final, {"long_name": "share whose nearest image is the last"})},
        {"sigma": sigmas.numpy()},
    )


# ---- checks -----------------------------------------------------------------------------------


def finds(three_points, denoiser):
    d = three_points.sel(denoiser=denoiser)
    return checks.identity(
        np.maximum(d.missed, d.off_the_segment),
        rounding=1e-11,
        margin=1e-6,
        reason="thresholds cut 64^8-fold from a bracket of 400; the ideal denoiser misses by 0.3",
    )


def weights(three_points, denoiser="ideal", target=1 / 3):
    return checks.limit(
        three_points.weight.sel(denoiser=denoiser),
        target=target,
        margin=0.003,
        dim="n",
        h=1 / three_points.n.values,
        exponents=[1, 2],
        rounding=1e-9,
        reason="1 % of a weight; the projector's weights are 0.16 away and more",
    )


def weight_rate(three_points, order=1.0):
    off = np.abs(three_points.weight.sel(denoiser="ideal") - 1 / 3).max("point")
    return checks.rate(
        off,
        order,
        tolerance=0.25,
        dim="n",
        h=1 / three_points.n.values,
        rounding=1e-9,
        last=2,
        reason="half-way to the orders 1/2 and 3/2",
    )


def repeatable(repeats, sampler="DDIM"):
    return checks.identity(
        repeats.difference.sel(sampler=sampler),
        rounding=0.0,
        margin=0.0,
        reason="the same bits twice, or not",
    )


def marginals(variances, noise=(0.0, 1.0)):
    return checks.limit(
        variances.error.sel(noise=list(noise)),
        target=0.0,
        margin=0.01,
        dim="n",
        h=1 / variances.n.values,
        exponents=[1, 2],
        rounding=1e-12,
        reason="1 % of the variance; twice the noise nearly doubles it",
    )


def settled(projections, sigma):
    d = projections.where(
        (projections.sigma >= sigma[0]) & (projections.sigma <= sigma[1]), drop=True
    )
    return checks.identity(
        1 - d.final,
        rounding=0.0,
        margin=0.0,
        reason="every trajectory, or not",
        level="observation",
    )


# ---- claims -----------------------------------------------------------------------------------

exact = experiment.claim(
    "diffusion-finds-projection-projector",
    r"x_0 = p + \tfrac{\sigma_0}{\sigma_N}(x_N - p), \quad p = \mathrm{proj}_K(x_N)",
    source=FINDS,
    entries="diffusion-finds-projection",
    form="corrected",
    conditions="DDIM with the projector as denoiser, K = {-1, 0.1, 1}",
    check=finds,
    denoiser="projector",
    controls=[Control("with the ideal denoiser", denoiser="ideal")],
)
experiment.claim(
    "diffusion-finds-projection-as-stated",
    r"\lim x_t = \mathrm{proj}_K(x_N)",
    source=FINDS,
    entries="diffusion-finds-projection",
    kind="limit",
    conditions="DDIM with the ideal denoiser of K = {-1, 0.1, 1}; x_N from the noisy law",
    check=finds,
    denoiser="ideal",
    expected="refuted",
    twin=exact,
)
experiment.claim(
    "multimodal-sampling",
    r"P(x_0 = x_i) \to \tfrac13 \quad (n \to \infty)",
    source=Source("000", "slide 'Introduction'"),
    entries=("multimodal-sampling", "diffusion-finds-projection"),
    kind="limit",
    form="reading",
    conditions="DDIM with the ideal denoiser of K = {-1, 0.1, 1}; x_N from the noisy law",
    check=weights,
    controls=[
        Control("with the projector", denoiser="projector"),
        Control("a tenth less", target=0.3),
    ],
)
experiment.claim(
    "multimodal-sampling-rate",
    r"|P(x_0 = x_i) - \tfrac13| \sim n^{-1}",
    source=Source("000", "slide 'Introduction'"),
    entries="multimodal-sampling",
    kind="rate",
    form="derived",
    conditions="as above; W2 to the data is then of order n^(-1/2)",
    check=weight_rate,
    controls=[Control("order 1/2", order=0.5), Control("order 3/2", order=1.5)],
)
experiment.claim(
    "motivation-deterministic",
    r"\mathrm{DDIM}(x_N) = \mathrm{DDIM}(x_N)",
    source=Source("000", "slide 'Motivation'"),
    entries="motivation-statements",
    conditions="two runs from one start with different generators: the same bits",
    check=repeatable,
    controls=[Control("DDPM", sampler="DDPM"), Control("ancestral", sampler="ancestral")],
)
experiment.claim(
    "motivation-same-marginals",
    r"\mathrm{Var}\, x_0 \to s^2 + \sigma_0^2 \text{ for the reverse SDE and the flow}",
    source=Source("000", "slide 'Motivation'"),
    entries="motivation-statements",
    kind="limit",
    form="derived",
    conditions="N(0, s^2), s = 0.3, 1, 3",
    check=marginals,
    controls=[Control("twice the noise variance", noise=(2.0,))],
)
experiment.claim(
    "diffusion-finds-projection-images",
    r"\mathrm{proj}_K(x_t) = x_0 \text{ for every trajectory}, \quad \sigma_t \le 0.3",
    source=FINDS,
    entries="diffusion-finds-projection",
    kind="empirical",
    form="derived",
    conditions="digits and Fashion-MNIST as finite sets, DDIM from sigma = 1000",
    check=settled,
    sigma=(0.0, 0.3),
    controls=[Control("at the start", sigma=(500.0, np.inf))],
)
