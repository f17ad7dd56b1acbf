"""What a claim is, as plain values: two runs can be compared only where these agree.

Stored with the verdicts, so that a comparison needs the stored files alone. Wording of reasons,
expected verdicts, comments and formatting are not in it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import fingerprint
from .claim import Claim
from .experiment import Experiment


def definitions(experiment: Experiment) -> dict[str, dict]:
    """Definition of each claim of an experiment, by its id, as JSON values."""
    checks = dict.fromkeys(claim.check for claim in experiment.claims)
    codes = {check: _function(check) for check in checks}
    return {
        claim.id: _definition(experiment, claim, codes[claim.check]) for claim in experiment.claims
    }


def _definition(experiment: Experiment, claim: Claim, code: list) -> dict:
    return {
        "statement": claim.statement,
        "conditions": claim.conditions,
        "form": claim.form,
        "check": code,
        "measurements": experiment.datasets_of(claim.check),
        "parameters": plain(claim.parameters),
        "controls": {control.statement: plain(control.parameters) for control in claim.controls},
        "twin": claim.twin.id if claim.twin else None,
    }


def plain(value: Any) -> Any:
    """A parameter as a JSON value that is equal in another process where the parameter is equal."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return repr(value)  # JSON has neither infinities nor NaN
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if inspect.isfunction(value):
        return _function(value)
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return f"{type(value).__name__} {value}"


def _function(function) -> list:
    if function.__qualname__ == function.__name__ and function.__name__ != "<lambda>":
        return [function.__name__, fingerprint.function_fingerprint(function)]
    # Made inside another function, or without a name: all of its file, and what it closes over.
    file = Path(inspect.getsourcefile(function))
    closed = [plain(cell.cell_contents) for cell in function.__closure__ or ()]
    return [function.__qualname__, fingerprint.file_fingerprint(file), *closed]
