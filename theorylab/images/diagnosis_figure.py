"""The figure of a diagnosis."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from theorylab import figures
from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, THEORY


def draw(d: xr.Dataset, folder: Path) -> list[Path]:
    """Write ``diagnosis.pdf`` and ``diagnosis.png``; returns their paths."""
    written = []
    for form in ("pdf", "png"):
        with figures.style("icml2024"):
            written.append(folder / f"diagnosis.{form}")
            figures.save(_figure(d), written[-1])
    return written


def _figure(d: xr.Dataset):
    rows = 3 if "eta" in d else 2
    figure, axes = figures.subplots(rows, 1, aspect=0.5)
    levels, steps = axes[-2], axes[-1]
    if rows == 3:
        axes[0].plot(d.sigma, d.eta, "o-", color=CATEGORICAL[0], label=r"$\eta$")
        axes[0].plot(d.sigma, d.nu, "s-", color=CATEGORICAL[1], label=r"$\nu$")
        axes[0].axhspan(0.5, 2, color=CATEGORICAL[1], alpha=0.1, lw=0)
        axes[0].axhline(1, color=REFUTED_COLOUR, ls="--", lw=0.8)
        axes[0].set(xscale="log", yscale="symlog", ylim=(0, None), ylabel="along DDIM")
        axes[0].set_yscale("symlog", linthresh=0.01)
        axes[0].legend(ncols=2)
        axes[0].set_title(
            r"(a) The error model holds where $\eta<1$ and $\nu$ is in the band", loc="left"
        )
    levels.plot(d.sigma, d.calibration, "o-", color=CATEGORICAL[0], label="calibration")
    levels.plot(d.sigma, d.asymmetry, "s-", color=CATEGORICAL[1], label="asymmetry")
    if "score_gap" in d:
        levels.plot(d.sigma, d.score_gap, "D-", color=CATEGORICAL[2], label="gap to the ideal")
    for value in (0, 1):
        levels.axhline(value, color=THEORY, ls=":", lw=0.8)
    levels.set(xscale="log", xlabel=r"noise level $\sigma$")
    levels.set_ylim(None, 1.35 * max(1.0, float(d.calibration.max())))
    levels.legend(ncols=3, loc="upper center", columnspacing=1.0)
    levels.set_title("(b) Of a posterior mean: 1 and 0", loc="left")
    for k, gamma in enumerate(d.gamma.values):
        errors = d.step_error.sel(gamma=gamma)
        steps.plot(d.steps, errors, "osD^v"[k] + "-", color=CATEGORICAL[k], label=f"{gamma:g}")
    steps.set(xscale="log", yscale="log", xlabel="steps $N$", ylabel="distance to the flow")
    steps.set_xticks(d.steps.values, [str(n) for n in d.steps.values], minor=False)
    steps.set_xticks([], minor=True)
    steps.set_ylim(None, 3 * float(d.step_error.max()))
    steps.legend(title=r"weight $\gamma$", ncols=5, loc="upper center", columnspacing=1.0)
    steps.set_title("(c) Gradient estimation", loc="left")
    return figure
