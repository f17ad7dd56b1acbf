"""Error rates of a Monte Carlo check: many replicates of one claim, judged in one call."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from theorylab.checks import discrepancies, exact_means, intervals, laws, means, paired, proportions


class Rates(NamedTuple):
    """How many replicates came out supported and refuted."""

    supported: int
    refuted: int
    replicates: int

    def assert_refuted_at_most(self, level: float):
        """No more than a count of that level exceeds with probability 1e-6."""
        assert self.refuted <= stats.binom.isf(1e-6, self.replicates, level)

    def assert_refuted_at_least(self, level: float):
        assert self.refuted >= stats.binom.ppf(1e-6, self.replicates, level)

    def assert_supported_at_most(self, level: float):
        assert self.supported <= stats.binom.isf(1e-6, self.replicates, level)

    def assert_supported_at_least(self, level: float):
        assert self.supported >= stats.binom.ppf(1e-6, self.replicates, level)


@pytest.fixture
def judge_replicates(monkeypatch):
    """Call a kind on arrays with dimensions replicate and point: each replicate is one family.

    A check corrects alpha for all points it is given; here it must correct for those of one
    replicate only, so the one function that all kinds take their level from is told their number.
    """

    def judge(kind, *args, points: int, **options) -> Rates:
        for module in (discrepancies, exact_means, laws, means, paired, proportions):
            monkeypatch.setattr(module, "tail", lambda alpha, _: intervals.tail(alpha, points))
        evidence = kind(*args, **options)
        assert set(evidence.estimate.dims) == {"replicate", "point"}
        assert evidence.estimate.sizes["point"] == points
        refuted = (evidence.outside() > 0).any("point")
        supported = (evidence.slack() >= 0).all("point") & ~refuted
        return Rates(int(supported.sum()), int(refuted.sum()), refuted.size)

    return judge


@pytest.fixture
def rng():
    return np.random.default_rng(20240611)
