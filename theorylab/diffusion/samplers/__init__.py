"""Samplers: ``sampler(denoiser, x, sigmas, ...)`` yields every state along decreasing sigmas."""

from theorylab.diffusion.samplers.analytic_ddim import analytic_ddim
from theorylab.diffusion.samplers.ancestral import ancestral, ddpm
from theorylab.diffusion.samplers.ddim import ddim, euler
from theorylab.diffusion.samplers.edm_stochastic import edm_stochastic
from theorylab.diffusion.samplers.gradient_estimation import gradient_estimation
from theorylab.diffusion.samplers.runge_kutta import heun, midpoint, rk4
from theorylab.diffusion.samplers.states import StateError

__all__ = [
    "StateError",
    "analytic_ddim",
    "ancestral",
    "ddim",
    "ddpm",
    "edm_stochastic",
    "euler",
    "gradient_estimation",
    "heun",
    "midpoint",
    "rk4",
]
