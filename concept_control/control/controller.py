"""The controller: goals in, plans out, one call per control period."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.fingers import GripSensor
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.goal import GroundedGoal
from concept_control.control.guard import Guard
from concept_control.control.plan import Plan
from concept_control.control.plan_sequence import PlanSequence, TellingPositions
from concept_control.control.planners.registry import arm_planner
from concept_control.control.skills.drawing import DrawingGoal, DrawingTask
from concept_control.control.skills.pick_and_place import PickAndPlace
from concept_control.control.skills.rearrangement import RearrangementTask
from concept_control.control.skills.script import Script, Setpoint, TaskScript
from concept_control.control.skills.task_view import Placed, TaskConfig, TaskView
from concept_control.errors import CommandError
from concept_control.world.entity import TOOL_ID, EntityState, EntityStatus

OFF_TRACK = 'the arm is off its plan: it stops and goes on from there'

GRIP_LIE = (
    'the tool says that it holds something although the suction is off, or fingers were to open: '
    'is its sensor stuck?'
)

REST_TICKS = 5
"""Number of ticks that the arm must have been at rest before nothing is planned any more."""

MAX_TICK = 0.5
"""Longest part of a tick [s] that counts towards the deadlines of scripts: joint states that
stopped for a while, or a clock that jumped ahead, are no reason to give up."""

RELEASE_PATIENCE = 2.0
"""Longest time for which a tool may say that it holds something that it was to let go of [s]."""

ENTITY_MEMORY = 2.0
"""Time for which an entity that is no longer perceived is believed to be where it was [s]."""


class Status(StrEnum):
    """What the controller is doing; names as in `msg/ConceptStatus`."""

    IDLE = 'idle'
    ACTIVE = 'active'
    PAUSED = 'paused'
    SATISFIED = 'satisfied'
    FAILED = 'failed'
    CANCELLED = 'cancelled'


@dataclass(frozen=True)
class ControlOutput:
    """What one control period brought.

    Attributes:
        plan: Plan to follow from now on; None: go on along the last one and rest at its end.
        suction: Whether the vacuum shall be on.
        opening: Distance that the fingers shall have, 0 to squeeze [m]; NaN: as it is.
        attached: Whether the tool holds something; None where it cannot tell.
        phase: Word for what the arm is doing.
        status: Status of the goal.
        text: One sentence for a person.
        energy: Energy of the scene as perceived now; NaN without a goal.
        active_entity: Id of the entity being moved, -1 for none.
        solve_time: Wall-clock time of the planner [s]; NaN where it was not asked.
        guard: Clause on what the guard changed; empty for nothing.
        slowed: Clause on what the plan was slowed down for, which is ordinary; empty for nothing.
    """

    plan: Plan | None
    suction: bool
    opening: float
    attached: bool | None
    phase: str
    status: Status
    text: str
    energy: float
    active_entity: int
    solve_time: float
    guard: str = ''
    slowed: str = ''


class ConceptController:
    """Pursues grounded goals with an arm; pure and deterministic, one caller, one thread.

    `update` is called once per control period with what is measured; time may be simulated or
    real, as long as it does not run backwards while a goal is pursued.

    Attributes:
        arm: Arm that is controlled; its workspace maps goals to the table.
        goal: Present goal; None where there is none.
        status: Status of that goal.
        is_paused: Whether what is pursued, or set from now on, waits to be resumed.
        config: Settings of how blocks are handled.
    """

    def __init__(
        self, arm: ArmDescription, config: TaskConfig | None = None, planner: str = 'ilqg'
    ) -> None:
        """Build the controller of an arm, with a planner among `planners.registry.PLANNERS`."""
        self.arm = arm
        self.goal: GroundedGoal | DrawingGoal | None = None
        self.config = config or TaskConfig()
        self._planner, self._dynamics = arm_planner(planner, arm)
        self._guard = Guard(arm)
        self._view = TaskView(arm, ArmKinematics(arm), self.config)
        self._skills = PickAndPlace(self._view)
        self.status, self._text, self._phase = Status.IDLE, 'no goal', 'hold'
        self.is_paused = False
        self._task: RearrangementTask | DrawingTask | None = None
        self._script: TaskScript | None = None
        self._hold: Script | None = None
        self._seen: dict[int, float] = {}
        self._plans = PlanSequence(self._guard)
        self._is_blind = False
        self._last_time: float | None = None
        self._grips, self._opening, self._grip_sensor = False, float('nan'), GripSensor()
        self._payload: int | None = None
        self._rest_ticks, self._grip_excused = 0, 0.0
        self._slowed = ''

    @property
    def joint_state_timeout(self) -> float:
        """Age of a joint state beyond which nothing is planned from it [s]."""
        return self._guard.config.joint_state_timeout

    @property
    def held(self) -> int | None:
        """Id of what the tool holds, None for nothing."""
        return self._view.held

    def set_goal(self, goal: GroundedGoal | DrawingGoal) -> None:
        """Pursue a new goal from the next update on; the old one is forgotten."""
        self.goal, self._task, self._script, self._hold = goal, None, None, None
        self.status, self._text, self._phase = Status.ACTIVE, 'goal accepted', 'start'
        if self.is_paused:
            self.pause()

    def cancel(self, reason: str = 'cancelled') -> None:
        """Give the goal up and hold; what is held stays held."""
        self.goal, self._task, self._script = None, None, None
        self._stop(Status.CANCELLED, reason)

    def pause(self) -> None:
        """Hold, but keep the goal; one that is set meanwhile waits for `resume`, too."""
        self.is_paused = True
        if self.status is Status.ACTIVE:
            self._stop(Status.PAUSED, 'paused until told to resume')

    def resume(self) -> None:
        """Go on after a pause."""
        self.is_paused = False
        if self.status is Status.PAUSED:
            self.status, self._text, self._hold = Status.ACTIVE, 'resumed', None

    def restart(self) -> None:
        """Forget plans and memories, as when the clock or the joint states began anew."""
        self._planner.reset()
        self._plans.clear()
        self._seen, self._last_time, self._hold = {}, None, None

    def brake(self, time: float, q: np.ndarray, qd: np.ndarray) -> Plan:
        """Return a plan that stops the arm: a controller's last word."""
        return self._plans.brake(time, q, qd)

    def is_in_time(self, delay: float) -> bool:
        """Tell whether the newest plan may be sent, after a delay: see `PlanSequence`."""
        return self._plans.is_in_time(delay)

    def take_back(self) -> None:
        """Forget the newest plan, which was not sent."""
        self._plans.take_back()

    def update(
        self,
        time: float,
        q: np.ndarray,
        qd: np.ndarray,
        entities: dict[int, EntityState],
        attached: bool | None = None,
        entities_time: float | None = None,
        joints_time: float | None = None,
        fault: str = '',
        told: TellingPositions | None = None,
        opening: float | None = None,
    ) -> ControlOutput:
        """Advance by one control period.

        Where the joint state is stale, the arm is braked along its last plan and the task stands
        still until the next fresh one.

        Args:
            time: Present time [s].
            q: (n,) measured joint positions [rad].
            qd: (n,) measured joint velocities [rad/s].
            entities: Perceived blocks by id, world frame.
            attached: Whether the tool holds something; None where it cannot tell.
            entities_time: Stamp of `entities` in the same clock [s]; None: they are current.
            joints_time: Stamp of `q` and `qd` in the same clock [s]; None: they are current.
            fault: Reason why the inputs cannot be trusted, so that the arm must hold.
            told: What an arm is told that takes positions one by one; see `PlanSequence`.
            opening: Measured distance between the fingers [m], which says what `attached` is;
                None: not known.
        """
        self._slowed, self._plans.told = '', told
        q, qd = np.asarray(q, dtype=float), np.asarray(qd, dtype=float)
        if q.shape != (self.arm.num_joints,) or qd.shape != q.shape:
            raise CommandError(
                f'joint state of shapes {q.shape}, {qd.shape} for {self.arm.num_joints} joints'
            )
        if not (np.isfinite([time]).all() and np.isfinite(q).all() and np.isfinite(qd).all()):
            return self._output(None, float('nan'), -1, 'joint state is not finite: holding')
        joints_time = time if joints_time is None else joints_time
        stale = fault or self._guard.check_joint_state(time, joints_time)
        if stale:
            self._phase = 'hold'
            plan = self._brake_along_plan(time)
            return self._output(plan, float('nan'), -1, f'{stale}: holding')
        self._is_blind = False
        if opening is not None:
            attached = self._grip_sensor.update(time, opening, self._opening)
            self._view.opening = opening
        self._observe(time, q, qd, entities, attached)
        if self.status is Status.ACTIVE and entities_time is not None:
            stale = self._guard.check_entities(time, entities_time)
        setpoint = self._next_setpoint(bool(stale))
        plan, guard = self._plan(time, q, qd, setpoint)
        if stale:
            guard = f'{stale}: holding'
        active = setpoint.active if setpoint is not None else -1
        return self._output(plan, plan.solve_time if plan else float('nan'), active, guard)

    def _brake_along_plan(self, time: float) -> Plan | None:
        """Stop the arm from where the last plan has it; None where it is at rest or braked.

        The last measurement is old: to brake from there would turn the arm back.
        """
        last = self._plans.last
        if self._is_blind or last is None or time >= last.end:
            return None
        self._is_blind = True
        return self._plans.brake_along(time)

    def _observe(
        self,
        time: float,
        q: np.ndarray,
        qd: np.ndarray,
        entities: dict[int, EntityState],
        attached: bool | None,
    ) -> None:
        view = self._view
        if self._last_time is None or time < self._last_time:
            # Neither plans nor memories have a meaning in a clock that started again.
            self.restart()
        elapsed = 0.0 if self._last_time is None else time - self._last_time
        self._last_time = time
        if self.status is Status.ACTIVE:
            view.time += min(elapsed, MAX_TICK)  # scripts' deadlines stand still in a pause
        view.q, view.qd, view.attached = q, qd, attached
        view.tool = view.kinematics.tool(q, jacobians=True)
        assert view.tool.position_jacobian is not None
        view.speed = float(np.linalg.norm(view.tool.position_jacobian @ qd))
        self._seen.update(dict.fromkeys(entities, time))
        remembered = {
            i: e
            for i, e in view.entities.items()
            if i == view.held or time - self._seen.get(i, -np.inf) < ENTITY_MEMORY
        }
        view.entities = {**remembered, **{i: e for i, e in entities.items() if i != TOOL_ID}}
        view.placed = {i: p for i, p in view.placed.items() if not self._has_caught_up(i, p)}
        if attached is False and self.status is not Status.ACTIVE:
            view.held = None
        if self._grips or not attached or self._script is None:
            self._grip_excused = view.time

    def _has_caught_up(self, entity_id: int, placed: Placed) -> bool:
        """Tell whether perception knows by now where a block was put."""
        view, config = self._view, self.config
        entity = view.entities.get(entity_id)
        if entity is None or view.time - placed.time > config.placed_timeout:
            return True
        gap = float(np.linalg.norm(entity.position - placed.position))
        return entity.status is EntityStatus.SEEN and gap < config.placed_radius

    def _next_setpoint(self, must_hold: bool) -> Setpoint | None:
        """Ask the goal's script, or the one that holds, what to do; None: stay at rest."""
        if self.status is Status.ACTIVE and not must_hold:
            self._hold, self._rest_ticks = None, 0
            setpoint = self._pursue()
            if setpoint is not None:
                self._phase = setpoint.phase
                self._move_tool(setpoint)
                return setpoint
        if self._hold is None:
            self._hold, self._rest_ticks = self._skills.hold(), 0
        self._rest_ticks = self._rest_ticks + 1 if self._view.is_at_rest else 0
        self._phase = 'hold'
        setpoint = next(self._hold)
        return None if self._rest_ticks > REST_TICKS else setpoint

    def _move_tool(self, setpoint: Setpoint) -> None:
        self._grips = setpoint.grips
        if self.arm.fingers is not None and (setpoint.grips or np.isfinite(setpoint.opening)):
            self._opening = 0.0 if setpoint.grips else setpoint.opening

    def _pursue(self) -> Setpoint | None:
        """Advance the goal's script by a tick; None when it has ended."""
        assert self.goal is not None
        if self._task is None or self._script is None:
            if self._view.attached is False:
                self._view.held = None
            parts = self._skills, self.arm.workspace
            self._task = (
                DrawingTask(self.goal, *parts)
                if isinstance(self.goal, DrawingGoal)
                else RearrangementTask(self.goal, *parts)
            )
            self._script = self._task.run()
        if self._view.time - self._grip_excused > RELEASE_PATIENCE:
            self._stop(Status.FAILED, GRIP_LIE)
            return None
        try:
            setpoint = next(self._script)
        except StopIteration as end:
            result = end.value
            self._stop(Status.SATISFIED if result.is_satisfied else Status.FAILED, result.text)
            return None
        self._text = setpoint.phase + (f' #{setpoint.active}' if setpoint.active > 0 else '')
        return setpoint

    def _stop(self, status: Status, text: str) -> None:
        self.status, self._text, self._hold = status, text, None

    def _plan(
        self, time: float, q: np.ndarray, qd: np.ndarray, setpoint: Setpoint | None
    ) -> tuple[Plan | None, str]:
        if setpoint is None:
            # At rest: the tracker rests at the end of the last plan by itself.
            return None, ''
        self._update_payload()
        plans = self._plans
        if not plans.is_on_track(time, q, qd):
            is_at_rest = self._view.is_at_rest
            if not is_at_rest and plans.has_braked(time):
                return None, OFF_TRACK
            brake = plans.brake(time, q, qd)
            if not is_at_rest:
                return brake, OFF_TRACK
        start, q, qd = plans.start(time)
        plan = self._planner.plan(start, q, qd, setpoint.cost).integrated()
        guarded = self._guard.check_plan(plan, q, qd)
        if guarded.reason:
            self._planner.reset()  # what cannot be followed is no start for the next plan
        self._slowed = guarded.slowed
        return plans.splice(time, guarded.plan), guarded.reason

    def _update_payload(self) -> None:
        view = self._view
        if view.held == self._payload:
            return
        self._payload = view.held
        if view.held is None or view.held not in view.entities:
            self._dynamics.set_payload(0.0, np.zeros(3))
        else:
            volume = float(np.prod(view.entities[view.held].size))
            self._dynamics.set_payload(self.config.payload_density * volume, view.offset)

    def _output(
        self, plan: Plan | None, solve_time: float, active: int, guard: str
    ) -> ControlOutput:
        status, text = self.status, self._text
        energy = float('nan')
        if self._task is not None and self._last_time is not None:
            energy = self._task.recent_energy(self._last_time)
        follows_tool = isinstance(self.goal, GroundedGoal) and self.goal.follows_tool
        if status is Status.ACTIVE and self._phase == 'hold' and not guard and follows_tool:
            status, text = Status.SATISFIED, 'energy at its goal level; following'
        return ControlOutput(
            plan=plan,
            suction=self._grips and self.arm.suction,
            opening=self._opening,
            attached=self._view.attached,
            phase=self._phase,
            status=status,
            text=f'{text} ({guard})' if guard else text,
            energy=energy,
            active_entity=active,
            solve_time=solve_time,
            guard=guard,
            slowed=self._slowed,
        )
