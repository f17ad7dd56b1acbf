"""The covariances that linear paths are judged by, from coefficients of the two latents."""

import math

import numpy as np
import pytest
from theorylab.experiments.noise.rescaled_interpolation import COUPLINGS

WEIGHTS = [0.05, 0.25, 0.5, 0.9]


def test_couplings_are_covariances():
    """Each law that a claim asserts, from coefficients of z1 and z2."""
    for w in WEIGHTS:
        for v in WEIGHTS:
            for name, (a, b) in {
                "linear": (np.array([1 - w, w]), np.array([1 - v, v])),
                "angles atan(w/(1-w))": tuple(
                    np.array([1 - u, u]) / math.sqrt((1 - u) ** 2 + u**2) for u in (w, v)
                ),
                "angles w pi/2": tuple(
                    np.array([math.cos(u * math.pi / 2), math.sin(u * math.pi / 2)]) for u in (w, v)
                ),
            }.items():
                assert COUPLINGS[name](w, v) == pytest.approx(a @ b, abs=1e-14)
