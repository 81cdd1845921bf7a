"""Concepts of looks: things of a colour, of the marker's colour, above or below a size."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Length,
    marker_mean,
    masks,
    per_event,
    random_colors,
    seen_color,
)
from concept_control.concepts.named.selection import Selection
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import Events

COLOR_RADIUS = 0.22
"""Largest distance of `color_features` between things of one colour."""

COLOR_CLEARANCE = 0.34
"""Smallest distance of distractors from the colour in demonstrations."""

OF_ONE_COLOR = (COLOR_RADIUS + COLOR_CLEARANCE) / 2
"""Largest distance of features to those of the colour that is meant."""

SAME_AS_MARKER = 0.3
"""Largest distance of features to the marker's, which is itself under random light."""

SIZE_MARGIN = 0.015
"""Smallest distance of sizes from the threshold in demonstrations [workspace units]."""

FIRST_EMPTY = 5
"""First of a concept's demonstrations in which nothing may have the colour."""

EMPTY_SHARE = 0.15
"""Share of demonstrations from there on in which nothing has the colour."""


def color_features(rgb: np.ndarray) -> np.ndarray:
    """Return (..., 4) features that vary little with the amount of light: RGB/max and max/2."""
    rgb = np.asarray(rgb, dtype=float)
    brightest = rgb.max(axis=-1, keepdims=True)
    return np.concatenate([rgb / np.maximum(brightest, 0.05), brightest / 2], axis=-1)


def draw_meant_colors(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw colours (count, 3) that a concept is about, most of them named ones."""
    named = np.array(list(NAMED_COLORS.values()))
    chosen = named[rng.integers(len(named), size=count)]
    return np.where(rng.random((count, 1)) < 0.8, chosen, random_colors(rng, (count,)))


class Color(Selection):
    """The things of one colour; parameters (r, g, b)."""

    reads_colors = True
    num_steps: ClassVar[int | None] = None
    min_entities = 2

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return draw_meant_colors(rng, num_concepts)

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        wanted = 1 + rng.integers(np.maximum(scene.count - 1, 1))
        # "None of them" is an answer too; the first demonstrations always show the colour.
        is_late = scene.shot >= FIRST_EMPTY
        wanted = np.where(is_late & (rng.random(len(wanted)) < EMPTY_SHARE), 0, wanted)
        members = np.arange(scene.sizes.shape[1]) < wanted[:, None]
        scene.colors = self._distractors(rng, rows, scene.colors)
        seen = seen_color(rng, np.repeat(rows[:, None], members.shape[1], axis=1))
        scene.colors = np.where(members[..., None], seen, scene.colors)
        scene.attention = members

    def describe(self, params: np.ndarray) -> np.ndarray:
        return np.concatenate([2 * params - 1, 2 * color_features(params)[:, :3] - 1], axis=1)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        rgb = ' '.join(f'{channel:.2f}' for channel in params)
        return f'of the colour RGB {rgb} in any light (features within {OF_ONE_COLOR:.2f})'

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        rgb = per_event(params, events)
        distance = self.distance(events.colors.cpu().numpy(), rgb)
        return (distance <= OF_ONE_COLOR) & masks(events)[0]

    def distance(self, colors: np.ndarray, rgb: np.ndarray) -> np.ndarray:
        """Return (B, N) distances of features of colours (B, N, 3) to those of (B, 3)."""
        return np.linalg.norm(color_features(colors) - color_features(rgb)[:, None], axis=-1)

    def _distractors(
        self, rng: np.random.Generator, rgb: np.ndarray, colors: np.ndarray
    ) -> np.ndarray:
        """Return colours (B, N, 3), drawn anew where too close to the concept's (B, 3)."""
        for _ in range(20):
            close = self.distance(colors, rgb) < COLOR_CLEARANCE
            if not close.any():
                break
            colors[close] = random_colors(rng, (int(close.sum()),))
        return colors


class SameColor(Color):
    """The things of the marker's colour, the marker being the one subject."""

    num_steps = 1
    min_entities = 3

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        wanted = 1 + rng.integers(np.maximum(scene.count - 2, 1))
        members = np.arange(scene.sizes.shape[1]) < 1 + wanted[:, None]
        pending = np.arange(len(scene.count))
        while len(pending):
            rgb = draw_meant_colors(rng, len(pending))
            seen = seen_color(rng, np.repeat(rgb[:, None], members.shape[1], axis=1))
            colors = self._distractors(rng, seen[:, 0], scene.colors[pending])
            colors = np.where(members[pending][..., None], seen, colors)
            distance = self.distance(colors, seen[:, 0])
            # Light changes dark colours most, some beyond recognition.
            good = ((distance < SAME_AS_MARKER) == members[pending]).all(axis=1)
            scene.colors[pending] = colors
            pending = pending[~good]
        scene.attention = members & ~scene.subjects

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return self.description

    def describe(self, params: np.ndarray) -> np.ndarray:
        return params

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        colors = events.colors.cpu().numpy()
        distance = self.distance(colors, marker_mean(colors, subjects)[:, 0])
        return (distance <= SAME_AS_MARKER) & present & ~subjects


class Size(Selection):
    """The things above (or below) a size; parameters (threshold, +1 or -1)."""

    reads_sizes = True
    num_steps: ClassVar[int | None] = None
    min_entities = 2

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        threshold = rng.uniform(0.13, 0.22, num_concepts)
        return np.stack([threshold, rng.choice([-1.0, 1.0], num_concepts)], axis=1)

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        wanted = 1 + rng.integers(np.maximum(scene.count - 1, 1))
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]
        threshold, sign = rows[:, :1], rows[:, 1:]
        above = threshold + SIZE_MARGIN + rng.uniform(0, 1, scene.sizes.shape) * 0.08
        below = threshold - SIZE_MARGIN - rng.uniform(0, 1, scene.sizes.shape) * 0.05
        scene.sizes = np.where(scene.attention == (sign > 0), above, below)

    def describe(self, params: np.ndarray) -> np.ndarray:
        return np.stack([10 * (params[:, 0] - 0.17), params[:, 1]], axis=1)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        threshold, sign = params
        return f'whose sides are {"longer" if sign > 0 else "shorter"} than {length(threshold)}'

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        rows = per_event(params, events)
        larger = events.sizes.cpu().numpy() > rows[:, :1]
        return (larger == (rows[:, 1:] > 0)) & masks(events)[0]
