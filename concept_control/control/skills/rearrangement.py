"""Rearranging blocks for a goal: sequence the moves, act them out, verify the energy, go again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import replace

import numpy as np

from concept_control.control.costs.entity_energy import ConceptEnergy, EntityEnergy, PointEnergy
from concept_control.control.costs.local_minimum import refine_target, stiffness
from concept_control.control.goal import MAX_ENERGY, GroundedGoal
from concept_control.control.skills.open_boxes import fence_at, too_narrow
from concept_control.control.skills.pick_and_place import PickAndPlace
from concept_control.control.skills.pushing import push
from concept_control.control.skills.refusals import (
    burdened,
    floating,
    names,
    open_box,
    too_wide,
    unreachable,
    unseen,
)
from concept_control.control.skills.script import (
    Script,
    Setpoint,
    SkillOutcome,
    TaskResult,
    TaskScript,
)
from concept_control.control.skills.sequencing import Move, next_move
from concept_control.control.skills.support import LEVEL_TOLERANCE, Bodies
from concept_control.reports.tables import counted
from concept_control.world.entity import TOOL_ID
from concept_control.world.workspace import Workspace

SCENE_TOLERANCE = 0.008
"""Distance that others must have moved before a target is refined [m]: less is noise."""

RELEASE_GAP = 0.004
"""Free space between a block that is put down and its neighbour [m]."""

ENERGY_MAX_AGE = 0.1
"""Largest age of the energy that is reported [s]."""


class RearrangementTask:
    """Brings the scene to where a goal's energy is least; one instance per goal.

    Positions are (N, 2) in the world frame, places (N, 3) with the heights of the lower faces
    [m]; rows are in the order of the goal's entities.
    """

    def __init__(self, goal: GroundedGoal, skills: PickAndPlace, workspace: Workspace) -> None:
        self.goal = goal
        self.skills = skills
        self.view = skills.view
        self.workspace = workspace
        self.targets = workspace.to_world(goal.targets)
        self.bottoms = goal.target_bottoms * workspace.half_extent
        self.moved = [goal.index(i) for i in goal.moved]
        self._widths = goal.sizes * workspace.half_extent
        self._heights, self._rims = self._widths.copy(), np.zeros(len(self._widths))
        self._last_known = np.column_stack([workspace.to_world(goal.before), self.bottoms])
        self._recent_energy = (-np.inf, float('nan'))
        self._remaining: list[int] = []
        self._trouble = ''
        self._measure()
        self._guide_time = -np.inf
        self._guide_scene: np.ndarray | None = None

    def positions(self) -> np.ndarray:
        """Return (N, 2) where the goal's entities are, or were when they were last seen.

        The tool and what it holds are located by the arm's own joints.
        """
        return self._bodies().places[:, :2]

    def _bodies(self) -> Bodies:
        """Return the goal's entities where they are, or were; the tool counts as on the table."""
        for row, entity_id in enumerate(self.goal.entity_ids):
            entity = self.view.entities.get(entity_id)
            if entity_id == TOOL_ID:
                self._last_known[row] = [*self.view.tool.position[:2], 0.0]
                continue
            if entity is not None:
                self._heights[row], self._rims[row] = entity.size[2], entity.rim
            if entity is not None or entity_id == self.view.held:
                self._last_known[row] = self.view.position(entity_id)
                self._last_known[row, 2] -= self._heights[row] / 2
        yaws = np.array([self._yaw(row) for row in range(len(self._widths))])
        return Bodies(self._last_known.copy(), self._widths, self._heights, self._rims, yaws)

    def _places(self) -> np.ndarray:
        """Return (N, 3) the places of the solution."""
        return np.column_stack([self.targets, self.bottoms])

    def energy(self) -> float:
        """Return the goal's energy of the scene as it is now."""
        positions = self.workspace.to_workspace(self.positions())
        return float(self.goal.energy(positions[None])[0])

    def recent_energy(self, now: float) -> float:
        """Return the energy as of at most `ENERGY_MAX_AGE` ago.

        Watching the energy must not cost the planner its time.
        """
        stamp, energy = self._recent_energy
        if not 0.0 <= now - stamp < ENERGY_MAX_AGE:
            energy = self.energy()
            self._recent_energy = (now, energy)
        return energy

    def is_satisfied(self, distance: float) -> bool:
        """Tell whether every conjunct holds as well as with one entity off by a distance [m]."""
        return self._is_level() and bool((self._conjuncts() <= self._allowed(distance)).all())

    def _is_level(self) -> bool:
        """Tell whether everything that was to be moved stands at its height."""
        heights = self._bodies().places[self.moved, 2]
        return bool((np.abs(heights - self.bottoms[self.moved]) <= LEVEL_TOLERANCE).all())

    def _conjuncts(self, positions: np.ndarray | None = None) -> np.ndarray:
        """Return (C,) energies of the conjuncts, without weights; positions default to now."""
        if positions is None:
            positions = self.positions()
        return self.goal.conjunct_energies(self.workspace.to_workspace(positions)[None])[0]

    def _allowed(self, distance: float) -> np.ndarray:
        """Return (C,) energies that count as satisfied with one entity off by a distance [m].

        What the target itself gives up, because not everything can be had, is not satisfied.
        """
        noise = self._tolerances * distance**2
        return np.minimum(self._promised + noise, np.maximum(noise, MAX_ENERGY))

    def run(self) -> TaskScript:
        """Pursue the goal until it is satisfied or cannot be."""
        goal, config = self.goal, self.view.config
        problem = unseen(goal, self.view)
        if not problem and self._has_changed():
            self._renew()
        if problem := problem or self._impossible():
            return TaskResult(False, problem)
        if self.view.attached:
            yield from self.skills.put_down()
        if goal.follows_tool:
            yield from self._follow()
        for attempt in range(config.max_rounds):
            failure = yield from self._act()
            outcome = yield from self.skills.look()
            if failure:
                return TaskResult(False, failure)
            if outcome is not SkillOutcome.DONE:
                return TaskResult(False, f'cannot draw back: {outcome.value}')
            if self._is_done():
                return TaskResult(
                    True, f'it holds, after {counted(attempt + 1, "round")} of moving things'
                )
            given_up = self._given_up()
            if given_up:
                return TaskResult(False, f'not everything can be had: gave up {given_up}')
            self._renew()
            if problem := self._impossible():
                return TaskResult(False, problem)
        why = f'; {self._trouble}' if self._trouble else ''
        return TaskResult(
            False,
            f'it does not hold after {counted(config.max_rounds, "round")} of moving things '
            f'(energy {self.energy():.2g}; {goal.target_energy:.2g} was planned){why}',
        )

    def _has_changed(self) -> bool:
        """Tell whether things were moved between the solution and now, as in a pause."""
        shifts = np.linalg.norm(
            self.positions() - self.workspace.to_world(self.goal.before), axis=1
        )
        is_free = [i not in (TOOL_ID, self.view.held) for i in self.goal.entity_ids]
        return not self.goal.follows_tool and bool((shifts[is_free] > SCENE_TOLERANCE).any())

    def _act(self) -> Generator[Setpoint, None, str]:
        """Move every block that is not at its target; return what made that impossible, if so."""
        config, self._trouble = self.view.config, ''
        self._remaining = self._displaced(self._bodies().places)
        attempts, losses = Counter[int](), Counter[int]()
        while self._remaining:
            if unseen(self.goal, self.view):
                yield from self.skills.look()  # What hid it may have been the arm.
            if missing := unseen(self.goal, self.view):
                return missing
            bodies = self._bodies()
            problem = burdened(self.goal, bodies, self._remaining, self.moved)
            self._remaining = bodies.with_carried(self._remaining)
            move = next_move(bodies, self._places(), self._remaining, self.workspace)
            if problem or move is None:
                # What came of moves, as a tower that fell, the next round begins with.
                free = f'no free place for {names(self.goal, self._remaining)}'
                self._trouble = problem or free
                return '' if attempts else self._trouble
            attempts[move.index] += 1
            outcome = yield from self._transfer(move)
            if outcome is SkillOutcome.DONE:
                if not move.is_buffer:
                    self._remaining.remove(move.index)
                continue
            losses[move.index] += outcome in (SkillOutcome.MISSED, SkillOutcome.DROPPED)
            if (
                outcome is SkillOutcome.LEFT_BEHIND
                or losses[move.index] >= config.max_losses
                or attempts[move.index] >= config.max_attempts
            ):
                return f'cannot move {names(self.goal, [move.index])}: {outcome.value}'
            if self.view.attached:
                yield from self.skills.put_down()
            yield from self.skills.look()
        return ''

    def _transfer(self, move: Move) -> Script:
        """Bring one entity where the move says, carried or pushed; or back to where it was."""
        start, outcome = self._bodies().places[move.index], SkillOutcome.DONE
        if not self.view.must_push:
            entity_id = self.goal.entity_ids[move.index]
            outcome = yield from self.skills.pick(entity_id, move.target[:2])
        if outcome is SkillOutcome.DONE:
            outcome = yield from self._bring(move)
        if outcome is SkillOutcome.OUTSIDE:
            yield from self._bring(Move(move.index, start, is_buffer=True))
        return outcome

    def _bring(self, move: Move) -> Script:
        """Carry what is held to where the move says and put it down, or push it there."""
        index, skills, entity_id = move.index, self.skills, self.goal.entity_ids[move.index]
        self._guide_scene = None

        is_fixed = (
            move.is_buffer
            or self.goal.is_cleared(entity_id)
            or not self.view.config.follows_energy
        )

        def energy() -> EntityEnergy:
            return PointEnergy(move.target[:2]) if is_fixed else self._energy_of(index)

        def guide() -> np.ndarray:
            return move.target[:2] if is_fixed else self._guide(index)

        def obstacles() -> tuple[np.ndarray, np.ndarray]:
            return self._obstacles(index, self.positions(), move.target)

        def fence() -> Workspace:
            return fence_at(self.view, self._bodies(), index, move.target)

        if self.view.must_push:
            return (yield from push(skills, entity_id, energy, obstacles, self.workspace))
        outcome = yield from skills.carry(energy, guide, obstacles, fence)
        if outcome in (SkillOutcome.DROPPED, SkillOutcome.LEFT_BEHIND):
            return outcome
        # A carry that never settles is put down all the same; verification decides.
        return (yield from skills.place(energy, obstacles, fence, lambda: self._support(move)))

    def _support(self, move: Move) -> float:
        """Return the height of what a block is put down on [m]; the table's where that is gone."""
        bodies = self._bodies().moved([move.index], np.array([move.target] * len(self._widths)))
        below = bodies.carrying[move.index, bodies.rests_on()[move.index]]
        return float(below.max(initial=0.0))

    def _follow(self) -> Generator[Setpoint, None, None]:
        index, config = self.goal.index(TOOL_ID), self.view.config
        yield from self.skills.follow(
            lambda: self._energy_of(index),
            lambda: self._guide(index),
            lambda: self.is_satisfied(config.tool_distance),
        )

    def _energy_of(self, index: int) -> ConceptEnergy:
        """Return the energy as a function of one entity's place, scaled to square metres.

        The others are where they are now, except those still to be moved: they are where they
        will be.
        """
        return replace(self._raw_energy(index), scale=1.0 / self._stiffness[index])

    def _raw_energy(self, index: int) -> ConceptEnergy:
        positions = self.positions()
        for i in self._remaining:
            if i != index:
                positions[i] = self.targets[i]
        places = self.workspace.to_workspace(positions)
        return ConceptEnergy(self.goal, self.workspace, places, index)

    def _guide(self, index: int) -> np.ndarray:
        """Return (2,) the entity's target, refined when the others have moved since."""
        view = self.view
        others = np.delete(self.positions(), index, axis=0)
        if self._guide_scene is None:
            self._guide_scene, self._guide_time = others, view.time
        shift = np.linalg.norm(others - self._guide_scene, axis=1).max(initial=0.0)
        is_due = view.time - self._guide_time >= view.config.retarget_period
        if shift > SCENE_TOLERANCE and is_due:
            self.targets[index] = self._refined(index)
            self._guide_scene, self._guide_time = others, view.time
        return self.targets[index]

    def _refined(self, index: int) -> np.ndarray:
        """Return (2,) the nearest minimum to an entity's target in the scene as it is."""
        energy = self._raw_energy(index)
        scene = self.workspace.to_world(energy.positions)
        obstacles = self._obstacles(index, scene, self._places()[index])
        refined = refine_target(energy, self.targets[index], *obstacles)
        return fence_at(self.view, self._bodies(), index, self._places()[index]).clipped(refined)

    def _obstacles(
        self, index: int, positions: np.ndarray, place: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return (M, 2) other bodies and (M,) the distances to keep from them.

        Those that end below the place (3,) where the entity's lower face shall be are none, nor is
        an open box around it.
        """
        bodies, bottom = self._bodies(), place[2]
        ids = np.array(self.goal.entity_ids)
        lowest = bottom + LEVEL_TOLERANCE if bottom > LEVEL_TOLERANCE else -np.inf
        is_beside = (
            (bodies.tops > lowest)
            & ~bodies.around(place)
            & (ids != TOOL_ID)
            & (ids[index] != TOOL_ID)
        )
        is_beside[index] = False
        others = np.flatnonzero(is_beside).tolist()
        # The carried block turns a face to its neighbour; the neighbour may show a corner.
        away = positions[others] - positions[index]
        bearing = np.arctan2(away[:, 1], away[:, 0])
        turned = bearing - bodies.yaws[others]
        reach = self._widths[others] / 2 * (np.abs(np.cos(turned)) + np.abs(np.sin(turned)))
        return positions[others], self._widths[index] / 2 + reach + RELEASE_GAP

    def _yaw(self, row: int) -> float:
        entity = self.view.entities.get(self.goal.entity_ids[row])
        return 0.0 if entity is None else entity.yaw

    def _is_done(self) -> bool:
        """Tell whether the goal is reached: by its energy, or because nothing can lower it.

        What a generated solution promised may be out of reach once others have moved; a minimum
        in which most of the energy is gone counts then.
        """
        config, energies = self.view.config, self._conjuncts()
        if not self._is_level():
            return False
        allowed = self._allowed(config.satisfied_distance)
        if (energies <= allowed).all():
            return True
        highest = np.maximum(self._initial, self._promised)
        unmoved = np.maximum(np.minimum(2.0 * highest, MAX_ENERGY), allowed)
        if not self.moved and (energies <= unmoved).all():
            return True  # It held from the start, but for the noise of perception.
        drop = config.max_residual_share * (self._initial - self._promised)
        residual = self._promised + np.clip(drop, 0.0, MAX_ENERGY)
        if (energies > np.maximum(np.minimum(residual, MAX_ENERGY), allowed)).any():
            return False
        positions = self.positions()
        self._remaining = []
        for index in self._subjects():
            old, self.targets[index] = self.targets[index], positions[index]
            gain = np.linalg.norm(self._refined(index) - positions[index])
            self.targets[index] = old
            if gain > config.satisfied_distance:
                return False
        return True

    def _given_up(self) -> str:
        """Name what the target gives up for the rest; empty while more can be had."""
        lost = self._promised > MAX_ENERGY
        reached = self._promised + self._tolerances * self.view.config.satisfied_distance**2
        if not lost.any() or (self._conjuncts() > reached).any():
            return ''
        return ', '.join(np.array(self.goal.conjuncts, dtype=object)[lost])

    def _renew(self) -> None:
        """Find new targets for the scene as it is: generate, or refine the old ones."""
        places, workspace = self._bodies().places, self.workspace
        if self.goal.solver is not None:
            xy, bottoms = workspace.to_workspace(places[:, :2]), places[:, 2]
            now = np.column_stack([xy, workspace.length_to_workspace(bottoms)])
            solution = self.goal.solver(now)
            if solution is not None:
                solution = np.asarray(solution, dtype=float)
                self.targets = workspace.to_world(solution[:, :2])
                self.bottoms = solution[:, 2] * workspace.half_extent
                movable = [self.goal.index(i) for i in self.goal.movable if i != TOOL_ID]
                self.moved = sorted({*self.moved, *self._displaced(places, movable)})
                self._measure()
                return
        self._remaining = []
        for index in self._subjects():
            self.targets[index] = self._refined(index)

    def _subjects(self) -> list[int]:
        """Return the rows of what is moved and not only cleared away."""
        return [i for i in self.moved if not self.goal.is_cleared(self.goal.entity_ids[i])]

    def _displaced(self, places: np.ndarray, rows: list[int] | None = None) -> list[int]:
        """Return which rows, by default of what is moved, are not at their places (N, 3)."""
        gap = np.linalg.norm(self.targets - places[:, :2], axis=1)
        is_off = gap > self.view.config.move_tolerance
        is_off |= np.abs(self.bottoms - places[:, 2]) > LEVEL_TOLERANCE
        return [i for i in (self.moved if rows is None else rows) if is_off[i]]

    def _impossible(self) -> str:
        """Tell why what is to be moved can be where it is to be in no way; empty if it can."""
        now = self._bodies()
        planned = now.moved(self.moved, self._places())
        return (
            open_box(self.goal, self.view, self.moved)
            or floating(self.goal, planned, self.moved)
            or too_wide(self.goal, self.view, self.moved)
            or too_narrow(self.goal, self.view, now, planned, self.moved)
            or unreachable(self.goal, self.view, self.workspace, now, planned, self.moved)
        )

    def _measure(self) -> None:
        """Measure energies at the targets: those of the conjuncts, and how fast they grow there.

        Sets the stiffness of the goal's energy for everything that may be moved, and of each
        conjunct the largest.
        """
        self._promised = self._conjuncts(self.targets)
        self._initial = self._conjuncts(self.workspace.to_world(self.goal.before))
        self._stiffness = {}
        self._tolerances = np.zeros(len(self._promised))
        places = self.workspace.to_workspace(self.targets)
        for index in map(self.goal.index, self.goal.movable):
            energy = ConceptEnergy(self.goal, self.workspace, places, index)
            self._stiffness[index] = stiffness(energy, self.targets[index])
            for i in range(len(self._tolerances)):
                each = stiffness(replace(energy, conjunct=i), self.targets[index])
                self._tolerances[i] = max(self._tolerances[i], each)
