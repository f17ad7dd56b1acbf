"""W2 against evaluations for each sampler, on three spectra and on the line."""

from matplotlib.ticker import NullFormatter, NullLocator

from theorylab import figures

ARMS = ("DDIM", "gradient estimation", "DPM-2", "iPNDM", "DPM++ 2M", "UniPC 2")
MARKERS = "os^Dvx"
#: Whole decades, so that a tick stands on each axis.
DECADES = {
    "k^-1": (-0.7, 1.6),
    "k^-1.5": (-0.1, 1.6),
    "k^-2": (-0.1, 1.6),
    "four modes": (-1.5, 0.3),
}
TITLES = {
    "k^-1": "$k^{-1}$",
    "k^-1.5": "$k^{-3/2}$",
    "k^-2": "$k^{-2}$",
    "four modes": "four modes",
}


def draw(result):
    """One panel a law; dashed, the exact flow with its last denoising."""
    data = result.data["distances"]
    figure, panels = figures.subplots(2, 2, aspect=0.85, sharex=True)
    for axes, law in zip(panels.flat, TITLES, strict=True):
        d = data.sel(law=law).w2
        axes.axhline(float(d[-1, 0]), color=figures.THEORY, ls="--", lw=0.8)
        for name, marker, colour in zip(ARMS, MARKERS, figures.CATEGORICAL, strict=True):
            axes.plot(
                d.evaluations,
                d.sel(sampler=name),
                marker + "-",
                color=colour,
                mfc="white",
                lw=0.7,
                ms=3,
                label=name,
            )
        axes.set(xscale="log", yscale="log")
        axes.set_title(TITLES[law], fontsize=8)
        axes.set_xticks(d.evaluations.values, [str(n) for n in d.evaluations.values])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(labelsize=6)
        axes.set_ylim(*(10.0**edge for edge in DECADES[law]))
        axes.yaxis.set_minor_formatter(NullFormatter())
    for axes in panels[1]:
        axes.set_xlabel("evaluations")
    for axes in panels[:, 0]:
        axes.set_ylabel("$W_2$ to the data")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncol=3, fontsize=6)
    return figure
