r"""Training seeds: what holds for networks trained this way, not for one network?

The documents speak of trained models; one network, however many noises it is given, speaks for
itself. Here the replicate is the training seed: six networks of `train digits`, alike in
architecture, recipe and data, each with initial weights, order of images and training noise of its
own seed. Every network gives one number, from initial noises of its own, and Student's interval
over the six, with five degrees of freedom, speaks of networks trained so. It reaches 4.6 standard
deviations between networks to either side (at 1e-4), which the effects claimed here have to exceed.
Where a claim names several noise levels, a network's number is that of its worst level.

Not sampled are the architecture, the recipe and the data. Bounds and levels were fixed on a seventh
network, trained longer and not among the six. What an untrained network does as well (norms and
distances that change monotonically) is no claim here.
"""

from functools import cache, partial

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import trajectory_geometry as geometry
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.samplers import ddim, gradient_estimation, heun
from theorylab.diffusion.schedules import edm, log_linear
from theorylab.diffusion.trajectories import relative_projection_error
from theorylab.images import datasets
from theorylab.images.generation import initial_noise, last_states
from theorylab.images.models import load_model

experiment = Experiment()

NETWORKS = ("digits", *(f"digits-seed{k}" for k in range(1, 6)))
DATA = ("digits", *(f"model:{name}" for name in NETWORKS))
OCTAVES, SIGMA_MAX = 10, 48.0
SIGMA_MIN = SIGMA_MAX / 2**OCTAVES
FEW = 5  # steps
NOISE = (0.1, 0.5)
SHOWN = 8
SETTING = (
    "six digits networks of training seeds 0 to 5 (initial weights, order of images, noise; one"
    " architecture, recipe and data set), initial noises of its own for each"
)


@cache
def training_images() -> torch.Tensor:
    return datasets.as_float(datasets.digits(), torch.float32)[:, None]


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"seed": [0, 1, 2, 3, 4, 5]},
    data=DATA,
    quick={"paths": 64, "octave": 1},
    default={"paths": 500, "octave": 2},
    paper={"paths": 4000, "octave": 4},
)
def trajectories(seed, paths, octave, generator):
    """Heun's method from pure noise for a seed's network and an untrained one (c_skip x), DDIM for
    the ideal denoiser; five steps of other samplers from the same noise, against Heun's end.
    """
    model, images = load_model(NETWORKS[seed]), training_images()
    ideal = IdealDenoiser(images)
    skip = lambda x, sigma: model.denoiser.coefficients(torch.as_tensor(sigma))[0] * x
    sigmas = log_linear(OCTAVES * octave, SIGMA_MIN, SIGMA_MAX)
    noise = SIGMA_MAX * initial_noise(paths, model.event, generator)
    found = {
        "network": along(heun, model.denoiser, noise, sigmas),
        "untrained": along(heun, skip, noise.double(), sigmas),
        "ideal": along(ddim, ideal, noise.double(), sigmas),
    }
    eta, deviation, gaps = [], [], []
    for states, outputs in found.values():
        x, r = states.flatten(0, 1).double(), outputs.flatten(0, 1)
        index = ideal.posterior(x, sigmas.repeat_interleave(paths).reshape(-1, 1, 1, 1)).index
        error = relative_projection_error(r, x, images[index])
        eta.append(error.unflatten(0, states.shape[:2]))
        deviation.append(
            [geometry.relative_deviation(v.double().flatten(2)) for v in (states, outputs)]
        )
        gaps.append(distance_from_images(outputs[-1]))
    end = found["network"][0][-1]
    few = log_linear(FEW, SIGMA_MIN, SIGMA_MAX)
    ends = {
        "DDIM": last_states(ddim, model.denoiser, noise, few),
        "gradient estimation": last_states(
            gradient_estimation, model.denoiser, noise, few, gamma=2.0
        ),
        "linear in sigma": last_states(
            ddim, model.denoiser, noise, edm(FEW, SIGMA_MIN, SIGMA_MAX, rho=1)
        ),
    }
    ends["another path"] = ends["gradient estimation"].roll(1, 0)
    missed = torch.stack([(v - end).flatten(1).norm(dim=1) for v in ends.values()])
    return xr.Dataset(
        {
            "eta": (("denoiser", "sigma", "path"), torch.stack(eta).numpy()),
            "deviation": (
                ("denoiser", "trajectory", "path"),
                torch.stack([torch.stack(pair) for pair in deviation]).numpy(),
                {"long_name": "largest distance from the chord over its length"},
            ),
            "nearest": (
                ("denoiser", "path"),
                torch.stack(gaps).numpy(),
                {"long_name": "distance of the last output from the nearest training image"},
            ),
            "missed": (
                ("sampler", "path"),
                missed.numpy(),
                {"long_name": "distance from the end of Heun's method"},
            ),
        },
        {
            "sigma": sigmas.numpy(),
            "denoiser": list(found),
            "trajectory": ["sampling", "denoising"],
            "sampler": list(ends),
        },
    )


@experiment.measure(
    grid={"seed": [0, 1, 2, 3, 4, 5]},
    data=DATA,
    quick={"queries": 350},
    default={"queries": 4000},
    paper={"queries": 40000},
)
def predictions(seed, queries, generator):
    """Mean |eps|^2/n and |D - x0|^2/(sigma^2 n) at noised training images, the network being told
    the level or half of it; and eight samples, from the same noise for every seed.

    What |w|^2/n of the noise itself exceeds its mean by is taken off |eps|^2/n.
    """
    model, images = load_model(NETWORKS[seed]), training_images()
    square = lambda v: float(v.double().square().mean())
    rows = []
    for sigma in NOISE:
        x0 = images[torch.randint(len(images), (queries,), generator=generator)]
        noise = initial_noise(queries, model.event, generator)
        x = x0 + sigma * noise
        with torch.inference_mode():
            outputs = [model.denoiser(x, told * sigma) for told in (1.0, 0.5)]
        excess = square(noise) - 1
        rows.append([[square((x - d) / sigma) - excess, square((d - x0) / sigma)] for d in outputs])
    start = SIGMA_MAX * initial_noise(SHOWN, model.event, torch.Generator().manual_seed(0))
    drawn = last_states(heun, model.denoiser, start, log_linear(OCTAVES, SIGMA_MIN, SIGMA_MAX))
    return xr.Dataset(
        {
            "square": (("sigma", "told", "part"), np.array(rows)),
            "shown": (("image", "height", "width"), drawn[:, 0].numpy()),
        },
        {"sigma": list(NOISE), "told": [1.0, 0.5], "part": ["eps", "error"]},
    )


@experiment.measure(data=("digits",))
def spacing():
    """Distance of each training image from the nearest other one."""
    return xr.Dataset(
        {"nearest": ("image", distance_from_images(training_images(), but_itself=True).numpy())}
    )


def along(sampler, denoiser, x, sigmas):
    """A sampler's states and the denoiser's outputs at them, each (levels, paths, *event).

    DDIM asks once a step, Heun's method twice, both first at the state itself.
    """
    asked = []

    def kept(x, sigma):
        asked.append(denoiser(x, sigma))
        return asked[-1]

    with torch.inference_mode():
        states = list(sampler(kept, x, sigmas))
        outputs = asked[:: len(asked) // (len(states) - 1)]
        return torch.stack(states), torch.stack([*outputs, denoiser(states[-1], sigmas[-1])])


def distance_from_images(x: torch.Tensor, *, but_itself: bool = False) -> torch.Tensor:
    """Euclidean distance of each row from the nearest training image, float64.

    ``but_itself``: row k of x is image k, and is left out.
    """
    gaps = torch.cdist(x.double().flatten(1), training_images().double().flatten(1))
    if but_itself:
        gaps.fill_diagonal_(torch.inf)
    return gaps.amin(1)


# ---- checks -----------------------------------------------------------------------------------


def projects(trajectories, denoiser="network", low=2.9, high=SIGMA_MAX, most=0.2, sign=1):
    """eta, mean over paths: the worst level's is at most (sign -1: at least) ``most``."""
    eta = (
        trajectories.eta.sel(denoiser=denoiser, drop=True).sel(sigma=slice(high, low)).mean("path")
    )
    return over_seeds(
        eta.max("sigma") if sign > 0 else eta.min("sigma"),
        most,
        "with eta = 0.2 ten log-linear steps of a quarter each stay admissible within nu = 2"
        if sign > 0
        else "at half the distance the direction is no projection",
        relation="<=" if sign > 0 else ">=",
    )


def bent_more(trajectories, factor=10.0, bent="denoising", straight="sampling", denoiser="network"):
    """Geometric mean of the deviations' ratio, each over its chord."""
    logs = np.log10(trajectories.deviation.sel(denoiser=denoiser, drop=True))
    ratio = logs.sel(trajectory=bent, drop=True) - logs.sel(trajectory=straight, drop=True)
    reason = "an order of magnitude is what the figures of document 001 show"
    return over_seeds(ratio.mean("path"), np.log10(factor), reason, relation=">=")


def noise_norm(predictions, weight=1.0, told=1.0, most=0.05):
    """|E|eps|^2/n + weight E|D - x0|^2/(sigma^2 n) - 1|, the worst level's."""
    square = predictions.square.sel(told=told, drop=True)
    total = square.sel(part="eps", drop=True) + weight * square.sel(part="error", drop=True)
    reason = "an eighth of what the error's term makes up at the smallest level"
    return over_seeds(abs(total - 1).max("sigma"), most, reason)


def generalises(trajectories, spacing, denoiser="network", factor=0.5):
    """Geometric mean distance from the training images, in units of their own spacing."""
    logs = lambda distance, over: np.log(distance.clip(min=1e-3)).mean(over)
    ratio = logs(trajectories.nearest.sel(denoiser=denoiser, drop=True), "path")
    ratio = ratio - logs(spacing.nearest, "image")
    reason = "half the distance of a training image from the next cannot be a copy"
    return over_seeds(ratio, np.log(factor), reason, relation=">=")


def misses_less(trajectories, first="gradient estimation", second="DDIM"):
    """Mean logarithm of the ratio of two samplers' distances from Heun's end, path by path."""
    logs = np.log(trajectories.missed)
    ratio = logs.sel(sampler=first, drop=True) - logs.sel(sampler=second, drop=True)
    return over_seeds(ratio.mean("path"), 0.0, "an order is claimed, no size")


def over_seeds(value, bound, reason, relation="<="):
    """Student's interval over the networks."""
    return checks.observation(
        value, xr.full_like(value, bound), 0.0, reason, SETTING, relation=relation
    )


# ---- claims -----------------------------------------------------------------------------------

claim = partial(experiment.claim, kind="empirical")
SEEDS = "networks of `train digits`, mean over training seeds"
ALONG = f"{SEEDS}; Heun's method from sigma = 48 to 0.05, K the training images"

projection = experiment.about(
    "learned-denoiser-approximates-projection",
    Source("000", "slide 'Denoising approximates projection'"),
    kind="empirical",
    check=projects,
)
large = projection(
    "seeds-large-noise",
    r"\max_\sigma E|D - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \le 0.2",
    form="reading",
    conditions=f"{ALONG}, sigma >= 3",
    controls=[
        Control("untrained networks", denoiser="untrained"),
        Control("sigma below 1", low=0.0, high=1.0),
    ],
)
projection(
    "seeds-as-stated",
    r"\max_\sigma E|D - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \le 0.2",
    expected="refuted",
    conditions=f"{ALONG}, all levels",
    low=0.0,
    twin=large,
)
projection(
    "seeds-small-noise",
    r"\min_\sigma E|D - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \ge 0.5",
    conditions=f"{ALONG}, sigma <= 0.1: networks that generalise end between the images",
    low=0.0,
    high=0.1,
    most=0.5,
    sign=-1,
    controls=[
        Control("the ideal denoiser", denoiser="ideal"),
        Control("sigma >= 3", low=2.9, high=SIGMA_MAX),
    ],
)
claim(
    "obs1-straight-vs-bent-seeds",
    r"E \log_{10}(\text{deviation of } r \,/\, \text{deviation of } x) \ge 1",
    source=Source("001", "Observation 1"),
    entries="obs1-straight-vs-bent",
    form="reading",
    conditions=f"deviations relative to the chords; {ALONG}",
    check=bent_more,
    controls=[
        Control("a thousand times", factor=1000.0),
        Control("the other way round", bent="sampling", straight="denoising"),
        Control("untrained networks", denoiser="untrained"),
    ],
)
norm = experiment.about(
    "ddpm-noise-norm-premise",
    Source("000", "slide 'Sampling from diffusion models (probabilistic)', parenthesis"),
    kind="empirical",
    conditions=f"{SEEDS}; noised training images, the worse of sigma = 0.1 and 0.5",
    check=noise_norm,
)
with_error = norm(
    "seeds-corrected",
    r"|E|\epsilon_\theta|^2/n - (1 - E|D - x_0|^2/(\sigma^2 n))| \le 0.05",
    controls=[
        Control("half of the error's term", weight=0.5),
        Control("networks told half the level", told=0.5),
    ],
)
norm(
    "seeds-as-stated",
    r"|E|\epsilon_\theta|^2/n - 1| \le 0.05",
    expected="refuted",
    weight=0.0,
    twin=with_error,
)
claim(
    "conclusion-origin-and-gap-seeds-generalise",
    r"\min_i\|D-x_i\| \ge \tfrac12\,\min_{i\neq j}\|x_j-x_i\|",
    source=Source("001", "slide 'Conclusion'"),
    entries="conclusion-origin-and-gap",
    form="derived",
    conditions=f"geometric means over ends of paths and over training images; {ALONG}",
    check=generalises,
    controls=[Control("the ideal denoiser's ends too", denoiser="ideal")],
)
claim(
    "figure-visual-comparisons-seeds-five-steps",
    r"E \log(|x^{\mathrm{GE}} - x| / |x^{\mathrm{DDIM}} - x|) \le 0",
    source=Source("000", "slide 'Sampler comparison experiments (visual)'"),
    entries="figure-visual-comparisons",
    form="reading",
    conditions=f"five log-linear steps, gamma = 2, x the end of Heun's method; {ALONG}",
    check=misses_less,
    controls=[
        Control("the other way round", first="DDIM", second="gradient estimation"),
        Control("against the end of another path", first="another path"),
        Control("steps linear in sigma instead", first="linear in sigma"),
    ],
)
