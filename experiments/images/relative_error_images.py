r"""Relative error on a trained image model: does its denoiser project onto the training images?

Document 000 claims that the denoiser learned from the diffusion objective approximates the
projection with small relative error, and builds its analysis on two numbers: eta = |D - proj|/dist
and nu = dist/(sqrt(n) sigma). Here K is the 60,000 training images of Fashion-MNIST, and both are
measured along DDIM of the shipped network and of the ideal denoiser of K, from the same noise.

At large noise both hold, and little of that is learned: beyond sigma = 10 an untrained network and
the mean of the data have a small relative error too. At small noise the claim cannot hold for a
network that generalises: it ends between the training images, at a distance that does not shrink
with sigma, so that nu leaves every band and eta tends to 1. The ideal denoiser keeps both numbers
to the end, and returns training images: its K is not the network's.

The network needs the noise level that its input really has; the ideal denoiser projects best when
it is told the smallest.
"""

import functools

import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import log_linear
from theorylab.diffusion.trajectories import relative_projection_error
from theorylab.images import datasets
from theorylab.images.generation import initial_noise
from theorylab.images.models import load_model

experiment = Experiment()

DATA = ("fashion-mnist", "model:fashion-mnist")
OCTAVES, SIGMA_MAX = 11, 80.0
TRUE = (0.3, 1.0, 3.0, 10.0)
SHOWN = 6
AT_IMAGE = 1e-3  # test images lie about 7 from the nearest training image
SETTING = (
    "the shipped Fashion-MNIST network (one training seed), or the ideal denoiser where the claim"
    " names it; initial noises"
)


@functools.cache
def bench():
    """The network, the training images (float32, with a channel), their ideal denoiser."""
    images = datasets.as_float(datasets.fashion_mnist(), torch.float32)[:, None]
    ideal = IdealDenoiser(images, precision=torch.float32)
    return load_model("fashion-mnist"), images, ideal


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"group": [0, 1, 2, 3]},
    data=DATA,
    quick={"group": [0], "paths": 32, "octave": 1},
    default={"paths": 48, "octave": 2},
    paper={"group": list(range(16)), "paths": 64, "octave": 4},
)
def paths(group, paths, octave, generator):
    """DDIM of both denoisers, ``octave`` levels for each factor 2 of sigma, from 80 to 80/2^11.

    The untrained network (its last layer is 0: c_skip x), another path's output and the mean of
    the data are outputs at the network's states.
    """
    model, images, ideal = bench()
    sigmas = log_linear(OCTAVES * octave, SIGMA_MAX / 2**OCTAVES, SIGMA_MAX)
    noise = SIGMA_MAX * initial_noise(paths, model.event, generator)
    posteriors = []

    def optimal(x, sigma):
        posteriors.append(ideal.posterior(x, sigma))
        return posteriors[-1].mean

    with torch.inference_mode():
        *memorising, last = ddim(optimal, noise.double(), sigmas, final_denoise=True)
        outputs = []

        def learned(x, sigma):
            outputs.append(model.denoiser(x, sigma))
            return outputs[-1]

        *states, end = ddim(learned, noise, sigmas, final_denoise=True)
        levels = sigmas.repeat_interleave(paths).reshape(-1, 1, 1, 1)
        x, denoised = torch.cat(states).double(), torch.cat(outputs)
        found = ideal.posterior(x, levels)
        skip, _, _ = model.denoiser.coefficients(levels)
    nearest = images[found.index]
    apart = torch.stack(outputs).roll(1, 1).flatten(0, 1)
    arms = {
        "network": relative_projection_error(denoised, x, nearest),
        "ideal": torch.cat(
            [
                relative_projection_error(p.mean, y, images[p.index])
                for p, y in zip(posteriors, memorising, strict=True)
            ]
        ),
        "untrained": relative_projection_error(skip * x, x, nearest),
        "another path": relative_projection_error(apart, x, nearest),
        "mean of the data": relative_projection_error(images.mean(0).expand_as(x), x, nearest),
    }
    distance = torch.stack([found.distance, torch.cat([p.distance for p in posteriors])])
    ends = torch.cat([end, last, some_images("test", paths, group)])
    final = ideal.posterior(ends.double(), AT_IMAGE)
    of = lambda values: values.reshape(-1, len(sigmas), paths).numpy()
    scale = (sigmas * noise[0].numel() ** 0.5)[:, None].numpy()
    return xr.Dataset(
        {
            "eta": (("arm", "sigma", "path"), of(torch.stack(list(arms.values())))),
            "nu": (("denoiser", "sigma", "path"), of(distance) / scale),
            "end": (
                ("source", "path"),
                final.distance.reshape(3, paths).numpy(),
                {"long_name": "distance from the nearest training image"},
            ),
            "shown": (
                ("picture", "image", "channel", "height", "width"),
                torch.stack(
                    [v[:SHOWN] for v in (end, images[final.index[:paths]], last.float())]
                ).numpy(),
            ),
        },
        {
            "sigma": sigmas.numpy(),
            "arm": list(arms),
            "denoiser": ["network", "ideal"],
            "source": ["network", "ideal", "test images"],
            "picture": ["network", "nearest to it", "ideal"],
        },
    )


@experiment.measure(
    grid={"group": [0, 1, 2, 3]},
    data=DATA,
    quick={"group": [0], "queries": 40, "told": (0.25, 1.0, 4.0)},
    default={"queries": 48},
    paper={"group": list(range(16)), "queries": 64},
)
def mismatch(group, queries, generator, told=(0.25, 0.5, 1.0, 2.0, 4.0)):
    """eta at noised training images, the denoiser being told ``told`` times the true level."""
    model, images, ideal = bench()
    x0 = some_images("train", queries, group)
    rows = {"network": [], "ideal": []}
    for true in TRUE:
        x = x0 + true * initial_noise(queries, model.event, generator)
        levels = (true * torch.tensor(told)).repeat_interleave(queries).reshape(-1, 1, 1, 1)
        with torch.inference_mode():
            repeated = x.repeat(len(told), 1, 1, 1)
            best = ideal.posterior(repeated.double(), levels)
            learned = model.denoiser(repeated, levels)
        nearest = images[best.index]
        for name, output in (("network", learned), ("ideal", best.mean)):
            error = relative_projection_error(output, repeated, nearest)
            rows[name].append(error.reshape(len(told), queries))
    eta = torch.stack([torch.stack(rows[name]) for name in rows]).numpy()
    return xr.Dataset(
        {"eta": (("denoiser", "true", "told", "image"), eta)},
        {"denoiser": list(rows), "true": list(TRUE), "told": list(told)},
    )


def some_images(split, count, group):
    """The group's own images of a fixed random order, float32 (count, 1, 28, 28)."""
    data = datasets.fashion_mnist(split)
    order = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(0))
    chosen = order[group * count : (group + 1) * count]
    return datasets.as_float(data._replace(images=data.images[chosen]), torch.float32)[:, None]


# ---- checks -----------------------------------------------------------------------------------


def error_at_most(paths, arm="network", low=2.0, high=80.0, most=0.2, sign=1):
    """Mean over initial noises of eta, at every level from ``low`` to ``high``."""
    eta = paths.eta.sel(arm=arm).sel(sigma=slice(high, low))
    return against(
        eta,
        most,
        "with eta = 0.2 ten log-linear steps of a quarter each stay admissible within nu = 2"
        if sign > 0
        else "at half the distance the direction is no projection",
        relation="<=" if sign > 0 else ">=",
    )


def in_band(paths, denoiser="network", low=2.0, factor=1.0, margin=0.05):
    """nu is 1 within the margin, at every level from ``low`` on."""
    nu = factor * paths.nu.sel(denoiser=denoiser).sel(sigma=slice(None, low))
    reason = "twice 1/sqrt(2n), the scatter of a noise vector's own norm"
    return against(nu, 1.0, reason, margin=margin, relation="==")


def outside_band(paths, denoiser="network", low=0.0, high=0.1, least=2.0):
    nu = paths.nu.sel(denoiser=denoiser).sel(sigma=slice(high, low))
    return against(nu, least, "the band of nu = 2 is left", relation=">=")


def ends_at_images(paths, source="ideal"):
    """More than half of the outputs are training images."""
    near = (pooled(paths.end.sel(source=source), "path") <= AT_IMAGE).sum("pair")
    n = paths.sizes["path"] * paths.sizes["group"]
    return checks.proportion(
        near, n, 0.5, 0.0, reason="most of them", relation=">=", level="observation", note=SETTING
    )


def ends_as_far(paths, source="network", share=0.5):
    """Outputs are at least ``share`` times as far from the training images as test images are."""
    return against(
        paths.end.sel(source=source, drop=True),
        share * paths.end.sel(source="test images", drop=True),
        "half the distance of a fresh image cannot be a copy",
        relation=">=",
    )


def told_closer(mismatch, denoiser="network", first=1.0, second=0.25, method="t"):
    """eta told ``first`` times the true level is less than told ``second`` times, at each level."""
    eta = mismatch.eta.sel(denoiser=denoiser)
    return against(
        eta.sel(told=first, drop=True),
        eta.sel(told=second, drop=True),
        "an order is claimed, no size; a millionth is rounding",
        margin=1e-6,
        dim="image",
        method=method,
    )


def against(first, second, reason, *, margin=0.0, relation="<=", dim="path", method="t"):
    """An observation over the replicates of all groups together."""
    first = pooled(first, dim)
    second = (
        pooled(second, dim) if isinstance(second, xr.DataArray) else xr.full_like(first, second)
    )
    return checks.observation(
        first, second, margin, reason, SETTING, dim="pair", relation=relation, method=method
    )


def pooled(values, dim):
    return values.stack(pair=("group", dim), create_index=False)


# ---- claims -----------------------------------------------------------------------------------

learned = experiment.about(
    "learned-denoiser-approximates-projection",
    Source("000", "slide 'Denoising approximates projection'"),
    kind="empirical",
)
ALONG = "K the 60,000 training images, DDIM of the network from sigma = 80"

large = learned(
    "large-noise",
    r"E|D - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \le 0.2",
    form="reading",
    conditions=f"{ALONG}, sigma >= 2",
    check=error_at_most,
    controls=[
        Control("an untrained network", arm="untrained"),
        Control("the output for another path", arm="another path"),
        Control("sigma below 1", low=0.0, high=1.0),
    ],
)
learned(
    "as-stated",
    r"E|D - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \le 0.2",
    expected="refuted",
    conditions=f"{ALONG}, all levels down to 0.04",
    check=error_at_most,
    low=0.0,
    twin=large,
)
learned(
    "small-noise",
    r"E|D - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \ge 0.5",
    conditions=f"{ALONG}, sigma <= 0.1: a network that generalises is told less than its distance",
    check=error_at_most,
    low=0.0,
    high=0.1,
    most=0.5,
    sign=-1,
    controls=[Control("the ideal denoiser", arm="ideal"), Control("sigma >= 2", low=2, high=80.0)],
)
learned(
    "ideal",
    r"E|D^* - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \le 0.2",
    form="reading",
    conditions="K the 60,000 training images, DDIM of their ideal denoiser, all levels",
    check=error_at_most,
    arm="ideal",
    low=0.0,
    controls=[Control("the network", arm="network")],
)
learned(
    "band",
    r"|E\,\mathrm{dist}_K(x_\sigma)/(\sqrt{n}\,\sigma) - 1| \le 0.05",
    form="reading",
    conditions=f"{ALONG}, sigma >= 2",
    check=in_band,
    controls=[
        Control("all levels", low=0.0),
        Control(r"\mathrm{dist} = 0.9\sqrt{n}\,\sigma", factor=1 / 0.9),
    ],
)
learned(
    "band-left",
    r"E\,\mathrm{dist}_K(x_\sigma)/(\sqrt{n}\,\sigma) \ge 2",
    conditions=f"{ALONG}, sigma <= 0.1",
    check=outside_band,
    controls=[
        Control("the ideal denoiser", denoiser="ideal"),
        Control("sigma >= 2", low=2.0, high=80.0),
    ],
)
learned(
    "untrained",
    r"E|D - \mathrm{proj}_K(x)| / \mathrm{dist}_K(x) \le 0.2",
    conditions="K and states as above, sigma >= 10, D = c_skip x of an untrained network",
    check=error_at_most,
    arm="untrained",
    low=10.0,
    controls=[Control("sigma >= 2", low=2.0)],
)

origin = experiment.about(
    "conclusion-origin-and-gap",
    Source("001", "slide 'Conclusion'"),
    kind="empirical",
    form="reading",
)
origin(
    "optimal-memorises",
    r"P(\min_i |r^*(\hat x_s, s) - x_i| \le 10^{-3}) \ge 1/2",
    form="reading",
    conditions="DDIM with the optimal denoiser of 60,000 images: nothing new is generated",
    check=ends_at_images,
    controls=[Control("the network", source="network")],
)
origin(
    "network-generates",
    r"E\min_i |r_\theta(\hat x_s, s) - x_i| \ge \tfrac12 E\min_i |x_{\mathrm{test}} - x_i|",
    form="reading",
    conditions="the same noises: what is new comes from the deviation of the learned score",
    check=ends_as_far,
    controls=[Control("the optimal denoiser", source="ideal"), Control("5 times", share=2.5)],
)

matched = experiment.about(
    "small-noise-needs-matched-sigma",
    Source("000", "slide 'Intuitions on error model'"),
    kind="empirical",
)
NOISED = "noised training images, true noise 0.3, 1, 3, 10"
matched(
    "not-larger",
    r"E\,\eta(\sigma_{\mathrm{true}}) \le E\,\eta(4\sigma_{\mathrm{true}})",
    form="as stated",
    conditions=f"the network; {NOISED}",
    check=told_closer,
    second=4.0,
    controls=[Control("the other way round", first=4.0, second=1.0)],
)
matched(
    "not-smaller",
    r"E\,\eta(\sigma_{\mathrm{true}}) \le E\,\eta(\sigma_{\mathrm{true}}/4)",
    form="as stated",
    conditions=f"the network; {NOISED}",
    check=told_closer,
    controls=[
        Control("the ideal denoiser", denoiser="ideal"),
        Control("the other way round", first=0.25, second=1.0),
    ],
)
matched(
    "ideal",
    r"\mathrm{median}[\eta(\sigma_{\mathrm{true}}/4) - \eta(\sigma_{\mathrm{true}})] \le 0",
    # Of its differences most are 0 at small noise: Student's interval does not hold for them.
    conditions=f"the ideal denoiser; {NOISED}: told less it projects better, nothing to match",
    method="sign",
    check=told_closer,
    denoiser="ideal",
    first=0.25,
    second=1.0,
    controls=[Control("the network", denoiser="network")],
)
