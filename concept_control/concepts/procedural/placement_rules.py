"""Base of the procedural families that place one subject by one or two random rules."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Family,
    blank_tokens,
    last_positions,
    masks,
    mean_of,
    per_event,
)
from concept_control.concepts.procedural.rule_parameters import NUM_RULES, RULE_VALUES, read_rule
from concept_control.errors import EventError
from concept_control.world.events import Events

_TRIES = 2000
"""Draws of a place before a demonstration counts as impossible."""

_LEAST_SHARE = 0.04
"""Smallest share of random places that satisfy a concept which can be demonstrated."""


class Situation(NamedTuple):
    """The place of B subjects among others, in workspace units.

    Attributes:
        place: (B, 2) position of the subject.
        start: (B, 2) position of the subject before.
        center: (B, 2) mean of the attended; zero where there are none.
        along: (B, 2) unit vector from the first of the attended to the last; zero below two.
        apart: (B, 2) distances to the nearest and the furthest of the attended; zero for none.
    """

    place: np.ndarray
    start: np.ndarray
    center: np.ndarray
    along: np.ndarray
    apart: np.ndarray

    def where(self, chosen: np.ndarray) -> Situation:
        """Return the chosen rows."""
        return Situation(*(value[chosen] for value in self))


Rule = Callable[[np.ndarray, Situation], np.ndarray]
"""Values (B, 4) and B situations to the distances (B,) to where a rule holds."""


class PlacementRules(Family):
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

    def entities_needed(self, rows: np.ndarray) -> int:
        return 1 + int(rows[:, 0].max())

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        columns = np.arange(scene.sizes.shape[1])
        scene.subjects[:, 0] = True
        scene.attention = (columns > 0) & (columns <= rows[:, :1])
        pending = np.arange(len(rows))
        for attempt in range(_TRIES):
            place = rng.uniform(-0.95, 0.95, (len(pending), 2))
            others, attended = scene.positions[pending, 0], scene.attention[pending]
            seen = _situation(place, others[:, 0], others, attended)
            good = self._distance(rows[pending], seen) <= 0.0
            scene.positions[pending[good], 1, 0] = place[good]
            pending = pending[~good]
            if len(pending) == 0:
                return
            if attempt % 20 == 19:
                shape = (len(pending), 1, len(columns), 2)
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

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        rows = per_event(params, events)
        _, subjects, attended = masks(events)
        positions = last_positions(events)
        before = events.positions[:, 0].cpu().numpy().astype(float)
        place, start = mean_of(positions, subjects), mean_of(before, subjects)
        distance = self._distance(rows, _situation(place, start, positions, attended))
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == rows[:, 0])
        return np.where(valid, distance, np.inf)

    def _distance(self, rows: np.ndarray, situation: Situation) -> np.ndarray:
        """Return (B,) the largest of the distances to where the rules of rows (B, P) hold."""
        total = np.zeros(len(rows))
        for slot in range(NUM_RULES):
            kind, values = read_rule(rows, slot, before=1)
            for each, distance in enumerate(self.rules):
                chosen = kind == each
                if chosen.any():
                    found = distance(values[chosen], situation.where(chosen))
                    total[chosen] = np.maximum(total[chosen], found)
        return total

    def _satisfied_share(
        self, rng: np.random.Generator, rows: np.ndarray, count: int = 200
    ) -> np.ndarray:
        """Return (C,) the share of random places, among random others, that satisfy all rules."""
        many = np.repeat(rows, count, axis=0)
        most = 1 + int(rows[:, 0].max())
        positions = rng.uniform(-0.95, 0.95, (len(many), most, 2))
        columns = np.arange(most)
        attended = (columns > 0) & (columns <= many[:, :1])
        place = rng.uniform(-0.95, 0.95, (len(many), 2))
        situation = _situation(place, positions[:, 0], positions, attended)
        return (self._distance(many, situation) <= 0).reshape(-1, count).mean(axis=1)


def _situation(
    place: np.ndarray, start: np.ndarray, positions: np.ndarray, attended: np.ndarray
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
    )
