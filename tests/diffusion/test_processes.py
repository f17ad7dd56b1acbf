"""Processes against quadrature of their own f and g, sympy, and the Fokker-Planck equation."""

import math

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from theorylab.diffusion.processes import (
    drift,
    exploding_coordinates,
    forward_sample,
    from_exploding_coordinates,
    geometric_variance_exploding,
    marginal,
    marginal_score,
    ornstein_uhlenbeck,
    probability_flow_drift,
    reverse_drift,
    variance_exploding,
    variance_preserving,
)

PROCESSES = [
    variance_exploding(),
    geometric_variance_exploding(),
    geometric_variance_exploding(0.5, 2.0),
    variance_preserving(),
    variance_preserving(2.0, 2.0),
    variance_preserving(0.0, 3.0),
    ornstein_uhlenbeck(),
    ornstein_uhlenbeck(0.7, 2.5),
]
each_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)


def f64(value):
    return torch.tensor(value, dtype=torch.float64)


def normals(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@each_process
@pytest.mark.parametrize(("s", "t"), [(0.0, 0.01), (0.0, 0.9), (0.3, 0.31), (0.2, 1.0)])
def test_transition_is_the_solution_of_the_equation(process, s, t):
    """Equation (2) by adaptive quadrature of f and g^2 alone."""

    def grown(u):
        return integrate.quad(lambda v: float(process.linear_drift(f64(v))), u, t)[0]

    scale = math.exp(grown(s))
    variance = integrate.quad(
        lambda u: float(process.squared_diffusion(f64(u))) * math.exp(2 * grown(u)),
        s,
        t,
        epsabs=0,
        epsrel=1e-11,
    )[0]
    got = process.transition(f64(s), f64(t))
    assert float(got.scale) == pytest.approx(scale, rel=1e-10)
    assert float(got.std) ** 2 == pytest.approx(variance, rel=1e-10)


@each_process
@settings(derandomize=True, deadline=None, max_examples=30)
@given(times=st.lists(st.floats(1e-6, 1.0), min_size=3, max_size=3))
def test_chapman_kolmogorov(process, times):
    s, u, t = (f64(v) for v in sorted(times))
    first, second, whole = (process.transition(*pair) for pair in ((s, u), (u, t), (s, t)))
    assert float(whole.scale) == pytest.approx(float(first.scale * second.scale), rel=1e-13)
    composed = torch.hypot(second.scale * first.std, second.std)
    assert float(whole.std) == pytest.approx(float(composed), rel=1e-7, abs=1e-15)


def test_closed_forms_by_sympy():
    t, u, b0, b1 = sympy.symbols("t u b0 b1", positive=True)
    spent = sympy.integrate(b0 + u * (b1 - b0), (u, 0, t))
    at = {t: sympy.Rational(3, 5), b0: sympy.Rational(1, 10), b1: 20}
    scale, std = marginal(variance_preserving(0.1, 20.0), 0.6)
    assert float(scale) == pytest.approx(float(sympy.exp(-spent / 2).subs(at)), rel=1e-14)
    assert float(std) == pytest.approx(float(sympy.sqrt(1 - sympy.exp(-spent)).subs(at)), rel=1e-14)

    low, high = sympy.symbols("low high", positive=True)
    level = low * (high / low) ** t
    rate = sympy.diff(level**2, t)
    at = {t: sympy.Rational(2, 5), low: sympy.Rational(1, 100), high: 50}
    process = geometric_variance_exploding()
    assert float(process.squared_diffusion(f64(0.4))) == pytest.approx(
        float(rate.subs(at)), rel=1e-13
    )
    noise = sympy.sqrt(level**2 - low**2).subs(at)
    assert float(marginal(process, 0.4).std) == pytest.approx(float(noise), rel=1e-13)


def test_known_constants():
    assert [float(v) for v in marginal(variance_exploding(), 3.0)] == [1.0, 3.0]
    scale, std = marginal(variance_preserving(), torch.linspace(0, 1, 11))
    assert torch.allclose(scale**2 + std**2, torch.ones(11).double(), rtol=1e-15)
    assert float(scale[-1]) ** 2 == pytest.approx(math.exp(-10.05), rel=1e-13)
    assert float(marginal(ornstein_uhlenbeck(2.0, 3.0), 40.0).std) == 3.0


@each_process
def test_close_times_do_not_cancel(process):
    """std^2 of a step h is g^2 h to first order, with all its digits down to h = 1e-13."""
    s = f64(0.5)
    t = s + 1e-13
    h = float(t - s)
    expected = math.sqrt(float(process.squared_diffusion(s)) * h)
    assert float(process.transition(s, t).std) == pytest.approx(expected, rel=1e-11)


@each_process
@settings(derandomize=True, deadline=None, max_examples=50)
@given(log_sigma=st.floats(-6, 2))
def test_time_inverts_sigma(process, log_sigma):
    sigma = 10.0**log_sigma
    y = normals(3, 2)
    x, t = from_exploding_coordinates(process, y, sigma)
    back, level = exploding_coordinates(process, x, t)
    assert float(level) == pytest.approx(sigma, rel=1e-12)
    assert torch.allclose(back, y, rtol=1e-13, atol=0)
    x, t = from_exploding_coordinates(process, y, 0.0)
    assert float(t) == 0 and torch.equal(x, y)


def gaussian_score(process, x, t, mean, variance):
    """Score of x_t for x_0 ~ N(mean, variance), the closed form."""
    scale, std = marginal(process, t)
    return -(x - scale * mean) / (scale**2 * variance + std**2)


def gaussian_denoiser(mean, variance):
    return lambda y, sigma: (variance * y + sigma**2 * mean) / (variance + sigma**2)


@each_process
def test_score_from_a_denoiser(process):
    x = normals(6, 3, seed=1)
    for t in (1e-3, 0.5, f64([0.1, 0.2, 0.3, 0.4, 0.5, 1.0]).reshape(6, 1)):
        got = marginal_score(process, gaussian_denoiser(0.7, 2.0), x, t)
        # at small t, D - x cancels: relative error about eps (x / std)^2 is the formula's own
        assert torch.allclose(got, gaussian_score(process, x, t, 0.7, 2.0), rtol=1e-8, atol=1e-8)


@each_process
def test_probability_flow_carries_the_marginals(process):
    """On N(m, v) the flow is linear, x_t = m_t + (r_t / r_s) (x_s - m_s): here by an ODE solver."""
    mean, variance, s, t = 0.7, 0.6, 0.1, 0.9

    def law(time):
        scale, std = marginal(process, time)
        return float(scale) * mean, math.sqrt(float(scale) ** 2 * variance + float(std) ** 2)

    def velocity(time, x):
        x = torch.from_numpy(x)
        score = gaussian_score(process, x, time, mean, variance)
        return probability_flow_drift(process, x, time, score).numpy()

    starts = normals(5, seed=2)
    solved = integrate.solve_ivp(velocity, (s, t), starts.numpy(), rtol=1e-11, atol=1e-12).y[:, -1]
    (m_s, r_s), (m_t, r_t) = law(s), law(t)
    exact = m_t + r_t / r_s * (starts.numpy() - m_s)
    assert solved == pytest.approx(exact, rel=1e-8, abs=1e-8)


@each_process
def test_fokker_planck_in_both_directions(process):
    """d/dt p = -(drift p)' + (g^2/2) p'': forward, flow (no diffusion), reverse (diffusion < 0)."""
    mean, variance, time = 0.7, 0.6, 0.45
    x = torch.linspace(-3, 3, 25, dtype=torch.float64).requires_grad_()
    t = torch.full_like(x, time).requires_grad_()

    def density(x, t):
        scale, std = marginal(process, t)
        spread = scale**2 * variance + std**2
        return torch.exp(-((x - scale * mean) ** 2) / 2 / spread) / torch.sqrt(spread)

    def slope(values, argument):
        return torch.autograd.grad(values.sum(), argument, create_graph=True)[0]

    p = density(x, t)
    rate, half = slope(p, t), process.squared_diffusion(t) / 2
    score = gaussian_score(process, x, t, mean, variance)
    curvature = slope(slope(p, x), x)
    for velocity, diffusion in (
        (drift(process, x, t), half),
        (probability_flow_drift(process, x, t, score), 0 * half),
        (reverse_drift(process, x, t, score), -half),
    ):
        residual = rate + slope(velocity * p, x) - diffusion * curvature
        assert (residual.abs().max() / rate.abs().max()).item() < 1e-12


@each_process
def test_forward_samples_have_the_marginal_law(process):
    n, x0, t = 40_000, 1.5, 0.6
    start = torch.full((n, 1), x0, dtype=torch.float64)
    scale, std = (float(v) for v in marginal(process, t))
    band = math.sqrt(math.log(2 / 1e-6) / (2 * n))
    direct = forward_sample(process, start, t, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(4)
    half = forward_sample(process, start, 0.25, generator=generator)
    chained = forward_sample(process, half, t, start=0.25, generator=generator)
    for sample in (direct, chained):
        law = stats.norm(scale * x0, std).cdf
        assert stats.kstest(sample.flatten().numpy(), law).statistic < band


def test_sampling_is_reproducible_and_keeps_dtype():
    x = normals(4, 2, 3).float()
    t = torch.tensor([0.1, 0.2, 0.0, 1.0]).reshape(4, 1, 1)
    draws = [
        forward_sample(PROCESSES[3], x, t, generator=torch.Generator().manual_seed(5))
        for _ in range(2)
    ]
    assert torch.equal(*draws) and draws[0].dtype == torch.float32
    assert torch.equal(draws[0][2], x[2]) and not torch.equal(draws[0][0], x[0])
    assert drift(PROCESSES[3], x, t).dtype == torch.float32
    assert reverse_drift(PROCESSES[3], x, t, x).dtype == torch.float32


def test_refusals():
    process, x = variance_preserving(), normals(2, 3)
    with pytest.raises(ValueError, match="t must be at least 0; got -1"):
        marginal(process, -1.0)
    with pytest.raises(ValueError, match="at least 0; got nan"):
        drift(process, x, math.nan)
    with pytest.raises(ValueError, match="start <= t"):
        forward_sample(process, x, 0.1, start=0.2, generator=torch.Generator())
    with pytest.raises(TypeError, match="int64"):
        forward_sample(process, x.long(), 0.1, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"score must have the shape of x, \(2, 3\); got \(3,\)"):
        reverse_drift(process, x, 0.1, x[0])
    with pytest.raises(ValueError, match="t > 0"):
        marginal_score(process, gaussian_denoiser(0.0, 1.0), x, 0.0)
    with pytest.raises(ValueError, match="sigma_min < sigma_max"):
        geometric_variance_exploding(2.0, 1.0)
    with pytest.raises(ValueError, match="beta_min <= beta_max"):
        variance_preserving(3.0, 1.0)
    with pytest.raises(ValueError, match="must be positive"):
        ornstein_uhlenbeck(0.0)
