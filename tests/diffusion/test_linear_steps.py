"""Steps as tables of weights: arrays and tensors take the same ones, and nothing is lost."""

import pytest
import torch
from torch.autograd import forward_ad

from theorylab.diffusion import samplers
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers.linear_steps import SMALL
from theorylab.diffusion.schedules import append_zero, log_linear


def stirred(denoiser, x, sigmas):
    generator = torch.Generator().manual_seed(9)
    return samplers.edm_stochastic(denoiser, x, sigmas, churn=4.0, generator=generator)


NAMES = ("heun", "midpoint", "rk4", "unipc", "lms", "ipndm", "pndm", "deis", "dpm_solver_pp")
DETERMINISTIC = {name: getattr(samplers, name) for name in NAMES}
SAMPLERS = DETERMINISTIC | {"edm_stochastic": stirred}
every = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
without_noise = pytest.mark.parametrize("sampler", DETERMINISTIC.values(), ids=DETERMINISTIC)
SIGMAS = append_zero(log_linear(7, 0.05, 20.0))
LAW = GaussianMixture.isotropic([0.4, 0.6], [[1.0, -0.5], [-0.8, 0.4]], [0.3, 0.5])


def start(count=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(4)
    return 20 * torch.randn(count, 2, dtype=torch.float64, generator=generator).to(dtype)


def states(sampler, x, denoiser=LAW, sigmas=SIGMAS):
    return torch.stack(list(sampler(denoiser, x, sigmas)))


def scaled(scale):
    """The denoiser of N(0, scale), nonlinear enough in ``scale`` to tell the steps apart."""
    return lambda x, sigma: scale / (scale + sigma**2) * x


@every
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-13), (torch.float32, 2e-5)])
def test_arrays_and_tensors_take_the_same_steps(sampler, dtype, close):
    x = start(dtype=dtype)
    arrays, tensors = (states(sampler, at) for at in (x, x.clone().requires_grad_()))
    assert tensors.requires_grad and not arrays.requires_grad
    assert arrays.dtype == tensors.dtype == dtype
    torch.testing.assert_close(arrays, tensors.detach(), rtol=close, atol=close)


@without_noise
def test_no_row_depends_on_the_others(sampler):
    x = start(45)
    alone = torch.cat([states(sampler, row[None], scaled(0.7)) for row in x], dim=1)
    assert torch.equal(states(sampler, x, scaled(0.7)), alone)


@without_noise
def test_a_large_batch_takes_the_steps_of_a_small_one(sampler):
    x = start(SMALL)
    small = torch.cat([states(sampler, part) for part in x.split(100)], dim=1)
    torch.testing.assert_close(states(sampler, x), small, rtol=1e-12, atol=1e-12)


@every
def test_gradients_of_the_denoisers_own_parameters_flow(sampler):
    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    value = lambda scale: states(sampler, start(), scaled(scale))[-1].square().mean()
    (gradient,) = torch.autograd.grad(value(scale), scale)
    with torch.no_grad():
        difference = (value(scale + 1e-6) - value(scale - 1e-6)) / 2e-6
    assert gradient.item() == pytest.approx(difference.item(), rel=1e-7)


@every
def test_gradients_that_begin_on_the_way_flow(sampler):
    # Only the output of the fourth call depends on the parameter.
    def value(scale):
        calls = []

        def denoiser(x, sigma):
            calls.append(sigma)
            return scaled(scale if len(calls) == 4 else 0.7)(x, sigma)

        path = states(sampler, start(), denoiser)
        assert len(path) == len(SIGMAS)
        return path[-1].square().mean()

    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(value(scale), scale)
    with torch.no_grad():
        difference = (value(scale + 1e-5) - value(scale - 1e-5)) / 2e-5
    assert gradient.item() == pytest.approx(difference.item(), rel=1e-7)
    torch.testing.assert_close(
        value(scale.detach()), states(sampler, start(), scaled(0.7))[-1].square().mean()
    )


@every
@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit, within torch
def test_tangents_of_forward_mode_flow(sampler, recording):
    # Without gradients too: torch.no_grad does not switch forward mode off.
    x = start()
    last = lambda x: states(sampler, x, lambda x, sigma: torch.tanh(x / (1 + sigma**2)))[-1]
    with forward_ad.dual_level(), torch.set_grad_enabled(recording):
        tangent = forward_ad.unpack_dual(last(forward_ad.make_dual(x, x))).tangent
    _, under_transform = torch.func.jvp(last, (x,), (x,))
    torch.testing.assert_close(tangent, under_transform)
    with torch.no_grad():
        difference = (last(x * (1 + 1e-6)) - last(x * (1 - 1e-6))) / 2e-6
    torch.testing.assert_close(tangent, difference, rtol=1e-6, atol=1e-8)


@every
@pytest.mark.parametrize("grad", [False, True])
def test_a_denoiser_may_write_all_its_outputs_into_one_tensor(sampler, grad):
    x, memory = start(), torch.empty(5, 2, dtype=torch.float64)
    denoiser = lambda x, sigma: memory.copy_(LAW(x.detach(), sigma))
    found = states(sampler, x.clone().requires_grad_(grad), denoiser)
    torch.testing.assert_close(found.detach(), states(sampler, x), rtol=1e-13, atol=1e-13)


@every
def test_outputs_of_another_type_are_taken_in_that_of_x(sampler):
    x = start(dtype=torch.float32)
    in_float64 = states(sampler, x, lambda x, sigma: LAW(x.double(), sigma))
    in_bfloat16 = states(sampler, x, lambda x, sigma: LAW(x, sigma).bfloat16())
    assert in_float64.dtype == in_bfloat16.dtype == torch.float32
    torch.testing.assert_close(in_float64, states(sampler, x), rtol=2e-5, atol=2e-5)
    rounded = states(sampler, x, lambda x, sigma: LAW(x, sigma).bfloat16().float())
    torch.testing.assert_close(in_bfloat16, rounded, rtol=2e-5, atol=2e-5)


@without_noise
def test_large_finite_entries_are_not_refused(sampler):
    # Their sum is not finite in float32.
    x = torch.full((1, 40), 1e37)
    *_, last = sampler(lambda x, sigma: 0 * x, x, [2.0, 1.0, 0.5])
    torch.testing.assert_close(last, x / 4)


@without_noise
def test_any_shape_of_state(sampler):
    for shape in [(3,), (2, 1, 3), (0, 2)]:
        x = torch.ones(shape, dtype=torch.float64)
        found = states(sampler, x, scaled(0.7), [2.0, 1.0, 0.5])
        assert found.shape == (3, *shape)
        one = states(sampler, torch.ones(1, dtype=torch.float64), scaled(0.7), [2.0, 1.0, 0.5])
        expected = one.reshape(3, *[1] * len(shape)).expand(3, *shape)
        torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)
