"""Memorisation: nearest training images of samples, and how far they are."""

import numpy as np

from theorylab.figures import CATEGORICAL, THEORY, subplots

ARMS = {"ideal": "ideal denoiser", "network": "network"}
STYLES = {"network": "-", "test images": "--", "untrained": ":", "ideal": "-."}


def draw(result):
    """Samples above their nearest training images."""
    shown = result.data["neighbours"].shown
    count = shown.sizes["example"]
    figure, axes = subplots(2 * len(ARMS), count, aspect=1.0, squeeze=False)
    for a, (arm, name) in enumerate(ARMS.items()):
        for k, kind in enumerate(shown.kind.values):
            for j in range(count):
                cell = axes[2 * a + k, j]
                picture = shown.sel(arm=arm, kind=kind).isel(example=j)
                cell.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="none")
                cell.set(xticks=[], yticks=[])
            label = f"{name}:\nsample" if k == 0 else "nearest\nin training"
            axes[2 * a + k, 0].set_ylabel(label, fontsize="xx-small")
    return figure


def draw_distances(result):
    """How the distance to the nearest training image is distributed."""
    found = result.data["neighbours"]
    figure, axes = subplots()
    share = (np.arange(found.sizes["sample"]) + 0.5) / found.sizes["sample"]
    for (arm, style), colour in zip(STYLES.items(), CATEGORICAL, strict=False):
        far = np.sort(found.train.sel(arm=arm).values)
        colour = THEORY if arm == "test images" else colour
        axes.plot(far, share, style, color=colour, label=ARMS.get(arm, arm))
    axes.set(xlabel="r.m.s. distance to the nearest training image", ylabel="share of samples")
    axes.set(xlim=(-0.02, None), ylim=(0, 1.02))
    axes.legend(fontsize="x-small")
    return figure
