"""The experiment's own formulas and oracles, by other roads."""

import sympy as sp
from theorylab.experiments.noise import logconcavity_thresholds as lab


def test_symbols_of_the_two_component_check_follow_the_density():
    symbols, expression, v = lab._two_components(lab.QUARTER)
    distance, _, first, second, _, _, extra = symbols
    values = {first: 2, second: 3, distance: 4, extra: sp.Rational(1, 2)}
    # Posterior shares 2/5 and 3/5 at distance 4: variance 16 * 6/25, over v = 4 + 1/2.
    expected = 1 - 16 * sp.Rational(6, 25) / sp.Rational(9, 2)
    assert sp.simplify(expression.subs(values) - expected) == 0
    assert v.subs(values) == sp.Rational(9, 2)
