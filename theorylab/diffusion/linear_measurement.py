r"""A linear measurement, y = H x0 + sigma_n n with n ~ N(0, I_m), and its data steps.

    misfit          |y - H x|^2
    gradient        -2 H'(y - H x)
    proximal point  argmin_v |y - H v|^2 + rho |v - x|^2
                    = x + V diag(s/(s^2 + rho)) U'(y - H x),      H = U diag(s) V'

The last form needs one singular value decomposition, subtracts nothing that could cancel, and is
``(H'H + rho I)^{-1}(H'y + rho x)`` (Venkatakrishnan, Bouman & Wohlberg 2013, the data step of
half-quadratic splitting). Rows of a batch never mix: no norm and no mean is taken over the batch.
"""

import math

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Sigma, expand_sigma
from theorylab.diffusion.mixture_parameters import finite


class LinearMeasurement:
    """What was measured: ``y = H x0 + noise n``.

    Args:
        operator: H, (m, d); it acts on events flattened to d numbers.
        y: (m,).
        noise: sigma_n > 0.

    Matrices are float64 and follow the dtype and device of the states they meet.

    Raises:
        ValueError: an operator that is not a matrix, a ``y`` of another length than it has rows, a
            noise that is not positive; in every method, an event of another size than H's columns.
    """

    def __init__(self, operator, y, noise: float):
        operator, y = finite(operator, "operator"), finite(y, "y")
        if operator.ndim != 2 or operator.numel() == 0:
            raise ValueError(
                f"operator: got shape {tuple(operator.shape)}, allowed: (m, d), one row for each "
                "number measured; a single row h is h[None, :]"
            )
        if y.shape != operator.shape[:1]:
            raise ValueError(
                f"y: got shape {tuple(y.shape)}, allowed: ({len(operator)},), one number for each "
                f"row of the operator {tuple(operator.shape)}"
            )
        noise = float(noise)
        if not (math.isfinite(noise) and noise > 0):
            raise ValueError(
                f"noise: got {noise:g}, allowed: a finite standard deviation above 0; for an "
                "exact measurement take one far below the precision that matters"
            )
        self.operator, self.y, self.noise = operator, y.to(operator.device), noise
        self._left, self._singular, right = torch.linalg.svd(operator, full_matrices=False)
        self._right = right.mT

    @property
    def dim(self) -> int:
        """d, how many numbers an event must have."""
        return self.operator.shape[1]

    def residual(self, x: Tensor) -> Tensor:
        """``y - H x``, (batch, m), for x (batch, *event)."""
        return self.y.to(x) - self._flat(x) @ self.operator.to(x).mT

    def pull_back(self, residual: Tensor, x: Tensor) -> Tensor:
        """``H' r`` in the shape of x, for r (batch, m): minus half the gradient of the misfit."""
        return (residual @ self.operator.to(residual)).reshape(x.shape)

    def proximal(self, x: Tensor, rho: Sigma) -> Tensor:
        """``argmin_v |y - H v|^2 + rho |v - x|^2``, one for each row, in the shape of x.

        ``rho >= 0``: a number, (batch,) or (batch, 1, ..., 1). With 0 it is the solution of least
        misfit nearest to x.
        """
        residual = self.residual(x)
        rho = rho.flatten() if isinstance(rho, Tensor) else rho
        rho, s = expand_sigma(rho, residual), self._singular.to(x)
        # Directions that H does not see (s = 0 up to rounding) stay, even with rho = 0.
        seen = s > s.max() * max(self.operator.shape) * torch.finfo(x.dtype).eps
        gain = torch.where(seen, s, 0) / torch.where(seen, s.square() + rho, 1)
        step = (residual @ self._left.to(x)) * gain
        return x + (step @ self._right.to(x).mT).reshape(x.shape)

    def _flat(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        if flat.shape[1] != self.dim:
            raise ValueError(
                f"the operator of shape {tuple(self.operator.shape)} acts on events of {self.dim} "
                f"numbers; got x of shape {tuple(x.shape)}, whose events have {flat.shape[1]}"
            )
        return flat
