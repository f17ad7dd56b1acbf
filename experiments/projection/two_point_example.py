r"""Two points on the line: is the ideal denoiser tanh(x/sigma^2), and where does its flow end?

Document 001 draws the trajectories of two data points, -1 and +1. Everything about them has a
closed form: denoiser and score are hyperbolic tangents, the probability flow keeps the rank of x
among all noisy points, and it ends in +-1 linearly in sigma; the basins meet at 0.
"""

import math

import numpy as np
import sympy as sp
import torch
import xarray as xr
from scipy import integrate, optimize, special

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.denoisers import score_from_denoised
from theorylab.diffusion.ideal import IdealDenoiser

experiment = Experiment()


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure()
def two_points():
    """K = {-1, +1}: denoiser, score, and the probability-flow ODE from sigma = 80 down to 0.1."""
    denoiser = IdealDenoiser(torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
    x = np.linspace(-3, 3, 41)
    sigmas = np.array([0.25, 0.5, 0.8, 2.0, 5.0])
    grid = torch.from_numpy(np.tile(x, len(sigmas))[:, None])
    noise = torch.from_numpy(np.repeat(sigmas, len(x))[:, None])
    denoised = denoiser(grid, noise)
    score = score_from_denoised(denoised, grid, noise)
    shape = len(sigmas), len(x)
    starts = np.array([30.0, -10.0, 2.0, 0.5, 100.0, -60.0])
    levels = np.array([80.0, 40.0, 20.0, 10.0, 5.0, 3.0, 2.0, 1.4, 1.0, 0.7, 0.5, 0.35, 0.2, 0.1])
    flows = []
    # The second has weights of temperature 4 sigma^2 and need not be accurate.
    for factor, rtol in ((1.0, 1e-10), (math.sqrt(2.0), 1e-5)):

        def slope(log_sigma, state, factor=factor):
            sigma = math.exp(log_sigma)
            return state - denoiser(torch.from_numpy(state[:, None]), factor * sigma).numpy()[:, 0]

        span = np.log(levels[[0, -1]])
        solved = integrate.solve_ivp(
            slope, span, starts, "DOP853", np.log(levels), rtol=rtol, atol=rtol / 10
        )
        flows.append(solved.y.T)
    law = lambda v, s: (special.ndtr((v - 1) / s) + special.ndtr((v + 1) / s)) / 2
    ranks = law(starts, levels[0])
    exact = [
        [
            optimize.brentq(lambda v, s=s, q=q: law(v, s) - q, -9 * s - 1, 9 * s + 1, xtol=1e-14)
            for q in ranks
        ]
        for s in levels
    ]
    ends = np.where(
        ranks > 0.5,
        1 + levels[:, None] * special.ndtri(2 * np.maximum(ranks, 0.5) - 1 + (ranks <= 0.5)),
        -1 + levels[:, None] * special.ndtri(2 * np.minimum(ranks, 0.5) - (ranks == 1)),
    )
    return xr.Dataset(
        {
            "denoised": (("sigma", "x"), denoised.numpy().reshape(shape)),
            "score": (("sigma", "x"), score.numpy().reshape(shape)),
            "state": (("arm", "noise", "start"), np.array(flows)),
            "quantile": (("noise", "start"), np.array(exact)),
            "linear_end": (("noise", "start"), np.where(np.isfinite(ends), ends, 0.0)),
        },
        {
            "sigma": sigmas,
            "x": x,
            "noise": levels,
            "start": starts,
            "arm": ["ideal", "temperature 4 sigma^2"],
        },
    )


# ---- checks ------------------------------------------------------------------------------------


def two_point_denoiser(two_points, temperature=1.0, factor=1.0):
    d = two_points
    error = np.abs(d.denoised - factor * np.tanh(d.x / (temperature * d.sigma**2)))
    return checks.identity(
        error.max("x"),
        rounding=1e-13,
        margin=1e-10,
        reason="rounding: a few ulp; values of order 1",
    )


def two_point_score(two_points, power=2):
    d = two_points
    exact = (np.tanh(d.x / d.sigma**2) - d.x) / d.sigma**power
    return checks.identity(
        (np.abs(d.score - exact) * d.sigma**2).max("x"),
        rounding=1e-13,
        margin=1e-10,
        reason="rounding: a few ulp; values of order 1",
    )


def two_point_symbolic(temperature=1):
    """The softmax over -1 and +1, and the score of their mixture, with tanh(x / sigma^2)."""
    x = sp.Symbol("x", real=True)
    s = sp.Symbol("sigma", positive=True)
    left, right = (sp.exp(-((x - a) ** 2) / (2 * s**2)) for a in (-1, 1))
    tanh = sp.tanh(x / (temperature * s**2))
    score = sp.diff(sp.log(left + right), x)
    witness = {x: sp.Rational(2, 5), s: sp.Rational(3, 2)}
    return checks.proof(
        [((right - left) / (right + left) - tanh).rewrite(sp.exp), (score - (tanh - x) / s**2)],
        witness,
    )


def two_point_flow(two_points, arm="ideal"):
    d = two_points
    error = np.abs(d.state.sel(arm=arm) - d["quantile"]) / (1 + d.noise)
    return checks.identity(
        error.max("start"),
        rounding=1e-8,
        margin=1e-7,
        reason="DOP853 at rtol 1e-10; a thousandth in the denoiser moves the states by 1e-4",
        where=d.noise < 80,
    )


def two_point_flow_symbolic(temperature=1):
    """d/dsigma of F_sigma(x(sigma)) along dx/dsigma = (x - tanh(x / sigma^2)) / sigma is 0."""
    x = sp.Symbol("x", real=True)
    s = sp.Symbol("sigma", positive=True)
    law = sum(1 + sp.erf((x - a) / (sp.sqrt(2) * s)) for a in (-1, 1)) / 4
    tanh = sp.tanh(x / (temperature * s**2)).rewrite(sp.exp)
    change = sp.diff(law, x) * (x - tanh) / s + sp.diff(law, s)
    return checks.proof(change, {x: sp.Rational(2, 5), s: sp.Rational(3, 2)})


def two_point_ends(two_points, factor=1.0):
    """x -> +-1 linearly in sigma, with the slope of the normal quantile."""
    d = two_points
    sign = np.sign(d.linear_end)
    exact = sign + factor * (d.linear_end - sign)
    error = np.abs(d.state.sel(arm="ideal") - exact) / d.noise
    return checks.identity(
        error.max("start"),
        rounding=1e-7,
        margin=1e-5,
        reason="at sigma <= 0.2 what the other point contributes is below exp(-12) of sigma",
        where=d.noise < 0.3,
    )


# ---- claims -----------------------------------------------------------------------------------

experiment.claim(
    "two-point-1d-example",
    r"r^*(x;\sigma) = \tanh(x/\sigma^2),\quad"
    r" \nabla\log p_\sigma(x) = (\tanh(x/\sigma^2) - x)/\sigma^2",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="K = {-1, +1}, equal weights",
    check=two_point_symbolic,
    controls=[Control("temperature 4 sigma^2", temperature=2)],
)
experiment.claim(
    "two-point-1d-example-denoiser",
    r"r^*(x;\sigma) = \tanh(x/\sigma^2)",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="K = {-1, +1}, equal weights",
    check=two_point_denoiser,
    controls=[
        Control("temperature 4 sigma^2", temperature=2.0),
        Control("a thousandth more", factor=1.001),
    ],
)
experiment.claim(
    "two-point-1d-example-score",
    r"\nabla\log p_\sigma(x) = (\tanh(x/\sigma^2) - x)/\sigma^2",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="K = {-1, +1}, equal weights",
    check=two_point_score,
    controls=[Control("sigma for sigma^2", power=1)],
)
experiment.claim(
    "two-point-1d-example-flow-symbolic",
    r"\tfrac{d}{d\sigma} F_\sigma(x(\sigma)) = 0 \text{ along }"
    r" \tfrac{dx}{d\sigma} = \tfrac{x - \tanh(x/\sigma^2)}{\sigma}",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="F_sigma the distribution function of x_0 + sigma * noise",
    check=two_point_flow_symbolic,
    controls=[Control("temperature 4 sigma^2", temperature=2)],
)
experiment.claim(
    "two-point-1d-example-flow",
    r"F_\sigma(x(\sigma)) = F_{80}(x(80)),\quad"
    r" F_\sigma(x) = \tfrac12[\Phi(\tfrac{x-1}\sigma) + \Phi(\tfrac{x+1}\sigma)]",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="probability-flow ODE of the ideal denoiser from sigma = 80 to 0.1",
    check=two_point_flow,
    controls=[Control("temperature 4 sigma^2", arm="temperature 4 sigma^2")],
)
experiment.claim(
    "two-point-1d-example-ends",
    r"x(\sigma) = 1 + \sigma\,\Phi^{-1}(2q - 1) + O(e^{-c/\sigma^2}),"
    r"\ q = F_{80}(x(80)) > \tfrac12",
    source=Source("001", "1D example with two source data points"),
    entries="two-point-1d-example",
    form="derived",
    conditions="sigma <= 0.2; mirrored for q < 1/2: the basins meet at 0",
    check=two_point_ends,
    controls=[Control("a tenth more", factor=1.1)],
)
