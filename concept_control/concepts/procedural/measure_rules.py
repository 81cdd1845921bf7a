"""Procedural family: keep one or two random measures of a place within bounds."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import outside_of
from concept_control.concepts.procedural.placement_rules import PlacementRules, Rule, Situation
from concept_control.concepts.procedural.rule_parameters import NUM_RULES, choose_rule

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


def _strip(values: np.ndarray, seen: Situation) -> np.ndarray:
    return np.maximum(np.abs(_along(seen.place, values) - values[:, 2]) - values[:, 3], 0.0)


def _mirrored(values: np.ndarray, seen: Situation) -> np.ndarray:
    # One axis or both are folded: bit 1 of the last value is x, bit 2 is y.
    folds = values[:, 3].astype(int)[:, None] & np.array([1, 2]) > 0
    folded = np.where(folds, np.abs(seen.place), seen.place)
    return np.maximum(np.linalg.norm(folded - values[:, :2], axis=1) - values[:, 2], 0.0)


def _distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the distances (B,) of points (B, 2)."""
    return np.linalg.norm(first - second, axis=1)


def _along(vectors: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the components (B,) of vectors (B, 2) in the direction of a rule (cos, sin)."""
    return (vectors * values[:, :2]).sum(axis=1)


def _bounded(measure: Rule, least: int = 0) -> Rule:
    """Return the rule that keeps a measure between the values at `least` and after it."""
    return lambda values, seen: outside_of(
        measure(values, seen), values[:, least], values[:, least + 1]
    )


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
        _strip,
        _mirrored,
        _bounded(lambda values, seen: np.abs(seen.place).max(axis=1)),
        _bounded(lambda values, seen: _along(seen.place - seen.start, values), 2),
        _bounded(lambda values, seen: _distance(seen.place, seen.start)),
        _bounded(lambda values, seen: _along(seen.place - seen.center, values), 2),
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
