r"""Noise schedules on a trained image model: ten steps of DDIM and of gradient estimation.

Document 000's table of schedules (DDIM, N = 10, CIFAR-10 and CelebA) as a comparison on the shipped
Fashion-MNIST network. "DDIM" there is the linear-beta schedule with trailing steps, "offset" the
same from sigma of about 40, "EDM" has rho = 7, "ours" is log-linear from 40 to a last level that
the table does not state; here log-linear steps end at 0.05, and a variant goes on to 0.01, where
a step is spent on noise that is not seen. Judged by the unbiased kernel distance in the features
of the shipped classifier, paired by groups of initial noise.
"""

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import samplers
from theorylab.diffusion.schedules import (
    ddpm_grid,
    edm,
    log_linear,
    select_from_time,
    select_steps,
)
from theorylab.images.comparison import compare, fashion_bench

experiment = Experiment()

DATA = ("fashion-mnist", "model:fashion-mnist", "model:fashion-mnist-classifier")
STEPS = 10
SETTING = "the shipped Fashion-MNIST network (one training seed), groups of initial noise"
SCHEDULES = {
    "log-linear": lambda n: log_linear(n, 0.05, 40.0),
    "log-linear to 0.01": lambda n: log_linear(n, 0.01, 40.0),
    "DDIM": lambda n: select_steps(ddpm_grid(), n, "trailing"),
    "DDIM offset": lambda n: select_from_time(ddpm_grid(), n, 854),
    "EDM": lambda n: edm(n, 0.05, 40.0),
    "linear": lambda n: edm(n, 0.05, 40.0, rho=1),
}
METHODS = {"DDIM": 1.0, "gradient estimation": 2.0}


@experiment.measure(
    grid={"schedule": list(SCHEDULES), "method": list(METHODS)},
    data=DATA,
    quick={"method": ["DDIM"], "groups": 30, "size": 6},
    default={"groups": 50, "size": 100},
    paper={"groups": 50, "size": 1000},
)
def schedules(schedule, method, groups, size):
    """Ten steps along a schedule."""
    sigmas = SCHEDULES[schedule](STEPS)
    gamma = METHODS[method]
    return compare(fashion_bench(), samplers.gradient_estimation, sigmas, groups, size, gamma=gamma)


def nearer(schedules, first="log-linear", second="DDIM", method="DDIM"):
    kernel = schedules.kernel.sel(method=[method])
    return checks.observation(
        kernel.sel(schedule=first, drop=True),
        kernel.sel(schedule=second, drop=True),
        margin=0.0,
        reason="an order is claimed, no size",
        setting=SETTING,
        dim="group",
    )


TABLE = Source("000", "slide 'Noise schedules: comparison (FID)', table")

CONDITIONS = "10 steps of DDIM, kernel distance in classifier features"

# The order depends on where the last steps lie, and on the data: open.
for rival in ("DDIM", "DDIM offset", "EDM"):
    name = rival.lower().replace(" ", "-")
    reverse = experiment.claim(
        f"table-schedule-fid-{name}-reversed",
        rf"d_k(\text{{{rival}}}) < d_k(\text{{log-linear}})",
        source=TABLE,
        entries="table-schedule-fid",
        kind="empirical",
        form="derived",
        conditions=CONDITIONS,
        expected=None,
        check=nearer,
        first=rival,
        second="log-linear",
        controls=[Control("steps linear in sigma are nearer than log-linear", first="linear")],
    )
    experiment.claim(
        f"table-schedule-fid-{name}",
        rf"d_k(\text{{log-linear}}) < d_k(\text{{{rival}}})",
        source=TABLE,
        entries="table-schedule-fid",
        kind="empirical",
        form="reading",
        conditions=CONDITIONS,
        expected=None,
        check=nearer,
        second=rival,
        twin=reverse,
        controls=[Control(f"steps linear in sigma are nearer than {rival}", first="linear")],
    )
experiment.claim(
    "table-schedule-fid-linear",
    r"d_k(\text{log-linear}) < d_k(\text{linear in } \sigma)",
    source=TABLE,
    entries="table-schedule-fid",
    kind="empirical",
    form="derived",
    conditions=CONDITIONS,
    check=nearer,
    second="linear",
    controls=[Control("the other way round", first="linear", second="log-linear")],
)
