"""What the energy is trained for: distances, contrasts and gradients.

All objectives look at norms n = sqrt(E) of candidate outcomes or candidate masks, n being meant
to read as a distance in workspace units: E = d² close to where the concept holds, growing more
slowly far away, so that every family pulls with the same strength and from everywhere.
"""

from __future__ import annotations

import torch
from torch.nn import functional

SATURATION = 0.5
"""Distance in workspace units beyond which the target energy turns from d² to linear."""

_NORM_FLOOR = 1e-6


def target_norm(distance: torch.Tensor) -> torch.Tensor:
    """Return sqrt(E) wanted at `distance` from where the concept holds (workspace units).

    E = 2 s² (sqrt(1 + (d/s)²) - 1), the pseudo-Huber function: d² near zero, 2 s d far away.
    """
    ratio = (distance / SATURATION).square()
    # The conjugate form does not cancel for small distances.
    return SATURATION * (2 * ratio / ((1 + ratio).sqrt() + 1)).sqrt()


def norm_of(residual: torch.Tensor) -> torch.Tensor:
    """Return sqrt(E) of residuals (..., K), with a finite gradient at zero."""
    return (residual.square().sum(dim=-1) + _NORM_FLOOR).sqrt()


def distance_loss(
    norms: torch.Tensor,
    distances: torch.Tensor,
    relative: float = 0.3,
    floor: float = 0.1,
    caution: float = 3.0,
) -> torch.Tensor:
    """Relative error of norms against the distance to the nearest satisfying configuration.

    Args:
        norms: (...) sqrt(E).
        distances: (...) workspace units, >= 0.
        relative: share of the larger norm that counts as one unit of error.
        floor: error that counts as one unit where both are zero.
        caution: how much more an energy that is too low counts. Demonstrations leave doubt, and
            a loss that is linear for large errors is least at the median: the energy would be
            zero wherever the concept holds more likely than not.

    Returns:
        (...) losses, quadratic for small and linear for large errors.
    """
    wanted = target_norm(distances)
    # Relative to the larger of both: relative to the target alone, a norm that is wrong by as much
    # costs far more above a zero than below a large target, and where the code leaves doubt the
    # energy would become zero everywhere.
    scale = torch.maximum(wanted, norms.detach())
    error = (norms - wanted) / (relative * scale + floor)
    weight = torch.where(error.detach() < 0, caution, 1.0)
    return weight * ((1 + error.square()).sqrt() - 1)


def info_nce(energies: torch.Tensor, holds: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE of the first candidate against those that do not hold.

    Candidates that also hold are no negatives and are left out.

    Args:
        energies: (..., 1 + k), the demonstration first.
        holds: (..., 1 + k) bool.
        temperature: energy that counts as one nat.

    Returns:
        (...) losses.
    """
    logits = -energies / temperature
    others = logits[..., 1:].masked_fill(holds[..., 1:], -torch.inf)
    return -functional.log_softmax(torch.cat([logits[..., :1], others], dim=-1), dim=-1)[..., 0]


def softplus_contrast(
    energies: torch.Tensor, holds: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return the papers' softplus(E(data) - E(sample)), averaged over the samples.

    Mordatch, arXiv 1811.02486; it is InfoNCE with one negative, and reads ln 2 for E = 0.

    Args:
        energies: (..., 1 + k), the demonstration first.
        holds: (..., 1 + k) bool; samples that hold are left out.
        temperature: energy that counts as one nat.
    """
    gap = functional.softplus((energies[..., :1] - energies[..., 1:]) / temperature)
    keep = (~holds[..., 1:]).to(gap.dtype)
    return (gap * keep).sum(dim=-1) / keep.sum(dim=-1).clamp(min=1)


def kl_sampler(
    energy_of_samples: torch.Tensor, samples: torch.Tensor, temperature: float
) -> torch.Tensor:
    """KL term that trains through the sampler: E(samples) / T minus the samples' entropy.

    The energy's own parameters are to be frozen in `energy_of_samples`; the printed sign of the
    entropy (eq. 6 of the workshop paper) is mended: KL(q || exp(-E/T)) = E_q[E]/T - H(q). The
    entropy is the nearest-neighbour estimate of Kozachenko and Leonenko, up to a constant.

    Args:
        energy_of_samples: (B, S) energies of S samples.
        samples: (B, S, D) the samples, connected to what is trained.
        temperature: energy that counts as one nat.

    Returns:
        (B,) losses.
    """
    count, dimension = samples.shape[1:]
    gaps = (samples.unsqueeze(1) - samples.unsqueeze(2)).square().sum(dim=-1)
    gaps = gaps + 1e6 * torch.eye(count, dtype=gaps.dtype, device=gaps.device)
    entropy = 0.5 * dimension * (gaps.amin(dim=-1) + 1e-8).log().mean(dim=-1)
    return energy_of_samples.mean(dim=-1) / temperature - entropy


def mask_loss(
    norms: torch.Tensor,
    holds: torch.Tensor,
    flips: torch.Tensor,
    margin: float = 0.5,
    step: float = 0.12,
) -> torch.Tensor:
    """Train argument norms: zero where the mask is right, above a margin where it is wrong.

    The margin grows with the number of wrong entities, so that flipping one at a time descends.

    Args:
        norms: (..., G) sqrt(E) of G masks.
        holds: (..., G) bool.
        flips: (..., G) number of entities in which a mask differs from the demonstrated one.
        margin: norm wanted for one wrong entity.
        step: norm wanted in addition for every further one.

    Returns:
        (..., G) losses.
    """
    wanted = margin + step * (flips - 1).clamp(min=0)
    short = functional.relu(wanted - norms) / 0.2
    loss = torch.where(holds, norms / 0.1, short)
    return (1 + loss.square()).sqrt() - 1


def denoising(
    gradient: torch.Tensor, displacement: torch.Tensor, moves: torch.Tensor
) -> torch.Tensor:
    """Relative error of an energy gradient at x* + displacement against 2 * displacement.

    Compare denoising score matching and Du, Mao, Tenenbaum (IRED, 2024).

    Args:
        gradient: (..., N, 2) gradient of E in the positions, with a graph.
        displacement: (..., N, 2) workspace units.
        moves: (..., N) 1 where an entity may move.

    Returns:
        (...) losses.
    """
    gate = moves.unsqueeze(-1)
    # Saturates exactly as the distance target does.
    length = (displacement * gate).square().sum(dim=(-1, -2), keepdim=True)
    wanted = 2 * displacement / (1 + length / SATURATION**2).sqrt()
    wrong = ((gradient - wanted) * gate).square().sum(dim=(-1, -2))
    return wrong / ((wanted * gate).square().sum(dim=(-1, -2)) + 0.01)
