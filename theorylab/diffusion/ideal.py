r"""The ideal denoiser of a finite data set, streamed: never a matrix of batch x N.

For data :math:`x_1, \dots, x_N` with weights :math:`w_i` (1 each unless given),

.. math:: D(x, \sigma) = \frac{\sum_i w_i e^{-|x-x_i|^2/2\sigma^2}\, x_i}
                              {\sum_i w_i e^{-|x-x_i|^2/2\sigma^2}}
                       = E[x_0 \mid x_0 + \sigma\,\mathrm{noise} = x],

the minimiser of the denoising loss (Permenter & Yuan 2024, arXiv 2306.04848; Karras et al. 2022,
arXiv 2206.00364, eq. 57). One pass also gives :math:`\log\sum_i w_i e^{-|x-x_i|^2/2\sigma^2}`, from
which the smoothed squared distance :math:`-2\sigma^2\log\sum` and the log density of the noised
data follow, the nearest point, and the effective sample size.

**Three ways to the same sums**, chosen for each query by what is proven about them:
*screened* (`screening.py`): a cheap product encloses every distance; points that cannot matter are
dropped with a proven bound on their mass, the others are evaluated from exact float64 differences;
*dense*: two matrix products a chunk, where a rounding bound on the exponents allows it;
*direct*: exact differences to every point, slow, where neither of the others will do.

**Accuracy.** An error of at most :math:`\delta` in every exponent moves D by at most
:math:`(e^{2\delta}-1)\sqrt{\mathrm{tr\,Cov}(x_0|x)}`, and eps = (x - D)/sigma relatively by that
over :math:`|x - D|`. The dense way is taken only where a proven bound (see
:meth:`IdealDenoiser.exponent_error_bound`) holds :math:`\delta` below `EXPONENT_ERROR`: 5e-10 in
float64, so that eps is proven to 1e-9 wherever :math:`\mathrm{tr\,Cov} \le |x - D|^2` (on images
it was at most a hundredth of it), 0.5 in float32. Rounding errors cancel, so the bound is 1,000 to
100,000 times too large: eps was within 1e-13 and 1e-6 on the digits and Fashion-MNIST,
near-duplicates included. The other
ways err in an exponent by a few :math:`u|x_i-x_a|(|x_i-x_a| + 2|x-x_a|)/2\sigma^2`, with
:math:`x_a` the nearest point, in either precision. D itself is rounded to the dtype of x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from theorylab.diffusion.data_points import FLOATS, DataPoints
from theorylab.diffusion.denoisers import Sigma, expand_sigma
from theorylab.diffusion.enclosures import float32_is_safe, product_error
from theorylab.diffusion.posterior_moments import (
    Moments,
    Nearest,
    dense_moments,
    direct_moments,
    joined,
    pair_moments,
    put,
)
from theorylab.diffusion.screening import screen

BATCH = 256  # queries at a time
EXPONENT_ERROR = {torch.float64: 5e-10, torch.float32: 0.5}
DROPPED = 2.0**-60  # largest share of the posterior that screening may drop
DENSE_PAIRS = {torch.float64: 64, torch.float32: 256}  # cost of an exact pair, in dense ones
RECENTRE = 1e3  # exponents from a reference that much farther than the nearest lose 3 digits
MOST_PAIRS = 2048  # pairs listed for a query where the only other way is the direct one


class Posterior(NamedTuple):
    r"""What one pass over the data says about the law of :math:`x_0` given x.

    mean: :math:`D(x,\sigma)`, shape and dtype of x. The others are (batch,) float64, index int64:
    log_sum_exp: :math:`\log\sum_i w_i e^{-|x-x_i|^2/2\sigma^2}`.
    smoothed_squared_distance: :math:`-2\sigma^2` log_sum_exp; its half has gradient
    :math:`x - D = \sigma\epsilon^*`. With weights 1 it may be negative; with weights 1/N it tends
    to the mean squared distance as sigma grows.
    distance: :math:`\min_i |x - x_i|` over the points of positive weight.
    index: the place in the data of the nearest point, the lowest of equally near ones.
    effective_sample_size: :math:`(\sum p_i)^2/\sum p_i^2` of the posterior probabilities.
    covariance_trace: as :meth:`IdealDenoiser.covariance_trace`.
    """

    mean: Tensor
    log_sum_exp: Tensor
    smoothed_squared_distance: Tensor
    distance: Tensor
    index: Tensor
    effective_sample_size: Tensor
    covariance_trace: Tensor


class IdealDenoiser:
    r"""``denoiser(x, sigma) -> D``: the exact posterior mean over a finite data set.

    data: (N, *event), float32, float64, or uint8 standing for :math:`u/127.5 - 1`. weights: (N,),
    at least 0 and used as given (their scale moves log_sum_exp only); a weight of 0 takes the point
    out of the set. precision: torch.float64, or torch.float32 for speed.

    Raises TypeError for other dtypes, ValueError for an empty set, non-finite data, or weights that
    are negative, of another length, or all 0.
    """

    def __init__(
        self,
        data: Tensor,
        weights: Tensor | None = None,
        *,
        precision: torch.dtype = torch.float64,
    ):
        if precision not in FLOATS:
            raise TypeError(f"precision must be torch.float64 or torch.float32; got {precision}")
        self.precision = precision
        self._points = points = DataPoints(data, weights)
        logs = points.log_weight
        spread = 0.0 if logs is None else float(logs.max() - logs.min())
        # tau + lambda of screening.py, with N e^-tau = DROPPED.
        self._screen_width = math.log(len(points) / DROPPED) + spread

    def __call__(self, x: Tensor, sigma: Sigma) -> Tensor:
        r"""The posterior mean :math:`D(x, \sigma)`, with the shape and dtype of x.

        x: (batch, *event), floating; sigma: a number or (batch, 1, ..., 1), positive. Raises
        ValueError for another event shape, NaN or infinite x, or sigma not above 0, TypeError for
        an x that is not floating.
        """
        means = [self._sums(*part, powers=False).mean() for part in self._batches(x, sigma)]
        return torch.cat(means).reshape(x.shape).to(x.dtype)

    def posterior(self, x: Tensor, sigma: Sigma) -> Posterior:
        """Everything one pass computes, as a `Posterior`. Arguments and errors as for a call."""
        points = self._points
        found = []
        for part, level in self._batches(x, sigma):
            sums = self._sums(part, level, powers=True)
            reference, moments, nearest = sums
            index = nearest.index.clone()
            unknown = nearest.half_excess.isinf()  # evaluated densely
            if bool(unknown.any()):
                index[unknown] = self._nearest(part[unknown])
            variance = level.square()
            offset = -2 * variance * (moments.top + moments.mass.log())
            smoothed = (part - reference).square().sum(1) + offset
            found.append(
                Posterior(
                    mean=sums.mean(),
                    log_sum_exp=-smoothed / (2 * variance),
                    smoothed_squared_distance=smoothed,
                    distance=(part - points.take(index)).norm(dim=1),
                    index=index if points.original is None else points.original[index],
                    effective_sample_size=moments.mass.square() / moments.mass_of_squares,
                    covariance_trace=sums.covariance_trace(),
                )
            )
        whole = joined(found)
        return whole._replace(mean=whole.mean.reshape(x.shape).to(x.dtype))

    def covariance_trace(self, x: Tensor, sigma: Sigma) -> Tensor:
        r""":math:`\mathrm{tr}\,\mathrm{Cov}(x_0 \mid x) = E|x_0 - D|^2`, (batch,) float64.

        It equals :math:`\sigma^2\,\mathrm{div}\,D(x,\sigma)`; its mean over the noised data is the
        least mean square error of denoising. Arguments and errors as for a call. In the dense
        way its absolute error is a few roundings of :math:`E|x_0 - c|^2`, c the data's mean.
        """
        batches = self._batches(x, sigma)
        return torch.cat([self._sums(*part, powers=True).covariance_trace() for part in batches])

    def exponent_error_bound(self, x: Tensor, sigma: Sigma, dtype: torch.dtype) -> Tensor:
        r"""Proven bound on the rounding of the exponents, were they computed densely in ``dtype``.

        :math:`\delta = 2g\max_i(|q||y_i| + |y_i|^2)/\sigma^2`, (batch,), with q and y_i taken from
        the data's mean and :math:`g = \gamma_{d+12}`. The probabilities then err by factors within
        :math:`e^{\pm2\delta}`, the mean by at most :math:`(e^{2\delta}-1)\,E|x_0 - D|` beside the
        rounding of the sums themselves.
        """
        return torch.cat([self._exponent_error(*p, dtype) for p in self._batches(x, sigma)])

    def _batches(self, x: Tensor, sigma: Sigma) -> list[tuple[Tensor, Tensor]]:
        """Checked queries (batch, d) and levels (batch,), float64, in blocks of BATCH."""
        event = tuple(self._points.event)
        if not isinstance(x, Tensor) or not x.is_floating_point():
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"x must be a floating-point tensor; got {kind}")
        if x.dim() != 1 + len(event) or tuple(x.shape[1:]) != event:
            raise ValueError(
                f"x must be (batch, {', '.join(map(str, event))}), its events shaped as the "
                f"data's points; got shape {tuple(x.shape)}"
            )
        flat = x.detach().reshape(len(x), self._points.dim).double()
        if not bool(flat.isfinite().all()):
            raise ValueError(f"x holds {int((~flat.isfinite()).sum())} NaN or infinite numbers")
        levels = expand_sigma(sigma, x.detach().double(), allow_zero=False).reshape(-1)
        if not bool(((levels > 1e-150) & (levels < 1e150)).all()):
            raise ValueError("sigma must lie between 1e-150 and 1e150, where its square is finite")
        return list(zip(flat.split(BATCH), levels.split(BATCH), strict=True))

    def _exponent_error(self, x: Tensor, sigma: Tensor, dtype: torch.dtype) -> Tensor:
        points = self._points
        far = points.norm.max() * points.unit
        reach = (x - points.centre).norm(dim=1)
        error = 2 * product_error(points, dtype) * (reach * far + far.square()) / sigma.square()
        if points.log_weight is not None:
            error += 4 * torch.finfo(dtype).eps * points.log_weight.abs().max()
        return error

    def _sums(self, x: Tensor, sigma: Tensor, *, powers: bool) -> _Sums:
        """The posterior's moments, each query by the cheapest way that is accurate enough."""
        points = self._points
        able = {
            dtype: self._exponent_error(x, sigma, dtype) <= EXPONENT_ERROR[dtype]
            for dtype in FLOATS
        }
        able[torch.float32] &= self.precision == torch.float32 and float32_is_safe(points, x)
        limit = torch.full((len(x),), MOST_PAIRS)
        for dtype in (torch.float64, torch.float32):
            limit[able[dtype]] = min(MOST_PAIRS, len(points) // DENSE_PAIRS[dtype])
        width, optional = (
            self._screen_width * sigma.square(),
            able[torch.float32] | able[torch.float64],
        )
        query, point, near, left = screen(points, x, width, limit, optional)
        reference, moments, nearest = _about_nearest(
            points,
            sigma,
            points.take(near),
            lambda a: pair_moments(points, x, sigma, a, query, point),
        )
        for dtype in FLOATS:
            rows = (left & able[dtype]).nonzero()[:, 0]
            if len(rows):
                reference[rows] = points.centre
                put(moments, rows, dense_moments(points, x[rows], sigma[rows], dtype, powers))
                left[rows] = False
        rows = left.nonzero()[:, 0]
        if len(rows):
            part = _about_nearest(
                points,
                sigma[rows],
                reference[rows],
                lambda a: direct_moments(points, x[rows], sigma[rows], a),
            )
            reference[rows] = part.reference
            put(moments, rows, part.moments)
            put(nearest, rows, part.nearest)
        return _Sums(reference, moments, nearest)

    def _nearest(self, x: Tensor) -> Tensor:
        """The place of the nearest point among the points, (batch,), by a screening of width 0."""
        points, some = self._points, torch.ones(len(x), dtype=torch.float64)
        limit = torch.full((len(x),), MOST_PAIRS)
        query, point, near, left = screen(points, x, 0 * some, limit, limit < 0)
        reference = points.take(near)
        _, nearest = pair_moments(points, x, some, reference, query, point)
        if bool(left.any()):
            part = direct_moments(points, x[left], some[left], reference[left])[1]
            put(nearest, left, part)
        return nearest.index


class _Sums(NamedTuple):
    """A reference point of each query, (batch, d), and the posterior's moments about it.

    nearest: as `pair_moments` gives it, without meaning for queries evaluated densely.
    """

    reference: Tensor
    moments: Moments
    nearest: Nearest

    def mean(self) -> Tensor:
        """(batch, d) float64."""
        return self.reference + self.moments.first / self.moments.mass[:, None]

    def covariance_trace(self) -> Tensor:
        """(batch,) float64."""
        bias = (self.moments.first / self.moments.mass[:, None]).square().sum(1)
        return (self.moments.second / self.moments.mass - bias).clamp_(min=0)


def _about_nearest(
    points: DataPoints,
    sigma: Tensor,
    reference: Tensor,
    evaluate: Callable[[Tensor], tuple[Moments, Nearest]],
) -> _Sums:
    """Exact sums about a reference, and once more about the nearest point where that is far off."""
    moments, nearest = evaluate(reference)
    far = nearest.half_excess < -RECENTRE * sigma.square()
    if bool(far.any()):
        reference = reference.clone()
        reference[far] = points.take(nearest.index[far])
        moments, nearest = evaluate(reference)
    return _Sums(reference, moments, nearest)
