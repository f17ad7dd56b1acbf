"""An experiment: named measurements over grids of cells, and the claims judged on them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .claim import FORMS, Claim, Control, Source
from .evidence import SUPPORTED
from .measurement import Measurement, canonical_axis, check_declaration


class Experiment:
    """Measurements and claims of one file; the file's stem is the name, its docstring the title.

    A module that defines ``experiment = Experiment()`` is an experiment file.
    """

    def __init__(self):
        self.name = ""
        self.title = ""
        self.measurements: dict[str, Measurement] = {}
        self.claims: list[Claim] = []

    def measure(self, grid: Mapping[str, Sequence] | None = None, *, data=(), **presets):
        """Register a measure function; it returns an ``xarray.Dataset`` for one cell.

        Args:
            grid: axis name -> values (all of one type). Every axis is an argument of the function
                and becomes a dimension of the combined dataset.
            data: names of data sets the function reads; their checksums enter the data key.
                ``model:NAME`` is a checkpoint.
            **presets: ``quick={...}``, ``default={...}``, ``paper={...}``: a name that is an axis
                replaces its values, any other name is an argument of the function. ``quick=None``
                leaves the measurement out of a preset that has no time for it: its claims are
                not judged there, and say so. A preset that is not given takes the arguments of
                the next smaller one, or is left out as that one is.

        The function may also ask for ``rng`` (numpy Generator), ``generator`` (torch Generator),
        both seeded by what the cell is, and ``device``. Where a data set is not on the machine it
        raises :class:`theorylab.Missing`: the cell is skipped and the verdicts say so.
        """

        def register(function: Callable) -> Callable:
            axes = {k: canonical_axis(k, v) for k, v in (grid or {}).items()}
            measurement = Measurement(function, axes, presets, tuple(data))
            check_declaration(measurement)
            if measurement.name in self.measurements:
                raise ValueError(f"two measurements are called {measurement.name!r}")
            self.measurements[measurement.name] = measurement
            return function

        return register

    def claim(
        self,
        id: str,
        statement: str,
        *,
        source: Source,
        check: Callable,
        entries: str | Sequence[str] = (),
        conditions: str = "",
        kind: str = "identity",
        form: str = "as stated",
        expected: str | None = SUPPORTED,
        controls: Sequence[Control] = (),
        twin: Claim | None = None,
        **parameters: Any,
    ) -> Claim:
        """Declare a claim judged by ``check``, with ``parameters`` bound as values.

        Args:
            id: unique name; for the catalogue's claims its entry plus a suffix for the form.
            statement: LaTeX mathematics (without dollar signs), as it is judged.
            source: where it stands.
            check: pure function returning Evidence. Arguments named like a measurement receive
                its dataset; all others come from ``parameters`` or the function's defaults.
            entries: entries of ``catalogue.toml`` that the claim covers.
            conditions: under which the statement is made, in words.
            kind, form: see ``theorylab.claim.KINDS`` and ``FORMS``.
            expected: verdict to be reached; None for an open question.
            controls: false neighbours; without a refuted one nothing is supported.
            twin: the corrected statement beside a statement as printed; same check.
        """
        if any(claim.id == id for claim in self.claims):
            raise ValueError(f"two claims are called {id!r}")
        if twin is not None and twin not in self.claims:
            raise ValueError(f"claim {id!r}: its twin {twin!r} is not a claim of this experiment")
        claim = Claim(
            id=id,
            statement=statement,
            source=source,
            check=check,
            parameters=parameters,
            entries=_several(entries),
            conditions=conditions,
            kind=kind,
            form=form,
            expected=expected,
            controls=tuple(controls),
            twin=twin,
        )
        for bound in (parameters, *(control.parameters for control in claim.controls)):
            self._check_arguments(claim, bound)
        self.claims.append(claim)
        return claim

    def about(self, entry: str, source: Source, **common: Any) -> Callable[..., Claim]:
        """What makes the claims about one entry of the catalogue: it binds what they share.

        It takes a suffix of the id, the statement and the keywords of :meth:`claim`, which win
        over those bound here::

            shell = experiment.about("thin-shell", SOURCE, kind="inequality")
            corrected = shell("corrected", r"...", check=tails, controls=[...])
            shell("as-stated", r"...", check=tails, power=0, expected="refuted", twin=corrected)

        makes the claims ``thin-shell-corrected`` and ``thin-shell-as-stated``, both covering the
        entry ``thin-shell``. Their form is what the suffix says: ``as-stated``, ``reading`` or
        ``corrected``, as a word of it; else ``"derived"``. Without suffix (``""``) the id is the
        entry's, and the claim is as stated. ``form=`` wins over the suffix.

        Args:
            entry: id of the catalogue's entry, with which the ids of the claims begin.
            source: where it stands.
            **common: further keywords of :meth:`claim`, for all of the claims; ``entries`` are
                those that are covered beside ``entry``.
        """

        def make(suffix: str, statement: str, **own: Any) -> Claim:
            settled = {"source": source, "form": _form(suffix), "entries": ()} | common | own
            settled["entries"] = (entry, *_several(settled["entries"]))
            return self.claim(f"{entry}-{suffix}" if suffix else entry, statement, **settled)

        return make

    def datasets_of(self, check: Callable) -> list[str]:
        """Names of the measurements whose datasets the check receives."""
        return [name for name in inspect.signature(check).parameters if name in self.measurements]

    def evaluate(self, claim: Claim, datasets: Mapping, control: Control | None = None):
        """Call the claim's check on stored datasets, for the claim itself or for one control."""
        values = {**claim.parameters, **(control.parameters if control else {})}
        wanted = {name: datasets[name] for name in self.datasets_of(claim.check)}
        return claim.check(**wanted, **values)

    def _check_arguments(self, claim: Claim, given: Mapping[str, Any]) -> None:
        allowed = [
            name
            for name in inspect.signature(claim.check).parameters
            if name not in self.measurements
        ]
        unknown = sorted(set(given) - set(allowed))
        if unknown:
            raise TypeError(
                f"claim {claim.id!r}: check {claim.check.__name__!r} has no argument "
                f"{', '.join(unknown)}; it takes {', '.join(allowed) or 'none'}"
            )


def _several(entries: str | Sequence[str]) -> tuple[str, ...]:
    return (entries,) if isinstance(entries, str) else tuple(entries)


def _form(suffix: str) -> str:
    """The form that the suffix of a claim's id tells."""
    words = f"-{suffix or 'as-stated'}-"
    told = (form for form in FORMS if f"-{form.replace(' ', '-')}-" in words)
    return next(told, "derived")
