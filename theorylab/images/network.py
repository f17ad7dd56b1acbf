r"""A small U-Net as a denoiser: EDM preconditioning around a network with a space-to-depth stem.

    D(x, sigma) = c_skip x + c_out F(c_in x, c_noise)

with :math:`c_{skip} = \sigma_d^2/(\sigma^2+\sigma_d^2)`,
:math:`c_{out} = \sigma\sigma_d/\sqrt{\sigma^2+\sigma_d^2}`,
:math:`c_{in} = 1/\sqrt{\sigma^2+\sigma_d^2}`, :math:`c_{noise} = \ln(\sigma)/4`
(Karras et al. 2022, arXiv 2206.00364, table 1 and eq. 7). :math:`\sigma_d^2` is the mean square of
a pixel of the data.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from theorylab.diffusion.denoisers import Sigma, expand_sigma
from theorylab.images.initial import build


@dataclass(frozen=True)
class Architecture:
    """What determines the network's shape.

    image: channels, height, width. patch: side of the squares that the stem folds into channels.
    channels: of each level, the first at height / patch, each next one at half of it. blocks:
    residual blocks a level on the way down (one more on the way up). embedding: width of the noise
    level's embedding. sigma_data: see the module. Attention is at the lowest level.

    Raises ValueError for an image whose sides the stem and the levels do not divide.
    """

    image: tuple[int, int, int]
    patch: int = 2
    channels: tuple[int, ...] = (64, 64)
    blocks: int = 1
    embedding: int = 256
    sigma_data: float = 0.5

    def __post_init__(self):
        step = self.patch * 2 ** (len(self.channels) - 1)
        _, height, width = self.image
        if min(self.image) < 1 or height % step or width % step:
            raise ValueError(
                f"images of {height} x {width} cannot be halved {len(self.channels) - 1} times "
                f"behind a stem of patch {self.patch}: both sides must be multiples of {step}"
            )
        if any(c < 8 or c % 8 for c in self.channels):
            raise ValueError(f"channels must be multiples of 8, got {self.channels}")

    def as_dict(self) -> dict:
        """For a JSON card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Architecture:
        """The inverse of `as_dict`; raises ValueError for missing or unknown fields."""
        try:
            lists = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**lists)
        except TypeError as error:
            raise ValueError(f"not an architecture: {error}") from error


class UNetDenoiser(nn.Module):
    """``denoiser(x, sigma) -> D``: x (batch, channels, height, width), in the dtype of x.

    sigma as `expand_sigma` takes it, positive. The convolutions run in bfloat16 where
    ``low_precision`` is set, the preconditioning always in the dtype of x (at least float32).
    Initial weights are drawn from ``generator`` (without one, from seed 0).
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        low_precision: bool = False,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        self.architecture = architecture
        self.low_precision = low_precision
        self.net = build(lambda: _UNet(architecture), generator)

    def forward(self, x: Tensor, sigma: Sigma) -> Tensor:
        if tuple(x.shape[1:]) != tuple(self.architecture.image):
            raise ValueError(
                f"this network denoises images of shape {tuple(self.architecture.image)} "
                f"(channels, height, width); got {tuple(x.shape[1:])}"
            )
        level = expand_sigma(sigma, x, allow_zero=False)
        skip, out, into = self.coefficients(level)
        return skip * x + out * self.raw(into * x, level).to(x.dtype)

    def coefficients(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``c_skip, c_out, c_in`` of levels of any shape."""
        s = self.architecture.sigma_data
        total = level.square() + s * s
        return s * s / total, level * s / total.sqrt(), 1 / total.sqrt()

    def raw(self, scaled: Tensor, level: Tensor) -> Tensor:
        """``F``, float32 or more: ``scaled`` is c_in x, ``level`` (batch, 1, 1, 1)."""
        scaled = scaled.to(torch.float32).contiguous(memory_format=torch.channels_last)
        noise = level.reshape(-1).to(torch.float32).log() / 4
        with torch.autocast(scaled.device.type, torch.bfloat16, enabled=self.low_precision):
            return self.net(scaled, noise).float()


class _UNet(nn.Module):
    def __init__(self, a: Architecture):
        super().__init__()
        folded = a.image[0] * a.patch**2
        self.patch = a.patch
        self.register_buffer(
            "frequencies", torch.exp(torch.linspace(0, math.log(64), 32)), persistent=False
        )
        self.embed = nn.Sequential(
            nn.Linear(64, a.embedding), nn.SiLU(), nn.Linear(a.embedding, a.embedding), nn.SiLU()
        )
        self.stem = nn.Conv2d(folded, a.channels[0], 3, padding=1)
        down, up, width, kept = [], [], a.channels[0], [a.channels[0]]
        last = len(a.channels) - 1
        for k, channels in enumerate(a.channels):
            if k:
                down.append(_Resample(width, scale=0.5))
                kept.append(width)
            for _ in range(a.blocks):
                down.append(_Block(width, channels, a.embedding, attention=k == last))
                width = channels
                kept.append(width)
        self.middle = _Block(width, width, a.embedding, attention=True)
        for k, channels in reversed(list(enumerate(a.channels))):
            for _ in range(a.blocks + 1):
                up.append(_Block(width + kept.pop(), channels, a.embedding, attention=False))
                width = channels
            if k:
                up.append(_Resample(width, scale=2))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.norm = _ChannelNorm(width)
        self.head = nn.Conv2d(width, folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        angles = noise[:, None] * self.frequencies
        embedding = self.embed(torch.cat([angles.sin(), angles.cos()], 1))
        h = self.stem(functional.pixel_unshuffle(x, self.patch))
        kept = [h]
        for layer in self.down:
            h = layer(h, embedding)
            kept.append(h)
        h = self.middle(h, embedding)
        for layer in self.up:
            if isinstance(layer, _Block):
                h = torch.cat([h, kept.pop()], 1)
            h = layer(h, embedding)
        return functional.pixel_shuffle(self.head(functional.silu(self.norm(h))), self.patch)


class _Block(nn.Module):
    """Residual block, scaled and shifted by the noise level; self-attention after it on request."""

    def __init__(self, inward: int, outward: int, embedding: int, *, attention: bool):
        super().__init__()
        self.norm1 = _ChannelNorm(inward)
        self.conv1 = nn.Conv2d(inward, outward, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * outward)
        self.norm2 = _ChannelNorm(outward)
        self.conv2 = nn.Conv2d(outward, outward, 3, padding=1)
        self.skip = nn.Conv2d(inward, outward, 1) if inward != outward else nn.Identity()
        self.attention = _Attention(outward) if attention else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        scale, shift = self.modulate(embedding)[:, :, None, None].chunk(2, 1)
        h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        return self.attention(self.skip(x) + self.conv2(functional.silu(h)))


class _Attention(nn.Module):
    """Self-attention over the pixels, heads of 32 channels or of all where they do not divide.

    Written as two products: the CPU's fused attention has a backward pass that took more than a
    third of a training step.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.heads = max(1, channels // 32)
        self.norm = _ChannelNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        q, k, v = (
            self.qkv(self.norm(x))
            .flatten(2)
            .reshape(batch * self.heads, 3, channels // self.heads, height * width)
            .unbind(1)
        )
        weight = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(q.shape[1]), -1)
        mixed = (v @ weight.transpose(1, 2)).reshape(batch, channels, height, width)
        return x + self.out(mixed)


class _ChannelNorm(nn.LayerNorm):
    """Normalisation over the channels of each pixel.

    On channels-last images it reads memory in order: several times faster on a CPU than
    normalisation over groups, which took a quarter of a training step.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Resample(nn.Module):
    def __init__(self, channels: int, *, scale: float):
        super().__init__()
        stride = 2 if scale < 1 else 1
        self.scale = scale
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, stride=stride)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        return self.conv(x if self.scale < 1 else functional.interpolate(x, scale_factor=2.0))
