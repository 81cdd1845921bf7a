"""Concepts of how things look: which are red."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import (
    NAMED_COLORS,
    Family,
    draft,
    masks,
    per_event,
    random_colors,
    seen_color,
)
from concept_control.events import Events

COLOR_RADIUS = 0.22
"""Largest distance of chromaticity-and-brightness features between things of one colour."""

COLOR_CLEARANCE = 0.34
"""Distractors are at least so far from the colour asked for: what lies between is nobody's."""


def color_features(rgb: np.ndarray) -> np.ndarray:
    """Return (..., 4) features that change little with the amount of light: RGB/max and max/2."""
    rgb = np.asarray(rgb, dtype=float)
    brightest = rgb.max(axis=-1, keepdims=True)
    return np.concatenate([rgb / np.maximum(brightest, 0.05), brightest / 2], axis=-1)


class Color(Family):
    """The things of one colour; parameters (r, g, b)."""

    name = 'color'
    description = 'attend all things of one colour'
    generates = False
    token_types = (0,)

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        named = np.array(list(NAMED_COLORS.values()))
        chosen = named[rng.integers(len(named), size=num_concepts)]
        return np.where(
            rng.random((num_concepts, 1)) < 0.8, chosen, random_colors(rng, (num_concepts,))
        )

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        rgb = np.repeat(params, num_events, axis=0)
        scene = draft(rng, len(rgb), int(rng.integers(1, 3)), 2, num_entities)
        wanted = 1 + rng.integers(np.maximum(scene.count - 1, 1))
        members = np.arange(scene.sizes.shape[1]) < wanted[:, None]
        scene.colors = self._distractors(rng, rgb, scene.colors)
        seen = seen_color(rng, np.repeat(rgb[:, None], members.shape[1], axis=1))
        scene.colors = np.where(members[..., None], seen, scene.colors)
        scene.attention = members
        return scene.finish(rng)

    def describe(self, params: np.ndarray) -> np.ndarray:
        return np.concatenate([2 * params - 1, 2 * color_features(params)[:, :3] - 1], axis=1)

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        rgb = per_event(params, events)
        distance = self._distance(events.colors.cpu().numpy(), rgb)
        return (distance <= (COLOR_RADIUS + COLOR_CLEARANCE) / 2) & masks(events)[0]

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, _, attended = masks(events)
        wrong = (self.true_attention(events, params) != attended) & present
        return np.where(wrong.any(axis=1), np.inf, 0.0)

    def _distance(self, colors: np.ndarray, rgb: np.ndarray) -> np.ndarray:
        return np.linalg.norm(color_features(colors) - color_features(rgb)[:, None], axis=-1)

    def _distractors(
        self, rng: np.random.Generator, rgb: np.ndarray, colors: np.ndarray
    ) -> np.ndarray:
        """Draw again whatever could be taken for the colour asked for."""
        for _ in range(20):
            close = self._distance(colors, rgb) < COLOR_CLEARANCE
            if not close.any():
                break
            colors[close] = random_colors(rng, (int(close.sum()),))
        return colors
