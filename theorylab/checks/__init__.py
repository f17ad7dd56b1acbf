"""The kinds of check: each takes plain arrays or numbers and returns :class:`theorylab.Evidence`.

===========================  =====================================================================
statement                    kinds
===========================  =====================================================================
identity, symbolic           ``proof``
identity, deterministic      ``identity``, ``certificate``, ``enclosed``
identity, Monte Carlo        ``chi_square_mean``, ``normal_mean``, ``proportion`` (exact laws);
                             ``bounded_mean``, ``mean``, ``paired_mean``
inequality                   ``bound`` with ``adversarial_search``, ``branch_and_bound``,
                             ``proof_nonnegative``; Monte Carlo kinds with ``relation="<="``
limit                        ``limit`` (extrapolation), ``envelope``
rate                         ``rate``
law, one dimension           ``law_1d`` with ``ks_distance``, ``ks_distance_two_samples``
law, many dimensions         ``law`` with ``feature_distances``; ``mmd`` with ``mmd_distance``
empirical                    ``observation``
===========================  =====================================================================

Shared arguments:

- ``margin``: half-width of the acceptable region of deviations; ``reason``: why it is this wide;
- ``where``: boolean DataArray, the claim's conditions; other points are excluded and counted;
- ``relation``: ``"=="`` (within ``margin`` of the target), ``"<="`` or ``">="`` (up to ``margin``);
- ``alpha``: level of the whole family of points; each point's interval is two-sided at
  ``alpha / points``;
- ``level``: evidence level, where real data or a trained model makes it ``"observation"``.

Names are resolved on first use, so that a deterministic check never pays for importing sympy.
"""

from __future__ import annotations

import importlib

_HOME = {
    "adversarial_search": "deterministic",
    "bound": "deterministic",
    "identity": "deterministic",
    "proof": "symbolic",
    "proof_nonnegative": "symbolic",
    "enclose": "enclosures",
    "certificate": "certificates",
    "branch_and_bound": "certificates",
    "enclosed": "certificates",
    "bounded_mean": "means",
    "central_moments": "moments",
    "chi_square_mean": "exact_means",
    "mean": "means",
    "normal_mean": "exact_means",
    "proportion": "proportions",
    "envelope": "limits",
    "limit": "limits",
    "rate": "rates",
    "ks_distance": "laws",
    "ks_distance_two_samples": "laws",
    "law_1d": "laws",
    "feature_distances": "features",
    "law": "features",
    "mmd": "discrepancies",
    "mmd_distance": "discrepancies",
    "observation": "paired",
    "paired_mean": "paired",
}

__all__ = [
    "adversarial_search",
    "bound",
    "bounded_mean",
    "branch_and_bound",
    "central_moments",
    "certificate",
    "chi_square_mean",
    "enclose",
    "enclosed",
    "envelope",
    "feature_distances",
    "identity",
    "ks_distance",
    "ks_distance_two_samples",
    "law",
    "law_1d",
    "limit",
    "mean",
    "mmd",
    "mmd_distance",
    "normal_mean",
    "observation",
    "paired_mean",
    "proof",
    "proof_nonnegative",
    "proportion",
    "rate",
]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"theorylab.checks has no check {name!r}; there are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
