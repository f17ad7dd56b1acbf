"""Latent interpolation: which path between two Gaussian latents keeps their distribution?

Document 001, Proposition 5 and Figure 6, for independent z1, z2 ~ N(0, I_d) and a weight w: linear
interpolation shifts the distribution of latents in high dimension; spherical interpolation
maintains it asymptotically; "a simple re-scaling trick" keeps the details that the first one blurs.

The first is true in every dimension: the law is N(0, ((1-w)^2 + w^2) I), which high dimension makes
singular to N(0, I). The second depends on the sense. Slerp's direction is exactly uniform, fixed
coordinates and the mean norm converge; but the norm keeps the wrong spread, so that total
variation, the law of the norm and Wasserstein's distance converge to positive constants: at
w = 1/2 the total variation ends at 0.166, the distance of *linear* interpolation in one dimension.
The third is an exact law in every dimension. For Gaussian data linear interpolation of latents is
a cross-fade of the two images: it lowers contrast by one factor at every scale, which is no blur.

The paths turn and scale with their latents (checked), so the exact law of the norm is a
two-dimensional integral over their values in the plane. Closed forms and limits are the oracle;
latents in R^d and images sampled from mixtures fitted to real data are a second road.
"""

import math

import flint
import mpmath
import numpy as np
import sympy as sp
import torch
import xarray as xr
from flint import arb
from scipy import integrate, interpolate, special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.interpolation import fixed_angle_slerp, lerp, rescaled_lerp, slerp
from theorylab.diffusion.path_norms import norm_law
from theorylab.diffusion.rotation_invariant import distances_from_normal
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import log_linear
from theorylab.images import datasets

experiment = Experiment()

PATHS = {
    "lerp": lerp,
    "slerp": slerp,
    "rescaled": rescaled_lerp,
    "fixed angle": fixed_angle_slerp,
}
FAMOUS = ["lerp", "slerp", "rescaled"]
LINEAR = ("lerp", "rescaled", "fixed angle")
WEIGHTS = [0.1, 0.25, 0.5, 0.8]
LEVELS = [0.1, 0.3, 0.5, 0.7, 0.9]
FAR = [16.0, 32.0, 64.0, 128.0, 256.0, 512.0]
OFFSETS = np.linspace(-5, 4, 91)
SIGMA_MAX, SIGMA_MIN = 40.0, 0.01
RIDGE = 1e-3  # variance added to a fitted covariance: many pixels of the data are constant


# --- the formulas that are judged ----------------------------------------------------------------


def lerp_scale(w):
    """Standard deviation of (1 - w) z1 + w z2."""
    return np.hypot(1 - w, w)


def spread(w):
    """cos^4(w pi/2) + sin^4(w pi/2): twice the limiting variance of |slerp|."""
    return np.cos(w * np.pi / 2) ** 4 + np.sin(w * np.pi / 2) ** 4


def normal_gap(variance):
    """sup |Phi(x/s) - Phi(x)| for s^2 = variance < 1: the KS distance of N(0, s^2) from N(0, 1)."""
    x = np.sqrt(np.log(1 / variance) / (1 / variance - 1))
    return special.ndtr(x / np.sqrt(variance)) - special.ndtr(x)


def coordinate_constant(variance):
    """lim d sup |P(X_1 <= x) - Phi(x)|: excess kurtosis -6 (1 - s^2)/d in Edgeworth's first term.

    The largest |He_3| phi, He_3 = x^3 - 3x, is at x^2 = 3 - sqrt(6).
    """
    x = math.sqrt(3 - math.sqrt(6))
    return (1 - variance) / 4 * (3 * x - x**3) * math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def chi_variance(dim: int) -> float:
    """Var chi_d = d - 2 Gamma((d+1)/2)^2 / Gamma(d/2)^2, from 40 digits: it cancels."""
    with mpmath.workdps(40):
        half = mpmath.mpf(dim) / 2
        return float(dim - 2 * mpmath.gammaprod([half + 0.5], [half]) ** 2)


def slerp_excess(dim: int, w: float) -> float:
    """E|slerp|^2 - d = -2 Var(chi_d) E[s1 s2 cos(phi)/sin(phi)^2].

    With s1 = sin (1-w)phi and s2 = sin w phi it follows from
    s1^2 + s2^2 + 2 s1 s2 cos(phi) = sin(phi)^2; infinite for d <= 3.
    """
    reach = min(math.pi / 2, 12 / math.sqrt(dim - 2))

    def weighted(y, power):
        phi = math.pi / 2 + y
        term = math.sin((1 - w) * phi) * math.sin(w * phi) * math.cos(phi)
        return math.cos(y) ** (dim - 2 - power) * (term if power else 1.0)

    over, mass = (
        integrate.quad(weighted, -reach, reach, args=(p,), epsabs=1e-15, epsrel=1e-11, limit=200)[0]
        for p in (2, 0)
    )
    return -2 * chi_variance(dim) * over / mass


#: Covariance of the path at weights w and v, in units of the latents' variance.
COUPLINGS = {
    "linear": lambda w, v: (1 - w) * (1 - v) + w * v,
    "angles atan(w/(1-w))": lambda w, v: np.cos(np.arctan2(w, 1 - w) - np.arctan2(v, 1 - v)),
    "angles w pi/2": lambda w, v: np.cos((w - v) * np.pi / 2),
    "variance 1": lambda w, v: 1 + 0 * w * v,
    "variance squared": lambda w, v: ((1 - w) * (1 - v) + w * v) ** 2,
    "linear, root": lambda w, v: np.sqrt((1 - w) * (1 - v) + w * v),
    "linear / ((1-w)^2 + w^2)": lambda w, v: (
        ((1 - w) * (1 - v) + w * v) / (lerp_scale(w) * lerp_scale(v)) ** 2
    ),
}


# --- measurements --------------------------------------------------------------------------------


@experiment.measure(
    grid={"dim": [2, 3, 4, 5, 6, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16_384, 65_536]},
    quick={"dim": [2, 3, 4, 16, 64, 256, 1024, 4096]},
    default={},
)
def norms(dim):
    """Exact law of the norm of every path, by quadrature over the plane of the two latents."""
    shape = (len(PATHS), len(WEIGHTS))
    radius, cdf = np.zeros((2, *shape, len(LEVELS)))
    survival = np.zeros((*shape, len(FAR)))
    mean, mean_square, gap = np.zeros((3, *shape))
    chi = np.sqrt(2 * special.gammaincinv(dim / 2, LEVELS))
    for (i, path), (j, w) in _product(PATHS.values(), WEIGHTS):
        law = norm_law(path, dim, w)
        radius[i, j] = chi * (lerp_scale(w) if path is lerp else 1.0)
        cdf[i, j], survival[i, j] = law.cdf(radius[i, j]), law.sf(FAR)
        mean[i, j], mean_square[i, j] = law.moment(1), law.moment(2)

        def difference(z1, z2, w, path=path):
            return path(z1, z2, w) - fixed_angle_slerp(z1, z2, w)

        gap[i, j] = norm_law(difference, dim, w).moment(2)
    dims = ("path", "weight")
    return xr.Dataset(
        {
            "radius": ((*dims, "level"), radius),
            "cdf": ((*dims, "level"), cdf, {"long_name": "P(norm <= radius)"}),
            "survival": ((*dims, "far"), survival, {"long_name": "P(norm > far)"}),
            "mean_norm": (dims, mean, {"long_name": "mean norm"}),
            "mean_square": (dims, mean_square, {"long_name": "mean squared norm"}),
            "gap": (dims, gap, {"long_name": "mean squared distance from fixed-angle slerp"}),
        },
        {"path": list(PATHS), "weight": WEIGHTS, "level": LEVELS, "far": FAR},
    )


@experiment.measure(
    grid={"dim": [16, 64, 256, 512, 1024, 2048, 4096, 8192, 16_384, 65_536]},
    quick={"dim": [64, 256, 1024, 4096, 16_384]},
    default={},
)
def distances(dim):
    """Distances of each path's law on R^d from N(0, I_d), by quadrature."""
    found = np.zeros((len(FAMOUS), len(WEIGHTS), 4))
    density = np.zeros((len(FAMOUS), len(WEIGHTS), len(OFFSETS)))
    r = math.sqrt(dim) + OFFSETS
    for (i, name), (j, w) in _product(FAMOUS, WEIGHTS):
        law = norm_law(PATHS[name], dim, w)
        centres = law.moment(1), math.sqrt(dim)
        density[i, j][r > 0] = law.pdf(r[r > 0])
        found[i, j] = distances_from_normal(law.pdf, dim, min(centres) - 9, max(centres) + 9)[:4]
    labels = {
        "total_variation": "total variation from N(0, I)",
        "wasserstein": "W2 from N(0, I)",
        "norm": "KS distance of the norm from chi_d",
        "coordinate": "KS distance of a coordinate from N(0, 1)",
    }
    dims = ("path", "weight")
    columns = enumerate(labels.items())
    return xr.Dataset(
        {name: (dims, found[:, :, k], {"long_name": label}) for k, (name, label) in columns}
        | {"density": ((*dims, "offset"), density, {"long_name": "density of norm - sqrt(d)"})},
        {"path": FAMOUS, "weight": WEIGHTS, "offset": OFFSETS},
    )


@experiment.measure(
    grid={"dim": [1, 2, 3, 16, 64, 128, 512]},
    quick={"dim": [1, 2, 16, 128]},
    default={},
    paper={"dim": [1, 2, 1024]},
)
def linear_maps(dim, generator):
    """The matrix of each linear path, pushed out of the code, and the covariances it gives."""
    basis = torch.eye(2 * dim, dtype=torch.float64)
    pairs = torch.randn((2, 2, 16, dim), dtype=torch.float64, generator=generator)
    size = (len(LINEAR), len(WEIGHTS))
    covariance, anisotropy = np.zeros((2, *size, len(WEIGHTS)))
    nonlinearity = np.zeros(size)
    for i, name in enumerate(LINEAR):
        path = PATHS[name]
        maps = [path(basis[:, :dim], basis[:, dim:], w) for w in WEIGHTS]
        for (j, first), (k, second) in _product(maps, maps):
            block = first.T @ second
            covariance[i, j, k] = block.diagonal().mean()
            anisotropy[i, j, k] = (block - covariance[i, j, k] * basis[:dim, :dim]).abs().max()
        for j, w in enumerate(WEIGHTS):
            (a, b), (c, d) = pairs
            whole = path(a + 3 * c, b + 3 * d, w)
            nonlinearity[i, j] = (whole - path(a, b, w) - 3 * path(c, d, w)).abs().max()
    dims = ("path", "weight", "other")
    return xr.Dataset(
        {
            "covariance": (dims, covariance, {"long_name": "covariance per coordinate"}),
            "anisotropy": (dims, anisotropy, {"long_name": "deviation from a multiple of I"}),
            "nonlinearity": (dims[:2], nonlinearity),
        },
        {"path": list(LINEAR), "weight": WEIGHTS, "other": WEIGHTS},
    )


@experiment.measure(grid={"dim": [4, 16, 128, 1024]}, quick={"dim": [4, 16, 128]}, default={})
def turns(dim, generator):
    """How far paths are from commuting with a rotation and scaling, or with another linear map."""
    normal = torch.randn((3, dim, dim), dtype=torch.float64, generator=generator)
    rotation = torch.linalg.qr(normal[0])[0]
    shear = torch.eye(dim, dtype=torch.float64)
    shear[0, 1] = 1.0
    z1, z2 = normal[1:, : min(dim, 64)]
    arms = {**PATHS, "slerp of halves": _slerp_of_halves}
    maps = {"rotation and scaling": 3.7 * rotation, "shear": shear}
    error = np.zeros((len(arms), len(maps), len(WEIGHTS)))
    speeds = {"atan(w/(1-w))": lambda w: math.atan2(w, 1 - w) * 2 / math.pi, "w": lambda w: w}
    reparametrised = np.zeros((len(speeds), len(WEIGHTS)))
    for k, w in enumerate(WEIGHTS):
        for (i, path), (j, matrix) in _product(arms.values(), maps.values()):
            gap = path(z1 @ matrix.T, z2 @ matrix.T, w) - path(z1, z2, w) @ matrix.T
            error[i, j, k] = (gap.norm(dim=1) / (z1 @ matrix.T).norm(dim=1)).max()
        for i, speed in enumerate(speeds.values()):
            turned = fixed_angle_slerp(z1, z2, speed(w))
            reparametrised[i, k] = (rescaled_lerp(z1, z2, w) - turned).abs().max()
    return xr.Dataset(
        {
            "error": (("path", "map", "weight"), error, {"long_name": "relative deviation"}),
            "reparametrised": (("speed", "weight"), reparametrised),
        },
        {"path": list(arms), "map": list(maps), "weight": WEIGHTS, "speed": list(speeds)},
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
        for (i, name), (j, w) in _product(FAMOUS, weights):
            norm[i, j, part] = PATHS[name](z1, z2, w).norm(dim=1)
    laws = ["chi", "scaled chi", "slerp"]
    found = np.zeros((len(FAMOUS), len(weights), len(laws)))
    histogram = np.zeros((len(FAMOUS), len(weights), len(OFFSETS) - 1))
    # Few dimensions have a heavy tail, which the table of the law must hold as well.
    near = math.sqrt(dim) + np.linspace(-min(math.sqrt(dim), 9) + 1e-9, 9, 150)
    table = np.concatenate([near, near[-1] * np.geomspace(1.1, 1e6, 50)])
    for j, w in enumerate(weights):
        slerped = interpolate.PchipInterpolator(table, norm_law(_textbook_slerp, dim, w).cdf(table))
        cdfs = [
            lambda r: special.gammainc(dim / 2, r**2 / 2),
            lambda r, w=w: special.gammainc(dim / 2, (r / lerp_scale(w)) ** 2 / 2),
            lambda r, law=slerped: law(np.minimum(r, table[-1])),
        ]
        for i in range(len(FAMOUS)):
            found[i, j] = [checks.ks_distance(norm[i, j], cdf) for cdf in cdfs]
            histogram[i, j] = np.histogram(norm[i, j] - math.sqrt(dim), OFFSETS)[0]
    dims = ("path", "weight")
    return xr.Dataset(
        {
            "norm_distance": ((*dims, "law"), found, {"long_name": "KS distance of the norm"}),
            "histogram": ((*dims, "bin"), histogram, {"long_name": "samples with this norm"}),
            "samples": samples,
        },
        {"path": FAMOUS, "weight": weights, "law": laws},
    )


@experiment.measure(
    grid={"images": ["digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"steps": 8},
    default={"steps": 40},
)
def gaussian_flow(images, steps):
    """DDIM for the Gaussian fitted to the images: by what each principal component shrinks."""
    data, _ = _load(images)
    normal = _mixture(data, torch.zeros(len(data), dtype=torch.int64))
    modes = torch.linalg.eigh(normal.covariance())[1].flip(1).T  # rows, largest variance first
    zero = torch.zeros_like(modes)
    centre = _generate(normal, zero[:1], steps)
    own = ((_generate(normal, modes, steps) - centre) @ modes.T).diagonal()
    names, weights = ["lerp", "rescaled"], [0.25, 0.5]
    coarse, fine, least, most = np.zeros((4, len(names), len(weights)))
    for (i, name), (j, w) in _product(names, weights):
        # z1, z2 run through the basis of R^2d: the squares of a column add up to a variance.
        latents = PATHS[name](torch.cat([modes, zero]), torch.cat([zero, modes]), w)
        spread_out = ((_generate(normal, latents, steps) - centre) @ modes.T).norm(dim=0)
        ratio = spread_out / own.abs()
        coarse[i, j], fine[i, j], least[i, j], most[i, j] = (
            ratio[0],
            ratio[-1],
            ratio.min(),
            ratio.max(),
        )
    dims = ("path", "weight")
    return xr.Dataset(
        {
            "coarse": (dims, coarse, {"long_name": "attenuation of the largest component"}),
            "fine": (dims, fine, {"long_name": "attenuation of the smallest component"}),
            "least": (dims, least, {"long_name": "least attenuation factor"}),
            "most": (dims, most, {"long_name": "largest attenuation factor"}),
        },
        {"path": names, "weight": weights},
    )


@experiment.measure(
    grid={"images": ["digits", "fashion-mnist"], "components": [1, 10]},
    data=("digits", "fashion-mnist"),
    quick={"pairs": 600, "steps": 8},
    default={"pairs": 1500, "steps": 16},
    paper={"pairs": 10_000, "steps": 50},
)
def details(images, components, pairs, steps, generator):
    """Images from interpolated latents of a mixture fitted to the data (one Gaussian per class)."""
    data, labels = _load(images)
    mixture = _mixture(data, labels if components == 10 else torch.zeros_like(labels))
    z1, z2 = torch.randn((2, pairs, mixture.dim), dtype=torch.float64, generator=generator)
    ends = _generate(mixture, z1, steps), _generate(mixture, z2, steps)
    pair = (_detail(ends[0]) + _detail(ends[1])) / 2
    names, weights, shown = ["lerp", "rescaled"], [0.25, 0.5], 7
    change = np.zeros((len(names), len(weights), pairs))
    crossfade, gallery = np.zeros((len(names), len(weights))), np.zeros((len(names), shown, 14, 14))
    for i, name in enumerate(names):
        for j, w in enumerate(weights):
            image = _generate(mixture, PATHS[name](z1, z2, w), steps)
            change[i, j] = _detail(image) - pair
            mixed = (1 - w) * ends[0] + w * ends[1]
            crossfade[i, j] = ((image - mixed).norm(dim=1) / mixed.norm(dim=1)).max()
        w = torch.linspace(0, 1, shown, dtype=torch.float64)
        latents = PATHS[name](z1[:1].expand(shown, -1), z2[:1].expand(shown, -1), w)
        gallery[i] = _framed(_generate(mixture, latents, steps))
    dims = ("path", "weight")
    return xr.Dataset(
        {
            "change": (
                (*dims, "pair"),
                change,
                {"long_name": "squared pixel differences, less the mean of the two ends"},
            ),
            "detail": float(pair.mean()),
            "crossfade": (dims, crossfade, {"long_name": "distance from the cross-fade"}),
            "gallery": (("path", "shown", "row", "column"), gallery),
        },
        {"path": names, "weight": weights, "shown": np.linspace(0, 1, shown)},
    )


def _product(first, second):
    return [(a, b) for a in enumerate(first) for b in enumerate(second)]


def _slerp_of_halves(z1, z2, w):
    """A plausible slip: one angle for each half of the latent instead of one for the whole."""
    half = z1.shape[1] // 2
    return torch.cat(
        [slerp(z1[:, :half], z2[:, :half], w), slerp(z1[:, half:], z2[:, half:], w)], 1
    )


def _textbook_slerp(z1, z2, w):
    """Slerp as it is printed, by the arccosine; good away from angles 0 and pi."""
    phi = torch.arccos((z1 * z2).sum(1) / (z1.norm(dim=1) * z2.norm(dim=1)))[:, None]
    return (torch.sin((1 - w) * phi) * z1 + torch.sin(w * phi) * z2) / torch.sin(phi)


def _load(images):
    """Images (count, side, side) in [-1, 1] and labels; Fashion-MNIST at half its resolution."""
    data = datasets.digits() if images == "digits" else datasets.fashion_mnist()
    # 2,000 images a class are plenty for a covariance of 196 pixels.
    data = data._replace(images=data.images[:20_000], labels=data.labels[:20_000])
    pixels = datasets.as_float(data)
    if images != "digits":
        pixels = torch.nn.functional.avg_pool2d(pixels[:, None], 2)[:, 0]
    return pixels.flatten(1), data.labels.long()


def _mixture(data, labels):
    """One Gaussian for each label, with the data's frequencies, means and covariances."""
    groups = [data[labels == label] for label in labels.unique()]
    ridge = RIDGE * torch.eye(data.shape[1], dtype=torch.float64)
    return GaussianMixture.full(
        torch.tensor([len(g) / len(data) for g in groups], dtype=torch.float64),
        torch.stack([g.mean(0) for g in groups]),
        torch.stack([torch.cov(g.T) + ridge for g in groups]),
    )


def _generate(mixture, z, steps):
    """DDIM's last state, from the latent z at the largest sigma."""
    *_, last = ddim(mixture, SIGMA_MAX * z, log_linear(steps, SIGMA_MIN, SIGMA_MAX))
    return last


def _detail(flat):
    """Sum of squared differences between neighbouring pixels."""
    image = _square(flat)
    return image.diff(dim=1).square().sum((1, 2)) + image.diff(dim=2).square().sum((1, 2))


def _square(flat):
    side = math.isqrt(flat.shape[1])
    return flat.reshape(-1, side, side)


def _framed(flat):
    """Images padded with black to 14 x 14, so that both data sets store the same shape."""
    image = _square(flat)
    margin = (14 - image.shape[1]) // 2
    return torch.nn.functional.pad(image, (margin,) * 4, value=-1.0).numpy()


# --- checks --------------------------------------------------------------------------------------


def covariance_along(linear_maps, path, law):
    """Is the path a linear map with covariance law(w, v) I between the weights w and v?"""
    m = linear_maps.sel(path=path)
    error = abs(m.covariance - COUPLINGS[law](m.weight, m.other)) + m.anisotropy + m.nonlinearity
    return checks.identity(
        error,
        rounding=1e-13,
        margin=1e-9,
        reason="a linear map of (z1, z2) is Gaussian with the covariance of its matrix; rounding "
        "is some ulps of numbers below 20, and slips sought move the covariance by 1e-3",
    )


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
    "total_variation": lambda w: 2 * normal_gap(spread(w)),
    "total_variation, s for s^2": lambda w: 2 * normal_gap(np.sqrt(spread(w))),
    "norm": lambda w: normal_gap(spread(w)),
    "norm, s for s^2": lambda w: normal_gap(np.sqrt(spread(w))),
    "wasserstein": lambda w: (1 - np.sqrt(spread(w))) / math.sqrt(2),
    "wasserstein, s^2 for s": lambda w: (1 - spread(w)) / math.sqrt(2),
    "coordinate": lambda w: coordinate_constant(spread(w)),
    "coordinate, tau = 0": lambda w: coordinate_constant(0 * w),
    "coordinate, s for s^2": lambda w: coordinate_constant(np.sqrt(spread(w))),
    "gap": lambda w: ((1 - w) * np.sin(w * np.pi / 2)) ** 2 + (w * np.cos(w * np.pi / 2)) ** 2,
    "gap, sines exchanged": lambda w: (
        ((1 - w) * np.cos(w * np.pi / 2)) ** 2 + (w * np.sin(w * np.pi / 2)) ** 2
    ),
}

#: Powers of 1/d in which each quantity departs from its limit.
EXPONENTS = {"norm": (0.5, 1.0, 1.5), "coordinate": (1.0, 2.0)}
REASON = (
    "extrapolated in 1/d from quadratures good to 1e-10; a limit of 0 and every neighbour's lie "
    "0.005 or more away"
)


def distance_limit(distances, quantity, target, path="slerp", power=0.0):
    """d^power times a distance from N(0, I_d), for d -> infinity."""
    d = distances.sel(path=path)
    exponents = EXPONENTS.get(quantity, (1.0, 2.0))
    if power < 0:  # first comes the limit of the distance itself, which is not 0
        exponents = (-power, 1 - power, 2 - power)
    elif power > 0:  # a limit of 0 is approached as 1/d and 1/d^2: one power is used up
        exponents = (1.0, 2.0)
    return checks.limit(
        d[quantity] * d.dim**power,
        LIMITS[target](d.weight),
        margin=1e-5,
        reason=REASON,
        dim="dim",
        h=1 / d.dim,
        exponents=exponents,
        rounding=1e-10 * max(1.0, 0.01 * float(d.dim.max()) ** power),
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


def mean_square(norms, excess="exact"):
    """E|slerp|^2 - d against a one-dimensional integral, and halfway against its closed form."""
    n = norms.sel(path="slerp")
    forms = {
        "exact": lambda d, w: (
            chi_variance(int(d)) / (d - 3) if w == 0.5 else slerp_excess(int(d), w)
        ),
        "zero": lambda d, w: 0.0,
        "halfway's at every weight": lambda d, w: chi_variance(int(d)) / (d - 3),
        "variance 1/2 for Var chi_d": lambda d, w: (
            slerp_excess(int(d), w) / (2 * chi_variance(int(d)))
        ),
    }
    n = n.sel(dim=n.dim > 3)
    oracle = xr.apply_ufunc(forms[excess], n.dim, n.weight, vectorize=True)
    evidence = checks.identity(
        abs(n.mean_square - n.dim - oracle),
        rounding=1e-14 * n.dim + 1e-10,
        margin=1e-8,
        reason="a difference of numbers of size d, each to a few ulps; slips are above 1e-3/d",
        note="d <= 3, where the mean square is infinite, lies outside the conditions",
    )
    return evidence


def heavy_tail(norms, order):
    """P(|slerp| > t) ~ t^-(d - order) in few dimensions."""
    survival = norms.survival.sel(path="slerp", dim=norms.dim <= 4)
    return checks.rate(
        survival,
        order=survival.dim - order,
        tolerance=0.1,
        reason="the neighbouring orders are 1 away; the last slopes are within 0.05 of the limit",
        dim="far",
        h=1 / survival.far,
        rounding=1e-3,
    )


def singular(distances, path="lerp", exponent=0.5):
    """Hellinger's bound 1 - TV <= (2 s / (1 + s^2))^(exponent d), which tends to 0."""
    d = distances.sel(path=path)
    s = lerp_scale(d.weight)
    affinity = (2 * s / (1 + s**2)) ** (exponent * d.dim)
    return checks.bound(
        1 - d.total_variation - affinity,
        rounding=1e-9,
        margin=1e-8,
        reason="the quadrature's error is below 1e-9",
        tightness=(1 - d.total_variation) / affinity.clip(min=1e-12),
    )


def singular_certified(exponent=1):
    """1 - TV between both of Hellinger's bounds, by balls: chi-square laws at the crossing."""
    previous, flint.ctx.prec = flint.ctx.prec, 4000  # the gamma series cancels
    try:
        rows = []
        for dim in (1, 2, 16, 128, 512, 2048):
            for tenths in (1, 3, 5):
                w = arb(tenths) / 10
                v = (1 - w) ** 2 + w**2
                # The densities cross at |z|^2 = x; below it lerp's is larger.
                x = dim * (1 / v).log() / (1 / v - 1)
                half = arb(dim) / 2
                inside = [(x / (2 * u)).gamma_lower(half, regularized=1) for u in (v, arb(1))]
                common = 1 - inside[0] + inside[1]
                affinity = (2 * v.sqrt() / (1 + v)) ** (half * arb(exponent))
                # TV <= sqrt(1 - affinity^2) says common >= 1 - sqrt(1 - affinity^2).
                rows.append([common / affinity, common / (1 - (1 - affinity**2).sqrt())])
        balls = xr.DataArray(np.array(rows, dtype=object), dims=("point", "bound"))
        ends = xr.DataArray([[0.0, 1.0], [1.0, math.inf]], dims=("bound", "end"))
        return checks.certificate(
            balls,
            (ends.isel(end=0), ends.isel(end=1)),
            reason="1 - sqrt(1 - a^2) <= 1 - TV <= a for the affinity a = (2s/(1 + s^2))^(d/2)",
        )
    finally:
        flint.ctx.prec = previous


def never_maintained(at_least, lost=1):
    """Slerp's limiting W2 (1 - sqrt(cos^4 + sin^4))/sqrt(2) from below, on an interval of w."""

    def distance(w):
        return (1 - (1 - (arb.pi() * w).sin() ** 2 / (2 * lost)).sqrt()) / arb(2).sqrt()

    return checks.branch_and_bound(
        distance,
        [(arb(1) / 10, arb(9) / 10)],
        reason="W2 to N(0, I) in the limit, in units of the latents' standard deviation",
        at_least=at_least,
        note="cos^4 + sin^4 = 1 - sin^2(w pi)/2",
    )


def excess_certified(low, high):
    """(d - 3)(E|slerp|^2 - d) halfway, for every d from 4 to 4096."""
    previous, flint.ctx.prec = flint.ctx.prec, 128
    try:
        balls = []
        for dim in range(4, 4097):
            ratio = (arb(dim + 1) / 2).lgamma() - (arb(dim) / 2).lgamma()
            balls.append(dim - 2 * (2 * ratio).exp())
    finally:
        flint.ctx.prec = previous
    return checks.certificate(
        balls,
        (low, high),
        reason="it equals Var chi_d, which rises from 0.466 to 1/2: no d keeps the mean square",
        dims=["dim"],
    )


def commutes(turns, path="slerp", linear_map="rotation and scaling"):
    """Does the path commute with the map? For rotations this makes the direction uniform."""
    return checks.identity(
        turns.error.sel(path=path, map=linear_map),
        rounding=1e-12,
        margin=1e-9,
        reason="d flops in each product of unit vectors, amplified by 1/sin(phi) < 100",
    )


def reparametrisation(turns, speed="atan(w/(1-w))"):
    """Is rescaled(w) = fixed_angle(v) pointwise, with the angle v pi/2 equal to the speed named?"""
    return checks.identity(
        turns.reparametrised.sel(speed=speed),
        rounding=1e-13,
        margin=1e-9,
        reason="two formulas of one rotation; v = w is 0.01 off",
    )


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


def attenuation(gaussian_flow, path="lerp", power=1.0, fine=None):
    """Factor by which each principal component shrinks; fine=f: the last one by at most f s."""
    g = gaussian_flow.sel(path=path)
    s = lerp_scale(g.weight) ** power
    if fine is None:
        error = np.maximum(abs(g.least - s), abs(g.most - s))
    else:
        error = abs(g.coarse - s) + (g.fine - fine * s).clip(min=0)
    return checks.identity(
        error,
        rounding=1e-10,
        margin=1e-7,
        reason="DDIM for a Gaussian is an affine map; components span 4 decades, rounding 1e-12 of "
        "the largest; a blur would cost the finest component one per cent at least",
    )


def crossfade(details, path="lerp", components=1):
    """Is the image of the interpolated latent the pixelwise mixture of the two images?"""
    return checks.identity(
        details.crossfade.sel(path=path, components=components),
        rounding=1e-11,
        margin=1e-7,
        reason="an affine map preserves (1-w) z1 + w z2; rounding of some 1e3 flops per pixel",
        level="numerics",
    )


def detail_kept(details, path, relation="==", target=0.0, margin=0.1):
    """Mean change of squared pixel differences against the two ends, in units of their mean."""
    d = details.sel(path=path, components=10)
    return checks.mean(
        *checks.central_moments(d.change, "pair"),
        target * d.detail,
        margin,
        reason="a tenth of the detail: interpolation costs linear paths a quarter or more",
        scale=d.detail,
        relation=relation,
        level="observation",
        note="one Gaussian per class of the data, its exact denoiser, DDIM from sigma = 40",
    )


# --- proofs --------------------------------------------------------------------------------------


HALF = sp.Rational(1, 2)
ANGLES = [("angles expanded", lambda e: sp.simplify(sp.expand_trig(e)))]


def great_circle_symbolic(sign=1):
    a, b = sp.symbols("a b", positive=True)
    sides = sp.sin(a) ** 2 + sp.sin(b) ** 2 + 2 * sign * sp.sin(a) * sp.sin(b) * sp.cos(a + b)
    witness = {a: sp.Rational(1, 3), b: sp.Rational(1, 2)}
    return checks.proof(sides - sp.sin(a + b) ** 2, witness, tries=ANGLES)


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


def halfway_symbolic(form="d(d-2)"):
    """E|slerp|^2 at w = 1/2, for symbolic d: d E[1/(1+c)] + (E chi)^2 E[c/(1+c)]."""
    d = sp.Symbol("d", positive=True)
    a = (d - 1) / 2  # (1 + c)/2 ~ Beta(a, a)
    gamma = sp.gamma
    inverse = gamma(a - 1) * gamma(2 * a) / (gamma(2 * a - 1) * gamma(a)) / 2
    m = 2 * gamma((d + 1) / 2) ** 2 / gamma(d / 2) ** 2
    claimed = {"d(d-2)": d * (d - 2) - m, "d(d-1)": d * (d - 1) - m, "d": d * (d - 3)}[form]
    difference = d * inverse + m * (1 - inverse) - claimed / (d - 3)
    tries = [("gamma functions combined", lambda e: sp.simplify(sp.gammasimp(sp.expand(e))))]
    return checks.proof(difference, {d: 7}, conditions=[d > 3], tries=tries)


def divergence_symbolic(factor=HALF, sign=-1):
    """KL(N(0, s^2) | N(0, 1)) by integration; the d coordinates add up."""
    x = sp.Symbol("x", real=True)
    s = sp.Symbol("s", positive=True)
    density = sp.exp(-(x**2) / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))
    log_ratio = -sp.log(s) - x**2 / (2 * s**2) + x**2 / 2
    divergence = sp.integrate(sp.expand(density * log_ratio), (x, -sp.oo, sp.oo))
    claimed = factor * (s**2 - 1 + sign * sp.log(s**2))
    return checks.proof(divergence - claimed, {s: sp.Rational(2, 3)})


def rescaling_symbolic(power=HALF):
    """The coefficients are a unit vector whose angle runs at speed 1/((1-w)^2 + w^2)."""
    w = sp.Symbol("w", positive=True)
    q = (1 - w) ** 2 + w**2
    a, b = (1 - w) / q**power, w / q**power
    speed = a * sp.diff(b, w) - b * sp.diff(a, w)
    return checks.proof([a**2 + b**2 - 1, speed - 1 / q], {w: sp.Rational(1, 3)})


# --- claims --------------------------------------------------------------------------------------

PAIR = "z_1, z_2 independent N(0, I_d), 0 < w < 1 fixed"
EVERY = "z_1, z_2 independent N(0, I_d), all w and v, every d from 1 on"
GAUSSIAN = "Gaussian data, exact denoiser, DDIM with any steps"
CLASSES = "a mixture of one Gaussian per class fitted to each data set, its exact denoiser"
TAU = r"\tau^2=\cos^4\tfrac{w\pi}2+\sin^4\tfrac{w\pi}2"


def about(entry, place, kind):
    """Claims of one entry and kind, by the suffix of their id, which tells the form."""
    forms = {"as": "as stated", "reading": "reading", "corrected": "corrected"}

    def claim(suffix, statement, check, controls=(), conditions=PAIR, **bound):
        return experiment.claim(
            f"{entry}-{suffix}",
            statement,
            source=Source("001", place),
            check=check,
            entries=entry,
            conditions=conditions,
            kind=kind,
            form=forms.get(suffix.split("-")[0], "derived"),
            controls=[Control(name, **values) for name, values in controls],
            **bound,
        )

    return claim


lerp_identity = about("lerp-shifts-latent", "Proposition 5", "identity")
lerp_law = about("lerp-shifts-latent", "Proposition 5", "law")
slerp_identity = about("slerp-maintains-latent", "Proposition 5", "identity")
slerp_inequality = about("slerp-maintains-latent", "Proposition 5", "inequality")
slerp_law = about("slerp-maintains-latent", "Proposition 5", "law")
slerp_limit = about("slerp-maintains-latent", "Proposition 5", "limit")
slerp_rate = about("slerp-maintains-latent", "Proposition 5", "rate")
rescaled_empirical = about("rescaled-lerp", "Figure 6", "empirical")
rescaled_identity = about("rescaled-lerp", "Figure 6", "identity")
rescaled_inequality = about("rescaled-lerp", "Figure 6", "inequality")
rescaled_law = about("rescaled-lerp", "Figure 6", "law")

lerp_law(
    "as-stated",
    r"d_{\rm TV}\big((1-w)z_1+wz_2,\,z_1\big)\ge1-\Big(\tfrac{2s}{1+s^2}\Big)^{d/2}\to1,"
    r"\quad s^2=(1-w)^2+w^2",
    singular,
    [
        ("rescaled interpolation shifts the law as well", {"path": "rescaled"}),
        ("slerp shifts the law as much", {"path": "slerp"}),
        ("exponent d for d/2", {"exponent": 1.0}),
    ],
    conditions=PAIR + ", d to infinity",
)
lerp_law(
    "certified",
    r"1-\sqrt{1-a^2}\le1-d_{\rm TV}\le a,\quad a=\Big(\tfrac{2s}{1+s^2}\Big)^{d/2}",
    singular_certified,
    [("exponent d for d/2", {"exponent": 2}), ("exponent d/4 for d/2", {"exponent": 0.5})],
)
lerp_law(
    "corrected",
    r"(1-w)z_1+wz_2\sim N\big(0,((1-w)^2+w^2)I_d\big),\quad"
    r"{\rm Cov}(z_w,z_v)=((1-w)(1-v)+wv)I_d",
    covariance_along,
    [
        ("the weights add up to 1, so the variance stays", {"law": "variance 1"}),
        ("variance squared", {"law": "variance squared"}),
        ("standard deviation for variance", {"law": "linear, root"}),
        ("the rescaled path has this covariance", {"path": "rescaled"}),
    ],
    conditions=EVERY,
    path="lerp",
    law="linear",
)
lerp_law(
    "derived-norm",
    r"\|(1-w)z_1+wz_2\|\sim\sqrt{(1-w)^2+w^2}\;\chi_d",
    norm_is_chi,
    [
        ("the norm stays chi_d", {"scale": "1"}),
        ("chi_{d-1}", {"lost": 1}),
        ("one cross term forgotten", {"scale": "1 - w + w^2"}),
    ],
    path="lerp",
)
lerp_identity(
    "symbolic",
    r"{\rm KL}\big(N(0,s^2I_d)\,\|\,N(0,I_d)\big)=\tfrac d2\,(s^2-1-\log s^2)",
    divergence_symbolic,
    [("the half forgotten", {"factor": 1}), ("sign of the logarithm", {"sign": 1})],
    conditions="s > 0",
)

# One sense of "asymptotically maintains" each: the limit that there is, and the limit 0 as read.
for name, quantity, symbol, limit, controls in [
    (
        "total-variation",
        "total_variation",
        r"d_{\rm TV}({\rm slerp}_w,N(0,I_d))",
        r"2\,(\Phi(x/\tau)-\Phi(x)),\ x^2=\tfrac{\log\tau^{-2}}{\tau^{-2}-1}",
        [
            ("tau for tau^2", {"target": "total_variation, s for s^2"}),
            ("half of it", {"target": "norm"}),
            ("the rescaled path ends there too", {"path": "rescaled"}),
        ],
    ),
    (
        "norm-law",
        "norm",
        r"\sup_r|P(\|{\rm slerp}_w\|\le r)-P(\chi_d\le r)|",
        r"\Phi(x/\tau)-\Phi(x),\ x^2=\tfrac{\log\tau^{-2}}{\tau^{-2}-1}",
        [
            ("tau for tau^2", {"target": "norm, s for s^2"}),
            ("twice of it", {"target": "total_variation"}),
        ],
    ),
    (
        "wasserstein",
        "wasserstein",
        r"W_2({\rm slerp}_w,N(0,I_d))",
        r"(1-\tau)/\sqrt2",
        [
            ("tau^2 for tau", {"target": "wasserstein, s^2 for s"}),
            ("the rescaled path ends there too", {"path": "rescaled"}),
        ],
    ),
]:
    corrected = slerp_limit(
        f"corrected-{name}",
        rf"{symbol}\to {limit},\quad {TAU}",
        distance_limit,
        controls,
        quantity=quantity,
        target=quantity,
    )
    stated = name == "total-variation"
    slerp_limit(
        "as-stated" if stated else f"reading-{name}",
        rf"{symbol}\to0\quad(d\to\infty)",
        distance_limit,
        expected="refuted",
        twin=corrected,
        quantity=quantity,
        target="0",
    )
slerp_limit(
    "reading-scaled-wasserstein",
    r"W_2({\rm slerp}_w,N(0,I_d))/\sqrt d\to0",
    distance_limit,
    [("linear interpolation", {"path": "lerp"})],
    quantity="wasserstein",
    target="0",
    power=-0.5,
)
slerp_limit(
    "reading-marginals",
    r"\sup_x|P(z_{w,1}\le x)-\Phi(x)|\to0",
    distance_limit,
    [
        ("all coordinates at once, by their norm", {"quantity": "norm"}),
        ("linear interpolation", {"path": "lerp"}),
    ],
    quantity="coordinate",
    target="0",
)
slerp_rate(
    "derived-marginal-rate",
    r"d\,\sup_x|P(z_{w,1}\le x)-\Phi(x)|\to\tfrac{1-\tau^2}4\max_x|x^3-3x|\,\varphi(x),\quad" + TAU,
    distance_limit,
    [
        ("tau for tau^2", {"target": "coordinate, s for s^2"}),
        ("independent of w", {"target": "coordinate, tau = 0"}),
    ],
    quantity="coordinate",
    target="coordinate",
    power=1.0,
)
slerp_limit(
    "reading-mean-norm",
    r"E\|{\rm slerp}_w\|/\sqrt d\to1",
    norm_limit,
    [("linear interpolation", {"path": "lerp"})],
    quantity="mean",
    target="1",
)
variance = slerp_limit(
    "corrected-variance",
    rf"{{\rm Var}}\|{{\rm slerp}}_w\|\to\tfrac12\tau^2,\quad {TAU}",
    norm_limit,
    [
        ("(1-w)^2 + w^2 for tau^2", {"target": "variance, (1-w)^2 + w^2"}),
        ("the rescaled path narrows too", {"path": "rescaled"}),
    ],
    target="variance",
)
slerp_limit(
    "reading-variance",
    r"{\rm Var}\|{\rm slerp}_w\|\to\tfrac12=\lim{\rm Var}\,\chi_d",
    norm_limit,
    expected="refuted",
    twin=variance,
    target="1/2",
)
slerp_limit(
    "derived-share",
    r"{\rm Var}\|(z_{w,1},\dots,z_{w,k})\|\to\tfrac12(1-\kappa(1-\tau^2)),\ k=\kappa d:"
    r"\text{ any share }\kappa>0\text{ of the coordinates shows it}",
    norm_limit,
    [("half of the coordinates do not show it", {"target": "1/2"})],
    target="variance",
    share=0.5,
)
slerp_limit(
    "derived-coupling",
    r"E\|{\rm slerp}_w-(\cos\tfrac{w\pi}2z_1+\sin\tfrac{w\pi}2z_2)\|^2\to"
    r"(1-w)^2\sin^2\tfrac{w\pi}2+w^2\cos^2\tfrac{w\pi}2",
    norm_limit,
    [
        ("the two paths meet in the limit", {"target": "0"}),
        ("weights forgotten", {"target": "1"}),
        ("sine and cosine exchanged", {"target": "gap, sines exchanged"}),
    ],
    quantity="gap",
    target="gap",
)
slerp_identity(
    "derived-mean-square",
    r"E\|{\rm slerp}_w\|^2=d-2\,{\rm Var}(\chi_d)\,"
    r"E\Big[\tfrac{\sin((1-w)\phi)\sin(w\phi)\cos\phi}{\sin^2\phi}\Big],\quad"
    r" E\|{\rm slerp}_{1/2}\|^2=\tfrac{d(d-2)-(E\chi_d)^2}{d-3}",
    mean_square,
    [
        ("it is d", {"excess": "zero"}),
        ("halfway's value at every weight", {"excess": "halfway's at every weight"}),
        ("1/2 for Var chi_d", {"excess": "variance 1/2 for Var chi_d"}),
    ],
    conditions=PAIR + ", d >= 4 (infinite below)",
)
slerp_rate(
    "derived-heavy-tail",
    r"P(\|{\rm slerp}_w\|>t)\asymp t^{-(d-1)}:\ E\|{\rm slerp}_w\|^2=\infty\text{ for }d\le3",
    heavy_tail,
    [("t^-d", {"order": 0}), ("t^-(d-2)", {"order": 2})],
    conditions=PAIR + ", d = 2, 3, 4",
    order=1,
)
slerp_law(
    "derived-direction",
    r"{\rm slerp}_w(cQz_1,cQz_2)=cQ\,{\rm slerp}_w(z_1,z_2),\ Q\in O(d):"
    r"\text{ the direction is uniform and independent of the norm}",
    commutes,
    [
        ("it commutes with every linear map", {"linear_map": "shear"}),
        ("one angle for each half of the latent", {"path": "slerp of halves"}),
    ],
)
slerp_law(
    "derived-sampled-norms",
    r"\text{sampled latents: }\|{\rm lerp}_w\|\sim\sqrt{(1-w)^2+w^2}\chi_d,\ "
    r"\|{\rm rescaled}_w\|\sim\chi_d,\ \|{\rm slerp}_w\|\sim\rho\,q(a,\phi),\ \rho\sim\chi_{2d}",
    sampled_norms,
    [
        ("slerp's norm follows chi_d", {"slerp": "chi"}),
        ("the rescaled path's norm follows slerp's law", {"rescaled": "slerp"}),
        ("the norm of linear interpolation follows chi_d", {"lerp": "chi"}),
    ],
)
slerp_identity(
    "symbolic-great-circle",
    r"\sin^2a+\sin^2b+2\sin a\sin b\cos(a+b)=\sin^2(a+b):"
    r"\text{ equal norms are kept at every angle}",
    great_circle_symbolic,
    [("minus twice the product", {"sign": -1})],
)
slerp_identity(
    "symbolic-slopes",
    r"\nabla_{r_1,r_2,\phi}\|{\rm slerp}_w\|=(\cos^2\tfrac{w\pi}2,\sin^2\tfrac{w\pi}2,0)"
    r"\text{ at }(1,1,\tfrac\pi2):\text{ hence }\tau^2",
    slopes_symbolic,
    [("cosine and sine, not squared", {"power": 1})],
)
slerp_identity(
    "symbolic-halfway",
    r"E\|{\rm slerp}_{1/2}\|^2=\tfrac{d(d-2)-(E\chi_d)^2}{d-3}\text{ for every real }d>3",
    halfway_symbolic,
    [("it is d", {"form": "d"}), ("d(d-1) for d(d-2)", {"form": "d(d-1)"})],
)
slerp_inequality(
    "certified-never",
    r"\lim_{d\to\infty}W_2({\rm slerp}_w,N(0,I_d))\ge0.017\quad\text{for every }w\in[0.1,0.9]",
    never_maintained,
    [
        ("at least 0.08", {"at_least": 0.08}),
        ("sin^2(w pi)/4 for sin^2(w pi)/2", {"lost": 2}),
    ],
    at_least=0.017,
)
slerp_inequality(
    "certified-mean-square",
    r"0.46\le(d-3)\,(E\|{\rm slerp}_{1/2}\|^2-d)\le\tfrac12,\quad d=4,\dots,4096",
    excess_certified,
    [
        ("the mean square is kept", {"low": -1e-3, "high": 1e-3}),
        ("the excess is at least 1/2 over d - 3", {"low": 0.5, "high": math.inf}),
    ],
    low=0.46,
    high=0.5,
)

rescaled_empirical(
    "as-stated",
    r"\text{rescaled interpolation keeps the image's detail }E|\nabla x|^2\text{ within }10\,\%",
    detail_kept,
    [("linear interpolation keeps it", {"path": "lerp"})],
    conditions=CLASSES,
    path="rescaled",
)
rescaled_empirical(
    "as-stated-linear",
    r"\text{linear interpolation loses a tenth or more of the detail }E|\nabla x|^2",
    detail_kept,
    [("rescaled interpolation loses it", {"path": "rescaled"})],
    conditions=CLASSES,
    path="lerp",
    relation="<=",
    target=-0.1,
    margin=0.0,
)
rescaled_law(
    "corrected",
    r"\frac{(1-w)z_1+wz_2}{\sqrt{(1-w)^2+w^2}}\sim N(0,I_d),\quad"
    r"{\rm Cov}(z_w,z_v)=\cos(\theta_w-\theta_v)I_d,\ \tan\theta_w=\tfrac w{1-w}",
    covariance_along,
    [
        ("linear interpolation", {"path": "lerp"}),
        ("the root forgotten", {"law": "linear / ((1-w)^2 + w^2)"}),
        ("at constant angular speed", {"law": "angles w pi/2"}),
        ("all points of the path coincide", {"law": "variance 1"}),
    ],
    conditions=EVERY,
    path="rescaled",
    law="angles atan(w/(1-w))",
)
rescaled_law(
    "derived-fixed-angle",
    r"\cos\tfrac{w\pi}2z_1+\sin\tfrac{w\pi}2z_2\sim N(0,I_d),\quad"
    r"{\rm Cov}(z_w,z_v)=\cos\tfrac{(w-v)\pi}2I_d",
    covariance_along,
    [
        ("linear interpolation", {"path": "lerp"}),
        ("at the speed of the rescaled path", {"law": "angles atan(w/(1-w))"}),
    ],
    conditions=EVERY,
    path="fixed angle",
    law="angles w pi/2",
)
rescaled_law(
    "derived-norm",
    r"\|z_w\|\sim\chi_d",
    norm_is_chi,
    [
        ("slerp", {"path": "slerp"}),
        ("linear interpolation's norm", {"scale": "lerp"}),
        ("chi_{d-1}", {"lost": 1}),
    ],
    path="rescaled",
    scale="1",
)
rescaled_identity(
    "derived-reparametrisation",
    r"\text{the rescaled path is the fixed-angle path at }v=\tfrac2\pi\arctan\tfrac w{1-w}",
    reparametrisation,
    [("at v = w", {"speed": "w"})],
    conditions="every z_1, z_2",
)
rescaled_identity(
    "symbolic",
    r"a^2+b^2=1,\quad\dot\theta=ab'-a'b=\tfrac1{(1-w)^2+w^2}\in[1,2]",
    rescaling_symbolic,
    [("the root forgotten", {"power": 1})],
    conditions="a = (1-w)/s, b = w/s, s^2 = (1-w)^2 + w^2",
)
contrast = rescaled_identity(
    "corrected-contrast",
    r"\text{linear interpolation multiplies every principal component by }\sqrt{(1-w)^2+w^2}",
    attenuation,
    [
        ("by (1-w)^2 + w^2", {"power": 2.0}),
        ("by 1", {"power": 0.0}),
        ("the rescaled path does too", {"path": "rescaled"}),
    ],
    conditions=GAUSSIAN,
)
rescaled_inequality(
    "reading-blur",
    r"\text{linear interpolation blurs: the finest principal component loses }1\,\%"
    r"\text{ more than the coarsest, or more}",
    attenuation,
    conditions=GAUSSIAN,
    expected="refuted",
    twin=contrast,
    fine=0.99,
)
rescaled_identity(
    "derived-crossfade",
    r"x_0({\rm lerp}_w(z_1,z_2))=(1-w)\,x_0(z_1)+w\,x_0(z_2)",
    crossfade,
    [
        ("for a mixture as well", {"components": 10}),
        ("for the rescaled path as well", {"path": "rescaled"}),
    ],
    conditions=GAUSSIAN,
)
