"""Concepts without names: be on a random line, here, through others, or from where one was."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import (
    Family,
    draft,
    last_positions,
    masks,
    mean_of,
    per_event,
)
from concept_control.errors import EventError
from concept_control.events import Events

_TRIES = 400
_LONGEST = 1.5
_AWAY = np.deg2rad(10.0)


class Lines(Family):
    """Be on a line relative to a * (mean of k others) + b * (where it was).

    Parameters (k, a, b, cos, sin, c): cos and sin of the normal, c how far off the line lies.

    Left out on purpose are upright lines of the workspace and rising diagonals through others:
    families kept from training judge whether such things are learned all the same.
    """

    name = 'lines'
    description = 'be on a random line, here, through others, or from where one was'
    token_types = (52,)
    tolerance = 0.05

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        # Of the workspace, beside others, from where it was.
        kind = rng.choice(3, num_concepts, p=[0.3, 0.5, 0.2])
        number = np.where(kind == 1, rng.integers(1, 4, num_concepts), 0)
        angle = rng.uniform(0, np.pi, num_concepts)
        kept = np.select([kind == 0, kind == 1], [0.0, 0.75 * np.pi], np.nan)
        while True:
            off = np.abs(angle - kept) % np.pi
            near = np.minimum(off, np.pi - off) < _AWAY
            if not near.any():
                break
            angle[near] = rng.uniform(0, np.pi, near.sum())
        most = np.select([kind == 0], [0.7], 0.4)
        offset = rng.uniform(-most, most)
        # Half of those beside others go through them.
        through = (kind > 0) & (rng.random(num_concepts) < 0.5)
        offset = np.where(through, 0.0, offset)
        return np.column_stack(
            [number, kind == 1, kind == 2, np.cos(angle), np.sin(angle), offset]
        )

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
        for _ in range(_TRIES):
            row, places = rows[pending], scene.positions[pending, 0]
            normal = row[:, 3:5]
            along = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
            origin = _origin(row, mean_of(places, scene.attention[pending]), places[:, 0])
            foot = origin + row[:, 5:] * normal
            target = foot + rng.uniform(-_LONGEST, _LONGEST, (len(row), 1)) * along
            good = (np.abs(target) <= 0.97).all(axis=1)
            scene.positions[pending[good], 1, 0] = target[good]
            pending = pending[~good]
            if len(pending) == 0:
                return scene.finish(rng)
            shape = (len(pending), 1, len(columns), 2)
            scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)
        raise EventError(f'{self.name}: no place inside the workspace; expected nearer lines')

    def describe(self, params: np.ndarray) -> np.ndarray:
        cos, sin, offset = params[:, 3], params[:, 4], params[:, 5]
        turned = [cos**2 - sin**2, 2 * cos * sin, offset * cos, offset * sin]
        return np.column_stack([params[:, :1] == np.arange(4), params[:, 1:3], *turned])

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        rows = per_event(params, events)
        _, subjects, attended = masks(events)
        before = events.positions[:, 0].cpu().numpy().astype(float)
        after = last_positions(events)
        origin = _origin(rows, mean_of(after, attended), mean_of(before, subjects))
        offset = mean_of(after, subjects) - origin
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == rows[:, 0])
        distance = np.abs((offset * rows[:, 3:5]).sum(axis=1) - rows[:, 5])
        return np.where(valid, distance, np.inf)


def _origin(rows: np.ndarray, others: np.ndarray, before: np.ndarray) -> np.ndarray:
    others = np.where(rows[:, :1] > 0, others, 0.0)
    return rows[:, 1:2] * others + rows[:, 2:3] * before
