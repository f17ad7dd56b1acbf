"""Figure of few_step_samplers: W2 against evaluations, on three spectra and on the line."""

from theorylab.figures import THEORY, arm, plain_ticks, subplots

ARMS = ("DDIM", "gradient estimation", "DPM-2", "iPNDM", "DPM++ 2M", "UniPC 2", "A-DDIM")
TITLES = {
    "k^-1": r"(a) $\lambda_k\propto k^{-1}$",
    "k^-1.5": r"(b) $\lambda_k\propto k^{-3/2}$",
    "k^-2": r"(c) $\lambda_k\propto k^{-2}$",
    "four modes": "(d) four modes",
}


def draw(result):
    """W2 to the data against evaluations: normal laws of three spectra, and a mixture on a line."""
    data = result.data["distances"]
    figure, panels = subplots(2, 2, aspect=0.95, sharex=True)
    for axes, (law, title) in zip(panels.flat, TITLES.items(), strict=True):
        d = data.w2.sel(law=law)
        for k, name in enumerate(ARMS):
            w2 = d.sel(sampler=name)
            line = "--" if name == "A-DDIM" else "-"  # DDIM's colour
            axes.plot(d.evaluations, w2, line, **arm(k), mfc="white", lw=0.7, ms=3, label=name)
        exact = float(d.sel(sampler="exact flow, denoised")[0])
        axes.axhline(exact, color=THEORY, ls=":", lw=0.9, label="exact flow")
        axes.set(xscale="log", yscale="log", title=title)
        plain_ticks(axes.xaxis, d.evaluations.values)
        plain_ticks(axes.yaxis)
    for axes in panels[1]:
        axes.set_xlabel("evaluations")
    for axes in panels[:, 0]:
        axes.set_ylabel("$W_2$ to the data")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
