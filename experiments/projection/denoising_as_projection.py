r"""Denoising as projection: does a noised point project back to where it came from?

Document 000 says that for little noise most of it is normal to a d-dimensional K in R^n, so that
for reach(K) of order sigma sqrt(n) a noised point x_0 + sigma eps projects back to within about
sigma sqrt(d) of x_0 with high probability.

With constants: the normal share of |eps|^2 has a Beta law and falls below one half with probability
at most exp(-n KL(d/n, 1/2)/2), so "most" needs d < n/2. The theorem with both hidden constants 1 is
false (the error exceeds sigma sqrt(d) about every other time); with u = sqrt(2 log(2/delta)) and
R = sigma (sqrt(n) + u) < reach it holds as sigma (sqrt(d) + u) reach/(reach - R), and no curvature
factor smaller than Federer's serves every noise. The reach hypothesis is sufficient, not necessary:
a circle and a point cloud of a tenth of it do as well, a lattice fails.
"""

import math

import numpy as np
import torch
import xarray as xr
from flint import arb, fmpq
from scipy import stats

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere, Torus
from theorylab.diffusion.tangents import tangent_length
from theorylab.images import point_sets

experiment = Experiment()

SHAPES = {"line": 1, "20-plane": 20, "circle": 1, "20-sphere": 20, "torus": 2}
RATIOS = (1.2, 2.0, 4.0)  # reach / (sigma sqrt(n)); where it is infinite, 1 / (sigma sqrt(n))
HALF = fmpq(1, 2)
DIMS = (64, 100, 400, 3072)
ROWS = 1000  # queries at a time


# ---- measurements -----------------------------------------------------------------------------


def tube(shape, dim, generator):
    """A set of reach 1 (or infinite), turned at random in R^dim."""
    frame = torch.randn(max(SHAPES[shape] + 1, 3), dim, dtype=torch.float64, generator=generator)
    if shape in ("line", "20-plane"):
        return AffineSubspace(frame[: SHAPES[shape]])
    if shape == "torus":
        return Torus(2.5, 1.0, frame=frame)
    return Sphere(SHAPES[shape], 1.0, frame=frame[: SHAPES[shape] + 1])


@experiment.measure(
    grid={"shape": list(SHAPES), "dim": [24, 400, 3072]},
    quick={"dim": [24, 200], "samples": 5000},
    default={"samples": 10_000},
    paper={"samples": 100_000},
)
def tubes(shape, dim, samples, generator):
    """|proj(x_0 + sigma eps) - x_0| / sigma, and the share of |eps|^2 normal to K at x_0."""
    closed_set = tube(shape, dim, generator)
    shares, errors = [], []
    for start in range(0, samples, ROWS):
        x0 = closed_set.sample(min(ROWS, samples - start), generator)
        eps = torch.randn(x0.shape, dtype=torch.float64, generator=generator)
        tangent = tangent_length(closed_set, x0, eps)
        shares.append(1 - (tangent / eps.norm(dim=1)).square())
        sigmas = [1 / (ratio * math.sqrt(dim)) for ratio in RATIOS]
        errors.append(
            torch.stack([(closed_set.project(x0 + s * eps) - x0).norm(dim=1) / s for s in sigmas])
        )
    return xr.Dataset(
        {
            "share": ("sample", torch.cat(shares).numpy(), {"long_name": "normal share"}),
            "error": (("ratio", "sample"), torch.cat(errors, 1).numpy(), {"units": "sigma"}),
            "intrinsic": SHAPES[shape],
            "flat": math.isinf(closed_set.reach),
        },
        {"ratio": list(RATIOS)},
    )


@experiment.measure(
    grid={"shape": ["circle", "20-sphere", "torus"]},
    quick={"starts": 64, "steps": 150},
    default={"starts": 400, "steps": 600},
)
def worst_noise(shape, starts, steps, generator, rng):
    """The v, |v| < reach = 1, that maximises |proj(x_0 + v) - x_0| (1 - |v|)/|v_T| in a search."""
    closed_set = tube(shape, SHAPES[shape] + 3, generator)
    x0 = closed_set.sample(starts, generator)

    def parts(v):
        v = torch.as_tensor(v)
        error = (closed_set.project(x0 + v) - x0).norm(dim=1)
        return [a.numpy() for a in (error, tangent_length(closed_set, x0, v), v.norm(dim=1))]

    def amplification(v):
        error, tangent, length = parts(v)
        # A tangent part below 1e-3 of the noise would only amplify rounding.
        allowed = (tangent > 1e-3 * length) & (length < 0.95)
        return np.where(allowed, error * (1 - length) / np.maximum(tangent, 1e-12), 0.0)

    first = 0.3 * rng.standard_normal(x0.shape) / math.sqrt(x0.shape[1])
    v, _ = checks.adversarial_search(amplification, first, rng, steps=steps, scale=0.05)
    error, tangent, length = parts(v)
    return xr.Dataset(
        {"error": ("start", error), "tangent": ("start", tangent), "length": ("start", length)}
    )


@experiment.measure(grid={"set": ["circle", "points", "lattice"]}, quick={"samples": 1000})
def below_reach(set, generator, samples=4000):
    """|proj - x_0| / sigma where the reach is only a tenth of sigma sqrt(n)."""
    dim = 100 if set == "lattice" else 2500
    errors = []
    if set == "circle":
        closed_set, sigma = Sphere(1, 1.0, ambient_dim=dim), 10 / math.sqrt(dim)
    elif set == "points":
        closed_set = PointCloud(torch.randn(50, dim, dtype=torch.float64, generator=generator))
        sigma = 10 * closed_set.reach / math.sqrt(dim)
    else:
        sigma, spacing = 1.0, 0.2 * math.sqrt(dim)
    for _ in range(0, samples, 250):
        eps = torch.randn(250, dim, dtype=torch.float64, generator=generator)
        if set == "lattice":  # the origin stands for every point of h Z^n
            errors.append(spacing * (sigma * eps / spacing).round().norm(dim=1))
        else:
            x0 = closed_set.sample(250, generator)
            errors.append((closed_set.project(x0 + sigma * eps) - x0).norm(dim=1) / sigma)
    intrinsic = 1 if set == "circle" else 0
    return xr.Dataset(
        {"error": ("sample", torch.cat(errors).numpy(), {"units": "sigma"}), "intrinsic": intrinsic}
    )


@experiment.measure(
    grid={"set": ["20 in R^4", "200 in R^16", "digits"]},
    data=("digits",),
    quick={"set": ["20 in R^4", "200 in R^16"], "samples": 1500},
    default={"samples": 20_000},
)
def finite_sets(set, samples, generator):
    """How often a noised point of a finite K does not project back, against sums of Phi."""
    points = point_sets.float_points(set, generator)
    gaps = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    gaps.fill_diagonal_(torch.inf)
    cloud, spacing, rows = PointCloud(points), float(gaps.amin(1).median()), []
    chosen = torch.randint(len(points), (samples,), generator=generator)
    for level in (2.0, 3.0):
        sigma = spacing / level
        x = points[chosen] + sigma * torch.randn(
            samples, points.shape[1], dtype=torch.float64, generator=generator
        )
        lost = int((cloud.nearest(x).point != points[chosen]).any(1).sum())
        tails = [torch.special.ndtr(-gaps / (k * sigma)).sum(1) for k in (2, 1)]
        rows.append([lost, *(float(t[chosen].clamp(max=1).mean()) for t in tails)])
    lost, halved, whole = np.transpose(rows)
    return xr.Dataset(
        {
            "lost": ("level", lost.astype(int)),
            "bound": (("halving", "level"), np.stack([halved, whole])),
            "samples": samples,
        },
        {"level": [2.0, 3.0], "halving": [2, 1]},
    )


# ---- checks -----------------------------------------------------------------------------------


def normal_share(tubes, lost=0, tangent=0):
    """KS distance of the normal share from Beta((n - d + lost)/2, (d + tangent)/2)."""
    rows = {}
    for shape in tubes.shape.values:
        for n in tubes.dim.values:
            d, sample = SHAPES[str(shape)], tubes.share.sel(shape=shape, dim=n)
            law = stats.beta((n - d + lost) / 2, (d + tangent) / 2)
            rows[f"{shape}, n={n}"] = checks.ks_distance(sample.values, law.cdf)
    return checks.law_1d(
        xr.DataArray(list(rows.values()), {"set": list(rows)}, "set"),
        tubes.sizes["sample"],
        0.08,
        reason="twice the band of 5,000 samples; one tangent dimension more moves a line's by 0.2",
    )


def chance_of_less_than_half(n, d):
    """P(normal share < 1/2) = I_{1/2}((n - d)/2, d/2), a ball."""
    return arb(HALF).beta_lower(arb(fmpq(n - d, 2)), arb(fmpq(d, 2)), regularized=True)


def chernoff(power=HALF):
    """P(normal share < 1/2) <= exp(-power n KL(d/n, 1/2)) for d < n/2."""
    pairs = [(n, d) for n in (4, 24, 64, 400, 3072) for d in (1, n // 8, n // 4, n // 2 - 1) if d]
    balls = []
    for n, d in pairs:
        p = arb(fmpq(d, n))
        divergence = p * (2 * p).log() + (1 - p) * (2 * (1 - p)).log()
        # Logarithms: both sides are as small as exp(-1000).
        balls.append(chance_of_less_than_half(n, d).log() + arb(power) * n * divergence)
    return checks.certificate(
        xr.DataArray(balls, {"pair": [f"n={n}, d={d}" for n, d in pairs]}, "pair"),
        (-math.inf, 0.0),
        "a bound on a probability, compared by logarithms",
    )


def mostly_normal(share=HALF / 2):
    """P(normal share > 1/2) >= 0.99 for n >= 64 and every d <= share n."""
    pairs = [(n, d) for n in DIMS for d in range(1, n, n // 16) if fmpq(d, n) <= share]
    pairs += [(n, n // k) for n in DIMS for k in (2, 4) if fmpq(1, k) <= share]
    balls = [1 - chance_of_less_than_half(n, d) for n, d in pairs]
    return checks.certificate(
        balls, (0.99, math.inf), "'most' read as more than half, 'high probability' as 0.99"
    )


def low_noise(tubes, constant=1.0, concentration=True, curvature=True, delta=0.05):
    """P(error > constant (sqrt(d) + u) reach/(reach - R)) <= delta, R = sigma (sqrt(n) + u)."""
    u = math.sqrt(2 * math.log(2 / delta)) if concentration else 0.0
    outer = (1 + u / np.sqrt(tubes.dim)) / tubes.ratio  # R / reach
    factor = 1 / (1 - outer.where(~tubes.flat & (outer < 1), 0)) if curvature else 1.0
    bound = constant * (np.sqrt(tubes.intrinsic) + u) * factor
    return checks.proportion(
        (tubes.error > bound).sum("sample"),
        tubes.sizes["sample"],
        delta,
        0,
        relation="<=",
        reason="a bound on a probability",
        where=(outer < 1) | tubes.flat,
        note=f"largest error/bound {float((tubes.error / bound).where(outer < 1).max()):.3g}",
    )


def error_law(tubes, extra=0, scale=1.0):
    """Law of |proj - x_0| / sigma against chi_d, d + extra degrees, on sets of any curvature."""
    rows = {}
    for shape in tubes.shape.values:
        for n in tubes.dim.values[tubes.dim.values >= 200]:
            sample = scale * tubes.error.sel(shape=shape, dim=n, ratio=4.0).values
            law = stats.chi(SHAPES[str(shape)] + extra)
            rows[f"{shape}, n={n}"] = checks.ks_distance(sample, law.cdf)
    return checks.law_1d(
        xr.DataArray(list(rows.values()), {"set": list(rows)}, "set"),
        tubes.sizes["sample"],
        0.08,
        reason="twice the band of 5,000 samples; curvature changes the length by 2 % or less here",
    )


def federer(worst_noise, reached=1.0, curved=True):
    """|proj(x_0 + v) - x_0| <= |v_T| / (1 - reached |v|), reach 1."""
    factor = 1 / (1 - reached * worst_noise.length) if curved else 1.0
    ratio = worst_noise.error / (worst_noise.tangent * factor)
    return checks.bound(
        (ratio - 1).max("start", skipna=False),
        1e-9,
        1e-6,
        reason="rounding 1e-16 over tangent parts of 1e-5 and more; a control gains 5 % or more",
        tightness=ratio,
    )


def returns(below_reach, sets, allowed=2.716):
    """P(error <= sigma (sqrt(d) + u)) >= 0.95 though reach = sigma sqrt(n)/10."""
    some = below_reach.sel(set=sets)
    close = (some.error <= np.sqrt(some.intrinsic) + allowed).sum("sample")
    return checks.proportion(
        close, some.sizes["sample"], 0.95, 0, relation=">=", reason="a bound on a probability"
    )


def finite_return(finite_sets, halving=2):
    """P(proj(x_0 + sigma eps) != x_0) <= sum_i Phi(-|x_i - x_0| / (halving sigma))."""
    return checks.proportion(
        finite_sets.lost,
        finite_sets.samples,
        finite_sets.bound.sel(halving=halving),
        0,
        relation="<=",
        reason="a bound on a probability, averaged over the same x_0 as the count",
    )


# ---- claims -----------------------------------------------------------------------------------

LOW = Source("000", "Denoising approximates projection: low noise")
CLOSED = "closed C^2 submanifold of dimension d, or a finite set (d = 0)"
normal_part = experiment.about("noise-mostly-normal", LOW)
low_noise_theorem = experiment.about("low-noise-projection-theorem", LOW)

normal_part(
    "law",
    r"|P_N\epsilon|^2/|\epsilon|^2 \sim \mathrm{Beta}\bigl(\tfrac{n-d}2, \tfrac d2\bigr)",
    kind="law",
    form="corrected",
    conditions="at every x_0 of a subspace, a sphere, a torus; whatever sigma is",
    check=normal_share,
    controls=[
        Control(r"\mathrm{Beta}(n/2, d/2)", lost=20),
        Control(r"\mathrm{Beta}((n-d)/2, (d+1)/2)", tangent=1),
    ],
)
normal_part(
    "chernoff",
    r"\mathbb{P}\bigl(|P_N\epsilon|^2 < \tfrac12|\epsilon|^2\bigr) \le"
    r" e^{-n\,\mathrm{KL}(d/n,\,1/2)/2}",
    kind="inequality",
    conditions="d < n/2; n from 4 to 3072, by enclosures",
    check=chernoff,
    controls=[Control("three quarters of n KL in the exponent", power=fmpq(3, 4))],
)
most = normal_part(
    "corrected",
    r"d \le n/4 \Rightarrow \mathbb{P}(|P_N\epsilon|^2 > \tfrac12|\epsilon|^2) \ge 0.99",
    kind="inequality",
    conditions="n = 64, 100, 400, 3072",
    check=mostly_normal,
    controls=[Control("d <= n/2", share=HALF)],
)
normal_part(
    "as-stated",
    r"\mathbb{P}(|P_N\epsilon|^2 > \tfrac12|\epsilon|^2) \ge 0.99",
    kind="inequality",
    conditions="any d < n, as printed ('low-dimensional' has no number)",
    check=mostly_normal,
    share=fmpq(1),
    expected="refuted",
    twin=most,
)

theorem = low_noise_theorem(
    "corrected",
    r"\mathbb{P}\Bigl(|\mathrm{proj}_K(x_\sigma) - x_0| \le \sigma(\sqrt d + u)\frac{\tau}{\tau-R}"
    r"\Bigr) \ge 1-\delta,\ u = \sqrt{2\log\tfrac2\delta},\ R = \sigma(\sqrt n + u) < \tau",
    kind="inequality",
    conditions=f"K a {CLOSED} of reach tau; delta = 0.05; d = 1, 2, 20, n = 24 to 3072",
    check=low_noise,
    controls=[
        Control("half of it", constant=0.5),
        Control(r"\sigma\sqrt d\,\tau/(\tau - R)", concentration=False),
    ],
)
low_noise_theorem(
    "as-stated",
    r"\tau \ge \sigma\sqrt n \Rightarrow |\mathrm{proj}_K(x_\sigma) - x_0| \le \sigma\sqrt d",
    kind="inequality",
    conditions="both hidden constants read as 1; with high probability read as 0.95",
    check=low_noise,
    concentration=False,
    curvature=False,
    expected="refuted",
    twin=theorem,
)
low_noise_theorem(
    "law",
    r"|\mathrm{proj}_K(x_\sigma) - x_0|/\sigma \sim \chi_d",
    kind="law",
    conditions="exact on a subspace; on sphere and torus up to O(sqrt(d) sigma/tau); n >= 200",
    check=error_law,
    controls=[Control(r"\chi_{d+1}", extra=1), Control("a tenth less", scale=0.9)],
)
low_noise_theorem(
    "federer",
    r"|\mathrm{proj}_K(x_0 + v) - x_0| \le |P_T v|\,\frac{\tau}{\tau - |v|}",
    kind="inequality",
    conditions="|v| < tau, the worst v found by search (Federer 1959, Theorem 4.8 (8), (12))",
    check=federer,
    controls=[
        Control("no curvature factor", curved=False),
        Control(r"\tau/(\tau - 0.9|v|)", reached=0.9),
    ],
)
low_noise_theorem(
    "reach-not-needed",
    r"\tau = \sigma\sqrt n/10:\ \mathbb{P}(|\mathrm{proj}_K(x_\sigma) - x_0| \le"
    r" \sigma(\sqrt d + u)) \ge 0.95",
    kind="inequality",
    conditions="a circle and 50 random points in R^2500: the hypothesis is not necessary",
    check=returns,
    sets=["circle", "points"],
    controls=[
        Control("on the lattice h Z^100: nor can it be left out", sets=["lattice"]),
        Control("error 0 on the circle too", sets=["circle"], allowed=-1.0),
    ],
)
low_noise_theorem(
    "finite",
    r"\mathbb{P}(\mathrm{proj}_K(x_\sigma) \ne x_0) \le"
    r" \textstyle\sum_{i} \Phi(-|x_i - x_0|/2\sigma)",
    kind="inequality",
    conditions="finite K, d = 0: spacings of 2 sigma sqrt(2 log m) suffice, whatever n",
    check=finite_return,
    controls=[Control(r"\Phi(-|x_i - x_0|/\sigma)", halving=1)],
)
