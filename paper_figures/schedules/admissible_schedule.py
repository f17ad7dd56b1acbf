"""Admissibility of the named schedules at ten steps."""

from theorylab.figures import CATEGORICAL, THEORY, subplots

NAMES = {
    "ddpm": "DDPM",
    "ddpm, offset": "DDPM, offset",
    "edm": "EDM",
    "ours": "the document's",
}


def draw(result):
    """1/nu_min of the named schedules at 10 steps against eta: measured and in closed form."""
    figure, axis = subplots(1, 1, aspect=0.68)
    data = result.data["named_schedules"].sel(steps=10)
    for schedule, colour, marker in zip(data.schedule.values, CATEGORICAL, "osv^D", strict=False):
        run = data.sel(schedule=schedule)
        axis.plot(run.eta, run.closed.sel(rule="ratio - 1"), color=colour, lw=0.8)
        axis.plot(
            run.eta, run.inverse_nu, marker, color=colour, label=NAMES.get(schedule, schedule)
        )
    axis.plot([], [], color=THEORY, lw=0.8, label="lines: closed form")
    axis.set(xlabel=r"$\eta$", ylabel=r"$1/\nu_{\min}$", xlim=(-0.01, 0.31))
    axis.legend()
    return figure
