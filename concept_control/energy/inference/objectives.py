"""Training objectives of the energy: distances, contrasts and gradients.

They are functions of sqrt(E) of candidate outcomes or masks, which is trained to be a distance in
workspace units: E = d² close to where the concept holds and linear in d far away, so that all
families have gradients of the same size, and have them everywhere.
"""

from __future__ import annotations

import torch
from torch.nn import functional

SATURATION = 0.5
"""Distance at which the target energy turns from d² to linear [workspace units]."""

_NORM_FLOOR = 1e-6
_RELATIVE = 0.3
"""Share of the larger norm that counts as one unit of error."""

_CAUTION = 3.0
"""Weight of energies that are too low. A loss that is linear for large errors is least at the
median, so without it the energy would be zero wherever the concept holds more likely than not."""

_MARGIN, _STEP = 0.5, 0.12
"""Target of sqrt(E) for a mask with one wrong entity, and its increase for every further one."""


def target_norm(distance: torch.Tensor) -> torch.Tensor:
    """Return the target of sqrt(E) at distances (...) to where the concept holds.

    E = 2 s² (sqrt(1 + (d/s)²) - 1), the pseudo-Huber function: d² near zero, 2 s d far away.

    Args:
        distance: (...) workspace units, >= 0.
    """
    ratio = (distance / SATURATION).square()
    # Multiplied by its conjugate, the difference does not cancel for small distances.
    return SATURATION * (2 * ratio / ((1 + ratio).sqrt() + 1)).sqrt()


def norm_of(residual: torch.Tensor) -> torch.Tensor:
    """Return sqrt(E) (...) of residuals (..., K), with a finite gradient at zero."""
    return (residual.square().sum(dim=-1) + _NORM_FLOOR).sqrt()


def distance_loss(
    norms: torch.Tensor, distances: torch.Tensor, floor: float = 0.1
) -> torch.Tensor:
    """Return relative errors (...) of norms against distances to where the concept holds.

    The losses are quadratic for small and linear for large errors.

    Args:
        norms: (...) sqrt(E).
        distances: (...) workspace units, >= 0.
        floor: Error that counts as one unit where both are zero.
    """
    wanted = target_norm(distances)
    # Relative to the larger of both: relative to the target alone, the same error would cost far
    # more above a target of zero than below a large one, and the energy of an uncertain code would
    # become zero everywhere.
    scale = torch.maximum(wanted, norms.detach())
    error = (norms - wanted) / (_RELATIVE * scale + floor)
    weight = torch.where(error.detach() < 0, _CAUTION, 1.0)
    return weight * ((1 + error.square()).sqrt() - 1)


def info_nce(energies: torch.Tensor, holds: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return InfoNCE losses (...) of the first candidate (van den Oord et al. 2018).

    Args:
        energies: (..., 1 + k) energies, the demonstration first.
        holds: (..., 1 + k) bool, candidates that hold; they are left out of the negatives.
        temperature: Energy that counts as one nat.
    """
    logits = -energies / temperature
    others = logits[..., 1:].masked_fill(holds[..., 1:], -torch.inf)
    return -functional.log_softmax(torch.cat([logits[..., :1], others], dim=-1), dim=-1)[..., 0]


def softplus_contrast(
    energies: torch.Tensor, holds: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return the losses (...) softplus(E(data) - E(sample)), averaged over the samples.

    Mordatch, arXiv 1811.02486; it equals InfoNCE with one negative, and is ln 2 for E = 0.

    Args:
        energies: (..., 1 + k) energies, the demonstration first.
        holds: (..., 1 + k) bool, samples that hold; they are left out.
        temperature: Energy that counts as one nat.
    """
    gap = functional.softplus((energies[..., :1] - energies[..., 1:]) / temperature)
    keep = (~holds[..., 1:]).to(gap.dtype)
    return (gap * keep).sum(dim=-1) / keep.sum(dim=-1).clamp(min=1)


def kl_sampler(
    energy_of_samples: torch.Tensor, samples: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return the KL terms (B,) that train through the sampler.

    KL(q || exp(-E/T)) = E_q[E]/T - H(q), up to a constant; equation 6 of the workshop paper prints
    a plus before the entropy. The entropy is the nearest-neighbour estimate of Kozachenko and
    Leonenko (1987).

    Args:
        energy_of_samples: (B, S) energies of S samples, with the energy's parameters frozen.
        samples: (B, S, D) samples, differentiable in what is trained.
        temperature: Energy that counts as one nat.
    """
    count, dimension = samples.shape[1:]
    gaps = (samples.unsqueeze(1) - samples.unsqueeze(2)).square().sum(dim=-1)
    gaps = gaps + 1e6 * torch.eye(count, dtype=gaps.dtype, device=gaps.device)
    entropy = 0.5 * dimension * (gaps.amin(dim=-1) + 1e-8).log().mean(dim=-1)
    return energy_of_samples.mean(dim=-1) / temperature - entropy


def mask_loss(norms: torch.Tensor, holds: torch.Tensor, flips: torch.Tensor) -> torch.Tensor:
    """Return losses (..., G) of masks: sqrt(E) zero for right ones, above a margin for wrong ones.

    The margin grows with the number of wrong entities, so that flipping one at a time descends.

    Args:
        norms: (..., G) sqrt(E) of G masks.
        holds: (..., G) bool, masks that are right.
        flips: (..., G) number of entities in which a mask differs from the demonstrated one.
    """
    wanted = _MARGIN + _STEP * (flips - 1).clamp(min=0)
    short = functional.relu(wanted - norms) / 0.2
    loss = torch.where(holds, norms / 0.1, short)
    return (1 + loss.square()).sqrt() - 1


def denoising(
    gradient: torch.Tensor, displacement: torch.Tensor, moves: torch.Tensor
) -> torch.Tensor:
    """Return relative errors (...) of energy gradients at x* + d against 2 d, that of |d|².

    Compare denoising score matching (Vincent 2011) and Du, Mao, Tenenbaum (IRED, 2024).

    Args:
        gradient: (..., N, 2) gradient of E in the positions, with a graph.
        displacement: (..., N, 2) d, workspace units.
        moves: (..., N) 1 where an entity may move.
    """
    gate = moves.unsqueeze(-1)
    # The gradient of the pseudo-Huber target, see `target_norm`.
    length = (displacement * gate).square().sum(dim=(-1, -2), keepdim=True)
    wanted = 2 * displacement / (1 + length / SATURATION**2).sqrt()
    wrong = ((gradient - wanted) * gate).square().sum(dim=(-1, -2))
    return wrong / ((wanted * gate).square().sum(dim=(-1, -2)) + 0.01)
