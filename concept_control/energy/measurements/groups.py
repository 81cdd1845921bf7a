"""Groups of the things around a subject: by named colour, and by its own size and colour."""

from __future__ import annotations

import torch

from concept_control.energy.scene_batch import SceneBatch
from concept_control.world.colors import NAMED_COLORS

ALIKE = 0.32
"""Largest difference of tones between things of one colour in different light."""

THINGS, OWN, FOREIGN, LARGER, SMALLER, FELLOWS, STRANGERS = (
    'things', 'own color', 'other color', 'larger', 'smaller', 'of one color', 'of two colors'
)  # fmt: skip

GROUPS = {
    THINGS: 'all others',
    OWN: 'the others of its colour',
    FOREIGN: 'the others of another colour',
    LARGER: 'those larger than itself',
    SMALLER: 'those smaller than itself',
    FELLOWS: 'those of one colour',
    STRANGERS: 'those of different colours',
    **{color: f'all that is {color}' for color in NAMED_COLORS},
}
"""Groups by name, and words for them."""

_RGB = torch.tensor(list(NAMED_COLORS.values()))


def tones_of(colors: torch.Tensor) -> torch.Tensor:
    """Return (..., 4) chroma and half the brightness of RGB (..., 3), steady under the light."""
    brightest = colors.amax(dim=-1, keepdim=True)
    return torch.cat([colors / brightest.clamp(min=0.05), brightest / 2], dim=-1)


def alike(colors: torch.Tensor) -> torch.Tensor:
    """Return (R, N, N) whether two of colours (R, N, 3) are about the same."""
    tones = tones_of(colors)
    return (tones.unsqueeze(-2) - tones.unsqueeze(-3)).norm(dim=-1) < ALIKE


def members(
    group: str, scene: SceneBatch, subjects: torch.Tensor, things: torch.Tensor
) -> torch.Tensor:
    """Return the mask (R, N), bool, of a group of things.

    Args:
        group: Name, of `GROUPS`.
        scene: R scenes.
        subjects: (R, N) things that act, compared with the others by their mean.
        things: (R, N) those of which the group is a part.
    """
    there = things > 0.5
    if group in NAMED_COLORS:
        named = tones_of(_RGB.to(scene.colors))
        apart = (tones_of(scene.colors).unsqueeze(-2) - named).norm(dim=-1)
        return there & (apart.argmin(dim=-1) == list(NAMED_COLORS).index(group))
    share = subjects / subjects.sum(dim=-1, keepdim=True).clamp(min=1e-6)
    if group in (LARGER, SMALLER):
        more = scene.sizes - (share * scene.sizes).sum(dim=-1, keepdim=True)
        return there & ((more if group == LARGER else -more) > 1e-3)
    tones = tones_of(scene.colors)
    if group in (FELLOWS, STRANGERS):
        other = ~torch.eye(there.shape[-1], dtype=torch.bool, device=there.device)
        fits = alike(scene.colors) == (group == FELLOWS)
        return there & (fits & other & there.unsqueeze(-2)).any(dim=-1)
    own = share.unsqueeze(-2) @ tones
    is_alike = (tones - own).norm(dim=-1) < ALIKE
    return there & (is_alike if group == OWN else ~is_alike)
