r"""What the distillation techniques fit: targets, and the students that attain them.

A teacher is a denoiser on a grid ``sigma_N > ... > sigma_0 >= 0`` and a step of a solver of
``dx/dsigma = (x - D)/sigma`` along it; ``Phi`` is the map of all its N steps.

    knowledge_student     KD    x_N -> Phi(x_N)                        end of the trajectory
    trajectory_student    DFNO  x_N -> (x_{N-1}, ..., x_0)             all of it
    progressive_student   PD    one student step = two teacher steps   N -> N/2 -> ... -> 1
    consistency_student   CD    f_k(x) = f_{k-1}(step(x)), f_0(x) = x  constant on trajectories

Luhman & Luhman 2021 (arXiv 2101.02388); Zheng et al. 2022 (2211.13449); Salimans & Ho 2022
(2202.00512), algorithm 2 and eq. 8; Song et al. 2023 (2303.01469), algorithm 2. Students are plain
functions. What stands for training is ``fit(target, sigma) -> function``: given the target at one
level it returns the student there. :func:`unrestricted` returns the target itself, the minimiser of
every square loss in an unrestricted class: with it, these are the fixed points of the techniques.
:func:`piecewise_linear` is the least-squares optimum in a finite class on the line.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise

import torch
from numpy.linalg import LinAlgError
from scipy.linalg import solveh_banded
from torch import Tensor

from theorylab.diffusion.denoisers import Denoiser
from theorylab.diffusion.schedules import check_sigmas

Map = Callable[[Tensor], Tensor]
Fit = Callable[[Map, float], Map]
#: One step of a solver: step(denoiser, x, sigma, sigma_next).
Step = Callable[[Denoiser, Tensor, float, float], Tensor]


def unrestricted(target: Map, sigma: float) -> Map:
    """The student of an unrestricted class: the target itself."""
    return target


def euler_step(denoiser: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """``D + (sigma_next/sigma)(x - D)``, a DDIM step."""
    return torch.lerp(denoiser(x, sigma), x, sigma_next / sigma)


def heun_step(denoiser: Denoiser, x: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Euler's step corrected by the trapezoid rule; Euler's alone where ``sigma_next = 0``.

    Karras et al. 2022 (arXiv 2206.00364), algorithm 1.
    """
    denoised = denoiser(x, sigma)
    ahead = torch.lerp(denoised, x, sigma_next / sigma)
    if sigma_next == 0:
        return ahead
    slope = (x - denoised) / sigma + (ahead - denoiser(ahead, sigma_next)) / sigma_next
    return x + (sigma_next - sigma) / 2 * slope


def knowledge_student(
    denoiser: Denoiser,
    sigmas: Tensor | Iterable[float],
    *,
    step: Step = euler_step,
    fit: Fit = unrestricted,
) -> Map:
    """Knowledge distillation, offline: ``x_N -> Phi(x_N)``, the teacher's last state."""
    path = _path(sigmas)

    def target(x: Tensor) -> Tensor:
        for sigma, after in pairwise(path):
            x = step(denoiser, x, sigma, after)
        return x

    return fit(target, path[0])


def trajectory_student(
    denoiser: Denoiser,
    sigmas: Tensor | Iterable[float],
    *,
    step: Step = euler_step,
    fit: Fit = unrestricted,
) -> Map:
    """DFNO, offline: ``x_N -> (x_{N-1}, ..., x_0)``, stacked along a new second dimension."""
    path = _path(sigmas)

    def target(x: Tensor) -> Tensor:
        states = []
        for sigma, after in pairwise(path):
            x = step(denoiser, x, sigma, after)
            states.append(x)
        return torch.stack(states, dim=1)

    return fit(target, path[0])


def progressive_target(
    denoiser: Denoiser, x: Tensor, sigma: float, middle: float, after: float
) -> Tensor:
    r"""The output of the student's denoiser that makes its one step equal two of the teacher's.

        D_S = (x'' - (sigma''/sigma) x)/(1 - sigma''/sigma),   x'' = two DDIM steps from x

    Salimans & Ho 2022, eq. 8, in variance-exploding coordinates. ``sigma > middle > after >= 0``.
    """
    end = euler_step(denoiser, euler_step(denoiser, x, sigma, middle), middle, after)
    ratio = after / sigma
    return (end - ratio * x) / (1 - ratio)


def progressive_student(
    denoiser: Denoiser, sigmas: Tensor | Iterable[float], *, fit: Fit = unrestricted
) -> tuple[list[Denoiser], list[list[float]]]:
    """Progressive distillation, online: every round halves the steps, its student teaches the next.

    Returns the denoisers after 0, 1, ..., log2 N rounds (each defined on its own grid, but for the
    last level) and their grids. The last takes one step, the distilled map:
    ``euler_step(students[-1], x, *grids[-1])``. Raises ``ValueError`` unless N is a power of 2.
    """
    path = _path(sigmas)
    if (len(path) - 1) & (len(path) - 2):
        raise ValueError(
            f"progressive distillation halves the steps until one is left: give 2^k + 1 sigmas, "
            f"got {len(path)}, that is {len(path) - 1} steps"
        )
    students, grids = [denoiser], [path]
    while len(path) > 2:
        students.append(_halved(students[-1], path, fit))
        path = path[::2]
        grids.append(path)
    return students, grids


def consistency_student(
    denoiser: Denoiser,
    sigmas: Tensor | Iterable[float],
    *,
    step: Step = euler_step,
    fit: Fit = unrestricted,
) -> list[Map]:
    """Consistency distillation, online: ``f_k(x) = f_{k-1}(step(x, sigma_k, sigma_{k-1}))``.

    Returns ``[f_N, ..., f_0]``, in the order of ``sigmas``; ``f_0(x) = x`` is the boundary
    condition, without which every constant has no loss. The levels are fitted from the lowest up,
    so that each meets a target that no longer moves: the fixed point of training with a target
    network, which N sweeps over all levels reach as well.
    """
    path = _path(sigmas)
    functions: list[Map] = [lambda x: x]
    for after, sigma in pairwise(reversed(path)):
        functions.append(
            fit(_consistency_target(denoiser, functions[-1], step, sigma, after), sigma)
        )
    return functions[::-1]


def piecewise_linear(knots: Callable[[float], Tensor], samples: Callable[[float], Tensor]) -> Fit:
    r"""Least squares in the class of piecewise linear functions on the line.

        min over c of sum_i |target(x_i) - sum_j c_j phi_j(x_i)|^2,   phi_j the hat at knot j

    Beyond the outer knots the functions go on linearly. ``knots(sigma)``: increasing, (k,) with
    k >= 2; ``samples(sigma)``: the x_i, (n, 1). The normal equations are tridiagonal: O(n + k).
    The student's maps take (batch, 1) to what the target gives. Raises ``ValueError`` where the
    samples do not determine the coefficients.
    """

    def fit(target: Map, sigma: float) -> Map:
        at, x = knots(sigma), samples(sigma)
        values = target(x)
        left, share = _place(x, at)
        flat, zero = values.flatten(1), share.new_zeros(len(at))
        bands = torch.stack([zero, zero.clone()])  # the diagonal, and what lies below it
        bands[0].index_add_(0, left, (1 - share).square())
        bands[0].index_add_(0, left + 1, share.square())
        bands[1].index_add_(0, left, share * (1 - share))
        moments = flat.new_zeros(len(at), flat.shape[1])
        moments.index_add_(0, left, (1 - share)[:, None] * flat)
        moments.index_add_(0, left + 1, share[:, None] * flat)
        try:
            solved = solveh_banded(bands.numpy(), moments.numpy(), lower=True)
        except LinAlgError as error:
            raise ValueError(
                f"{len(x)} samples do not determine {len(at)} coefficients at sigma {sigma:g}: "
                "every piece between two knots needs samples"
            ) from error
        coefficients = torch.from_numpy(solved)

        def student(z: Tensor) -> Tensor:
            left, share = _place(z, at)
            found = torch.lerp(coefficients[left], coefficients[left + 1], share[:, None])
            return found.reshape(len(z), *values.shape[1:])

        return student

    return fit


def _place(x: Tensor, knots: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the knot to the left of x (batch, 1), and how far to the next, both (batch,)."""
    x = x[:, 0].contiguous()
    left = torch.bucketize(x, knots).clamp(1, len(knots) - 1) - 1
    return left, (x - knots[left]) / (knots[left + 1] - knots[left])


def _halved(denoiser: Denoiser, path: list[float], fit: Fit) -> Denoiser:
    functions = {}
    for sigma, middle, after in zip(path[:-2:2], path[1:-1:2], path[2::2], strict=True):
        functions[sigma] = fit(_two_steps(denoiser, sigma, middle, after), sigma)

    def student(x: Tensor, sigma: float) -> Tensor:
        if sigma not in functions:
            raise ValueError(
                f"this student was distilled at the levels {', '.join(f'{s:g}' for s in functions)}"
                f", not at {sigma:g}"
            )
        return functions[sigma](x)

    return student


def _two_steps(denoiser: Denoiser, sigma: float, middle: float, after: float) -> Map:
    return lambda x: progressive_target(denoiser, x, sigma, middle, after)


def _consistency_target(
    denoiser: Denoiser, before: Map, step: Step, sigma: float, after: float
) -> Map:
    return lambda x: before(step(denoiser, x, sigma, after))


def _path(sigmas: Tensor | Iterable[float]) -> list[float]:
    path = check_sigmas(sigmas).tolist()
    if len(path) < 2:
        raise ValueError("a teacher needs at least one step: give two sigmas or more")
    return path
