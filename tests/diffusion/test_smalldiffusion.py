"""Our samplers against smalldiffusion's own.

Its package imports torchvision, which no build of ours stands beside: install it by
``pip install --no-deps smalldiffusion``. The one module that samples is read without the package
around it.
"""

import importlib
import importlib.util
import sys
import types

import pytest
import torch

from theorylab.diffusion import samplers
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.schedules import log_linear


@pytest.fixture(scope="module")
def peer():
    spec = importlib.util.find_spec("smalldiffusion")
    if spec is None:
        pytest.skip("smalldiffusion is not installed")
    package = types.ModuleType("smalldiffusion")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["smalldiffusion"] = package
    try:
        yield pytest.importorskip("smalldiffusion.diffusion")
    finally:
        for name in [n for n in sys.modules if n.partition(".")[0] == "smalldiffusion"]:
            del sys.modules[name]


class Model(torch.nn.Module):
    """A denoiser as smalldiffusion calls it, and its noise, from a generator of ours."""

    def __init__(self, denoiser, event):
        super().__init__()
        self.denoiser, self.event = denoiser, event
        self.generator = torch.Generator().manual_seed(0)

    def rand_input(self, batch):
        return torch.randn((batch, *self.event), generator=self.generator, dtype=torch.float64)

    def predict_eps_cfg(self, x, sigma, cond, scale):
        return (x - self.denoiser(x, float(sigma))) / sigma


MIXTURE = GaussianMixture.isotropic([0.3, 0.7], [[1.0, -0.5, 2.0], [-1.0, 0.0, 0.4]], [0.45, 0.2])
SIGMAS = torch.tensor([*log_linear(9, 0.03, 20.0).tolist(), 0.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("gamma", "mu"), [(1.0, 0.0), (1.5, 0.0), (2.0, 0.0), (1.0, 0.5), (2.0, 0.3)]
)
@pytest.mark.parametrize("to_zero", [False, True])
def test_the_states_are_those_of_smalldiffusion(peer, gamma, mu, to_zero):
    x = 20 * torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    sigmas = SIGMAS if to_zero else SIGMAS[:-1]
    theirs = peer.samples(Model(MIXTURE, (3,)), sigmas, gam=gamma, mu=mu, xt=x)
    generator = torch.Generator().manual_seed(0)
    ours = samplers.gradient_estimation(MIXTURE, x, sigmas, gamma=gamma, mu=mu, generator=generator)
    next(ours)  # x itself, which theirs does not yield
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-10)
