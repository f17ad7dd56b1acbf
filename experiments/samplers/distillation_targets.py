r"""Distillation targets: what do KD, DFNO, PD and CD fit, and do their students differ?

Figure 7 of document 001 sorts four techniques: offline (KD fits the end of the teacher's sampling
trajectory, DFNO its intermediate points too) and online (PD aligns with two teacher steps along the
sampling trajectory, CD along the denoising trajectory). On an exact mixture teacher the students
are explicit: with an unrestricted class each technique attains its target, level by level.

All four have one fixed point: the map Phi_N of the teacher's N steps. They differ in what is fitted
on the way, not in the student. PD's student walks on every 2^j-th teacher state. CD's student does
not follow the denoising trajectory r(x_s, s) of the teacher: it makes the student's own constant,
and only together with f(x, sigma_0) = x, for every constant has no loss. None removes the teacher's
discretisation error, of first order in 1/N; CD with Heun's step is another map, of second order.
In a finite class (piecewise linear, K pieces, least squares) all reach Phi_N at the rate K^-2.

The teacher's path is recomputed by hand in NumPy, its exact flow by quantiles on the line.
"""

import math
from itertools import pairwise

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distillation import (
    consistency_student,
    euler_step,
    heun_step,
    knowledge_student,
    piecewise_linear,
    progressive_student,
    trajectory_student,
)
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import append_zero, edm

experiment = Experiment()

SIGMA_MAX, SIGMA_MIN = 10.0, 0.05
# weights, means and standard deviations of the teacher's data
TEACHERS = {
    "line": ([0.4, 0.6], [[-1.0], [1.0]], [0.5, 0.4]),
    "plane": ([0.3, 0.3, 0.4], [[-1.0, 0.0], [1.0, -0.5], [0.0, 1.0]], [0.4, 0.3, 0.5]),
}
TECHNIQUES = ("KD", "DFNO", "PD", "CD")


def denoiser_by_hand(law, x, sigma):
    """E[x0 | x] of an isotropic mixture in NumPy, x of shape (batch, d)."""
    weights, means, stds = (np.asarray(v) for v in law)
    total = stds**2 + sigma**2
    gaps = x[:, None] - means
    logs = np.log(weights) - means.shape[1] / 2 * np.log(total) - (gaps**2).sum(-1) / (2 * total)
    share = np.exp(logs - logs.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    return np.einsum("bk,bkd->bd", share, means + gaps * (stds**2 / total)[:, None])


def path_by_hand(law, x, path):
    """States of Euler's method for dx/dsigma = (x - D)/sigma, (steps + 1, batch, d)."""
    states = [x]
    for sigma, after in pairwise(path):
        slope = (states[-1] - denoiser_by_hand(law, states[-1], sigma)) / sigma
        states.append(states[-1] + (after - sigma) * slope)
    return np.stack(states)


def last(states):
    *_, state = states
    return state


def students(teacher, sigmas, fit=None, step=euler_step):
    """The one-step maps of the four techniques; PD has no other step than Euler's."""
    fitted = {"fit": fit} if fit else {}
    progressive, grids = progressive_student(teacher, sigmas, **fitted)
    points = trajectory_student(teacher, sigmas, step=step, **fitted)
    return {
        "KD": knowledge_student(teacher, sigmas, step=step, **fitted),
        "DFNO": lambda x: points(x)[:, -1],
        "PD": lambda x: euler_step(progressive[-1], x, *grids[-1]),
        "CD": consistency_student(teacher, sigmas, step=step, **fitted)[0],
    }


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(grid={"data": list(TEACHERS), "steps": [4, 16]}, default={"queries": 256})
def fixed_points(data, steps, rng, queries=32):
    """What each student does on fresh points, against the teacher's path by hand."""
    law = TEACHERS[data]
    teacher = GaussianMixture.isotropic(*law)
    sigmas = append_zero(edm(steps - 1, SIGMA_MIN, SIGMA_MAX))
    path = sigmas.tolist()
    start = SIGMA_MAX * rng.standard_normal((queries, len(law[1][0])))
    x, truth = torch.from_numpy(start), path_by_hand(law, start, path)
    error = lambda found, wanted: float(np.abs(np.asarray(found) - wanted).max())
    ends = {name: student(x) for name, student in students(teacher, sigmas).items()}

    # KD: the student's denoiser at sigma_N, and one step with it.
    heun = knowledge_student(teacher, sigmas, step=heun_step)(x)
    targets = {
        "end of the path": ends["KD"],
        "teacher's denoiser": teacher(x, SIGMA_MAX),
        "state before the last": torch.from_numpy(truth[-2]),
        "Heun's path": heun,
    }
    one_step = lambda d: last(ddim(lambda x, sigma: d, x, [SIGMA_MAX, 0.0]))
    kd = [error(one_step(d), truth[-1]) for d in targets.values()]

    # DFNO: all later states at once, and from any of them on (the semigroup).
    found = trajectory_student(teacher, sigmas)(x).numpy().swapaxes(0, 1)
    middle = steps // 2
    onward = trajectory_student(teacher, sigmas[middle:])(torch.from_numpy(truth[middle]))
    rest = onward.numpy().swapaxes(0, 1)
    orders = {
        "in order": (found, rest),
        "reversed": (found[::-1], rest),
        "one late": (np.roll(found, 1, axis=0), rest),
        "from the start": (found, found[: steps - middle]),
    }
    dfno = [max(error(a, truth[1:]), error(b, truth[middle + 1 :])) for a, b in orders.values()]

    # PD: after every round the student walks on every 2^j-th state of the teacher.
    rounds, grids = progressive_student(teacher, sigmas)
    walk = lambda student, grid: torch.stack(list(ddim(student, x, grid))).numpy()
    walks = [
        error(walk(s, g), truth[:: 2**j])
        for j, (s, g) in enumerate(zip(rounds, grids, strict=True))
    ]
    pd = {
        "two steps": max(walks),
        "without the denominator": error(
            walk(without_denominator(teacher, path), grids[1]), truth[::2]
        ),
        "one teacher step": error(walk(teacher, grids[1]), truth[::2]),
        "mean of two outputs": error(walk(mean_output(teacher, path), grids[1]), truth[::2]),
    }

    # CD: along the teacher's path the student's output never changes, and ends in x_0 = f_0(x_0).
    along = lambda outputs: max(error(o, truth[-1]) for o in outputs)
    states = [torch.from_numpy(t) for t in truth]
    functions = consistency_student(teacher, sigmas)
    with_heun = consistency_student(teacher, sigmas, step=heun_step)
    cd = {
        "consistent": along(f(s) for f, s in zip(functions, states, strict=True)),
        "teacher's denoiser": along(
            teacher(s, t) for s, t in zip(states[:-1], path[:-1], strict=True)
        ),
        "Heun's step": along(f(s) for f, s in zip(with_heun, states, strict=True)),
        "constant": along(torch.zeros_like(s) for s in states),
    }
    return xr.Dataset(
        {
            "end": ("technique", [error(ends[name], truth[-1]) for name in TECHNIQUES]),
            "other": ("map", [error(heun, truth[-1]), error(teacher(x, SIGMA_MAX), truth[-1])]),
            "kd": ("kd_target", kd),
            "dfno": ("dfno_target", dfno),
            "pd": ("pd_target", list(pd.values())),
            "cd": ("cd_target", list(cd.values())),
        },
        {
            "technique": list(TECHNIQUES),
            "map": ["CD with Heun's step", "no distillation"],
            "kd_target": list(targets),
            "dfno_target": list(orders),
            "pd_target": list(pd),
            "cd_target": list(cd),
        },
    )


def without_denominator(teacher, path):
    """PD's target x'' - (sigma''/sigma) x, not divided by 1 - sigma''/sigma."""
    after = dict(zip(path[:-2:2], zip(path[1:-1:2], path[2::2], strict=True), strict=True))

    def student(x, sigma):
        middle, end = after[sigma]
        there = euler_step(teacher, euler_step(teacher, x, sigma, middle), middle, end)
        return there - end / sigma * x

    return student


def mean_output(teacher, path):
    """The mean of the teacher's two denoiser outputs."""
    middles = dict(zip(path[:-2:2], path[1:-1:2], strict=True))

    def student(x, sigma):
        ahead = euler_step(teacher, x, sigma, middles[sigma])
        return (teacher(x, sigma) + teacher(ahead, middles[sigma])) / 2

    return student


@experiment.measure(grid={"steps": [8, 16, 32, 64]}, paper={"steps": [8, 16, 32, 64, 128, 256]})
def against_flow(steps):
    """Largest distance to the exact flow on the line, from sigma = 10 to 0.05, where |u| <= 3.

    The flow keeps the rank: the point of probability Phi(u) stays at that probability.
    """
    teacher = GaussianMixture.isotropic(*TEACHERS["line"])
    probability = torch.special.ndtr(torch.linspace(-3, 3, 61, dtype=torch.float64))
    x = teacher.quantile(probability, SIGMA_MAX)[:, None]
    exact = teacher.quantile(probability, SIGMA_MIN)[:, None]
    sigmas = edm(steps, SIGMA_MIN, SIGMA_MAX)
    found = {name: student(x) for name, student in students(teacher, sigmas).items()}
    found["CD, Heun"] = consistency_student(teacher, sigmas, step=heun_step)[0](x)
    found["KD, Heun"] = knowledge_student(teacher, sigmas, step=heun_step)(x)
    errors = [float((v - exact).abs().max()) for v in found.values()]
    return xr.Dataset(
        {"error": ("student", errors, {"long_name": "largest distance to the exact flow"})},
        {"student": list(found)},
    )


@experiment.measure(grid={"pieces": [160, 320, 640, 1280]})
def trained(pieces, steps=16):
    """Students of a finite class, fitted by least squares, against Phi_N; root mean squares."""
    teacher = GaussianMixture.isotropic(*TEACHERS["line"])
    width = lambda sigma: math.sqrt(1.2 + sigma**2)  # the standard deviation at sigma, about
    nodes = lambda n: torch.linspace(-5, 5, n, dtype=torch.float64)
    fit = piecewise_linear(
        lambda sigma: width(sigma) * nodes(pieces + 1),
        lambda sigma: width(sigma) * nodes(4 * pieces + 1)[:, None],
    )
    sigmas = edm(steps, SIGMA_MIN, SIGMA_MAX)
    u = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    x = width(SIGMA_MAX) * u[:, None]
    share = torch.exp(-(u**2) / 2) / torch.exp(-(u**2) / 2).sum()
    wanted = knowledge_student(teacher, sigmas)(x)
    rms = lambda v: float(((v - wanted)[:, 0].square() * share).sum().sqrt())
    errors = [rms(student(x)) for student in students(teacher, sigmas, fit).values()]
    return xr.Dataset(
        {"error": ("technique", errors, {"long_name": "distance of the fitted student to Phi_N"})},
        {"technique": list(TECHNIQUES)},
    )


@experiment.measure()
def one_path():
    """One trajectory on the line, for the figure: states and what the students put out there."""
    teacher = GaussianMixture.isotropic(*TEACHERS["line"])
    sigmas = edm(8, SIGMA_MIN, SIGMA_MAX)
    start = torch.tensor([[2.0]], dtype=torch.float64)
    states = list(ddim(teacher, start, sigmas))
    functions = consistency_student(teacher, sigmas)
    rounds, grids = progressive_student(teacher, sigmas)
    first = [rounds[1](states[2 * k], sigma) for k, sigma in enumerate(grids[1][:-1])]
    flat = lambda values: [float(v) for v in values]
    return xr.Dataset(
        {
            "state": ("level", flat(states)),
            "denoised": ("level", flat(teacher(x, s) for x, s in zip(states, sigmas, strict=True))),
            "consistent": ("level", flat(f(x) for f, x in zip(functions, states, strict=True))),
            "progressive": ("half", flat(first)),
        },
        {"level": sigmas.numpy(), "half": grids[1][:-1]},
    )


# ---- checks -----------------------------------------------------------------------------------


def attains(fixed_points, technique="kd", arm="end of the path"):
    error = fixed_points[technique].sel({f"{technique}_target": arm}, drop=True)
    return checks.identity(
        error,
        rounding=1e-11,
        margin=1e-7,
        reason="rounding: 16 contracting steps of points below 40; slips exceed 1e-3",
    )


def one_map(fixed_points, which=TECHNIQUES):
    if which == TECHNIQUES:
        error = fixed_points.end.max("technique", skipna=False)
    else:
        error = fixed_points.other.sel(map=which, drop=True)
    return checks.identity(
        error,
        rounding=1e-11,
        margin=1e-7,
        reason="rounding: 16 contracting steps of points below 40; other maps lie 1e-3 off",
    )


def order_to_flow(against_flow, students, order=1.0):
    error = against_flow.error.sel(student=list(students))
    return checks.rate(
        error,
        order,
        0.15,
        "the last slopes of a smooth one-step method; the neighbouring orders are 1 apart",
        dim="steps",
        h=1 / against_flow.steps,
        last=2,
    )


def order_to_fixed_point(trained, techniques=TECHNIQUES, order=2.0):
    return checks.rate(
        trained.error.sel(technique=list(techniques)),
        order,
        0.3,
        "a third of the step to the neighbouring order; the kinks meet the knots at random",
        dim="pieces",
        h=1 / trained.pieces,
        last=2,
    )


# ---- claims -----------------------------------------------------------------------------------


def claim(entry, suffix, statement, check, controls, **more):
    settled = {"source": Source("001", "Figure 7"), "entries": entry, "kind": "algorithm"}
    settled |= {"conditions": "exact mixture teachers on the line and in the plane, 4 and 16 steps"}
    return experiment.claim(
        entry + suffix, statement, check=check, controls=controls, **(settled | more)
    )


def arms(technique, *names):
    return [Control(name, technique=technique, arm=name) for name in names]


claim(
    "distill-kd",
    "",
    r"r_S(x_T, T) = \Phi_N(x_T):\ \text{one step of the student ends where the teacher does}",
    attains,
    arms("kd", "teacher's denoiser", "state before the last", "Heun's path"),
)
claim(
    "distill-dfno",
    "",
    r"x_T \mapsto (\Phi_{t \leftarrow T}(x_T))_t,\quad"
    r" \Phi_{0 \leftarrow t} \circ \Phi_{t \leftarrow T} = \Phi_N",
    attains,
    arms("dfno", "reversed", "one late", "from the start"),
    technique="dfno",
    arm="in order",
)
claim(
    "distill-pd",
    "",
    r"r_S = \frac{x'' - (\sigma''/\sigma) x}{1 - \sigma''/\sigma}:"
    r"\ \text{the student walks on every } 2^j\text{-th state of the teacher}",
    attains,
    arms("pd", "without the denominator", "one teacher step", "mean of two outputs"),
    technique="pd",
    arm="two steps",
)
consistent = claim(
    "distill-cd",
    "-corrected",
    r"f(x_s, s) = x_0 \text{ for all } s \text{ on the teacher's path},\quad f(x, \sigma_0) = x",
    attains,
    arms("cd", "Heun's step", "constant"),
    form="corrected",
    technique="cd",
    arm="consistent",
)
claim(
    "distill-cd",
    "-reading",
    r"f(x_s, s) = r^*(x_s, s):\ \text{aligned with the teacher's denoising trajectory}",
    attains,
    [],
    form="reading",
    technique="cd",
    arm="teacher's denoiser",
    expected="refuted",
    twin=consistent,
)
claim(
    "distill-common-fixed-point",
    "",
    r"\mathrm{KD} = \mathrm{DFNO}_0 = \mathrm{PD} = \mathrm{CD} = \Phi_N",
    one_map,
    [Control(name, which=name) for name in ("CD with Heun's step", "no distillation")],
    kind="identity",
    form="derived",
    conditions="unrestricted students, Euler's step, one grid of 2^k steps",
)
LINE = "the line, sigma from 10 to 0.05, EDM grids"
claim(
    "distill-common-fixed-point",
    "-error",
    r"\sup|\text{student} - \text{exact flow}| \sim 1/N:\ \text{none removes the teacher's error}",
    order_to_flow,
    [Control("second order", order=2.0), Control("Heun", students=("CD, Heun",))],
    kind="rate",
    form="derived",
    students=TECHNIQUES,
    conditions=LINE,
)
claim(
    "distill-cd",
    "-heun",
    r"\text{with Heun's step:}\ \sup|f - \text{exact flow}| \sim N^{-2}",
    order_to_flow,
    [Control("first order", order=1.0), Control("Euler", students=("CD",))],
    kind="rate",
    form="derived",
    students=("CD, Heun", "KD, Heun"),
    order=2.0,
    conditions=LINE,
)
claim(
    "distill-common-fixed-point",
    "-trained",
    r"\|\text{student}_K - \Phi_N\| \sim K^{-2} \text{ for each technique}",
    order_to_fixed_point,
    [Control("first order", order=1.0), Control("third order", order=3.0)],
    kind="rate",
    form="derived",
    conditions="piecewise linear students with K pieces at each level, least squares; N = 16",
)
