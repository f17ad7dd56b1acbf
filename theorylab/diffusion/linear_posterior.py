r"""The exact posterior of a Gaussian mixture under a linear measurement: a Gaussian mixture again.

For $x_0 \sim \sum_i w_i N(m_i, \Sigma_i)$ and $y = Hx_0 + \sigma_n n$, with $\Sigma_i = L_i L_i'$
and $H L_i/\sigma_n = U_i\,\mathrm{diag}(s_{ij})\,V_i'$,

- covariances  $\Gamma_i = F_i F_i'$, $\; F_i = L_i V_i\,\mathrm{diag}(1 + s_{ij}^2)^{-1/2}$
- means        $\mu_i = m_i + L_i V_i\,\mathrm{diag}(s_{ij}/(1+s_{ij}^2))\,U_i'(y - Hm_i)/\sigma_n$
- weights      $\propto w_i\,N(y; Hm_i, H\Sigma_iH' + \sigma_n^2 I)$

Every covariance is a square by construction: none loses its positivity as $\sigma_n \to 0$, where
$\Sigma - \Sigma H'(\ldots)^{-1}H\Sigma$ cancels. The posterior is its own exact denoiser, so
``linear_posterior(...)(x, sigma)`` is $E[x_0 \mid x, y]$, what every guided denoiser approximates;
``.mean()``, ``.covariance()``, ``.sample(n, generator)`` are those of a mixture.
Source: Bishop 2006, "Pattern Recognition and Machine Learning", eqs. 2.113 to 2.117.
"""

import math

import torch
from torch import Tensor

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.linear_measurement import LinearMeasurement


def linear_posterior(mixture: GaussianMixture, measurement: LinearMeasurement) -> GaussianMixture:
    """Law of x0 given the measurement. Float64; costs k decompositions of d x d matrices.

    Raises ``ValueError`` when the operator has not as many columns as the mixture has dimensions.
    """
    weights, means, factors = _condition(mixture, measurement)
    return GaussianMixture.full(weights.softmax(0), means, factors @ factors.mT)


def log_evidence(mixture: GaussianMixture, measurement: LinearMeasurement) -> Tensor:
    """``log p(y) = log sum_i w_i N(y; H m_i, H Sigma_i H' + sigma_n^2 I)``, a scalar."""
    return _condition(mixture, measurement)[0].logsumexp(0)


def _condition(
    mixture: GaussianMixture, measurement: LinearMeasurement
) -> tuple[Tensor, Tensor, Tensor]:
    """Logarithms of w_i p_i(y), (k,); means mu_i, (k, d); factors F_i, (k, d, d)."""
    if measurement.dim != mixture.dim:
        raise ValueError(
            f"the operator of shape {tuple(measurement.operator.shape)} acts on {measurement.dim} "
            f"numbers, the mixture has dimension {mixture.dim}; they must be equal"
        )
    values, vectors = torch.linalg.eigh(mixture.covariances())
    roots = vectors * values.clamp(min=0).sqrt()[:, None]
    operator, noise = measurement.operator.to(roots), measurement.noise
    left, s, right = torch.linalg.svd(operator @ roots / noise, full_matrices=True)
    m, d = operator.shape
    # One gain for each direction of the data, one shrinkage for each of x0; the rest have s = 0.
    shown, hidden = s.new_zeros(len(s), m), s.new_zeros(len(s), d)
    shown[:, : s.shape[1]], hidden[:, : s.shape[1]] = s, s
    residual = (measurement.y.to(roots) - mixture.means @ operator.mT) / noise
    along = (left.mT @ residual[..., None])[..., 0]
    log_weights = (
        mixture.weights.log()
        - (along.square() / (1 + shown.square()) + (1 + shown.square()).log()).sum(1) / 2
        - m / 2 * math.log(2 * math.pi * noise**2)
    )
    frame = roots @ right.mT
    gain = (s / (1 + s.square())) * along[:, : s.shape[1]]
    means = mixture.means + (frame[..., : s.shape[1]] @ gain[..., None])[..., 0]
    return log_weights, means, frame / (1 + hidden.square()).sqrt()[:, None]
