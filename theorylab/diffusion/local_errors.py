r"""Leading local errors of solvers on N(0, 1): what one step adds to a state on the exact flow.

There ``x = sqrt(1 + sigma^2)``, with ``eps = sigma/x`` and ``D = 1/x``, and the flow is linear:
local errors ``e(s) h^(p+1)``, relative to x, add up to ``n^-p (s_n - s_0)^p int e ds`` over n steps
that fall by h in the variable s, here ``u = log sigma`` or sigma itself.

The derivatives are Taylor coefficients, by power series of balls (python-flint); a dot is d/ds,
``D'`` is ``dD/dlambda`` with ``lambda = -u``. The formulas are the classical ones of Adams'
methods (Hairer, Norsett & Wanner 1993, section III.1) in each solver's own variable, and expansions
by hand or by series of the one-step methods.
"""

from collections.abc import Callable

from flint import arb, arb_series, ctx, fmpq

#: Digits for five derivatives of balls, each of which loses some.
PRECISION = 128

#: Error constants of Adams-Bashforth with p outputs, and of Adams-Moulton with p old and one new.
BASHFORTH = (1, fmpq(1, 2), fmpq(5, 12), fmpq(3, 8), fmpq(251, 720))
MOULTON = (fmpq(-1, 2), fmpq(-1, 12), fmpq(-1, 24), fmpq(-19, 720))
#: Adams-Moulton's weight of the new output.
NEWEST = (1, fmpq(1, 2), fmpq(5, 12), fmpq(3, 8))

#: UniPC's published ``-B/2`` less the exact weight of ``h D'``, over h^2, where one difference is
#: used: ``B = e^-h - 1`` (also DPM-Solver++(2M)'s) and, as ``B1``, ``B = -h``.
HALVED = {"": fmpq(-1, 12), "B1 ": fmpq(1, 6)}


def log_step_errors(u: float) -> dict[str, float]:
    r"""``e(u)`` of each solver for steps equal in ``u = log sigma``, by name.

    ``AB p in sigma | time | u``: Adams-Bashforth with p outputs as a polynomial in that variable,
    ``time`` that of the linear-beta process: LMS and DEIS. ``equal p``: with the weights of equal
    steps (p = 2: S-PNDM; p = 4: all with more). ``Heun``, ``midpoint`` (in u), ``RK4``, and
    ``Simpson``, which is RK4 with exact stages. ``data p``: the polynomial of D in u, with the
    exponential integrated exactly; ``2M`` and ``3M``: DPM-Solver++ as published.

    For UniPC-p, p = 1, 2, 3, also as ``B1 p``: ``predictor p`` is of order h^(p+1); ``UniPC p``, a
    corrected step when all outputs are those at predicted states, of h^(p+2); ``PECE p`` the same
    when old outputs are those at corrected states. ``start 2`` is what the first step of UniPC-2,
    which is UniPC-1's, adds in all, of order h^3.
    """
    with ctx.workprec(PRECISION):
        s = arb_series([u, 1])
        sigma, x = s.exp(), (1 + s.exp() ** 2).sqrt()
        found = _noise_form(s, sigma) | _one_step(u, lambda shift: (arb(u) - shift).exp())
        e1, e2 = (_at(sigma / x, n) for n in (1, 2))
        slope = _at(sigma / x**2)  # deps/dx
        level = _at(sigma)
        found["Heun"] = slope * level**2 * e1 / 4 - level * (e2 - e1) / 12
        found["midpoint"] = slope * level**2 * e1 / 8 + level * (e2 + 2 * e1) / 24
        found |= _data_form(1 / x)
        return {name: float(value / _at(x)) for name, value in found.items()}


def sigma_step_errors(sigma: float) -> dict[str, float]:
    """The same of steps equal in sigma: the names of :func:`log_step_errors` in noise form."""
    with ctx.workprec(PRECISION):
        s = arb_series([sigma, 1])
        found = _noise_form(s, s) | _one_step(sigma, lambda shift: arb(sigma) - shift)
        return {name: float(value / (1 + arb(sigma) ** 2).sqrt()) for name, value in found.items()}


def _at(series: arb_series, order: int = 0) -> arb:
    """Its derivative of this order at the point of expansion."""
    for _ in range(order):
        series = series.derivative()
    return series[0]


def _noise_form(s: arb_series, sigma: arb_series) -> dict[str, arb]:
    """(-1)^p gamma_p t'^(p+1) d^p eps/dt^p dsigma/dt in each clock t; and equal weights."""
    eps = sigma / (1 + sigma**2).sqrt()
    time = (arb(fmpq(1, 100)) + arb(fmpq(199, 5)) * (1 + sigma**2).log()).sqrt()
    rate = _at(sigma, 1)
    found = {}
    for name, clock in {"sigma": sigma, "time": time, "u": sigma.log()}.items():
        along, pace = eps, _at(clock, 1)
        for p in range(1, 5):
            along = along.derivative() / clock.derivative()
            found[f"AB {p} in {name}"] = (-1) ** p * BASHFORTH[p] * pace**p * along[0] * rate
    # Weights of equal steps take the mean of eps over s for that over sigma.
    found["equal 4"] = _at(eps, 1) * _at(sigma, 2) / 12
    found["equal 2"] = found["equal 4"] + BASHFORTH[2] * _at(eps, 2) * rate
    return found


def _data_form(denoised: arb_series) -> dict[str, arb]:
    d = [(-1) ** n * _at(denoised, n) for n in range(5)]
    slope = d[0] ** 2  # dD/dx
    data = {p: -BASHFORTH[p] * d[p] for p in (1, 2, 3)}
    found = {f"data {p}": data[p] for p in (2, 3)}
    found["2M"] = data[2] + HALVED[""] * d[1]
    found["3M"] = -d[2] / 12  # the half of the second difference's exact weight that is missing
    for b, halved in HALVED.items():
        for p in (1, 2, 3):
            predictor = data[p] + halved * d[1] * (p == 2)
            corrector = -MOULTON[p] * d[p + 1] + halved * d[1] * (p == 1)
            found[f"predictor {b}{p}"] = predictor
            # Old and new outputs are all taken at predicted states; their weights add up to h.
            found[f"UniPC {b}{p}"] = corrector + slope * predictor
            found[f"PECE {b}{p}"] = corrector + NEWEST[p] * slope * predictor
        # The first output after the start, wrong by slope * predictor h^2 of UniPC-1, has the
        # weights 1/2, 2/3 and -1/12 in the corrections of three steps.
        weight = fmpq(1, 2) + fmpq(2, 3) - fmpq(1, 12)
        start = -MOULTON[1] * d[2] + halved * d[1]
        found[f"start {b}2"] = start + weight * slope * data[1]
    return found


def _one_step(start: float, level: Callable[[arb_series], arb]) -> dict[str, arb]:
    """RK4 and Simpson's rule from ``level(0)`` to ``level(h)``: the coefficient of h^5."""
    now, after = level(arb_series([0])), level(arb_series([0, 1]))
    middle, h = (now + after) / 2, after - now
    slope = lambda sigma: sigma / (1 + sigma**2)
    exact = lambda sigma: (1 + sigma**2).sqrt()
    x = exact(now)
    k1 = slope(now) * x
    k2 = slope(middle) * (x + h / 2 * k1)
    k3 = slope(middle) * (x + h / 2 * k2)
    k4 = slope(after) * (x + h * k3)
    simpson = slope(now) * x + 4 * slope(middle) * exact(middle) + slope(after) * exact(after)
    return {
        "RK4": (x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4) - exact(after))[5],
        "Simpson": (x + h / 6 * simpson - exact(after))[5],
    }
