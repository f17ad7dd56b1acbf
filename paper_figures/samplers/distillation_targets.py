"""Figures of distillation_targets: what is fitted along one path; how far the students go."""

import numpy as np

from theorylab.figures import CATEGORICAL, MEASURED, THEORY, subplots

MARKERS = {"KD": "o", "DFNO": "s", "PD": "^", "CD": "x"}


def draw(result):
    """Targets along one trajectory, and the students' distance to the exact flow."""
    figure, (targets, errors) = subplots(2, 1, aspect=0.62)
    _targets(targets, result.data["one_path"])
    _errors(errors, result.data["against_flow"])
    return figure


def draw_trained(result):
    """Least-squares students of a finite class against the common fixed point."""
    trained = result.data["trained"]
    figure, axes = subplots()
    for (name, marker), colour in zip(MARKERS.items(), CATEGORICAL, strict=False):
        one = trained.error.sel(technique=name)
        axes.plot(trained.pieces, one, marker, color=colour, mfc="none", label=name)
    at = trained.pieces.values.astype(float)
    guide = float(trained.error.sel(technique="PD")[-1]) * (at[-1] / at) ** 2
    axes.plot(at, guide, color=THEORY, lw=0.8, zorder=0, label="slope $-2$")
    axes.set(xscale="log", yscale="log", xlabel="pieces $K$ of the student")
    axes.set_ylabel(r"r.m.s. distance to $\Phi_N$")
    axes.set_xticks(at, [f"{k:g}" for k in at])
    axes.minorticks_off()
    axes.legend()
    return figure


def _targets(axes, path):
    sigma = path.level
    axes.plot(sigma, path.state, "o-", color=MEASURED, label="teacher's states: DFNO")
    axes.plot(sigma, path.denoised, ".--", color=CATEGORICAL[4], label="teacher's denoiser")
    axes.plot(path.half, path.progressive, "^", color=CATEGORICAL[1], label="PD, first round")
    axes.plot(sigma, path.consistent, "x-", color=CATEGORICAL[2], lw=0.8, label="CD")
    end = (float(sigma[0]), float(path.state[-1]))
    axes.plot(*end, "o", color=THEORY, ms=8, mfc="none", label="KD")
    axes.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel="state, output", ylim=(-0.3, 2.9))
    axes.invert_xaxis()
    axes.set_title("(a) What is fitted along one trajectory, $N=8$", loc="left")
    axes.legend(loc="upper right", ncols=2, columnspacing=1)


def _errors(axes, flow):
    steps = flow.steps.values.astype(float)
    for (name, marker), colour in zip(MARKERS.items(), CATEGORICAL, strict=False):
        size = {"KD": 8, "DFNO": 6}.get(name, 4)
        error = flow.error.sel(student=name)
        axes.plot(steps, error, marker, color=colour, ms=size, mfc="none", label=name)
    heun = flow.error.sel(student="CD, Heun")
    axes.plot(steps, heun, "D", color=CATEGORICAL[4], label="CD, Heun")
    for values, order in ((flow.error.sel(student="KD"), 1), (heun, 2)):
        guide = float(values[-1]) * (steps[-1] / steps) ** order
        axes.plot(steps, guide, color=THEORY, lw=0.8, zorder=0)
        place = (np.sqrt(steps[-1] * steps[-2]), float(values[-1]) * 2**order)
        axes.annotate(f"$N^{{-{order}}}$", place, size="small", color=THEORY)
    axes.set(xscale="log", yscale="log", xlabel="teacher's steps $N$")
    axes.set_ylabel("distance to the exact flow")
    axes.set_xticks(steps, [f"{n:g}" for n in steps])
    axes.minorticks_off()
    axes.set_title("(b) One map, with the teacher's error", loc="left")
    axes.legend(loc="lower left", ncols=2, columnspacing=1)
