"""Procedural family: be where one or two random rules of a place hold."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import outside_of
from concept_control.concepts.procedural.placement_rules import PlacementRules, Situation
from concept_control.concepts.procedural.rule_parameters import NUM_RULES, choose_rule

HALF_PLANE, DISC, OUTSIDE, BOX, SECTOR, RING, CLOSER, ALONG, ACROSS = range(9)
"""Kinds of rules: four about the workspace, three relative to the attended, two in the frame of an
attended pair."""


def _half_plane(values: np.ndarray, seen: Situation) -> np.ndarray:
    return np.maximum(values[:, 2] - (seen.place * values[:, :2]).sum(axis=1), 0.0)


def _disc(values: np.ndarray, seen: Situation) -> np.ndarray:
    return np.maximum(np.linalg.norm(seen.place - values[:, :2], axis=1) - values[:, 2], 0.0)


def _outside(values: np.ndarray, seen: Situation) -> np.ndarray:
    return np.maximum(values[:, 2] - np.linalg.norm(seen.place - values[:, :2], axis=1), 0.0)


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


def _ring(values: np.ndarray, seen: Situation) -> np.ndarray:
    return outside_of(_from_center(seen), values[:, 0], values[:, 1])


def _closer(values: np.ndarray, seen: Situation) -> np.ndarray:
    return np.maximum(_from_center(seen) - values[:, 0], 0.0)


def _along(values: np.ndarray, seen: Situation) -> np.ndarray:
    offset = np.abs(((seen.place - seen.center) * seen.along).sum(axis=1))
    return outside_of(offset, values[:, 0], values[:, 1])


def _across(values: np.ndarray, seen: Situation) -> np.ndarray:
    relative, along = seen.place - seen.center, seen.along
    offset = np.abs(relative[:, 0] * along[:, 1] - relative[:, 1] * along[:, 0])
    return outside_of(offset, values[:, 0], values[:, 1])


def _from_center(seen: Situation) -> np.ndarray:
    return np.linalg.norm(seen.place - seen.center, axis=1)


class PlaceRules(PlacementRules):
    """Be where one or two rules hold, among 0 to 2 attended others.

    Rules and values: half-plane (cos, sin, offset), disc and outside (x, y, radius), box (x, y,
    half width, half height); relative to the mean of the attended: sector (angle, half opening,
    inner and outer radius), ring (inner, outer radius), and closer to them than a distance
    (radius); of two attended: how far along the line through them, and how far beside it, from
    their middle (inner, outer).
    """

    rules = (_half_plane, _disc, _outside, _box, _sector, _ring, _closer, _along, _across)

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
