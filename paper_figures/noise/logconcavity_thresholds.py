"""Thresholds of log-concavity: two components, against the rule as printed."""

import numpy as np

from theorylab.figures import MEASURED, REFUTED_COLOUR, THEORY, subplots


def draw(result):
    """Smallest log-concave variance of two components against the distance of their means."""
    thresholds = result.data["thresholds"]
    figure, axes = subplots()
    distance = np.geomspace(0.8, 45, 200)
    axes.plot(distance, distance**2 / 4, color=THEORY, label=r"$D^2/4$")
    axes.plot(distance, distance, "--", color=REFUTED_COLOUR, label=r"as printed: $D$")
    names = [p for p in thresholds.pair.values if p != "document"]
    arms = (
        (names, "o", MEASURED, "measured"),
        (["document"], "D", "white", "the document's mixture"),
    )
    for pairs, marker, face, label in arms:
        some = thresholds.sel(pair=pairs)
        level = some.threshold + some.tau**2
        x, y = (v.values.ravel() for v in (some.distance.broadcast_like(level), level))
        axes.plot(x, y, marker, color=MEASURED, mfc=face, label=label)
    axes.set(xscale="log", yscale="log", ylim=(0.15, 600), xlabel="distance $D$ of the means")
    axes.set_ylabel(r"smallest $\sigma^2+\tau^2$")
    axes.legend(loc="upper left")
    return figure
