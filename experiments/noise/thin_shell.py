"""Thin shell: does Gaussian noise live on a thin sphere?

Document 001, Proposition 1, says of z ~ N(0, sigma^2 I_d): E|z|^2 = sigma^2 d, and with high
probability |z| = sigma sqrt(d) +- O(1). The identity holds. The O(1) hides sigma: the shell is
sigma/sqrt(2) thick, 57 at sigma = 80. Exact chi laws and ball arithmetic decide, against noise
drawn by the library's forward process, for d from 1 to 10^6.

Whether noise lengthens a vector stands in `noise_lengthens`, at which angle it meets it in
`noise_perpendicular`.
"""

import itertools
import math
from fractions import Fraction
from functools import cache

import flint
import numpy as np
import sympy as sp
import torch
import xarray as xr
from flint import arb
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.processes import forward_sample, variance_exploding

experiment = Experiment()

HALF = Fraction(1, 2)
DIMS = (1, 2, 3, 5, 10, 30, 100, 1000, 10_000, 100_000, 1_000_000)
SIGMAS = (0.01, 1.0, 80.0)  # 80 is where EDM's schedules start
ENOUGH = 4_000_000  # samples: in small dimensions more would only cost time
CHUNK = 2**16  # normals drawn at once: they stay in the cache

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [1, 2, 8, 64, 512, 4096, 65_536, 1_000_000]},
    quick={"dim": [1, 2, 16, 256, 4096, 65_536], "normals": 1.6e7},
    default={"normals": 2.4e8},
    paper={"normals": 3e9},
)
def norms(dim, normals, generator):
    """|z|^2 summed, and how often |z| leaves the shell, of half-width t sigma^power."""
    samples = min(int(normals) // (dim * len(SIGMAS)), ENOUGH)
    power, times = [0, 1], [1.5, 2.0]
    total, width = np.zeros(len(SIGMAS)), np.zeros(len(SIGMAS))
    outside = np.zeros((len(SIGMAS), len(power), len(times)), dtype=int)
    for i, sigma in enumerate(SIGMAS):
        for rows in _chunks(samples, dim):
            x = torch.zeros((), dtype=torch.float64).expand(rows, dim)
            squared = _noise(x, sigma, generator).square().sum(1)
            off = (squared.sqrt() - sigma * math.sqrt(dim)).abs()
            total[i] += squared.sum().item()
            width[i] += off.square().sum().item()
            for j, k in np.ndindex(outside.shape[1:]):
                outside[i, j, k] += (off > times[k] * sigma ** power[j]).sum().item()
    return xr.Dataset(
        {
            "squared_norms": ("sigma", total, {"long_name": "sum of |z|^2 over samples"}),
            "mean_square_width": ("sigma", width / samples, {"long_name": "mean (|z| - s√d)^2"}),
            "outside": (("sigma", "power", "t"), outside, {"long_name": "samples off the shell"}),
            "samples": samples,
        },
        {"sigma": list(SIGMAS), "power": power, "t": times},
    )


@experiment.measure(
    grid={"dim": [1, 2, 3, 4, 16, 64, 256, 1024, 4096]},
    quick={"dim": [1, 2, 3, 4, 16, 64, 256], "samples": 40_000},
    default={"dim": [1, 2, 3, 4, 16, 64, 256, 1024], "samples": 40_000},
    paper={"samples": 200_000},
)
def radii(dim, samples, generator):
    """|z|/sigma of single noises."""
    sigma, found = 2.0, []
    for rows in _chunks(samples, dim):
        x = torch.zeros((), dtype=torch.float64).expand(rows, dim)
        found.append(_noise(x, sigma, generator).norm(dim=1) / sigma)
    return xr.Dataset({"radius": ("sample", torch.cat(found).numpy(), {"long_name": "|z|/sigma"})})


def _chunks(samples, dim):
    rows = max(1, CHUNK // dim)
    return [rows] * (samples // rows) + [samples % rows] * (samples % rows > 0)


def _noise(x, sigma, generator):
    """z = x_t - x of the variance-exploding process, whose time is sigma."""
    return forward_sample(variance_exploding(), x, sigma, generator=generator) - x


# ---- checks ------------------------------------------------------------------------------------


def radial_moment(moment, value):
    """E|z|^moment by integrating the radial density of N(0, sigma^2 I_d), for every d > 0."""
    d, sigma, r = sp.symbols("d sigma r", positive=True)
    surface = 2 / ((sp.sqrt(2) * sigma) ** d * sp.gamma(d / 2))
    integrand = r ** (d - 1 + moment) * sp.exp(-(r**2) / (2 * sigma**2))
    found = surface * sp.integrate(integrand, (r, 0, sp.oo))
    return checks.proof(found - value(d, sigma), {d: 3, sigma: sp.Rational(5, 2)})


def second_moment(norms, factor=1.0, missing=0, power=2):
    """The mean of |z|^2 against factor sigma^power (d - missing), by its exact chi-square law."""
    return checks.chi_square_mean(
        norms.squared_norms,
        norms.samples * norms.dim,
        factor * norms.sigma**power * (norms.dim - missing) * norms.samples,
        margin=0.005,
        reason="half a percent shows a dimension lost up to d = 100, and any lost factor",
        where=norms.dim > missing,
    )


def tails_certified(power=1, rate=HALF):
    """P(| |z| - sigma sqrt(d) | > t sigma^power) <= 2 exp(-rate t^2), by balls."""

    def difference(dim, sigma, t):
        return _outside(dim, t * sigma ** (power - 1)) - 2 * (-_ball(rate) * t**2).exp()

    sigmas = [Fraction(1, 100), Fraction(1), Fraction(80)]
    return _certified(difference, dim=DIMS, sigma=sigmas, t=[1, 2, 3, 4, 6])


def tails_measured(norms, power=1, rate=0.5):
    """The same bound on noise of the forward process."""
    return checks.proportion(
        norms.outside.sel(power=power),
        norms.samples,
        2 * np.exp(-rate * norms.t**2),
        margin=0,
        relation="<=",
        reason="a bound on a probability",
    )


def chernoff_exponents(upper=HALF, lower=1):
    """Chernoff's exponents of |z|^2 at sigma^2 (sqrt(d) +- t)^2: at least upper t^2, lower t^2.

    Per dimension, with u = t/sqrt(d): exponent minus bound is 0 at u = 0 and never falls.
    """
    s, x, g, u, v = sp.symbols("s x g u v", positive=True)
    # E exp(l g^2) at l = (1 - 1/s)/2; the exponent l x - log E is largest at s = x.
    generating = sp.integrate(sp.exp(-(g**2) / (2 * s)), (g, -sp.oo, sp.oo)) / sp.sqrt(2 * sp.pi)
    exponent = ((1 - 1 / s) / 2 * x - sp.log(generating)).subs(s, x)
    above = exponent.subs(x, (1 + u) ** 2) - upper * u**2
    below = exponent.subs(x, (1 - u) ** 2) - lower * u**2
    slope_below = sp.diff(below, u).subs(u, v / (1 + v))  # 0 < u < 1
    parts = [above.subs(u, 0), sp.diff(above, u), below.subs(u, 0), slope_below]
    return checks.proof_nonnegative(parts, {u: sp.Rational(1, 3), v: sp.Rational(1, 3)})


def width_certified(bound):
    """E(|z|/sigma - sqrt(d))^2 = 2d - 2 sqrt(d) E|z|/sigma <= bound, by balls."""

    def difference(dim):
        return 2 * dim - 2 * arb(dim).sqrt() * _mean_radius(dim) - _ball(bound)

    return _certified(difference, dim=[*range(1, 101), *DIMS[-4:]])


def radial_law(radii, missing=0, variance=None):
    """Law of |z|/sigma: chi with d - missing degrees, or N(sqrt(d), variance)."""

    def cdf(d):
        if variance is None:
            return lambda r: special.gammainc((d - missing) / 2, r**2 / 2)
        return lambda r: special.ndtr((r - math.sqrt(d)) / math.sqrt(variance))

    radius = radii.radius.sel(dim=radii.dim > missing)
    return _same_law({f"d={d}": (radius.sel(dim=d), cdf(d)) for d in radius.dim.values})


def normal_limit(value):
    """Limit of sqrt(d) sup_y |P(Y <= y) - Phi(y)|, Y = sqrt(2)(|z|/sigma - sqrt(d)).

    The supremum is at y -> 0.
    """
    y, dims = np.linspace(-0.5, 1.5, 20_001), 4.0 ** np.arange(3, 10)
    laws = [special.gammainc(d / 2, (math.sqrt(d) + y / math.sqrt(2)) ** 2 / 2) for d in dims]
    distances = [np.abs(law - special.ndtr(y)).max() for law in laws]
    # A step of 1e-4 in y misses the supremum by less than 1e-8 of it.
    return checks.limit(
        np.sqrt(dims) * distances,
        value,
        1e-6,
        "what rounding leaves of the extrapolation in 1/d; the slips sought are of some percent",
        h=1 / dims,
        exponents=(1, 2),
        rounding=1e-8,
    )


def _certified(difference, **axes):
    """certificate of difference(*point) <= 0 at every point of a grid."""
    with flint.ctx.workprec(256):
        points = itertools.product(*axes.values())
        balls = np.array([difference(*point) for point in points], dtype=object)
        grid = balls.reshape([len(values) for values in axes.values()])
        coords = {name: [float(v) for v in values] for name, values in axes.items()}
        ball = xr.DataArray(grid, coords, tuple(axes))
        return checks.certificate(ball, (-math.inf, 0.0), "a bound: lhs - rhs is never positive")


def _same_law(cases, margin=0.03):
    """Samples and distribution function by name of the case: one KS distance each."""
    names = xr.DataArray(list(cases), dims="case").assign_coords(case=list(cases))
    distances = [checks.ks_distance(samples.values, cdf) for samples, cdf in cases.values()]
    sizes = [samples.size for samples, _ in cases.values()]
    return checks.law_1d(
        names.copy(data=distances),
        names.copy(data=sizes),
        margin=margin,
        reason="what the samples resolve; a degree of freedom lost is twice as far, or more",
    )


def _ball(fraction):
    fraction = Fraction(fraction)
    return arb(flint.fmpq(fraction.numerator, fraction.denominator))


@cache
def _outside(dim, half_width):
    """P(| |z|/sigma - sqrt(d) | > half_width), the two tails of chi_d, as a ball."""
    root, shape, width = arb(dim).sqrt(), arb(dim) / 2, _ball(half_width)
    tails = ((root + width) ** 2 / 2).gamma_upper(shape, 1)
    if half_width**2 < dim:
        tails += 1 - ((root - width) ** 2 / 2).gamma_upper(shape, 1)
    return tails


def _mean_radius(dim):
    """E|z|/sigma = sqrt(2) Gamma((d + 1)/2) / Gamma(d/2), as a ball."""
    return arb(2).sqrt() * ((arb(dim + 1) / 2).lgamma() - (arb(dim) / 2).lgamma()).exp()


# ---- claims -----------------------------------------------------------------------------------

PROPOSITION = Source("001", "Proposition 1")
second = experiment.about("noise-second-moment", PROPOSITION)
shell = experiment.about("thin-shell-constant", PROPOSITION, kind="inequality")

second(
    "",
    r"\mathbb{E}\|z\|^2 = \sigma^2 d",
    conditions="every d and sigma",
    check=radial_moment,
    moment=2,
    value=lambda d, sigma: sigma**2 * d,
    controls=[
        Control(r"\sigma^2 (d-1)", value=lambda d, sigma: sigma**2 * (d - 1)),
        Control(r"\sigma d", value=lambda d, sigma: sigma * d),
    ],
)
second(
    "measured",
    r"\mathbb{E}\|x_t - x_0\|^2 = \sigma^2 d",
    form="as stated",
    conditions="variance-exploding forward process; d to 10^6; sigma = 0.01, 1, 80",
    check=second_moment,
    controls=[
        Control(r"\sigma^2 (d-1)", missing=1),
        Control(r"\sigma d", power=1),
        Control(r"0.9\,\sigma^2 d", factor=0.9),
    ],
)
second(
    "law",
    r"\|z\|^2 / \sigma^2 \sim \chi^2_d",
    entries="thin-shell-constant",
    kind="law",
    check=radial_law,
    controls=[
        Control(r"\chi^2_{d-1}", missing=1),
        Control(r"\|z\|/\sigma \sim N(\sqrt d, 1)", variance=1.0),
        Control(r"\|z\|/\sigma \sim N(\sqrt d, 1/4)", variance=0.25),
    ],
)
shell_tails = shell(
    "corrected",
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\sigma\big) \le 2 e^{-t^2/2}",
    conditions="d from 1 to 10^6, sigma = 0.01, 1, 80, t from 1 to 6",
    check=tails_certified,
    controls=[
        Control(r"2 e^{-t^2}", rate=Fraction(1)),
        Control(r"2 e^{-2t^2}", rate=Fraction(2)),
        Control(r"half-width t\sigma^2", power=2),
    ],
)
shell(
    "as-stated",
    r"\|z\| = \sigma\sqrt d \pm O(1):\quad"
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\big) \le 2 e^{-t^2/2}",
    conditions="O(1) read as a constant that depends neither on d nor on sigma",
    check=tails_certified,
    power=0,
    expected="refuted",
    twin=shell_tails,
)
measured_tails = shell(
    "measured-corrected",
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\sigma\big) \le 2 e^{-t^2/2}",
    conditions="variance-exploding forward process; d to 10^6; sigma = 0.01, 1, 80",
    check=tails_measured,
    controls=[Control(r"2 e^{-2t^2}", rate=2.0)],
)
shell(
    "measured-as-stated",
    r"\mathbb{P}\big(|\,\|z\| - \sigma\sqrt d\,| > t\big) \le 2 e^{-t^2/2}",
    conditions="O(1) read as a constant that depends neither on d nor on sigma",
    check=tails_measured,
    power=0,
    expected="refuted",
    twin=measured_tails,
)
shell(
    "symbolic",
    r"\mathbb{P}(\|z\| \ge \sigma(\sqrt d + t)) \le e^{-t^2/2}, \quad"
    r"\mathbb{P}(\|z\| \le \sigma(\sqrt d - t)) \le e^{-t^2}",
    conditions="every d, sigma and t > 0",
    check=chernoff_exponents,
    controls=[
        Control(r"upper tail e^{-t^2}", upper=1),
        Control(r"lower tail e^{-2t^2}", lower=2),
    ],
)
shell(
    "reading-fixed-sigma",
    r"\mathbb{E}(\|z\| - \sigma\sqrt d)^2 \le \tfrac12\sigma^2",
    conditions="O(1) for d -> infinity at fixed sigma",
    check=width_certified,
    bound=HALF,
    controls=[
        Control(r"\le 0.49\,\sigma^2", bound=Fraction(49, 100)),
        Control(r"\le \tfrac14\sigma^2", bound=Fraction(1, 4)),
    ],
)
shell(
    "mean",
    r"\mathbb{E}\|z\| = \sigma\sqrt2\,\Gamma(\tfrac{d+1}2)/\Gamma(\tfrac d2)",
    kind="identity",
    conditions="every d and sigma",
    check=radial_moment,
    moment=1,
    value=lambda d, sigma: sigma * sp.sqrt(2) * sp.gamma((d + 1) / 2) / sp.gamma(d / 2),
    controls=[Control(r"\sigma\sqrt d", value=lambda d, sigma: sigma * sp.sqrt(d))],
)
shell(
    "normal-limit",
    r"\sqrt d\,\sup_y\big|\mathbb{P}(\sqrt2(\|z\|/\sigma - \sqrt d) \le y) - \Phi(y)\big|"
    r" \to \frac1{3\sqrt\pi}",
    kind="limit",
    check=normal_limit,
    value=1 / (3 * math.sqrt(math.pi)),
    controls=[
        Control(r"\to 1/(3\sqrt{2\pi})", value=1 / (3 * math.sqrt(2 * math.pi))),
        Control(r"\to 0", value=0.0),
    ],
)
