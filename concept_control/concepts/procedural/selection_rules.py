"""Base of the procedural families that attend to whatever satisfies random rules."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from concept_control.concepts.family import (
    MAX_ENTITIES,
    SIZE_RANGE,
    Draft,
    Scenes,
    draft,
    per_event,
)
from concept_control.concepts.named.selection import Selection
from concept_control.errors import EventError
from concept_control.world.events import Events

CERTAIN = 9.0
"""Largest score of a rule."""

_TRIES = 3000
"""Draws of a scene before a demonstration counts as impossible."""

_EASY = 60
"""Draws within which a concept that is easy to demonstrate is demonstrated."""


class SelectionRules(Selection):
    """Attend to what satisfies rules of looks and place."""

    reads_colors = reads_sizes = True
    min_entities = 3

    @abstractmethod
    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw parameters (count, P), whether they can be demonstrated or not."""

    @abstractmethod
    def has_marker(self, rows: np.ndarray) -> np.ndarray:
        """Return (B,) whether concepts (B, P) compare with a marker."""

    @abstractmethod
    def scores(self, rows: np.ndarray, scenes: Scenes) -> np.ndarray:
        """Return scores (B, N): >= 1 where the rules clearly hold, <= -1 where clearly not."""

    @abstractmethod
    def draw_colors(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> np.ndarray:
        """Draw colours (B, N, 3) of which some are likely to satisfy the rules."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        params = self.draw(rng, num_concepts)
        pending = np.arange(num_concepts)
        while len(pending):
            # Concepts that are hard to find in full or in small scenes cannot be demonstrated;
            # full scenes are tried twice, because one success may be luck.
            hard = np.zeros(len(pending), dtype=bool)
            for count in (MAX_ENTITIES, MAX_ENTITIES, 3):
                scene = draft(rng, len(pending), 1, count, count)
                hard[self._fill(rng, params[pending], scene, _EASY)] = True
            pending = pending[hard]
            params[pending] = self.draw(rng, len(pending))
        return params

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        if len(self._fill(rng, rows, scene, _TRIES)):
            raise EventError(f'{self.name}: no scene satisfies the rules; expected wider ones')

    def _fill(
        self, rng: np.random.Generator, rows: np.ndarray, scene: Draft, tries: int
    ) -> np.ndarray:
        """Draw scenes until the rules hold clearly or clearly not; return indices of failures."""
        scene.subjects[:, 0] = self.has_marker(rows)
        pending = np.arange(len(rows))
        for _ in range(tries):
            shape = (len(pending), scene.sizes.shape[1])
            scene.positions[pending, 0] = rng.uniform(-0.95, 0.95, (*shape, 2))
            scene.colors[pending] = self.draw_colors(rng, rows[pending], shape)
            scene.sizes[pending] = rng.uniform(*SIZE_RANGE, shape)
            drawn = scene.rows(pending)
            score = self.scores(rows[pending], drawn)
            passes = (score > 0) & drawn.candidates
            clear = ((np.abs(score) >= 1) | ~drawn.candidates).all(axis=1)
            # A scene in which everything passes says little; it is allowed, but rare.
            telling = (passes != drawn.candidates).any(axis=1) | (rng.random(len(pending)) < 0.05)
            good = clear & telling & passes.any(axis=1)
            scene.attention[pending[good]] = passes[good]
            pending = pending[~good]
            if len(pending) == 0:
                break
        return pending

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        scenes = Scenes.from_events(events)
        return (self.scores(per_event(params, events), scenes) > 0) & scenes.candidates


def lead(values: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return (B, N) how far each value is above the largest of the other candidates."""
    values = np.where(candidates, values, -np.inf)
    ordered = np.sort(values, axis=1)
    first, second = ordered[:, -1:], ordered[:, -2:-1]
    with np.errstate(invalid='ignore'):
        ahead = np.where(values == first, first - second, values - first)
    return np.where(np.isfinite(ahead), ahead, np.sign(ahead) * CERTAIN)
