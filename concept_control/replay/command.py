"""One command of a recording, looked at again: energy, attention, predicate, timing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.errors import BagError, ConceptControlError
from concept_control.interfaces.constants import ENDED, GoalStatus, TermOperation
from concept_control.interfaces.decoding import seconds
from concept_control.interfaces.goal_terms import program_of
from concept_control.language.expression import parse
from concept_control.replay.attention import compare_attention
from concept_control.replay.concepts import ReplayLibrary
from concept_control.replay.predicate import PredicateReplay, Seen
from concept_control.replay.series import Series
from concept_control.world.entity import EntityState
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

SAME_TIME = 0.06
"""Energies recorded and recomputed this near to each other in time are compared [s]."""

NUM_IDENTIFICATIONS = 4
"""Scenes along a command in which identification is tried again; each costs about 0.2 s."""

MAX_PHASES = 200
"""Phases of one command that are reported."""


class GoalReplay:
    """Follows one goal through a bag; `finish` says what came of it.

    Args:
        goal: Message of the goal.
        seen: Entities when it was given.
        workspace: Workspace of the arm.
        library: Library that finds codes for names, and the model that recomputes energies.
        tolerance: Tolerance of the predicate [workspace units].

    Raises:
        BagError: if the entities of the goal were not known when it was given.
        ExpressionError: if the goal's expression is none.
    """

    def __init__(
        self,
        goal: Any,
        seen: Seen,
        workspace: Workspace,
        library: ReplayLibrary,
        tolerance: float,
    ) -> None:
        self.goal, self.goal_id = goal, int(goal.goal_id)
        self.start = seconds(goal.header.stamp)
        self.ids = tuple(int(i) for i in goal.entities)
        if not self.ids or not set(self.ids) <= set(seen.states):
            raise BagError(
                f'goal {self.goal_id} is about the entities {list(self.ids)}; recorded were '
                f'{sorted(seen.states)}'
            )
        self.scene = Tabletop.from_entities({i: seen.states[i] for i in self.ids}, workspace)
        self._model, self._library, self._workspace = library.model, library, workspace
        self._predicate = PredicateReplay(
            parse(goal.expression), self.ids, seen, workspace, tolerance
        )
        self._tolerance = tolerance
        self._energies: Series[tuple[float, float]] = Series()
        self._phases: list[dict[str, Any]] = []
        self._scenes: dict[str, Series[tuple[float, np.ndarray]]] = {
            'recorded': Series(512),
            'images': Series(512),
        }
        self._ending, self._text, self._ended_at = 'not ended', '', float('nan')
        self._status: Any = None
        self._notes: list[str] = []

    def add_status(self, stamp: float, status: Any) -> None:
        """Take in what the controller said of this goal."""
        time = stamp - self.start
        self._status = status
        self._energies.add((time, float(status.energy)))
        is_new = not self._phases or self._phases[-1]['phase'] != status.phase
        if is_new and len(self._phases) < MAX_PHASES:
            self._phases.append({'time_s': time, 'phase': str(status.phase)})
        if status.status in ENDED and self._ending == 'not ended':
            self._ending = GoalStatus(status.status).name.lower()
            self._text = str(status.text)
            self._ended_at = time

    def add_entities(self, stamp: float, states: dict[int, EntityState], source: str) -> None:
        """Take in perceived entities: 'recorded', or from 'images' seen again."""
        if set(self.ids) <= set(states):
            scene = Tabletop.from_entities({i: states[i] for i in self.ids}, self._workspace)
            self._scenes[source].add((stamp - self.start, _places(scene)))
            if source == 'recorded':
                self._predicate.add_perceived(stamp - self.start, states)

    def add_truth(self, stamp: float, states: dict[int, EntityState]) -> None:
        """Take in the true entities."""
        self._predicate.add_truth(stamp - self.start, states)

    def finish(self) -> dict[str, Any]:
        """Return everything about this goal, as plain numbers and texts."""
        predicate, status = self._predicate, self._status
        verdict = predicate.verdict
        recorded = self._energies.items
        millimetres = 1000 * self._workspace.half_extent
        known = [energy for _, energy in recorded if np.isfinite(energy)]
        return {
            'expression': str(self.goal.expression),
            'goal_id': self.goal_id,
            'start_s': self.start,
            'ending': self._ending,
            'text': self._text,
            'holds': None if verdict is None else verdict.holds,
            'judged_on': 'ground truth' if predicate.on_truth else 'entities',
            'error_mm': None if verdict is None else millimetres * verdict.error,
            'tolerance_mm': millimetres * self._tolerance,
            'time_to_satisfy_s': predicate.holds_since,
            'reported_after_s': self._ended_at,
            'model': str(self.goal.model),
            'energy': {
                'initial': float(self.goal.initial_energy),
                'target': float(self.goal.target_energy),
                'final': known[-1] if known else None,
                'recorded': {
                    'time_s': [time for time, _ in recorded],
                    'energy': [energy for _, energy in recorded],
                },
                **self._recomputed(),
            },
            'predicate': predicate.report(),
            'identification': self._identification(),
            'phases': self._phases,
            'plans': None
            if status is None
            else {
                'number': int(status.num_plans),
                'missed_deadlines': int(status.missed_deadlines),
                'time_p50_ms': 1000 * float(status.plan_time_p50),
                'time_p99_ms': 1000 * float(status.plan_time_p99),
            },
            'notes': self._notes + predicate.notes,
        }

    def frames(self, num: int) -> list[tuple[float, Tabletop]]:
        """Return `num` scenes with their times [s], evenly spaced until shortly after the end."""
        end = self._ended_at + 0.5 if np.isfinite(self._ended_at) else np.inf
        items = [item for item in self._scenes['recorded'].items if item[0] <= end]
        chosen = np.unique(np.linspace(0, len(items) - 1, num).round().astype(int))
        if not items:
            return []
        return [
            (time, replace(self.scene, positions=places[:, :2], bottoms=places[:, 2]))
            for time, places in (items[i] for i in chosen)
        ]

    def _program(self) -> list[GroundedTerm | Operator]:
        """Return the goal's program for our model: its own codes, or new ones for its roles."""
        if self.goal.model == self._model.fingerprint:
            return program_of(self.goal.terms, self.ids)
        names = {
            str(term.name) for term in self.goal.terms if term.operation == TermOperation.CONCEPT
        }
        library = self._library.having(tuple(sorted(names)))
        codes = {name: library.get(name).code for name in names}
        fields = ('operation', 'arity', 'name', 'weight', 'subjects', 'arguments')
        terms = [
            SimpleNamespace(code=(), **{name: getattr(term, name) for name in fields})
            for term in self.goal.terms
        ]
        return program_of(terms, self.ids, codes)

    def _recomputed(self) -> dict[str, Any]:
        """Return the energies of the entities as recorded and as seen again."""
        try:
            energy = GoalEnergy(self._model, self._program())
        except ConceptControlError as error:
            self._notes.append(f'energies were not recomputed: {error}')
            return {}
        found: dict[str, Any] = {}
        for source, name in (('recorded', 'recomputed'), ('images', 'from_images')):
            items = self._scenes[source].items
            if items:
                values = self._values(energy, np.array([places for _, places in items]))
                found[name] = {'time_s': [time for time, _ in items], 'energy': values}
        if 'recomputed' in found and self.goal.model == self._model.fingerprint:
            found['difference'] = _difference(self._energies.items, found['recomputed'])
        return found

    def _values(self, energy: GoalEnergy, after: np.ndarray) -> list[float]:
        """Return the energies of places (B, N, 3), see `_places`."""
        scene, count = self.scene, len(after)
        movable = scene.mask([int(i) for i in self.goal.movable])
        both = np.stack([np.broadcast_to(_places(scene), after.shape), after], axis=1)
        events = Events(
            positions=both[..., :2],
            bottoms=both[..., 2],
            **scene.bodies(count),
            subjects=np.repeat(movable[None], count, axis=0),
        )
        with torch.no_grad():
            return [float(value) for value in energy.value(events)]

    def _identification(self) -> dict[str, Any]:
        reported: dict[int, float] = {}
        if self._status is not None:
            reported = {
                int(i): float(a) for i, a in zip(self._status.entities, self._status.attention)
            }
        along = [scene for _, scene in self.frames(NUM_IDENTIFICATIONS)]
        return compare_attention(
            self.goal, [self.scene, *along], reported, self._predicate.verdict, self._library
        )


def _places(scene: Tabletop) -> np.ndarray:
    """Return (N, 3) positions and heights of the lower faces [workspace units]."""
    return np.column_stack([scene.positions, scene.bottoms])


def _difference(recorded: list[tuple[float, float]], again: dict[str, Any]) -> dict[str, Any]:
    """Compare energies at the same times, as distances: the root of an energy is one."""
    known = [(time, max(energy, 0.0)) for time, energy in recorded if np.isfinite(energy)]
    stamps = np.array([time for time, _ in known])
    gaps = []
    for time, energy in zip(again['time_s'], again['energy']):
        if known:
            nearest = int(np.argmin(np.abs(stamps - time)))
            if abs(stamps[nearest] - time) <= SAME_TIME:
                gaps.append(abs(np.sqrt(known[nearest][1]) - np.sqrt(energy)))
    return {
        'compared': len(gaps),
        'sqrt_median': float(np.median(gaps)) if gaps else None,
        'sqrt_max': float(np.max(gaps)) if gaps else None,
    }
