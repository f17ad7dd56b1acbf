"""What every one-step sampler keeps: states, ends, types, evaluations, and who is to blame."""

import functools
import math

import pytest
import torch

from theorylab.diffusion import samplers
from theorylab.diffusion.denoisers import DenoiserError
from theorylab.diffusion.samplers import StateError
from theorylab.diffusion.schedules import log_linear


def seeded():
    return torch.Generator().manual_seed(7)


def analytic(denoiser, x, sigmas, *, final_denoise=False, generator=None):
    steps = max(len(list(sigmas)) - 1 + final_denoise, 0)
    options = {"noise_power": [0.5] * steps, "final_denoise": final_denoise}
    return samplers.analytic_ddim(denoiser, x, sigmas, generator=generator, **options)


DETERMINISTIC = {
    name: getattr(samplers, name)
    for name in ("ddim", "heun", "midpoint", "rk4", "gradient_estimation")
}
RANDOM = {
    "ddpm": samplers.ddpm,
    "ancestral": samplers.ancestral,
    "analytic_ddim": analytic,
    "edm_stochastic": functools.partial(samplers.edm_stochastic, churn=3.0),
    "gradient_estimation with noise": functools.partial(samplers.gradient_estimation, mu=0.5),
}
EVERY = DETERMINISTIC | RANDOM
every = pytest.mark.parametrize("sampler", EVERY.values(), ids=EVERY)
X = torch.randn(4, 3, dtype=torch.float64, generator=seeded())


def denoiser(x, sigma):
    return torch.tanh(x / (1 + sigma**2))


@every
def test_one_state_for_each_sigma_and_the_first_is_the_input(sampler):
    states = list(sampler(denoiser, X, log_linear(5, 0.1, 10.0)))
    assert len(states) == 6
    assert states[0] is X
    (only,) = sampler(denoiser, X, [2.0])
    assert only is X


@every
def test_no_state_is_changed_after_it_was_given(sampler):
    kept, copies = [], []
    for state in sampler(denoiser, X, log_linear(5, 0.1, 10.0)):
        kept.append(state)
        copies.append(state.clone())
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))


@every
def test_final_denoise_is_a_last_sigma_of_zero(sampler):
    noise = [{"generator": seeded()} if sampler in RANDOM.values() else {} for _ in range(2)]
    asked = sampler(denoiser, X, [2.0, 1.0, 0.5], final_denoise=True, **noise[0])
    zero = sampler(denoiser, X, [2.0, 1.0, 0.5, 0.0], **noise[1])
    assert all(torch.equal(a, b) for a, b in zip(asked, zero, strict=True))


@every
def test_step_to_zero_from_the_start_returns_the_denoised(sampler):
    quiet = {"churn": 0.0} if sampler is RANDOM["edm_stochastic"] else {}
    _, last = sampler(denoiser, X, [2.0, 0.0], **quiet)
    torch.testing.assert_close(last, denoiser(X, 2.0), rtol=1e-14, atol=1e-14)


@every
def test_the_denoiser_is_asked_with_positive_python_floats(sampler):
    levels = []

    def recording(x, sigma):
        levels.append(sigma)
        return denoiser(x, sigma)

    list(sampler(recording, X, [2.0, 1.0, 0.5, 0.0]))
    assert all(type(sigma) is float and sigma > 0 for sigma in levels)


@pytest.mark.parametrize("sampler", RANDOM.values(), ids=RANDOM)
def test_noise_is_that_of_the_generator(sampler):
    sigmas = [2.0, 1.0, 0.5]
    first, same = (list(sampler(denoiser, X, sigmas, generator=seeded()))[-1] for _ in range(2))
    *_, other = sampler(denoiser, X, sigmas, generator=torch.Generator().manual_seed(8))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_keep_the_dtype_of_x(sampler, dtype):
    states = sampler(lambda x, sigma: (x / 2).to(dtype), X.float(), [2.0, 1.0, 0.0])
    assert {state.dtype for state in states} == {torch.float32}


@every
def test_gradients_flow(sampler):
    x = X.clone().requires_grad_()
    *_, last = sampler(denoiser, x, [2.0, 1.0, 0.0])
    (gradient,) = torch.autograd.grad(last.sum(), x)
    assert gradient.abs().min() > 0


@every
def test_nan_at_the_seventh_step_is_reported_with_its_sigma(sampler):
    sigmas = log_linear(10, 0.1, 10.0)
    broken = []

    def failing(x, sigma):
        return denoiser(x, sigma) + (math.nan if broken else 0.0)

    states = sampler(failing, X, sigmas)
    for _ in range(7):
        next(states)
    broken.append(True)
    step = rf"from sigma {float(sigmas[6]):g} to {float(sigmas[7]):g}"
    with pytest.raises(StateError, match=rf"state 7 of 10 .* holds 12 .* of 12, .*{step}"):
        next(states)


@every
def test_wrong_shape_is_an_error_although_it_would_broadcast(sampler):
    with pytest.raises(DenoiserError, match=r"shape \(4, 1\) at sigma"):
        list(sampler(lambda x, sigma: x[:, :1], X, [2.0, 1.0]))


@every
@pytest.mark.parametrize(("wrong", "named"), [(X[:, :1], r"shape \(4, 1\)"), (0.5, "float")])
def test_each_call_that_goes_wrong_is_named_by_its_own_sigma(sampler, wrong, named):
    def failing(at, levels):
        def answer(x, sigma):
            levels.append(sigma)
            return wrong if len(levels) == at else denoiser(x, sigma)

        return answer

    sigmas, levels = [4.0, 2.0, 1.0, 0.0], []
    list(sampler(failing(0, levels), X, sigmas))
    for call, level in enumerate(levels, 1):
        with pytest.raises(DenoiserError, match=rf"{named} at sigma {level:g}"):
            list(sampler(failing(call, []), X, sigmas))


@every
@pytest.mark.parametrize(
    ("sigmas", "message"),
    [
        ([1.0, 2.0], "decrease strictly"),
        ([2.0, 2.0], "decrease strictly"),
        ([2.0, 0.0, 1.0], "decrease strictly"),
        ([2.0, 0.0, 0.0], "decrease strictly"),
        ([1.0, -1.0], "negative"),
        ([1.0, math.nan], "finite"),
        ([math.inf, 1.0], "finite"),
        ([], "empty"),
        ([0.0], "the only sigma is 0"),
    ],
)
def test_bad_sigmas_are_refused_at_once(sampler, sigmas, message):
    with pytest.raises(ValueError, match=message):
        sampler(denoiser, X, sigmas)


@every
def test_integers_and_denoising_twice_are_refused_at_once(sampler):
    with pytest.raises(ValueError, match="floating point"):
        sampler(denoiser, torch.zeros(1, 2, dtype=torch.int64), [2.0, 1.0])
    with pytest.raises(ValueError, match="denoise twice"):
        sampler(denoiser, X, [2.0, 0.0], final_denoise=True)
