"""Samplers: ``sampler(denoiser, x, sigmas, ...)`` yields every state along decreasing sigmas."""

from theorylab.diffusion.samplers.ddim import ddim
from theorylab.diffusion.samplers.states import StateError

__all__ = ["StateError", "ddim"]
