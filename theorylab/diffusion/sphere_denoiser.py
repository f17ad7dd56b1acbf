r"""The ideal denoiser of the uniform law on a sphere, in closed form in any dimension.

For x_0 uniform on the sphere of radius R and intrinsic dimension d = k - 1, and u in R^k the
coordinates of x in the sphere's frame, x_0 given x has a von Mises-Fisher law of concentration
z = R |u| / sigma^2 (Mardia and Jupp 2000, *Directional Statistics*, section 9.3.2), hence

.. math:: D(x, \sigma) = R\, A_k(z)\, u/|u|, \qquad A_k(z) = I_{k/2}(z) / I_{k/2-1}(z).
"""

import numpy as np
import torch
from scipy import special
from torch import Tensor

from theorylab.diffusion.denoisers import Sigma, expand_sigma
from theorylab.diffusion.manifolds import Sphere

TERMS = 60  # each shrinks the continued fraction's error by (sqrt(2) - 1)^2 or more
LARGE = 1e6  # beyond k times this the series in 1/z is exact in float64


def sphere_denoiser(sphere: Sphere):
    """``denoiser(x, sigma) -> E[x_0 | x]`` for x_0 uniform on the sphere; x (batch, ambient_dim).

    float64. Raises ``ValueError`` for a sigma that is not positive. At u = 0, where every
    direction is as likely, it returns the centre.
    """

    def denoiser(x: Tensor, sigma: Sigma) -> Tensor:
        x = x.to(torch.float64)
        level = expand_sigma(sigma, x, allow_zero=False)
        u = (x - sphere.centre) @ sphere.frame.T
        norm = u.norm(dim=1, keepdim=True)
        z = sphere.radius * norm / level.square()
        ratio = torch.from_numpy(mean_resultant_length(sphere.dim + 1, z.numpy()))
        direction = u / norm.clamp(min=torch.finfo(torch.float64).tiny)
        return sphere.centre + (sphere.radius * ratio * direction) @ sphere.frame

    return denoiser


def mean_resultant_length(k: int, z: np.ndarray) -> np.ndarray:
    r""":math:`A_k(z) = I_{k/2}(z)/I_{k/2-1}(z)` for :math:`k \ge 1`, z >= 0; float64, shape of z.

    Below z = k/2, where the Bessel functions underflow, by Gauss's continued fraction
    :math:`r_\nu = 1/(2\nu/z + r_{\nu+1})` (Watson 1944, section 5.6); above it by SciPy's scaled
    Bessel functions, and far above by their series in 1/z. Relative error below 1e-12.
    """
    z = np.asarray(z, dtype=float)
    small = np.minimum(z, k / 2)
    ratio = np.zeros_like(z)
    for order in k / 2 + np.arange(TERMS)[::-1]:
        ratio = small / (2 * order + small * ratio)
    middle = np.clip(z, k / 2, LARGE * k)
    bessel = special.ive(k / 2, middle) / special.ive(k / 2 - 1, middle)
    far = np.maximum(z, LARGE * k)
    series = 1 - (k - 1) / (2 * far) + (k - 1) * (k - 3) / (8 * far**2)
    return np.where(z < k / 2, ratio, np.where(z > LARGE * k, series, bessel))


def typical_relative_error(
    ambient_dim: int, dim: int, sigma: np.ndarray, radius: float = 1.0
) -> np.ndarray:
    r""":math:`|D - \mathrm{proj}|/\mathrm{dist}` at the typical noised point; shape of sigma.

    That is where :math:`|u|^2 = R^2 + (d+1)\sigma^2` in the sphere's frame and the squared distance
    from it is :math:`(n-d-1)\sigma^2`:

    .. math:: \frac{R\,(1 - A_{d+1}(R|u|/\sigma^2))}{\sqrt{(|u|-R)^2 + (n-d-1)\sigma^2}}.

    It rises as :math:`d\sigma/(2R\sqrt{n-d-1})` and falls as :math:`R/(\sigma\sqrt n)`; samples
    gather about it as n and d grow. float64; n > d + 1.
    """
    sigma = np.asarray(sigma, dtype=float)
    u = np.sqrt(radius**2 + (dim + 1) * sigma**2)
    gap = radius * (1 - mean_resultant_length(dim + 1, radius * u / sigma**2))
    return gap / np.hypot(u - radius, np.sqrt(ambient_dim - dim - 1) * sigma)
