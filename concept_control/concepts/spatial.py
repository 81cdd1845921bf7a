"""Concepts of where things are in the workspace."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import Family, draft, last_positions, masks, per_event
from concept_control.events import Events


class Place(Family):
    """Be at one place of the workspace; parameters (x, y)."""

    name = 'place'
    description = 'be at one place of the workspace'
    token_types = (1,)
    identifies = False

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.uniform(-0.9, 0.9, (num_concepts, 2))

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        scene = draft(rng, len(params) * num_events, 2, 1, num_entities)
        scene.subjects[:, 0] = True
        scene.positions[:, 1, 0] = np.repeat(params, num_events, axis=0)
        return scene.finish(rng)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(
            last_positions(events) - per_event(params, events)[:, None], axis=-1
        )
        _, subjects, _ = masks(events)
        return np.where(subjects, distance, 0.0).max(axis=1)
