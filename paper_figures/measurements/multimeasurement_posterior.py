"""The posterior mean by its formula and by its false neighbours, against Bayes' rule."""

from theorylab.figures import REFUTED_COLOUR, arm, key, legend_below, plain_ticks, shows, subplots

#: The formula first; its neighbours in the order of the legend.
ARMS = {
    "formula": r"formula",
    "at sigma": r"score at $\sigma$",
    "step sigma^2": r"step $\sigma^2$",
    "mean alone": "mean alone",
}
TITLES = {"eight modes": "(a) eight modes", "digits": "(b) digits"}


@shows("multimeasurement-posterior-mean")
def draw(result):
    r"""Relative error of the jump from the mean of $m$ measurements, against Bayes' rule over the
    measurements one by one: by the formula, and by three false neighbours of it.
    """
    error = result.data["posterior_means"].error.max("noise")
    laws = [law for law in TITLES if law in error.law.values]
    figure, panels = subplots(1, len(laws), aspect=1.25, sharey=True, squeeze=False)
    styles = [
        {**arm(k), "mfc": "white", "lw": 0.8} | ({"color": REFUTED_COLOUR, "ls": "--"} if k else {})
        for k in range(len(ARMS))
    ]
    for axes, law in zip(panels[0], laws, strict=True):
        for name, style in zip(ARMS, styles, strict=True):
            found = error.sel(law=law, arm=name)
            if name in ("at sigma", "step sigma^2"):  # the formula itself where m = 1
                found = found.sel(m=found.m > 1)
            axes.plot(found.m.values, found.values, **style)
        axes.set(xscale="log", yscale="log", xlabel="measurements $m$", title=TITLES[law])
        plain_ticks(axes.xaxis, error.m.values)
    panels[0, 0].set_ylabel("relative error of the jump")
    handles = [key(label, **style) for label, style in zip(ARMS.values(), styles, strict=True)]
    legend_below(figure, handles)
    return figure
