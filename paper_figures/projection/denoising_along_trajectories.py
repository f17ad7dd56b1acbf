"""Figure of denoising_along_trajectories: the ideal denoiser against the projection under DDIM."""

from theorylab.figures import BOUND, DATA_NAMES, THEORY, arm, subplots


def draw(result):
    """Relative error of the ideal denoiser as a projection along DDIM, from noise to images."""
    trajectories = result.data["trajectories"]
    figure, axes = subplots()
    sigma = trajectories.sigma.values
    for k, (name, label) in enumerate(DATA_NAMES.items()):
        if name not in trajectories.set:
            continue
        some = trajectories.sel(set=name)
        low, middle, high = (some.eta.quantile(q, "start") for q in (0.0, 0.5, 1.0))
        axes.fill_between(sigma, low, high, color=arm(k)["color"], alpha=0.2, lw=0)
        axes.plot(sigma, middle, **arm(k), ms=2.5, lw=0.8, label=f"{label}, median")
        far = sigma > 20
        axes.plot(sigma[far], some.bound.mean("start")[far], color=BOUND, ls="--", lw=0.9)
    axes.fill_between([], [], [], color="0.5", alpha=0.3, lw=0, label="range over starts")
    axes.plot([], [], color=BOUND, ls="--", lw=0.9, label="bound by the diameter")
    axes.axhline(0.1, color=THEORY, lw=0.6, ls=":")
    axes.text(0.11, 0.11, "small", va="bottom", size="small")
    axes.set(xscale="log", yscale="log", ylim=(5e-4, 20), xlim=(0.1, 900))
    axes.set_xlabel(r"noise level $\sigma$")
    axes.set_ylabel(r"$\eta=|D-\mathrm{proj}|\,/\,\mathrm{dist}$")
    axes.legend(loc="upper right")
    return figure
