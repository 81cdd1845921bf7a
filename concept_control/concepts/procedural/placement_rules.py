"""Procedural families that place one subject: by random rules, or by bounds of random measures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from concept_control.concepts.family import (
    SIZE_RANGE,
    Draft,
    Family,
    blank_tokens,
    last_positions,
    masks,
    mean_of,
    outside_of,
    per_event,
)
from concept_control.concepts.procedural.rule_parameters import (
    NUM_RULES,
    RULE_VALUES,
    choose_rule,
    read_rule,
)
from concept_control.errors import EventError
from concept_control.world.events import Events

_TRIES = 2000
"""Draws of a place before a demonstration counts as impossible."""

_LEAST_SHARE, _PLACES = 0.04, 200
"""Smallest share of so many random places that satisfy a concept which can be demonstrated."""


class Situation(NamedTuple):
    """The place of B subjects among others, in workspace units.

    Attributes:
        place: (B, 2) position of the subject.
        start: (B, 2) position of the subject before.
        center: (B, 2) mean of the attended; zero where there are none.
        along: (B, 2) unit vector from the first of the attended to the last; zero below two.
        apart: (B, 2) distances to the nearest and the furthest of the attended; zero for none.
        sides: (B, 2) side lengths of the subject and, in the mean, of the attended.
    """

    place: np.ndarray
    start: np.ndarray
    center: np.ndarray
    along: np.ndarray
    apart: np.ndarray
    sides: np.ndarray

    def where(self, chosen: np.ndarray) -> Situation:
        """Return the chosen rows."""
        return Situation(*(value[chosen] for value in self))


Rule = Callable[[np.ndarray, Situation], np.ndarray]
"""Values (B, 4) and B situations to the distances (B,) to where a rule holds."""


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the distances (B,) of points (B, 2)."""
    return np.linalg.norm(first - second, axis=1)


def component(vectors: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the components (B,) of vectors (B, 2) in the direction of a rule (cos, sin)."""
    return (vectors * values[:, :2]).sum(axis=1)


def _bounded(measure: Rule, least: int = 0) -> Rule:
    """Return the rule that keeps a measure between the values at `least` and after it."""
    return lambda values, seen: outside_of(
        measure(values, seen), values[:, least], values[:, least + 1]
    )


class Placement(Family):
    """Be somewhere among k attended others; k is the first parameter."""

    @abstractmethod
    def distance(self, rows: np.ndarray, situation: Situation) -> np.ndarray:
        """Return (B,) distances of situations to where the concepts of rows (B, P) hold."""

    def entities_needed(self, rows: np.ndarray) -> int:
        return 1 + int(rows[:, 0].max())

    def set_roles(self, rows: np.ndarray, scene: Draft) -> None:
        """Make the first entity the subject, and the next ones attended."""
        columns = np.arange(scene.sizes.shape[1])
        scene.subjects[:, 0] = True
        scene.attention = (columns > 0) & (columns <= rows[:, :1])

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        rows = per_event(params, events)
        _, subjects, attended = masks(events)
        positions = last_positions(events)
        before = events.positions[:, 0].cpu().numpy().astype(float)
        place, start = mean_of(positions, subjects), mean_of(before, subjects)
        sides = _sides(events.sizes.cpu().numpy().astype(float), subjects, attended)
        distance = self.distance(rows, _situation(place, start, positions, attended, sides))
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == rows[:, 0])
        return np.where(valid, distance, np.inf)


class PlacementRules(Placement):
    """Be where one or two rules hold; parameters (k, kind, 4 values, kind, 4 values).

    k is the number of attended others; a kind of -1 is no rule.

    Attributes:
        rules: Rules by kind.
    """

    tolerance = 0.04
    rules: tuple[Rule, ...]

    @abstractmethod
    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw parameters (count, P), whether they can be satisfied or not."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        params = np.zeros((num_concepts, 1 + NUM_RULES * (1 + RULE_VALUES)))
        pending = np.arange(num_concepts)
        while len(pending):
            fresh = self.draw(rng, len(pending))
            params[pending] = fresh
            # Concepts that hardly any place satisfies cannot be demonstrated.
            pending = pending[self._satisfied_share(rng, fresh) < _LEAST_SHARE]
        return params

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        self.set_roles(rows, scene)
        pending = np.arange(len(rows))
        for attempt in range(_TRIES):
            place = rng.uniform(-0.95, 0.95, (len(pending), 2))
            others, attended = scene.positions[pending, 0], scene.attention[pending]
            sides = _sides(scene.sizes[pending], scene.subjects[pending], attended)
            seen = _situation(place, others[:, 0], others, attended, sides)
            good = self.distance(rows[pending], seen) <= 0.0
            scene.positions[pending[good], 1, 0] = place[good]
            pending = pending[~good]
            if len(pending) == 0:
                return
            if attempt % 20 == 19:
                shape = (len(pending), 1, *scene.positions.shape[2:])
                scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)
        raise EventError(f'{self.name}: no place satisfies the rules; expected wider ones')

    def tokens(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        types, values = blank_tokens(len(params))
        for slot in range(NUM_RULES):
            kind, given = read_rule(params, slot, before=1)
            types[:, slot] = np.where(kind >= 0, np.array(self.token_types)[kind], -1)
            described = np.column_stack([self.describe_rule(kind, given), params[:, :1] == 2])
            values[:, slot, : described.shape[1]] = described
        return types, values

    def describe_rule(self, kind: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return (C, < V) values of about unit scale for rules of kinds (C,) and values (C, 4)."""
        return values

    def distance(self, rows: np.ndarray, situation: Situation) -> np.ndarray:
        total = np.zeros(len(rows))
        for slot in range(NUM_RULES):
            kind, values = read_rule(rows, slot, before=1)
            for each, distance in enumerate(self.rules):
                chosen = kind == each
                if chosen.any():
                    found = distance(values[chosen], situation.where(chosen))
                    total[chosen] = np.maximum(total[chosen], found)
        return total

    def _satisfied_share(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Return (C,) the share of random places, among random others, that satisfy all rules."""
        many = np.repeat(rows, _PLACES, axis=0)
        most = 1 + int(rows[:, 0].max())
        positions = rng.uniform(-0.95, 0.95, (len(many), most, 2))
        columns = np.arange(most)
        attended = (columns > 0) & (columns <= many[:, :1])
        place = rng.uniform(-0.95, 0.95, (len(many), 2))
        sides = rng.uniform(*SIZE_RANGE, (len(many), 2))
        situation = _situation(place, positions[:, 0], positions, attended, sides)
        return (self.distance(many, situation) <= 0).reshape(-1, _PLACES).mean(axis=1)


def _sides(sizes: np.ndarray, subjects: np.ndarray, attended: np.ndarray) -> np.ndarray:
    """Return the mean sizes (B, 2) of subjects and attended (B, N); zero where there are none."""
    means = [mean_of(sizes[..., None], mask)[:, 0] for mask in (subjects, attended)]
    return np.nan_to_num(np.stack(means, axis=1))


def _situation(
    place: np.ndarray,
    start: np.ndarray,
    positions: np.ndarray,
    attended: np.ndarray,
    sides: np.ndarray,
) -> Situation:
    """Describe places (B, 2), starts (B, 2), positions (B, N, 2) and attended (B, N) bool."""
    rows = np.arange(len(attended))
    first, last = attended.argmax(axis=1), attended.shape[1] - 1 - attended[:, ::-1].argmax(axis=1)
    along = positions[rows, last] - positions[rows, first]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    distance = np.linalg.norm(positions - place[:, None], axis=-1)
    nearest = np.where(attended, distance, np.inf).min(axis=1)
    furthest = np.where(attended, distance, 0.0).max(axis=1)
    return Situation(
        place,
        start,
        np.nan_to_num(mean_of(positions, attended)),
        along / np.maximum(length, 1e-9),
        np.stack([np.where(np.isfinite(nearest), nearest, 0.0), furthest], axis=1),
        sides,
    )


HALF_PLANE, DISC, OUTSIDE, BOX, SECTOR, RING, CLOSER, ALONG, ACROSS = range(9)
"""Kinds of rules: four about the workspace, three relative to the attended, two in the frame of an
attended pair."""


def _box(values: np.ndarray, seen: Situation) -> np.ndarray:
    beyond = np.maximum(np.abs(seen.place - values[:, :2]) - values[:, 2:], 0.0)
    return np.linalg.norm(beyond, axis=1)


def _sector(values: np.ndarray, seen: Situation) -> np.ndarray:
    relative = seen.place - seen.center
    radius = np.linalg.norm(relative, axis=1)
    angle = np.arctan2(relative[:, 1], relative[:, 0]) - values[:, 0]
    angle = np.abs((angle + np.pi) % (2 * np.pi) - np.pi)
    excess = np.maximum(angle - values[:, 1], 0.0)
    across = np.where(excess < np.pi / 2, radius * np.sin(excess), radius)
    return np.hypot(across, outside_of(radius, values[:, 2], values[:, 3]))


def _across(values: np.ndarray, seen: Situation) -> np.ndarray:
    relative, along = seen.place - seen.center, seen.along
    return np.abs(relative[:, 0] * along[:, 1] - relative[:, 1] * along[:, 0])


class PlaceRules(PlacementRules):
    """Be where one or two rules hold, among 0 to 2 attended others.

    Rules and values: half-plane (cos, sin, offset), disc and outside (x, y, radius), box (x, y,
    half width, half height); relative to the mean of the attended: sector (angle, half opening,
    inner and outer radius), ring (inner, outer radius), and closer to them than a distance
    (radius); of two attended: how far along the line through them, and how far beside it, from
    their middle (inner, outer).
    """

    rules = (
        lambda values, seen: np.maximum(values[:, 2] - component(seen.place, values), 0.0),
        lambda values, seen: np.maximum(_distance(seen.place, values[:, :2]) - values[:, 2], 0.0),
        lambda values, seen: np.maximum(values[:, 2] - _distance(seen.place, values[:, :2]), 0.0),
        _box,
        _sector,
        _bounded(lambda _, seen: _distance(seen.place, seen.center)),
        lambda values, seen: np.maximum(_distance(seen.place, seen.center) - values[:, 0], 0.0),
        _bounded(lambda _, seen: np.abs(((seen.place - seen.center) * seen.along).sum(axis=1))),
        _bounded(_across),
    )

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        number = rng.choice(3, count, p=[0.35, 0.35, 0.3])
        both = rng.random(count) < 0.4
        parts = []
        for slot in range(NUM_RULES):
            here = rng.integers(HALF_PLANE, BOX + 1, count)
            relative = rng.integers(SECTOR, CLOSER + 1, count)
            # The first rule of a concept with arguments is about them; the second is of any kind.
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
            parts += choose_rule(kind, choices)
        return np.column_stack([number, *parts])

    def describe_rule(self, kind: np.ndarray, values: np.ndarray) -> np.ndarray:
        angle = np.where((kind == SECTOR)[:, None], values[:, :1], 0.0)
        described = np.column_stack([values, np.cos(angle), np.sin(angle)])
        described[:, 0] = np.where(kind == SECTOR, 0.0, described[:, 0])
        return described


STRIP, MIRRORED, SQUARE_RING, SHIFTED, MOVED, BESIDE, APPROACHED, NEAREST, FURTHEST, SPREAD = (
    range(10)
)
"""Kinds of rules: three about the workspace, two relative to where the subject was, five about the
attended, the last of which needs two of them."""

_UPRIGHT = np.deg2rad(10.0)
_MOST_CORNER = 0.75
_LEAST_SPREAD = 0.15
_WIDE_SPREAD = 0.15
_UNBOUNDED = 3.0


def _mirrored(values: np.ndarray, seen: Situation) -> np.ndarray:
    # One axis or both are folded: bit 1 of the last value is x, bit 2 is y.
    folds = values[:, 3].astype(int)[:, None] & np.array([1, 2]) > 0
    folded = np.where(folds, np.abs(seen.place), seen.place)
    return np.maximum(np.linalg.norm(folded - values[:, :2], axis=1) - values[:, 2], 0.0)


class MeasureRules(PlacementRules):
    """Keep one or two measures within bounds, among 0 to 3 attended others.

    Rules and values: a strip across the workspace (cos, sin, offset, half width), discs mirrored
    about one or both axes (x, y, radius, 1 for x or 2 for y or 3 for both), square ring about the
    middle (inner, outer half width); relative to where the subject was: shifted in a direction
    (cos, sin, least, most), moved (least, most distance); relative to the mean of the attended:
    beside it in a direction (cos, sin, least, most), approached (least, most distance gained); of
    the distances to the attended: the nearest, the furthest, their difference (least, most).

    Upright strips, discs in all four corners and differences of nearly zero are left out, because
    held-out families judge whether they are learned without training.
    """

    rules = (
        lambda values, seen: np.maximum(
            np.abs(component(seen.place, values) - values[:, 2]) - values[:, 3], 0.0
        ),
        _mirrored,
        _bounded(lambda values, seen: np.abs(seen.place).max(axis=1)),
        _bounded(lambda values, seen: component(seen.place - seen.start, values), 2),
        _bounded(lambda values, seen: _distance(seen.place, seen.start)),
        _bounded(lambda values, seen: component(seen.place - seen.center, values), 2),
        _bounded(
            lambda values, seen: (
                _distance(seen.start, seen.center) - _distance(seen.place, seen.center)
            )
        ),
        _bounded(lambda values, seen: seen.apart[:, 0]),
        _bounded(lambda values, seen: seen.apart[:, 1]),
        _bounded(lambda values, seen: seen.apart[:, 1] - seen.apart[:, 0]),
    )

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        number = rng.choice(4, count, p=[0.4, 0.25, 0.25, 0.1])
        both = rng.random(count) < 0.3
        parts = []
        for slot in range(NUM_RULES):
            alone = rng.integers(STRIP, MOVED + 1, count)
            relative = rng.integers(BESIDE, np.where(number > 1, SPREAD, APPROACHED) + 1)
            # The first rule of a concept with arguments is about them.
            kind = np.where((number > 0) & (slot == 0), relative, alone)
            if slot:
                kind = np.where(both, kind, -1)
            parts += choose_rule(kind, _draw_values(rng, count))
        return np.column_stack([number, *parts])


def _draw_values(rng: np.random.Generator, count: int) -> list[list[np.ndarray]]:
    """Draw four values (count,) of each kind of rule."""
    angle = rng.uniform(-np.pi, np.pi, count)
    leaning = rng.uniform(_UPRIGHT, np.pi - _UPRIGHT, count)
    quarter = rng.uniform(0.1, _MOST_CORNER, (2, count))
    folds = rng.integers(1, 4, count)
    # Coordinates that are not folded may have either sign.
    sides = np.where(
        folds & np.array([[1], [2]]) > 0, quarter, rng.uniform(-0.75, 0.75, (2, count))
    )
    inner = rng.uniform(0.1, 0.8, count)
    width = rng.uniform(0.08, 0.4, count)
    is_open = rng.random(count) < 0.4
    outer = np.where(is_open, _UNBOUNDED, inner + width)
    from_zero = np.where(rng.random(count) < 0.3, 0.0, inner)
    either = rng.uniform(-0.5, 0.7, count)
    beyond = np.where(is_open, _UNBOUNDED, either + width)
    is_within = rng.random(count) < 0.3
    nothing = np.zeros(count)
    return [
        [np.cos(leaning), np.sin(leaning), rng.uniform(-0.7, 0.7, count), 0.5 * width],
        [*sides, rng.uniform(0.15, 0.45, count), folds],
        [from_zero, from_zero + width, nothing, nothing],
        [np.cos(angle), np.sin(angle), either, beyond],
        [from_zero, from_zero + width, nothing, nothing],
        [np.cos(angle), np.sin(angle), either, beyond],
        [either, beyond, nothing, nothing],
        [inner, outer, nothing, nothing],
        [0.7 * inner, 0.7 * inner + width + 0.1, nothing, nothing],
        [
            np.where(is_within, 0.0, _LEAST_SPREAD + 0.4 * inner),
            np.where(is_within, _WIDE_SPREAD, _LEAST_SPREAD + 0.4 * inner) + width,
            nothing,
            nothing,
        ],
    ]
