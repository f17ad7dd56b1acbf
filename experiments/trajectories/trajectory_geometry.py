r"""Trajectories: what shape has a sampling trajectory, and what does the denoising one say of it?

Document 001 calls a sampling trajectory almost straight and the denoising trajectory bent
(Observation 1), for the variance-exploding ODE only. The optimal sampling sequence is the flow of
the optimal denoiser r, not the forward diffusion, which has the same marginals and other paths.
Straightness is one of scale: the deviation saturates at the size of the data while the chord grows
with sigma_max. The curvature is s|r'_perp|/|x - r|^2: isotropic Gaussians are straight although r
moves.

Exact flows decide: closed forms on Gaussians, an ODE solver of order 8 in the plane. How distances
and norms change along the trajectories, of images too, stands in `monotone_trajectories`.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import trajectory_geometry as geometry
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.flow_maps import gaussian_flow, ode_flow
from theorylab.diffusion.processes import (
    from_exploding_coordinates,
    marginal_score,
    probability_flow_drift,
    variance_preserving,
)

experiment = Experiment()

PLANE = GaussianMixture.isotropic(
    [0.2, 0.5, 0.3], [[-1.0, -0.6], [1.2, 0.3], [-0.2, 1.1]], [0.05, 0.1, 0.2]
)
VARIANCES = torch.tensor([4.0, 1.0, 0.25, 0.01], dtype=torch.float64)
SIGMA_MAX = tuple(5.0 * 4.0**k for k in range(8))

# ---- measurements -----------------------------------------------------------------------------


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


# ---- checks ------------------------------------------------------------------------------------


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


# ---- claims -----------------------------------------------------------------------------------

NOTATIONS = Source("001", "slide 'Notations'")
OBS1 = Source("001", "Observation 1")
SCOPE = Source("001", "slides '(my) Motivation', 'Conclusion'")
notation = experiment.about("trajectory-notation", NOTATIONS, kind="definition")
deviation = experiment.about("trajectory-deviation-definition", NOTATIONS)
straightness = experiment.about("obs1-straight-vs-bent", OBS1)
curvature = experiment.about("curvature-from-denoising-trajectory", OBS1)
scope = experiment.about("ve-only-scope", SCOPE)

flow = notation(
    "corrected",
    r"\tfrac{d\hat x^*_s}{ds} = (\hat x^*_s - r^*(\hat x^*_s; s))/s",
    conditions="optimal sampling sequence = flow of the optimal denoiser; mixture in the plane",
    check=follows_the_flow,
    controls=[Control("the forward diffusion x_0 + s z of the flow's own end", path="forward")],
)
notation(
    "as-stated",
    r"\hat x^*_s = x_0 + s z \text{ (forward diffusion of an image)}",
    expected="refuted",
    conditions="as a path; at each s alone both have the same law",
    check=follows_the_flow,
    path="forward",
    twin=flow,
)
on_the_chord = deviation(
    "line",
    r"d(\hat x_s, [\hat x_{s_0}, \hat x_{s_N}]) = d(\hat x_s, \text{line through the ends})",
    kind="definition",
    conditions="Gaussian data: every coordinate, so the projection on the chord, is monotone",
    check=chords_agree,
    controls=[Control("a mixture in the plane: paths overshoot their end", data="mixture")],
)
deviation(
    "line-reading",
    r"d(\hat x_s, [\hat x_{s_0}, \hat x_{s_N}]) = d(\hat x_s, \text{line through the ends})",
    kind="definition",
    expected="refuted",
    conditions="every data: the published code measures to the line; mixture in the plane",
    check=chords_agree,
    data="mixture",
    twin=on_the_chord,
)
scale = deviation(
    "scale",
    r"\max_s d(x_s, \text{chord}) / |\text{chord}| \sim \sigma_{\max}^{-1}",
    entries="obs1-straight-vs-bent",
    kind="rate",
    form="corrected",
    conditions="anisotropic Gaussian, sigma_max from 1280 to 81,920",
    check=relative_rate,
    controls=[
        Control(r"\sigma_{\max}^{-2}", order=2),
        Control("the deviation itself, not relative to the chord", quantity="deviation"),
    ],
)
deviation(
    "reading",
    r"\max_s d(x_s, \text{chord}) / |\text{chord}| \text{ does not depend on } \sigma_{\max}",
    kind="rate",
    expected="refuted",
    conditions="'straightness' as a property of the data and the flow",
    check=relative_rate,
    order=0,
    twin=scale,
)
deviation(
    "saturates",
    r"\max_s d(x_s, \text{chord}) \sim \sigma_{\max}^0",
    entries="obs1-straight-vs-bent",
    kind="rate",
    conditions="as above: the deviation is the size of the data, only the chord grows",
    check=relative_rate,
    order=0,
    quantity="deviation",
    controls=[
        Control("it grows with the chord", order=-1),
        Control("relative", quantity="relative"),
    ],
)
anisotropic = straightness(
    "anisotropic",
    r"\max_s d(r_s, \text{chord}) / |\text{chord}| \ge 0.1",
    kind="inequality",
    form="corrected",
    conditions="Gaussian with variances 4, 1, 1/4, 1/100: anisotropy bends, at every sigma_max",
    check=bent,
    controls=[Control("the sampling trajectory", trajectory="sampling")],
)
straightness(
    "reading",
    r"\max_s d(r_s, \text{chord}) / |\text{chord}| \ge 0.1 \text{ for every data}",
    kind="inequality",
    expected="refuted",
    conditions="isotropic Gaussian",
    check=bent,
    covariance="isotropic",
    twin=anisotropic,
)
straightness(
    "isotropic",
    r"d(x_s, \text{chord}) = d(r_s, \text{chord}) = 0",
    conditions="isotropic Gaussian, every sigma_max",
    check=both_straight,
    controls=[
        Control("anisotropic", covariance="anisotropic"),
        Control("anisotropic, sampling", covariance="anisotropic", trajectory="sampling"),
    ],
)
curvature(
    "symbolic",
    r"s x'' = -r',\quad s x' = x - r",
    conditions="Gaussian of any variance, any coordinate, every s",
    check=curvature_symbolic,
    controls=[Control("+r'", sign=1), Control("r'/s^2", power=2)],
)
measured = curvature(
    "",
    r"\kappa = s |r'_\perp| / |x - r|^2",
    form="derived",
    conditions="exact flows of a mixture in the plane, sigma from 10 to 0.05",
    check=curvature_measured,
    controls=[Control("a hundredth less", factor=0.99)],
)
curvature(
    "reading",
    r"\kappa = s |r'| / |x - r|^2:\ x \text{ straight} \iff r \text{ constant}",
    expected="refuted",
    conditions="as above",
    check=curvature_measured,
    arm="unprojected",
    twin=measured,
)
scope(
    "same-flow",
    r"x_s = \sqrt{1 + s^2}\, z_{t(s)}",
    form="corrected",
    conditions="VP flow solved in its own coordinates: same denoising trajectory, Observations 2-5",
    check=same_flow,
    controls=[Control("z itself", power=0.0), Control("1 + s^2", power=2.0)],
)
bent_in_vp = scope(
    "straightness",
    r"\mathrm{dev}_{VP} / |\mathrm{chord}_{VP}| > \mathrm{dev}_{VE} / |\mathrm{chord}_{VE}|",
    kind="inequality",
    conditions="the same three paths of a mixture in the plane from sigma = 20",
    check=more_bent,
    factor=1.5,
    controls=[Control("ten times on every path", factor=10.0)],
)
