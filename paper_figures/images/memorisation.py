"""Memorisation: nearest training images of samples, and how far they are."""

import numpy as np

from theorylab.figures import THEORY, arm, name_cells, pictures, show, shows, subplots

ARMS = {"network": "network", "untrained": "untrained network", "ideal": "ideal denoiser"}


@shows("memorisation-ideal-copies", "memorisation-network-generalises")
def draw(result):
    """Samples of the ideal denoiser and of the network, each above its nearest training image."""
    shown = result.data["neighbours"].shown
    arms, kinds, count = ("ideal", "network"), shown.kind.values, shown.sizes["example"]
    figure, cells = pictures(len(arms) * len(kinds), count)
    names = []
    for name in arms:
        for kind in kinds:
            row = shown.sel(arm=name, kind=kind)
            for j, cell in enumerate(cells[len(names)]):
                show(cell, row.isel(example=j))
            names.append(
                "nearest\nin training" if names and kind != kinds[0] else f"{name}:\nsample"
            )
    name_cells(cells, names)
    return figure


@shows("memorisation-network-as-far-as-held-out")
def draw_distances(result):
    """How far samples are from their nearest training image; dotted: images of the test set."""
    found = result.data["neighbours"]
    figure, axes = subplots()
    share = (np.arange(found.sizes["sample"]) + 0.5) / found.sizes["sample"]
    for k, (name, label) in enumerate(ARMS.items()):
        far = np.sort(found.train.sel(arm=name).values)
        axes.plot(far, share, markevery=0.2, label=label, **arm(k))
    far = np.sort(found.train.sel(arm="test images").values)
    axes.plot(far, share, ":", color=THEORY, label="test images")
    axes.set(xlabel="r.m.s. distance to the nearest training image", ylabel="share of samples")
    axes.set(xlim=(-0.02, None), ylim=(0, 1.02))
    axes.legend(loc="center right", bbox_to_anchor=(0.87, 0.3))
    return figure
