"""What measurements of entities are made of: looks, places, the marker and the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch

from concept_control.energy.measurements.groups import ALIKE, tones_of
from concept_control.energy.measurements.scene_view import ROBOT, TIE
from concept_control.energy.scene_batch import SceneBatch

MOVED = 0.05
"""Shortest displacement that counts as motion [workspace units]."""

NEIGHBOURHOOD = 0.5
"""Radius within which neighbours are counted [workspace units]."""

FAR = 3.0
"""Distance [workspace units] and difference that stand for "no other"."""


def candidates_of(scene: SceneBatch) -> torch.Tensor:
    """Return the mask (R, N) of the entities that may be meant: present and no marker."""
    return (scene.present > 0.5) & (scene.subjects < 0.5)


class EntityView:
    """R scenes as seen by measurements of their entities; parts are computed when asked for.

    What is relative to the marker is NaN in rows without subjects.

    Args:
        scene: R scenes.

    Attributes:
        at: (R, N, 2) last positions.
        was: (R, N, 2) first positions.
        candidates: (R, N) bool, entities that may be meant.
        anyone: (R, N, N) bool, every other present entity of each.
        peers: (R, N, N) bool, every other candidate of each.
    """

    def __init__(self, scene: SceneBatch) -> None:
        self.scene, self.at, self.was = scene, scene.after, scene.before
        self.candidates = candidates_of(scene)
        other = ~torch.eye(scene.sizes.shape[1], dtype=torch.bool, device=scene.sizes.device)
        self.anyone = (scene.present > 0.5).unsqueeze(1) & other
        self.peers = self.candidates.unsqueeze(1) & other
        subjects = scene.subjects * scene.present
        self._marker = (subjects / subjects.sum(dim=-1, keepdim=True)).unsqueeze(1)
        self._known: dict[str, torch.Tensor] = {}

    def once(self, name: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return what `compute` gives, computed once under this name."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    # -------------------------------------------------------------- the marker

    def marker(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean (R, 1, D) of values (R, N, D) over the subjects, the marker."""
        return self._marker @ values

    def from_marker(self, values: torch.Tensor) -> torch.Tensor:
        """Return values (R, N, D) less the marker's."""
        return values - self.marker(values)

    def from_robot(self, places: torch.Tensor) -> torch.Tensor:
        """Return the distances (...) of places (..., 2) to the robot."""
        return (places - places.new_tensor(ROBOT)).norm(dim=-1)

    # -------------------------------------------------------------- looks and motion

    @cached_property
    def tones(self) -> torch.Tensor:
        """(R, N, 4) chroma and half the brightness."""
        return tones_of(self.scene.colors)

    @cached_property
    def looks(self) -> torch.Tensor:
        """(R, N, 11) size, brightness, luminance, warmth, colourfulness, RGB and chroma."""
        colors = self.scene.colors
        high, low = colors.amax(dim=-1, keepdim=True), colors.amin(dim=-1, keepdim=True)
        sizes = self.scene.sizes.unsqueeze(-1)
        mean, warm = colors.mean(dim=-1, keepdim=True), colors[..., :1] - colors[..., 2:]
        return torch.cat(
            [sizes, high, mean, warm, high - low, colors, self.tones[..., :3]], dim=-1
        )

    @property
    def step(self) -> torch.Tensor:
        """(R, N, 2) displacements."""
        return self.at - self.was

    @property
    def has_moved(self) -> torch.Tensor:
        """(R, N) bool, whether each has moved."""
        return self.step.norm(dim=-1) > MOVED

    @cached_property
    def has_time(self) -> torch.Tensor:
        """(R, N) bool, whether each moved, and at what time of the event is known."""
        motion = self.scene.motion
        moved = self.has_moved | (motion[..., 0] > MOVED)
        return moved & (motion != 0).any(dim=-1).any(dim=-1, keepdim=True)

    # -------------------------------------------------------------- the others

    @cached_property
    def apart(self) -> torch.Tensor:
        """(R, N, N) distances."""
        return torch.cdist(self.at, self.at)

    @cached_property
    def nearest(self) -> torch.Tensor:
        """(R, N) number of the nearest other entity of each."""
        return self.apart.masked_fill(~self.anyone, torch.inf).argmin(dim=-1)

    @cached_property
    def tones_apart(self) -> torch.Tensor:
        """(R, N, N) differences of tones."""
        return torch.cdist(self.tones, self.tones)

    @cached_property
    def alike(self) -> torch.Tensor:
        """(R, N, N) bool, every other candidate of about the same colour."""
        return self.peers & (self.tones_apart < ALIKE)

    @property
    def middle(self) -> torch.Tensor:
        """(R, 1, 2) mean position of the candidates."""
        weight = self.candidates.to(self.at)
        return (weight / weight.sum(dim=-1, keepdim=True).clamp(min=1.0)).unsqueeze(1) @ self.at

    def place_of_most(self, score: torch.Tensor) -> torch.Tensor:
        """Return (R, 1, 2) where the candidate of the largest score (R, N) is, ties averaged."""
        score = score.masked_fill(~self.candidates, -math.inf)
        first = (score >= score.amax(dim=-1, keepdim=True) - TIE).to(self.at)
        return (first / first.sum(dim=-1, keepdim=True)).unsqueeze(1) @ self.at

    def peers_mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the means (R, N) over the other candidates of values (R, 1 or N, N)."""
        weight = self.peers.to(self.at)
        weight = weight / weight.sum(dim=-1, keepdim=True).clamp(min=1.0)
        return (weight * values).sum(dim=-1)


def least(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the least (...,) of values (..., N) under a mask, `FAR` where it is empty."""
    return values.masked_fill(~mask, FAR).amin(dim=-1)


def most(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the largest (...,) of values (..., N) >= 0 under a mask, 0 where it is empty."""
    return values.masked_fill(~mask, 0.0).amax(dim=-1)
