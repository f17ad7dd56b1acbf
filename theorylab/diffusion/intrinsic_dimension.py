r"""The intrinsic dimension of a sample, from the distances of each point to its neighbours.

If the density is constant on the ball of the k-th neighbour, the log ratios of neighbour distances
:math:`T_k/T_j` are exponential order statistics of rate d, whatever the density and the embedding.
The maximum-likelihood estimator is (Levina and Bickel 2004, NeurIPS 17, eq. 8, with the averaging
over points of inverses by MacKay and Ghahramani 2005)

.. math:: \hat d_k = \Bigl[\frac{1}{N(k-1)}\sum_{i=1}^N\sum_{j=1}^{k-1}
                     \log\frac{T_k(x_i)}{T_j(x_i)}\Bigr]^{-1};

k = 2 is TwoNN (Facco, d'Errico, Rodriguez and Laio 2017, Sci. Rep. 7:12140) by maximum likelihood.
For independent pairs :math:`2d\sum_i\log(T_2/T_1)` is chi-square with 2N degrees of freedom. With
few points in many dimensions the density is not constant on the ball: estimates above 10 are low.
"""

import torch
from torch import Tensor

_ROWS = 512


def neighbour_distances(points: Tensor, k: int) -> Tensor:
    """Distances of each of the points (N, n) to its k nearest others, ascending, (N, k) float64.

    Neighbours are chosen by products of vectors centred at the mean, whose squared distances err by
    about 1e-15 |x|^2; their distances are then formed from differences, so that repeated points are
    exactly 0 apart. Costs N^2 n operations. Raises ``ValueError`` unless 1 <= k < N and the points
    are finite.
    """
    if points.ndim != 2 or not 1 <= k < len(points):
        raise ValueError(
            f"points must have shape (N, n) with N > k >= 1, got {tuple(points.shape)} and k = {k}"
        )
    rows = points.to(torch.float64)
    if not bool(torch.isfinite(rows).all()):
        raise ValueError("points hold NaN or infinite entries")
    rows = rows - rows.mean(0)
    squares = rows.square().sum(1)
    found = []
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        squared = squares[part, None] + squares - 2 * rows[part] @ rows.T
        own = torch.arange(len(squared))
        squared[own, start + own] = torch.inf
        nearest = squared.topk(k, largest=False).indices
        near = [(rows[part] - rows[column]).norm(dim=1) for column in nearest.T]
        found.append(torch.stack(near, 1).sort(1).values)
    return torch.cat(found)


def maximum_likelihood_dimension(points: Tensor, k: int = 2) -> float:
    """The estimate above from points (N, n); k >= 2 neighbours, 2 being TwoNN.

    Raises ``ValueError`` for k < 2 and where a point is repeated, whose ratio is infinite: leave
    out repetitions, e.g. by ``torch.unique(points, dim=0)``.
    """
    if k < 2:
        raise ValueError(f"ratios of distances need k >= 2 neighbours, got {k}")
    distances = neighbour_distances(points, k)
    repeated = int((distances[:, 0] == 0).sum())
    if repeated:
        raise ValueError(f"{repeated} of {len(points)} points are repeated: leave out repetitions")
    logs = distances.log()
    return 1 / float((logs[:, -1:] - logs[:, :-1]).mean())
