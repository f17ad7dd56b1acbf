r"""The shape of a trajectory: its distance from the chord, its curvature, and how r governs both.

Sampling trajectory ``x_s``, denoising trajectory ``r_s = D(x_s, s)``. Along the probability flow

    s x' = x - r,    s x'' = -r',    kappa = |x''_perp|/|x'|^2 = s |r'_perp|/|x - r|^2

with derivatives in ``s = sigma`` and ``perp`` across ``x - r``: the path is straight exactly where
``r'`` is parallel to ``x - r``. Chen et al. 2023 (arXiv 2305.19947) for the trajectories and their
deviation; the curvature is derived from the flow.

States are stacked as ``(steps, batch, d)``, first step first.
"""

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser

# Sixth-order central difference for the first derivative.
_STENCIL = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))


def distance_to_segment(states: Tensor) -> Tensor:
    """``d(x_k, [x_0, x_last])``, ``(steps, batch)``: the deviation of document 001."""
    return _distance(states, inside=True)


def distance_to_line(states: Tensor) -> Tensor:
    """Distance to the whole line through both ends, ``(steps, batch)``: the published code's.

    The same as :func:`distance_to_segment` where each state projects between the ends.
    """
    return _distance(states, inside=False)


def relative_deviation(states: Tensor) -> Tensor:
    """``max_k d(x_k, [x_0, x_last]) / |x_0 - x_last|``, ``(batch,)``; 0 for a straight path.

    Raises ``ValueError`` where both ends coincide: a closed path has no chord.
    """
    chord = (states[-1] - states[0]).norm(dim=1)
    if not bool((chord > 0).all()):
        raise ValueError("a trajectory whose ends coincide has no chord")
    return distance_to_segment(states).amax(0) / chord


def distance_to_end(states: Tensor) -> Tensor:
    """``|x_k - x_last|``, ``(steps, batch)``."""
    return (states - states[-1]).norm(dim=2)


def denoised_velocity(denoiser: Denoiser, x: Tensor, sigma: float, step: float = 2e-3) -> Tensor:
    """``r' = dD(x_s, s)/ds`` along the flow, ``(batch, d)``.

    The derivative of ``D`` at ``(x, sigma)`` in the direction ``((x - D)/sigma, 1)``, by central
    differences of order 6 over ``step * sigma``: their error is a few ``(step sigma)^6`` times
    the seventh derivative, and a rounding of 1e-13 relative to ``|D|/sigma``.
    """
    h = step * sigma
    direction = (x - denoiser(x, sigma)) / sigma
    total = torch.zeros_like(x)
    for k, weight in _STENCIL:
        ahead = denoiser(x + k * h * direction, sigma + k * h)
        behind = denoiser(x - k * h * direction, sigma - k * h)
        total += weight * (ahead - behind)
    return total / h


def flow_curvature(x: Tensor, denoised: Tensor, velocity: Tensor, sigma: float) -> Tensor:
    """``kappa = sigma |r'_perp| / |x - r|^2``, ``(batch,)``, from the denoising trajectory alone.

    ``denoised`` is ``r``, ``velocity`` is ``r'``; all ``(batch, d)``. Infinite or NaN where
    ``x = r``: the path stands still.
    """
    offset = x - denoised
    square = offset.square().sum(1)
    along = (velocity * offset).sum(1) / square
    across = velocity - along[:, None] * offset
    return sigma * across.norm(dim=1) / square


def _distance(states: Tensor, *, inside: bool) -> Tensor:
    if states.ndim != 3 or len(states) < 2:
        raise ValueError(
            f"states must have shape (steps, batch, d) with 2 steps or more; got "
            f"{tuple(states.shape)}"
        )
    chord = states[-1] - states[0]
    offset = states - states[0]
    square = chord.square().sum(1)
    # Where both ends coincide the distance is that to the point.
    share = (offset * chord).sum(2) / torch.where(square > 0, square, 1.0)
    if inside:
        share = share.clamp(0, 1)
    return (offset - share[..., None] * chord).norm(dim=2)
