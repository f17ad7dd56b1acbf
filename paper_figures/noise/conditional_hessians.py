"""Conditional Hessians: the curvature of the next measurement's law against its bound zeta(m)."""

import numpy as np

from theorylab.figures import BOUND, arm, subplots

KINDS = {"pair": r"two means at $\pm R$", "ball": r"six means in the ball of radius $R$"}


def draw(result):
    """Largest eigenvalue found of the next measurement's Hessian, against the bound zeta(m)."""
    data = result.data["precise"]
    total = data.measurements * data.tau**2 + data.sigma2
    # sigma^2 zeta(m), as the slides' paper gives it.
    zeta = data.tau**2 / total - 1 + data.sigma2 * data.radius**2 / total**2
    found = data.largest * data.sigma2
    figure, axes = subplots(aspect=0.78)
    line = np.array([-1.0, float(zeta.max()) + 0.05])
    axes.fill_between(line, line, line[1], color=BOUND, alpha=0.12, lw=0)
    axes.plot(line, line, "--", color=BOUND, label=r"bound $\sigma^2\zeta(m)$, shaded above")
    for k, (kind, label) in enumerate(KINDS.items()):
        x, y = (v.sel(kind=kind).values.ravel() for v in (zeta, found.transpose(*zeta.dims)))
        axes.plot(x, y, ls="none", label=label, **arm(k))
    axes.set(xlim=line, ylim=line, xlabel=r"$\sigma^2\zeta(m)$")
    axes.set_ylabel(r"$\sigma^2\lambda_{\max}\nabla^2\log p(y_m|y_{1:m-1})$, largest found")
    axes.legend(loc="upper left")
    return figure
