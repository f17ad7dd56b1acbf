"""Data steps of a linear measurement against stacked least squares and automatic derivatives."""

import numpy as np
import pytest
import torch

from theorylab.diffusion.linear_measurement import LinearMeasurement


def case(m, d, rank=None, seed=0):
    rng = np.random.default_rng(seed)
    operator = rng.standard_normal((m, d))
    if rank is not None:
        operator = operator[:, :rank] @ rng.standard_normal((rank, d))
    return operator, rng.standard_normal(m), torch.from_numpy(rng.standard_normal((5, d)))


@pytest.mark.parametrize(("m", "d", "rank"), [(1, 1, None), (2, 5, None), (5, 2, None), (4, 4, 2)])
@pytest.mark.parametrize("rho", [1e-3, 0.7, 1e4])
def test_proximal_point_is_the_stacked_least_squares_solution(m, d, rank, rho):
    operator, y, x = case(m, d, rank)
    found = LinearMeasurement(operator, y, 0.3).proximal(x, rho)
    stacked = np.vstack([operator, np.sqrt(rho) * np.eye(d)])
    for row, point in zip(found, x.numpy(), strict=True):
        wanted = np.linalg.lstsq(stacked, np.concatenate([y, np.sqrt(rho) * point]), rcond=None)[0]
        assert row.numpy() == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_without_weight_it_is_the_nearest_solution():
    operator, y, x = case(2, 5)
    found = LinearMeasurement(operator, y, 1.0).proximal(x, 0.0)
    torch.testing.assert_close(found @ torch.from_numpy(operator).T, torch.tensor(y).expand(5, 2))
    off_the_rows = np.linalg.svd(operator)[2][2:]
    assert np.abs((found - x).numpy() @ off_the_rows.T).max() < 1e-13
    flat = LinearMeasurement(np.zeros((2, 5)), y, 1.0).proximal(x, 0.0)
    assert torch.equal(flat, x)


def test_pull_back_is_minus_half_the_gradient_and_keeps_the_event():
    operator, y, _ = case(3, 6)
    x = torch.randn(2, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_(True)
    measurement = LinearMeasurement(operator, y, 0.1)
    misfit = ((torch.tensor(y) - x.flatten(1) @ torch.tensor(operator).T) ** 2).sum()
    (gradient,) = torch.autograd.grad(misfit, x)
    torch.testing.assert_close(measurement.pull_back(measurement.residual(x), x), -gradient / 2)
    assert measurement.proximal(x, torch.ones(2, 1, 1)).shape == x.shape


def test_each_row_has_its_own_weight_and_knows_no_other_row():
    operator, y, x = case(3, 4)
    measurement, rho = LinearMeasurement(operator, y, 0.1), torch.linspace(0.1, 3, 5)[:, None]
    together = measurement.proximal(x, rho)
    for k in range(5):
        alone = measurement.proximal(x[k : k + 1], float(rho[k]))
        torch.testing.assert_close(together[k : k + 1], alone, rtol=1e-6, atol=1e-6)
    parts = torch.cat([measurement.proximal(x[:2], 0.4), measurement.proximal(x[2:], 0.4)])
    torch.testing.assert_close(measurement.proximal(x, 0.4), parts, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("operator", "y", "noise", "message"),
    [
        ([1.0, 2.0], [1.0], 0.1, r"operator: got shape \(2,\), allowed: \(m, d\)"),
        ([[1.0, 2.0]], [1.0, 2.0], 0.1, r"y: got shape \(2,\), allowed: \(1,\)"),
        ([[1.0, 2.0]], 1.0, 0.1, r"y: got shape \(\)"),
        ([[1.0, 2.0]], [1.0], 0.0, "noise: got 0, allowed"),
        ([[1.0, 2.0]], [1.0], float("nan"), "noise: got nan"),
        ([[1.0, float("nan")]], [1.0], 0.1, "operator: 1 of 2 entries"),
    ],
)
def test_what_is_no_measurement_is_refused(operator, y, noise, message):
    with pytest.raises(ValueError, match=message):
        LinearMeasurement(operator, y, noise)


def test_an_operator_that_does_not_fit_the_state_names_both_shapes():
    measurement = LinearMeasurement(np.eye(3), np.ones(3), 0.1)
    for step in (measurement.residual, lambda x: measurement.proximal(x, 1.0)):
        with pytest.raises(ValueError, match=r"\(3, 3\) acts on events of 3 .*\(7, 2, 2\)"):
            step(torch.zeros(7, 2, 2))
