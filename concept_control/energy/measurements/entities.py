"""Measurements of each entity of a scene: place, looks, motion, the marker and the others.

Every measurement is one number for each entity. A rule puts bounds on the number, or on its rank
among the entities that may be meant (`entity_ranks.py`). Measurements are generated: anchors times
scalars for places, looks alone and against the marker's, summaries over the other entities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from concept_control.energy.measurements.entity_vocabulary import (
    NEIGHBOURHOOD,
    NUM_DIRECTIONS,
    NUM_LOOKS,
    NUM_MOTIONS,
    NUM_OTHERS,
    NUM_PLACES,
)
from concept_control.energy.scene_batch import SceneBatch

MOVED = 0.05
"""Shortest displacement that counts as motion [workspace units]."""

TIE = 1e-5
"""Difference up to which values count as equal."""

ALIKE = 0.4
"""Largest difference of tones between things that count as alike."""


def candidates_of(scene: SceneBatch) -> torch.Tensor:
    """Return the mask (R, N) of the entities that may be meant: present and no marker."""
    return (scene.present > 0.5) & (scene.subjects < 0.5)


def tones_of(colors: torch.Tensor) -> torch.Tensor:
    """Return (..., 4) chroma and half the brightness of RGB (..., 3), steady under the light."""
    brightest = colors.amax(dim=-1, keepdim=True)
    return torch.cat([colors / brightest.clamp(min=0.05), brightest / 2], dim=-1)


@dataclass(frozen=True)
class Marker:
    """Mean of the present subjects, the marker; NaN in rows without one.

    Attributes:
        weight: (R, N) share of each subject in the mean.
    """

    weight: torch.Tensor

    @classmethod
    def of(cls, scene: SceneBatch) -> Marker:
        """Return the marker of each row."""
        subjects = scene.subjects * scene.present
        return cls(subjects / subjects.sum(dim=-1, keepdim=True))

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Average values (R, N, D) over the subjects: (R, 1, D)."""
        return self.weight.unsqueeze(1) @ values


def measure_entities(scene: SceneBatch, needed: Collection[int] | None = None) -> torch.Tensor:
    """Measure every entity: (R, N, K) in the order of `MEASUREMENTS`; NaN where undefined.

    What is relative to the marker is NaN in rows without subjects; values of padding mean nothing.

    Args:
        scene: R scenes.
        needed: Indices of the measurements that are read; kinds without any are left NaN. None
            measures all.
    """
    marker = Marker.of(scene)
    others = _Others(scene)
    kinds: tuple[tuple[int, Callable[[], torch.Tensor]], ...] = (
        (NUM_PLACES, lambda: _places(scene, marker, others)),
        (NUM_LOOKS, lambda: _looks(scene, marker)),
        (NUM_OTHERS, others.measure),
        (NUM_MOTIONS, lambda: _motion(scene, marker, others)),
    )
    parts, first = [], 0
    for count, measure in kinds:
        is_needed = needed is None or any(first <= index < first + count for index in needed)
        blank = (*scene.sizes.shape, count)
        parts.append(measure() if is_needed else scene.sizes.new_full(blank, torch.nan))
        first += count
    return torch.cat(parts, dim=-1)


# ------------------------------------------------------------------ places


_STEPS = [s for s in range(1, NUM_DIRECTIONS) if 2 * s != NUM_DIRECTIONS]
_ANGLES = [0.0, math.pi / 2, *(math.pi * s / NUM_DIRECTIONS for s in _STEPS)]
_BASIS = torch.tensor([[math.cos(a) for a in _ANGLES], [math.sin(a) for a in _ANGLES]])


def _places(scene: SceneBatch, marker: Marker, others: _Others) -> torch.Tensor:
    """Measure offsets from anchors, in the order of `_place_measurements`."""
    at, was = scene.after, scene.before
    full = torch.stack([at, at - marker.mean(at), at - was], dim=2)
    short = [was, was - marker.mean(was), at - others.middle]
    short += [at - others.anchor(score) for score in others.superlatives]
    rest = torch.stack(short, dim=2)
    along = full @ _BASIS.to(full)
    distance = full.norm(dim=-1, keepdim=True)
    whole = torch.cat([along[..., :2], distance, along[..., 2:], full.abs()], dim=-1)
    brief = torch.cat([rest, rest.norm(dim=-1, keepdim=True)], dim=-1)
    return torch.cat([whole.flatten(2), brief.flatten(2)], dim=-1)


# ------------------------------------------------------------------ looks


def _looks(scene: SceneBatch, marker: Marker) -> torch.Tensor:
    colors, tones = scene.colors, tones_of(scene.colors)
    brightest, darkest = colors.amax(dim=-1), colors.amin(dim=-1)
    plain = torch.stack([scene.sizes, brightest, brightest - darkest], dim=-1)
    looks = torch.cat([plain, colors, tones[..., :3]], dim=-1)
    against = looks - marker.mean(looks)
    tone = tones - marker.mean(tones)
    differences = [
        tone.norm(dim=-1),
        tone[..., :3].norm(dim=-1),
        against[..., 3:6].norm(dim=-1),
        against[..., 0].abs(),
    ]
    return torch.cat([looks, against, torch.stack(differences, dim=-1)], dim=-1)


# ------------------------------------------------------------------ other entities


class _Others:
    """Comparisons of every entity with all others of its scene.

    Attributes:
        middle: (R, 1, 2) mean position of the entities that may be meant.
        superlatives: Scores (R, N) whose largest entry is an anchor.
        nearest: (R, N) distance to the nearest other present entity.
    """

    FAR = 3.0
    """Distance [workspace units] and difference that stand for "no other"."""

    def __init__(self, scene: SceneBatch) -> None:
        self._scene = scene
        eye = torch.eye(scene.sizes.shape[1], dtype=torch.bool, device=scene.sizes.device)
        self._candidates = candidates_of(scene)
        self._any = (scene.present > 0.5).unsqueeze(1) & ~eye
        self._peers = self._candidates.unsqueeze(1) & ~eye
        weight = self._candidates.to(scene.sizes)
        share = weight / weight.sum(dim=-1, keepdim=True).clamp(min=1.0)
        self.middle = share.unsqueeze(1) @ scene.after
        brightness = scene.colors.amax(dim=-1)
        self.superlatives = (scene.sizes, -scene.sizes, brightness, -brightness)
        self._apart = torch.cdist(scene.after, scene.after)
        self.nearest = self._least(self._apart, self._any)

    def anchor(self, score: torch.Tensor) -> torch.Tensor:
        """Return (R, 1, 2) the place of the candidate with the largest score, ties averaged."""
        score = score.masked_fill(~self._candidates, -math.inf)
        first = (score >= score.amax(dim=-1, keepdim=True) - TIE).to(self._scene.after)
        return (first / first.sum(dim=-1, keepdim=True)).unsqueeze(1) @ self._scene.after

    def _least(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return values.masked_fill(~mask, self.FAR).amin(dim=-1)

    def measure(self) -> torch.Tensor:
        """Measure in the order of `_OTHERS`."""
        scene, apart, anyone, peers = self._scene, self._apart, self._any, self._peers
        sizes, tones = scene.sizes, tones_of(scene.colors)
        gap = apart - (sizes.unsqueeze(2) + sizes.unsqueeze(1)) / 2
        off = torch.cdist(tones, tones)
        weight = peers.to(sizes)
        weight = weight / weight.sum(dim=-1, keepdim=True).clamp(min=1.0)
        alike = peers & (off < ALIKE)
        size_off = (sizes.unsqueeze(2) - sizes.unsqueeze(1)).abs()
        mean_size = (weight @ sizes.unsqueeze(-1))[..., 0]
        mean_brightness = (weight @ scene.colors.amax(dim=-1, keepdim=True))[..., 0]
        return torch.stack(
            [
                self.nearest,
                self._least(gap, anyone),
                (apart * weight).sum(dim=-1),
                apart.masked_fill(~anyone, 0.0).amax(dim=-1),
                ((apart < NEIGHBOURHOOD) & anyone).sum(dim=-1).to(sizes),
                (off * weight).sum(dim=-1),
                self._least(off, peers),
                off.masked_fill(~peers, 0.0).amax(dim=-1),
                alike.sum(dim=-1).to(sizes),
                self._least(apart, alike),
                self._least(apart, peers & ~alike),
                (sizes - mean_size).abs(),
                self._least(size_off, peers),
                scene.colors.amax(dim=-1) - mean_brightness,
                sizes - mean_size,
            ],
            dim=-1,
        )


# ------------------------------------------------------------------ motion


def _motion(scene: SceneBatch, marker: Marker, others: _Others) -> torch.Tensor:
    at, was, motion = scene.after, scene.before, scene.motion
    step = at - was
    length = step.norm(dim=-1)
    far = (~(scene.present > 0.5)).to(at) * others.FAR
    apart = torch.cdist(was, was) + torch.diag(at.new_full((at.shape[1],), others.FAR))
    nearest = (apart + far.unsqueeze(1)).amin(dim=-1).clamp(max=others.FAR)
    later = motion[..., 1] - marker.mean(motion)[..., 1]
    return torch.stack(
        [
            was.norm(dim=-1) - at.norm(dim=-1),
            (was - marker.mean(was)).norm(dim=-1) - (at - marker.mean(at)).norm(dim=-1),
            nearest - others.nearest,
            motion[..., 0],
            motion[..., 1],
            # What did not move was neither before nor after.
            torch.where(length > MOVED, later, 0.0 * later),
            (step - marker.mean(step)).norm(dim=-1),
        ],
        dim=-1,
    )
