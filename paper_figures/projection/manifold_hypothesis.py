"""Figure of manifold_hypothesis: intrinsic dimensions of images and of known manifolds."""

import numpy as np

from theorylab.figures import DATA_NAMES, THEORY, arm, key, subplots


def draw(result):
    """Intrinsic dimension of the images, beside that of manifolds where it is known."""
    found, known = result.data["dimensions"], result.data["known_dimensions"]
    figure, axes = subplots()
    arms = {"images": "the set itself", "20-sphere": "20-sphere", "shuffled pixels": "shuffled"}
    labels = [str(name) for name in known.manifold.values]
    for position, name in enumerate(labels):
        _spread(axes, position, known.dimension.sel(manifold=name), arm(0))
        d = int(known.known.sel(manifold=name))
        axes.plot([position - 0.3, position + 0.3], [d, d], color=THEORY, lw=0.8, zorder=0)
    for name in found.set.values:
        for k, one in enumerate(arms):
            _spread(axes, len(labels), found.dimension.sel(set=name, arm=one), arm(k))
        labels.append(DATA_NAMES[str(name)].replace("-", "-\n"))
    axes.set(yscale="log", ylabel=r"estimate $\hat d$", ylim=(0.7, 300))
    axes.set_xticks(range(len(labels)), labels)
    handles = [key(label, **arm(k), ls="") for k, label in enumerate(arms.values())]
    handles += [
        key("TwoNN", color="0.4", marker="o", ls=""),
        key("10 neighbours", color="0.4", marker="o", mfc="none", ls=""),
        key("range over seeds", color="0.4", marker="|", ms=6, ls=""),
        key("true", color=THEORY, lw=0.8),
    ]
    axes.legend(handles=handles, ncols=2, loc="upper left")
    return figure


def _spread(axes, position, dimension, drawn):
    for k, shift, fill in ((2, -0.12, drawn["color"]), (10, 0.12, "none")):
        values = dimension.sel(neighbours=k).values
        middle = np.median(values)
        bars = [[middle - values.min()], [values.max() - middle]]
        axes.errorbar(position + shift, middle, bars, **drawn, mfc=fill, ms=3.5, elinewidth=0.8)
