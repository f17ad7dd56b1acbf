"""Compare stored runs: exactly where their data keys agree, by the claims' margins otherwise.

Two runs are *refused* when they do not speak of the same thing: claims, checks, measuring code,
data sets or grids differ. Otherwise they are the *same* when

- every dataset that both measured under the same key, on the same kind of machine, holds the same
  values (another processor or another library may change last bits: then the claims decide), and
- every claim has the same verdict in both, and a refuted one lies on the same side of its region.

Whether an interval lies within the margin is what a verdict says; how far the two estimates of a
claim lie apart is told, in margins, and decides nothing by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from .comparability import differences_of_definition
from .errors import TheorylabError, UsageError
from .evidence import REFUTED
from .measurement import PRESETS
from .report import numbers
from .stored_runs import StoredRun, find_runs, read_run

SAME, DIFFERS, REFUSED = "same", "differs", "refused"


@dataclass(frozen=True)
class ClaimPair:
    """One claim in two runs.

    Args:
        verdicts: of the left and the right run.
        agree: same verdict, and the same side of the region where it is refuted.
        text: both estimates with their intervals, and how far they lie apart.
        overlap: whether one estimate lies in the other's interval; None without numbers.
    """

    id: str
    verdicts: tuple[str, str]
    agree: bool
    text: str
    overlap: bool | None


@dataclass(frozen=True)
class Comparison:
    """Two runs of one experiment.

    Args:
        status: ``"same"``, ``"differs"`` or ``"refused"``.
        settings: of the two runs, in words.
        reasons: why the comparison is refused.
        data: what became of each measurement, in words; ``differing`` are those of them that
            differ where they must not.
        claims: pairs, in the order of the left run.
    """

    experiment: str
    status: str
    settings: tuple[str, str] = ("", "")
    reasons: list[str] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)
    claims: list[ClaimPair] = field(default_factory=list)


def compare(left: str | Path, right: str | Path, preset: str | None = None) -> list[Comparison]:
    """Compare two runs, or the latest runs of all experiments that two folders hold.

    Args:
        left, right: the folder of a run, of an experiment, or of all results.
        preset: of the latest runs; None: the most thorough one that both have.

    Raises:
        UsageError: a folder holds no stored run, or the two have no experiment in common.
    """
    sides = [find_runs(Path(given)) for given in (left, right)]
    common = [name for name in sides[0] if name in sides[1]]
    if not common:
        names = [", ".join(side) for side in sides]
        raise UsageError(
            f"there is nothing to compare: {left} holds {names[0]}, {right} holds {names[1]}"
        )
    pairs = []
    for name in common:
        try:
            folders = _choose(name, sides[0][name], sides[1][name], preset)
            pairs.append(compare_runs(*map(read_run, folders)))
        except TheorylabError as error:
            pairs.append(Comparison(name, REFUSED, reasons=[str(error)]))
    return pairs


def only_in_one(left: str | Path, right: str | Path) -> tuple[list[str], list[str]]:
    """Experiments that only the left, and only the right folder holds."""
    a, b = find_runs(Path(left)), find_runs(Path(right))
    return [name for name in a if name not in b], [name for name in b if name not in a]


def compare_runs(left: StoredRun, right: StoredRun) -> Comparison:
    """Compare two runs that have been read.

    Raises:
        StorageError: a dataset cannot be read.
    """
    settings = (left.settings(), right.settings())
    reasons = differences_of_definition(left, right)
    if reasons:
        return Comparison(left.experiment, REFUSED, settings, reasons)
    machine = _machine(left) == _machine(right)
    data, differing = {}, []
    for name in left.measurements:
        same, data[name] = _compare_data(left, right, name)
        if not same and machine:
            differing.append(name)
        elif not same:
            data[name] += " (on another machine, or with other libraries: the claims decide)"
    claims = [_compare_claim(left.verdicts[id], right.verdicts[id]) for id in left.verdicts]
    same = not differing and all(claim.agree for claim in claims)
    return Comparison(
        left.experiment, SAME if same else DIFFERS, settings, [], data, differing, claims
    )


def _choose(
    name: str, left: Mapping[str, Path], right: Mapping[str, Path], preset: str | None
) -> tuple[Path, Path]:
    """The two folders: of the wanted preset, else of the most thorough that both have."""
    common = [p for p in PRESETS if p in left and p in right]
    if preset is not None:
        if preset not in common:
            raise UsageError(f"{name}: not both have a run of the preset {preset!r}")
        return left[preset], right[preset]
    if common:
        return left[common[-1]], right[common[-1]]
    return list(left.values())[-1], list(right.values())[-1]


def _machine(run: StoredRun) -> dict:
    """What may change last bits though nothing else differs."""
    facts = run.record["provenance"]
    return {key: facts.get(key) for key in ("platform", "python", "packages", "blas")} | {
        "device": run.record.get("device")
    }


def _compare_data(left: StoredRun, right: StoredRun, name: str) -> tuple[bool, str]:
    """Whether the two datasets are as equal as they must be, and what is to be said of them."""
    a, b = left.measurements[name], right.measurements[name]
    if name not in left.sha256 or name not in right.sha256:
        absent = [str(run.folder) for run in (left, right) if name not in run.sha256]
        return len(absent) == 2, f"not there in {' and '.join(absent)}"
    if a["data_key"] != b["data_key"]:
        parts = [k for k in a["key_parts"] if a["key_parts"][k] != b["key_parts"].get(k)]
        return True, f"other data ({', '.join(parts)}): compared by the claims"
    if left.sha256[name] == right.sha256[name]:
        return True, f"identical (sha256 {left.sha256[name][:12]})"
    found = differences(left.dataset(name), right.dataset(name))
    if not found:
        return True, "the same values in files of other bytes"
    return False, "differs: " + "; ".join(found)


def differences(left: xr.Dataset, right: xr.Dataset) -> list[str]:
    """Which variables differ, where the most, and by how much; attributes do not count."""
    found = []
    for name in dict.fromkeys([*left.variables, *right.variables]):
        if name not in left.variables or name not in right.variables:
            found.append(f"only one of them has {name}")
            continue
        a, b = left[name], right[name]
        if a.dims != b.dims or a.shape != b.shape or a.dtype.kind != b.dtype.kind:
            found.append(f"{name} is {a.dtype} {dict(a.sizes)} and {b.dtype} {dict(b.sizes)}")
            continue
        unequal = a.values != b.values
        if not unequal.any():
            continue
        numeric = a.dtype.kind in "iuf"
        gap = np.abs(a.values.astype(float) - b.values) if numeric else unequal.astype(float)
        at = np.unravel_index(int(np.argmax(gap)), gap.shape)
        place = ", ".join(
            f"{dim}={left[dim].values[i] if dim in left.coords else i}"
            for dim, i in zip(a.dims, at, strict=True)
        )
        size = f"by {gap[at]:.3g} ({a.values[at]!s} and {b.values[at]!s})"
        found.append(
            f"{name} in {int(unequal.sum())} of {unequal.size} values, most "
            f"{f'at {place} ' if place else ''}{size}"
        )
    return found


def _compare_claim(left: Mapping, right: Mapping) -> ClaimPair:
    verdicts = (left["verdict"], right["verdict"])
    a, b = left["evidence"], right["evidence"]
    agree = verdicts[0] == verdicts[1]
    if a.get("estimate") is None or b.get("estimate") is None:
        return ClaimPair(left["id"], verdicts, agree, "", None)
    (low_a, x, high_a), (low_b, y, high_b) = (
        [float(found[key]) for key in ("lower", "estimate", "upper")] for found in (a, b)
    )
    if agree and verdicts[0] == REFUTED:
        agree = _side(a) == _side(b)
    overlap = low_b <= x <= high_b or low_a <= y <= high_a
    text = " and ".join(numbers.interval(f["estimate"], f["lower"], f["upper"]) for f in (a, b))
    if a["where"] != b["where"]:
        text += f"; decided at {a['where'] or 'the only point'} and {b['where']}"
    return ClaimPair(left["id"], verdicts, agree, text + _apart(x, y, a["region"]), overlap)


def _side(evidence: Mapping) -> int:
    """On which side of the region the estimate lies."""
    low, high = map(float, evidence["region"])
    estimate = float(evidence["estimate"])
    return (estimate > high) - (estimate < low)


def _apart(x: float, y: float, region) -> str:
    """The difference of two estimates in margins: half the width of a region with two ends."""
    low, high = map(float, region)
    margin = (high - low) / 2
    if not math.isfinite(x - y) or x == y:
        return ""
    if math.isfinite(margin) and margin > 0:
        return f"; {numbers.number(abs(x - y) / margin, 2)} margins apart"
    return f"; {numbers.number(abs(x - y), 2)} apart"
