"""Multistep samplers: integrals done by hand, exact flows, their ends, and what they refuse."""

import math
import sys
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate

from theorylab.diffusion.denoisers import DenoiserError
from theorylab.diffusion.processes import variance_exploding, variance_preserving
from theorylab.diffusion.samplers import (
    StateError,
    ddim,
    deis,
    dpm_solver_pp,
    heun,
    ipndm,
    ipndm_v,
    lms,
    pndm,
    rk4,
    unipc,
)
from theorylab.diffusion.samplers.ipndm import EQUAL_STEPS
from theorylab.diffusion.samplers.unipc import correction, prediction
from theorylab.diffusion.schedules import append_zero, edm, log_linear

VP_TIME = variance_preserving().time

SAMPLERS = {
    **{f"lms {p}": partial(lms, order=p) for p in (1, 2, 3, 4)},
    **{f"ipndm {p}": partial(ipndm, order=p) for p in (1, 2, 3, 4)},
    **{f"ipndm_v {p}": partial(ipndm_v, order=p) for p in (2, 3)},
    **{f"pndm {p}": partial(pndm, order=p) for p in (2, 4)},
    **{f"deis {p}": partial(deis, order=p) for p in (1, 2, 3, 4)},
    **{
        f"dpm++ {p} {w}": partial(dpm_solver_pp, order=p, weights=w)
        for p in (1, 2, 3)
        for w in ("published", "exact")
    },
    **{
        f"unipc {p} {b}": partial(unipc, order=p, step_function=b)
        for p in (1, 2, 3)
        for b in ("h", "expm1")
    },
}


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def gaussian(variance: float):
    """The exact denoiser of N(0, variance I): D = variance x/(variance + sigma^2)."""
    return lambda x, sigma: variance / (variance + sigma**2) * x


def states_of(sampler, denoiser, sigmas) -> list[float]:
    x = torch.full((1, 1), 1.7, dtype=torch.float64)
    return [float(state) for state in sampler(denoiser, x, sigmas)]


# --- outputs that depend on sigma alone: one step is an integral, exact up to the order -----------

# Unequal ratios, so that no symmetry hides a weight in the wrong place.
LEVELS = [40.0, 25.0, 11.0, 7.0, 2.5, 1.9, 0.6, 0.3]


def noise_is(q):
    return lambda x, sigma: x - sigma * q(sigma)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_lms_integrates_polynomials_in_sigma(order):
    states = states_of(partial(lms, order=order), noise_is(lambda s: s ** (order - 1)), LEVELS)
    for k, ((s, s_next), (x, x_next)) in enumerate(
        zip(pairwise(LEVELS), pairwise(states), strict=True)
    ):
        exact = (s_next**order - s**order) / order
        if k >= order - 1:
            assert x_next - x == pytest.approx(exact, rel=1e-11, abs=1e-13 * max(map(abs, states)))
        elif order > 1:
            assert x_next - x != pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("clock", [VP_TIME, torch.log], ids=["vp", "log"])
def test_deis_integrates_polynomials_in_time(order, clock):
    time = lambda s: float(clock(torch.tensor(s, dtype=torch.float64)))
    q = lambda s: (time(s) - 0.3) ** (order - 1)
    states = states_of(partial(deis, order=order, time=clock), noise_is(q), LEVELS)
    for (s, s_next), (x, x_next) in list(zip(pairwise(LEVELS), pairwise(states), strict=True))[
        order - 1 :
    ]:
        exact, _ = integrate.quad(q, s, s_next, epsabs=1e-13, epsrel=1e-13)
        assert x_next - x == pytest.approx(exact, rel=1e-11, abs=1e-13)


def exponential_integral(q, s, s_next):
    """int_{lambda}^{lambda'} e^{u - lambda'} q(u) du, u = -log sigma."""
    value, _ = integrate.quad(
        lambda u: math.exp(u) * q(u), -math.log(s), -math.log(s_next), epsabs=0, epsrel=1e-13
    )
    return s_next * value


@pytest.mark.parametrize("order", [1, 2, 3])
def test_exact_dpm_solver_integrates_polynomials_in_log_sigma(order):
    q = lambda u: (u + 0.4) ** (order - 1)
    sampler = partial(dpm_solver_pp, order=order, weights="exact")
    states = states_of(sampler, lambda x, s: q(-math.log(s)) + 0 * x, LEVELS)
    for (s, s_next), (x, x_next) in list(zip(pairwise(LEVELS), pairwise(states), strict=True))[
        order - 1 :
    ]:
        exact = s_next / s * x + exponential_integral(q, s, s_next)
        assert x_next == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("step_function", ["h", "expm1"])
def test_unipc_corrects_to_one_order_more_than_it_predicts(order, step_function):
    sampler = partial(unipc, order=order, step_function=step_function)
    for degree in (order - 1, order):
        q = lambda u, degree=degree: (u + 0.4) ** degree
        states = states_of(sampler, lambda x, s, q=q: q(-math.log(s)) + 0 * x, LEVELS)
        steps = list(zip(pairwise(LEVELS), pairwise(states), strict=True))[order:]
        errors = [
            abs(x_next - s_next / s * x - exponential_integral(q, s, s_next)) / abs(x_next)
            for (s, s_next), (x, x_next) in steps
        ]
        assert max(errors[:-1]) < 1e-12  # corrected: exact in degree p too
        # The last state is predicted: UniP-2's 1/2 is exact for constants alone, UniP-3 to degree 2
        assert (errors[-1] < 1e-12) == (order == 3 and degree == 2)


def test_step_functions_differ_only_where_one_weight_is_a_half():
    x, sigmas = normals(4, 3), log_linear(9, 0.05, 30.0)
    last = lambda order, b: list(unipc(gaussian(1.3), x, sigmas, order=order, step_function=b))
    for k, (a, b) in enumerate(zip(last(3, "h"), last(3, "expm1"), strict=True)):
        assert (k == 0) == torch.equal(a, b)  # the warm start differs, and stays
    differs = lambda weights, nodes: (
        not np.array_equal(
            *(weights(np.array([nodes]), np.array([0.7]), b) for b in ("h", "expm1"))
        )
    )
    nodes = [1.0, 3.0, 4.0]
    assert [differs(prediction, nodes[:p]) for p in (1, 2, 3)] == [False, True, False]
    assert [differs(correction, nodes[:p]) for p in (1, 2, 3)] == [True, False, False]


def test_equal_step_weights_are_the_binomial_integrals():
    # Adams: gamma_j = int_0^1 s (s+1) ... (s+j-1)/j! ds, in backward differences.
    gammas = [Fraction(1), Fraction(1, 2), Fraction(5, 12), Fraction(3, 8)]
    for order in (1, 2, 3, 4):
        weights = [Fraction(0)] * order
        for j in range(order):
            for i in range(j + 1):
                weights[i] += (-1) ** i * math.comb(j, i) * gammas[j]
        assert EQUAL_STEPS[order - 1] == pytest.approx([float(w) for w in weights], rel=1e-15)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_ipndm_is_lms_on_equal_steps_and_not_on_others(order):
    x = normals(5, 2)
    for sigmas, same in ((np.linspace(9.0, 0.5, 12), True), (edm(11, 0.5, 9.0), order == 1)):
        a = torch.stack(list(ipndm(gaussian(0.7), x, sigmas, order=order)))
        b = torch.stack(list(lms(gaussian(0.7), x, sigmas, order=order)))
        assert torch.allclose(a, b, rtol=1e-12, atol=0) == same


def published_ipndm_v(eps, h, order):
    """The formulas of diff-sampler's ipndm_v; h: steps, newest first."""
    if order == 2:
        return (1 + h[0] / h[1] / 2) * eps[0] - h[0] / h[1] / 2 * eps[1]
    temp = (1 - h[0] / (3 * (h[0] + h[1]))) * h[0] * (h[0] + h[1]) / (h[1] * (h[1] + h[2])) / 2
    first = 1 + h[0] / h[1] / 2 + temp
    second = -h[0] / h[1] / 2 - (1 + h[1] / h[2]) * temp
    return first * eps[0] + second * eps[1] + temp * h[1] / h[2] * eps[2]


@pytest.mark.parametrize("order", [2, 3])
def test_ipndm_v_is_what_was_published(order):
    states = states_of(partial(ipndm_v, order=order), gaussian(2.0), LEVELS)
    eps = [s / (2.0 + s**2) * x for s, x in zip(LEVELS, states, strict=True)]
    for k in range(order - 1, len(LEVELS) - 1):
        h = [LEVELS[k - j + 1] - LEVELS[k - j] for j in range(order)]
        step = h[0] * published_ipndm_v(eps[k - order + 1 : k + 1][::-1], h, order)
        assert states[k + 1] - states[k] == pytest.approx(step, rel=1e-12)


# --- reductions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in SAMPLERS if " 1" in n and "unipc" not in n])
def test_order_one_is_ddim(name):
    x, sigmas = normals(4, 3), append_zero(edm(7, 0.02, 30.0))
    ours = torch.stack(list(SAMPLERS[name](gaussian(0.6), x, sigmas)))
    torch.testing.assert_close(
        ours, torch.stack(list(ddim(gaussian(0.6), x, sigmas))), rtol=1e-11, atol=1e-13
    )


def test_pndm_starts_with_classical_runge_kutta_on_a_clock_that_is_sigma():
    x, sigmas = normals(4, 3), [9.0, 7.0, 4.0, 1.5, 0.5]
    ve = variance_exploding()
    ours = list(pndm(gaussian(0.8), x, sigmas, process=ve))
    for a, b in list(zip(ours, rk4(gaussian(0.8), x, sigmas), strict=True))[:4]:
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)
    second = list(pndm(gaussian(0.8), x, sigmas, order=2))[1]
    torch.testing.assert_close(second, list(heun(gaussian(0.8), x, sigmas))[1])


def test_deis_on_sigma_is_lms():
    x, sigmas = normals(4, 3), log_linear(9, 0.05, 30.0)
    ours = torch.stack(list(deis(gaussian(0.6), x, sigmas, order=4, time=lambda s: s)))
    other = torch.stack(list(lms(gaussian(0.6), x, sigmas, order=4)))
    torch.testing.assert_close(ours, other, rtol=1e-11, atol=0)


# --- what all of them share ----------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLERS)
def test_constant_denoiser_is_solved_exactly(name):
    # D constant: x moves on a straight line towards it.
    target, x, sigmas = normals(4, 2, seed=1), 30 * normals(4, 2, seed=2), edm(8, 0.5, 40.0)
    for sigma, state in zip(
        sigmas.tolist(), SAMPLERS[name](lambda x, s: target, x, sigmas), strict=True
    ):
        exact = target + sigma / 40.0 * (x - target)
        torch.testing.assert_close(state, exact, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", SAMPLERS)
def test_last_sigma_zero_is_taken(name):
    x, sigmas = normals(3, 2), log_linear(16, 0.1, 10.0)
    seen = []

    def denoiser(x, sigma):
        seen.append(gaussian(1.0)(x, sigma))
        assert type(sigma) is float and sigma > 0
        return seen[-1]

    last = list(SAMPLERS[name](denoiser, x, append_zero(sigmas)))[-1]
    exact = x / math.sqrt(1 + 10.0**2)
    assert float(((last - exact) / exact).abs().max()) < (0.2 if " 1" in name else 0.05)
    polynomial = any(name.startswith(p) for p in ("lms", "ipndm", "pndm")) and " 1" not in name
    assert torch.equal(last, seen[-1]) != polynomial
    again = list(SAMPLERS[name](gaussian(1.0), x, sigmas, final_denoise=True))
    assert torch.equal(again[-1], last) and len(again) == len(sigmas) + 1


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_steps_to_zero_are_finite(name, count):
    x = normals(3, 2)
    states = list(SAMPLERS[name](gaussian(1.0), x, [*(2.0**-k for k in range(count)), 0.0]))
    assert len(states) == count + 1
    assert all(bool(torch.isfinite(state).all()) for state in states)
    (only,) = SAMPLERS[name](gaussian(1.0), x, [2.0])
    assert only is x


@pytest.mark.parametrize("name", SAMPLERS)
def test_states_are_not_changed_after_they_were_yielded_and_gradients_flow(name):
    x = normals(2, 2).requires_grad_()
    states, copies = [], []
    for state in SAMPLERS[name](gaussian(1.0), x, [4.0, 2.0, 1.0, 0.5, 0.25, 0.2]):
        states.append(state)
        copies.append(state.detach().clone())
    assert all(torch.equal(s, c) for s, c in zip(states, copies, strict=True))
    (gradient,) = torch.autograd.grad(states[-1].sum(), x)
    torch.testing.assert_close(gradient, (states[-1] / x).detach())  # linear in x
    assert states[0] is x


@pytest.mark.parametrize("name", SAMPLERS)
def test_calls_dtypes_and_errors(name):
    calls = []

    def denoiser(x, sigma):
        calls.append(sigma)
        denoised = (x / 2).to(torch.bfloat16)
        if sigma < 0.3:
            denoised[0, 1] = math.nan
        return denoised

    sigmas, x = [4.0, 2.0, 1.0, 0.5, 0.25, 0.125], normals(2, 2).to(torch.float32)
    states = SAMPLERS[name](denoiser, x, sigmas)
    for _ in range(5 if "unipc" not in name else 4):
        state = next(states)
        assert state.dtype == torch.float32
    step = 5 if "unipc" not in name else 4  # corrected by the output at sigmas[4] itself
    with pytest.raises(StateError, match=rf"state {step} of 5 \(sigma {sigmas[step]:g}\)"):
        next(states)
    levels = sorted({c for c in calls}, reverse=True)
    assert [s for s in levels if s in sigmas] == sigmas[:5]
    if not name.startswith("pndm"):
        assert calls == sigmas[:5]
    with pytest.raises(DenoiserError, match=r"shape \(4, 1\) at sigma 2"):
        list(SAMPLERS[name](lambda x, s: x[:, :1], normals(4, 2), [2.0, 1.0]))


@pytest.mark.parametrize(
    ("sampler", "options", "message"),
    [
        (lms, {"order": 0}, "order must be an integer from 1 to 4, got 0"),
        (lms, {"order": 5}, "from 1 to 4, got 5"),
        (lms, {"order": 2.0}, "got 2.0"),
        (lms, {"order": True}, "got True"),
        (ipndm, {"order": 5}, "from 1 to 4, got 5"),
        (ipndm_v, {"order": 5}, "from 1 to 4, got 5"),
        (pndm, {"order": 3}, r"order must be 2 \(S-PNDM\) or 4 \(F-PNDM\), got 3"),
        (pndm, {"order": True}, "got True"),
        (deis, {"order": 5}, "from 1 to 4, got 5"),
        (deis, {"time": lambda s: -s}, "increasing function of sigma"),
        (deis, {"time": lambda s: s[0]}, "increasing function of sigma"),
        (deis, {"time": lambda s: s * math.nan}, "increasing function of sigma"),
        (dpm_solver_pp, {"order": 4}, "from 1 to 3, got 4"),
        (dpm_solver_pp, {"weights": "heun"}, "weights must be 'exact' or 'published', got 'heun'"),
        (unipc, {"order": 4}, "from 1 to 3, got 4"),
        (unipc, {"step_function": "bh2"}, "step_function must be 'h' or 'expm1', got 'bh2'"),
    ],
)
def test_bad_options_are_refused_before_the_first_state(sampler, options, message):
    with pytest.raises(ValueError, match=message):
        sampler(gaussian(1.0), torch.zeros(1, 2), [2.0, 1.0], **options)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize(
    "sigmas", [[1.0, 2.0], [1.0, 1.0], [2.0, 0.0, 0.0], [1.0, -1.0], [math.nan], [], [2.0, 0.0, 1]]
)
def test_bad_sigmas_are_refused_before_the_first_state(name, sigmas):
    with pytest.raises(ValueError):
        SAMPLERS[name](gaussian(1.0), torch.zeros(1, 2), sigmas)


def test_tables_of_weights_are_found_again_unless_the_clock_is_the_callers(monkeypatch):
    x, sigmas = normals(3, 2), log_linear(6, 0.1, 10.0)
    for name, sampler in SAMPLERS.items():
        first = list(sampler(gaussian(1.0), x, sigmas))[-1]
        with monkeypatch.context() as patch:
            for module in ("multistep", "pndm", "unipc"):
                owner = sys.modules[f"theorylab.diffusion.samplers.{module}"]
                patch.setattr(owner, "weights_of_steps", None)
            again = list(sampler(gaussian(1.0), x, sigmas))[-1]
        assert torch.equal(first, again), name
    power = [1.0]
    clock = lambda s: s ** power[0]
    first = list(deis(gaussian(1.0), x, sigmas, time=clock))[-1]
    power[0] = 0.5
    assert not torch.allclose(first, list(deis(gaussian(1.0), x, sigmas, time=clock))[-1])
