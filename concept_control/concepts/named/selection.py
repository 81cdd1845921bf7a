"""Concepts that only tell things apart, and how many of them: one, two, three, many."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import Family, draft, masks, per_event
from concept_control.world.events import Events

MANY = 4
"""From so many on it is "many"."""


class Selection(Family):
    """Identification alone: the attention has to be the right one."""

    generates = False

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, _, attended = masks(events)
        truth = self.true_attention(events, params)
        assert truth is not None
        wrong = (truth != attended) & present
        return np.where(wrong.any(axis=1), np.inf, 0.0)


class Quantity(Selection):
    """So many things, whichever; parameter n, `MANY` meaning more than three."""

    name = 'quantity'
    description = 'one, two, three or more than three things'
    token_types = (21,)

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.integers(1, MANY + 1, (num_concepts, 1)).astype(float)

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        wanted = np.repeat(params[:, 0], num_events).astype(int)
        fewest = MANY if (wanted == MANY).any() else int(wanted.max())
        scene = draft(rng, len(wanted), 1, fewest, num_entities)
        extra = rng.integers(np.maximum(scene.count - MANY, 0) + 1)
        wanted = wanted + np.where(wanted == MANY, extra, 0)
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]
        return scene.finish(rng)

    def describe(self, params: np.ndarray) -> np.ndarray:
        return (params == np.arange(1, MANY + 1)).astype(float)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        _, _, attended = masks(events)
        count = np.minimum(attended.sum(axis=1), MANY)
        return np.where(count == per_event(params, events)[:, 0], 0.0, np.inf)
