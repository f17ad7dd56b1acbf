r"""Measuring a trajectory against a set: relative projection error and the band of the error model.

Permenter & Yuan 2024 (arXiv 2306.04848), "Projection with relative error": near the set K,

    dist/nu <= sqrt(n) sigma <= nu dist   implies   |sigma eps - (x - proj(x))| <= eta dist(x),

with n the ambient dimension, ``dist = dist_K(x)`` and ``sigma eps = x - D(x, sigma)``.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.manifolds import ClosedSet
from theorylab.diffusion.schedules import check_sigmas


class Tracking(NamedTuple):
    """Float64, one row per state: ``sigma (T,)``; ``distance, eta, nu (T, batch)``.

    ``eta`` is :func:`relative_projection_error`, ``nu`` is ``dist/(sqrt(n) sigma)``: the state lies
    in the band of the error model when ``1/nu_max <= nu <= nu_max``.
    """

    sigma: Tensor
    distance: Tensor
    eta: Tensor
    nu: Tensor


def relative_projection_error(denoised: Tensor, x: Tensor, projection: Tensor) -> Tensor:
    """``eta = |sigma eps - (x - proj)| / dist = |D - proj| / |x - proj|``, ``(batch,)`` float64.

    All arguments ``(batch, *event)``. On the set itself (``x = proj``) it is 0 if ``D = proj`` and
    infinite otherwise.
    """
    target = projection.flatten(1).to(torch.float64)
    error = (denoised.flatten(1).to(torch.float64) - target).norm(dim=1)
    distance = (x.flatten(1).to(torch.float64) - target).norm(dim=1)
    return torch.where(error == 0, torch.zeros_like(error), error / distance)


def track(
    denoiser: Denoiser,
    closed_set: ClosedSet,
    states: Iterable[Tensor],
    sigmas: Tensor | Iterable[float],
) -> Tracking:
    """Distance, ``eta_t`` and ``nu_t`` at every state, for a sampler's ``states`` and ``sigmas``.

    ``states[k] (batch, *event)`` is at ``sigmas[k]``; a generator is consumed as it goes. The
    denoiser and the projection are evaluated once per state. A last ``sigma = 0``, where neither
    ratio is defined, is left out: ask the set for that state's distance. Raises ``ValueError`` when
    there are more or fewer states than sigmas.
    """
    levels = check_sigmas(sigmas)
    distances, etas, nus = [], [], []
    for x, sigma in zip(states, levels.tolist(), strict=True):
        if sigma == 0:
            continue
        projection = closed_set.project(x)
        distance = (x.to(torch.float64) - projection).flatten(1).norm(dim=1)
        distances.append(distance)
        etas.append(relative_projection_error(denoiser(x, sigma), x, projection))
        nus.append(distance / (closed_set.ambient_dim**0.5 * sigma))
    return Tracking(
        levels[: len(distances)], torch.stack(distances), torch.stack(etas), torch.stack(nus)
    )
