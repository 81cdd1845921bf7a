"""Concepts that only identify entities, among them quantities: one, two, three, many."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from concept_control.concepts.family import Draft, Family, Length, masks, per_event
from concept_control.world.events import Events

MANY = 4
"""Smallest number of entities that counts as "many"."""


class Selection(Family):
    """A family that only identifies: its concepts hold where the attention is the true one."""

    generates = False
    num_steps: ClassVar[int | None] = 1

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, _, attended = masks(events)
        truth = self.true_attention(events, params)
        assert truth is not None
        wrong = (truth != attended) & present
        return np.where(wrong.any(axis=1), np.inf, 0.0)


class Quantity(Selection):
    """Any n entities; parameter n, where `MANY` means n or more."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.integers(1, MANY + 1, (num_concepts, 1)).astype(float)

    def entities_needed(self, rows: np.ndarray) -> int:
        return int(rows[:, 0].max())

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        wanted = rows[:, 0].astype(int)
        extra = rng.integers(np.maximum(scene.count - MANY, 0) + 1)
        wanted = wanted + np.where(wanted == MANY, extra, 0)
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]

    def meaning(self, params: np.ndarray, length: Length) -> str:
        count = int(params[0])
        return f'any {count}{" or more" if count == MANY else ""} of the things'

    def describe(self, params: np.ndarray) -> np.ndarray:
        return (params == np.arange(1, MANY + 1)).astype(float)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        _, _, attended = masks(events)
        count = np.minimum(attended.sum(axis=1), MANY)
        return np.where(count == per_event(params, events)[:, 0], 0.0, np.inf)
