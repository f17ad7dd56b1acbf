r"""Noise schedules: decreasing sequences ``sigma_N > ... > sigma_0`` as float64 tensors.

A schedule of ``n`` steps has ``n + 1`` entries, largest first, because samplers walk it in that
order. Every schedule ends at its own smallest sigma; a final 0 is never implied, it is appended by
:func:`append_zero`. Discrete-time schedules are *grids* (all ``T`` levels a network was trained on)
from which :func:`select_steps` picks ``n`` steps.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import sigma_from_alpha_bar


def check_sigmas(sigmas: Tensor | Iterable[float]) -> Tensor:
    """``sigmas`` as a float64 tensor on the CPU, or a ``ValueError`` that says what is wrong.

    Valid: one dimension, at least one entry, finite, strictly decreasing, every entry positive
    except that the last may be 0.
    """
    if hasattr(sigmas, "__array__"):  # tensors and arrays
        levels = torch.as_tensor(sigmas).detach().to(device="cpu", dtype=torch.float64)
    else:
        levels = torch.tensor([float(sigma) for sigma in sigmas], dtype=torch.float64)
    if levels.ndim != 1:
        raise ValueError(f"sigmas must have one dimension, got shape {tuple(levels.shape)}")
    if levels.numel() == 0:
        raise ValueError("sigmas are empty: give at least one noise level")
    finite = levels.isfinite()
    if not bool(finite.all()):
        at = int((~finite).nonzero()[0])
        raise ValueError(f"sigmas must be finite, sigmas[{at}] is {levels[at].item()}")
    if float(levels[-1]) < 0:
        raise ValueError(f"sigmas must not be negative, the last is {levels[-1].item()}")
    rising = (levels[1:] >= levels[:-1]).nonzero()
    if rising.numel():
        at = int(rising[0])
        raise ValueError(
            "sigmas must decrease strictly (largest first), but "
            f"sigmas[{at}] = {levels[at].item():g} and sigmas[{at + 1}] = {levels[at + 1].item():g}"
        )
    if float(levels[0]) == 0:
        raise ValueError("the only sigma is 0: a schedule starts at a positive noise level")
    return levels


def log_linear(n: int, sigma_min: float, sigma_max: float) -> Tensor:
    r"""``sigma_k = sigma_max^(1 - k/n) sigma_min^(k/n)``, ``k = 0..n``: a constant ratio per step.

    Float64 ``(n + 1,)``, end points exact. Permenter & Yuan 2024 (arXiv 2306.04848), "Analysis
    under the error model": ``sigma_{t-1} = (1 - beta) sigma_t``.
    """
    _check_range(n, sigma_min, sigma_max)
    logs = torch.linspace(math.log(sigma_max), math.log(sigma_min), n + 1, dtype=torch.float64)
    return _with_ends(logs.exp(), sigma_min, sigma_max)


def edm(n: int, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Tensor:
    r"""``sigma_k = (sigma_max^(1/rho) + k/n (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho``.

    Float64 ``(n + 1,)``, end points exact. ``rho = 1`` is linear in sigma; ``rho -> infinity`` is
    log-linear. Karras et al. 2022 (arXiv 2206.00364), eq. 5, whose own ``N``-step schedule is
    ``append_zero(edm(N - 1))``.
    """
    _check_range(n, sigma_min, sigma_max)
    if not (math.isfinite(rho) and rho > 0):
        raise ValueError(f"rho must be finite and positive, got {rho}")
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    roots = torch.linspace(first, last, n + 1, dtype=torch.float64)
    return _with_ends(roots.pow(rho), sigma_min, sigma_max)


def ddpm_grid(levels: int = 1000, beta_first: float = 1e-4, beta_last: float = 0.02) -> Tensor:
    r"""All ``T = levels`` noise levels of the linear-beta process, largest first.

    ``beta_t`` linear from ``beta_first`` to ``beta_last``, ``alpha_bar_t = prod (1 - beta_s)``,
    ``sigma_t = sqrt((1 - alpha_bar_t) / alpha_bar_t)``. Float64 ``(levels,)``; entry ``T - t`` is
    ``sigma_t``. Ho, Jain & Abbeel 2020 (arXiv 2006.11239), section 4.
    """
    _check_betas(levels, beta_first, beta_last)
    return _grid(torch.linspace(beta_first, beta_last, levels, dtype=torch.float64))


def scaled_linear_grid(
    levels: int = 1000, beta_first: float = 0.00085, beta_last: float = 0.012
) -> Tensor:
    r"""All ``T = levels`` noise levels of the process whose ``sqrt(beta_t)`` is linear in t.

    Largest first, ``alpha_bar`` and ``sigma`` as in :func:`ddpm_grid`. Float64 ``(levels,)``. The
    process of latent diffusion: Rombach et al. 2022 (arXiv 2112.10752), in its published code.
    """
    _check_betas(levels, beta_first, beta_last)
    roots = torch.linspace(beta_first**0.5, beta_last**0.5, levels, dtype=torch.float64)
    return _grid(roots.square())


def cosine_grid(levels: int = 1000, offset: float = 0.008, beta_cap: float = 0.999) -> Tensor:
    r"""All ``T = levels`` noise levels of the cosine process, largest first.

    ``f(t) = cos^2((t/T + s)/(1 + s) * pi/2)``, ``beta_t = min(1 - f(t)/f(t-1), beta_cap)``,
    ``alpha_bar`` and ``sigma`` as in :func:`ddpm_grid`. Float64 ``(levels,)``. Nichol & Dhariwal
    2021 (arXiv 2102.09672), eq. 17; the cap keeps the last ``alpha_bar`` off 0.
    """
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    if not (offset >= 0 and 0 < beta_cap < 1):
        raise ValueError(
            f"need offset >= 0 and 0 < beta_cap < 1, got offset {offset} and beta_cap {beta_cap}"
        )
    time = torch.arange(levels + 1, dtype=torch.float64) / levels
    signal = torch.cos((time + offset) / (1 + offset) * (math.pi / 2)).square()
    return _grid((1 - signal[1:] / signal[:-1]).clamp(max=beta_cap))


def betas_from_grid(grid: Tensor) -> Tensor:
    r"""``beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}``, ``alpha_bar_0 = 1``, of each step of a grid.

    Float64, in the order of the grid (``beta_T`` first): the inverse of :func:`ddpm_grid` and its
    like, and for a selection of levels the betas of the coarser chain. In sigmas
    ``beta_t = (sigma_t^2 - sigma_{t-1}^2) / (1 + sigma_t^2)``, which is how it is computed, since
    the quotient of two numbers near 1 would cancel.
    """
    squares = check_sigmas(grid).square()
    before = torch.cat([squares[1:], squares.new_zeros(1)])
    return (squares - before) / (1 + squares)


def select_steps(grid: Tensor, n: int, spacing: str = "trailing", final: str = "grid") -> Tensor:
    r"""``n`` steps over a discrete grid, as DDIM takes them. Float64 ``(n + 1,)``.

    With ``T`` levels in the grid, times ``t = 1..T`` (``sigma_1`` smallest), the steps start at

    - ``trailing``: ``t = round(T - k T/n)``, ``k = 0..n-1`` (begins at ``T``);
    - ``leading``: ``t = 1 + k floor(T/n)``, ``k = n-1..0`` (ends at 1; Song et al. 2021, "linear");
    - ``linspace``: ``t = round(1 + k (T-1)/(n-1))``, ``k = n-1..0`` (both ends; ``n >= 2``).

    ``final`` says where the last step ends: ``"grid"`` at ``sigma_1``, ``"zero"`` at 0. The last of
    the leading and linspace steps starts at ``sigma_1``, so they need ``"zero"``. Names as in Lin
    et al. 2024 (arXiv 2305.08891), Table 2. Raises ``ValueError`` on an unknown name or more steps
    than levels.
    """
    levels = len(check_sigmas(grid))
    if not 1 <= n <= levels:
        raise ValueError(f"n must be from 1 to the grid's {levels} levels, got {n}")
    if spacing == "trailing":
        times = [round(levels - k * levels / n) for k in range(n)]
    elif spacing == "leading":
        times = [1 + k * (levels // n) for k in reversed(range(n))]
    elif spacing == "linspace":
        if n < 2:
            raise ValueError("linspace steps start at both ends of the grid: give n of at least 2")
        times = [1 + round(k * (levels - 1) / (n - 1)) for k in reversed(range(n))]
    else:
        raise ValueError(f"spacing must be 'trailing', 'leading' or 'linspace', got {spacing!r}")
    return _at_times(grid, times, final)


def select_from_time(grid: Tensor, n: int, start: int, final: str = "grid") -> Tensor:
    r"""``n`` steps from time ``start`` down: ``t_k = round(start (1 - k/n))``, ``k = 0..n-1``.

    Float64 ``(n + 1,)``; ``final`` as in :func:`select_steps`. On the linear-beta grid of 1000
    levels ``start = 854`` (sigma about 40) gives the curve that Permenter & Yuan's slides call
    "DDIM offset"; they print no formula, and this one fits their plot at ``n = 10``.
    """
    levels = len(check_sigmas(grid))
    if not 1 <= n <= start <= levels:
        raise ValueError(f"need 1 <= n <= start <= {levels}, got n = {n} and start = {start}")
    return _at_times(grid, [round(start * (1 - k / n)) for k in range(n)], final)


def snap_up(sigmas: Tensor, grid: Tensor) -> Tensor:
    """Each sigma replaced by the smallest level of ``grid`` that is at least as large.

    For networks trained on a discrete grid alone. Sigmas above the grid become its largest level.
    Raises ``ValueError`` when two sigmas meet in one level.
    """
    ascending = check_sigmas(grid).flip(0)
    places = torch.searchsorted(ascending, check_sigmas(sigmas)).clamp(max=len(ascending) - 1)
    return check_sigmas(ascending[places])


def append_zero(sigmas: Tensor) -> Tensor:
    """The schedule with a last step to sigma = 0, where DDIM returns the denoiser's output."""
    levels = check_sigmas(sigmas)
    return check_sigmas(torch.cat([levels, levels.new_zeros(1)]))


def _grid(betas: Tensor) -> Tensor:
    return check_sigmas(sigma_from_alpha_bar(torch.cumprod(1 - betas, dim=0)).flip(0))


def _check_betas(levels: int, beta_first: float, beta_last: float) -> None:
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    if not 0 < beta_first <= beta_last < 1:
        raise ValueError(
            f"betas must satisfy 0 < beta_first <= beta_last < 1, got {beta_first} and {beta_last}"
        )


def _at_times(grid: Tensor, times: list[int], final: str) -> Tensor:
    levels = check_sigmas(grid)
    starts = levels[[len(levels) - t for t in times]]
    if final == "zero":
        return append_zero(starts)
    if final != "grid":
        raise ValueError(f"final must be 'grid' or 'zero', got {final!r}")
    if times[-1] == 1:
        raise ValueError(
            "the last step starts at the grid's smallest level and cannot end there: "
            "use final='zero' or fewer steps"
        )
    return torch.cat([starts, levels[-1:]])


def _with_ends(levels: Tensor, sigma_min: float, sigma_max: float) -> Tensor:
    levels[0], levels[-1] = sigma_max, sigma_min
    return check_sigmas(levels)


def _check_range(n: int, sigma_min: float, sigma_max: float) -> None:
    if n < 1:
        raise ValueError(f"a schedule needs at least one step, got n = {n}")
    if not (0 < sigma_min < sigma_max and math.isfinite(sigma_max)):
        raise ValueError(
            f"need 0 < sigma_min < sigma_max < infinity, got sigma_min = {sigma_min} and "
            f"sigma_max = {sigma_max}"
        )
