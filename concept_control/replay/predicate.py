"""The predicate along one command of a recording: when it holds, and how far off it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from concept_control.errors import ConceptControlError
from concept_control.interfaces.decoding import entity_states, match_ids
from concept_control.language.expression import Expression
from concept_control.language.judge import Judge, Verdict
from concept_control.replay.series import Series
from concept_control.world.entity import EntityState, EntityStatus
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

NOISE = 0.005
"""Distance below which a perceived entity has not moved [m]."""


@dataclass(frozen=True)
class Seen:
    """What was on the table when a command was given.

    Attributes:
        states: Perceived entities by id.
        entities: Message that they come from.
        truth: Message of the true entities; None where there is none.
    """

    states: dict[int, EntityState]
    entities: Any
    truth: Any


class PredicateReplay:
    """Judges the scenes of one command.

    True entities are judged as they are. Perceived ones jitter; to a predicate, which wants that
    nothing else was moved, a thing that strayed less than `NOISE` stands where it stood. While the
    tool still holds a thing, nothing counts as done.

    Attributes:
        notes: Sentences on what was not judged.
        on_truth: Whether the true entities are judged.
        verdict: Last verdict; None before the first.
        holds_since: Time from which on it has held without a break [s], None if it does not.

    Args:
        expression: Expression that was asked for.
        ids: Ids of the entities it was grounded on.
        seen: Entities when it was given.
        workspace: Workspace of the arm.
        tolerance: Tolerance of the predicate [workspace units].
    """

    def __init__(
        self,
        expression: Expression,
        ids: tuple[int, ...],
        seen: Seen,
        workspace: Workspace,
        tolerance: float,
    ) -> None:
        self.notes: list[str] = []
        self.verdict: Verdict | None = None
        self.holds_since: float | None = None
        self._ids, self._workspace = ids, workspace
        self._along: Series[tuple[float, bool, float]] = Series()
        self._renamed = self._match(seen)
        self.on_truth = bool(self._renamed)
        states = seen.states
        if self.on_truth:
            true = entity_states(seen.truth, seen.truth.header.frame_id)
            states = {self._renamed[i]: state for i, state in true.items()}
        self._before = self._scene(states)
        self._judge: Judge | None = None
        try:
            self._judge = Judge(expression, self._before, tolerance)
        except ConceptControlError as error:
            self.notes.append(f'not judged: {error}')

    def add_truth(self, time: float, states: dict[int, EntityState]) -> None:
        """Judge the true entities at a time [s] since the command."""
        if self.on_truth and set(states) == set(self._renamed):
            scene = self._scene({self._renamed[i]: state for i, state in states.items()})
            self._judge_at(time, scene, _is_held(states))

    def add_perceived(self, time: float, states: dict[int, EntityState]) -> None:
        """Judge perceived entities, unless the true ones are known."""
        if not self.on_truth:
            scene, then = self._scene(states), self._before
            strayed = np.linalg.norm(scene.positions - then.positions, axis=-1)
            strayed = np.hypot(strayed, scene.bottoms - then.bottoms)
            stays = np.asarray(self._workspace.length_to_world(strayed) < NOISE)
            scene = replace(
                scene,
                positions=np.where(stays[:, None], then.positions, scene.positions),
                bottoms=np.where(stays, then.bottoms, scene.bottoms),
            )
            self._judge_at(time, scene, _is_held(states))

    def report(self) -> dict[str, Any]:
        """Return the predicate over time."""
        items = self._along.items
        millimetres = 1000 * self._workspace.half_extent
        return {
            'time_s': [time for time, _, _ in items],
            'holds': [holds for _, holds, _ in items],
            'error_mm': [millimetres * error for _, _, error in items],
        }

    def _match(self, seen: Seen) -> dict[int, int]:
        """Return true ids to perceived ones; empty where there is no truth to judge."""
        if seen.truth is None:
            return {}
        try:
            renamed = match_ids(seen.entities, seen.truth)
        except (ConceptControlError, ValueError) as error:
            self.notes.append(f'judged on the perceived entities: {error}')
            return {}
        return renamed if set(self._ids) <= set(renamed.values()) else {}

    def _scene(self, states: dict[int, EntityState]) -> Tabletop:
        return Tabletop.from_entities({i: states[i] for i in self._ids}, self._workspace)

    def _judge_at(self, time: float, scene: Tabletop, is_held: bool) -> None:
        if self._judge is None:
            return
        try:
            verdict = self._judge(scene)
        except ConceptControlError as error:
            self.notes.append(f'judged until {time:.2f} s only: {error}')
            self._judge = None
            return
        verdict = replace(verdict, holds=verdict.holds and not is_held)
        self._along.add((time, verdict.holds, verdict.error))
        if not verdict.holds:
            self.holds_since = None
        elif self.holds_since is None:
            self.holds_since = time
        self.verdict = verdict


def _is_held(states: dict[int, EntityState]) -> bool:
    return any(state.status is EntityStatus.HELD for state in states.values())
