r"""Trajectories: what shape has a sampling trajectory, and what does the denoising one say of it?

Document 001 calls a sampling trajectory almost straight and the denoising trajectory bent
(Observation 1), finds both to approach their end monotonically (2), the one to shrink and the other
to grow (3), and the latter to converge faster (5), for the variance-exploding ODE only.

With the optimal denoiser r and exact marginals, 3 is a theorem and 5 a formula for Gaussians. The
optimal sampling sequence is the flow of r, not the forward diffusion, which has the same marginals
and other paths. Straightness is one of scale: the deviation saturates at the size of the data
while the chord grows with sigma_max. The curvature is s|r'_perp|/|x - r|^2: isotropic Gaussians are
straight although r moves. Observation 2 holds in expectation in every case tried, not path by path.
Magnitudes turn up at the end where sampling starts from pure noise.

Exact flows decide: closed forms on Gaussians, quantiles on the line, an ODE solver of order 8 in
the plane; Heun's method on images.
"""

import math
from functools import partial

import mpmath as mp
import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import trajectory_geometry as geometry
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.flow_maps import gaussian_flow, ode_flow
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.processes import (
    from_exploding_coordinates,
    marginal_score,
    probability_flow_drift,
    variance_preserving,
)
from theorylab.diffusion.samplers.runge_kutta import heun
from theorylab.diffusion.schedules import edm
from theorylab.images import datasets

experiment = Experiment()

PLANE = GaussianMixture.isotropic(
    [0.2, 0.5, 0.3], [[-1.0, -0.6], [1.2, 0.3], [-0.2, 1.1]], [0.05, 0.1, 0.2]
)
LINE = {
    "two points": ([0.5, 0.5], [-1.0, 1.0], 0.0),
    "unequal points": ([0.8, 0.2], [-0.5, 3.0], 0.0),
    "lattice": ([0.2] * 5, [-2.0, -1.0, 0.0, 1.0, 2.0], 0.0),
    "mixture": ([0.3, 0.7], [-1.5, 1.0], 0.3),
}
LEVELS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 10.0, 30.0, 80.0)
VARIANCES = torch.tensor([4.0, 1.0, 0.25, 0.01], dtype=torch.float64)
SIGMA_MAX = tuple(5.0 * 4.0**k for k in range(8))


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"images": ["digits", "fashion-mnist"]},
    data=("digits", "fashion-mnist"),
    quick={"paths": 320, "steps": 16, "points": 200},
    default={"paths": 512, "steps": 60, "points": 1797},
    paper={"paths": 2000, "steps": 160, "points": 10_000},
)
def image_paths(images, paths, steps, points, generator):
    """Heun's method with the ideal denoiser of images, from their exact law at sigma = 80."""
    data = datasets.digits() if images == "digits" else datasets.fashion_mnist()
    data = data._replace(images=data.images[:points])
    x0 = datasets.as_float(data).flatten(1)
    denoiser = IdealDenoiser(x0)
    sigmas = edm(steps, 0.02, 80.0)
    noise = torch.randn(paths, x0.shape[1], dtype=torch.float64, generator=generator)
    chosen = torch.randint(len(x0), (paths,), generator=generator)
    states = torch.stack(list(heun(denoiser, x0[chosen] + 80.0 * noise, sigmas)))
    denoised = torch.stack([denoiser(x, s) for x, s in zip(states, sigmas.tolist(), strict=True)])
    rows = {"sampling": states, "denoising": denoised}
    per_path = [geometry.relative_deviation(v).numpy() for v in rows.values()]
    # Where r still moves: below, an ideal denoiser rests on its point.
    wanted = (0.8 if images == "digits" else 4.0) * 2.6 ** np.arange(4)
    at = [int((sigmas - w).abs().argmin()) for w in wanted]
    along = lambda f: np.stack([f(v).numpy()[at] for v in rows.values()])
    name = ("trajectory", "level", "path")
    return xr.Dataset(
        {
            "deviation": (("trajectory", "path"), np.stack(per_path)),
            "distance": (name, along(geometry.distance_to_end), {"long_name": "distance to end"}),
            "magnitude": (name, along(lambda v: v.norm(dim=2)), {"long_name": "norm"}),
            "sigma": ("level", sigmas.numpy()[at], {"long_name": "noise level"}),
        },
        {"trajectory": list(rows)},
    )


@experiment.measure()
def gaussian_paths():
    """Closed-form flows from sigma_max (1, 1, 1, 1): relative deviation of both trajectories."""
    direction, zero = torch.ones(1, 4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    found = []
    for variances in (VARIANCES, torch.ones_like(VARIANCES)):
        covariance = torch.diag(variances)
        for top in SIGMA_MAX:
            levels = np.geomspace(top, 1e-3, 400)
            states = torch.stack(
                [gaussian_flow(top * direction, top, s, zero, covariance) for s in levels.tolist()]
            )
            shrink = variances / (variances + torch.from_numpy(levels)[:, None, None] ** 2)
            for v in (states, shrink * states):
                segment, line = geometry.distance_to_segment(v), geometry.distance_to_line(v)
                chord = (v[0] - v[-1]).norm()
                relative = geometry.relative_deviation(v)[0]
                found.append([relative, segment.max(), (segment - line).abs().max() / chord])
    values = np.array(found).reshape(2, len(SIGMA_MAX), 2, 3)
    names = ("covariance", "sigma_max", "trajectory")
    return xr.Dataset(
        {"relative": (names, values[..., 0]), "deviation": (names, values[..., 1])}
        | {"gap": (names, values[..., 2], {"long_name": "segment minus line, over the chord"})},
        {
            "covariance": ["anisotropic", "isotropic"],
            "sigma_max": list(SIGMA_MAX),
            "trajectory": ["sampling", "denoising"],
        },
    )


@experiment.measure()
def plane():
    """Exact flows of a mixture in the plane from sigma = 20: paths, and the slope along them."""
    angle = torch.arange(12, dtype=torch.float64) * (2 * math.pi / 12) + 0.1
    start = 20.0 * torch.stack([angle.cos(), angle.sin()], 1) * (1 + torch.arange(12)[:, None] % 2)
    sigmas = np.geomspace(20.0, 0.02, 61)
    states = ode_flow(PLANE, start, sigmas, rtol=1e-10)
    denoised = torch.stack([PLANE(x, s) for x, s in zip(states, sigmas.tolist(), strict=True)])
    forward = states[-1] + torch.from_numpy(sigmas / 20.0)[:, None, None] * (states[0] - states[-1])
    straight = {
        "segment": geometry.distance_to_segment(states),
        "line": geometry.distance_to_line(states),
    }
    # Slopes and curvatures from the paths alone, by central differences of order 6 in s.
    judged, rows = range(6, 55, 8), []
    for k in judged:
        sigma, x = float(sigmas[k]), states[k]
        h = 0.02 * sigma
        down = ode_flow(PLANE, x, [sigma - j * h for j in range(4)], rtol=1e-12, atol=1e-14)
        up = ode_flow(PLANE, x, [sigma + j * h for j in range(4)], rtol=1e-12, atol=1e-14)
        odd = sum(w * (up[j] - down[j]) for j, w in ((1, 0.75), (2, -0.15), (3, 1 / 60))) / h
        even = sum(w * (up[j] + down[j] - 2 * x) for j, w in ((1, 1.5), (2, -0.15), (3, 1 / 90)))
        even = even / h**2
        cross = (odd[:, 0] * even[:, 1] - odd[:, 1] * even[:, 0]).abs()
        velocity = geometry.denoised_velocity(PLANE, x, sigma)
        offset = x - denoised[k]
        rows.append(
            [
                cross / odd.norm(dim=1) ** 3,
                geometry.flow_curvature(x, denoised[k], velocity, sigma),
                sigma * velocity.norm(dim=1) / offset.square().sum(1),
                (odd - offset / sigma).norm(dim=1) / odd.norm(dim=1),
                # The forward path through x has the slope (x - x_0)/s.
                ((x - states[-1]) / sigma - offset / sigma).norm(dim=1) / odd.norm(dim=1),
            ]
        )
    values = torch.stack([torch.stack(row) for row in rows]).numpy()
    names = ("curvature", "from_r", "unprojected", "flow_residual", "forward_residual")
    return xr.Dataset(
        {
            **{name: (("judged", "path"), values[:, i]) for i, name in enumerate(names)},
            **{
                name: (("sigma", "path", "axis"), v.numpy())
                for name, v in (("x", states), ("r", denoised), ("forward", forward))
            },
            "distance": (
                ("chord", "sigma", "path"),
                torch.stack(list(straight.values())).numpy(),
                {"long_name": "distance from the chord"},
            ),
        },
        {"sigma": sigmas, "judged": sigmas[list(judged)], "chord": list(straight)},
    )


@experiment.measure(grid={"law": list(LINE)})
def line(law):
    """Expectations over exact flows on the line, which carry the u-quantile to the u-quantile.

    Gauss-Legendre panels in the normal score of u, refined where the quantiles jump.
    """
    weights, means, std = LINE[law]
    mixture = GaussianMixture.isotropic(weights, [[m] for m in means], std)
    cuts = special.ndtri(np.cumsum(weights)[:-1])
    edges = [np.linspace(-8.2, 8.2, 42)]
    edges += [c + sign * 2.0 ** -np.arange(1, 49, 3) for c in cuts for sign in (-1, 1)]
    edges = np.unique(np.concatenate([*edges, cuts]))
    nodes, rule = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2
    t = (edges[:-1, None] + half * (1 + nodes)).ravel()
    mass = (half * rule).ravel() * np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    u = torch.from_numpy(special.ndtr(np.append(t, special.ndtri(0.6))))  # last: one path
    x = {s: mixture.quantile(u, s).numpy() for s in LEVELS}
    r = {s: mixture(torch.from_numpy(x[s])[:, None], s).numpy()[:, 0] for s in LEVELS[1:]}
    r[0.0] = x[0.0]
    small = {s: x[s] - 0.9 * (x[s] - r[s]) for s in LEVELS}
    values = {
        "x_distance": [mass @ np.abs(x[s] - x[0.0])[:-1] for s in LEVELS],
        "r_distance": [mass @ np.abs(r[s] - r[LEVELS[1]])[:-1] for s in LEVELS],
        "path_distance": [abs(x[s] - x[0.0])[-1] for s in LEVELS],
        "x_square": [mass @ (x[s] - x[0.0])[:-1] ** 2 for s in LEVELS],
        "r_square": [mass @ (r[s] - x[0.0])[:-1] ** 2 for s in LEVELS],
        "x_magnitude": [mass @ np.abs(x[s])[:-1] for s in LEVELS],
        "r_magnitude": [mass @ np.abs(r[s])[:-1] for s in LEVELS],
        "small_magnitude": [mass @ np.abs(small[s])[:-1] for s in LEVELS],
        "r_second": [mass @ r[s][:-1] ** 2 for s in LEVELS],
    }
    return xr.Dataset(
        {name: ("sigma", np.array(v)) for name, v in values.items()}
        | {"mean": mixture.mean().item(), "second": mass @ x[0.0][:-1] ** 2},
        {"sigma": list(LEVELS)},
    )


@experiment.measure(grid={"start": ["exact", "noise"]})
def single_point(start):
    """E|x_s| for one data point of norm 8 in R^64: x_s ~ N(m, s^2 I) by its noncentral chi mean."""
    sigmas = 80.0 * 2.0 ** -np.arange(21)
    with mp.workdps(30):
        mean = [
            mp.sqrt(2)
            * s
            * mp.gammaprod([mp.mpf(65) / 2], [32])
            * mp.hyp1f1(
                -0.5, 32, -((8 * (1 - s / 80) if start == "noise" else 8) ** 2) / (2 * s * s)
            )
            for s in map(mp.mpf, sigmas)
        ]
    return xr.Dataset({"magnitude": ("sigma", [float(m) for m in mean])}, {"sigma": sigmas})


@experiment.measure(
    grid={"law": ["plane", "point", "digits"]},
    data=("digits",),
    quick={"queries": 12, "steps": 5},
    default={"queries": 200, "steps": 40},
    paper={"queries": 400, "steps": 200},
)
def mean_shift(law, queries, steps, rng):
    """The least gain of log p_s over steps x + tau (r - x), in units of |x - r|^2/(2 s^2).

    Looked for by adversarial search in x.
    """
    dim = 64 if law == "digits" else 2
    if law == "plane":
        model, density = PLANE, PLANE.log_density
    elif law == "point":
        model, density = (lambda x, s: 0 * x), (lambda x, s: -x.square().sum(1) / (2 * s * s))
    else:
        images = datasets.as_float(datasets.digits()).flatten(1)[:100]
        model = IdealDenoiser(images)
        density = lambda x, s: model.posterior(x, s).log_sum_exp
    sigmas, taus, rows = (0.3, 1.0, 3.0), (0.4, 1.0, 2.0, 2.5), []
    for sigma in sigmas:
        start = sigma * rng.standard_normal((queries, dim))
        if law == "digits":
            start = start + images[rng.integers(len(images), size=queries)].numpy()
        for tau in taus:

            def loss(points, sigma=sigma, tau=tau):
                x = torch.from_numpy(points)
                r = model(x, sigma)
                gain = density(x + tau * (r - x), sigma) - density(x, sigma)
                return (-gain * 2 * sigma**2 / (x - r).square().sum(1)).numpy()

            _, found = checks.adversarial_search(loss, start, rng, steps=steps, scale=sigma / 3)
            rows.append(-found.max())
    gain = np.reshape(rows, (len(sigmas), len(taus)))
    return xr.Dataset(
        {"gain": (("sigma", "tau"), gain, {"long_name": "least gain of log density"})},
        {"sigma": list(sigmas), "tau": list(taus)},
    )


@experiment.measure()
def preserving():
    """The variance-preserving flow, solved in its own coordinates and time, beside the VE flow."""
    process, sigmas = variance_preserving(), np.geomspace(20.0, 0.05, 25)
    start = 20.0 * torch.tensor([[0.7, 0.4], [-1.0, 0.3], [0.2, -1.1]], dtype=torch.float64)
    exploding = ode_flow(PLANE, start, sigmas, rtol=1e-11)
    z, t = from_exploding_coordinates(process, start, 20.0)
    states, times = [z], [float(t)]
    for sigma in sigmas[1:].tolist():
        _, t = from_exploding_coordinates(process, start, sigma)
        states.append(_solve(process, states[-1], times[-1], float(t)))
        times.append(float(t))
    inner = torch.stack(states)
    scale = torch.from_numpy(np.sqrt(1 + sigmas**2))[:, None, None]
    return xr.Dataset(
        {
            "exploding": (("sigma", "path", "axis"), exploding.numpy()),
            "preserving": (("sigma", "path", "axis"), inner.numpy()),
            "scale": ("sigma", scale.numpy().ravel()),
            "relative": (
                ("coordinates", "path"),
                torch.stack([geometry.relative_deviation(v) for v in (exploding, inner)]).numpy(),
            ),
        },
        {"sigma": sigmas, "coordinates": ["VE", "VP"]},
    )


def _solve(process, z, start, end):
    """Classical Runge-Kutta in t: 12 steps, each a hundredth of a decade of sigma or less."""
    velocity = lambda z, t: probability_flow_drift(
        process, z, t, marginal_score(process, PLANE, z, t)
    )
    h = (end - start) / 12
    for k in range(12):
        t = start + k * h
        a = velocity(z, t)
        b = velocity(z + h / 2 * a, t + h / 2)
        c = velocity(z + h / 2 * b, t + h / 2)
        d = velocity(z + h * c, t + h)
        z = z + h / 6 * (a + 2 * b + 2 * c + d)
    return z


# ---- checks: shape ----------------------------------------------------------------------------


def follows_the_flow(plane, path="flow"):
    """|x' - (x - r)/s| / |x'| along the exact flow, or along the forward diffusion of its end."""
    return checks.identity(
        plane[f"{path}_residual"].max(("judged", "path")),
        1e-8,
        1e-4,
        reason="rounding: differences of order 6 over 2 % of sigma; forward slopes are off by 0.1",
    )


def chords_agree(gaussian_paths, plane, data="Gaussian"):
    """Distance to the segment minus distance to the line, over the chord."""
    if data == "Gaussian":
        gap = gaussian_paths.gap.max(("sigma_max", "trajectory"))
    else:
        chord = np.sqrt(((plane.x.isel(sigma=0) - plane.x.isel(sigma=-1)) ** 2).sum("axis"))
        gap = plane.distance.sel(chord="segment") - plane.distance.sel(chord="line")
        gap = (np.abs(gap) / chord).max()
    return checks.identity(
        gap, 1e-13, 1e-9, reason="rounding; a state beyond an end of its chord is off by 1e-3"
    )


def relative_rate(gaussian_paths, order=1, quantity="relative"):
    """max_s d(x_s, chord)/|chord| ~ sigma_max^-order; the deviation itself: order 0."""
    d = gaussian_paths.sel(covariance="anisotropic", trajectory="sampling")
    return checks.rate(
        d[quantity].rename(sigma_max="h"),
        order,
        0.05,
        reason="the neighbours' orders are 1 away",
        dim="h",
        h=1 / d.sigma_max.values,
        rounding=1e-3,
        last=2,
    )


def both_straight(gaussian_paths, covariance="isotropic", trajectory="denoising"):
    """Relative deviation 0, for every sigma_max."""
    d = gaussian_paths.relative.sel(covariance=covariance, trajectory=trajectory)
    return checks.identity(
        d.max(), 1e-12, 1e-6, reason="rounding; anisotropic trajectories are off by 1e-3 or more"
    )


def bent(gaussian_paths, covariance="anisotropic", trajectory="denoising"):
    """Relative deviation of at least a tenth, for every sigma_max."""
    d = gaussian_paths.relative.sel(covariance=covariance, trajectory=trajectory)
    return checks.bound(
        0.1 - d.min("sigma_max"), 1e-3, 0.0, reason="a tenth is what document 001's plots show"
    )


def bent_more(image_paths, factor=1.0):
    """P(deviation of r > factor deviation of x), each over its own chord, is at least 0.8."""
    d = image_paths.deviation
    more = d.sel(trajectory="denoising") > factor * d.sel(trajectory="sampling")
    return checks.proportion(
        more.sum("path"),
        d.sizes["path"],
        0.8,
        0.0,
        reason="nearly every path; the rest may start beside the chord of their r",
        relation=">=",
        level="observation",
    )


def curvature_symbolic(sign=-1, power=1):
    """x'' = sign r'/s^power along the exact flow of a Gaussian."""
    s, lam, c = sp.symbols("s lambda c", positive=True)
    x = c * sp.sqrt(lam + s**2)
    r = lam / (lam + s**2) * x
    flow = sp.diff(x, s) - (x - r) / s
    difference = sp.diff(x, s, 2) - sign * sp.diff(r, s) / s**power
    return checks.proof([flow, difference], {s: 2, lam: 3, c: 1})


def curvature_measured(plane, arm="from_r", factor=1.0):
    """s|r'_perp|/|x - r|^2 against the curvature of the path itself."""
    return checks.identity(
        (np.abs(factor * plane[arm] - plane.curvature) / (1e-3 + plane.curvature)).max("path"),
        1e-5,
        1e-3,
        reason="rounding: second differences of states good to 1e-13 over 2 % of sigma",
    )


# ---- checks: distance and magnitude -------------------------------------------------------------


def rises(line, quantity, sign=1, low=0.0):
    """sign * quantity rises with sigma: each level at least the one before."""
    d = sign * line[quantity].sel(sigma=slice(low, None))
    drop = d - d.shift(sigma=-1)
    return checks.bound(
        (drop / np.abs(d).max("sigma")).isel(sigma=slice(None, -1)).max("sigma"),
        1e-10,
        1e-6,
        reason="rounding: quadrature to 1e-10; a fall of 1e-6 of the range counts",
    )


def rises_on_images(image_paths, quantity, trajectory, sign=1):
    """The mean over paths rises from each level to the next, a factor of 2.6 above."""
    d = sign * image_paths[quantity].sel(trajectory=trajectory)
    upper, lower = d.isel(level=slice(1, None)), d.isel(level=slice(None, -1))
    return checks.paired_mean(
        upper,
        lower,
        0.0,
        reason="monotone: no fall between neighbouring levels",
        dim="path",
        relation=">=",
        level="observation",
    )


def distance_slope(factor=1, argument=1):
    """d/ds E(x_s - x_0)^2 = 2s(1 - 2 phi(1/s)/s) for +-1."""
    s = sp.symbols("s", positive=True)
    absolute = s * sp.sqrt(2 / sp.pi) * sp.exp(-1 / (2 * s**2)) + sp.erf(1 / (sp.sqrt(2) * s))
    phi = sp.exp(-1 / (2 * argument * s**2)) / sp.sqrt(2 * sp.pi)
    slope = sp.diff(2 + s**2 - 2 * absolute, s)
    return checks.proof(slope - 2 * s * (1 - factor * 2 * phi / s), {s: 2})


def expansion_below_one(target=None):
    """The largest E T_s'(x_s) = 2 phi(1/s)/s over s is 2 phi(1) = .484, at s = 1."""
    s = sp.symbols("s", positive=True)
    expansion = 2 * sp.exp(-1 / (2 * s**2)) / (s * sp.sqrt(2 * sp.pi))
    slope = sp.factor(sp.diff(sp.log(expansion), s))  # (1 - s^2)/s^3: rises, then falls
    parts = [
        slope - (1 - s**2) / s**3,
        expansion.subs(s, 1) - (target or sp.sqrt(2 / sp.pi / sp.E)),
    ]
    return checks.proof(parts, {s: 2})


def rises_from_start(single_point, start):
    """E|x_s| rises with sigma for one data point."""
    d = single_point.magnitude.sel(start=start).sortby("sigma")
    drop = ((d - d.shift(sigma=-1)) / d).isel(sigma=slice(None, -1))
    return checks.bound(
        drop.max("sigma"), 1e-14, 1e-9, reason="rounding; the fall to be seen is 1e-5"
    )


# ---- checks: convergence, mean shift, coordinates -----------------------------------------------


def gaussian_ratio(twice_power=1):
    """W2(law r_s, p_0)/W2(law x_s, p_0) = (lambda/(lambda + s^2))^(1/2) for N(mu, lambda)."""
    s, lam = sp.symbols("s lambda", positive=True)
    denoised, noisy = sp.sqrt(lam**2 / (lam + s**2)), sp.sqrt(lam + s**2)
    ratio = (sp.sqrt(lam) - denoised) - sp.sqrt(lam / (lam + s**2)) ** twice_power * (
        noisy - sp.sqrt(lam)
    )
    return checks.proof(ratio, {s: 2, lam: 3})


def converges_faster(line, factor=1.0, low=0.01):
    """W2(law r_s, p_0) <= factor W2(law x_s, p_0) at every level; both from monotone couplings."""
    d = line.sel(sigma=slice(low, None))
    ratio = np.sqrt(d.r_square / d.x_square)
    return checks.bound(
        (ratio - factor).max("sigma"), 1e-6, 1e-4, reason="quadrature to 1e-8", tightness=ratio
    )


def mmse_bound(line, factor=1.0):
    """W2(law r_s, p_0)^2 <= mmse(s) = E x_0^2 - E r_s^2 <= min(s^2, var x_0)."""
    d = line.sel(sigma=slice(0.01, None))
    mmse = d.second - d.r_second
    variance = d.second - d["mean"] ** 2
    excess = xr.concat(
        [d.r_square - factor * mmse, mmse - factor * np.minimum(d.sigma**2, variance)], "step"
    )
    return checks.bound(
        excess.max("sigma"), 1e-8, 1e-6, reason="rounding: quadrature to 1e-9 of E x_0^2"
    )


def gains(mean_shift, taus=(0.4, 1.0), share=0.0):
    """log p_s(x + tau(r - x)) - log p_s(x) >= share (1 - (1 - tau)^2)|x - r|^2/(2 s^2)."""
    d = mean_shift.sel(tau=list(taus))
    deficit = share * (1 - (1 - d.tau) ** 2) - d.gain
    return checks.bound(
        deficit.max(("sigma", "tau")),
        1e-8,
        1e-5,
        reason="rounding of log densities, at points where |x - r| is not small beside sigma",
    )


def same_flow(preserving, power=1.0):
    """x_s = (1 + s^2)^(power/2) z_t(s), z solved in its own coordinates and time."""
    d = preserving
    gap = np.sqrt(((d.exploding - d.scale**power * d.preserving) ** 2).sum("axis"))
    return checks.identity(
        (gap / np.sqrt((d.exploding**2).sum("axis"))).max("sigma"),
        1e-6,
        1e-4,
        reason="rounding: Runge-Kutta of order 4 with steps of 0.02 in log sigma",
    )


def more_bent(preserving, factor=1.0):
    """Relative deviation in VP coordinates: at least factor times that in VE coordinates."""
    d = preserving.relative
    ratio = d.sel(coordinates="VP") / d.sel(coordinates="VE")
    return checks.bound(factor - ratio, 1e-9, 1e-3, reason="the ratio of exact flows")


# ---- claims: shape ----------------------------------------------------------------------------

NOTATIONS = Source("001", "slide 'Notations'")
claim = experiment.claim

flow = claim(
    "trajectory-notation-corrected",
    r"\tfrac{d\hat x^*_s}{ds} = (\hat x^*_s - r^*(\hat x^*_s; s))/s",
    source=NOTATIONS,
    entries="trajectory-notation",
    kind="definition",
    form="corrected",
    conditions="optimal sampling sequence = flow of the optimal denoiser; mixture in the plane",
    check=follows_the_flow,
    controls=[Control("the forward diffusion x_0 + s z of the flow's own end", path="forward")],
)
claim(
    "trajectory-notation-as-stated",
    r"\hat x^*_s = x_0 + s z \text{ (forward diffusion of an image)}",
    source=NOTATIONS,
    entries="trajectory-notation",
    kind="definition",
    expected="refuted",
    conditions="as a path; at each s alone both have the same law",
    check=follows_the_flow,
    path="forward",
    twin=flow,
)
on_the_chord = claim(
    "trajectory-deviation-definition-line",
    r"d(\hat x_s, [\hat x_{s_0}, \hat x_{s_N}]) = d(\hat x_s, \text{line through the ends})",
    source=NOTATIONS,
    entries="trajectory-deviation-definition",
    kind="definition",
    form="derived",
    conditions="Gaussian data: every coordinate, so the projection on the chord, is monotone",
    check=chords_agree,
    controls=[Control("a mixture in the plane: paths overshoot their end", data="mixture")],
)
claim(
    "trajectory-deviation-definition-line-reading",
    r"d(\hat x_s, [\hat x_{s_0}, \hat x_{s_N}]) = d(\hat x_s, \text{line through the ends})",
    source=NOTATIONS,
    entries="trajectory-deviation-definition",
    kind="definition",
    form="reading",
    expected="refuted",
    conditions="every data: the published code measures to the line; mixture in the plane",
    check=chords_agree,
    data="mixture",
    twin=on_the_chord,
)
scale = claim(
    "trajectory-deviation-definition-scale",
    r"\max_s d(x_s, \text{chord}) / |\text{chord}| \sim \sigma_{\max}^{-1}",
    source=NOTATIONS,
    entries=("trajectory-deviation-definition", "obs1-straight-vs-bent"),
    kind="rate",
    form="corrected",
    conditions="anisotropic Gaussian, sigma_max from 1280 to 81,920",
    check=relative_rate,
    controls=[
        Control(r"\sigma_{\max}^{-2}", order=2),
        Control("the deviation itself, not relative to the chord", quantity="deviation"),
    ],
)
claim(
    "trajectory-deviation-definition-reading",
    r"\max_s d(x_s, \text{chord}) / |\text{chord}| \text{ does not depend on } \sigma_{\max}",
    source=NOTATIONS,
    entries="trajectory-deviation-definition",
    kind="rate",
    form="reading",
    expected="refuted",
    conditions="'straightness' as a property of the data and the flow",
    check=relative_rate,
    order=0,
    twin=scale,
)
claim(
    "trajectory-deviation-definition-saturates",
    r"\max_s d(x_s, \text{chord}) \sim \sigma_{\max}^0",
    source=NOTATIONS,
    entries=("trajectory-deviation-definition", "obs1-straight-vs-bent"),
    kind="rate",
    form="derived",
    conditions="as above: the deviation is the size of the data, only the chord grows",
    check=relative_rate,
    order=0,
    quantity="deviation",
    controls=[
        Control("it grows with the chord", order=-1),
        Control("relative", quantity="relative"),
    ],
)

OBS1 = Source("001", "Observation 1")
claim(
    "obs1-straight-vs-bent-images",
    r"P(\text{deviation of } r > 10 \cdot \text{deviation of } x) \ge 0.8",
    source=OBS1,
    entries="obs1-straight-vs-bent",
    kind="empirical",
    conditions="relative to the chords; ideal denoiser of digits and Fashion-MNIST, sigma = 80",
    check=bent_more,
    factor=10.0,
    controls=[Control("a thousand times", factor=1000.0)],
)
anisotropic = claim(
    "obs1-straight-vs-bent-anisotropic",
    r"\max_s d(r_s, \text{chord}) / |\text{chord}| \ge 0.1",
    source=OBS1,
    entries="obs1-straight-vs-bent",
    kind="inequality",
    form="corrected",
    conditions="Gaussian with variances 4, 1, 1/4, 1/100: anisotropy bends, at every sigma_max",
    check=bent,
    controls=[Control("the sampling trajectory", trajectory="sampling")],
)
claim(
    "obs1-straight-vs-bent-reading",
    r"\max_s d(r_s, \text{chord}) / |\text{chord}| \ge 0.1 \text{ for every data}",
    source=OBS1,
    entries="obs1-straight-vs-bent",
    kind="inequality",
    form="reading",
    expected="refuted",
    conditions="isotropic Gaussian",
    check=bent,
    covariance="isotropic",
    twin=anisotropic,
)
claim(
    "obs1-straight-vs-bent-isotropic",
    r"d(x_s, \text{chord}) = d(r_s, \text{chord}) = 0",
    source=OBS1,
    entries="obs1-straight-vs-bent",
    form="derived",
    conditions="isotropic Gaussian, every sigma_max",
    check=both_straight,
    controls=[
        Control("anisotropic", covariance="anisotropic"),
        Control("anisotropic, sampling", covariance="anisotropic", trajectory="sampling"),
    ],
)

curvature = partial(
    claim, source=OBS1, entries="curvature-from-denoising-trajectory", form="derived"
)
curvature(
    "curvature-from-denoising-trajectory-symbolic",
    r"s x'' = -r',\quad s x' = x - r",
    conditions="Gaussian of any variance, any coordinate, every s",
    check=curvature_symbolic,
    controls=[Control("+r'", sign=1), Control("r'/s^2", power=2)],
)
measured = curvature(
    "curvature-from-denoising-trajectory",
    r"\kappa = s |r'_\perp| / |x - r|^2",
    conditions="exact flows of a mixture in the plane, sigma from 10 to 0.05",
    check=curvature_measured,
    controls=[Control("a hundredth less", factor=0.99)],
)
curvature(
    "curvature-from-denoising-trajectory-reading",
    r"\kappa = s |r'| / |x - r|^2:\ x \text{ straight} \iff r \text{ constant}",
    form="reading",
    expected="refuted",
    conditions="as above",
    check=curvature_measured,
    arm="unprojected",
    twin=measured,
)

# ---- claims: distance and magnitude -------------------------------------------------------------

OBS2 = Source("001", "Observation 2")
obs2 = partial(claim, source=OBS2, entries="obs2-monotone-distance", kind="inequality")
for quantity, trajectory, symbol in (
    ("distance", "sampling", r"E|x_s - x_{s_0}|"),
    ("distance", "denoising", r"E|r_s - r_{s_1}|"),
):
    obs2(
        f"obs2-monotone-distance-images-{trajectory}",
        symbol + r" \text{ falls as } s \text{ falls}",
        kind="empirical",
        conditions="ideal denoiser of digits and Fashion-MNIST, four levels from 0.8 (4) on",
        check=rises_on_images,
        quantity=quantity,
        trajectory=trajectory,
        controls=[
            Control("it rises", sign=-1),
            Control("the norm of r in its place", quantity="magnitude", trajectory="denoising"),
        ],
    )
expected_distance = obs2(
    "obs2-monotone-distance-line",
    r"E|x_s - x_0| \text{ rises with } s",
    form="reading",
    conditions="exact flows of four laws on the line; in dimension d it is open",
    check=rises,
    quantity="x_distance",
    controls=[
        Control("it falls", sign=-1),
        Control("on the path of the 0.6-quantile", quantity="path_distance"),
    ],
)
obs2(
    "obs2-monotone-distance-line-denoising",
    r"E|r_s - r_{s_1}| \text{ rises with } s",
    form="reading",
    conditions="as above, s_1 = 0.02",
    check=rises,
    quantity="r_distance",
    low=0.02,
    controls=[Control("the norm of r in its place", quantity="r_magnitude")],
)
obs2(
    "obs2-monotone-distance-pathwise",
    r"|x_s - x_0| \text{ rises with } s \text{ on every path}",
    form="reading",
    expected="refuted",
    conditions="the path of the 0.6-quantile; for +-1 it falls from .587 at s = 1 to .197 at 3",
    check=rises,
    quantity="path_distance",
    twin=expected_distance,
)
obs2(
    "obs2-monotone-distance-slope",
    r"\tfrac{d}{ds} E|x_s - x_0|^2 = 2s(d - E\,\mathrm{tr}\,\nabla T_s)",
    kind="identity",
    form="derived",
    conditions="data +-1, where E T_s' = 2 phi(1/s)/s; T_s the flow from s to 0",
    check=distance_slope,
    controls=[
        Control("half of E T'", factor=sp.Rational(1, 2)),
        Control("phi at sqrt(2)/s", argument=sp.Rational(1, 2)),
    ],
)
obs2(
    "obs2-monotone-distance-expansion",
    r"\max_s E\,T_s' = 2\varphi(1) = 0.484 < 1",
    form="derived",
    kind="identity",
    conditions="data +-1: below 1, so that the squared distance is monotone",
    check=expansion_below_one,
    controls=[Control("1/2", target=sp.Rational(1, 2))],
)

OBS3 = Source("001", "Observation 3")
obs3 = partial(claim, source=OBS3, entries="obs3-monotone-magnitude", kind="inequality")
for trajectory, sign, words in (("sampling", 1, "falls"), ("denoising", -1, "rises")):
    symbol = "x" if trajectory == "sampling" else "r"
    obs3(
        f"obs3-monotone-magnitude-images-{trajectory}",
        rf"E|{symbol}_s| \text{{ {words} as }} s \text{{ falls}}",
        kind="empirical",
        conditions="ideal denoiser of digits and Fashion-MNIST, exact start, levels from 0.8 (4)",
        check=rises_on_images,
        quantity="magnitude",
        trajectory=trajectory,
        sign=sign,
        controls=[Control("the other way", sign=-sign)],
    )
    obs3(
        f"obs3-monotone-magnitude-line-{trajectory}",
        rf"E|{symbol}_s| \text{{ {words} as }} s \text{{ falls}}",
        form="derived",
        conditions="a theorem for the optimal denoiser: x_s and r_s are martingales; four laws",
        check=rises,
        quantity=f"{symbol}_magnitude",
        sign=sign,
        controls=[
            Control("the other way", sign=-sign),
            Control("r with nine tenths of the step", quantity="small_magnitude", sign=-1),
        ],
    )
exact_start = obs3(
    "obs3-monotone-magnitude-start-corrected",
    r"E|x_s| \text{ falls as } s \text{ falls, from } x_{s_N} \sim p_{s_N}",
    form="corrected",
    conditions="one data point of norm 8 in R^64, s from 80 to 8e-5",
    check=rises_from_start,
    start="exact",
    controls=[Control("from pure noise", start="noise")],
)
obs3(
    "obs3-monotone-magnitude-start-as-stated",
    r"E|x_s| \text{ falls as } s \text{ falls, from } x_{s_N} \sim N(0, s_N^2 I)",
    form="as stated",
    expected="refuted",
    conditions="the same point: the magnitude turns up below s = .0125 |m|^2/d",
    check=rises_from_start,
    start="noise",
    twin=exact_start,
)

# ---- claims: convergence, mean shift, coordinates -----------------------------------------------

obs5 = partial(
    claim, source=Source("001", "Observation 5"), entries="obs5-denoising-converges-faster"
)
obs5(
    "obs5-denoising-converges-faster-gaussian",
    r"\frac{W_2(\mathrm{law}\,r_s, p_0)}{W_2(\mathrm{law}\,x_s, p_0)}"
    r" = \sqrt{\tfrac{\lambda}{\lambda + s^2}}",
    form="derived",
    conditions="Gaussian data, along an eigenvector of variance lambda",
    check=gaussian_ratio,
    controls=[Control(r"\lambda/(\lambda + s^2)", twice_power=2)],
)
obs5(
    "obs5-denoising-converges-faster-line",
    r"W_2(\mathrm{law}\,r_s, p_0) < W_2(\mathrm{law}\,x_s, p_0)",
    kind="inequality",
    form="reading",
    conditions="quality read as W2; four laws on the line, s from 0.1 to 80",
    check=converges_faster,
    low=0.1,
    controls=[Control("a tenth of it", factor=0.1)],
)
obs5(
    "obs5-denoising-converges-faster-bound",
    r"W_2(\mathrm{law}\,r_s, p_0)^2 \le \mathrm{mmse}(s) \le \min(s^2 d, \mathrm{tr}\,C)",
    kind="inequality",
    form="derived",
    conditions="four laws on the line: bounded for every s, where W2(law x_s, p_0) grows like s",
    check=mmse_bound,
    controls=[Control("half of each right-hand side", factor=0.5)],
)

shift = partial(
    claim,
    source=Source("001", "slide 'Conclusion' (annealed mean shift)"),
    entries="annealed-mean-shift",
    kind="inequality",
    conditions="mixture in the plane, one point, 100 digits; s = .3, 1, 3; adversarial search in x",
    check=gains,
)
shift(
    "annealed-mean-shift",
    r"\log p_s(x + \tau(r^* - x)) \ge \log p_s(x),\ \tau \in (0, 1]",
    controls=[Control("over-relaxed: tau = 5/2", taus=(2.5,))],
)
shift(
    "annealed-mean-shift-minorant",
    r"\log p_s(y) - \log p_s(x) \ge \frac{|x - r^*|^2 - |y - r^*|^2}{2 s^2}",
    form="derived",
    taus=(0.4, 1.0, 2.0, 2.5),
    share=1.0,
    controls=[Control("a tenth more", share=1.1)],
)

scope = partial(
    claim, source=Source("001", "slides '(my) Motivation', 'Conclusion'"), entries="ve-only-scope"
)
scope(
    "ve-only-scope-same-flow",
    r"x_s = \sqrt{1 + s^2}\, z_{t(s)}",
    form="corrected",
    conditions="VP flow solved in its own coordinates: same denoising trajectory, Observations 2-5",
    check=same_flow,
    controls=[Control("z itself", power=0.0), Control("1 + s^2", power=2.0)],
)
bent_in_vp = scope(
    "ve-only-scope-straightness",
    r"\mathrm{dev}_{VP} / |\mathrm{chord}_{VP}| > \mathrm{dev}_{VE} / |\mathrm{chord}_{VE}|",
    kind="inequality",
    form="derived",
    conditions="the same three paths of a mixture in the plane from sigma = 20",
    check=more_bent,
    factor=1.5,
    controls=[Control("ten times on every path", factor=10.0)],
)
