"""Results in Python: run an experiment, or load a stored one, and look at all that it found.

result = theorylab.run("thin_shell", preset="quick")
result.data.norms, result.verdicts, result.figure("width")
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from . import engine, ledger, runner
from .claim import Claim
from .discovery import figure_file, load_figure
from .errors import NotThere, UsageError
from .evidence import Evidence
from .experiment import Experiment
from .judge import FAILED, Judgement, worst_status
from .suggest import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Datasets(Mapping[str, xr.Dataset]):
    """Datasets by the name of their measurement: ``data["norms"]`` or ``data.norms``.

    A measurement that failed or was skipped is not in it; asking for it says why.
    """

    def __init__(self, datasets: Mapping[str, xr.Dataset], absent: Mapping[str, str]):
        self._datasets, self._absent = dict(datasets), dict(absent)

    def __getitem__(self, name: str) -> xr.Dataset:
        if name in self._datasets:
            return self._datasets[name]
        if name in self._absent:
            raise NotThere(f"there is no data of {name!r}: {self._absent[name]}")
        raise NotThere(_no_such("measurement", name, [*self._datasets, *self._absent]))

    def __getattr__(self, name: str) -> xr.Dataset:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except NotThere as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._datasets]

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)

    def __repr__(self) -> str:
        from .display import datasets_text

        return datasets_text(self._datasets, self._absent)

    def _repr_html_(self) -> str:
        from .display_html import datasets_html

        return datasets_html(self._datasets, self._absent)


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What one run measured and what follows from it; figure files draw from it.

    Args:
        experiment: the experiment as it is declared, with ``name``, ``title`` and ``claims``.
        data: the stored datasets, by measurement: ``data["norms"]`` or ``data.norms``.
        judgements: one for each claim, in the order of the file.
        folder: where everything is stored.
        file: the experiment file.
        preset: whose sizes were used; ``overrides`` and ``seed`` as they were given.
        sha256: content identity of each dataset.
        skipped: cells left out for a data set that is not on this machine, by measurement.
        failed: message of each cell that failed, by measurement.
    """

    experiment: Experiment
    data: Mapping[str, xr.Dataset]
    judgements: Sequence[Judgement]
    folder: Path
    file: Path
    preset: str
    overrides: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0
    sha256: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, Sequence[str]] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def title(self) -> str:
        return self.experiment.title

    @property
    def claims(self) -> dict[str, Claim]:
        """Claims by id, as they are declared."""
        return {claim.id: claim for claim in self.experiment.claims}

    @property
    def verdicts(self) -> dict[str, str]:
        """Claim id -> ``"supported"``, ``"refuted"`` or ``"inconclusive"``."""
        return {judgement.id: judgement.verdict for judgement in self.judgements}

    @property
    def status(self) -> int:
        """What ``theorylab run`` would exit with; 0: every expected verdict was reached."""
        failed = [FAILED for cells in self.failed.values() if cells]
        return worst_status([j.status for j in self.judgements] + failed)

    def verdict(self, claim: str) -> str:
        """Verdict on one claim, by its id."""
        return self.judgement(claim).verdict

    def judgement(self, claim: str) -> Judgement:
        """Verdict, deciding point and controls of one claim, by its id."""
        for judgement in self.judgements:
            if judgement.id == claim:
                return judgement
        raise NotThere(_no_such("claim", claim, self.verdicts))

    def evidence(self, claim: str, control: str | None = None) -> Evidence:
        """Evidence at every point: the claim's check, called again on the stored data.

        Args:
            claim: its id.
            control: the statement of one of its controls, to see how that fails.
        """
        if claim not in self.claims:
            raise NotThere(_no_such("claim", claim, self.claims))
        judged = self.claims[claim]
        controls = {c.statement: c for c in judged.controls}
        if control is not None and control not in controls:
            raise NotThere(_no_such("control", control, controls))
        with engine.one_thread():
            return self.experiment.evaluate(judged, self.data, controls.get(control))

    def rows(self) -> list[dict]:
        """The claims as rows of the ledger; see :func:`theorylab.ledger.row`."""
        judged = {judgement.id: vars(judgement) for judgement in self.judgements}
        return [
            ledger.row(self.experiment, claim, self.preset, judged.get(claim.id, {}))
            for claim in self.experiment.claims
        ]

    def to_dataframe(self) -> pd.DataFrame:
        """A tidy table: one row for each claim, the columns of ``theorylab claims --csv``."""
        from .tables import to_dataframe

        return to_dataframe(self.rows())

    @property
    def figures(self) -> list[str]:
        """Names of the figures that the figure file of the experiment draws."""
        return list(self._drawings())

    def figure(self, name: str | None = None, *, style="icml2024", width="half") -> Figure:
        """Draw a figure from the stored data, sized for a venue.

        Args:
            name: one of ``figures``, with or without the experiment's name in front; None: the
                first.
            style: venue, one of ``theorylab.figures.VENUES``.
            width: ``"half"`` or ``"full"``.
        """
        from . import figures

        drawings = self._drawings()
        if not drawings:
            raise UsageError(f"{self.name} has no figure file paper_figures/{self.name}.py")
        stem = next(iter(drawings)) if name is None else name
        stem = stem if stem in drawings else f"{self.name}-{stem}"
        if stem not in drawings:
            raise NotThere(_no_such("figure", name, drawings))
        with figures.style(style, width):
            figure = drawings[stem](self)
            # Ticks are made when they are first drawn, from the settings of that moment.
            figure.draw_without_rendering()
        # A notebook shows figures of pyplot alone; this one does not depend on its global state.
        figure._repr_png_ = partial(_png, figure)
        return figure

    def _drawings(self) -> Mapping:
        from .figures import drawings

        path = figure_file(self.file)
        return {} if path is None else drawings(load_figure(path), self.name)

    def __repr__(self) -> str:
        from .display import result_text

        return result_text(self)

    def _repr_html_(self) -> str:
        from .display_html import result_html

        return result_html(self)


def result_of(run: runner.Run) -> Result:
    """The result of a run that is measured and judged."""
    failed = {n: {c: o.message for c, o in cells.items()} for n, cells in run.failed.items()}
    return Result(
        experiment=run.experiment,
        data=Datasets(run.datasets, runner.absent(run)),
        judgements=tuple(run.judgements),
        folder=run.folder,
        file=Path(run.reference.path),
        preset=run.settings.preset,
        overrides=run.settings.overrides,
        seed=run.settings.seed,
        sha256=run.sha256,
        skipped={name: cells for name, cells in run.skipped.items() if cells},
        failed={name: cells for name, cells in failed.items() if cells},
    )


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=160)
    return file.getvalue()


def _no_such(what: str, name: str, there: Iterable[str]) -> str:
    there = list(there)
    hint = did_you_mean(str(name), there, f"there are {', '.join(there) or 'none'}")
    return f"there is no {what} {name!r}: {hint}"
