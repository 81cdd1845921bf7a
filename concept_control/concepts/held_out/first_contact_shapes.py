"""Words of the first contact: several things together.

Every function returns how far (B,) points (B, k, 2) are from satisfaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from concept_control.concepts.family import Draft, Family, last_positions, masks
from concept_control.concepts.held_out.first_contact import HARD, word
from concept_control.concepts.held_out.validation import Template
from concept_control.concepts.named.shape import SMALLEST_GAP, Shape
from concept_control.concepts.procedural.arrangement import centred_template
from concept_control.world.events import Events

VEE = centred_template(np.array([[0.0, 0.0], [-1.0, 1.5], [1.0, 1.5], [-0.5, 0.75], [0.5, 0.75]]))
"""Points like the letter V."""

TEE = centred_template(np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, -2.0]]))
"""Points like the letter T."""

RIGHT = np.array([1.0, 0.0])
UPHILL = np.array([1.0, 1.0]) / np.sqrt(2)
"""Directions of an even row and of stairs."""

LEAST_STEP = 0.04
"""Smallest difference of sizes between neighbours that are ordered [workspace units]."""

SIZES = (0.08, 0.3)
"""Smallest and largest size of things that are ordered."""

Drawing = Callable[[np.random.Generator, int, int], np.ndarray]
"""Draws (count, k, 2) formations."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Formation(Shape):
    """Things that stand together in a way that no template tells.

    Attributes:
        judge: Distances (B,) of points (B, k, 2) to satisfaction.
        drawing: Drawing of formations, some of which satisfy.
    """

    judge: Callable[[np.ndarray], np.ndarray]
    drawing: Drawing
    tolerance = 0.06

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        shapes = self.drawing(rng, count, k)
        pending = np.flatnonzero(self.judge(shapes) > 1e-6)
        while len(pending):
            shapes[pending] = self.drawing(rng, len(pending), k)
            pending = pending[self.judge(shapes[pending]) > 1e-6]
        return shapes

    def deviation(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.judge(points)


class BySize(Shape):
    """Things that stand from left to right by growing size, however deep."""

    reads_sizes = True
    tolerance = 0.04

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        x = np.cumsum(rng.uniform(SMALLEST_GAP, 0.45, (count, k)), axis=1)
        x += rng.uniform(-1.2, 0.0, (count, 1))
        return np.stack([x, rng.uniform(-0.9, 0.9, (count, k))], axis=-1)

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        super().arrange(rng, rows, scene)
        k = scene.attention.sum(axis=1, keepdims=True)
        place = np.arange(scene.sizes.shape[1])
        spare = SIZES[1] - SIZES[0] - LEAST_STEP * (k - 1)
        extra = np.sort(np.where(place < k, rng.uniform(0, 1, scene.sizes.shape), 2), axis=1)
        ordered = SIZES[0] + LEAST_STEP * place + spare * extra
        scene.sizes = np.where(scene.attention, ordered, scene.sizes)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        _, _, attended = masks(events)
        places = last_positions(events)
        sizes = events.sizes.cpu().numpy().astype(float)
        error = np.full(len(events), np.inf)
        for row, members in enumerate(attended):
            if self.fewest <= members.sum() <= self.most:
                size, x = sizes[row][members], places[row][members, 0]
                rising = np.argsort(size)
                short = max(SMALLEST_GAP - np.diff(x[rising]).min(), 0.0)
                is_clear = np.diff(size[rising]).min() > LEAST_STEP / 2
                error[row] = short if is_clear else np.inf
        return error


WORDS: list[Family] = [
    Template('vee', 'stand like the letter V, five of them', (), fewest=5, most=5, template=VEE),
    Template('tee', 'stand like the letter T, five of them', (), fewest=5, most=5, template=TEE),
]
formation = partial(word, WORDS, Formation)


def _draw_evenly(direction: np.ndarray) -> Drawing:
    """Return the drawing of even rows in a direction."""

    def draw(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        along = rng.uniform(SMALLEST_GAP, 0.55, (count, 1)) * (np.arange(k) - (k - 1) / 2)
        return rng.uniform(-0.8, 0.8, (count, 1, 2)) + along[..., None] * direction

    return draw


def _off_evenly(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the largest distance to the best even row in a direction."""
    k = points.shape[1]
    centred = points - points.mean(axis=1, keepdims=True)
    order = np.argsort(centred @ direction, axis=1)
    centred = np.take_along_axis(centred, order[..., None], axis=1)
    steps = np.arange(k) - (k - 1) / 2
    gap = (centred @ direction @ steps) / (steps**2).sum()
    ideal = (np.maximum(gap, SMALLEST_GAP)[:, None] * steps)[..., None] * direction
    return np.linalg.norm(centred - ideal, axis=-1).max(axis=1)


def _apart(points: np.ndarray, own: float) -> np.ndarray:
    """Return the distances (B, k, k) of points (B, k, 2), `own` for that to itself."""
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    return apart + own * np.eye(points.shape[1])


@formation(fewest=3, most=5, drawing=_draw_evenly(RIGHT))
def even_row(points: np.ndarray) -> np.ndarray:
    """Stand in an even row from left to right."""
    return _off_evenly(points, RIGHT)


@formation(fewest=3, most=4, drawing=_draw_evenly(UPHILL))
def stairs(points: np.ndarray) -> np.ndarray:
    """Stand like stairs that rise to the right."""
    return _off_evenly(points, UPHILL)


def _draw_close(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    return rng.uniform(-0.7, 0.7, (count, 1, 2)) + rng.uniform(-0.25, 0.25, (count, k, 2))


@formation(fewest=3, most=5, drawing=_draw_close)
def gathered(points: np.ndarray) -> np.ndarray:
    """Stand all close together."""
    return np.maximum(_apart(points, 0.0).max(axis=(1, 2)) - 0.5, 0.0)


@formation(fewest=3, most=4, drawing=lambda rng, count, k: rng.uniform(-0.95, 0.95, (count, k, 2)))
def spread_out(points: np.ndarray) -> np.ndarray:
    """Stand all far from each other."""
    return np.maximum(0.7 - _apart(points, 9.0).min(axis=(1, 2)), 0.0)


def _draw_two_pairs(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    homes = np.repeat(rng.uniform(-0.85, 0.85, (count, 2, 2)), 2, axis=1)
    return homes + rng.uniform(-0.15, 0.15, (count, k, 2))


@formation(is_hard=True, fewest=4, most=4, drawing=_draw_two_pairs)
def two_pairs(points: np.ndarray) -> np.ndarray:
    """Stand in two pairs that are far from each other."""
    apart = np.sort(_apart(points, 0.0), axis=2)
    near, far = apart[:, :, 1].max(axis=1), apart[:, :, 2].min(axis=1)
    return np.maximum(np.maximum(near - 0.3, 0.7 - far), 0.0)


def _draw_around_one(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    radius = rng.uniform(0.26, 0.6, (count, 1))
    angle = rng.uniform(-np.pi, np.pi, (count, 1)) + 2 * np.pi * np.arange(k - 1) / (k - 1)
    ring = radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    points = np.concatenate([np.zeros((count, 1, 2)), ring], axis=1)
    return points + rng.uniform(-0.7, 0.7, (count, 1, 2))


@formation(is_hard=True, fewest=5, most=6, drawing=_draw_around_one)
def around_one(points: np.ndarray) -> np.ndarray:
    """Stand around one of them, evenly far from it and on all sides."""
    rows = np.arange(len(points))
    central = _apart(points, 0.0).sum(axis=2).argmin(axis=1)
    z = (points - points[rows, central][:, None]) @ [1, 1j]
    ring = np.abs(z)
    ring[rows, central] = np.nan
    uneven = (np.nanmax(ring, axis=1) - np.nanmin(ring, axis=1)) / 2
    angles = np.sort(np.where(np.isnan(ring), np.inf, np.angle(z)), axis=1)[:, :-1]
    gaps = np.diff(angles, axis=1, append=angles[:, :1] + 2 * np.pi)
    open_side = (gaps.max(axis=1) - np.pi * 0.8) * np.nanmean(ring, axis=1)
    return np.maximum(np.maximum(uneven, open_side), 0.2 - np.nanmin(ring, axis=1)).clip(0.0)


WORDS.append(BySize('by_size', 'stand from left to right by growing size', (), fewest=3, most=4))
HARD.append('by_size')
