"""Figure of ode_jump: W2 against the number of evaluations, with and without a jump."""

from theorylab import figures


def draw(result):
    """EDM's sampler to its end and jumps from two levels, for each law."""
    d = result.data["budgets"]
    figure, panels = figures.subplots(2, 2, aspect=0.85, sharex=True)
    for axes, law in zip(panels.ravel(), d.law.values, strict=True):
        for arm, colour, marker in zip(d.arm.values, figures.CATEGORICAL, "osD^", strict=False):
            w2 = d.w2.sel(law=law, arm=arm)
            shown = w2 > 1e-12
            axes.plot(2 * d.steps[shown] - 1, w2[shown], marker=marker, color=colour, label=arm)
        axes.set(xscale="log", yscale="log", title=law)
        if law == "two points":
            axes.text(0.05, 0.06, "EDM: exact", transform=axes.transAxes, fontsize=7)
    for axes in panels[1]:
        axes.set_xlabel("evaluations")
        axes.set_xticks([9, 17, 35, 71], ["9", "17", "35", "71"], minor=False)
        axes.minorticks_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("$W_2$ to the data")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    labels = [label.replace("jump ", "jump from ") for label in labels]
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=6)
    return figure
