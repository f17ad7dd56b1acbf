"""Proofs for symbols: true ones, false neighbours with their witness, true ones too hard."""

import fractions
import math

import pytest
import sympy as sp

from theorylab import checks

x, y = sp.symbols("x y", real=True)
a, b = sp.symbols("a b", positive=True)
s = sp.symbols("sigma", positive=True)
R = sp.Rational
AT = {x: R(1, 3), y: R(2, 5), a: R(3, 2), b: R(1, 7), s: R(3, 4)}


def half_gradient(c=2, power=1):
    """Half the gradient of -c sigma^2 log sum exp(-|q - k|^2 / 2 sigma^2), minus sigma eps."""
    points = [(0, 0), (1, R(1, 2)), (x, y)]
    q = sp.symbols("q0 q1", real=True)
    weights = [sp.exp(-((q[0] - k[0]) ** 2 + (q[1] - k[1]) ** 2) / (2 * s**2)) for k in points]
    differences = []
    for i in (0, 1):
        eps = sum((q[i] - k[i]) * w for k, w in zip(points, weights, strict=True))
        eps /= s**power * sum(weights)
        differences.append(sp.diff(-c * s**2 * sp.log(sum(weights)), q[i]) / 2 - s * eps)
    return differences, {**AT, q[0]: R(-1, 5), q[1]: R(7, 4)}


TRUE = {
    "polynomial": (x + y) ** 3 - x**3 - 3 * x**2 * y - 3 * x * y**2 - y**3,
    "rational": 1 / (x**2 + 1) + x**2 / (x**2 + 1) - 1,
    "trigonometric": sp.sin(x + y) - sp.sin(x) * sp.cos(y) - sp.cos(x) * sp.sin(y),
    "hyperbolic": sp.cosh(x) ** 2 - sp.sinh(x) ** 2 - 1,
    "exponential": sp.exp(x) * sp.exp(y) - sp.exp(x + y),
    "logarithm": sp.log(a * b) - sp.log(a) - sp.log(b),
    "root": sp.sqrt(a**2 * b) - a * sp.sqrt(b),
    "gaussian integral": sp.Integral(sp.exp(-(x**2) / (2 * s**2)), (x, -sp.oo, sp.oo))
    - s * sp.sqrt(2 * sp.pi),
    "derivative": sp.Derivative(sp.exp(-(x**2) / 2), x) + x * sp.exp(-(x**2) / 2),
    "posterior variance": 1 / (1 / a**2 + 1 / s**2) - a**2 * s**2 / (a**2 + s**2),
}


@pytest.mark.parametrize("name", TRUE)
def test_an_identity_is_proved(name):
    e = checks.proof(TRUE[name], AT)
    assert e.verdict() == "supported", e.note
    assert e.level == "proof"
    assert "reduced to 0" in e.note


@pytest.mark.parametrize("name", TRUE)
@pytest.mark.parametrize("slip", [R(1, 10**12), x * R(1, 100)])
def test_its_false_neighbour_is_refuted_by_the_witness(name, slip):
    e = checks.proof(TRUE[name] + slip, AT)
    assert e.verdict() == "refuted"
    assert float(e.estimate) == pytest.approx(float(slip.subs(AT)), rel=1e-6)
    assert "witness" in e.note or "a constant" in e.note


def test_half_gradient_of_smoothed_distance():
    difference, witness = half_gradient()
    e = checks.proof(difference, witness)
    assert e.verdict() == "supported", e.note
    assert e.points == 2
    for slip in ({"c": 1}, {"c": R(9, 5)}, {"c": -2}, {"power": 2}):
        difference, witness = half_gradient(**slip)
        assert checks.proof(difference, witness).verdict() == "refuted"


def test_one_false_component_refutes_a_vector():
    zero = sp.expand((x + y) ** 2) - (x + y) ** 2
    e = checks.proof(sp.Matrix([zero, zero + x, zero]), AT)
    assert e.verdict() == "refuted"
    assert e.at(e.decisive_point())["where"] == "component=1"
    assert checks.proof([zero, zero], AT).verdict() == "supported"


def test_what_does_not_simplify_is_not_refuted():
    e = checks.proof(sp.Function("f")(x) - sp.Function("g")(x), None)
    assert e.verdict() == "inconclusive"
    assert "does not simplify" in e.why_inconclusive()
    true = sp.sin(x) ** 2 + sp.cos(x) ** 2 - 1
    e = checks.proof(true, AT, tries=[("as it stands", lambda e: e)])
    assert e.verdict() == "inconclusive"
    assert "no witness excludes 0" in e.note


def test_a_witness_where_both_sides_agree_shows_nothing():
    difference = sp.exp(x) - 1 - x
    assert checks.proof(difference, {x: 0}).verdict() == "inconclusive"
    assert checks.proof(difference, [{x: 0}, {x: R(1, 1000)}]).verdict() == "refuted"


def test_the_witness_outvotes_a_wrong_reduction():
    e = checks.proof(x - 1, {x: 2}, tries=[("a bug", lambda e: sp.Integer(0))])
    assert e.verdict() == "refuted"


def test_a_tiny_difference_gets_the_bits_it_needs():
    tiny = sp.exp(x) - sp.exp(x + R(1, 10**60))
    e = checks.proof(tiny, {x: R(1, 3)})
    assert e.verdict() == "refuted"
    assert float(e.upper) < 0
    assert float(e.estimate) == pytest.approx(-math.exp(1 / 3) * 1e-60, rel=1e-6)


def test_constants_are_enclosed_without_a_witness():
    assert checks.proof(sp.pi - R(355, 113), None).verdict() == "refuted"
    assert checks.proof(sp.sqrt(6) - sp.sqrt(2) * sp.sqrt(3), None).verdict() == "supported"


@pytest.mark.parametrize(
    ("expression", "equals"),
    [
        (x**2 + y**2 - 2 * x * y, None),
        (a * b / (a + b), None),
        (x**2 + y**2 - x * y, (x - y / 2) ** 2 + 3 * y**2 / 4),
        (a / b + b / a - 2, (a - b) ** 2 / (a * b)),
        (sp.exp(x) + sp.exp(-x) - 2, (sp.exp(x / 2) - sp.exp(-x / 2)) ** 2),
    ],
)
def test_an_inequality_is_proved_by_its_form(expression, equals):
    e = checks.proof_nonnegative(expression, AT, equals=equals)
    assert e.verdict() == "supported", e.note
    assert e.level == "proof"


def test_a_false_inequality_needs_its_witness():
    false = x**2 + y**2 - 3 * x * y
    assert checks.proof_nonnegative(false, {x: 1, y: 1}).verdict() == "refuted"
    assert checks.proof_nonnegative(false, {x: 1, y: 0}).verdict() == "inconclusive"
    # A form that is nonnegative but not equal proves nothing.
    e = checks.proof_nonnegative(false, {x: 1, y: 0}, equals=(x - y) ** 2)
    assert e.verdict() == "inconclusive"
    # A form that is equal but of unknown sign proves nothing.
    assert checks.proof_nonnegative(false, {x: 1, y: 0}, equals=false).verdict() == "inconclusive"


def test_a_negative_denominator_is_not_lost():
    """The numerator of x^2 / (-1 - x^2) is nonnegative, the quotient is not."""
    assert checks.proof_nonnegative(-(x**2) / (1 + x**2), {x: 1}).verdict() == "refuted"
    assert checks.proof_nonnegative(-(x**2) / (1 + x**2), None).verdict() == "inconclusive"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks.proof(0.5 * x - y, AT), "holds a float"),
        (lambda: checks.proof(x, {x: 0.5}), "not an exact real number"),
        (lambda: checks.proof(x, {x: y}), "not an exact real number"),
        (lambda: checks.proof(x - y, {x: 1}), "no value for y"),
        (lambda: checks.proof(s - 1, {s: -1}), "contradicts"),
        (lambda: checks.proof(a - b, {a: 1, b: 2}, conditions=[a > b]), "does not satisfy"),
        (lambda: checks.proof(sp.Function("f")(x), {x: 1}), "no enclosure for f"),
        (lambda: checks.proof_nonnegative([x, y], AT, equals=x), "1 components"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_exact_values_of_every_kind_are_taken():
    for value in (2, fractions.Fraction(1, 3), R(1, 3), sp.sqrt(2), sp.pi / 4):
        assert checks.proof(x**2 + 1, {x: value}).verdict() == "refuted"
