r"""Paths between two latents, and what each does to the law N(0, s^2 I) of independent latents.

For independent z1, z2 ~ N(0, s^2 I_d) and a fixed weight w in [0, 1]:

    lerp              N(0, ((1-w)^2 + w^2) s^2 I): shifted in every dimension; norms shrink by
                      1/sqrt(2) at w = 1/2
    slerp             direction uniform, mean radius kept as d grows, but the radius keeps the wrong
                      spread: Var -> (cos^4(w pi/2) + sin^4(w pi/2)) s^2/2 instead of s^2/2
    rescaled_lerp     N(0, s^2 I) exactly, in every dimension
    fixed_angle_slerp N(0, s^2 I) exactly, in every dimension

All functions take latents of one shape `(batch, *event)` and any real floating dtype, compute in
float64 and return the latents' dtype. `weight` is a number or a tensor of shape `()`, `(batch,)` or
`(batch, 1, ..., 1)`; weight 0 gives `start`, 1 gives `end`, weights outside [0, 1] extrapolate.

Sources: lerp is Ho, Jain & Abbeel 2020, slerp is Song, Meng & Ermon 2021 (DDIM); both and "a simple
re-scaling trick" stand in Y. Zhu, "A Geometric Perspective on Diffusion Models", Proposition 5 and
Figure 6. The slide gives no formula for the re-scaling: the one here is what keeps the law.
"""

import math

import torch

__all__ = ["fixed_angle_slerp", "lerp", "rescaled_lerp", "slerp"]


def lerp(start: torch.Tensor, end: torch.Tensor, weight: float | torch.Tensor) -> torch.Tensor:
    r"""Linear interpolation (1 - w) z1 + w z2, shape `(batch, *event)`.

    Raises TypeError for integer or complex latents, ValueError for unequal shapes or a weight that
    is not finite or does not fit the batch.
    """
    z1, z2, w = _prepare(start, end, weight)
    return ((1 - w) * z1 + w * z2).to(start.dtype)


def rescaled_lerp(
    start: torch.Tensor, end: torch.Tensor, weight: float | torch.Tensor
) -> torch.Tensor:
    r"""Linear interpolation divided by its shrinkage, shape `(batch, *event)`:

        ((1 - w) z1 + w z2) / sqrt((1 - w)^2 + w^2).

    For independent z1, z2 ~ N(0, s^2 I) the result is N(0, s^2 I) for every w and every dimension:
    its coefficients are the cosine and sine of one fixed angle. It keeps the law, not the norm of a
    given pair (two equal latents grow by sqrt(2) at w = 1/2). Raises as `lerp`.
    """
    z1, z2, w = _prepare(start, end, weight)
    return (((1 - w) * z1 + w * z2) / torch.hypot(1 - w, w)).to(start.dtype)


def fixed_angle_slerp(
    start: torch.Tensor, end: torch.Tensor, weight: float | torch.Tensor
) -> torch.Tensor:
    r"""Rotation by a fixed angle, cos(w pi/2) z1 + sin(w pi/2) z2, shape `(batch, *event)`.

    This is slerp with the angle between the latents replaced by its limit pi/2 for d -> infinity;
    unlike slerp it keeps N(0, s^2 I) exactly in every dimension. Raises as `lerp`.
    """
    z1, z2, w = _prepare(start, end, weight)
    # At w = 1 cos(pi/2) is 6e-17, not 0; sin of the complement is exact at both ends.
    return (torch.sin((1 - w) * math.pi / 2) * z1 + torch.sin(w * math.pi / 2) * z2).to(start.dtype)


def slerp(start: torch.Tensor, end: torch.Tensor, weight: float | torch.Tensor) -> torch.Tensor:
    r"""Spherical linear interpolation, shape `(batch, *event)`:

        sin((1 - w) phi)/sin(phi) z1 + sin(w phi)/sin(phi) z2,   phi = angle(z1, z2) in [0, pi).

    The angle is taken between whole events, row by row. Norms are left in (z1 and z2 are not put on
    one sphere), as in DDIM; for equal norms the path is the great circle's arc at constant speed.

    phi = 2 atan2(|a - b|, |a + b|) for the unit vectors a, b (Kahan), which is accurate at every
    angle where arccos(<a, b>) loses half the digits near 0 and pi. Parallel latents give lerp.

    Raises ValueError for a latent that is 0 (no direction) and for latents that are antipodal
    within sqrt(machine epsilon) of their dtype (no unique arc); otherwise as `lerp`.
    """
    z1, z2, w = _prepare(start, end, weight)
    a, b = _directions(z1, "start"), _directions(z2, "end")
    apart, along = _norm(a - b), _norm(a + b)
    tolerance = math.sqrt(torch.finfo(start.dtype).eps)
    antipodal = (along < tolerance).flatten().nonzero()
    if len(antipodal):
        raise ValueError(
            f"slerp: start and end point in opposite directions in row {int(antipodal[0])} "
            f"({len(antipodal)} of {len(z1)} rows): no unique arc joins them. "
            "Use lerp, rescaled_lerp or fixed_angle_slerp, or go through a third latent."
        )
    angle = 2 * torch.atan2(apart, along)
    # sin(w phi)/sin(phi) = w sinc(w phi)/sinc(phi) has no 0/0 at phi = 0. With
    # |a - b| = 2 sin(phi/2) and |a + b| = 2 cos(phi/2), sinc keeps its digits near pi too.
    sinc = torch.where(angle < 1, torch.sinc(angle / math.pi), apart * along / 2 / angle)
    first = (1 - w) * torch.sinc((1 - w) * angle / math.pi) / sinc
    second = w * torch.sinc(w * angle / math.pi) / sinc
    return (first * z1 + second * z2).to(start.dtype)


def _directions(z: torch.Tensor, name: str) -> torch.Tensor:
    # Scaling by the largest entry first keeps |z|^2 from overflowing or vanishing.
    largest = z.abs().flatten(1).amax(dim=1).reshape(-1, *[1] * (z.ndim - 1))
    without = (~(largest > 0) | ~torch.isfinite(largest)).flatten().nonzero()
    if len(without):
        raise ValueError(
            f"slerp: {name} has no direction in row {int(without[0])}: "
            "every latent must be finite and different from 0."
        )
    z = z / largest
    return z / _norm(z)


def _norm(z: torch.Tensor) -> torch.Tensor:
    return z.flatten(1).norm(dim=1).reshape(-1, *[1] * (z.ndim - 1))


def _prepare(
    start: torch.Tensor, end: torch.Tensor, weight: float | torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    if start.shape != end.shape:
        raise ValueError(
            f"The two latents must have one shape (batch, *event); "
            f"got {tuple(start.shape)} and {tuple(end.shape)}."
        )
    if start.ndim < 2 or 0 in start.shape[1:]:
        raise ValueError(
            f"Latents must have shape (batch, *event) with at least one entry per event; "
            f"got {tuple(start.shape)}. One latent z of shape (d,) is z[None]."
        )
    for name, z in (("start", start), ("end", end)):
        if not z.is_floating_point():
            raise TypeError(f"Latents must be real floating-point tensors; {name} is {z.dtype}.")
    w = torch.as_tensor(weight, dtype=torch.float64, device=start.device)
    batch, singles = len(start), [1] * (start.ndim - 1)
    if tuple(w.shape) not in {(), (batch,), (batch, *singles)}:
        raise ValueError(
            f"weight must be a number or a tensor of shape ({batch},); got shape {tuple(w.shape)}."
        )
    if not torch.isfinite(w).all():
        raise ValueError(f"weight must be finite; got {weight}.")
    return start.double(), end.double(), w if w.ndim == 0 else w.reshape(batch, *singles)
