"""Plain measurements of an outcome that a concept may keep within bounds.

Distances of the subjects to the attended, to the middle of the workspace and to their start; and
the shape of the attended set as its sorted distances, which determine nearly every set of points
up to rotation, translation, reflection and order (Boutin and Kemper, On reconstructing n-point
configurations from the distribution of distances, 2004).
"""

from __future__ import annotations

import torch

from concept_control.energy.networks.attributes import mean_under
from concept_control.energy.networks.features import soft_length
from concept_control.energy.scene_batch import SceneBatch

_PAIR_LEVELS = 10
"""Number of quantiles of the pair distances, the number of pairs of five things."""

_CENTER_LEVELS = 5
_SUBJECT_LEVELS = 3
_SMALL = 1e-4

NUM_SHAPE_MEASURES = _PAIR_LEVELS + _CENTER_LEVELS + 1
NUM_MEASURES = NUM_SHAPE_MEASURES + _SUBJECT_LEVELS + 14


def measure(
    scene: SceneBatch, attention: torch.Tensor, shape: torch.Tensor | None = None
) -> torch.Tensor:
    """Return (B, G, NUM_MEASURES) measurements of the last state, workspace units.

    Args:
        scene: B events; their own attention is ignored.
        attention: (B, G, N) in [0, 1], rounded.
        shape: Result of `measure_shape`, where it is known already.

    Returns:
        Sorted distances of the attended to one another and to their middle, over their root mean
        square radius; that radius; sorted distances of the subjects' middle to the attended, and
        the largest less the smallest; the subjects' middle: distance to the workspace's, absolute
        x and y, the larger and the smaller of these, x and y; the same relative to the attended's
        middle, as x, y and distance; and how far and by what vector it has moved.
    """
    attended = _attended(scene, attention)
    if shape is None:
        shape = _shape(scene.after, attended)
    return torch.cat([shape, _subject_places(scene, attended)], dim=-1)


def _attended(scene: SceneBatch, attention: torch.Tensor) -> torch.Tensor:
    return (attention * scene.present.unsqueeze(1) > 0.5).to(scene.after)


def measure_shape(scene: SceneBatch, attention: torch.Tensor) -> torch.Tensor:
    """Return (B, G, NUM_SHAPE_MEASURES), the measurements that the attended set alone decides."""
    return _shape(scene.after, _attended(scene, attention))


def _shape(places: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
    places = places.unsqueeze(1)
    gate = attended.unsqueeze(-1)
    count = attended.sum(dim=-1)
    center = (places * gate).sum(dim=2, keepdim=True) / (count[..., None, None] + 1e-3)
    offset = (places - center) * gate
    square = offset.square().sum(dim=(2, 3)) / (count + 1e-3)
    radius = (square + _SMALL).sqrt().unsqueeze(-1)
    num_entities = places.shape[2]
    # `triu_indices` would be fixed in an export, which takes any number of entities.
    every = torch.ones(num_entities, num_entities, device=places.device)
    i, j = every.triu(1).nonzero().unbind(dim=1)
    apart = soft_length(places[:, :, i] - places[:, :, j]).squeeze(-1)
    both = attended[..., i] * attended[..., j]
    return torch.cat(
        [
            sorted_levels(apart.expand_as(both), both, _PAIR_LEVELS) / radius,
            sorted_levels(soft_length(offset).squeeze(-1), attended, _CENTER_LEVELS) / radius,
            radius,
        ],
        dim=-1,
    )


def _subject_places(scene: SceneBatch, attended: torch.Tensor) -> torch.Tensor:
    gate = (scene.subjects * scene.present).unsqueeze(-1)
    after, before = mean_under(scene.after, gate), mean_under(scene.before, gate)
    away = soft_length(scene.after - after).squeeze(-1).unsqueeze(1).expand_as(attended)
    levels = sorted_levels(away, attended, _SUBJECT_LEVELS)
    absolute = (after.square() + _SMALL).sqrt()
    count = attended.sum(dim=-1, keepdim=True)
    center = torch.matmul(attended, scene.after) / (count + 1e-3)
    relative = (after - center) * (count > 0)
    moved = after - before
    alone = torch.cat(
        [
            soft_length(after),
            absolute,
            absolute.amax(dim=-1, keepdim=True),
            absolute.amin(dim=-1, keepdim=True),
            after,
            soft_length(moved),
            moved,
        ],
        dim=-1,
    ).expand(-1, attended.shape[1], -1)
    spread = levels[..., -1:] - levels[..., :1]
    return torch.cat([levels, spread, alone, relative, soft_length(relative)], dim=-1)


def sorted_levels(values: torch.Tensor, gate: torch.Tensor, levels: int) -> torch.Tensor:
    """Return (..., levels) evenly spaced quantiles of values (..., M) whose gate (..., M) is 1.

    The first is the smallest, the last the largest, those between are interpolated; all are zero
    where there is no value.
    """
    ordered = torch.where(gate > 0.5, values, torch.inf).sort(dim=-1).values
    # Nothing may stay infinite: a place to look at, even one of weight zero, has a gradient.
    ordered = torch.where(ordered.isinf(), 0.0, ordered)
    ordered = torch.cat([ordered, ordered.new_zeros(*gate.shape[:-1], 1)], dim=-1)
    last = (gate.sum(dim=-1, keepdim=True) - 1).clamp(min=0.0)
    place = last * torch.linspace(0.0, 1.0, levels, dtype=gate.dtype, device=gate.device)
    lower = place.floor()
    upper = torch.minimum(lower + 1, last)
    below, above = ordered.gather(-1, lower.long()), ordered.gather(-1, upper.long())
    return below + (place - lower) * (above - below)
