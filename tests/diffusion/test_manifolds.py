"""Sets against optimisation over their own parametrisation, exact laws, and their definitions."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from theorylab.diffusion.manifolds import AffineSubspace, Sphere, Torus


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=generator(seed))


def tilted(kind: str):
    """Each set moved and turned in R^6, so that no coordinate axis is special."""
    centre, frame = normals(6, seed=11), normals(3, 6, seed=12)
    return {
        "plane": AffineSubspace(frame, centre),
        "line": AffineSubspace(frame[:1], centre),
        "sphere": Sphere(2, 1.7, centre=centre, frame=frame),
        "circle": Sphere(1, 0.4, centre=centre, frame=frame[:2]),
        "pair": Sphere(0, 2.0, centre=centre, frame=frame[:1]),
        "torus": Torus(2.0, 0.6, centre=centre, frame=frame),
    }[kind]


KINDS = ["plane", "line", "sphere", "circle", "pair", "torus"]


@pytest.mark.parametrize("kind", KINDS)
def test_projection_lies_on_the_set_at_the_stated_distance(kind):
    k = tilted(kind)
    x = 3 * normals(200, 6, seed=1)
    p = k.project(x)
    assert float(k.distance(p).max()) < 1e-14 * 20
    torch.testing.assert_close(k.distance(x), (x - p).norm(dim=1), rtol=1e-13, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_no_sampled_point_is_nearer_than_the_projection(kind):
    k = tilted(kind)
    x, samples = 2 * normals(50, 6, seed=2), k.sample(4000, generator(3))
    assert float(k.distance(samples).max()) < 1e-14 * 20
    nearest = torch.cdist(x, samples).amin(1)
    assert bool((nearest >= k.distance(x) * (1 - 1e-12)).all())
    if k.reach < math.inf:  # compact sets: the samples come close, so the bound is not idle
        assert float((nearest - k.distance(x)).max()) < 0.4


def test_torus_projection_against_a_grid_search_refined_by_newton():
    torus = Torus(2.0, 0.6)
    x = 1.5 * normals(12, 3, seed=4)
    parametrised = lambda a: np.array(
        [
            (2 + 0.6 * np.cos(a[1])) * np.cos(a[0]),
            (2 + 0.6 * np.cos(a[1])) * np.sin(a[0]),
            0.6 * np.sin(a[1]),
        ]
    )
    tangents = lambda a: np.array(
        [
            [-np.sin(a[0]), np.cos(a[0]), 0.0],
            [-np.sin(a[1]) * np.cos(a[0]), -np.sin(a[1]) * np.sin(a[0]), np.cos(a[1])],
        ]
    )
    angles = np.linspace(0, 2 * np.pi, 181)
    grid = parametrised(np.stack(np.meshgrid(angles, angles)))
    for query, projection in zip(x.numpy(), torus.project(x).numpy(), strict=True):
        squares = ((grid - query[:, None, None]) ** 2).sum(0)
        row, column = np.unravel_index(squares.argmin(), squares.shape)
        start = [angles[column], angles[row]]
        stationary = lambda a, query=query: tangents(a) @ (parametrised(a) - query)
        result = optimize.root(stationary, start, tol=1e-14)
        assert ((parametrised(result.x) - query) ** 2).sum() <= squares.min()
        np.testing.assert_allclose(projection, parametrised(result.x), atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_offset_is_normal_to_the_set(kind):
    # Moving along the set to first order does not change the distance: difference quotient of
    # projections of neighbours is orthogonal to x - p.
    k = tilted(kind)
    x = 1.5 * normals(100, 6, seed=5)
    p, h = k.project(x), 1e-6
    offset = x - p
    neighbour = k.project(p + h * normals(100, 6, seed=6))
    slope = ((neighbour - p) * offset).sum(1) / h / offset.norm(dim=1)
    assert float(slope.abs().max()) < 1e-4


@pytest.mark.parametrize("kind", ["sphere", "circle", "pair", "torus"])
def test_reach_is_the_first_distance_at_which_the_projection_jumps(kind):
    # Walk from the set along a normal towards the medial axis: up to the reach the projection
    # stays put, and on some normal it leaves just beyond.
    k = tilted(kind)
    start = k.sample(3000, generator(7))
    directions = normals(3000, 6, seed=8)
    foot = k.project(start + 0.2 * k.reach * directions / directions.norm(dim=1, keepdim=True))
    inward = [k.centre - foot]
    if kind == "torus":
        u = (foot - k.centre) @ k.frame.T
        ring = torch.cat([u[:, :2], torch.zeros(len(u), 1, dtype=u.dtype)], 1)
        ring = 2.0 * ring / ring.norm(dim=1, keepdim=True)
        inward = [k.centre + ring @ k.frame - foot, foot - (k.centre + ring @ k.frame)]
    moved = []
    for direction in inward:
        unit = direction / direction.norm(dim=1, keepdim=True)
        inside = k.project(foot + 0.999 * k.reach * unit)
        assert float((inside - foot).norm(dim=1).max()) < 1e-10
        moved.append(float((k.project(foot + 1.2 * k.reach * unit) - foot).norm(dim=1).max()))
    assert max(moved) > 0.1


def test_torus_reach_is_limited_by_the_hole_or_by_the_tube():
    assert Torus(2.0, 0.6).reach == 0.6
    assert Torus(2.0, 1.5).reach == 0.5
    # On the axis every meridian is equally near: at the reach, not before.
    thick = Torus(2.0, 1.5)
    assert float(thick.distance(torch.zeros(1, 3))) == thick.reach


def test_affine_projection_solves_least_squares():
    basis, offset = normals(4, 9, seed=9), normals(9, seed=10)
    k = AffineSubspace(basis, offset)
    x = normals(30, 9, seed=13)
    solution = np.linalg.lstsq(basis.numpy().T, (x - offset).numpy().T, rcond=None)[0]
    np.testing.assert_allclose(
        k.project(x).numpy(), offset.numpy() + solution.T @ basis.numpy(), atol=1e-12
    )
    assert (k.dim, k.ambient_dim, k.reach) == (4, 9, math.inf)


def test_distance_near_an_affine_set_keeps_its_digits():
    # Points 1e-9 off a subspace of dimension 20, at distance about 4 from the origin.
    basis = torch.linalg.qr(normals(50, 50, seed=14)).Q
    k = AffineSubspace(basis[:20])
    x = normals(10, 20, seed=15) @ basis[:20] + 1e-9 * basis[30]
    torch.testing.assert_close(k.distance(x), torch.full((10,), 1e-9).double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("k", "x"),
    [
        (Sphere(2, 1.5, ambient_dim=5), torch.zeros(1, 5)),
        (Torus(2.0, 0.5), torch.zeros(1, 3)),
        (Torus(2.0, 0.5), torch.tensor([[2.0, 0.0, 0.0]])),
    ],
)
def test_where_many_points_are_nearest_one_of_them_is_returned(k, x):
    p = k.project(x)
    assert bool(torch.isfinite(p).all())
    assert float(k.distance(p)) < 1e-15
    assert float((x - p).norm()) == pytest.approx(float(k.distance(x)), rel=1e-15)


def test_sphere_sample_is_uniform_in_each_coordinate():
    # A coordinate of the uniform law on S^3 has t^2 ~ Beta(1/2, 3/2) (times the radius squared).
    x = Sphere(3, 2.0).sample(20_000, generator(16)) / 2
    for axis in range(4):
        assert stats.kstest(x[:, axis].numpy() ** 2, stats.beta(0.5, 1.5).cdf).pvalue > 1e-4
        assert stats.kstest(x[:, axis].numpy() ** 2, stats.beta(0.5, 2.0).cdf).pvalue < 1e-9
    assert abs(float(x.mean(0).norm())) < 5 / 20_000**0.5


def test_torus_sample_is_uniform_in_area():
    x = Torus(2.0, 1.2).sample(20_000, generator(17)).numpy()
    ring = np.hypot(x[:, 0], x[:, 1])
    around = np.mod(np.arctan2(x[:, 1], x[:, 0]), 2 * np.pi) / (2 * np.pi)
    across = np.mod(np.arctan2(x[:, 2], ring - 2), 2 * np.pi)
    area = lambda t: (t + 0.6 * np.sin(t)) / (2 * np.pi)  # share of the area below the angle t
    assert stats.kstest(around, "uniform").pvalue > 1e-4
    assert stats.kstest(area(across), "uniform").pvalue > 1e-4
    assert stats.kstest(across / (2 * np.pi), "uniform").pvalue < 1e-9


def test_frames_and_centres_move_the_default_set_rigidly():
    frame = torch.linalg.qr(normals(6, 6, seed=18)).Q
    centre = normals(6, seed=19)
    x = normals(20, 6, seed=20)
    for plain, moved in (
        (Sphere(2, 1.1, 6), Sphere(2, 1.1, centre=centre, frame=frame[:3])),
        (Torus(1.5, 0.3, 6), Torus(1.5, 0.3, centre=centre, frame=frame[:3])),
    ):
        torch.testing.assert_close(moved.distance(centre + x @ frame), plain.distance(x))
        torch.testing.assert_close(
            moved.project(centre + x @ frame), centre + plain.project(x) @ frame
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda: Sphere(2, -1.0),
        lambda: Sphere(2, math.nan),
        lambda: Sphere(-1),
        lambda: Sphere(3, 1.0, ambient_dim=3),
        lambda: Sphere(1, frame=torch.ones(2, 4)),
        lambda: Sphere(1, frame=torch.ones(3, 4)),
        lambda: Sphere(1, centre=torch.zeros(3)),
        lambda: Torus(1.0, 1.0),
        lambda: Torus(1.0, 0.0),
        lambda: AffineSubspace(torch.zeros(1, 3)),
        lambda: AffineSubspace(torch.ones(4, 3)),
        lambda: AffineSubspace(torch.tensor([[1.0, 2.0], [2.0, 4.0]])),
        lambda: Sphere(1).distance(torch.zeros(4, 3)),
        lambda: Torus(2.0, 0.5).project(torch.zeros(3)),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError):
        call()
