"""Picking a block up and placing it, as scripts; and the moves of the tool without a block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from concept_control.control.arm.clearance import LinkClearance
from concept_control.control.costs.arm_cost import ArmCost, CostWeights
from concept_control.control.costs.entity_energy import AnchoredEnergy, EntityEnergy, PointEnergy
from concept_control.control.costs.interpolated_energy import InterpolatedEnergy
from concept_control.control.skills.monitors import (
    BasinMonitor,
    FaceAlignment,
    LeftBehindMonitor,
    SettlingMonitor,
)
from concept_control.control.skills.script import Script, Setpoint, SkillOutcome
from concept_control.control.skills.task_view import Placed, TaskView
from concept_control.world.entity import TOOL_ID, EntityStatus

EnergySource = Callable[[], EntityEnergy]
"""Builds the energy of the carried entity from what is perceived at this tick."""

Obstacles = Callable[[], tuple[np.ndarray, np.ndarray]]
"""(M, 2) centres and (M,) clearances of what the carried block must not be put on."""


class PickAndPlace:
    """The scripts of one arm; all share one `TaskView`."""

    def __init__(self, view: TaskView) -> None:
        self.view = view
        self.weights = CostWeights()
        self._faces, self._left_behind = FaceAlignment(view), LeftBehindMonitor(view)
        factor = view.config.vertical_stiffness
        # What keeps off neighbours must stay as strong as the energy.
        self._stiff = replace(
            self.weights,
            energy=factor * self.weights.energy,
            heading=factor * self.weights.heading,
            clearance=factor * self.weights.clearance,
        )

    def go_home(self, phase: str = 'home') -> Script:
        """Draw the arm back to where it hides nothing, and come to rest."""
        home = self.view.arm.home
        deadline = self._deadline()
        while np.abs(self.view.q - home).max() > 0.05 or not self.view.is_at_rest:
            if self.view.time > deadline:
                return SkillOutcome.TIMEOUT
            yield Setpoint(phase, self.posture_cost(home))
        return SkillOutcome.DONE

    def look(self) -> Script:
        """Rest at home long enough for everything to be seen afresh."""
        outcome = yield from self.go_home('look')
        view, config = self.view, self.view.config
        start = view.time
        while view.time < start + config.look_time or (
            view.time < start + config.look_timeout
            and any(e.status is not EntityStatus.SEEN for e in view.entities.values())
        ):
            yield Setpoint('look', self.posture_cost(view.arm.home))
        return outcome

    def pick(self, entity_id: int) -> Script:
        """Reach, descend, grasp and lift a block; follows it if it is moved meanwhile."""
        outcome = yield from self._reach(entity_id)
        if outcome is SkillOutcome.DONE:
            outcome = yield from self._descend(entity_id)
        if outcome is SkillOutcome.DONE:
            outcome = yield from self._grasp(entity_id)
        if outcome is SkillOutcome.DONE:
            return (yield from self._lift(entity_id))
        yield from self._retreat(entity_id)
        return outcome

    def carry(
        self, energy: EnergySource, guide: Callable[[], np.ndarray], obstacles: Obstacles
    ) -> Script:
        """Carry the held block to where its energy is least, others being where they are now.

        Args:
            energy: Source of the energy of the carried block, asked anew every tick.
            guide: Source of the (2,) generated target [m]; it leads into its basin from afar, and
                within where the energy is flat.
            obstacles: Source of what to keep clear of.
        """
        view, config = self.view, self.view.config
        assert view.held is not None
        deadline = self._deadline()
        settling, settled_since = SettlingMonitor(config.settle_radius, config.settle_time), np.inf
        basin = BasinMonitor(config.basin_radius)
        while view.time < deadline:
            if (lost := self._lost_hold()) is not None:
                return lost
            size = view.entities[view.held].size[2]
            height = view.highest_top + config.travel_clearance + size / 2
            is_near = basin.update(guide(), view.held_position[:2])
            # Where the energy is flat, the generated target lies well inside.
            pull = (
                AnchoredEnergy(energy(), guide(), config.guide_weight)
                if is_near
                else PointEnergy(guide())
            )
            centres, clearances = obstacles() if is_near else (None, None)
            cost = self.tool_cost(pull, height, view.offset, centres, clearances)
            place = view.held_position[:2] if is_near else guide()
            cost.heading = heading = self._faces.heading(place, *obstacles())
            if settling.update(view.time, view.held_position[:2]) and is_near:
                settled_since = min(settled_since, view.time)
                off = abs(np.sin(view.tool.heading - heading))
                # A turn that the joints do not allow is not waited for.
                if (
                    off < config.heading_tolerance
                    or view.time > settled_since + config.clear_timeout
                ):
                    return SkillOutcome.DONE
            yield Setpoint('carry', cost, suction=True, active=view.held)
        return SkillOutcome.TIMEOUT

    def place(
        self, energy: EnergySource, obstacles: Obstacles, support: Callable[[], float]
    ) -> Script:
        """Lower the held block, still minimising its energy, let go and draw back.

        Args:
            energy: Source of the energy of the held block, asked anew every tick.
            obstacles: Source of what to keep clear of.
            support: Source of the height that the block is put down on [m].
        """
        view, config = self.view, self.view.config
        assert view.held is not None
        entity_id, size = view.held, float(view.entities[view.held].size[2])
        deadline, stalled, lowest, start = self._deadline(), 0, np.inf, view.time
        height_at = self.descent(view.held_position[2], -np.inf)
        anchor, patience = view.held_position[:2], config.clear_timeout
        while (
            view.held_position[2] - (end := support() + size / 2) > config.place_gap
            or view.speed > config.touch_speed
        ):
            if (lost := self._lost_hold()) is not None:
                return lost
            height = view.held_position[2]
            stalled = stalled + 1 if height > lowest - 2e-4 else 0
            lowest = min(lowest, height)
            # The contact may come earlier than the perceived sizes say.
            if view.time > deadline or (stalled > 12 and height < end + 0.008):
                break
            here, (centres, clearances) = view.held_position[:2], obstacles()
            intrusion = (clearances - np.linalg.norm(centres - here, axis=1)).max(initial=0.0)
            is_above = height - size / 2 > view.highest_top
            if is_above and intrusion > config.max_intrusion and view.time < start + patience:
                # Beside a neighbour first, down later; the way down starts afresh.
                height_at = self.descent(height, -np.inf)
            pull = AnchoredEnergy(energy(), anchor, config.anchor_weight)
            goal = max(height_at(), end)
            cost = self.tool_cost(pull, goal, view.offset, centres, clearances)
            cost.weights = self._stiff
            cost.heading = self._faces.heading(here, centres, clearances)
            yield Setpoint('place', cost, suction=True, active=entity_id)
        yield from self._release(entity_id)
        yield from self._retreat(entity_id)
        return SkillOutcome.DONE

    def put_down(self) -> Script:
        """Lower whatever is held where it is, let go and draw back."""
        xy = self.view.tool.position[:2].copy()
        deadline, lowest, stalled = self._deadline(), np.inf, 0
        while self.view.attached and self.view.time < deadline and stalled < 12:
            height = self.view.tool.position[2]
            stalled = stalled + 1 if height > lowest - 2e-4 else 0
            lowest = min(lowest, height)
            yield Setpoint('put down', self.tool_cost(PointEnergy(xy), 0.03), suction=True)
        yield from self._release(-1)
        yield from self._retreat(-1)
        return SkillOutcome.DONE

    def follow(
        self, energy: EnergySource, guide: Callable[[], np.ndarray], is_satisfied: Callable
    ) -> Script:
        """Move the tool itself to where its energy is least, and keep it there for ever."""
        view, config = self.view, self.view.config
        basin = BasinMonitor(config.basin_radius)
        while True:
            is_near = basin.update(guide(), view.tool.position[:2])
            pull = energy() if is_near else PointEnergy(guide())
            phase = 'hold' if is_satisfied() else 'track'
            yield Setpoint(phase, self.tool_cost(pull, config.tool_height), active=0)

    def hold(self) -> Script:
        """Stay where the arm comes to rest."""
        posture = self.view.q + 0.1 * self.view.qd
        while True:
            yield Setpoint('hold', self.posture_cost(posture), suction=self.view.held is not None)

    def tool_cost(
        self,
        energy: EntityEnergy,
        height: float,
        offset: np.ndarray | None = None,
        obstacles: np.ndarray | None = None,
        clearances: np.ndarray | None = None,
    ) -> ArmCost:
        """Build the cost of moving a point of the tool."""
        return ArmCost(
            self.view.arm,
            self.view.kinematics,
            InterpolatedEnergy(energy),
            height,
            np.zeros(3) if offset is None else offset,
            np.zeros((0, 2)) if obstacles is None else obstacles,
            np.zeros(0) if clearances is None else clearances,
            links=self._links(),
            fence=self.view.arm.workspace,
            weights=self.weights,
        )

    def posture_cost(self, posture: np.ndarray) -> ArmCost:
        """Build the cost of a joint posture (n,) [rad], wherever that brings the tool."""
        weights = replace(self.weights, posture=self.view.config.posture_weight)
        return ArmCost(
            self.view.arm,
            self.view.kinematics,
            None,
            links=self._links(),
            posture=posture,
            weights=weights,
        )

    def descent(self, start: float, end: float) -> Callable[[], float]:
        """Return a height [m] that falls from start to end at the descent speed."""
        begin = self.view.time
        speed = self.view.config.descent_speed
        return lambda: max(start - speed * (self.view.time - begin), end)

    def _links(self) -> LinkClearance:
        """Return what the arm's links are to keep away from: the table and what is not held."""
        view = self.view
        blocks = [
            [*entity.xy, entity.top, np.sqrt(0.5) * entity.width]
            for entity_id, entity in view.entities.items()
            if entity_id not in (TOOL_ID, view.held)
        ]
        return LinkClearance(view.kinematics, np.array(blocks).reshape(-1, 4))

    def _reach(self, entity_id: int) -> Script:
        """Come above a block, high enough over all others."""
        view, config = self.view, self.view.config
        deadline = self._deadline()
        while view.time < deadline:
            if entity_id not in view.entities:
                return SkillOutcome.LOST
            xy = view.entities[entity_id].xy
            height = view.highest_top + config.travel_clearance
            gap = float(np.linalg.norm(view.tool.position[:2] - xy))
            if gap < config.reach_tolerance and abs(view.tool.position[2] - height) < 0.03:
                return SkillOutcome.DONE
            # Deep among the blocks: up first, across later.
            is_low = view.tool.position[2] < view.highest_top + 0.01 and gap > 0.02
            goal = view.tool.position[:2] if is_low else xy
            cost = self.tool_cost(PointEnergy(goal), height)
            yield Setpoint('reach', cost, active=entity_id)
        return SkillOutcome.TIMEOUT

    def _descend(self, entity_id: int) -> Script:
        """Lower the tip to just above the block's face."""
        view, config = self.view, self.view.config
        deadline = self._deadline()
        height_at = self.descent(view.tool.position[2], -np.inf)
        while view.time < deadline:
            entity = view.entities.get(entity_id)
            if entity is None:
                return SkillOutcome.LOST
            gap = float(np.linalg.norm(view.tool.position[:2] - entity.xy))
            if gap > entity.width / 2:
                return SkillOutcome.MOVED
            above = view.tool.position[2] - entity.top
            if (
                above < config.contact_gap + 0.002
                and gap < config.grasp_tolerance
                and view.speed < config.touch_speed
            ):
                return SkillOutcome.DONE
            height = max(height_at(), entity.top + config.contact_gap)
            cost = self.tool_cost(PointEnergy(entity.xy), height)
            yield Setpoint('descend', cost, active=entity_id)
        return SkillOutcome.TIMEOUT

    def _grasp(self, entity_id: int) -> Script:
        """Switch the vacuum on and wait for the block, pressing a little more with time."""
        view, config = self.view, self.view.config
        entity = view.entities[entity_id]
        start = view.time
        while view.time < start + config.grasp_timeout:
            waited = view.time - start
            if view.attached or (view.attached is None and waited > 0.3):
                relative = np.asarray(entity.position) - view.tool.position
                view.held, view.offset = entity_id, view.tool.rotation.T @ relative
                view.twist = entity.yaw - float(view.tool.heading)
                self._faces, self._left_behind = FaceAlignment(view), LeftBehindMonitor(view)
                return SkillOutcome.DONE
            pressed = entity.top + config.contact_gap - 0.006 * waited
            cost = self.tool_cost(PointEnergy(entity.xy), pressed)
            yield Setpoint('grasp', cost, suction=True, active=entity_id)
        return SkillOutcome.MISSED

    def _lift(self, entity_id: int) -> Script:
        """Raise the held block above all others."""
        view, config = self.view, self.view.config
        start = view.held_position[:2].copy()
        size = view.entities[entity_id].size[2]
        deadline = self._deadline()
        while view.time < deadline:
            if (lost := self._lost_hold()) is not None:
                return lost
            height = view.highest_top + config.travel_clearance + size / 2
            if view.held_position[2] - size / 2 > view.highest_top + 0.01:
                return SkillOutcome.DONE
            cost = self.tool_cost(PointEnergy(start), height, view.offset)
            cost.weights = self._stiff
            yield Setpoint('lift', cost, suction=True, active=entity_id)
        return SkillOutcome.TIMEOUT

    def _lost_hold(self) -> SkillOutcome | None:
        """Return how the held block was lost, as the cup says or is seen; None if it is held."""
        view = self.view
        outcome = None
        if view.attached is False:
            outcome = SkillOutcome.DROPPED
        elif self._left_behind.update():
            outcome = SkillOutcome.LEFT_BEHIND
        if outcome is not None:
            view.held = None
        return outcome

    def _release(self, entity_id: int) -> Script:
        view, config = self.view, self.view.config
        here, height = view.tool.position[:2].copy(), view.tool.position[2]
        if view.held is not None:
            view.placed[view.held] = Placed(view.held_position, view.time)
        view.held = None
        until = view.time + config.release_time
        while view.time < until or (view.attached and view.time < until + 1.0):
            cost = self.tool_cost(PointEnergy(here), height)
            yield Setpoint('release', cost, active=entity_id)
        return SkillOutcome.DONE

    def _retreat(self, entity_id: int) -> Script:
        """Rise from the block without touching its neighbours."""
        view = self.view
        here = view.tool.position[:2].copy()
        deadline = self._deadline()
        while view.tool.position[2] < view.highest_top + 0.02 and view.time < deadline:
            height = view.highest_top + view.config.travel_clearance
            yield Setpoint('retreat', self.tool_cost(PointEnergy(here), height), active=entity_id)
        return SkillOutcome.DONE

    def _deadline(self) -> float:
        return self.view.time + self.view.config.phase_timeout
