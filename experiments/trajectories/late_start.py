r"""Symmetry breaking, late start: can sampling start below the critical noise level?

Document 001 shows "Spontaneous symmetry breaking in generative diffusion models" as a title with a
figure: what happens before the transition does not matter, so that sampling may start late from a
Gaussian.

A late start has an error that falls like sigma^-8 in Kullback-Leibler divergence for two equal
points, like sigma^-6 with unequal weights and like sigma^-4 without the data's covariance; but it
is not zero. On symmetric data it is, in what is sampled: the halves stay halves.

Quadrature for the divergence, and the exact flow for the share of samples in each mode, decide.
"""

import math

import numpy as np
import torch
import xarray as xr
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.flow_maps import ode_flow

experiment = Experiment()

SLIDE = Source("001", "slide 'Spontaneous symmetry breaking'")
STARTS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"weight": [0.5, 0.8], "start": ["moments", "noise"]})
def late_start(weight, start):
    """+-1 with weights w, 1 - w, begun at s from N(mean, var + s^2), or from N(0, s^2).

    The flow that follows is the exact one: it ends at +1 beyond the boundary of the two basins,
    found by integrating the flow upwards, where it contracts.
    """
    mean, variance = (2 * weight - 1, 4 * weight * (1 - weight)) if start == "moments" else (0, 0)
    mixture = GaussianMixture.isotropic([1 - weight, weight], [[-1.0], [1.0]], 0.0)
    # Below 0.1 the flow is stiff; from there it forgets its start by 1e-20 before 0.5.
    lowest = torch.tensor([[-(0.1**2) * math.log(weight / (1 - weight)) / 2]], dtype=torch.float64)
    boundary = ode_flow(mixture, lowest, (0.1, *STARTS))[1:, 0, 0].numpy()
    total = np.sqrt(variance + np.square(STARTS))
    share = special.ndtr((mean - boundary) / total)
    divergences = [divergence(weight, s, mean, variance) for s in STARTS]
    return xr.Dataset(
        {
            "divergence": (
                "s",
                divergences,
                {"long_name": "KL(p_s, start)", "units": "nat"},
            ),
            "share": ("s", share, {"long_name": "share of samples that end at +1"}),
            "error": ("s", np.abs(share - weight), {"long_name": "|share - w| = W2^2/4"}),
        },
        {"s": list(STARTS)},
    )


def divergence(weight, s, mean, variance):
    """KL(w N(1, s^2) + (1 - w) N(-1, s^2) || N(mean, variance + s^2)), by Gauss-Legendre panels.

    Integrated is q f(p/q - 1) with f(t) = (1 + t)log(1 + t) - t >= 0, where p log(p/q) would lose
    every digit: at s = 16 the two laws agree to 1e-6.
    """
    nodes, rule = np.polynomial.legendre.leggauss(40)
    edges = np.unique([a + k * s for a in (-1, 1) for k in range(-13, 14)])
    half = np.diff(edges)[:, None] / 2
    x, total = edges[:-1, None] + half * (1 + nodes), variance + s * s
    log_p = np.logaddexp(
        math.log(weight) - (x - 1) ** 2 / (2 * s * s),
        math.log(1 - weight) - (x + 1) ** 2 / (2 * s * s),
    )
    log_q = -((x - mean) ** 2) / (2 * total) - math.log(total) / 2
    t = np.expm1(log_p - math.log(s) - log_q)
    series = sum((-1) ** n * t**n / (n * (n - 1)) for n in range(2, 9))
    f = np.where(np.abs(t) < 0.01, series, special.xlogy(1 + t, 1 + t) - t)
    return float((half * rule * np.exp(log_q) * f).sum() / math.sqrt(2 * math.pi))


# ---- checks -----------------------------------------------------------------------------------


def divergence_limit(late_start, weight=0.5, start="moments", power=4, target=1 / 12):
    """KL (var + s^2)^power -> target."""
    d = late_start.sel(weight=weight, start=start).sel(s=slice(2, None))
    total = d.s**2 + (4 * weight * (1 - weight) if start == "moments" else 0)
    return checks.limit(
        (d.divergence * total**power).rename(s="h"),
        target,
        0.02 * target,
        reason="two percent: below the tenth that a wrong constant is off",
        dim="h",
        h=1 / total.values,
        exponents=(1, 2, 3),
        rounding=1e-7 * target,
    )


def divergence_rate(late_start, weight=0.5, start="moments", order=8):
    """KL ~ (standard deviation of the start)^-order."""
    d = late_start.sel(weight=weight, start=start).sel(s=slice(2, None))
    spread = np.sqrt(d.s**2 + (4 * weight * (1 - weight) if start == "moments" else 0))
    return checks.rate(
        d.divergence.rename(s="h"),
        order,
        0.25,
        reason="the neighbours' orders are 2 and more away",
        dim="h",
        h=1 / spread.values,
        rounding=1e-7,
    )


def share_limit(late_start, power=1.5, factor=1.0, weight=0.8, start="moments"):
    """|share - w| (var + s^2)^(3/2) -> phi(z)|z^2 - 1||kappa_3|/6, z the (1-w)-quantile."""
    d = late_start.sel(weight=weight, start=start).sel(s=slice(2, None))
    z, total = special.ndtri(1 - weight), 4 * weight * (1 - weight) + d.s**2
    third = abs(8 * weight * (1 - weight) * (1 - 2 * weight))
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    target = factor * density * abs(z * z - 1) * third / 6
    return checks.limit(
        (d.error * total**power).rename(s="h"),
        target,
        0.05 * target,
        reason="five percent: half of what the nearest neighbour is off",
        dim="h",
        h=1 / total.values,
        exponents=(0.5, 1, 1.5, 2),
        rounding=1e-6 * target,
    )


def share_bound(late_start, factor=1.0, weight=0.8, start="moments", power=0.5):
    """|share - w| <= factor (KL/2)^power for every s at or above the critical level."""
    d = late_start.sel(weight=weight, start=start)
    bound = factor * (d.divergence / 2) ** power
    return checks.bound(
        d.error - bound,
        1e-10,
        1e-7,
        reason="rounding: the flow's tolerance; 1e-7 of the samples are not told apart",
        where=d.s >= 1,
    )


def symmetric_share(late_start, weight=0.5):
    return checks.identity(
        late_start.error.sel(weight=weight).max("s"),
        1e-11,
        1e-8,
        reason="rounding: the flow's tolerance",
    )


# ---- claims -----------------------------------------------------------------------------------

late = experiment.about("symmetry-breaking-late-start", SLIDE)

pinsker = late(
    "corrected",
    r"|P(x_0 = 1) - w| \le \sqrt{\mathrm{KL}(p_s, N(\mu, C + s^2))/2}",
    kind="inequality",
    conditions="+-1 with w = .8, exact flow from the Gaussian at s >= 1; W2^2 is 4 times the left",
    check=share_bound,
    controls=[
        Control("KL/2, without the root", power=1.0),
        Control("a hundredth of the bound", factor=0.01),
    ],
)
late(
    "as-stated",
    r"P(x_0 = 1) = w \text{ after any start at } s \ge \sigma_c",
    kind="rate",
    expected="refuted",
    conditions="+-1 with w = .8: what happens before the critical level does not matter",
    check=share_bound,
    factor=0.0,
    twin=pinsker,
)
late(
    "symmetric-exact",
    r"P(x_0 = 1) = \tfrac12 \text{ after any symmetric start}",
    conditions="+-1 with equal weights: exact at every s, above and below the critical level",
    check=symmetric_share,
    controls=[Control("w = .8", weight=0.8)],
)
late(
    "divergence",
    r"12 (1 + s^2)^4\,\mathrm{KL}(p_s, N(0, 1 + s^2)) \to 1",
    kind="rate",
    conditions="+-1 with equal weights, s to infinity",
    check=divergence_limit,
    controls=[
        Control("1/24 for 1/12", target=1 / 24),
        Control("a tenth less", target=0.9 / 12),
    ],
)
late(
    "divergence-rate",
    r"\mathrm{KL}(p_s, N(0, 1 + s^2)) \sim (1 + s^2)^{-4}",
    kind="rate",
    conditions="+-1 with equal weights, s to infinity",
    check=divergence_rate,
    controls=[
        Control("a start without the data's covariance", start="noise"),
        Control("unequal weights", weight=0.8),
        Control("s^{-6}", order=6),
    ],
)
late(
    "noise-only",
    r"4 s^4\,\mathrm{KL}(p_s, N(0, s^2)) \to 1",
    kind="rate",
    conditions="+-1 with equal weights, started from the noise alone: four orders of s worse",
    check=divergence_limit,
    start="noise",
    power=2,
    target=1 / 4,
    controls=[Control("a tenth less", target=0.225), Control("1/12 for 1/4", target=1 / 12)],
)
late(
    "skewed",
    r"\tfrac{12 (C + s^2)^3}{\kappa_3^2}\,\mathrm{KL}(p_s, N(\mu, C + s^2)) \to 1",
    kind="rate",
    conditions="+-1 with w = .8: a third cumulant costs two orders of s",
    check=divergence_limit,
    weight=0.8,
    power=3,
    target=(8 * 0.8 * 0.2 * 0.6) ** 2 / 12,
    controls=[Control("a tenth less", target=0.9 * (8 * 0.8 * 0.2 * 0.6) ** 2 / 12)],
)
late(
    "output",
    r"|P(x_0 = 1) - w|\,(C + s^2)^{3/2} \to \varphi(z)|z^2 - 1||\kappa_3|/6",
    kind="rate",
    conditions="+-1 with w = .8, exact flow from N(mu, C + s^2); Phi(z) = 1 - w",
    check=share_limit,
    controls=[Control("a tenth less", factor=0.9), Control("1/24 for 1/6", factor=0.25)],
)
