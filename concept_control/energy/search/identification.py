"""Identification: find the attention mask of least energy.

Up to `ENUMERATION_LIMIT` entities all masks are evaluated, which is exact and, because pairs are
encoded once for all masks, also fastest. In larger scenes, a greedy search flips and swaps
entities from several starts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

MaskEnergy = Callable[[torch.Tensor], torch.Tensor]
"""Masks (B, G, N) of B scenes to energies (B, G)."""

ENUMERATION_LIMIT = 9
"""Largest number of entities whose masks are all evaluated."""

_MASKS_AT_ONCE, _STARTS = 512, 6


def lowest_masks(
    energy: MaskEnergy, present: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mask of least energy of each scene.

    Args:
        energy: Energy of masks; called without gradients.
        present: (B, N) 1 for an entity, 0 for padding.
        generator: Random generator of the greedy search's starts.

    Returns:
        Masks (B, N) of 0 and 1, and their energies (B,).
    """
    with torch.no_grad():
        if present.shape[1] <= ENUMERATION_LIMIT:
            return _enumerate(energy, present)
        return _search(energy, present, generator)


def _evaluate(energy: MaskEnergy, masks: torch.Tensor) -> torch.Tensor:
    parts = masks.split(_MASKS_AT_ONCE, dim=1)
    return torch.cat([energy(part) for part in parts], dim=1)


def _enumerate(energy: MaskEnergy, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    batch, num_entities = present.shape
    every = torch.tensor(
        list(itertools.product((0.0, 1.0), repeat=num_entities)),
        dtype=present.dtype,
        device=present.device,
    )
    masks = every.expand(batch, *every.shape)
    values = _evaluate(energy, masks)
    # A mask that attends to padding duplicates the one that does not.
    is_duplicate = (masks * (1 - present.unsqueeze(1))).sum(dim=-1) > 0
    values = values.masked_fill(is_duplicate, torch.inf)
    energies, index = values.min(dim=1)
    return every[index], energies


def _search(
    energy: MaskEnergy, present: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    batch, num_entities = present.shape
    identity = torch.eye(num_entities, dtype=present.dtype, device=present.device)
    random = torch.rand((batch, 64, num_entities), generator=generator).to(present)
    share = torch.linspace(0.1, 0.9, 64).to(present)[None, :, None]
    pool = torch.cat(
        [
            torch.zeros_like(present).unsqueeze(1),
            present.unsqueeze(1),
            identity.expand(batch, -1, -1) * present.unsqueeze(1),
            (random < share).to(present.dtype) * present.unsqueeze(1),
        ],
        dim=1,
    )
    values = _evaluate(energy, pool)
    rows = torch.arange(batch, device=present.device)
    best_mask = torch.zeros_like(present)
    best_value = torch.full_like(present[:, 0], torch.inf)
    for start in range(_STARTS):
        index = values.argsort(dim=1)[:, start]
        mask, value = pool[rows, index], values[rows, index]
        for _ in range(2 * num_entities):
            changes = _neighbours(mask, present)
            found = _evaluate(energy, changes)
            lowest, at = found.min(dim=1)
            better = lowest < value - 1e-9
            if not better.any():
                break
            mask = torch.where(better[:, None], changes[rows, at], mask)
            value = torch.where(better, lowest, value)
        better = value < best_value
        best_mask = torch.where(better[:, None], mask, best_mask)
        best_value = torch.where(better, value, best_value)
    return best_mask, best_value


def _neighbours(mask: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Return the masks (B, G, N) one or two flips away from mask (B, N), never of padding."""
    num_entities = mask.shape[1]
    identity = torch.eye(num_entities, dtype=mask.dtype, device=mask.device)
    pairs = torch.triu_indices(num_entities, num_entities, 1)
    changes = torch.cat([identity, identity[pairs[0]] + identity[pairs[1]]])
    return (mask.unsqueeze(1) - changes).abs() * present.unsqueeze(1)
