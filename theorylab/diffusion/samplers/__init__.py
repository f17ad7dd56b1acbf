"""Samplers: ``sampler(denoiser, x, sigmas, ...)`` yields every state along decreasing sigmas."""

from theorylab.diffusion.samplers.analytic_ddim import analytic_ddim
from theorylab.diffusion.samplers.ancestral import ancestral, ddpm
from theorylab.diffusion.samplers.ddim import ddim, euler
from theorylab.diffusion.samplers.deis import deis
from theorylab.diffusion.samplers.dpm_solver_pp import dpm_solver_pp
from theorylab.diffusion.samplers.dps_yt import dps_yt
from theorylab.diffusion.samplers.edm_stochastic import edm_stochastic
from theorylab.diffusion.samplers.gradient_estimation import gradient_estimation
from theorylab.diffusion.samplers.ipndm import ipndm, ipndm_v
from theorylab.diffusion.samplers.lms import lms
from theorylab.diffusion.samplers.noise_mixing import noise_mixing
from theorylab.diffusion.samplers.ode_jump import ode_jump
from theorylab.diffusion.samplers.pndm import pndm
from theorylab.diffusion.samplers.runge_kutta import heun, midpoint, rk4
from theorylab.diffusion.samplers.states import StateError
from theorylab.diffusion.samplers.unipc import unipc

__all__ = [
    "StateError",
    "analytic_ddim",
    "ancestral",
    "ddim",
    "ddpm",
    "deis",
    "dpm_solver_pp",
    "dps_yt",
    "edm_stochastic",
    "euler",
    "gradient_estimation",
    "heun",
    "ipndm",
    "ipndm_v",
    "lms",
    "midpoint",
    "noise_mixing",
    "ode_jump",
    "pndm",
    "rk4",
    "unipc",
]
