r"""Linear noising processes: marginals, drifts in both directions, and their exact conversions.

Every process here is the linear stochastic differential equation, for t >= 0,

    dx = f(t) x dt + g(t) dW,        x_0 ~ data,                                            (1)

whose transition from time s to t >= s is Gaussian with independent coordinates:

    x_t | x_s ~ N(scale(s, t) x_s, std(s, t)^2 I),
    scale(s, t) = exp(int_s^t f),    std(s, t)^2 = int_s^t g(u)^2 scale(u, t)^2 du.         (2)

The process is the variance-exploding one, seen through a rescaling: y = x_t / scale(0, t) has the
law of x_0 + sigma * noise with sigma = std(0, t) / scale(0, t).                            (3)

    variance_exploding            dx = sqrt(2 t) dW                       sigma = t
    geometric_variance_exploding  sigma_bar(t) = smin (smax/smin)^t, dx = sqrt(d sigma_bar^2/dt) dW
    variance_preserving           dx = -beta(t)/2 x dt + sqrt(beta(t)) dW, beta linear in t
    ornstein_uhlenbeck            dx = -rate x dt + sqrt(2 rate) stationary_std dW

Times and sigmas are numbers or tensors that broadcast against x (`(batch, 1, ..., 1)`);
coefficients are computed in float64 and results have x's dtype.

Sources: Song, Sohl-Dickstein, Kingma, Kumar, Ermon & Poole 2021, "Score-based generative modeling
through stochastic differential equations", equations 5, 6, 13 and appendix B; Karras, Aittala,
Aila & Laine 2022, table 1 (VE with sigma = t).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

__all__ = [
    "Coefficients",
    "Process",
    "drift",
    "exploding_coordinates",
    "forward_sample",
    "from_exploding_coordinates",
    "geometric_variance_exploding",
    "marginal",
    "marginal_score",
    "ornstein_uhlenbeck",
    "probability_flow_drift",
    "reverse_drift",
    "variance_exploding",
    "variance_preserving",
]

Time = float | torch.Tensor


class Coefficients(NamedTuple):
    """The Gaussian transition x_t | x_s ~ N(scale x_s, std^2 I), as float64 tensors."""

    scale: torch.Tensor
    std: torch.Tensor


@dataclass(frozen=True)
class Process:
    """A linear process (1), given by its closed forms; times reach them as float64 tensors.

    `linear_drift(t)` is f(t), `squared_diffusion(t)` is g(t)^2, `transition(s, t)` gives (2), and
    `time(sigma)` inverts (3): the time t at which std(0, t) / scale(0, t) = sigma.
    """

    name: str
    linear_drift: Callable[[torch.Tensor], torch.Tensor]
    squared_diffusion: Callable[[torch.Tensor], torch.Tensor]
    transition: Callable[[torch.Tensor, torch.Tensor], Coefficients]
    time: Callable[[torch.Tensor], torch.Tensor]


def variance_exploding() -> Process:
    """The process whose time is the noise level: f = 0, g^2 = 2t, scale = 1, std(0, t) = t."""
    return Process(
        name="variance-exploding",
        linear_drift=torch.zeros_like,
        squared_diffusion=lambda t: 2 * t,
        # (t - s)(t + s), not t^2 - s^2: no cancellation for close times.
        transition=lambda s, t: Coefficients(torch.ones_like(t - s), torch.sqrt((t - s) * (t + s))),
        time=lambda sigma: sigma.clone(),
    )


def geometric_variance_exploding(sigma_min: float = 0.01, sigma_max: float = 50.0) -> Process:
    """Song et al.'s VE process on [0, 1]: f = 0, g^2 = d/dt sbar^2, sbar = smin (smax/smin)^t.

    Started from the data at t = 0 its exact noise level is sqrt(sbar(t)^2 - smin^2), not sbar(t):
    for the defaults the two differ by less than one part in 10^7 at t = 1,
    and wholly at t = 0. Raises ValueError unless 0 < sigma_min < sigma_max.
    """
    _require(
        0 < sigma_min < sigma_max < math.inf,
        f"need 0 < sigma_min < sigma_max; got sigma_min = {sigma_min}, sigma_max = {sigma_max}",
    )
    growth = 2 * math.log(sigma_max / sigma_min)
    return Process(
        name=f"geometric variance-exploding ({sigma_min:g} to {sigma_max:g})",
        linear_drift=torch.zeros_like,
        squared_diffusion=lambda t: sigma_min**2 * growth * torch.exp(growth * t),
        transition=lambda s, t: Coefficients(
            torch.ones_like(t - s),
            sigma_min * torch.exp(growth * s / 2) * torch.sqrt(torch.expm1(growth * (t - s))),
        ),
        time=lambda sigma: torch.log1p((sigma / sigma_min) ** 2) / growth,
    )


def variance_preserving(beta_min: float = 0.1, beta_max: float = 20.0) -> Process:
    """Linear-beta VP process on [0, 1]: f = -beta(t)/2, g^2 = beta(t).

    beta(t) = beta_min + t (beta_max - beta_min). With B = int_s^t beta, scale(s, t) = exp(-B/2)
    and std(s, t)^2 = 1 - exp(-B), so that scale^2 + std^2 = 1. Raises ValueError
    unless 0 <= beta_min <= beta_max and beta_max > 0.
    """
    _require(
        0 <= beta_min <= beta_max < math.inf and beta_max > 0,
        f"need 0 <= beta_min <= beta_max, beta_max > 0; got {beta_min} and {beta_max}",
    )
    slope = beta_max - beta_min

    def transition(s: torch.Tensor, t: torch.Tensor) -> Coefficients:
        spent = (t - s) * (beta_min + slope * (t + s) / 2)
        return Coefficients(torch.exp(-spent / 2), torch.sqrt(-torch.expm1(-spent)))

    def time(sigma: torch.Tensor) -> torch.Tensor:
        spent = torch.log1p(sigma.square())
        # The root of slope t^2/2 + beta_min t = B in the form that holds for slope -> 0; at B = 0
        # and beta_min = 0 it reads 0/0, and the time is 0.
        root = beta_min + torch.sqrt(beta_min**2 + 2 * slope * spent)
        return torch.where(spent > 0, 2 * spent / root, 0.0)

    return Process(
        name=f"variance-preserving (beta {beta_min:g} to {beta_max:g})",
        linear_drift=lambda t: -(beta_min + slope * t) / 2,
        squared_diffusion=lambda t: beta_min + slope * t,
        transition=transition,
        time=time,
    )


def ornstein_uhlenbeck(rate: float = 1.0, stationary_std: float = 1.0) -> Process:
    """dx = -rate x dt + sqrt(2 rate) stationary_std dW, stationary law N(0, stationary_std^2 I).

    scale(s, t) = exp(-rate (t - s)), std(s, t)^2 = stationary_std^2 (1 - exp(-2 rate (t - s))).
    Raises ValueError unless both are positive and finite.
    """
    _require(
        0 < rate < math.inf and 0 < stationary_std < math.inf,
        f"rate and stationary_std must be positive; got {rate} and {stationary_std}",
    )
    return Process(
        name=f"Ornstein-Uhlenbeck (rate {rate:g})",
        linear_drift=lambda t: torch.full_like(t, -rate),
        squared_diffusion=lambda t: torch.full_like(t, 2 * rate * stationary_std**2),
        transition=lambda s, t: Coefficients(
            torch.exp(-rate * (t - s)),
            stationary_std * torch.sqrt(-torch.expm1(-2 * rate * (t - s))),
        ),
        time=lambda sigma: torch.log1p((sigma / stationary_std) ** 2) / (2 * rate),
    )


def marginal(process: Process, t: Time) -> Coefficients:
    """Coefficients of x_t = scale x_0 + std * noise, the transition from time 0, of t's shape."""
    t = _times(t, "t")
    return process.transition(torch.zeros_like(t), t)


def forward_sample(
    process: Process,
    x: torch.Tensor,
    t: Time,
    *,
    start: Time = 0.0,
    generator: torch.Generator,
) -> torch.Tensor:
    """Draw x_t given x at time `start`, exactly: scale(start, t) x + std(start, t) noise.

    `x` has shape `(batch, *event)`; the result has its shape and dtype. Noise is drawn on the
    generator's device. Raises ValueError for a negative time or t < start, TypeError for integer x.
    """
    if not x.is_floating_point():
        raise TypeError(f"forward_sample needs floating-point x; got {x.dtype}")
    start, t = torch.broadcast_tensors(_times(start, "start"), _times(t, "t"))
    _require(bool((start <= t).all()), "forward_sample needs start <= t everywhere")
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=generator.device)
    scale, std = process.transition(start, t)
    return _like(scale, x) * x + _like(std, x) * noise.to(x.device)


def drift(process: Process, x: torch.Tensor, t: Time) -> torch.Tensor:
    """The forward drift f(t) x of (1)."""
    return _like(process.linear_drift(_times(t, "t")), x) * x


def reverse_drift(process: Process, x: torch.Tensor, t: Time, score: torch.Tensor) -> torch.Tensor:
    """Drift of the reverse-time equation dx = [f x - g^2 score] dt + g dW, with dt < 0.

    `score` is the gradient of log p_t at x, of x's shape (Anderson 1982; Song et al. equation 6).
    """
    return _with_score(process, x, t, score, 1.0)


def probability_flow_drift(
    process: Process, x: torch.Tensor, t: Time, score: torch.Tensor
) -> torch.Tensor:
    """Velocity dx/dt = f x - g^2 score / 2 of the flow with the marginals of (1) (equation 13)."""
    return _with_score(process, x, t, score, 0.5)


def exploding_coordinates(
    process: Process, x: torch.Tensor, t: Time
) -> tuple[torch.Tensor, torch.Tensor]:
    """(y, sigma) with y = x / scale, sigma = std / scale: y has the law of x_0 + sigma * noise."""
    scale, std = marginal(process, t)
    return x / _like(scale, x), std / scale


def from_exploding_coordinates(
    process: Process, y: torch.Tensor, sigma: Time
) -> tuple[torch.Tensor, torch.Tensor]:
    """(x, t), the inverse of `exploding_coordinates`: sigma(t) = sigma and x = scale(0, t) y."""
    t = process.time(_times(sigma, "sigma"))
    return _like(marginal(process, t).scale, y) * y, t


def marginal_score(
    process: Process,
    denoiser: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    t: Time,
) -> torch.Tensor:
    """Gradient of log p_t at x from a variance-exploding denoiser D, by Tweedie's formula:

        (scale D(x/scale, std/scale) - x) / std^2.

    Raises ValueError at t = 0, where p_t is the data's own law.
    """
    scale, std = marginal(process, t)
    _require(bool((std > 0).all()), "the score from a denoiser needs a time t > 0")
    y, sigma = exploding_coordinates(process, x, t)
    return (_like(scale, x) * denoiser(y, _like(sigma, x)) - x) / _like(std, x) ** 2


def _with_score(
    process: Process, x: torch.Tensor, t: Time, score: torch.Tensor, share: float
) -> torch.Tensor:
    _require(
        score.shape == x.shape,
        f"score must have the shape of x, {tuple(x.shape)}; got {tuple(score.shape)}",
    )
    squared = _like(process.squared_diffusion(_times(t, "t")), x)
    return drift(process, x, t) - share * squared * score


def _times(value: Time, name: str) -> torch.Tensor:
    tensor = torch.as_tensor(value, dtype=torch.float64)
    # Not (tensor < 0): NaN must fail too.
    _require(bool((tensor >= 0).all()), f"{name} must be at least 0; got {value}")
    return tensor


def _like(coefficient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return coefficient.to(dtype=x.dtype, device=x.device)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
