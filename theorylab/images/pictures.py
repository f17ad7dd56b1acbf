"""Images as pictures: grids of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from theorylab import store
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import append_zero, edm
from theorylab.images.models import Model, load_model


def grid(images: Tensor, columns: int, scale: int = 1) -> np.ndarray:
    """uint8 (rows height, columns width[, 3]) from images in [-1, 1], (N, channels, height, width).

    Clipped, not stretched; a black frame one pixel wide; what is missing of the last row is black.
    """
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu()
    cells = torch.zeros(rows * columns, channels, height + 2, width + 2, dtype=torch.uint8)
    cells[:count, :, 1:-1, 1:-1] = pixels
    sheet = cells.reshape(rows, columns, channels, height + 2, width + 2)
    sheet = sheet.permute(0, 3, 1, 4, 2).reshape(
        rows * (height + 2), columns * (width + 2), channels
    )
    return sheet.numpy().repeat(scale, 0).repeat(scale, 1).squeeze(-1 if channels == 1 else ())


def draw_noise(model: Model, count: int, sigma: float, seed: int) -> Tensor:
    """Initial states sigma * N(0, I), float32 (count, *event), drawn on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return sigma * torch.randn((count, *model.event), generator=generator)


def save_samples(checkpoint: Path, path: Path, *, device: str = "cpu", count: int = 64) -> None:
    """Draw ``count`` samples with DDIM in 30 steps and write them as a PNG."""
    from PIL import Image

    model = load_model(checkpoint, device=device)
    x = draw_noise(model, count, model.sigmas[1], seed=0).to(device)
    with torch.inference_mode():
        for state in ddim(
            model.denoiser, x, append_zero(edm(29, model.sigmas[0], model.sigmas[1]))
        ):
            x = state
    sheet = grid(x, columns=int(count**0.5), scale=2 if x.shape[-1] < 64 else 1)
    store.write_atomically(path, lambda place: Image.fromarray(sheet).save(place, format="png"))
