"""Limits: known expansions, estimated exponents, false neighbours, sequences without a limit."""

import math

import mpmath as mp
import numpy as np
import pytest
import xarray as xr

from theorylab import checks

H = 2.0 ** -np.arange(2, 10)


def along(values, h=H):
    return xr.DataArray(values, dims="h", coords={"h": h})


def draws(rng, low, high, count=150):
    return xr.DataArray(rng.uniform(low, high, count), dims="draw")


@pytest.mark.parametrize("exponents", [(1,), (1, 2), (0.5, 1, 1.5), (2, 4)])
def test_richardson_interval_holds_the_limit(exponents, rng):
    """Random expansions with two terms more than are removed."""
    step = exponents[0]
    powers = [*exponents, exponents[-1] + step, exponents[-1] + 2 * step]
    limit = draws(rng, -3, 3)
    h = along(H)
    values = limit + sum(draws(rng, -3, 3) * h**p for p in powers)
    e = checks.limit(values, limit, 0.1, "r", exponents=exponents, rounding=1e-14)
    assert e.points == 150
    missed = (e.lower > 0) | (e.upper < 0)
    # The half-width is an estimate: where two terms left over cancel in it, it may fall short.
    assert int(missed.sum()) <= 3
    last_value = np.abs(values.isel(h=-1) - limit)
    assert float((e.upper - e.lower).median()) < 0.5 * float(last_value.median())


def test_aitken_interval_holds_the_limit(rng):
    limit, p = draws(rng, -3, 3), draws(rng, 0.5, 3)
    c, d = draws(rng, 0.5, 3), draws(rng, -0.5, 0.5)
    h = along(H)
    values = limit + c * h**p + d * h ** (2 * p)
    e = checks.limit(values, limit, 0.1, "r", rounding=4e-15)
    assert not bool(((e.lower > 0) | (e.upper < 0)).any())
    assert float((e.upper - e.lower).median()) < 0.1 * float(
        np.abs(values.isel(h=-1) - limit).median()
    )


def test_rounding_is_amplified_by_the_weights():
    """A = 1 + h with h halved: weights 2 and -1; Aitken's derivatives 1, -4 and 4."""
    exact = checks.limit(along(1 + H), 1.0, 1, "r", exponents=(1,), rounding=1e-3)
    assert float(exact.upper) == pytest.approx(3e-3)
    estimated = checks.limit(along(1 + H), 1.0, 1, "r", rounding=1e-3)
    assert float(estimated.upper) == pytest.approx(9e-3)
    constant = checks.limit(along(np.ones(8)), 1.0, 1, "r", rounding=1e-3)
    assert float(constant.upper) == pytest.approx(1e-3)


def test_limit_at_infinity_and_its_neighbour():
    """(1 + 1/n)^n tends to e, not to e + 1e-5; the last value alone is 5e-3 away."""
    n = 2 ** np.arange(2, 9)
    with mp.workdps(40):
        values = [(1 + mp.mpf(1) / int(k)) ** int(k) for k in n]
        e = checks.limit(
            values, mp.e, 1e-6, "r", h=1 / n, exponents=(1, 2, 3, 4), neighbour=mp.e + 1e-5
        )
        false = checks.limit(values, mp.e + 1e-5, 1e-6, "r", h=1 / n, exponents=(1, 2, 3, 4))
    assert e.verdict() == "supported"
    assert false.verdict() == "refuted"
    assert e.level == "numerics"


def test_on_the_margin_is_inconclusive():
    e = checks.limit(along(1 + H + H**3), 1 - 1e-3, 1e-3, "r", exponents=(1,))
    assert e.verdict() == "inconclusive"


def test_order_of_the_steps_does_not_matter():
    values = along(np.exp(H))
    one = checks.limit(values, 1.0, 1e-6, "r", exponents=(1, 2, 3))
    two = checks.limit(values.isel(h=slice(None, None, -1)), 1.0, 1e-6, "r", exponents=(1, 2, 3))
    assert float(one.estimate) == float(two.estimate)
    assert one.verdict() == "supported"


def test_other_dimensions_are_points():
    d = xr.DataArray([1.0, 2.0, 4.0], dims="d", coords={"d": [1, 2, 4]})
    values = d + d**2 * along(H)
    target = d.copy(data=[1.0, 2.0, 4.001])
    options = {"exponents": (1,), "reason": "r", "margin": 1e-4}
    assert checks.limit(values, d, **options).verdict() == "supported"
    e = checks.limit(values, target, **options)
    assert e.verdict() == "refuted"
    assert e.at(e.decisive_point())["where"] == "d=4"
    assert checks.limit(values, target, where=d.d < 3, **options).verdict() == "supported"
    hole = values.where(d.d != 2)
    assert checks.limit(hole, d, **options).verdict() == "inconclusive"


def test_divergence_has_no_limit():
    assert checks.limit(along(1 / H), 0.0, 10, "r").verdict() == "inconclusive"
    alternating = along((-1.0) ** np.arange(len(H)))
    assert checks.limit(alternating, 0.0, 10, "r").verdict() == "inconclusive"


def test_constant_sequence():
    assert checks.limit(along(np.full(8, 2.0)), 2.0, 1e-9, "r").verdict() == "supported"
    assert checks.limit(along(np.full(8, 2.0)), 2.1, 1e-9, "r").verdict() == "refuted"


def test_envelope_holds_or_is_left():
    values = np.log1p(H) / H  # 1 - h/2 + h^2/3 - ...
    e = checks.envelope(along(values), 1.0, along(H / 2), 0.01, "r")
    assert e.verdict() == "supported"
    assert e.points == len(H)
    assert checks.envelope(along(values), 1.0, along(0.45 * H), 0.01, "r").verdict() == "refuted"
    false = checks.envelope(along(values), 1.01, along(H / 2), 0.01, "r")
    assert false.verdict() == "refuted"
    blurred = checks.envelope(along(values), 1.0, along(H / 2), 0.01, "r", rounding=1e-3)
    assert blurred.verdict() == "inconclusive"
    hole = along(np.where(np.arange(len(H)) == 3, np.nan, values))
    assert checks.envelope(hole, 1.0, along(H / 2), 0.01, "r").verdict() == "inconclusive"
    listed = checks.envelope(values.tolist(), 1.0, (H / 2).tolist(), 0.01, "r", h=H)
    assert listed.verdict() == "supported"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks.limit(along(H), 0, 1, "r", exponents=(2, 1)), "increasing"),
        (lambda: checks.limit(along(H), 0, 1, "r", exponents=(0, 1)), "positive"),
        (lambda: checks.limit(along(H), 0, 1, "r", exponents=range(1, 8)), "needs 9 values"),
        (lambda: checks.limit(along(H[:3], H[:3]), 0, 1, "r"), "needs 4 values"),
        (lambda: checks.limit(along(H, np.arange(1, 9)), 0, 1, "r"), "geometric"),
        (lambda: checks.limit(H, 0, 1, "r"), "give h="),
        (lambda: checks.limit(H, 0, 1, "r", h=H[:2]), "8 values"),
        (lambda: checks.limit(H, 0, 1, "r", h=-H), "positive and distinct"),
        (lambda: checks.limit(along(H), 0, 1, "r", dim="n"), "no dimension 'n'"),
        (lambda: checks.limit(along(H), 0, 1, "r", exponents=(1,), neighbour=0.5), "exclude"),
        (lambda: checks.envelope(along(H), 0, along(1 / H), 1, "r"), "does not decrease"),
        (lambda: checks.envelope(along(H), 0, along(-H), 1, "r"), "positive"),
        (lambda: checks.envelope(along(H), 0, along(9 * H), 0.01, "r"), "take smaller h"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nan_target_is_never_supported():
    assert checks.limit(along(H), math.nan, 1, "r", exponents=(1,)).verdict() == "inconclusive"
