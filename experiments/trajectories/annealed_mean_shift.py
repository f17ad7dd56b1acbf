r"""Annealed mean shift: does a step towards the denoised point raise the density?

Document 001's conclusion calls sampling an annealed mean shift. For Gaussian-smoothed laws log p_s
has a quadratic minorant that touches it at x and is largest at the denoised point r: every step of
tau in (0, 1] towards r gains, and over-relaxation beyond tau = 2 need not.

The least gain is looked for by adversarial search, on a mixture, a point and digits.
"""

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.images import datasets

experiment = Experiment()

PLANE = GaussianMixture.isotropic(
    [0.2, 0.5, 0.3], [[-1.0, -0.6], [1.2, 0.3], [-0.2, 1.1]], [0.05, 0.1, 0.2]
)

# ---- measurements -----------------------------------------------------------------------------


@experiment.measure(
    grid={"law": ["plane", "point", "digits"]},
    data=("digits",),
    quick={"queries": 12, "steps": 5},
    default={"queries": 200, "steps": 40},
    paper={"queries": 400, "steps": 200},
)
def mean_shift(law, queries, steps, rng):
    """The least gain of log p_s over steps x + tau (r - x), in units of |x - r|^2/(2 s^2).

    Looked for by adversarial search in x.
    """
    dim = 64 if law == "digits" else 2
    if law == "plane":
        model, density = PLANE, PLANE.log_density
    elif law == "point":
        model, density = (lambda x, s: 0 * x), (lambda x, s: -x.square().sum(1) / (2 * s * s))
    else:
        images = datasets.as_float(datasets.digits()).flatten(1)[:100]
        model = IdealDenoiser(images)
        density = lambda x, s: model.posterior(x, s).log_sum_exp
    sigmas, taus, rows = (0.3, 1.0, 3.0), (0.4, 1.0, 2.0, 2.5), []
    for sigma in sigmas:
        start = sigma * rng.standard_normal((queries, dim))
        if law == "digits":
            start = start + images[rng.integers(len(images), size=queries)].numpy()
        for tau in taus:

            def loss(points, sigma=sigma, tau=tau):
                x = torch.from_numpy(points)
                r = model(x, sigma)
                gain = density(x + tau * (r - x), sigma) - density(x, sigma)
                return (-gain * 2 * sigma**2 / (x - r).square().sum(1)).numpy()

            _, found = checks.adversarial_search(loss, start, rng, steps=steps, scale=sigma / 3)
            rows.append(-found.max())
    gain = np.reshape(rows, (len(sigmas), len(taus)))
    return xr.Dataset(
        {"gain": (("sigma", "tau"), gain, {"long_name": "least gain of log density"})},
        {"sigma": list(sigmas), "tau": list(taus)},
    )


# ---- checks ------------------------------------------------------------------------------------


def gains(mean_shift, taus=(0.4, 1.0), share=0.0):
    """log p_s(x + tau(r - x)) - log p_s(x) >= share (1 - (1 - tau)^2)|x - r|^2/(2 s^2)."""
    d = mean_shift.sel(tau=list(taus))
    deficit = share * (1 - (1 - d.tau) ** 2) - d.gain
    return checks.bound(
        deficit.max(("sigma", "tau")),
        1e-8,
        1e-5,
        reason="rounding of log densities, at points where |x - r| is not small beside sigma",
    )


# ---- claims -----------------------------------------------------------------------------------

shift = experiment.about(
    "annealed-mean-shift",
    Source("001", "slide 'Conclusion' (annealed mean shift)"),
    kind="inequality",
    conditions="mixture in the plane, one point, 100 digits; s = .3, 1, 3; adversarial search in x",
    check=gains,
)

shift(
    "",
    r"\log p_s(x + \tau(r^* - x)) \ge \log p_s(x),\ \tau \in (0, 1]",
    controls=[Control("over-relaxed: tau = 5/2", taus=(2.5,))],
)
shift(
    "minorant",
    r"\log p_s(y) - \log p_s(x) \ge \frac{|x - r^*|^2 - |y - r^*|^2}{2 s^2}",
    taus=(0.4, 1.0, 2.0, 2.5),
    share=1.0,
    controls=[Control("a tenth more", share=1.1)],
)
