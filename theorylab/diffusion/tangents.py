"""The part of a vector that is tangent to a closed set, from the set's own parametrisation."""

import torch
from torch import Tensor

from theorylab.diffusion.manifolds import AffineSubspace, Sphere, Torus


def tangent_length(closed_set: AffineSubspace | Sphere | Torus, x0: Tensor, v: Tensor) -> Tensor:
    """``|P_T v|``, P_T the orthogonal projection on the tangent space of K at x0 in K.

    x0, v: ``(batch, n)`` float64; returns ``(batch,)``. It does not use the set's ``project``,
    whose derivative at x0 it is.
    """
    if isinstance(closed_set, AffineSubspace):
        return (v @ closed_set.basis.T).norm(dim=1)
    u, w = (x0 - closed_set.centre) @ closed_set.frame.T, v @ closed_set.frame.T
    if isinstance(closed_set, Sphere):
        u = u / u.norm(dim=1, keepdim=True)
        return (w - (w * u).sum(1, keepdim=True) * u).norm(dim=1)
    ring = u[:, :2].norm(dim=1)
    cos_p, sin_p = (u[:, :2] / ring[:, None]).unbind(1)
    cos_t, sin_t = (ring - closed_set.major) / closed_set.minor, u[:, 2] / closed_set.minor
    along = -sin_p * w[:, 0] + cos_p * w[:, 1]
    across = -sin_t * (cos_p * w[:, 0] + sin_p * w[:, 1]) + cos_t * w[:, 2]
    return torch.hypot(along, across)
