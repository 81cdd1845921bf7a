"""Drawing: the tool follows strokes at a height, each a motion energy, with an extra one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from concept_control.control.arm.inverse_kinematics import solve_ik
from concept_control.control.costs.entity_energy import (
    ConceptEnergy,
    EntityEnergy,
    MotionEnergy,
    NoEnergy,
    PointEnergy,
)
from concept_control.control.goal import GroundedGoal
from concept_control.control.skills.pick_and_place import PickAndPlace
from concept_control.control.skills.script import (
    Script,
    Setpoint,
    SkillOutcome,
    TaskResult,
    TaskScript,
)
from concept_control.reports.tables import counted
from concept_control.world.entity import TOOL_ID
from concept_control.world.workspace import Workspace

DECELERATION = 0.15
"""Deceleration with which the tool comes to the end of a stroke [m/s²]."""

SLOWEST = 0.01
"""Speed that a stroke ends with [m/s]."""

ARRIVAL = 0.0008
"""Distance at which the tool has come to where a stroke starts or ends [m]."""

TOOL_RADIUS = 0.012
"""Radius of the tool near its tip [m]."""

REACH_CHECKS = 8
"""Number of points of a line whose reach is checked before it is begun."""

LIFT, HOP = 0.05, 0.015
"""Further heights between strokes [m]; the second where one goes on where the other ends."""

NEAR = 0.01
"""Distance from a stroke's end to the next one's start within which the tip hops [m]."""

TOUCH = 0.002
"""Distance to the drawing height within which the tool leaves a line [m]."""


class Stroke(Protocol):
    """One stroke on the table, world frame [m]; it advances with the tool that draws it."""

    @property
    def start(self) -> np.ndarray:
        """(2,) where it starts."""

    @property
    def path(self) -> np.ndarray:
        """(L, 2) the line to be drawn, as far as is known."""

    @property
    def remaining(self) -> float:
        """Length that is still to be drawn [m]."""

    def place(self, center: np.ndarray) -> None:
        """Move the figure's middle to (2,)."""

    def advance(self, xy: np.ndarray, speed: float) -> MotionEnergy:
        """Return the energy of going on from where the tool is (2,), at a speed [m/s]."""


@dataclass(frozen=True)
class DrawingGoal:
    """Strokes to draw, one after the other.

    Attributes:
        strokes: Strokes to draw.
        height: Height of the tip above the table while it draws [m].
        speed: Speed of the tip [m/s].
        around: Id of the entity that the figure's middle stays on; None: it stays where it is.
        extra_energy: Goal about the tool whose energy is added to that of the strokes.
        goal_id: Number of the goal; counts up.
        expression: Expression for people.
    """

    strokes: tuple[Stroke, ...]
    height: float = 0.005
    speed: float = 0.08
    around: int | None = None
    extra_energy: GroundedGoal | None = None
    goal_id: int = 0
    expression: str = 'drawing'

    @property
    def moved(self) -> tuple[int, ...]:
        """Entities that are moved: none, the tool only draws."""
        return ()


class DrawingTask:
    """Draws a goal's strokes; one instance per goal, in the place of a `RearrangementTask`."""

    def __init__(self, goal: DrawingGoal, skills: PickAndPlace, workspace: Workspace) -> None:
        self.goal, self.skills, self.workspace = goal, skills, workspace
        self.view = skills.view
        self._remaining = float('nan')

    def recent_energy(self, now: float) -> float:
        """Return the length of the present stroke that is still to be drawn [m]."""
        return self._remaining

    def run(self) -> TaskScript:
        """Draw all strokes, one after the other."""
        goal, skills = self.goal, self.skills
        for number, stroke in enumerate(goal.strokes):
            if not self._place(stroke):
                return TaskResult(False, f'entity #{goal.around} is not seen')
            problem = self._unreachable(stroke.path) or self._in_the_way(stroke)
            if problem:
                return TaskResult(False, problem)
            top = goal.height + self._lift_between(number - 1)
            outcome = yield from self._go(stroke, top, 'reach', 0.004)
            if outcome is SkillOutcome.DONE:
                outcome = yield from self._go(stroke, goal.height, 'lower', ARRIVAL)
            if outcome is SkillOutcome.DONE:
                outcome = yield from self._draw(stroke)
            if outcome is not SkillOutcome.DONE:
                text = f'stroke {number + 1} of {len(goal.strokes)}: {outcome.value}'
                return TaskResult(False, text)
            yield from self._lift(goal.height + self._lift_between(number))
        outcome = yield from skills.go_home()
        drawn = f'{counted(len(goal.strokes), "stroke")} drawn'
        if outcome is not SkillOutcome.DONE:
            return TaskResult(False, f'{drawn}, but the arm cannot draw back: {outcome.value}')
        return TaskResult(True, drawn)

    def _go(self, stroke: Stroke, height: float, phase: str, tolerance: float) -> Script:
        """Bring the tip to a stroke's start at a height."""
        view, deadline = self.view, self.view.time + self.view.config.phase_timeout
        lowest = max(view.tool.position[2], height)
        while view.time < deadline:
            self._place(stroke)
            gap = np.linalg.norm(view.tool.position - [*stroke.start, height])
            if gap < tolerance and view.speed < 0.01:
                return SkillOutcome.DONE
            # The height asked for comes down slowly, for the tool to stay upright.
            lowest = max(height, lowest - 0.003)
            cost = self.skills.tool_cost(PointEnergy(stroke.start), lowest)
            yield Setpoint(phase, cost, active=TOOL_ID)
        return SkillOutcome.TIMEOUT

    def _draw(self, stroke: Stroke) -> Script:
        """Follow the stroke's motion energy to its end."""
        view, goal = self.view, self.goal
        self._remaining = stroke.remaining
        deadline = view.time + 4 * (stroke.remaining / goal.speed) + view.config.phase_timeout
        while stroke.remaining > 0 and view.time < deadline:
            self._place(stroke)
            slow = np.sqrt(2 * DECELERATION * stroke.remaining + SLOWEST**2)
            cost = self.skills.tool_cost(self._extra_energy(), goal.height)
            cost.motion = stroke.advance(view.tool.position[:2], min(goal.speed, float(slow)))
            self._remaining = stroke.remaining
            yield Setpoint('draw', cost, active=TOOL_ID)
        return SkillOutcome.DONE if stroke.remaining <= 0 else SkillOutcome.TIMEOUT

    def _lift_between(self, number: int) -> float:
        """Return how high the tip is lifted after a stroke and before the next one [m]."""
        strokes = self.goal.strokes
        if not 0 <= number < len(strokes) - 1:
            return LIFT
        gap = np.linalg.norm(strokes[number + 1].start - strokes[number].path[-1])
        return HOP if gap < NEAR else LIFT

    def _lift(self, top: float) -> Generator[Setpoint, None, None]:
        """Take the tip off the table, straight up to nearly a height [m]."""
        view = self.view
        here = view.tool.position[:2].copy()
        deadline = view.time + view.config.phase_timeout
        nearly = self.goal.height + 0.7 * (top - self.goal.height)
        while view.tool.position[2] < nearly and view.time < deadline:
            yield Setpoint('lift', self.skills.tool_cost(PointEnergy(here), top), active=TOOL_ID)

    def _extra_energy(self) -> EntityEnergy:
        """Return the energy added to that of the strokes, as a function of the tool's place."""
        goal = self.goal.extra_energy
        if goal is None:
            return NoEnergy()
        known = {TOOL_ID: self.view.tool.position[:2]}
        known |= {i: entity.xy for i, entity in self.view.entities.items()}
        places = [
            self.workspace.to_workspace(known[i]) if i in known else goal.before[goal.index(i)]
            for i in goal.entity_ids
        ]
        scale = self.workspace.half_extent**2
        return ConceptEnergy(goal, self.workspace, np.array(places), goal.index(TOOL_ID), scale)

    def _place(self, stroke: Stroke) -> bool:
        """Put the figure's middle on its entity; False if that is not seen."""
        around = self.goal.around
        if around is None:
            return True
        if around not in self.view.entities:
            return False
        stroke.place(self.view.entities[around].xy)
        return True

    def _in_the_way(self, stroke: Stroke) -> str:
        """Name a block that the tool would sweep along; empty if there is none."""
        for number, entity in self.view.entities.items():
            reach = TOOL_RADIUS + entity.width / np.sqrt(2)
            gap = np.linalg.norm(stroke.path - entity.xy, axis=1).min()
            if gap < reach and entity.top > self.goal.height:
                return f'the block #{number} lies {1000 * gap:.0f} mm from the line, in the way'
        return ''

    def _unreachable(self, path: np.ndarray) -> str:
        """Say why a line (L, 2) cannot be drawn; empty if it can."""
        for x, y in path[~self.workspace.contains(path)]:
            # The planner's fence would bend the line there.
            return f'({x:.3f}, {y:.3f}) m is outside the workspace: draw smaller or elsewhere'
        for x, y in path[:: max(len(path) // REACH_CHECKS, 1)]:
            tip = np.array([x, y, self.goal.height])
            if solve_ik(self.view.arm, self.view.kinematics, tip) is None:
                return f'({x:.3f}, {y:.3f}) m is out of reach of the arm'
        return ''
