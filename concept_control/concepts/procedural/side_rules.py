"""Procedural families of one subject on one side of another thing, or in the lane there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.concepts.family import Family
from concept_control.concepts.procedural.placement_rules import (
    PlacementRules,
    Situation,
    component,
)
from concept_control.concepts.procedural.rule_parameters import choose_rule, read_rule

BESIDE, FACING, LANE, SHADOW, REACH = range(5)
"""Kinds of rules: four of one side, one of how far at most on any side."""

_ALONG_AXES = 0.8
"""Share of the sides that are right, above, left and below; the others are two on a diagonal."""

_AXES, _DIAGONALS = np.deg2rad([0.0, 90.0, 180.0, 270.0]), np.deg2rad([135.0, 315.0])
"""Directions of sides. The rising diagonal is left out, because a held-out family judges whether
it is learned without training."""


def _ahead(values: np.ndarray, seen: Situation) -> np.ndarray:
    """Return how far (B,) subjects are to the side of a rule, from what is meant."""
    return component(seen.place - seen.center, values)


def _aside(values: np.ndarray, seen: Situation) -> np.ndarray:
    """Return how far (B,) subjects are off the way that leads to the side of a rule."""
    relative = seen.place - seen.center
    return np.abs(relative[:, 1] * values[:, 0] - relative[:, 0] * values[:, 1])


def _behind(values: np.ndarray, seen: Situation) -> np.ndarray:
    return np.maximum(-_ahead(values, seen), 0.0)


def _lane(values: np.ndarray, seen: Situation) -> np.ndarray:
    beyond = _aside(values, seen) - values[:, 2] * seen.sides.max(axis=1)
    return np.hypot(np.maximum(beyond, 0.0), _behind(values, seen))


def _shadow(values: np.ndarray, seen: Situation) -> np.ndarray:
    beyond = _aside(values, seen) - seen.sides.mean(axis=1) + values[:, 2] * seen.sides.min(axis=1)
    return np.hypot(np.maximum(beyond, 0.0), _behind(values, seen))


def _distance(seen: Situation) -> np.ndarray:
    return np.linalg.norm(seen.place - seen.center, axis=1)


@dataclass(frozen=True, eq=False, kw_only=True)
class SideRules(PlacementRules):
    """Be to one side of another thing, and perhaps not too far from it.

    Rules and values: beside it by the centres, or by the faces (cos, sin, least); in the lane that
    leads to one side, as wide as so many sizes of the larger (cos, sin, half width); so that the
    faces overlap by a share of the smaller (cos, sin, share); within a distance of its rim, both
    being discs (most).

    Attributes:
        kinds: Kinds of the rule of the side.
    """

    kinds: tuple[int, ...]
    reads_sizes = True
    tolerance = 0.02

    rules = (
        lambda values, seen: np.maximum(values[:, 2] - _ahead(values, seen), 0.0),
        lambda values, seen: np.maximum(
            values[:, 2] + seen.sides.mean(axis=1) - _ahead(values, seen), 0.0
        ),
        _lane,
        _shadow,
        lambda values, seen: np.maximum(
            _distance(seen) - seen.sides.mean(axis=1) - values[:, 0], 0.0
        ),
    )

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        axis, diagonal = rng.choice(_AXES, count), rng.choice(_DIAGONALS, count)
        side = np.where(rng.random(count) < _ALONG_AXES, axis, diagonal)
        kind = rng.choice(self.kinds, count)
        # Faces look along the axes.
        side = np.where(np.isin(kind, (FACING, SHADOW)), axis, side)
        is_near = rng.random(count) < 0.3
        nothing = np.zeros(count)
        way = [np.cos(side), np.sin(side)]
        choices = [
            [*way, rng.uniform(0.0, 0.3, count) * (rng.random(count) < 0.6), nothing],
            [*way, rng.uniform(0.0, 0.2, count) * (rng.random(count) < 0.6), nothing],
            [*way, rng.uniform(0.5, 2.5, count), nothing],
            [*way, rng.uniform(0.0, 0.7, count), nothing],
            [rng.uniform(0.2, 0.8, count), nothing, nothing, nothing],
        ]
        near = np.where(is_near, REACH, -1)
        parts = [each for one in (kind, near) for each in choose_rule(one, choices)]
        return np.column_stack([np.ones(count), *parts])

    def tokens(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return Family.tokens(self, params)

    def describe(self, params: np.ndarray) -> np.ndarray:
        (kind, values), (near, most) = (read_rule(params, slot, before=1) for slot in range(2))
        is_kind = kind[:, None] == np.array(self.kinds)
        described = values[:, :2], values[:, 2] / 2, near >= 0, most[:, 0]
        return np.column_stack([is_kind, *described])
