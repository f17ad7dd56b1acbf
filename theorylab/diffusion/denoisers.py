r"""The denoiser contract, and every other parametrisation by one formula each.

Variance-exploding (VE) coordinates: ``x = x0 + sigma * eps`` with ``eps ~ N(0, I)``. A denoiser is
the posterior mean ``D(x, sigma) = E[x0 | x]``. With ``x`` and ``sigma`` it determines

    eps   = (x - D) / sigma                                  the noise
    score = (D - x) / sigma^2 = grad log p_sigma(x)          Tweedie; Miyasawa 1961, Robbins 1956
    v     = (eps - sigma D) / sqrt(1 + sigma^2)              Salimans & Ho 2022, Appendix D

Variance-preserving (VP) coordinates are a rescaling, ``z = x / sqrt(1 + sigma^2)
= sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps``, ``alpha_bar = 1/(1 + sigma^2)`` being cumulative
(the ``alpha_t`` of Song et al. 2021, "Denoising diffusion implicit models").

``x`` and every prediction have shape ``(batch, *event)``; for ``sigma`` see :func:`expand_sigma`.
"""

import math
from collections.abc import Callable
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

Sigma: TypeAlias = float | Tensor


class Denoiser(Protocol):
    """``denoiser(x, sigma) -> E[x0 | x0 + sigma * noise = x]``, in variance-exploding coordinates.

    ``x``: ``(batch, *event)``; ``sigma``: a float or a tensor ``(batch, 1, ..., 1)``. Returns a
    tensor of the shape of ``x``. Mixtures, finite data sets, trained networks and plain functions
    are all denoisers.
    """

    def __call__(self, x: Tensor, sigma: Sigma) -> Tensor: ...


class DenoiserError(ValueError):
    """A denoiser returned something that is not a finite tensor of its input's shape."""


def expand_sigma(sigma: Sigma, x: Tensor, *, allow_zero: bool = True) -> Tensor:
    """``sigma`` as a tensor ``(batch, 1, ..., 1)`` that broadcasts against ``x (batch, *event)``.

    Accepts a number, a tensor of one entry, or a tensor ``(batch,)`` or ``(batch, 1, ..., 1)``.
    The result has the dtype and device of ``x``. Raises ``ValueError`` for another shape and for a
    negative or non-finite ``sigma`` (also for 0 unless ``allow_zero``); a tensor on an accelerator
    is not read, so that no step waits for the device.
    """
    if isinstance(sigma, Tensor) and sigma.device.type != "cpu":
        levels = sigma.to(device=x.device, dtype=x.dtype)
    else:
        levels = torch.as_tensor(sigma, dtype=torch.float64)
        admitted = levels.isfinite() & ((levels >= 0) if allow_zero else (levels > 0))
        if not bool(admitted.all()):
            bad = levels[~admitted].flatten()[0].item()
            bound = "at least 0" if allow_zero else "above 0"
            raise ValueError(f"sigma must be finite and {bound}, got {bad}")
        levels = levels.to(device=x.device, dtype=x.dtype)
    batch, ones = x.shape[0], (1,) * (x.ndim - 1)
    if levels.numel() == 1:
        return levels.reshape(1, *ones).expand(batch, *ones)
    if levels.shape in ((batch,), (batch, *ones)):
        return levels.reshape(batch, *ones)
    raise ValueError(
        f"sigma of shape {tuple(levels.shape)} does not fit x of shape {tuple(x.shape)}: "
        f"give a number, ({batch},) or {(batch, *ones)}"
    )


def eps_from_denoised(denoised: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    """``eps = (x - D) / sigma``, the posterior mean of the noise. ``sigma > 0``."""
    return (x - denoised) / expand_sigma(sigma, x, allow_zero=False)


def denoised_from_eps(eps: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    """``D = x - sigma eps``."""
    return x - expand_sigma(sigma, x) * eps


def score_from_denoised(denoised: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    """``grad log p_sigma(x) = (D - x) / sigma^2`` (Tweedie's formula). ``sigma > 0``."""
    return (denoised - x) / expand_sigma(sigma, x, allow_zero=False).square()


def denoised_from_score(score: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    """``D = x + sigma^2 grad log p_sigma(x)`` (Tweedie's formula)."""
    return x + expand_sigma(sigma, x).square() * score


def velocity_from_denoised(denoised: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    """``v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) D = (eps - sigma D) / sqrt(1 + sigma^2)``.

    ``x`` is in VE coordinates. ``sigma > 0``. Salimans & Ho 2022, Appendix D.
    """
    level = expand_sigma(sigma, x, allow_zero=False)
    return ((x - denoised) / level - level * denoised) / torch.sqrt(1 + level.square())


def denoised_from_velocity(velocity: Tensor, x: Tensor, sigma: Sigma) -> Tensor:
    """``D = sqrt(alpha_bar) z - sqrt(1 - alpha_bar) v = x/(1+sigma^2) - sigma v/sqrt(1+sigma^2)``.

    ``x`` is in VE coordinates, ``z`` its VP rescaling. Salimans & Ho 2022, Appendix D.
    """
    level = expand_sigma(sigma, x)
    total = 1 + level.square()
    return x / total - level / torch.sqrt(total) * velocity


def vp_from_ve(x: Tensor, sigma: Sigma) -> Tensor:
    """``z = x / sqrt(1 + sigma^2) = sqrt(alpha_bar) x``: VE to VP coordinates."""
    return x / torch.sqrt(1 + expand_sigma(sigma, x).square())


def ve_from_vp(z: Tensor, sigma: Sigma) -> Tensor:
    """``x = sqrt(1 + sigma^2) z = z / sqrt(alpha_bar)``: VP to VE coordinates."""
    return z * torch.sqrt(1 + expand_sigma(sigma, z).square())


def alpha_bar_from_sigma(sigma: Sigma) -> Sigma:
    """``alpha_bar = 1 / (1 + sigma^2)``, the cumulative signal power. Entrywise; keeps the type."""
    return 1 / (1 + sigma * sigma)


def sigma_from_alpha_bar(alpha_bar: Sigma) -> Sigma:
    """``sigma = sqrt((1 - alpha_bar) / alpha_bar)``, ``0 < alpha_bar <= 1``; keeps the type.

    ``alpha_bar`` is the cumulative product (``alpha_t`` of Song et al. 2021), not DDPM's per-step
    ``alpha_t``.
    """
    return ((1 - alpha_bar) / alpha_bar) ** 0.5


def check_denoised(denoised: object, x: Tensor, sigma: Sigma) -> Tensor:
    """Return ``denoised`` if it is a tensor of the shape of ``x``, else raise `DenoiserError`.

    Reads no entries, so it costs nothing on any device; samplers call it at every step because a
    wrong shape would otherwise broadcast in silence.
    """
    if not isinstance(denoised, Tensor):
        raise DenoiserError(
            f"the denoiser returned {type(denoised).__name__} at sigma {describe_sigma(sigma)}; "
            "a denoiser returns a tensor of the shape of x"
        )
    if denoised.shape != x.shape:
        raise DenoiserError(
            f"the denoiser returned shape {tuple(denoised.shape)} at sigma "
            f"{describe_sigma(sigma)} for x of shape {tuple(x.shape)}; the shapes must be equal"
        )
    return denoised


def checked(denoiser: Denoiser) -> Callable[[Tensor, Sigma], Tensor]:
    """The same denoiser, raising `DenoiserError` on an output that cannot be a posterior mean.

    The message names sigma and what was wrong: not a tensor, another shape than ``x``, or how many
    entries are NaN or infinite. Reading the flag waits for the device once per call.
    """

    def checked_denoiser(x: Tensor, sigma: Sigma) -> Tensor:
        denoised = check_denoised(denoiser(x, sigma), x, sigma)
        if not all_finite(denoised):
            count = int((~torch.isfinite(denoised)).sum())
            raise DenoiserError(
                f"the denoiser returned {count} NaN or infinite entries of {denoised.numel()} "
                f"at sigma {describe_sigma(sigma)}"
            )
        return denoised

    return checked_denoiser


def all_finite(values: Tensor) -> bool:
    """Whether every entry is finite.

    The sum is three times faster than ``isfinite(values).all()`` on small tensors. It is non-finite
    whenever an entry is; large finite entries can overflow it, so only then is each entry read.
    """
    return math.isfinite(values.sum().item()) or bool(torch.isfinite(values).all())


def describe_sigma(sigma: Sigma) -> str:
    """``sigma`` for a message: the number, or the range of a tensor of levels."""
    if not isinstance(sigma, Tensor):
        return f"{sigma:g}"
    low, high = float(sigma.min()), float(sigma.max())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
