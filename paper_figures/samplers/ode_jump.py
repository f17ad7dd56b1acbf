"""Figure of ode_jump: W2 against the number of evaluations, with and without a jump."""

import re

from theorylab.figures import arm, plain_ticks, subplots


def draw(result):
    """W2 to the data against evaluations of EDM's sampler to its end, and of jumps before it."""
    d = result.data["budgets"]
    figure, panels = subplots(2, 2, aspect=0.9, sharex=True)
    for letter, axes, law in zip("abcd", panels.flat, d.law.values, strict=True):
        for k, name in enumerate(d.arm.values):
            w2 = d.w2.sel(law=law, arm=name)
            shown = w2 > 1e-12
            label = re.sub("jump (.*)", r"jump from $\\sigma=\1$", str(name))
            axes.plot(2 * d.steps[shown] - 1, w2[shown], **arm(k), label=label)
            if not shown.any():
                axes.text(0.05, 0.08, f"{name}: 0", transform=axes.transAxes, size="small")
        axes.set(xscale="log", yscale="log", title=f"({letter}) {law}")
        plain_ticks(axes.yaxis)
    for axes in panels[1]:
        axes.set_xlabel("evaluations")
        plain_ticks(axes.xaxis, 2 * d.steps.values - 1)
    for axes in panels[:, 0]:
        axes.set_ylabel("$W_2$ to the data")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
