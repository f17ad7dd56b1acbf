"""What is asserted: a claim, where it stands in the documents, and its false neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .evidence import INCONCLUSIVE, REFUTED, SUPPORTED

#: How the judged statement relates to what a document says.
FORMS = ("as stated", "reading", "corrected", "derived")

#: What sort of statement it is.
KINDS = ("identity", "inequality", "limit", "rate", "law", "definition", "algorithm", "empirical")


@dataclass(frozen=True)
class Source:
    """Where a statement stands: a document (``"000"`` or a citation) and the place in it."""

    document: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.document}, {self.place}" if self.place else self.document


@dataclass(frozen=True, init=False)
class Control:
    """A false neighbour: other values for the same check, which must come out refuted.

    Example: ``Control("twice the variance", factor=2.0)``.
    """

    statement: str
    parameters: Mapping[str, Any]

    def __init__(self, statement: str, **parameters: Any):
        object.__setattr__(self, "statement", statement)
        object.__setattr__(self, "parameters", parameters)


@dataclass(frozen=True, eq=False)
class Claim:
    """One statement, the check that judges it and the controls that give the check its power.

    ``check(**parameters)`` is called with the datasets it names as arguments and returns
    Evidence; each control replaces some of ``parameters``. See :meth:`Experiment.claim`.
    """

    id: str
    statement: str
    source: Source
    check: Callable
    parameters: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[str, ...] = ()
    conditions: str = ""
    kind: str = "identity"
    form: str = "as stated"
    expected: str | None = SUPPORTED
    controls: tuple[Control, ...] = ()
    twin: Claim | None = None

    def __post_init__(self):
        allowed = {
            "form": (self.form, FORMS),
            "kind": (self.kind, KINDS),
            "expected": (self.expected, (SUPPORTED, REFUTED, INCONCLUSIVE, None)),
        }
        for name, (given, choices) in allowed.items():
            if given not in choices:
                listed = ", ".join(map(str, choices))
                raise ValueError(f"claim {self.id!r}: {name}={given!r}, allowed: {listed}")
        if not isinstance(self.source, Source):
            raise TypeError(f"claim {self.id!r}: source must be a Source, not {self.source!r}")
        for control in self.controls:
            if not isinstance(control, Control):
                raise TypeError(f"claim {self.id!r}: {control!r} is not a Control")
        if self.twin is not None and self.twin.check is not self.check:
            raise ValueError(
                f"claim {self.id!r}: its twin {self.twin.id!r} is judged by another check; a "
                "refutation counts only if the same check supports the corrected statement"
            )

    def __repr__(self) -> str:
        return f"<Claim {self.id} ({self.form}): {self.statement}>"

    def _repr_html_(self) -> str:
        from .display_html import claim_html

        return claim_html(self)
