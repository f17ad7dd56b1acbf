r"""DDIM tracks the distance: does sqrt(n) sigma stay within nu of it, for the worst errors?

Document 000's theorem: under relative error eta and an (eta, nu)-admissible schedule, sqrt(n) sigma
tracks the distance to the data, which lies between two products and decreases. The mathematics
holds with what the slides leave out. Tracking needs a start on dist = sqrt(n) sigma, not merely in
the band. The lower product needs its factors clamped at 0. With eta >= 1 the distance may grow.

Everything here is exact, in rational numbers, with errors of +-eta x on K = {0}; the same bounds
along real trajectories stand in `ddim_tracking_trajectories`.
"""

import itertools
import math
from fractions import Fraction

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion import admissibility, adversary

experiment = Experiment()

ANALYSIS = "Analysis under the error model"


# ---- checks ------------------------------------------------------------------------------------


def tracks_exactly(inside=Fraction(0), factor=Fraction(1), nu0=None):
    """Whether the adversary stays in the band at beta*, from ``inside`` of the way to its edge.

    With nu0 the start is on the edge of that smaller band, and beta* knows of it.
    """
    excess = []
    for eta, c, steps in itertools.product(
        (Fraction(1, 10), Fraction(1, 2), Fraction(2)),
        (Fraction(1, 10), Fraction(1, 3)),
        (2, 7, 20),
    ):
        nu = (nu0 or 1) / (1 - c) ** steps
        sigmas = adversary.geometric_levels(factor * c / (eta + c), steps)
        start = nu0 or 1 + inside * (nu - 1)
        worst = adversary.reached_nu(sigmas, eta, start=start)
        excess.append(Fraction(1) if worst is None else worst / nu - 1)
    return checks.certificate(
        excess,
        (-math.inf, 0.0),
        "rational numbers; at beta* the adversary ends exactly on the band's edge",
    )


def two_sided_exactly(clamped=True, plus=1, upper_factor=Fraction(1)):
    """Three adversaries on K = {0}: +eta x, -eta x, and one that steps onto the point if it can."""
    cases = [
        (tuple(adversary.geometric_levels(Fraction(4, 5), 2)), Fraction(1, 2)),
        *adversary.rational_schedules(),
    ]
    excess = []
    for sigmas, eta in cases:
        betas = [1 - b / a for a, b in itertools.pairwise(sigmas)]
        falls = [1 - beta * (eta + plus) for beta in betas]
        lower = list(itertools.accumulate((max(0, f) if clamped else f for f in falls), _times))
        rises = [1 + beta * (upper_factor * eta - 1) for beta in betas]
        upper = list(itertools.accumulate(rises, _times))
        paths = [adversary.worst_distances(sigmas, eta, sign)[1:] for sign in (1, -1)]
        stopping = next((i for i, b in enumerate(betas) if b * (1 + eta) >= 1), None)
        if stopping is not None:
            before = adversary.worst_distances(sigmas, eta, 1)[1 : stopping + 1]
            paths.append([*before, *[Fraction(0)] * (len(betas) - stopping)])
        for path in paths:
            distances = [abs(x) for x in path]
            excess.append(max(low - d for low, d in zip(lower, distances, strict=True)))
            excess.append(max(d - up for d, up in zip(distances, upper, strict=True)))
    return checks.certificate(excess, (-math.inf, 0.0), "rational numbers: no slack is needed")


def _times(a, b):
    return a * b


def attained_exactly(eta_factor=Fraction(1), swapped=False):
    """The library's two products are the adversaries' distances, while no lower factor is 0."""
    differences = []
    for sigmas, eta in adversary.rational_schedules():
        factors = admissibility.distance_factors(sigmas, eta * eta_factor)
        down, up = (adversary.worst_distances(sigmas, eta, sign) for sign in (1, -1))
        down = [max(0, x) if min(down[: i + 1]) > 0 else 0 for i, x in enumerate(down)]
        if swapped:
            down, up = up, down
        gaps = (
            abs(a - b)
            for products, path in ((factors.lower, down), (factors.upper, up))
            for a, b in zip(products, path, strict=True)
        )
        differences.append(max(gaps))
    return checks.certificate(differences, (0.0, 0.0), "rational numbers: equality is exact")


def decreases_exactly(etas=(Fraction(0), Fraction(1, 2), Fraction(999, 1000))):
    """dist_{t-1}/dist_t - 1 for the adversary -eta x on an admissible schedule of 10 steps."""
    growth = []
    for eta in etas:
        sigmas = adversary.geometric_levels(Fraction(1, 10), 10)
        if admissibility.smallest_nu(sigmas, eta) == math.inf:
            raise ValueError(f"the schedule is not admissible for eta = {eta}")
        path = adversary.worst_distances(sigmas, eta, -1)
        growth.append(max(b / a - 1 for a, b in itertools.pairwise(path)))
    return checks.certificate(
        growth,
        (-math.inf, -1e-6),
        "rational numbers; below 0 by more than 1e-6, so that equality is not a decrease",
    )


# ---- claims -----------------------------------------------------------------------------------

SCHEDULE = Source("000", f"slide '{ANALYSIS}'")
TRACKING = Source("000", f"slide '{ANALYSIS}', theorem, item 1")
BOUNDS = Source("000", f"slide '{ANALYSIS}', theorem, item 2")

theorem = experiment.claim(
    "ddim-tracking-theorem-corrected",
    r"\tfrac1\nu \mathrm{dist}_K(x_t) \le \sqrt n\sigma_t \le \nu\,\mathrm{dist}_K(x_t)",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    form="corrected",
    conditions="relative error eta, admissible schedule (here beta*), dist(x_N) = sqrt(n) sigma_N",
    check=tracks_exactly,
    controls=[
        Control("an inadmissible schedule, 1.05 beta*", factor=Fraction(21, 20)),
        Control("a start 1 % of the way to the band's edge", inside=Fraction(1, 100)),
    ],
)
experiment.claim(
    "ddim-tracking-theorem-as-stated",
    r"\tfrac1\nu \mathrm{dist}_K(x_t) \le \sqrt n\sigma_t \le \nu\,\mathrm{dist}_K(x_t)",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    conditions="no condition on x_N: a start 30 % of the way to the band's edge",
    check=tracks_exactly,
    inside=Fraction(3, 10),
    expected="refuted",
    twin=theorem,
)
experiment.claim(
    "ddim-tracking-theorem-initial-band",
    r"\tfrac1\nu \mathrm{dist}_K(x_t) \le \sqrt n\sigma_t \le \nu\,\mathrm{dist}_K(x_t),\quad"
    r" c = 1 - (\nu_0/\nu)^{1/N}",
    source=TRACKING,
    entries="ddim-tracking-theorem",
    kind="inequality",
    form="derived",
    conditions="start on the edge of the band nu0 = 13/10",
    check=tracks_exactly,
    nu0=Fraction(13, 10),
    controls=[Control(r"1.05\,\beta^*", factor=Fraction(21, 20))],
)
two_sided_bound = experiment.claim(
    "ddim-two-sided-distance-bound-corrected",
    r"\prod_{i=t}^N \max(0, 1-\beta_i(\eta+1)) \le \frac{\mathrm{dist}_K(x_{t-1})}"
    r"{\mathrm{dist}_K(x_N)} \le \prod_{i=t}^N (1+\beta_i(\eta-1))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    kind="inequality",
    form="corrected",
    conditions="relative error eta at every step, beta_i = 1 - sigma_{i-1}/sigma_i",
    check=two_sided_exactly,
    controls=[
        Control(r"\eta in place of \eta + 1", plus=0),
        Control("nine tenths of eta above", upper_factor=Fraction(9, 10)),
    ],
)
experiment.claim(
    "ddim-two-sided-distance-bound-as-stated",
    r"\prod_{i=t}^N (1-\beta_i(\eta+1)) \le \frac{\mathrm{dist}_K(x_{t-1})}"
    r"{\mathrm{dist}_K(x_N)} \le \prod_{i=t}^N (1+\beta_i(\eta-1))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    kind="inequality",
    conditions="two steps of beta = 4/5 at eta = 1/2: the product is 1/25, the distance can be 0",
    check=two_sided_exactly,
    clamped=False,
    expected="refuted",
    twin=two_sided_bound,
)
experiment.claim(
    "ddim-two-sided-distance-bound-attained",
    r"\mathrm{dist}_K(x_{t-1}) = \mathrm{dist}_K(x_N) \prod_{i=t}^N (1-\beta_i(1\pm\eta))",
    source=BOUNDS,
    entries="ddim-two-sided-distance-bound",
    form="derived",
    conditions="K = {0}, sigma eps = (1 +- eta) x, while no lower factor is 0",
    check=attained_exactly,
    controls=[
        Control("a tenth less eta", eta_factor=Fraction(9, 10)),
        Control("the signs exchanged", swapped=True),
    ],
)
fall = experiment.claim(
    "admissible-implies-dist-decreases-corrected",
    r"\mathrm{dist}_K(x_{t-1}) < \mathrm{dist}_K(x_t)",
    source=SCHEDULE,
    entries="admissible-implies-dist-decreases",
    kind="inequality",
    form="corrected",
    conditions="0 <= eta < 1, an admissible schedule, the error -eta x on K = {0}",
    check=decreases_exactly,
    controls=[
        Control("eta = 1", etas=(Fraction(1),)),
        Control("eta = 1.01", etas=(Fraction(1, 2), Fraction(101, 100))),
    ],
)
experiment.claim(
    "admissible-implies-dist-decreases-as-stated",
    r"\mathrm{dist}_K(x_{t-1}) < \mathrm{dist}_K(x_t)",
    source=SCHEDULE,
    entries="admissible-implies-dist-decreases",
    kind="inequality",
    conditions="eta >= 0 as on the slide, judged at eta = 3/2 on an admissible schedule",
    check=decreases_exactly,
    etas=(Fraction(3, 2),),
    expected="refuted",
    twin=fall,
)
