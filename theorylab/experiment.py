"""An experiment: named measurements over grids of cells, and the claims judged on them."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .claim import Claim, Control, Source
from .errors import UsageError
from .evidence import SUPPORTED

PRESETS = ("quick", "default", "paper")

#: Arguments of a measure function that the runner supplies.
SUPPLIED = ("rng", "generator", "device")

Axis = tuple  # the values of one grid axis, all of one type


@dataclass(frozen=True)
class Cell:
    """One point of a measurement's grid, with the parameters that hold for the whole grid."""

    measurement: str
    axes: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        inside = ", ".join(f"{k}={v}" for k, v in self.axes.items())
        return f"{self.measurement}({inside})"


@dataclass(frozen=True)
class Plan:
    """A measurement under one preset: its axes, its parameters and therefore its cells."""

    measurement: Measurement
    axes: Mapping[str, Axis]
    parameters: Mapping[str, Any]

    def cells(self) -> list[Cell]:
        values = itertools.product(*self.axes.values())
        return [
            Cell(self.measurement.name, dict(zip(self.axes, v, strict=True)), self.parameters)
            for v in values
        ]


@dataclass(frozen=True)
class Measurement:
    """A function measured at every cell of a grid. See :meth:`Experiment.measure`."""

    function: Callable
    grid: Mapping[str, Axis]
    presets: Mapping[str, Mapping[str, Any]]
    data: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.function.__name__

    def arguments(self) -> dict[str, Any]:
        """The function's own parameters (no axis, nothing supplied) and their defaults."""
        signature = inspect.signature(self.function).parameters
        return {
            name: parameter.default
            for name, parameter in signature.items()
            if name not in self.grid and name not in SUPPLIED
        }

    def plan(self, preset: str, overrides: Mapping[str, Sequence] | None = None) -> Plan:
        """Fix axes and parameters: function defaults, then the preset, then the overrides.

        Args:
            preset: one of ``PRESETS``; a preset the measurement does not give takes the arguments
                of the next smaller one, and the whole grid.
            overrides: raw values by name, each a sequence; cast to the type of what they replace.
        """
        chosen = self._preset(preset)
        narrowed = self.presets.get(preset, {})
        axes = {name: self._axis(name, narrowed.get(name, own)) for name, own in self.grid.items()}
        parameters = {name: chosen.get(name, default) for name, default in self.arguments().items()}
        for name, raw in (overrides or {}).items():
            if name in axes:
                axes[name] = self._axis(name, raw)
            elif name in parameters:
                parameters[name] = cast_parameter(name, raw, parameters[name])
        unset = [name for name, value in parameters.items() if value is inspect.Parameter.empty]
        if unset:
            raise UsageError(
                f"measurement {self.name!r} has no value for {', '.join(unset)} in the preset "
                f"{preset!r}: give it in the preset or as the function's default"
            )
        return Plan(self, axes, parameters)

    def _axis(self, name: str, values: Sequence) -> Axis:
        return canonical_axis(name, [cast(name, v, self.grid[name][0]) for v in values])

    def _preset(self, preset: str) -> Mapping[str, Any]:
        if preset not in PRESETS:
            raise UsageError(f"unknown preset {preset!r}; there are {', '.join(PRESETS)}")
        for name in reversed(PRESETS[: PRESETS.index(preset) + 1]):
            if name in self.presets:
                return self.presets[name]
        return {}


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
                replaces its values, any other name is an argument of the function.

        The function may also ask for ``rng`` (numpy Generator), ``generator`` (torch Generator),
        both seeded by what the cell is, and ``device``. Where a data set is not on the machine it
        raises :class:`theorylab.Missing`: the cell is skipped and the verdicts say so.
        """

        def register(function: Callable) -> Callable:
            axes = {k: canonical_axis(k, v) for k, v in (grid or {}).items()}
            measurement = Measurement(function, axes, presets, tuple(data))
            _check_declaration(measurement)
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
            entries=(entries,) if isinstance(entries, str) else tuple(entries),
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


def canonical_axis(name: str, values: Sequence) -> Axis:
    """Axis values as one plain Python type, so that 1 and 1.0 name the same cell."""
    values = [v.item() if hasattr(v, "item") else v for v in values]
    if not values:
        raise UsageError(f"axis {name!r} has no value")
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        kind = float if any(isinstance(v, float) for v in values) else int
        values = [kind(v) for v in values]
    elif len({type(v) for v in values}) > 1 or not isinstance(values[0], (str, bool)):
        raise UsageError(f"axis {name!r} must hold numbers, strings or booleans, of one type")
    if len(set(values)) < len(values):
        raise UsageError(f"axis {name!r} repeats a value: {values}")
    return tuple(values)


def cast(name: str, raw, like):
    """``raw`` (text or a value) as the type of ``like``; UsageError when it does not fit."""
    kind = type(like)
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[str(raw).lower()]
        if kind is int and float(raw) != int(float(raw)):
            raise ValueError
        return int(float(raw)) if kind is int else kind(raw)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise UsageError(f"{name}={raw!r} is not a value of type {kind.__name__}") from None


def cast_parameter(name: str, raw: Sequence, like):
    """The override of a parameter: one value, or a tuple where the parameter is a sequence."""
    if isinstance(like, (tuple, list)):
        return type(like)(cast(name, v, like[0]) for v in raw)
    if len(raw) != 1:
        raise UsageError(f"{name} is not an axis: it takes one value, given were {len(raw)}")
    if like is inspect.Parameter.empty or like is None:
        raise UsageError(f"{name} has no default to take its type from: set it in a preset")
    return cast(name, raw[0], like)


def _check_declaration(measurement: Measurement) -> None:
    where = f"measurement {measurement.name!r}"
    signature = inspect.signature(measurement.function).parameters
    missing = [axis for axis in measurement.grid if axis not in signature]
    if missing:
        raise TypeError(f"{where} has no argument for the axis {', '.join(missing)}")
    unknown = sorted(set(measurement.presets) - set(PRESETS))
    if unknown:
        raise TypeError(f"{where}: unknown preset {', '.join(unknown)}; use {', '.join(PRESETS)}")
    for preset, values in measurement.presets.items():
        extra = [name for name in values if name not in signature or name in SUPPLIED]
        if extra:
            raise TypeError(f"{where}, preset {preset!r}: no argument is called {', '.join(extra)}")
