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
    start = draw_noise(model._replace(event=event), samples, float(sigmas[0]), seed).to(device)
    with torch.no_grad():
        say("the flow")
        falling = _with_known_start(denoiser, start, float(sigmas[0]))
        ends = _last(heun(falling, start, log_linear(FINE, float(sigmas[-1]), float(sigmas[0]))))
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
        found |= _trajectories(falling, start, sigmas, points, data)
        say("gamma and steps")
        found |= _step_errors(falling, start, ends, sigmas)
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
        denoised, forth, back = _both_ways(denoiser, x, sigma, u, v)
        square = ((x - denoised) / sigma).flatten(1).square().sum(1).mean() / n
        error = (denoised - x0).flatten(1).square().sum(1).mean() / (sigma**2 * n)
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


def _both_ways(denoiser: Denoiser, x: Tensor, sigma: float, u: Tensor, v: Tensor) -> tuple:
    """D, and u . J v and v . J u of each row.

    By automatic differentiation of the one evaluation where that goes, else by differences.
    """
    with torch.enable_grad():
        at = x.clone().requires_grad_()
        out = denoiser(at, sigma)
        if out.requires_grad:
            (from_u,) = torch.autograd.grad((out * u).sum(), at, retain_graph=True)
            (from_v,) = torch.autograd.grad((out * v).sum(), at)
            along = (from_u * v).flatten(1).sum(1), (from_v * u).flatten(1).sum(1)
            return out.detach(), *along
    h = 1e-2 * max(sigma, 0.1)
    slope = lambda w: (denoiser(x + h * w, sigma) - denoiser(x - h * w, sigma)) / (2 * h)
    return out, (slope(v) * u).flatten(1).sum(1), (slope(u) * v).flatten(1).sum(1)


def _trajectories(denoiser: Denoiser, start: Tensor, sigmas: Tensor, points, data) -> dict:
    n = start[0].numel()
    levels, outputs = sigmas.tolist(), []

    def kept(x: Tensor, sigma: float) -> Tensor:
        outputs.append(denoiser(x, sigma))
        return outputs[-1]

    path = list(ddim(kept, start, sigmas))
    kept(path[-1], levels[-1])
    eta, nu = [], []
    for x, output, sigma in zip(path, outputs, levels, strict=True):
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
    path, clean = (torch.stack([x.flatten(1).cpu().double() for x in p]) for p in (path, outputs))
    far = distance_to_end(path)
    result = {
        "sampling_deviation": float(relative_deviation(path).mean()),
        "denoising_deviation": float(relative_deviation(clean).mean()),
        "monotone": float((far[1:] < far[:-1]).double().mean()),
    }
    if points is not None:
        result |= {"eta": ("sigma", eta), "nu": ("sigma", nu)}
    return result


def _step_errors(denoiser: Denoiser, start: Tensor, ends: Tensor, sigmas: Tensor) -> dict:
    high, low = float(sigmas[0]), float(sigmas[-1])
    scale = float((ends - ends.mean(0)).square().mean().sqrt())
    table = [
        [
            float(
                (
                    _last(gradient_estimation(denoiser, start, log_linear(n, low, high), gamma=g))
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


def _with_known_start(denoiser: Denoiser, start: Tensor, sigma: float) -> Denoiser:
    """The same denoiser for paths that all leave ``start`` at ``sigma``: asked there only once."""
    first = denoiser(start, sigma)
    return lambda x, level: first if level == sigma and x is start else denoiser(x, level)


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
