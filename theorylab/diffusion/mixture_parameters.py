"""What a user gives to a Gaussian mixture, in float64, or an error that says what is wrong."""

import numpy as np
import torch
from torch import Tensor


def finite(value, name: str) -> Tensor:
    """``value`` as a float64 tensor.

    Raises:
        TypeError: not real numbers.
        ValueError: an entry is NaN or infinite.
    """
    try:
        # Numbers and lists straight to float64: torch's default would round them to float32.
        known = isinstance(value, (Tensor, np.ndarray))
        if isinstance(value, np.ndarray) and not value.flags.writeable:
            value = value.copy()  # torch warns of arrays that it could not write to
        tensor = torch.as_tensor(value, dtype=None if known else torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name}: got {type(value).__name__}, allowed: a tensor, array or list of numbers"
        ) from error
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(f"{name}: got dtype {tensor.dtype}, allowed: real numbers")
    tensor = tensor.to(torch.float64)
    # The sum is sixteen times as fast to form, and finite numbers rarely overflow in it.
    if not (bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())):
        bad = int((~tensor.isfinite()).sum())
        raise ValueError(f"{name}: {bad} of {tensor.numel()} entries are NaN or infinite")
    return tensor


def weights_and_means(weights, means) -> tuple[Tensor, Tensor]:
    """Weights of shape (k,) that sum to one exactly up to rounding, and means of shape (k, d).

    Raises:
        ValueError: shapes that do not fit, or weights that are not a probability vector.
    """
    means = finite(means, "means")
    if means.dim() != 2 or means.numel() == 0:
        raise ValueError(
            f"means: got shape {tuple(means.shape)}, allowed: (k, d) with k, d >= 1; for one "
            "component write means[None, :], in one dimension means[:, None]"
        )
    k = len(means)
    if weights is None:
        return means.new_full((k,), 1 / k), means
    weights = finite(weights, "weights").to(means.device)
    if weights.shape != (k,):
        raise ValueError(
            f"weights: got shape {tuple(weights.shape)}, allowed: ({k},) for means of shape "
            f"{tuple(means.shape)}, or None for equal weights"
        )
    if bool((weights < 0).any()):
        raise ValueError(f"weights: got {float(weights.min()):g} among them, allowed: numbers >= 0")
    total = float(weights.sum())
    if abs(total - 1) > 1e-6:  # float32 weights that sum to one are off by up to about 1e-7
        raise ValueError(f"weights: sum to {total:.9g}, allowed: 1; divide them by their sum")
    return weights / weights.sum(), means


def standard_deviations(value, means: Tensor) -> Tensor:
    """Standard deviations of shape (), (k,) or (k, d) for means of shape (k, d).

    Raises:
        ValueError: another shape, or a negative entry.
    """
    stds = finite(value, "stds").to(means.device)
    if stds.shape not in ((), means.shape[:1], means.shape):
        raise ValueError(
            f"stds: got shape {tuple(stds.shape)}, allowed: a number, {tuple(means.shape[:1])} or "
            f"{tuple(means.shape)} for means of shape {tuple(means.shape)}"
        )
    if bool((stds < 0).any()):
        raise ValueError(f"stds: got {float(stds.min()):g} among them, allowed: numbers >= 0")
    return stds


def points_and_noise(x, sigma, dim: int, zero_allowed: bool) -> tuple[Tensor, Tensor]:
    """x of shape (batch, dim), and sigma^2 of shape (1, 1) or (batch, 1).

    Raises:
        ValueError: shapes that do not fit, sigma < 0, or sigma = 0 where it is not allowed.
    """
    x = finite(x, "x")
    if x.dim() != 2 or x.shape[1] != dim:
        raise ValueError(
            f"x: got shape {tuple(x.shape)}, allowed: (batch, {dim}), this mixture's dimension"
        )
    sigma = finite(sigma, "sigma").to(x.device)
    if sigma.numel() == 1:
        sigma = sigma.reshape(1, 1)
    elif sigma.shape != (len(x), 1):
        raise ValueError(
            f"sigma: got shape {tuple(sigma.shape)}, allowed: a number or ({len(x)}, 1) for x of "
            f"shape {tuple(x.shape)}"
        )
    least = float(sigma.min()) if sigma.numel() else 1.0
    if least < 0:
        raise ValueError(f"sigma: got {least:g}, allowed: sigma >= 0")
    if not zero_allowed and least**2 == 0:
        raise ValueError(
            f"sigma: got {least:g}, but a component of this mixture has no density without noise "
            "(a point, a singular covariance, or low rank with a zero diagonal part); allowed: "
            "sigma > 0"
        )
    return x, sigma.square()
