"""The tangent part of a vector is what the projection follows to first order."""

import pytest
import torch

from theorylab.diffusion.manifolds import AffineSubspace, Sphere, Torus
from theorylab.diffusion.tangents import tangent_length

FRAME = torch.randn(21, 26, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
CENTRE = torch.linspace(-1, 1, 26, dtype=torch.float64)
SETS = {
    "line": AffineSubspace(FRAME[:1], CENTRE),
    "20-plane": AffineSubspace(FRAME[:20], CENTRE),
    "circle": Sphere(1, 1.5, frame=FRAME[:2], centre=CENTRE),
    "20-sphere": Sphere(20, 0.7, frame=FRAME, centre=CENTRE),
    "torus": Torus(2.5, 1.0, frame=FRAME[:3], centre=CENTRE),
}


@pytest.mark.parametrize("name", SETS)
def test_tangent_part_is_the_derivative_of_the_projection(name):
    generator = torch.Generator().manual_seed(7)
    x0 = SETS[name].sample(20, generator)
    v = torch.randn(x0.shape, dtype=torch.float64, generator=generator)
    h = 1e-6
    ahead, behind = (SETS[name].project(x0 + s * h * v) for s in (1, -1))
    moved = (ahead - behind).norm(dim=1) / (2 * h)
    assert torch.allclose(tangent_length(SETS[name], x0, v), moved, rtol=1e-7)
