"""Figure of gradient_estimation_premise: eps against the gradient of the distance."""

import numpy as np

from theorylab.figures import THEORY, arm, plain_ticks, subplots


def draw(result):
    """How far eps is from sqrt(n) grad dist, against how far dist is from sqrt(n) sigma."""
    premises = result.data["premises"]
    figure, axes = subplots()
    names = [s for s in ("digits", "random points", "one point") if s in premises["set"].values]
    for k, name in enumerate(names):
        one = premises.sel(set=name)
        drawn = arm(k) | {"ls": "", "ms": 2.5, "mfc": "none", "mew": 0.6}
        axes.plot(one.rho.values.ravel(), one.apart.values.ravel(), **drawn, label=name)
    rho = np.geomspace(0.1, 5, 401)
    away = np.abs(rho - 1)
    axes.plot(rho, away, color=THEORY, zorder=0, label=r"$|\rho-1|$, exact for one point")
    axes.set(xscale="log", yscale="log", xlim=(0.15, 5), ylim=(5e-3, 6))
    plain_ticks(axes.xaxis)
    axes.set_xlabel(r"$\rho=\mathrm{dist}_K(x)\,/\,\sqrt{n}\,\sigma$")
    axes.set_ylabel(r"$\|\epsilon-\sqrt{n}\,\nabla\mathrm{dist}_K\|\,/\,\sqrt{n}$")
    axes.legend(loc="lower left")
    return figure
