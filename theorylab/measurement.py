"""A measurement: a function over a grid of cells, and what each preset makes of the grid."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import UsageError

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
    presets: Mapping[str, Mapping[str, Any] | None]
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

    def left_out(self, preset: str) -> str:
        """Why the preset does not measure it, and which one does; "" where it does."""
        if self._preset(preset) is not None:
            return ""
        larger = PRESETS[PRESETS.index(preset) :]
        other = next(p for p in (*larger, *PRESETS) if self._preset(p) is not None)
        return f"not in the {preset} preset; run with --preset {other}"

    def plan(self, preset: str, overrides: Mapping[str, Sequence] | None = None) -> Plan:
        """Fix axes and parameters: function defaults, then the preset, then the overrides.

        Args:
            preset: one of ``PRESETS``; a preset the measurement does not give takes the arguments
                of the next smaller one, and the whole grid.
            overrides: raw values by name, each a sequence; cast to the type of what they replace.

        Raises:
            UsageError: the preset leaves the measurement out, or a value does not fit.
        """
        chosen = self._preset(preset)
        if chosen is None:
            raise UsageError(f"measurement {self.name!r} is {self.left_out(preset)}")
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

    def _preset(self, preset: str) -> Mapping[str, Any] | None:
        if preset not in PRESETS:
            raise UsageError(f"unknown preset {preset!r}; there are {', '.join(PRESETS)}")
        for name in reversed(PRESETS[: PRESETS.index(preset) + 1]):
            if name in self.presets:
                return self.presets[name]
        return {}


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


def check_declaration(measurement: Measurement) -> None:
    where = f"measurement {measurement.name!r}"
    signature = inspect.signature(measurement.function).parameters
    missing = [axis for axis in measurement.grid if axis not in signature]
    if missing:
        raise TypeError(f"{where} has no argument for the axis {', '.join(missing)}")
    unknown = sorted(set(measurement.presets) - set(PRESETS))
    if unknown:
        raise TypeError(f"{where}: unknown preset {', '.join(unknown)}; use {', '.join(PRESETS)}")
    if all(measurement._preset(preset) is None for preset in PRESETS):
        raise TypeError(f"{where} is in no preset: give one of {', '.join(PRESETS)} its values")
    for preset, values in measurement.presets.items():
        extra = [name for name in values or () if name not in signature or name in SUPPLIED]
        if extra:
            raise TypeError(f"{where}, preset {preset!r}: no argument is called {', '.join(extra)}")
