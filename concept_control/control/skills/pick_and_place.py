"""Picking a block up and placing it, as scripts; and the moves of the tool without a block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from concept_control.control.costs.arm_cost import ArmCost, CostWeights
from concept_control.control.costs.entity_energy import AnchoredEnergy, EntityEnergy, PointEnergy
from concept_control.control.costs.linearized_energy import LinearizedEnergy
from concept_control.control.skills.finger_grasp import FingerGrasp, release_opening, tip_height
from concept_control.control.skills.monitors import (
    MAX_TURN,
    BasinMonitor,
    FaceAlignment,
    LeftBehindMonitor,
    SettlingMonitor,
    nearest_turn,
)
from concept_control.control.skills.script import Script, Setpoint, SkillOutcome
from concept_control.control.skills.task_view import Placed, TaskView
from concept_control.world.entity import EntityState
from concept_control.world.workspace import Workspace

EnergySource = Callable[[], EntityEnergy]
"""Builds the energy of the carried entity from what is perceived at this tick."""

Obstacles = Callable[[], tuple[np.ndarray, np.ndarray]]
"""(M, 2) centres and (M,) clearances of what the carried block must not be put on."""

Fence = Callable[[], Workspace]
"""Square in which the middle of the carried block stays: in an open box, between its walls."""


class PickAndPlace:
    """The scripts of one arm; all share one `TaskView`."""

    def __init__(self, view: TaskView) -> None:
        self.view = view
        self.weights = CostWeights()
        self._faces, self._left_behind = FaceAlignment(view), LeftBehindMonitor(view)
        self._grasp: FingerGrasp | None = None
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
            and not all(view.is_known(e) for e in view.entities.values())
        ):
            yield Setpoint('look', self.posture_cost(view.arm.home))
        return outcome

    def pick(self, entity_id: int, end: np.ndarray) -> Script:
        """Reach, descend, grasp and lift a block; follows it if it is moved meanwhile.

        It is lifted above whatever is on its way to the place `end` (2,) [m].
        """
        outcome = yield from self._reach(entity_id)
        if outcome is SkillOutcome.DONE:
            outcome = yield from self._descend(entity_id)
        if outcome is SkillOutcome.DONE:
            outcome = yield from self._seize(entity_id)
        if outcome is SkillOutcome.DONE:
            return (yield from self._lift(entity_id, end))
        yield from self._retreat(entity_id)
        return outcome

    def carry(
        self,
        energy: EnergySource,
        guide: Callable[[], np.ndarray],
        obstacles: Obstacles,
        fence: Fence,
    ) -> Script:
        """Carry the held block to where its energy is least, others being where they are now.

        Args:
            energy: Source of the energy of the carried block, asked anew every tick.
            guide: Source of the (2,) generated target [m]; it leads into its basin from afar, and
                within where the energy is flat.
            obstacles: Source of what to keep clear of.
            fence: Source of the square to be put down in, along whose sides faces are turned.
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
            height = view.travel_top(guide()) + config.travel_clearance + size / 2
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
            heading = self._faces.heading(place, *obstacles(), fence())
            cost.heading = self._turned(heading)
            if settling.update(view.time, view.held_position[:2]) and is_near:
                settled_since = min(settled_since, view.time)
                is_turned = abs(np.sin(view.tool.heading - heading)) < config.heading_tolerance
                # A turn that the joints do not allow is not waited for.
                if is_turned or view.time > settled_since + config.clear_timeout:
                    return SkillOutcome.DONE
            yield Setpoint('carry', cost, grips=True, active=view.held)
        return SkillOutcome.TIMEOUT

    def place(
        self,
        energy: EnergySource,
        obstacles: Obstacles,
        fence: Fence,
        support: Callable[[], float],
    ) -> Script:
        """Lower the held block, still minimising its energy, let go and draw back.

        What does not come between the walls of its open box is not let go of.

        Args:
            energy: Source of the energy of the held block, asked anew every tick.
            obstacles: Source of what to keep clear of.
            fence: Source of the square to stay in.
            support: Source of the height that the block is put down on [m].
        """
        view, config = self.view, self.view.config
        assert view.held is not None
        entity_id, size = view.held, float(view.entities[view.held].size[2])
        deadline, stalled, lowest, start = self._deadline(), 0, np.inf, view.time
        anchor, top = view.held_position[:2], view.held_position[2]
        height_at = self.descent(top, -np.inf)
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
            if height < end + 0.008 and (stalled > 12 or view.time > deadline):
                break
            if view.time > deadline:
                return SkillOutcome.TIMEOUT
            here, (centres, clearances), square = view.held_position[:2], obstacles(), fence()
            outside = square.distance_outside(here)
            gaps = np.linalg.norm(centres - here, axis=1) - clearances
            is_above, weights = height - size / 2 > view.travel_top(), self._stiff
            if is_above and (-gaps).max(initial=outside) > config.max_intrusion:
                # Beside a neighbour first, down later; the way down starts afresh.
                if view.time < start + config.clear_timeout:
                    height_at, weights = self.descent(top, -np.inf), self.weights
                elif outside > config.max_intrusion and square is not view.arm.workspace:
                    return SkillOutcome.OUTSIDE
            pull = AnchoredEnergy(energy(), anchor, config.anchor_weight)
            goal = max(height_at(), end)
            cost = self.tool_cost(pull, goal, view.offset, centres, clearances)
            cost.weights, cost.fence = weights, square
            cost.heading = self._turned(self._faces.heading(here, centres, clearances, square))
            yield Setpoint('place', cost, grips=True, active=entity_id)
        yield from self._release(entity_id)
        yield from self._retreat(entity_id)
        return SkillOutcome.DONE

    def put_down(self) -> Script:
        """Lower whatever is held where it is, let go and draw back."""
        xy = self.view.tool.position[:2].copy()
        deadline, lowest, stalled = self._deadline(), np.inf, 0
        low = 0.03 if self.view.arm.fingers is None else 0.0
        while self.view.attached and self.view.time < deadline and stalled < 12:
            height = self.view.tool.position[2]
            stalled = stalled + 1 if height > lowest - 2e-4 else 0
            lowest = min(lowest, height)
            yield Setpoint('put down', self.tool_cost(PointEnergy(xy), low), grips=True)
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
            yield Setpoint('hold', self.posture_cost(posture), grips=self.view.held is not None)

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
            LinearizedEnergy(energy),
            height,
            np.zeros(3) if offset is None else offset,
            np.zeros((0, 2)) if obstacles is None else obstacles,
            np.zeros(0) if clearances is None else clearances,
            links=self.view.link_clearance(),
            fence=self.view.arm.workspace,
            weights=self.weights,
        )

    def posture_cost(self, posture: np.ndarray) -> ArmCost:
        """Build the cost of a joint posture (n,) [rad], wherever that brings the tool."""
        view, weights = self.view, replace(self.weights, posture=self.view.config.posture_weight)
        links = view.link_clearance()
        return ArmCost(
            view.arm, view.kinematics, None, links=links, posture=posture, weights=weights
        )

    def descent(self, start: float, end: float) -> Callable[[], float]:
        """Return a height [m] that falls from start to end at the descent speed."""
        begin = self.view.time
        config, has_fingers = self.view.config, self.view.arm.fingers is not None
        speed = config.finger_speed if has_fingers else config.descent_speed
        return lambda: max(start - speed * (self.view.time - begin), end)

    def _reach(self, entity_id: int) -> Script:
        """Come above a block, above all that is on the way, and with fingers across a face."""
        view, config = self.view, self.view.config
        deadline, self._grasp = self._deadline(), None
        while view.time < deadline:
            if entity_id not in view.entities:
                return SkillOutcome.LOST
            if view.arm.fingers is not None and self._grasp is None:
                self._grasp = FingerGrasp(view, entity_id)
                if self._grasp.space < 0:
                    return SkillOutcome.NO_ROOM
            xy = view.entities[entity_id].xy
            top = view.travel_top(xy)
            height = top + config.travel_clearance
            gap = float(np.linalg.norm(view.tool.position[:2] - xy))
            is_there = gap < config.reach_tolerance and self._is_across()
            if is_there and abs(view.tool.position[2] - height) < 0.03:
                return SkillOutcome.DONE
            # Deep among the blocks: up first, across later.
            is_low = view.tool.position[2] < top + 0.01 and gap > 0.02
            goal = view.tool.position[:2] if is_low else xy
            cost = self.tool_cost(PointEnergy(goal), height)
            yield self._towards('reach', cost, entity_id)
        return SkillOutcome.TIMEOUT

    def _is_across(self) -> bool:
        """Tell whether the fingers, if there are any, are turned across the chosen face."""
        if self._grasp is None:
            return True
        off = np.sin(self.view.tool.heading - self._grasp.heading)
        return bool(abs(off) < self.view.config.heading_tolerance)

    def _towards(self, phase: str, cost: ArmCost, entity_id: int) -> Setpoint:
        """Return the setpoint of going to a block, with the fingers as its grasp demands."""
        if self._grasp is None:
            return Setpoint(phase, cost, active=entity_id)
        cost.heading = self._turned(self._grasp.heading)
        return Setpoint(phase, cost, opening=self._grasp.opening, active=entity_id)

    def _turned(self, heading: float) -> float:
        """Return where to turn next towards a heading [rad].

        Fingers look alike after half a turn, and so they do to the cost: without steps in
        between, turns would add up until a joint is at its limit.
        """
        if self.view.arm.fingers is None:
            return heading
        now = float(self.view.tool.heading)
        turn = nearest_turn(heading, now, 2 * np.pi) - now
        return now + float(np.clip(turn, -MAX_TURN, MAX_TURN))

    def _seizing_height(self, entity: EntityState) -> float:
        """Return the height of the tip at which a block is seized [m]."""
        if self.view.arm.fingers is None:
            return entity.top + self.view.config.contact_gap
        return tip_height(entity)

    def _descend(self, entity_id: int) -> Script:
        """Lower the tip to just above the block's face, or the fingers beside two of them."""
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
            end = self._seizing_height(entity)
            if (
                view.tool.position[2] < end + 0.002
                and gap < config.grasp_tolerance
                and view.speed < config.touch_speed
            ):
                return SkillOutcome.DONE
            is_off = gap > config.finger_tolerance or not self._is_across()
            if self._grasp is not None and is_off and view.tool.position[2] > entity.top + 0.01:
                # Over the block first, down beside it later.
                height_at = self.descent(view.tool.position[2], -np.inf)
            cost = self.tool_cost(PointEnergy(entity.xy), max(height_at(), end))
            if self._grasp is not None:
                cost.weights = self._stiff
            yield self._towards('descend', cost, entity_id)
        return SkillOutcome.TIMEOUT

    def _seize(self, entity_id: int) -> Script:
        """Hold the block: by the vacuum, pressing a little more with time, or squeezed."""
        view, config = self.view, self.view.config
        entity = view.entities[entity_id]
        start, heading = view.time, float(view.tool.heading)
        place = entity.xy if self._grasp is None else view.tool.position[:2].copy()
        while view.time < start + config.grasp_timeout:
            waited = view.time - start
            is_held = view.attached or (view.attached is None and waited > 0.3)
            if is_held and (self._grasp is None or self._grasp.fits(view.opening)):
                self._take_hold(entity_id, entity)
                return SkillOutcome.DONE
            height = self._seizing_height(entity)
            if self._grasp is None:
                height -= 0.006 * waited
            cost = self.tool_cost(PointEnergy(place), height)
            if self._grasp is not None:
                cost.heading = heading
            yield Setpoint('grasp', cost, grips=True, active=entity_id)
        if self._grasp is not None:
            yield from self._release(entity_id)
        return SkillOutcome.MISSED

    def _take_hold(self, entity_id: int, entity: EntityState) -> None:
        """Note that a block is held, and how."""
        view = self.view
        view.held = entity_id
        view.offset = view.tool.rotation.T @ (np.asarray(entity.position) - view.tool.position)
        view.twist = entity.yaw - float(view.tool.heading)
        if self._grasp is not None:
            # The fingers have pushed it to their middle, and turned its faces to them.
            view.offset[0] = 0.0
            view.twist = nearest_turn(0.0, view.twist, np.pi / 2)
        self._faces, self._left_behind = FaceAlignment(view), LeftBehindMonitor(view)

    def _lift(self, entity_id: int, end: np.ndarray) -> Script:
        """Raise the held block above what is on its way to a place (2,) [m]."""
        view, config = self.view, self.view.config
        start = view.held_position[:2].copy()
        size = view.entities[entity_id].size[2]
        deadline = self._deadline()
        while view.time < deadline:
            if (lost := self._lost_hold()) is not None:
                return lost
            top = view.travel_top(end)
            height = top + config.travel_clearance + size / 2
            if view.held_position[2] - size / 2 > top + 0.01:
                return SkillOutcome.DONE
            cost = self.tool_cost(PointEnergy(start), height, view.offset)
            cost.weights = self._stiff
            yield Setpoint('lift', cost, grips=True, active=entity_id)
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
        heading, opening = float(view.tool.heading), release_opening(view)
        if view.held is not None:
            view.placed[view.held] = Placed(view.held_position, view.time)
        view.held = None
        settled = view.time + (config.settle_time if view.arm.fingers is not None else 0.0)
        until = settled + config.release_time
        while view.time < until or (view.attached and view.time < until + 1.0):
            cost = self.tool_cost(PointEnergy(here), height)
            if view.arm.fingers is not None:
                # An arm that still presses would drag the block along with the fingers.
                cost.weights, cost.heading = self._stiff, heading
            grips = view.time < settled
            yield Setpoint('release', cost, grips=grips, opening=opening, active=entity_id)
        return SkillOutcome.DONE

    def _retreat(self, entity_id: int) -> Script:
        """Rise straight up from the block, above what is on the way home."""
        view = self.view
        here = view.tool.position[:2].copy()
        home = view.kinematics.tool(view.arm.home).position[:2]
        heading, deadline = float(view.tool.heading), self._deadline()
        while view.tool.position[2] < (top := view.travel_top(home)) + 0.02 and (
            view.time < deadline
        ):
            cost = self.tool_cost(PointEnergy(here), top + view.config.travel_clearance)
            if view.arm.fingers is not None:
                # Open, they are still beside the block.
                cost.weights, cost.heading = self._stiff, heading
            yield Setpoint('retreat', cost, active=entity_id)
        return SkillOutcome.DONE

    def _deadline(self) -> float:
        return self.view.time + self.view.config.phase_timeout
