"""The two keys that decide what is reused.

The *data key* of a measurement covers its parameters, seed, schema, device, data-set checksums and
the fingerprint of its code. The *verdict key* covers the datasets and the code that judges them.
Neither changes with comments, formatting or the laboratory's own code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import checks_version, fingerprint, store
from .errors import Missing, UsageError
from .measurement import Plan


def digest(value: Any) -> str:
    """sha256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def data_key_parts(experiment: str, plan: Plan, seed: int, device: str) -> dict:
    """All that decides a measurement's numbers, as JSON values; its digest is the data key."""
    measurement = plan.measurement
    return {
        "experiment": experiment,
        "measurement": measurement.name,
        "axes": {name: list(values) for name, values in plan.axes.items()},
        "parameters": dict(plan.parameters),
        "seed": seed,
        "schema": store.SCHEMA,
        "dtype": "float64",
        "device": device,
        "data": {name: _checksum(name) for name in measurement.data},
        "code": fingerprint.function_fingerprint(measurement.function),
    }


def verdict_key(experiment_file: Path, judged: Mapping[str, Any]) -> str:
    """Digest of what is judged and of the code that judges it.

    Args:
        experiment_file: holds the checks and claims.
        judged: content identities of the datasets, and what is absent from them.
    """
    return digest(
        {
            **judged,
            "experiment": fingerprint.file_fingerprint(experiment_file),
            "judging": checks_version.judging_code(),
        }
    )


def difference(now: Mapping, before: Mapping | None) -> str:
    """In what a measurement's key parts differ from those of an earlier run, in words."""
    if before is None:
        return "the measurement is new"
    now = json.loads(json.dumps(now))
    changed = [part for part in now if now[part] != before.get(part)]
    if not changed:
        return "its data is not stored any more"
    details = [
        f"{part}: {before.get(part)} -> {now[part]}" if part != "code" else "its code"
        for part in changed
    ]
    return "changed since the latest run: " + "; ".join(details)


def _checksum(data: str) -> str:
    """Content of a data set, or that it is not here: results without it are other results.

    ``model:NAME`` is a checkpoint, by the sha256 of its weights; ``pretrained:NAME`` other people's
    weights, by that of their files.
    """
    from .images import checkpoints, cifar10, datasets, pretrained

    kind, _, name = data.partition(":")
    try:
        if kind == "model":
            return checkpoints.read_card(checkpoints.resolve(name))["weights_sha256"]
        if kind == "pretrained":
            return pretrained.checksum(name)
        if data == "cifar10":
            return cifar10.checksum()
        datasets.locate(data)
    except Missing:
        return "missing"
    except UsageError:
        if kind == "model":
            return "missing"
        raise
    return datasets.checksum(data)
