"""Concepts without names: attend to what passes one or two random tests of looks and place."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import (
    MAX_ENTITIES,
    NUM_TOKENS,
    TOKEN_VALUES,
    Draft,
    draft,
    last_positions,
    masks,
    per_event,
    random_colors,
    seen_color,
)
from concept_control.concepts.selection import Selection
from concept_control.concepts.visual import (
    COLOR_CLEARANCE,
    COLOR_RADIUS,
    SIZE_MARGIN,
    color_features,
)
from concept_control.errors import EventError
from concept_control.events import Events

COLOR, SIZE, BRIGHTNESS, SIDE, WITHIN, SIDE_OF_MARKER, SIZE_OF_MARKER, EXTREME, RANK = range(9)
"""Tests of one entity: of itself; relative to the marker, the one subject; among all."""

PLACE_MARGIN = 0.06
"""Nothing lies closer to the border of a test than this [workspace units]."""

EXTREME_MARGIN = 0.1
RANK_MARGIN = 0.02
BRIGHTNESS_MARGIN = 0.06

_NUM_TESTS = 2
_TEST_VALUES = 4
_TRIES = 3000
_EASY = 60
_CERTAIN = 9.0


class AttributeTests(Selection):
    """Attend to what passes one or two tests; parameters (test, 4 values) twice, -1 for none.

    Tests and values: colour (r, g, b, sign), size and brightness (threshold, sign), on one side of
    a line (cos, sin, offset), within or beyond a distance of the marker (radius, sign), on one
    side of it (cos, sin), larger or smaller than it (sign), outermost in a direction (cos, sin),
    largest or smallest of all (sign).
    """

    name = 'attribute_tests'
    reads_colors = reads_sizes = True
    description = 'attend to what passes one or two random tests of looks and place'
    token_types = tuple(range(43, 52))

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        params = _draw_tests(rng, num_concepts)
        pending = np.arange(num_concepts)
        while len(pending):
            # What is hard to find in full, or in small scenes cannot be demonstrated; once may
            # be luck.
            hard = np.zeros(len(pending), dtype=bool)
            for count in (MAX_ENTITIES, MAX_ENTITIES, 3):
                scene = draft(rng, len(pending), 1, count, count)
                hard[self._fill(rng, params[pending], scene, _EASY)] = True
            pending = pending[hard]
            params[pending] = _draw_tests(rng, len(pending))
        return params

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        rows = np.repeat(params, num_events, axis=0)
        scene = draft(rng, len(rows), 1, 3, num_entities)
        if len(self._fill(rng, rows, scene, _TRIES)):
            raise EventError(f'{self.name}: no scene passes the tests; expected wider ones')
        return scene.finish(rng)

    def _fill(
        self, rng: np.random.Generator, rows: np.ndarray, scene: Draft, tries: int
    ) -> np.ndarray:
        """Draw scenes until some clearly pass, the others clearly not; return who failed."""
        scene.subjects[:, 0] = _has_marker(rows)
        pending = np.arange(len(rows))
        for _ in range(tries):
            self._redraw(rng, scene, rows, pending)
            score = _scores(
                rows[pending],
                scene.positions[pending, 0],
                scene.colors[pending],
                scene.sizes[pending],
                scene.present[pending],
                scene.subjects[pending],
            )
            candidates = scene.present[pending] & ~scene.subjects[pending]
            passes = (score > 0) & candidates
            clear = ((np.abs(score) >= 1) | ~candidates).all(axis=1)
            # Where everything passes a demonstration says little; it is allowed, but rare.
            telling = (passes != candidates).any(axis=1) | (rng.random(len(pending)) < 0.05)
            good = clear & telling & passes.any(axis=1)
            scene.attention[pending[good]] = passes[good]
            pending = pending[~good]
            if len(pending) == 0:
                break
        return pending

    def _redraw(
        self, rng: np.random.Generator, scene: Draft, rows: np.ndarray, pending: np.ndarray
    ) -> None:
        """Draw scenes anew, with some of the things made to pass the tests of looks."""
        shape = (len(pending), scene.sizes.shape[1])
        scene.positions[pending, 0] = rng.uniform(-0.95, 0.95, (*shape, 2))
        colors = random_colors(rng, shape)
        sizes = rng.uniform(0.1, 0.26, shape)
        chosen = rng.random(shape) < rng.uniform(0.2, 0.8, (len(pending), 1))
        for slot in range(_NUM_TESTS):
            kind, values = _test(rows[pending], slot)
            seen = seen_color(rng, np.repeat(values[:, None, :3], shape[1], axis=1).clip(0, 1))
            takes = chosen & (kind == COLOR)[:, None]
            colors = np.where(takes[..., None], seen, colors)
        scene.colors[pending], scene.sizes[pending] = colors, sizes

    def tokens(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        types = np.full((len(params), NUM_TOKENS), -1, dtype=np.int64)
        values = np.zeros((len(params), NUM_TOKENS, TOKEN_VALUES), dtype=np.float32)
        for slot in range(_NUM_TESTS):
            kind, given = _test(params, slot)
            types[:, slot] = np.where(kind >= 0, self.token_types[0] + kind, -1)
            plain = given.copy()
            plain[:, 0] = np.where(kind == SIZE, 10 * (given[:, 0] - 0.17), plain[:, 0])
            values[:, slot, :_TEST_VALUES] = plain
            rgb = given[:, :3].clip(0, 1)
            looks = np.concatenate([2 * rgb - 1, 2 * color_features(rgb)[:, :3] - 1], axis=1)
            # Another colour and not this one mean different things: signs have their own columns.
            values[:, slot, _TEST_VALUES : _TEST_VALUES + 6] = np.where(
                (kind == COLOR)[:, None], looks * given[:, 3:], 0.0
            )
        return types, values

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        score = _scores(
            per_event(params, events),
            last_positions(events),
            events.colors.cpu().numpy().astype(float),
            events.sizes.cpu().numpy().astype(float),
            present,
            subjects,
        )
        return (score > 0) & present & ~subjects


def _draw_tests(rng: np.random.Generator, num_concepts: int) -> np.ndarray:
    """Draw parameters (num_concepts, P), demonstrable or not."""
    first = rng.integers(COLOR, RANK + 1, num_concepts)
    second = rng.integers(COLOR, SIZE_OF_MARKER + 1, num_concepts)
    # What singles one out is not joined with another test, nor a test with its like.
    alone = (first >= EXTREME) | (first == second) | (rng.random(num_concepts) < 0.5)
    second = np.where(alone, -1, second)
    parts = []
    for kind in (first, second):
        angle = rng.uniform(-np.pi, np.pi, num_concepts)
        cos, sin = np.cos(angle), np.sin(angle)
        sign = rng.choice([-1.0, 1.0], num_concepts)
        mostly = np.where(rng.random(num_concepts) < 0.8, 1.0, -1.0)
        nothing = np.zeros(num_concepts)
        choices = [
            [*random_colors(rng, (num_concepts,)).T, mostly],
            [rng.uniform(0.13, 0.22, num_concepts), sign, nothing, nothing],
            [rng.uniform(0.4, 0.85, num_concepts), sign, nothing, nothing],
            [cos, sin, rng.uniform(-0.4, 0.4, num_concepts), nothing],
            [rng.uniform(0.4, 1.0, num_concepts), sign, nothing, nothing],
            [cos, sin, nothing, nothing],
            [sign, nothing, nothing, nothing],
            [cos, sin, nothing, nothing],
            [sign, nothing, nothing, nothing],
        ]
        table = np.array([np.stack(values, axis=1) for values in choices])
        values = table[np.maximum(kind, 0), np.arange(num_concepts)]
        parts += [kind[:, None], values * (kind >= 0)[:, None]]
    return np.column_stack(parts)


def _test(rows: np.ndarray, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the kind (B,) and the values (B, 4) of a test of parameters (B, P)."""
    first = slot * (1 + _TEST_VALUES)
    return rows[:, first].astype(int), rows[:, first + 1 : first + 1 + _TEST_VALUES]


def _has_marker(rows: np.ndarray) -> np.ndarray:
    kinds = np.stack([_test(rows, slot)[0] for slot in range(_NUM_TESTS)])
    return np.any((kinds >= WITHIN) & (kinds <= SIZE_OF_MARKER), axis=0)


def _scores(
    rows: np.ndarray,
    positions: np.ndarray,
    colors: np.ndarray,
    sizes: np.ndarray,
    present: np.ndarray,
    subjects: np.ndarray,
) -> np.ndarray:
    """Return (B, N) how clearly each entity passes all tests: >= 1 clearly, <= -1 clearly not.

    Args:
        rows: (B, P) parameters.
        positions: (B, N, 2) workspace units.
        colors: (B, N, 3).
        sizes: (B, N).
        present: (B, N) bool.
        subjects: (B, N) bool, the marker.
    """
    number = np.maximum(subjects.sum(axis=1), 1)[:, None]
    marker = (positions * subjects[..., None]).sum(axis=1) / number
    marker_size = (sizes * subjects).sum(axis=1, keepdims=True) / number
    relative = positions - marker[:, None]
    candidates = present & ~subjects
    total = np.full(sizes.shape, _CERTAIN)
    for slot in range(_NUM_TESTS):
        kind, values = _test(rows, slot)
        v = values[:, :, None]  # (B, 4, 1)
        features = color_features(values[:, :3].clip(0, 1))[:, None]
        off = np.linalg.norm(color_features(colors) - features, axis=-1)
        middle, half = (
            (COLOR_CLEARANCE + COLOR_RADIUS) / 2,
            (COLOR_CLEARANCE - COLOR_RADIUS) / 2,
        )
        along = positions[..., 0] * v[:, 0] + positions[..., 1] * v[:, 1]
        across = relative[..., 0] * v[:, 0] + relative[..., 1] * v[:, 1]
        table = [
            v[:, 3] * (middle - off) / half,
            v[:, 1] * (sizes - v[:, 0]) / SIZE_MARGIN,
            v[:, 1] * (colors.max(axis=-1) - v[:, 0]) / BRIGHTNESS_MARGIN,
            (along - v[:, 2]) / PLACE_MARGIN,
            v[:, 1] * (v[:, 0] - np.linalg.norm(relative, axis=-1)) / PLACE_MARGIN,
            across / PLACE_MARGIN,
            v[:, 0] * (sizes - marker_size) / RANK_MARGIN,
            _lead(along, candidates) / EXTREME_MARGIN,
            _lead(v[:, 0] * sizes, candidates) / RANK_MARGIN,
        ]
        for each, score in enumerate(table):
            chosen = kind == each
            total[chosen] = np.minimum(total[chosen], score[chosen])
    return total


def _lead(values: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return (B, N) by how much each value is ahead of the largest other."""
    values = np.where(candidates, values, -np.inf)
    ordered = np.sort(values, axis=1)
    first, second = ordered[:, -1:], ordered[:, -2:-1]
    with np.errstate(invalid='ignore'):
        lead = np.where(values == first, first - second, values - first)
    return np.where(np.isfinite(lead), lead, np.sign(lead) * _CERTAIN)
