import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion.finite_sets import BLOCK, FiniteSet


def points(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_bytes_stand_for_image_values():
    found = FiniteSet(torch.tensor([[0, 255], [255, 255], [0, 0]], dtype=torch.uint8))
    np.testing.assert_allclose(found.take([0, 2]), [[-1, 1], [-1, -1]])
    np.testing.assert_allclose(found.mean, [-1 / 3, 1 / 3])
    assert found.spread == pytest.approx(4 / 3)
    np.testing.assert_allclose(found.squared_distances(np.zeros((1, 2))), [[2, 2, 2]])
    np.testing.assert_allclose(found.average(np.array([[0.0, 0.5, 0.5]])), [[0, 0]])


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from([1, 7, BLOCK, BLOCK + 3]), st.integers(1, 3))
def test_blocks_join_to_the_whole_set(seed, count, dim):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, dim))
    found = FiniteSet(torch.from_numpy(rows))
    x, weights = rng.standard_normal((2, dim)), rng.random((2, count))
    np.testing.assert_array_equal(np.concatenate(list(found.blocks())), rows)
    np.testing.assert_allclose(found.squared_distances(x), ((x[:, None] - rows) ** 2).sum(-1))
    np.testing.assert_allclose(found.project(x), x @ rows.T, atol=1e-12)
    np.testing.assert_allclose(found.average(weights), weights @ rows, atol=1e-9)
    np.testing.assert_allclose(found.mean, rows.mean(0), atol=1e-12)
    assert found.spread == pytest.approx(np.sqrt(np.trace(np.atleast_2d(np.cov(rows.T, ddof=0)))))


def test_neighbours_are_the_nearest_other_points():
    found = FiniteSet(points([0.0], [1.0], [5.0])).neighbours(5, np.random.default_rng(0))
    partner = {0.0: 1.0, 1.0: 0.0, 5.0: 1.0}
    assert [partner[float(a)] for a in found.first[:, 0]] == found.second[:, 0].tolist()


def test_repeated_points_have_no_neighbour():
    found = FiniteSet(points([0.0], [0.0], [4.0])).neighbours(3, np.random.default_rng(0))
    assert set(found.first[:, 0]) == {4.0} and set(found.second[:, 0]) == {0.0}


def test_noisy_points_are_points_of_the_set_and_normal_noise():
    found = FiniteSet(points([-3.0], [3.0])).noisy(0.5, 20_000, np.random.default_rng(1))
    assert set(found.clean[:, 0]) == {-3.0, 3.0}
    noise = (found.noisy - found.clean) / 0.5
    # Ten standard errors of 20,000 draws.
    assert abs(noise.mean()) < 0.07 and abs(noise.var() - 1) < 0.1
    assert abs(found.clean.mean()) < 0.22


@pytest.mark.parametrize(
    "wrong", [torch.zeros(3), torch.zeros(0, 2), torch.zeros(3, 2, dtype=torch.float32)]
)
def test_what_is_no_finite_set_is_refused(wrong):
    with pytest.raises(ValueError, match="points must be"):
        FiniteSet(wrong)
