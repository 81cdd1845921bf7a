"""Plain features of single entities, and comparisons of numbers among entities.

"Left of here", "larger than the marker" and "the brightest" compare one number of each entity,
linear in its plain features, with a threshold, with the marker's number or with the others'. The
code determines the number; the comparison needs no learning.
"""

from __future__ import annotations

import torch

from concept_control.energy.networks.features import (
    color_features,
    distances,
    size_feature,
    soft_length,
)
from concept_control.energy.scene_batch import SceneBatch

NUM_PLAIN = 22
"""Number of plain features of an entity."""

NUM_COMPARISONS = 4
"""Number of comparisons, see `compare`."""

_ALONE = 1.0
"""Lead of an entity without others to compare with."""


def plain_features(scene: SceneBatch) -> torch.Tensor:
    """Return the plain features (B, N, NUM_PLAIN) of each entity.

    Position after and before, position relative to the marker and distance to it, distance to the
    nearest other, size, colour, hue, brightness, distance moved, distance to the middle of the
    workspace, mean distance to the others, difference of the colour to the marker's and to the
    others', difference of the size to the others'.
    """
    after, before, colors = scene.after, scene.before, scene.colors
    gate = (scene.subjects * scene.present).unsqueeze(-1)
    has_marker = gate.sum(dim=1, keepdim=True) > 0.5
    marker = mean_under(after, gate)
    relative = (after - marker) * has_marker
    brightness = 2 * colors.amax(dim=-1, keepdim=True) - 1
    apart = distances(after)
    apart_from_self = 1 - torch.eye(apart.shape[1]).to(apart)
    absent = 1 - scene.present.unsqueeze(1) * apart_from_self
    nearest = (apart + 3.0 * absent).amin(dim=-1, keepdim=True).clamp(max=3.0)
    peers = (scene.present * (1 - scene.subjects)).unsqueeze(1) * apart_from_self
    share = peers / (peers.sum(dim=-1, keepdim=True) + 1e-3)
    looks, sizes = color_features(colors), size_feature(scene.sizes)
    # Colours at full brightness vary least with the light.
    tones = torch.cat([looks[..., 3:], brightness], dim=-1)
    off = soft_length(tones.unsqueeze(2) - tones.unsqueeze(1)).squeeze(-1)
    return torch.cat(
        [
            after,
            before,
            relative,
            soft_length(relative),
            nearest,
            sizes,
            looks,
            brightness,
            soft_length(after - before),
            soft_length(after),
            (share * apart).sum(dim=-1, keepdim=True),
            soft_length(tones - mean_under(tones, gate)) * has_marker,
            (share * off).sum(dim=-1, keepdim=True),
            soft_length(sizes - torch.matmul(share, sizes)),
        ],
        dim=-1,
    )


def mean_under(values: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """Return means (B, 1, D) of values (B, N, D) under gates (B, N, 1), zero for no entity."""
    return (values * gate).sum(dim=1, keepdim=True) / (gate.sum(dim=1, keepdim=True) + 1e-3)


def compare(values: torch.Tensor, scene: SceneBatch) -> torch.Tensor:
    """Compare a number of each entity with a threshold, the marker's and the others'.

    Args:
        values: (B, N, C) numbers, relative to their thresholds.
        scene: B events.

    Returns:
        (B, N, NUM_COMPARISONS C): the number itself, and its differences to the marker's, to the
        largest and to the smallest of the other entities that are no subjects.
    """
    gate = (scene.subjects * scene.present).unsqueeze(-1)
    beyond_marker = (values - mean_under(values, gate)) * (gate.sum(dim=1, keepdim=True) > 0.5)
    count = values.shape[1]
    others = scene.present * (1 - scene.subjects)
    others = (others.unsqueeze(1) * (1 - torch.eye(count).to(values)) > 0.5).unsqueeze(-1)
    each = values.unsqueeze(1).expand(-1, count, -1, -1)
    largest = each.masked_fill(~others, -torch.inf).amax(dim=2)
    smallest = each.masked_fill(~others, torch.inf).amin(dim=2)
    is_alone = ~others.any(dim=2)
    lead = torch.where(is_alone, _ALONE, values - largest)
    trail = torch.where(is_alone, -_ALONE, values - smallest)
    return torch.cat([values, beyond_marker, lead, trail], dim=-1)
