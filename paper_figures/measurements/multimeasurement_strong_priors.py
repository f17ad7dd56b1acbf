"""What half a jump and a full one gain as measurements add up, on a smooth prior and on points."""

from theorylab.figures import BOUND, THEORY, arm, key, legend_below, plain_ticks, shows, subplots

STEPS = {0.0: "no jump", 0.5: "half jump", 1.0: "full jump"}
#: Open markers, so that coinciding ones show.
OPEN = {"ls": "", "mfc": "white", "mew": 1}


@shows("w2-strong-priors-smooth-rate", "w2-strong-priors-half-jump-rate")
def draw(result):
    """Squared $W_2$ distance from the law of $X$ of the mean of measurements with noise $s$, after
    no, half and a full jump.
    """
    data = result.data["small_noise"]
    fisher = float(result.data["references"].fisher)
    figure, panels = subplots(1, 2, aspect=1.25, sharey=True)
    priors = ("mixture", "two points")
    titles = ("(a) a smooth prior", "(b) two points")
    for axes, prior, title in zip(panels, priors, titles, strict=True):
        for k, (step, label) in enumerate(STEPS.items()):
            d = data.sel(prior=prior, step=step)
            seen = d.w2_squared.values > 1e-14
            axes.plot(d.s.values[seen], d.w2_squared.values[seen], label=label, **arm(k), **OPEN)
        s = data.s.values
        axes.plot(s, s**2, color=BOUND, ls="--")
        if prior == "mixture":
            axes.plot(s, s**4 * fisher / 4, color=THEORY, lw=0.8)
            half = data.sel(prior=prior, step=0.5).w2_squared.values[-1]
            axes.plot(s, half * (s / s[-1]) ** 8, color=THEORY, ls=":")
        axes.set(xscale="log", yscale="log", xlabel=r"$s=\sigma/\sqrt{m}$", title=title)
        axes.set_ylim(1e-13, 1)
        plain_ticks(axes.xaxis, [0.03, 0.1, 0.3])
    panels[0].set_ylabel("$W_2^2$ to the law of $X$")
    handles, _ = panels[0].get_legend_handles_labels()
    handles += [
        key("bound $s^2$", color=BOUND, ls="--"),
        key("$s^4J/4$, $J$ Fisher's information", color=THEORY, lw=0.8),
        key("slope of $s^8$", color=THEORY, ls=":"),
    ]
    legend_below(figure, handles)
    return figure
