"""Denoisers from checkpoints: our own, a diffusers folder, or any ``module:callable``."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from theorylab.diffusion.denoisers import (
    Denoiser,
    Sigma,
    denoised_from_eps,
    denoised_from_velocity,
    expand_sigma,
    sigma_from_alpha_bar,
    vp_from_ve,
)
from theorylab.diffusion.schedules import cosine_grid, ddpm_grid, scaled_linear_grid
from theorylab.errors import StorageError, UsageError
from theorylab.images import checkpoints
from theorylab.images.network import Architecture, UNetDenoiser
from theorylab.images.training import prefers_bfloat16


class Model(NamedTuple):
    """A denoiser with what is known about it.

    event: (channels, height, width), or None where only the caller knows. sigmas: the smallest and
    largest noise level it was made for. about: for captions and provenance, JSON values.
    """

    denoiser: Denoiser
    event: tuple[int, ...] | None
    sigmas: tuple[float, float]
    about: dict


def load_model(name: str | Path, *, device: str = "cpu") -> Model:
    """A `Model` from a checkpoint or shipped name, a diffusers folder, or ``module:callable``.

    Raises UsageError for something that is none of these, StorageError (or Missing) for one that
    cannot be used, saying why.
    """
    path = Path(name)
    if path.is_dir() and (path / "model_index.json").is_file():
        return from_diffusers(path, device=device)
    if path.is_dir() and (path / "config.json").is_file():
        raise StorageError(
            f"{path} holds a diffusers network without its scheduler, and without that its noise "
            "levels are unknown: give the folder of the whole pipeline (model_index.json, "
            "unet/, scheduler/)"
        )
    if ":" in str(name) and not path.exists():
        return from_callable(str(name))
    return from_checkpoint(checkpoints.resolve(name), device=device)


def from_checkpoint(path: Path, *, device: str = "cpu", low_precision: bool | None = None) -> Model:
    """Our own network from ``path``. bfloat16 inside where the device computes it, unless given."""
    card = checkpoints.read_card(path)
    if "architecture" not in card:
        raise StorageError(f"{path} is no denoiser: its card is of a {card.get('kind', 'thing')}")
    try:
        architecture = Architecture.from_dict(card["architecture"])
    except ValueError as error:
        raise StorageError(f"{path.with_suffix('.json')}: {error}") from error
    low = prefers_bfloat16(device) if low_precision is None else low_precision
    network = UNetDenoiser(architecture, low_precision=low)
    checkpoints.fill(network, checkpoints.read_weights(path, card), path)
    network.eval().requires_grad_(False)
    network.to(device, memory_format=torch.channels_last)
    about = {
        "name": path.stem,
        **{k: card[k] for k in ("data", "weights_sha256", "steps") if k in card},
    }
    return Model(network, tuple(architecture.image), (0.01, 80.0), about)


def from_diffusers(folder: Path, *, device: str = "cpu") -> Model:
    r"""A saved ``DDPMPipeline`` (or any with ``unet`` and ``scheduler``) as a denoiser.

    The scheduler's cumulative :math:`\bar\alpha_t` give :math:`\sigma_t`; sigma is turned into the
    network's time by interpolating :math:`\ln\sigma_t` (linearly; times are then not whole). The
    network sees :math:`z = x/\sqrt{1+\sigma^2}`; its output is read as the scheduler's
    ``prediction_type`` says: epsilon, sample or v_prediction.
    """
    try:
        from diffusers import UNet2DModel
    except ModuleNotFoundError as error:
        raise UsageError(
            "diffusers models need diffusers: python -m pip install 'theorylab[images]'"
        ) from error
    config_path = folder / "scheduler" / "scheduler_config.json"
    if not config_path.is_file():
        raise StorageError(
            f"{folder} has no scheduler/scheduler_config.json: without it the noise levels of the "
            "network are unknown; save the whole pipeline"
        )
    try:
        config = json.loads(config_path.read_text())
        with torch.random.fork_rng(devices=[]):  # weights are drawn before they are read
            unet = UNet2DModel.from_pretrained(folder / "unet", use_safetensors=True)
    except (OSError, ValueError) as error:
        raise StorageError(f"{folder} cannot be loaded as a diffusers pipeline: {error}") from error
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in ("epsilon", "sample", "v_prediction"):
        raise StorageError(f"{config_path}: unknown prediction_type {prediction!r}")
    sigmas = _levels(config, config_path)
    denoiser = DiffusersDenoiser(unet.eval().requires_grad_(False).to(device), sigmas, prediction)
    side = unet.config.sample_size
    height, width = side if isinstance(side, list | tuple) else (side, side)
    event = (unet.config.in_channels, height, width)
    about = {
        "name": folder.name,
        "diffusers": {"prediction_type": prediction, "levels": len(sigmas)},
    }
    return Model(denoiser, event, (float(sigmas[0]), float(sigmas[-1])), about)


class DiffusersDenoiser(nn.Module):
    """``denoiser(x, sigma)`` from a diffusers network; sigmas (T,) increasing, float64."""

    def __init__(self, unet: nn.Module, sigmas: Tensor, prediction: str):
        super().__init__()
        self.unet, self.prediction = unet, prediction
        self.logs = sigmas.log()

    def time(self, level: Tensor) -> Tensor:
        """The network's time of each level, (batch,): ln sigma_t interpolated, ends held."""
        logs = level.reshape(-1).double().cpu().log()
        above = torch.searchsorted(self.logs, logs).clamp(1, len(self.logs) - 1)
        low, high = self.logs[above - 1], self.logs[above]
        return (above - 1 + ((logs - low) / (high - low)).clamp(0, 1)).to(level)

    def forward(self, x: Tensor, sigma: Sigma) -> Tensor:
        level = expand_sigma(sigma, x, allow_zero=False)
        scaled = vp_from_ve(x, sigma).to(self.unet.dtype)
        output = self.unet(scaled, self.time(level)).sample[:, : x.shape[1]].to(x.dtype)
        if self.prediction == "sample":
            return output
        convert = denoised_from_eps if self.prediction == "epsilon" else denoised_from_velocity
        return convert(output, x, sigma)


def from_callable(name: str) -> Model:
    """Any denoiser (x, sigma) -> D as ``module:callable``.

    Its attributes ``event`` and ``sigmas``, if any, are taken as `Model` says. The current
    folder is searched too. Raises UsageError where there is no such thing.
    """
    module_name, _, attribute = name.partition(":")
    sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(f"{name}: there is no module {error.name!r} to import") from error
    finally:
        sys.path.remove("")
    found = getattr(module, attribute, None)
    if not callable(found):
        raise UsageError(f"{name}: the module {module_name} has no callable {attribute!r}")
    event = getattr(found, "event", None)
    sigmas = getattr(found, "sigmas", (0.01, 80.0))
    return Model(found, tuple(event) if event else None, tuple(map(float, sigmas)), {"name": name})


def _levels(config: dict, path: Path) -> Tensor:
    """The noise levels the network was trained on, float64 (T,), increasing."""
    count = config.get("num_train_timesteps", 1000)
    ends = config.get("beta_start", 1e-4), config.get("beta_end", 0.02)
    kind = config.get("beta_schedule", "linear")
    if config.get("trained_betas") is not None:
        betas = torch.tensor(config["trained_betas"], dtype=torch.float64)
        return sigma_from_alpha_bar(torch.cumprod(1 - betas, 0))
    grids = {
        "linear": lambda: ddpm_grid(count, *ends),
        "scaled_linear": lambda: scaled_linear_grid(count, *ends),
        "squaredcos_cap_v2": lambda: cosine_grid(count),
    }
    if kind not in grids:
        raise StorageError(
            f"{path}: beta_schedule {kind!r} is not known here; known are {', '.join(grids)}, and "
            "explicit trained_betas"
        )
    return grids[kind]().flip(0)
