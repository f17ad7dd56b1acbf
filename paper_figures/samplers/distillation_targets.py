"""Figures of distillation_targets: what is fitted along one path; how far the students go."""

import numpy as np

from theorylab.figures import THEORY, arm, plain_ticks, subplots

#: Students in the order of their arms. All but one agree, so each has a marker of its own size.
SIZES = {"KD": 8, "DFNO": 6, "PD": 4, "CD": 2}


def draw(result):
    """Targets along one trajectory, and the students' distance to the exact flow."""
    figure, (targets, errors) = subplots(2, 1, aspect=0.72)
    _targets(targets, result.data["one_path"])
    _errors(errors, result.data["against_flow"])
    return figure


def draw_trained(result):
    """Least-squares students of a finite class against the common fixed point."""
    trained = result.data["trained"]
    figure, axes = subplots()
    for name in SIZES:
        one = trained.error.sel(technique=name)
        axes.plot(trained.pieces, one, **_student(name))
    at = trained.pieces.values.astype(float)
    _slope(axes, at, trained.error.sel(technique="PD"), 2, "K")
    axes.set(xscale="log", yscale="log", xlabel="pieces $K$ of the student")
    axes.set_ylabel(r"r.m.s. distance to $\Phi_N$")
    plain_ticks(axes.xaxis, at)
    axes.legend()
    return figure


def _student(name):
    hollow = arm(list(SIZES).index(name)) | {"mfc": "none", "ls": "", "mew": 0.9}
    return hollow | {"ms": SIZES[name], "label": name}


def _targets(axes, path):
    sigma = path.level
    axes.plot(sigma, path.state, color=THEORY, lw=0.8, label="teacher's path")
    axes.plot(sigma, path.denoised, color=THEORY, lw=0.8, ls=":", label="teacher's denoiser")
    axes.plot(sigma[0], path.state[-1], **_student("KD"))
    axes.plot(sigma, path.state, **_student("DFNO"))
    axes.plot(path.half, path.progressive, **_student("PD") | {"label": "PD, first round"})
    axes.plot(sigma, path.consistent, **_student("CD"))
    axes.set(xscale="log", xlabel=r"noise level $\sigma$", ylabel="target of the student")
    axes.set_ylim(0, 2.9)
    axes.invert_xaxis()
    plain_ticks(axes.xaxis, (10, 1, 0.1))
    axes.set_title("(a) What is fitted along one trajectory, $N=8$")
    axes.legend(ncols=2, loc="upper right")


def _errors(axes, flow):
    steps = flow.steps.values.astype(float)
    for name in SIZES:
        axes.plot(steps, flow.error.sel(student=name), **_student(name))
    heun = flow.error.sel(student="CD, Heun")
    axes.plot(steps, heun, **arm(4), ls="", label="CD, Heun")
    _slope(axes, steps, flow.error.sel(student="KD"), 1, "N")
    _slope(axes, steps, heun, 2, "N")
    axes.set(xscale="log", yscale="log", xlabel="teacher's steps $N$")
    axes.set_ylabel("distance to the exact flow")
    plain_ticks(axes.xaxis, steps)
    axes.set_title("(b) One map, with the teacher's error")
    axes.legend(ncols=2, loc="lower left")


def _slope(axes, at, values, order, letter):
    last = float(values[-1])
    axes.plot(at, last * (at[-1] / at) ** order, color=THEORY, lw=0.8, ls=":", zorder=0)
    place = (np.sqrt(at[-1] * at[-2]), 1.15 * last * 2 ** (order / 2))
    axes.annotate(f"${letter}^{{-{order}}}$", place, size="small", va="bottom")
