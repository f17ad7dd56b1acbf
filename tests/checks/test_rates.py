"""Rates: known orders with their pre-asymptotic part, false neighbours, noise, zeros."""

import math

import numpy as np
import pytest
import xarray as xr

from theorylab import checks

H = 2.0 ** -np.arange(3, 9)


def along(values, h=H):
    return xr.DataArray(values, dims="h", coords={"h": h})


def draws(rng, low, high, count=2000):
    return xr.DataArray(rng.uniform(low, high, count), dims="draw")


def test_interval_holds_the_order(rng):
    """C h^p (1 + c h^q) with q >= 1, steps halved: what is left of the drift is covered."""
    order, constant = draws(rng, 0.5, 4), 10 ** draws(rng, -6, 6)
    drift, extra = draws(rng, -2, 2), draws(rng, 1, 2)
    h = along(H)
    e = checks.rate(constant * h**order * (1 + drift * h**extra), order, 0.4, "r")
    assert bool(((e.lower - 1e-9 <= order) & (order <= e.upper + 1e-9)).all())
    assert e.verdict() == "supported"


@pytest.mark.parametrize("wrong", [1.5, 2.5, 1, 3])
def test_neighbouring_orders_are_refuted(wrong):
    errors = along(np.exp(H) - 1 - H)
    assert checks.rate(errors, 2, 0.2, "r").verdict() == "supported"
    assert checks.rate(errors, wrong, 0.2, "r").verdict() == "refuted"


def test_a_pre_asymptotic_part_does_not_count():
    """1 / (1 + 1 / (30 h)^2): a regression over all h gives 1.5, the last slopes give 2."""
    h = 2.0 ** -np.arange(0, 12)
    errors = along(1 / (1 + 1 / (30 * h) ** 2), h)
    assert np.polyfit(np.log(h), np.log(errors.values), 1)[0] < 1.6
    assert checks.rate(errors, 2, 0.1, "r").verdict() == "supported"
    early = errors.isel(h=slice(0, 6))
    assert checks.rate(early, 2, 0.1, "r").verdict() != "supported"


def test_on_the_margin_is_inconclusive():
    assert checks.rate(along(H**2 * (1 + H)), 1.9, 0.1, "r").verdict() == "inconclusive"


def test_errors_known_only_within_bounds(rng):
    h = along(H)
    noise = xr.DataArray(rng.choice([-0.05, 0.03, 0.05], (2000, len(H))), dims=("draw", "h"))
    errors = h**2 * (1 + noise)
    e = checks.rate(errors, 2, 0.4, "r", rounding=0.05 / 0.95)
    assert bool(((e.lower <= 2) & (e.upper >= 2)).all())
    wrong = checks.rate(errors, 0.5, 0.2, "r", rounding=0.05 / 0.95)
    assert bool((wrong.outside() > 0).all())


def test_unequal_steps_in_any_order_and_growth():
    h = np.array([0.01, 0.3, 0.1, 0.03, 0.002])
    assert checks.rate(along(5 * h**1.5, h), 1.5, 0.01, "r").verdict() == "supported"
    n = np.array([10, 20, 40, 80])
    e = checks.rate(xr.DataArray(3.0 / n, dims="n", coords={"n": n}), 1, 0.1, "r", dim="n", h=1 / n)
    assert e.verdict() == "supported"
    assert "between 3 and 3" in e.note


def test_one_false_point_refutes():
    d = xr.DataArray([1.0, 2.0], dims="d", coords={"d": [1, 2]})
    e = checks.rate(along(H) ** d, 1, 0.3, "r")
    assert e.verdict() == "refuted"
    assert e.at(e.decisive_point())["where"] == "d=2"
    assert checks.rate(along(H) ** d, d, 0.3, "r").verdict() == "supported"
    assert checks.rate(along(H) ** d, 1, 0.3, "r", where=d.d < 2).verdict() == "supported"
    assert checks.rate(along(H) ** d, 1, 0.3, "r", relation=">=").verdict() == "supported"
    assert checks.rate(along(H) ** d, 1.5, 0.3, "r", relation=">=").verdict() == "refuted"
    assert checks.rate(along(H) ** d, 2, 0.3, "r", relation="<=").verdict() == "supported"


def test_rounding_enters_every_slope_it_touches():
    """An exact power: the three slopes agree, what is left is three times the blur of one."""
    e = checks.rate(along(H**2), 2, 0.4, "r", rounding=0.01)
    blur = 2 * -math.log(0.99) / math.log(2)
    assert float(e.upper - e.estimate) == pytest.approx(3 * blur)
    late = along(np.where(np.arange(len(H)) == 5, 0.01, 0.0))
    e = checks.rate(along(H**2), 2, 0.4, "r", rounding=late)
    assert float(e.upper - e.estimate) == pytest.approx(blur)


@pytest.mark.parametrize("bad", [0.0, -(H[4] ** 2), math.nan])
def test_an_error_without_logarithm_is_never_supported(bad):
    errors = along(np.where(np.arange(len(H)) == 4, bad, H**2))
    assert checks.rate(errors, 2, 0.4, "r").verdict() == "inconclusive"
    assert checks.rate(errors, 3, 0.4, "r").verdict() == "inconclusive"


def test_scatter_widens_the_interval():
    errors = along(H**2 * (1 + 0.5 * (-1.0) ** np.arange(len(H))))
    assert checks.rate(errors, 2, 0.4, "r").verdict() == "inconclusive"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"last": 1}, "at least 2"),
        ({"last": 6}, "needs 7 step sizes"),
        ({"rounding": 1.0}, "rounding must be"),
        ({"rounding": -0.1}, "rounding must be"),
        ({"tolerance": -1}, "margin must be"),
        ({"h": H[:2]}, "6 values"),
    ],
)
def test_nonsense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        checks.rate(along(H**2), **({"order": 2, "tolerance": 0.1, "reason": "r"} | options))
