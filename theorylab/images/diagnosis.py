r"""What the theory predicts about a denoiser, measured on one: every number has a reference value.

calibration   E|eps|^2/n + E|D - x0|^2/(sigma^2 n)   1 for a posterior mean (orthogonality)
asymmetry     |J - J^T| / |J + J^T| of D's Jacobian  0 for a posterior mean (D - x = grad)
score gap     |D - D*|/sigma sqrt(n), D* the ideal denoiser of the data
eta, nu       the relative-error model of Permenter & Yuan 2024 along DDIM, K = the data
deviation     of sampling and denoising trajectories from their chords, relative to them
monotone      share of steps that come nearer to the end
cycle         |x' - x|/|x - mean| after encoding to sigma_max and decoding again
step error    distance of N-step gradient estimation from the flow's end, by gamma and N
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from theorylab.diffusion.admissibility import log_linear_beta
from theorylab.diffusion.denoisers import Denoiser, checked
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.samplers import ddim, gradient_estimation, heun
from theorylab.diffusion.schedules import log_linear
from theorylab.diffusion.trajectory_geometry import distance_to_end, relative_deviation
from theorylab.errors import UsageError
from theorylab.images.datasets import ImageData, as_float
from theorylab.images.models import Model
from theorylab.images.pictures import draw_noise
from theorylab.images.training import with_channels

GAMMAS = (1.0, 1.5, 2.0, 2.5, 3.0)
STEPS = (5, 10, 20)
LEVELS = 12
FINE = 40  # steps of Heun's method that stand for the flow itself
BAND = 2.0  # nu within [1/2, 2] counts as inside the error model's band


def diagnose(
    model: Model,
    data: ImageData | None = None,
    *,
    samples: int = 64,
    seed: int = 0,
    device: str = "cpu",
    say: Callable[[str], None] = lambda text: None,
) -> xr.Dataset:
    """Measure everything in the table above; what needs data is left out without them.

    samples: trajectories, and noised images a level. One dataset; dims sigma (levels, largest
    first), gamma, steps. Without data, the model's own samples are noised.

    Raises UsageError where the model does not know its shape and there are no data, or where the
    data have another one; DenoiserError for outputs that are not finite or of another shape.
    """
    event = _event(model, data)
    denoiser = checked(model.denoiser)
    low, high = model.sigmas
    sigmas = log_linear(LEVELS - 1, max(low, 0.01), min(high, 80.0))
    noise = draw_noise(model._replace(event=event), samples, 1.0, seed).to(device)
    with torch.no_grad():
        say("the flow")
        fine = log_linear(FINE, float(sigmas[-1]), float(sigmas[0]))
        ends = _last(heun(denoiser, noise * float(sigmas[0]), fine))
        found = {}
        points = None
        if data is not None:
            points = IdealDenoiser(
                with_channels(data.images) if data.maximum == 255 else _floats(data)
            )
            x0 = _some(data, samples, seed).to(device)
        else:
            x0 = denoiser(ends, float(sigmas[-1]))
        say("calibration and symmetry")
        found |= _levels(denoiser, x0, sigmas, seed, points)
        say("trajectories")
        found |= _trajectories(denoiser, noise, sigmas, points, data)
        say("gamma and steps")
        found |= _step_errors(denoiser, noise, ends, sigmas)
        say("cycle")
        found |= _cycle(denoiser, x0, sigmas, seed)
    coordinates = {"sigma": sigmas.numpy(), "gamma": list(GAMMAS), "steps": list(STEPS)}
    dataset = xr.Dataset(found, coordinates)
    dataset.attrs = {"n": str(math.prod(event)), "samples": str(samples), "seed": str(seed)}
    return dataset


def findings(d: xr.Dataset) -> list[tuple[str, str, str]]:
    """(what, measured, what the theory expects) for a table, from a diagnosis."""
    rows = [
        _row("calibration", d.calibration, "1 at every sigma"),
        _row("asymmetry of the Jacobian", d.asymmetry, "0 at every sigma"),
    ]
    if "eta" in d:
        inside = (d.eta < 1) & (d.nu < BAND) & (d.nu > 1 / BAND)
        rows.append(_row("relative error eta", d.eta, "below 1; small where D projects"))
        rows.append(_row("nu = dist/(sqrt(n) sigma)", d.nu, "1"))
        place = _from_the_top(inside.values)
        if place == 0:
            rows.append(("projection model holds", "nowhere", "for all but the smallest sigma"))
        else:
            lowest = float(d.sigma[place - 1])
            rows.append(
                ("projection model holds", f"for sigma >= {lowest:.3g}", "down to 0 if D projects")
            )
            eta = float(d.eta[:place].max())
            rows.append(
                (
                    "admissible log-linear schedule",
                    admissible(d, place, eta),
                    f"from eta = {eta:.3f}",
                )
            )
        rows.append(_row("gap to the ideal denoiser", d.score_gap, "0 if it memorises"))
    rows += [
        _row("deviation of sampling paths", d.sampling_deviation, "0 if straight"),
        _row("deviation of denoising paths", d.denoising_deviation, "larger"),
        _row("steps that come nearer", d.monotone, "1"),
        _row("cycle error", d.cycle_error, "0"),
    ]
    best = d.step_error.idxmin("gamma")
    for n in d.steps.values:
        gamma = float(best.sel(steps=n))
        error = float(d.step_error.sel(steps=n, gamma=gamma))
        plain = float(d.step_error.sel(steps=n, gamma=1.0))
        rows.append(
            (
                f"best gamma at N = {n}",
                f"{gamma:g} (error {error:.3f}; DDIM {plain:.3f})",
                "2 at few steps",
            )
        )
    return rows


def admissible(d: xr.Dataset, place: int, eta: float) -> str:
    """The fewest log-linear steps that the error model admits over the range where it holds."""
    ratio = float(d.sigma[0] / d.sigma[place - 1])
    for n in range(1, 1001):
        beta = log_linear_beta(eta, BAND, n)
        if beta == 1 or n * -math.log1p(-beta) >= math.log(ratio):
            return f"{n} steps over a ratio {ratio:.3g}"
    return f"none within 1000 steps over a ratio {ratio:.3g}"


def _event(model: Model, data: ImageData | None) -> tuple[int, ...]:
    shape = None if data is None else tuple(with_channels(data.images[:1]).shape[1:])
    if model.event is not None and shape is not None and tuple(model.event) != shape:
        raise UsageError(f"the model denoises {tuple(model.event)}, the images are {shape}")
    if model.event is None and shape is None:
        raise UsageError(
            "the model does not say what it denoises: give --data, or set its attribute event to "
            "(channels, height, width)"
        )
    return tuple(model.event or shape)


def _levels(denoiser: Denoiser, x0: Tensor, sigmas: Tensor, seed: int, points) -> dict:
    n = x0[0].numel()
    rows = []
    for k, sigma in enumerate(sigmas.tolist()):
        generator = torch.Generator().manual_seed(seed + 1 + k)
        noise, u, v = (_normal(x0, generator) for _ in range(3))
        x = x0 + sigma * noise
        denoised = denoiser(x, sigma)
        square = ((x - denoised) / sigma).flatten(1).square().sum(1).mean() / n
        error = (denoised - x0).flatten(1).square().sum(1).mean() / (sigma**2 * n)
        forth, back = (_directional(denoiser, x, sigma, *pair) for pair in ((u, v), (v, u)))
        asymmetry = (forth - back).square().mean() / (forth + back).square().mean().clamp(min=1e-30)
        gap = float("nan")
        if points is not None:
            best = points(x.cpu().double(), sigma).to(x)
            gap = float((denoised - best).flatten(1).norm(dim=1).mean() / (sigma * n**0.5))
        rows.append((float(square + error), float(square), float(asymmetry.sqrt()), gap))
    names = ("calibration", "eps_square", "asymmetry", "score_gap")
    found = {k: ("sigma", np.array(c)) for k, c in zip(names, zip(*rows, strict=True), strict=True)}
    if points is None:
        del found["score_gap"]
    return found


def _directional(denoiser: Denoiser, x: Tensor, sigma: float, u: Tensor, v: Tensor) -> Tensor:
    """u . J v of each row, by automatic differentiation where there is any, else by differences."""
    with torch.enable_grad():
        at = x.clone().requires_grad_()
        out = denoiser(at, sigma)
        if out.requires_grad:
            (back,) = torch.autograd.grad((out * u).sum(), at)
            return (back * v).flatten(1).sum(1)
    h = 1e-2 * max(sigma, 0.1)
    slope = (denoiser(x + h * v, sigma) - denoiser(x - h * v, sigma)) / (2 * h)
    return (slope * u).flatten(1).sum(1)


def _trajectories(denoiser: Denoiser, noise: Tensor, sigmas: Tensor, points, data) -> dict:
    n = noise[0].numel()
    states, denoised, eta, nu = [], [], [], []
    for x, sigma in zip(
        ddim(denoiser, noise * float(sigmas[0]), sigmas), sigmas.tolist(), strict=True
    ):
        states.append(x.flatten(1).cpu().double())
        output = denoiser(x, sigma)
        denoised.append(output.flatten(1).cpu().double())
        if points is not None:
            wide = x.cpu().double()
            found = points.posterior(wide, sigma)
            nearest = _floats(data._replace(images=data.images[found.index]))
            distance = found.distance
            eta.append(
                float(
                    (
                        (output.cpu().double() - nearest.double()).flatten(1).norm(dim=1) / distance
                    ).mean()
                )
            )
            nu.append(float((distance / (n**0.5 * sigma)).mean()))
    path, clean = torch.stack(states), torch.stack(denoised)
    far = distance_to_end(path)
    result = {
        "sampling_deviation": float(relative_deviation(path).mean()),
        "denoising_deviation": float(relative_deviation(clean).mean()),
        "monotone": float((far[1:] < far[:-1]).double().mean()),
    }
    if points is not None:
        result |= {"eta": ("sigma", eta), "nu": ("sigma", nu)}
    return result


def _step_errors(denoiser: Denoiser, noise: Tensor, ends: Tensor, sigmas: Tensor) -> dict:
    high, low = float(sigmas[0]), float(sigmas[-1])
    scale = float((ends - ends.mean(0)).square().mean().sqrt())
    table = [
        [
            float(
                (
                    _last(
                        gradient_estimation(
                            denoiser, noise * high, log_linear(n, low, high), gamma=g
                        )
                    )
                    - ends
                )
                .square()
                .mean()
                .sqrt()
            )
            / scale
            for n in STEPS
        ]
        for g in GAMMAS
    ]
    note = {"long_name": "r.m.s. distance from the flow's end over the samples' deviation"}
    return {"step_error": (("gamma", "steps"), np.array(table), note)}


def _cycle(denoiser: Denoiser, x0: Tensor, sigmas: Tensor, seed: int) -> dict:
    """Encode by the flow upwards (Heun in log-linear steps), decode by the same steps downwards."""
    path = log_linear(FINE, float(sigmas[-1]), float(sigmas[0])).tolist()
    x = x0 + path[-1] * _normal(x0, torch.Generator().manual_seed(seed))
    start = x
    for low, high in zip(path[::-1], path[-2::-1], strict=False):
        slope = (x - denoiser(x, low)) / low
        ahead = x + (high - low) * slope
        x = x + (high - low) / 2 * (slope + (ahead - denoiser(ahead, high)) / high)
    back = _last(heun(denoiser, x, path))
    error = (back - start).flatten(1).norm(dim=1)
    return {"cycle_error": float((error / (start - start.mean(0)).flatten(1).norm(dim=1)).mean())}


def _row(what: str, values: xr.DataArray, expected: str) -> tuple[str, str, str]:
    low, high = float(values.min()), float(values.max())
    return what, f"{low:.3g}" if values.ndim == 0 else f"{low:.3g} to {high:.3g}", expected


def _from_the_top(inside: np.ndarray) -> int:
    """How many entries hold without a break, from the first on."""
    return len(inside) if inside.all() else int(np.argmin(inside))


def _last(states) -> Tensor:
    for state in states:
        last = state
    return last


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like)


def _floats(data: ImageData) -> Tensor:
    return with_channels(as_float(data, torch.float32))


def _some(data: ImageData, count: int, seed: int) -> Tensor:
    rows = torch.randperm(len(data.images), generator=torch.Generator().manual_seed(seed))[:count]
    return _floats(data._replace(images=data.images[rows]))
