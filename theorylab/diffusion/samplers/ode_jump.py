"""ODE-Jump: leave the trajectory early, and answer with the denoiser's output."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.samplers.runge_kutta import heun
from theorylab.diffusion.schedules import check_sigmas


def ode_jump(
    denoiser: Denoiser,
    x: Tensor,
    sigmas: Tensor | Iterable[float],
    *,
    jump: float,
    solver: Callable[..., Iterator[Tensor]] = heun,
) -> Iterator[Tensor]:
    r"""Yield the states of ``solver`` along ``sigmas >= jump``, and last ``D(x_s, s)``.

    ``s`` is the least of ``sigmas`` that is at least ``jump``. The jump is one Euler step from s to
    0, ``x_s - s eps(x_s, s) = D(x_s, s)``. Chen et al. 2023 (arXiv 2305.19947), figure 5, after
    "ODE-Jump"; with the exact flow down to s its error is at most that of denoising,
    ``W2(law of D(x_s, s), p_0)^2 <= E|x_0 - D(x_s, s)|^2``.

    ``x``: ``(batch, *event)``, the state at ``sigmas[0]``; ``solver``: a deterministic sampler of
    this package, by default EDM's. Yields one state for each sigma kept, and the output. Raises
    ``ValueError`` at once for invalid sigmas and for a ``jump`` that is not in
    ``(0, sigmas[0]]``; else as the solver does.
    """
    levels = check_sigmas(sigmas)
    if not 0 < jump <= float(levels[0]):
        raise ValueError(
            f"jump must lie above 0 and not above the first sigma, {levels[0].item():g}; got {jump}"
        )
    kept = levels[levels >= torch.tensor(jump, dtype=torch.float64)]
    return solver(denoiser, x, kept, final_denoise=True)
