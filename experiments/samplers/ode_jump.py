r"""ODE-Jump: is the denoiser's output, taken early, better than the end of the trajectory?

Document 001, figure 5: samples of "ODE-Jump" (the denoiser's output at an intermediate level) look
good much earlier than the states of EDM's sampler. The slide defines no algorithm; here it is: stop
at sigma = s > 0 and return D(x_s, s), which is one Euler step from s to 0.

Beside the state it leaves, the jump is closer to the data in W2 while the noise is visible: that is
what the figure shows. At the end it need not be: where the solver has misplaced mass, the blur of
the state is closer. Against EDM's sampler run to its end with as many evaluations it wins while
those are few, and then loses, because its error does not tend to 0: with the exact flow down to s
there remains a floor of order s^2 on smooth laws, at most the root of the denoising error. On two
equal points EDM's five steps are already exact, and every jump is worse.

W2 is exact: on the line a deterministic sampler is a map of quantiles, integrated adaptively.
"""

import math
from functools import partial

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers.ode_jump import ode_jump
from theorylab.diffusion.samplers.runge_kutta import heun
from theorylab.diffusion.schedules import append_zero, edm
from theorylab.diffusion.transport import w2_squared_from_quantiles

experiment = Experiment()

FIGURE = Source("001", "Figure 5")
LINE = {
    "normal": ([1.0], [0.0], 1.0),
    "mixture": ([0.3, 0.7], [-1.5, 1.0], 0.3),
    "lattice": ([0.2] * 5, [-2.0, -1.0, 0.0, 1.0, 2.0], 0.0),
    "two points": ([0.5, 0.5], [-1.0, 1.0], 0.0),
}
TOP = 80.0  # EDM's range: 80 to 0.002, then 0
JUMPS = (0.2, 0.4)
SMALL = tuple(0.2 * 2.0**-k for k in range(4))


def on_the_line(law):
    weights, means, std = LINE[law]
    return GaussianMixture.isotropic(weights, [[m] for m in means], std)


def distance(law, output, rtol):
    """(W2, its error) between the data and what a map of quantiles at TOP gives."""
    weights, means, std = LINE[law]
    cuts = np.cumsum(weights)[:-1]
    quantile = on_the_line(law).quantile
    if std == 0:  # a step function: quicker than a search
        quantile = lambda u: np.array(means)[np.searchsorted(cuts, u.numpy())]
    found = w2_squared_from_quantiles(quantile, output, rtol=rtol, jumps=cuts if std == 0 else ())
    w2 = math.sqrt(found.value)
    return w2, min(found.error / max(w2, 1e-8), math.sqrt(found.error))


def last_of(sampler, mixture, u):
    *_, output = sampler(mixture, mixture.quantile(u, TOP)[:, None])
    return output[:, 0]


# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"law": list(LINE), "steps": [5, 9, 18, 36, 72]},
    quick={"steps": [5, 9, 18, 36], "rtol": 3e-2},
    default={"rtol": 1e-3},
    paper={"steps": [5, 9, 18, 36, 72, 144], "rtol": 1e-4},
)
def budgets(law, steps, rtol):
    """W2 to the data after 2 steps - 1 evaluations: EDM's sampler to its end, or a jump from s."""
    mixture = on_the_line(law)
    arms = {"EDM": lambda d, x: heun(d, x, append_zero(edm(steps - 1, 0.002, TOP)))}
    for s in JUMPS:
        arms[f"jump {s:g}"] = lambda d, x, s=s: ode_jump(d, x, edm(steps - 1, s, TOP), jump=s)
    found = [distance(law, partial(last_of, arm, mixture), rtol) for arm in arms.values()]
    w2, error = np.transpose(found)
    return xr.Dataset(
        {
            "w2": ("arm", w2, {"long_name": "W2 to the data"}),
            "error": ("arm", error, {"long_name": "quadrature error of W2"}),
        },
        {"arm": list(arms)},
    )


@experiment.measure(grid={"law": list(LINE)}, quick={"rtol": 3e-2}, default={"rtol": 1e-3})
def same_steps(law, rtol):
    """Along EDM's sampler with 18 steps: W2 to the data of the state, and of a jump from it."""
    mixture, sigmas, rows = on_the_line(law), append_zero(edm(17, 0.002, TOP)), []
    stops = (3, 9, 12, 14)
    for k in stops:
        state = partial(last_of, lambda d, x, k=k: heun(d, x, sigmas[: k + 1]), mixture)
        jump = partial(
            last_of, lambda d, x, k=k: ode_jump(d, x, sigmas, jump=float(sigmas[k])), mixture
        )
        rows.append([distance(law, f, rtol) for f in (state, jump)])
    values = np.array(rows)
    return xr.Dataset(
        {
            "w2": (("stop", "arm"), values[..., 0], {"long_name": "W2 to the data"}),
            "error": (("stop", "arm"), values[..., 1], {"long_name": "quadrature error of W2"}),
            "sigma": ("stop", sigmas.numpy()[list(stops)], {"long_name": "noise level"}),
        },
        {"stop": list(stops), "arm": ["state", "jump"]},
    )


@experiment.measure(grid={"law": ["normal", "mixture"]})
def floors(law):
    """W2 of a jump from the exact flow, which carries quantiles to quantiles, as s decreases."""
    mixture = on_the_line(law)
    output = lambda u, s: mixture(mixture.quantile(u, s)[:, None], s)[:, 0]
    found = [distance(law, partial(output, s=s), 1e-6) for s in SMALL]
    w2, error = np.transpose(found)
    return xr.Dataset(
        {"w2": ("s", w2, {"long_name": "W2 to the data"}), "error": ("s", error)},
        {"s": list(SMALL)},
    )


@experiment.measure()
def one_step():
    """The jump, the Euler step from s to 0, and its neighbours, on a mixture in the plane."""
    law = GaussianMixture.isotropic([0.3, 0.7], [[-1.0, 0.5], [1.0, 0.2]], [0.1, 0.4])
    x = TOP * torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sigmas, rows = edm(20, 0.002, TOP), []
    for s in (5.0, 1.0, 0.3):
        *states, output = ode_jump(law, x, sigmas, jump=s)
        state, level = states[-1], float(sigmas[len(states) - 1])
        slope = -level * law.score(state, level)  # by the density, not by the posterior
        euler = {"0": state - level * slope, "s/2": state - level / 2 * slope, "s": state}
        scale = 1 + output.norm(dim=1)
        rows.append([float(((v - output).norm(dim=1) / scale).max()) for v in euler.values()])
    return xr.Dataset(
        {"gap": (("level", "end"), np.array(rows), {"long_name": "relative distance to the jump"})},
        {"level": [5.0, 1.0, 0.3], "end": list(euler)},
    )


# ---- checks -----------------------------------------------------------------------------------


def euler_step(one_step, end="0"):
    return checks.identity(
        one_step.gap.sel(end=end),
        1e-12,
        1e-6,
        reason="rounding of two routes to the score; other ends are off by a tenth",
    )


def closer(same_steps, factor=1.0, low=0.2):
    """W2 of the jump is less than factor times that of the state it leaves, at sigma >= low."""
    d = same_steps
    ratio = d.w2.sel(arm="jump") / d.w2.sel(arm="state")
    return checks.bound(
        ratio - factor,
        ratio * (d.error / d.w2).sum("arm"),
        0.0,
        reason="the quadratures' own errors",
        where=d.sigma >= low,
        tightness=ratio / factor,
    )


def beats(budgets, jump=0.4, laws=("normal", "mixture", "lattice"), most=9, factor=1.0):
    """W2 of the jump from s < factor W2 of EDM's sampler, at the same number of evaluations."""
    d = budgets.sel(law=list(laws)).sel(steps=slice(None, most))
    own, other = d.sel(arm=f"jump {jump:g}"), d.sel(arm="EDM")
    return checks.bound(
        own.w2 - factor * other.w2,
        own.error + factor * other.error,
        1e-6,
        reason="the quadratures' own errors; 1e-6 of the data's size",
    )


def converges(budgets, arm="EDM", order=0.5):
    """W2 falls at least like steps^-order, from 9 steps on, for the normal law and the mixture."""
    d = budgets.sel(law=["normal", "mixture"], arm=arm).sel(steps=slice(9, None))
    return checks.rate(
        d.w2.rename(steps="h"),
        order,
        0.0,
        reason="a floor has order 0, EDM's sampler nearly 2 at these steps",
        dim="h",
        h=1 / d.steps.values,
        rounding=(d.error / d.w2).rename(steps="h"),
        last=2,
        relation=">=",
    )


def floor_rate(floors, order=2):
    return checks.rate(
        floors.w2.rename(s="h"),
        order,
        0.25,
        reason="the neighbours' orders are 1 away",
        dim="h",
        h=floors.s.values,
        rounding=(floors.error / floors.w2).rename(s="h"),
        last=2,
    )


def floor_bound(floors, power=1.0, factor=1.0):
    """W2 <= factor mmse(s)^(power/2) for the normal law: 1 - (1+s^2)^-1/2 <= s/sqrt(1+s^2)."""
    d = floors.sel(law="normal")
    mmse = d.s**2 / (1 + d.s**2)
    exact = 1 - (1 + d.s**2) ** -0.5
    excess = xr.concat([d.w2 - factor * mmse ** (power / 2), np.abs(d.w2 / exact - 1)], "part")
    return checks.bound(excess, 1e-6, 1e-5, reason="quadrature; and the closed form to 1e-6")


# ---- claims -----------------------------------------------------------------------------------

jumps = experiment.about("ode-jump", FIGURE, kind="inequality")

jumps(
    "euler",
    r"r(x_s, s) = x_s - s\,\epsilon(x_s, s)",
    kind="algorithm",
    form="corrected",
    conditions="ODE-Jump, which the slide does not define: one Euler step from s to 0",
    check=euler_step,
    controls=[Control("a step to s/2", end="s/2"), Control("no step", end="s")],
)
while_noisy = jumps(
    "same-steps",
    r"W_2(\mathrm{law}\,r(x_k, s_k), p_0) < W_2(\mathrm{law}\,x_k, p_0)",
    form="corrected",
    conditions="after the same steps of EDM's sampler with 18, as in the figure; while s > 0.2",
    check=closer,
    controls=[Control("a hundredth of it", factor=0.01), Control("to the end", low=0.0)],
)
jumps(
    "same-steps-reading",
    r"W_2(\mathrm{law}\,r(x_k, s_k), p_0) < W_2(\mathrm{law}\,x_k, p_0)",
    expected="refuted",
    conditions="to the end: on a lattice, whose mass the solver misplaced, states blur the mistake",
    check=closer,
    low=0.0,
    twin=while_noisy,
)
few = jumps(
    "few-evaluations",
    r"W_2(\text{jump from } 0.4) < W_2(\text{EDM}), \text{ 9 and 17 evaluations}",
    form="corrected",
    conditions="EDM's sampler run to its end, equal evaluations: normal law, mixture, lattice",
    check=beats,
    controls=[
        Control("71 evaluations", most=36),
        Control("half of it", factor=0.5),
        Control("two points", laws=("two points",)),
    ],
)
for name, values, words in (
    ("any-budget", {"most": 36}, "every number of evaluations"),
    ("any-law", {"laws": ("two points",)}, "two equal points, where EDM is exact by symmetry"),
):
    jumps(
        name,
        r"W_2(\text{jump from } 0.4) < W_2(\text{EDM})",
        form="reading",
        expected="refuted",
        conditions=f"{words}: 'converges much faster' as a statement on equal evaluations",
        check=beats,
        **values,
        twin=few,
    )
edm_converges = jumps(
    "edm-converges",
    r"W_2(\text{EDM}) = O(N^{-1/2}) \to 0",
    kind="rate",
    form="corrected",
    conditions="normal law and mixture, from 9 steps on",
    check=converges,
    controls=[
        Control("jump from 0.4", arm="jump 0.4"),
        Control("order 3", order=3.0),
    ],
)
jumps(
    "converges",
    r"W_2(\text{jump from } 0.4) \to 0",
    kind="rate",
    form="reading",
    expected="refuted",
    conditions="as above: a jump from a fixed level has a floor",
    check=converges,
    arm="jump 0.4",
    twin=edm_converges,
)
jumps(
    "floor-rate",
    r"W_2(\mathrm{law}\,r(x_s, s), p_0) \sim s^2",
    kind="rate",
    conditions="exact flow down to s; normal law and mixture",
    check=floor_rate,
    controls=[Control("s", order=1), Control("s^3", order=3)],
)
jumps(
    "floor-bound",
    r"W_2 = 1 - (1 + s^2)^{-1/2} \le \sqrt{\mathrm{mmse}(s)} = s / \sqrt{1 + s^2}",
    conditions="exact flow down to s, normal law",
    check=floor_bound,
    controls=[Control("mmse without the root", power=4.0), Control("a hundredth", factor=0.01)],
)
