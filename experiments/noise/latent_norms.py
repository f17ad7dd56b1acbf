"""Norms of interpolated latents: which path keeps the chi law?

Document 001, Proposition 5: linear interpolation shifts the distribution of latents, spherical
interpolation maintains it asymptotically. Linear interpolation shrinks the norm, the rescaled path
keeps its chi law in every dimension. Slerp's direction is exactly uniform and the mean norm
converges, but the variance of that norm ends at (cos^4(w pi/2) + sin^4(w pi/2))/2 instead of 1/2,
and any share of the coordinates shows it. What slerp makes of the mean square, in few dimensions
above all, is judged in `slerp_mean_square`.

Exact laws come from quadrature over the plane of the two latents, closed forms are the oracle;
latents in R^d are a second road.
"""

import math
from itertools import product

import mpmath
import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import interpolate, special, stats

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.interpolation import fixed_angle_slerp, lerp, rescaled_lerp, slerp
from theorylab.diffusion.path_norms import norm_law

experiment = Experiment()

PATHS = {
    "lerp": lerp,
    "slerp": slerp,
    "rescaled": rescaled_lerp,
    "fixed angle": fixed_angle_slerp,
}
FAMOUS = ["lerp", "slerp", "rescaled"]
WEIGHTS = [0.1, 0.25, 0.5, 0.8]
LEVELS = [0.1, 0.3, 0.5, 0.7, 0.9]
OFFSETS = np.linspace(-5, 4, 91)


def lerp_scale(w):
    """Standard deviation of (1 - w) z1 + w z2."""
    return np.hypot(1 - w, w)


def spread(w):
    """cos^4(w pi/2) + sin^4(w pi/2): twice the limiting variance of |slerp|."""
    return np.cos(w * np.pi / 2) ** 4 + np.sin(w * np.pi / 2) ** 4


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [2, 3, 4, 5, 6, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16_384, 65_536]},
    quick={"dim": [2, 3, 4, 16, 64, 256, 1024, 4096]},
    default={},
)
def norms(dim):
    """Exact law of the norm of every path, by quadrature over the plane of the two latents."""
    shape = (len(PATHS), len(WEIGHTS))
    radius, cdf = np.zeros((2, *shape, len(LEVELS)))
    mean, mean_square, gap = np.zeros((3, *shape))
    chi = np.sqrt(2 * special.gammaincinv(dim / 2, LEVELS))
    for (i, path), (j, w) in product(enumerate(PATHS.values()), enumerate(WEIGHTS)):
        law = norm_law(path, dim, w)
        radius[i, j] = chi * (lerp_scale(w) if path is lerp else 1.0)
        cdf[i, j] = law.cdf(radius[i, j])
        mean[i, j], mean_square[i, j] = law.moment(1), law.moment(2)

        def difference(z1, z2, w, path=path):
            return path(z1, z2, w) - fixed_angle_slerp(z1, z2, w)

        gap[i, j] = norm_law(difference, dim, w).moment(2)
    dims = ("path", "weight")
    return xr.Dataset(
        {
            "radius": ((*dims, "level"), radius),
            "cdf": ((*dims, "level"), cdf, {"long_name": "P(norm <= radius)"}),
            "mean_norm": (dims, mean, {"long_name": "mean norm"}),
            "mean_square": (dims, mean_square, {"long_name": "mean squared norm"}),
            "gap": (dims, gap, {"long_name": "mean squared distance from fixed-angle slerp"}),
        },
        {"path": list(PATHS), "weight": WEIGHTS, "level": LEVELS},
    )


@experiment.measure(
    grid={"dim": [2, 4, 8, 64, 256, 1024]},
    quick={"dim": [2, 64, 256], "samples": 30_000},
    default={"samples": 40_000},
    paper={"dim": [2, 8, 64, 512, 4096, 16_384], "samples": 100_000},
)
def samples(dim, samples, generator):
    """Latents in R^d: KS distances of the norm from exact laws, and a histogram of it."""
    weights = [0.25, 0.5]
    norm = np.zeros((len(FAMOUS), len(weights), samples))
    rows = max(2**21 // dim, 1)
    for start in range(0, samples, rows):
        part = slice(start, min(start + rows, samples))
        shape = (2, part.stop - start, dim)
        z1, z2 = torch.randn(shape, dtype=torch.float64, generator=generator)
        for (i, name), (j, w) in product(enumerate(FAMOUS), enumerate(weights)):
            norm[i, j, part] = PATHS[name](z1, z2, w).norm(dim=1)
    laws = ["chi", "scaled chi", "slerp"]
    found = np.zeros((len(FAMOUS), len(weights), len(laws)))
    histogram = np.zeros((len(FAMOUS), len(weights), len(OFFSETS) - 1))
    density = np.zeros((len(FAMOUS), len(weights), len(OFFSETS)))
    r = np.maximum(math.sqrt(dim) + OFFSETS, 0.0)
    # Few dimensions have a heavy tail, which the table of the law must hold as well.
    near = math.sqrt(dim) + np.linspace(-min(math.sqrt(dim), 9) + 1e-9, 9, 150)
    table = np.concatenate([near, near[-1] * np.geomspace(1.1, 1e6, 50)])
    for j, w in enumerate(weights):
        law = norm_law(_textbook_slerp, dim, w)
        slerped = interpolate.PchipInterpolator(table, law.cdf(table))
        cdfs = [
            lambda r: special.gammainc(dim / 2, r**2 / 2),
            lambda r, w=w: special.gammainc(dim / 2, (r / lerp_scale(w)) ** 2 / 2),
            lambda r, law=slerped: law(np.minimum(r, table[-1])),
        ]
        scale = lerp_scale(w)
        density[:, j] = stats.chi.pdf(r / scale, dim) / scale, law.pdf(r), stats.chi.pdf(r, dim)
        for i in range(len(FAMOUS)):
            found[i, j] = [checks.ks_distance(norm[i, j], cdf) for cdf in cdfs]
            histogram[i, j] = np.histogram(norm[i, j] - math.sqrt(dim), OFFSETS)[0]
    dims = ("path", "weight")
    return xr.Dataset(
        {
            "norm_distance": ((*dims, "law"), found, {"long_name": "KS distance of the norm"}),
            "histogram": ((*dims, "bin"), histogram, {"long_name": "samples with this norm"}),
            "density": ((*dims, "offset"), density, {"long_name": "density of norm - sqrt(d)"}),
            "samples": samples,
        },
        {"path": FAMOUS, "weight": weights, "law": laws, "offset": OFFSETS},
    )


def _textbook_slerp(z1, z2, w):
    """Slerp as it is printed, by the arccosine; good away from angles 0 and pi."""
    phi = torch.arccos((z1 * z2).sum(1) / (z1.norm(dim=1) * z2.norm(dim=1)))[:, None]
    return (torch.sin((1 - w) * phi) * z1 + torch.sin(w * phi) * z2) / torch.sin(phi)


# ---- checks ------------------------------------------------------------------------------------


def norm_is_chi(norms, path, scale="lerp", lost=0):
    """Is the norm's distribution function that of scale(w) chi_(d - lost)?"""
    n = norms.sel(path=path)
    scales = {"lerp": lerp_scale(n.weight), "1": 1.0 + 0 * n.weight}
    scales["1 - w + w^2"] = 1 - n.weight + n.weight**2
    r = n.radius / scales[scale]
    error = abs(n.cdf - special.gammainc((n.dim - lost) / 2, r**2 / 2))
    return checks.identity(
        error.max("level"),
        rounding=1e-10,
        margin=1e-8,
        reason="quadrature and SciPy's incomplete gamma are good to 1e-10 at these levels; one "
        "lost dimension in 65,536 moves a probability by 1e-3",
    )


LIMITS = {
    "0": lambda w: 0 * w,
    "1": lambda w: 1 + 0 * w,
    "1/2": lambda w: 0.5 + 0 * w,
    "variance": lambda w: spread(w) / 2,
    "variance, (1-w)^2 + w^2": lambda w: lerp_scale(w) ** 2 / 2,
    "gap": lambda w: ((1 - w) * np.sin(w * np.pi / 2)) ** 2 + (w * np.cos(w * np.pi / 2)) ** 2,
    "gap, sines exchanged": lambda w: (
        ((1 - w) * np.cos(w * np.pi / 2)) ** 2 + (w * np.sin(w * np.pi / 2)) ** 2
    ),
}
REASON = (
    "extrapolated in 1/d from quadratures good to 1e-10; a limit of 0 and every neighbour's lie "
    "0.005 or more away"
)


def norm_limit(norms, target, path="slerp", quantity="variance", share=1.0):
    """Limits of moments: variance of the norm (of a share of the coordinates), mean, gap."""
    n = norms.sel(path=path, dim=norms.dim >= 16)
    root = xr.apply_ufunc(lambda d: _mean_root_share(d, share), n.dim, vectorize=True)
    values = {
        "variance": share * n.mean_square - (root * n.mean_norm) ** 2,
        "mean": n.mean_norm / np.sqrt(n.dim),
        "gap": n.gap,
    }[quantity]
    goal = LIMITS[target](n.weight)
    if share < 1:
        goal = (1 - share) / 2 + share * goal
    return checks.limit(
        values,
        goal,
        margin=1e-5,
        reason=REASON,
        dim="dim",
        h=1 / n.dim,
        exponents=(1.0, 2.0),
        rounding=1e-9,
    )


def _mean_root_share(dim, share):
    """E sqrt(B), B ~ Beta(k/2, (d-k)/2), k = share d: the norm of k coordinates over the whole."""
    if share == 1:
        return 1.0
    half = mpmath.mpf(float(dim)) / 2
    k = half * share
    return float(mpmath.gammaprod([k + 0.5, half], [k, half + 0.5]))


def sampled_norms(samples, lerp="scaled chi", slerp="slerp", rescaled="chi"):
    """KS distances between the norms of sampled latents and the laws named."""
    laws = {"lerp": lerp, "slerp": slerp, "rescaled": rescaled}
    distance = [samples.norm_distance.sel(path=p, law=law, drop=True) for p, law in laws.items()]
    return checks.law_1d(
        xr.concat(distance, xr.Variable("path", list(laws))),
        samples.samples,
        margin=0.03,
        reason="the band is 0.016; halfway slerp's norm is 0.083 to 0.17 from chi's law",
    )


ANGLES = [("angles expanded", lambda e: sp.simplify(sp.expand_trig(e)))]


def slopes_symbolic(power=2):
    """Slopes of |slerp| in |z1|, |z2| and the angle, where two long latents are: r, r, pi/2."""
    r1, r2, phi, w = sp.symbols("r1 r2 phi w", positive=True)
    s1, s2 = sp.sin((1 - w) * phi), sp.sin(w * phi)
    squared = r1**2 * s1**2 + r2**2 * s2**2 + 2 * r1 * r2 * s1 * s2 * sp.cos(phi)
    norm = sp.sqrt(squared) / sp.sin(phi)
    half_turn = sp.pi / 2
    claimed = {r1: sp.cos(w * half_turn) ** power, r2: sp.sin(w * half_turn) ** power, phi: 0}
    differences = []
    for variable, slope in claimed.items():
        at = sp.diff(norm, variable).subs(phi, half_turn).subs({r1: 1, r2: 1})
        differences.append(at - slope)
    return checks.proof(differences, {w: sp.Rational(1, 3)}, tries=ANGLES)


PAIR = "z_1, z_2 independent N(0, I_d), 0 < w < 1 fixed"
TAU = r"\tau^2=\cos^4\tfrac{w\pi}2+\sin^4\tfrac{w\pi}2"


# ---- claims -----------------------------------------------------------------------------------

PROPOSITION = Source("001", "Proposition 5")
FIGURE = Source("001", "Figure 6")
lerp_law = experiment.about("lerp-shifts-latent", PROPOSITION, kind="law", conditions=PAIR)
slerp_identity = experiment.about(
    "slerp-maintains-latent", PROPOSITION, kind="identity", conditions=PAIR
)
slerp_law = experiment.about("slerp-maintains-latent", PROPOSITION, kind="law", conditions=PAIR)
slerp_limit = experiment.about("slerp-maintains-latent", PROPOSITION, kind="limit", conditions=PAIR)
rescaled_law = experiment.about("rescaled-lerp", FIGURE, kind="law", conditions=PAIR)

lerp_law(
    "derived-norm",
    r"\|(1-w)z_1+wz_2\|\sim\sqrt{(1-w)^2+w^2}\;\chi_d",
    check=norm_is_chi,
    controls=[
        Control("the norm stays chi_d", scale="1"),
        Control("chi_{d-1}", lost=1),
        Control("one cross term forgotten", scale="1 - w + w^2"),
    ],
    path="lerp",
)
slerp_limit(
    "reading-mean-norm",
    r"E\|{\rm slerp}_w\|/\sqrt d\to1",
    check=norm_limit,
    controls=[Control("linear interpolation", path="lerp")],
    quantity="mean",
    target="1",
)
variance = slerp_limit(
    "corrected-variance",
    rf"{{\rm Var}}\|{{\rm slerp}}_w\|\to\tfrac12\tau^2,\quad {TAU}",
    check=norm_limit,
    controls=[
        Control("(1-w)^2 + w^2 for tau^2", target="variance, (1-w)^2 + w^2"),
        Control("the rescaled path narrows too", path="rescaled"),
    ],
    target="variance",
)
slerp_limit(
    "reading-variance",
    r"{\rm Var}\|{\rm slerp}_w\|\to\tfrac12=\lim{\rm Var}\,\chi_d",
    check=norm_limit,
    expected="refuted",
    twin=variance,
    target="1/2",
)
slerp_limit(
    "derived-share",
    r"{\rm Var}\|(z_{w,1},\dots,z_{w,k})\|\to\tfrac12(1-\kappa(1-\tau^2)),\ k=\kappa d:"
    r"\text{ any share }\kappa>0\text{ of the coordinates shows it}",
    check=norm_limit,
    controls=[Control("half of the coordinates do not show it", target="1/2")],
    target="variance",
    share=0.5,
)
slerp_limit(
    "derived-coupling",
    r"E\|{\rm slerp}_w-(\cos\tfrac{w\pi}2z_1+\sin\tfrac{w\pi}2z_2)\|^2\to"
    r"(1-w)^2\sin^2\tfrac{w\pi}2+w^2\cos^2\tfrac{w\pi}2",
    check=norm_limit,
    controls=[
        Control("the two paths meet in the limit", target="0"),
        Control("weights forgotten", target="1"),
        Control("sine and cosine exchanged", target="gap, sines exchanged"),
    ],
    quantity="gap",
    target="gap",
)
slerp_law(
    "derived-sampled-norms",
    r"\text{sampled latents: }\|{\rm lerp}_w\|\sim\sqrt{(1-w)^2+w^2}\chi_d,\ "
    r"\|{\rm rescaled}_w\|\sim\chi_d,\ \|{\rm slerp}_w\|\sim\rho\,q(a,\phi),\ \rho\sim\chi_{2d}",
    check=sampled_norms,
    controls=[
        Control("slerp's norm follows chi_d", slerp="chi"),
        Control("the rescaled path's norm follows slerp's law", rescaled="slerp"),
        Control("the norm of linear interpolation follows chi_d", lerp="chi"),
    ],
)
slerp_identity(
    "symbolic-slopes",
    r"\nabla_{r_1,r_2,\phi}\|{\rm slerp}_w\|=(\cos^2\tfrac{w\pi}2,\sin^2\tfrac{w\pi}2,0)"
    r"\text{ at }(1,1,\tfrac\pi2):\text{ hence }\tau^2",
    check=slopes_symbolic,
    controls=[Control("cosine and sine, not squared", power=1)],
)
rescaled_law(
    "derived-norm",
    r"\|z_w\|\sim\chi_d",
    check=norm_is_chi,
    controls=[
        Control("slerp", path="slerp"),
        Control("linear interpolation's norm", scale="lerp"),
        Control("chi_{d-1}", lost=1),
    ],
    path="rescaled",
    scale="1",
)
