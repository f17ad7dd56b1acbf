"""Local errors: against closed forms by hand, and against single short steps at high precision."""

import math

import mpmath as mp
import pytest

from theorylab.diffusion.local_errors import log_step_errors, sigma_step_errors

LEVELS = (-2.0, -0.3, 0.4, 2.1)


@pytest.mark.parametrize("u", LEVELS)
def test_closed_forms_in_the_share_of_the_data(u):
    # w = 1/(1 + sigma^2), for which dw/du = -2 w (1 - w)
    w = 1 / (1 + math.exp(2 * u))
    found = log_step_errors(u)
    known = {
        "AB 1 in sigma": -w * (1 - w) / 2,
        "AB 1 in time": -w * (1 - w) / 2,
        "predictor 1": -w * (1 - w) / 2,
        "Heun": w * (1 - w) ** 2 / 2,
        "midpoint": w * (1 - w) / 8,
        "equal 4": w * (1 - w) / 12,
        "AB 2 in u": 5 * w * (1 - w) * (3 * w - 2) / 12,
        "data 2": -5 * w * (1 - w) * (1 - 3 * w) / 12,
        "2M": -5 * w * (1 - w) * (1 - 3 * w) / 12 - w * (1 - w) / 12,
    }
    assert {name: found[name] for name in known} == pytest.approx(known, rel=1e-12)


def slope(sigma):
    return sigma / (1 + sigma**2)


def exact(sigma):
    return mp.sqrt(1 + sigma**2)


def rk4(x, now, after):
    h, middle = after - now, (now + after) / 2
    k1 = slope(now) * x
    k2 = slope(middle) * (x + h / 2 * k1)
    k3 = slope(middle) * (x + h / 2 * k2)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(after) * (x + h * k3))


def lms_4(now, h_of):
    """The polynomial through the noise of four exact states, integrated exactly."""
    nodes = [h_of(-j) for j in range(4)]
    noise = mp.matrix([slope(s) * exact(s) for s in nodes])
    powers = mp.matrix([[(s - now) ** i for i in range(4)] for s in nodes])
    after = h_of(1)
    integrals = [(after - now) ** (i + 1) / (i + 1) for i in range(4)]
    fit = mp.lu_solve(powers, noise)
    return exact(now) + sum(c * i for c, i in zip(fit, integrals, strict=True))


@pytest.mark.parametrize("place", LEVELS[1:])
@pytest.mark.parametrize("uniform", ["log sigma", "sigma"])
def test_a_short_step_errs_by_the_coefficient(place, uniform):
    with mp.workdps(60):
        h = mp.mpf(10) ** -8
        if uniform == "sigma":
            place = math.exp(place)
            found, level = sigma_step_errors(place), lambda k: mp.mpf(place) - k * h
        else:
            found, level = log_step_errors(place), lambda k: mp.exp(mp.mpf(place) - k * h)
        now, after = level(0), level(1)
        steps = {"RK4": rk4(exact(now), now, after), "AB 4 in sigma": lms_4(now, level)}
        for name, x in steps.items():
            assert float((x - exact(after)) / h**5 / exact(now)) == pytest.approx(
                found[name], rel=1e-5
            )


def unipc_1(state, output, levels, b):
    """One step of UniPC-1 from a corrected state and an old output; the two new ones."""
    now, after = levels
    h = mp.log(now / after)
    weight = (1 - mp.exp(-h)) / 2 if b == "" else h / 2
    x = mp.exp(-h) * state + (1 - mp.exp(-h)) * output
    newest = x / (1 + after**2)
    return x, x + weight * (newest - output), newest


@pytest.mark.parametrize("u", LEVELS[1:])
@pytest.mark.parametrize("b", ["", "B1 "])
def test_a_step_of_unipc_1_with_outputs_at_predicted_states(u, b):
    with mp.workdps(60):
        h = mp.mpf(10) ** -8
        found = log_step_errors(u)
        before, now, after = (mp.exp(mp.mpf(u) - k * h) for k in (-1, 0, 1))
        # An output one step old, at the state predicted from an exact one.
        _, _, old = unipc_1(exact(before), exact(before) / (1 + before**2), (before, now), b)
        _, corrected, _ = unipc_1(exact(now), old, (now, after), b)
        predicted, _, _ = unipc_1(exact(now), exact(now) / (1 + now**2), (now, after), b)
        assert float((corrected - exact(after)) / h**3 / exact(now)) == pytest.approx(
            found[f"UniPC {b}1"], rel=1e-5
        )
        assert float((predicted - exact(after)) / h**2 / exact(now)) == pytest.approx(
            found[f"predictor {b}1"], rel=1e-5
        )
