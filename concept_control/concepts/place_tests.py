"""Concepts without names: be where one or two random tests of a place hold."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import (
    NUM_TOKENS,
    TOKEN_VALUES,
    Family,
    draft,
    last_positions,
    masks,
    mean_of,
    per_event,
)
from concept_control.errors import EventError
from concept_control.events import Events

_TRIES = 2000

HALF_PLANE, DISC, OUTSIDE, BOX, SECTOR, RING, CLOSER, ALONG, ACROSS = range(9)
"""Tests of a place: four of the workspace, three relative to the attended ones, and two in the
frame of a pair."""

_NUM_TESTS = 2
_TEST_VALUES = 4


class PlaceTests(Family):
    """Be where one or two tests hold; parameters (k, test, 4 values, test, 4 values).

    k is the number of attended others, 0 to 2; a test of -1 is none. Tests and values: half-plane
    (cos, sin, offset), disc and outside (x, y, radius), box (x, y, half width, half height);
    relative to the mean of the attended: sector (angle, half opening, inner and outer radius),
    ring (inner, outer radius), and closer to them than a distance (radius); of two attended: how
    far along the line through them, and how far beside it, from their middle (inner, outer).
    """

    name = 'place_tests'
    description = 'be where one or two random tests hold'
    token_types = (*range(35, 42), 61, 62)
    tolerance = 0.04

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        params = np.zeros((num_concepts, 1 + _NUM_TESTS * (1 + _TEST_VALUES)))
        pending = np.arange(num_concepts)
        while len(pending):
            fresh = _draw_tests(rng, len(pending))
            params[pending] = fresh
            # What hardly any place satisfies cannot be demonstrated.
            pending = pending[_satisfied_share(rng, fresh) < 0.04]
        return params

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        rows = np.repeat(params, num_events, axis=0)
        scene = draft(rng, len(rows), 2, 1 + int(rows[:, 0].max()), num_entities)
        columns = np.arange(scene.sizes.shape[1])
        scene.subjects[:, 0] = True
        scene.attention = (columns > 0) & (columns <= rows[:, :1])
        pending = np.arange(len(rows))
        for attempt in range(_TRIES):
            place = rng.uniform(-0.95, 0.95, (len(pending), 2))
            others, along = _frame(scene.positions[pending, 0], scene.attention[pending])
            good = _tests_distance(rows[pending], place, others, along) <= 0.0
            scene.positions[pending[good], 1, 0] = place[good]
            pending = pending[~good]
            if len(pending) == 0:
                return scene.finish(rng)
            if attempt % 20 == 19:
                shape = (len(pending), 1, len(columns), 2)
                scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)
        raise EventError(f'{self.name}: no place passes the tests; expected wider ones')

    def tokens(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        types = np.full((len(params), NUM_TOKENS), -1, dtype=np.int64)
        values = np.zeros((len(params), NUM_TOKENS, TOKEN_VALUES), dtype=np.float32)
        for slot in range(_NUM_TESTS):
            test, given = _test(params, slot)
            types[:, slot] = np.where(test >= 0, np.array(self.token_types)[test], -1)
            angle = np.where((test == SECTOR)[:, None], given[:, :1], 0.0)
            described = np.column_stack([given, np.cos(angle), np.sin(angle), params[:, :1] == 2])
            described[:, 0] = np.where(test == SECTOR, 0.0, described[:, 0])
            values[:, slot, : described.shape[1]] = described
        return types, values

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        rows = per_event(params, events)
        _, subjects, attended = masks(events)
        positions = last_positions(events)
        others, along = _frame(positions, attended)
        distance = _tests_distance(rows, mean_of(positions, subjects), others, along)
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == rows[:, 0])
        return np.where(valid, distance, np.inf)


def _frame(positions: np.ndarray, attended: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (B, 2) of the attended and the unit vector (B, 2) from first to last.

    The mean is zero where nothing is attended, the vector where there are fewer than two.

    Args:
        positions: (B, N, 2).
        attended: (B, N) bool.
    """
    rows = np.arange(len(attended))
    first, last = attended.argmax(axis=1), attended.shape[1] - 1 - attended[:, ::-1].argmax(axis=1)
    along = positions[rows, last] - positions[rows, first]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    return np.nan_to_num(mean_of(positions, attended)), along / np.maximum(length, 1e-9)


def _test(rows: np.ndarray, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the kind (B,) and the values (B, 4) of a test of parameters (B, P)."""
    first = 1 + slot * (1 + _TEST_VALUES)
    return rows[:, first].astype(int), rows[:, first + 1 : first + 1 + _TEST_VALUES]


def _draw_tests(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw parameters (count, P) of `PlaceTests`, satisfiable or not."""
    number = rng.choice(3, count, p=[0.35, 0.35, 0.3])
    both = rng.random(count) < 0.4
    parts = []
    for slot in range(_NUM_TESTS):
        here = rng.integers(HALF_PLANE, BOX + 1, count)
        relative = rng.integers(SECTOR, CLOSER + 1, count)
        # The first test of a concept with arguments is about them; the second is of any kind.
        is_relative = (number > 0) & ((slot == 0) | (rng.random(count) < 0.4))
        kind = np.where(is_relative, relative, here)
        of_pair = is_relative & (number == 2) & (rng.random(count) < 0.5)
        kind = np.where(of_pair, rng.integers(ALONG, ACROSS + 1, count), kind)
        if slot:
            kind = np.where(both, kind, -1)
        angle = rng.uniform(-np.pi, np.pi, count)
        place = rng.uniform(-0.6, 0.6, (count, 2))
        inner = rng.uniform(0.15, 0.7, count) * (rng.random(count) < 0.7)
        outer = inner + rng.uniform(0.15, 0.5, count)
        widths = rng.uniform(0.05, 0.4, (2, count))
        nothing = np.zeros(count)
        choices = [
            [np.cos(angle), np.sin(angle), rng.uniform(-0.4, 0.6, count), nothing],
            [place[:, 0], place[:, 1], rng.uniform(0.2, 0.6, count), nothing],
            [place[:, 0], place[:, 1], rng.uniform(0.4, 0.9, count), nothing],
            [place[:, 0], place[:, 1], *rng.uniform(0.12, 0.6, (2, count))],
            [angle, rng.uniform(0.15, 1.4, count), inner, outer + 0.2],
            [inner, outer, nothing, nothing],
            [rng.uniform(0.2, 0.7, count), nothing, nothing, nothing],
            *[[0.6 * inner, 0.6 * inner + width, nothing, nothing] for width in widths],
        ]
        table = np.array([np.stack(values, axis=1) for values in choices])
        values = table[np.maximum(kind, 0), np.arange(count)] * (kind >= 0)[:, None]
        parts += [kind[:, None], values]
    return np.column_stack([number, *parts])


def _satisfied_share(rng: np.random.Generator, rows: np.ndarray, count: int = 200) -> np.ndarray:
    """Return (C,) the share of random places, near random others, that pass all tests."""
    many = np.repeat(rows, count, axis=0)
    place, others = rng.uniform(-0.95, 0.95, (2, len(many), 2))
    angle = rng.uniform(-np.pi, np.pi, len(many))
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (_tests_distance(many, place, others, along) <= 0).reshape(-1, count).mean(axis=1)


def _tests_distance(
    rows: np.ndarray, place: np.ndarray, others: np.ndarray, along: np.ndarray
) -> np.ndarray:
    """Return (B,) the largest of the distances to where each test holds.

    Args:
        rows: (B, P) parameters.
        place: (B, 2) of the subject.
        others: (B, 2) mean of the attended; read by relative tests only.
        along: (B, 2) unit vector from one of the attended to another; read by tests of a pair.
    """
    total = np.zeros(len(rows))
    for slot in range(_NUM_TESTS):
        kind, values = _test(rows, slot)
        for each, distance in enumerate(_TESTS):
            chosen = kind == each
            if chosen.any():
                relative = place[chosen] - others[chosen]
                if each in (ALONG, ACROSS):
                    relative = _in_frame(relative, along[chosen])
                found = distance(values[chosen], place[chosen], relative)
                total[chosen] = np.maximum(total[chosen], found)
    return total


def _outside_of(value: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return how far values are outside their intervals."""
    return np.maximum(np.maximum(least - value, value - most), 0.0)


def _half_plane(values: np.ndarray, place: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.maximum(values[:, 2] - (place * values[:, :2]).sum(axis=1), 0.0)


def _disc(values: np.ndarray, place: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.maximum(np.linalg.norm(place - values[:, :2], axis=1) - values[:, 2], 0.0)


def _outside(values: np.ndarray, place: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.maximum(values[:, 2] - np.linalg.norm(place - values[:, :2], axis=1), 0.0)


def _box(values: np.ndarray, place: np.ndarray, _: np.ndarray) -> np.ndarray:
    beyond = np.maximum(np.abs(place - values[:, :2]) - values[:, 2:], 0.0)
    return np.linalg.norm(beyond, axis=1)


def _sector(values: np.ndarray, _: np.ndarray, relative: np.ndarray) -> np.ndarray:
    radius = np.linalg.norm(relative, axis=1)
    angle = np.arctan2(relative[:, 1], relative[:, 0]) - values[:, 0]
    angle = np.abs((angle + np.pi) % (2 * np.pi) - np.pi)
    excess = np.maximum(angle - values[:, 1], 0.0)
    across = np.where(excess < np.pi / 2, radius * np.sin(excess), radius)
    return np.hypot(across, _outside_of(radius, values[:, 2], values[:, 3]))


def _ring(values: np.ndarray, _: np.ndarray, relative: np.ndarray) -> np.ndarray:
    return _outside_of(np.linalg.norm(relative, axis=1), values[:, 0], values[:, 1])


def _closer(values: np.ndarray, _: np.ndarray, relative: np.ndarray) -> np.ndarray:
    return np.maximum(np.linalg.norm(relative, axis=1) - values[:, 0], 0.0)


def _in_frame(relative: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return (B, 2) distances along the unit vectors (B, 2) and beside them; no sign."""
    beside = relative[:, 0] * along[:, 1] - relative[:, 1] * along[:, 0]
    return np.abs(np.stack([(relative * along).sum(axis=1), beside], axis=1))


def _along(values: np.ndarray, _: np.ndarray, framed: np.ndarray) -> np.ndarray:
    return _outside_of(framed[:, 0], values[:, 0], values[:, 1])


def _across(values: np.ndarray, _: np.ndarray, framed: np.ndarray) -> np.ndarray:
    return _outside_of(framed[:, 1], values[:, 0], values[:, 1])


_TESTS = (
    _half_plane,
    _disc,
    _outside,
    _box,
    _sector,
    _ring,
    _closer,
    _along,
    _across,
)
