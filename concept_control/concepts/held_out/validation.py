"""Held-out families for validation: the inference's settings were chosen with an eye on them.

Some are close to what the procedural families draw (a rectangle among random patterns), some are
of another kind (equally far from two others, any corner, the odd one out).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.concepts.family import Draft, marker_mean, masks, mean_of, seen_color
from concept_control.concepts.named.relational import Relation
from concept_control.concepts.named.selection import Selection
from concept_control.concepts.named.shape import (
    LARGEST_RADIUS,
    SMALLEST_RADIUS,
    Shape,
)
from concept_control.concepts.named.spatial import Region
from concept_control.concepts.named.visual import color_features, draw_meant_colors
from concept_control.concepts.procedural.arrangement import centred_template, template_deviation
from concept_control.world.events import Events

CORNER = 0.3
"""Largest distance from a corner of the workspace [workspace units]."""

BAND = 0.15
"""Half the width of a band [workspace units]."""

ODD = 0.4
"""Smallest distance of colour features between things of different colours."""

RECTANGLE = centred_template(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]))
"""Corners of a rectangle, twice as long as wide."""

ELL = centred_template(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
"""Three in a row and one beside the end."""

ODD_MARGIN = 0.07
LONE_MARGIN = 0.1
BRIGHTER_MARGIN = 0.12


@dataclass(frozen=True, eq=False, kw_only=True)
class Template(Shape):
    """Things in one pattern, up to similarity.

    Attributes:
        template: (k, 2) points, centred, of unit root mean square radius.
    """

    template: np.ndarray

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        z = self.template @ [1, 1j]
        radius = rng.uniform(SMALLEST_RADIUS, LARGEST_RADIUS, (count, 1))
        z = radius * np.exp(1j * rng.uniform(-np.pi, np.pi, (count, 1))) * z
        center = rng.uniform(-0.6, 0.6, (count, 1, 2))
        return center + np.stack([z.real, z.imag], axis=-1)

    def deviation(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return template_deviation(points, np.tile(self.template @ [1, 1j], (len(points), 1)))


class Opposite(Relation):
    """Be at the mirror image of the own start through another thing."""

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = scene.attention[:, 1] = True
        pending = np.arange(len(scene.count))
        while len(pending):
            target = 2 * scene.positions[pending, 0, 1] - scene.positions[pending, 0, 0]
            good = (np.abs(target) <= 0.98).all(axis=1)
            scene.positions[pending[good], 1, 0] = target[good]
            pending = pending[~good]
            shape = (len(pending), 1, *scene.positions.shape[2:])
            scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self.relative_position(events)
        _, subjects, attended = masks(events)
        before, after = (events.positions[:, i].cpu().numpy().astype(float) for i in (0, -1))
        start = mean_of(before, subjects) - mean_of(after, attended)
        return np.where(valid, np.linalg.norm(relative + start, axis=1), np.inf)


class Equidistant(Relation):
    """Be equally far from two others, anywhere on their perpendicular bisector."""

    tolerance = 0.05
    num_arguments = 2

    def targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        along = arguments[:, 1] - arguments[:, 0]
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        return arguments.mean(axis=1) + rng.uniform(-0.8, 0.8, (len(rows), 1)) * across

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self.relative_position(events)
        attended = masks(events)[2]
        positions = events.positions[:, -1].cpu().numpy().astype(float)
        # The direction from one to the other is that of the largest spread of the attended.
        offset = (positions - mean_of(positions, attended)[:, None]) * attended[..., None]
        covariance = np.einsum('bki,bkj->bij', np.nan_to_num(offset), np.nan_to_num(offset))
        along = np.linalg.eigh(covariance)[1][:, :, 1]
        return np.where(valid, np.abs((relative * along).sum(axis=1)), np.inf)


class Corner(Region):
    """Be in a corner of the workspace, whichever."""

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        beyond = np.linalg.norm(np.abs(points) - 1.0, axis=-1) - CORNER
        return np.maximum(beyond, 0.0)


class Band(Region):
    """Be in an upright band; parameter (x of its middle)."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.uniform(-0.7, 0.7, (num_concepts, 1))

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.maximum(np.abs(points[..., 0] - rows[:, :1]) - BAND, 0.0)


class OddColor(Selection):
    """The one thing of another colour than all others, which share one."""

    reads_colors = True
    min_entities = 4

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        pending = np.arange(len(scene.count))
        while len(pending):
            rgb = draw_meant_colors(rng, len(pending))
            shape = scene.sizes[pending].shape
            colors = seen_color(rng, np.repeat(rgb[:, None], shape[1], axis=1))
            colors[:, 0] = seen_color(rng, draw_meant_colors(rng, len(pending)))
            apart = _color_distances(colors)
            good = (apart[:, 0, 1:] > ODD + ODD_MARGIN).all(axis=1)
            good &= (apart[:, 1:, 1:] < ODD - ODD_MARGIN).all(axis=(1, 2))
            scene.colors[pending] = colors
            pending = pending[~good]
        scene.attention[:, 0] = True

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present = masks(events)[0]
        apart = _color_distances(events.colors.cpu().numpy().astype(float))
        alike = (apart < ODD) & present[:, None]
        return present & (alike.sum(axis=2) == 1)


class Lone(Selection):
    """The one thing whose nearest neighbour is the furthest away."""

    min_entities = 4

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        pending = np.arange(len(scene.count))
        while len(pending):
            shape = (len(pending), *scene.positions.shape[2:])
            scene.positions[pending, 0] = rng.uniform(-0.95, 0.95, shape)
            nearest = _nearest(scene.positions[pending, 0], scene.present[pending])
            ordered = np.sort(nearest, axis=1)
            scene.attention[pending] = nearest == ordered[:, -1:]
            pending = pending[ordered[:, -1] - ordered[:, -2] < LONE_MARGIN]

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present = masks(events)[0]
        positions = events.positions[:, -1].cpu().numpy().astype(float)
        nearest = _nearest(positions, present)
        return present & (nearest == nearest.max(axis=1, keepdims=True))


class BrighterThanMarker(Selection):
    """The things brighter than the marker, the one subject."""

    reads_colors = True
    min_entities = 3

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        hue = scene.colors / np.maximum(scene.colors.max(axis=-1, keepdims=True), 0.05)
        marker = rng.uniform(0.4, 0.75, (len(scene.count), 1))
        brighter = rng.random(scene.sizes.shape) < 0.5
        brighter[np.arange(len(brighter)), scene.count - 1] = True
        value = np.where(
            brighter,
            rng.uniform(marker + BRIGHTER_MARGIN, 1.0, brighter.shape),
            rng.uniform(0.15, marker - BRIGHTER_MARGIN, brighter.shape),
        )
        value[:, 0] = marker[:, 0]
        # A grey of the same brightness where a dark colour has no hue to speak of.
        hue = np.where(hue.max(axis=-1, keepdims=True) < 0.99, 1.0, hue)
        scene.colors = hue * value[..., None]
        scene.attention = brighter & scene.present
        scene.attention[:, 0] = False

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        value = events.colors.cpu().numpy().astype(float).max(axis=-1)
        return (value > marker_mean(value, subjects)) & present & ~subjects


def _color_distances(colors: np.ndarray) -> np.ndarray:
    """Return (B, N, N) distances of the features of colours (B, N, 3)."""
    features = color_features(colors)
    return np.linalg.norm(features[:, :, None] - features[:, None], axis=-1)


def _nearest(positions: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return (B, N) distances to the nearest other; -1 for padding."""
    apart = np.linalg.norm(positions[:, :, None] - positions[:, None], axis=-1)
    apart = apart + 99.0 * np.eye(positions.shape[1]) + 99.0 * ~present[:, None]
    return np.where(present, apart.min(axis=2), -1.0)
