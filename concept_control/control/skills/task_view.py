"""What the scripts of a task see at each tick, and how they handle blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from concept_control.control.arm.clearance import LinkClearance
from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics, ToolMotion
from concept_control.control.goal import MOVE_TOLERANCE
from concept_control.control.skills.support import wall_posts
from concept_control.world.entity import TOOL_ID, EntityState, EntityStatus

WAY_WIDTH = 0.1
"""Distance from the straight way between two places within which something is on it [m]: half of
what is carried, and how far plans leave that way."""


@dataclass(frozen=True)
class TaskConfig:
    """How blocks are handled. Lengths in metres, times in seconds.

    Attributes:
        travel_clearance: Clearance of the tool's tip, or of what it carries, above the highest
            block on its way.
        contact_gap: Distance of the tip above a block's face when the suction is switched on.
        reach_tolerance: Horizontal error at which the tool starts to descend.
        grasp_tolerance: Horizontal error at which it may grasp.
        finger_tolerance: Horizontal error at which fingers may go down beside a block.
        grasp_timeout: Longest wait for the vacuum, or for the fingers.
        max_attempts: Number of attempts at moving one block before giving up.
        max_losses: Number of attempts at one block in which the suction may say that it does not
            hold it.
        move_tolerance: Distance to its target within which a block is left alone.
        phase_timeout: Longest duration of any single phase.
        basin_radius: Distance to the generated target within which only the energy counts.
        place_gap: Height of a block's lower face at which it is let go.
        descent_speed: Speed at which the height asked for falls when the tool goes down to a block
            or with one [m/s]; faster descents leave the vertical.
        finger_speed: The same with fingers, which hold a block until it is at rest: an arm that
            meets the table faster springs back with it [m/s].
        vertical_stiffness: Factor on the weights of energy, heading and clearance while a block
            goes up or down: without it blocks swayed by 10 mm, and touched their neighbours.
        alignment_gap: Free space below which a block that is put down turns a face to its
            neighbour.
        heading_tolerance: Sine of the angle to that face at which it is turned enough.
        settle_radius, settle_time: Distance and duration: a carry is over when the block has
            stayed within the one for the other.
        anchor_weight: Weight of staying where the carry ended, beside the energy, while putting
            down.
        guide_weight: Weight of the generated target, beside the energy, where that leads.
        max_intrusion: Depth in a neighbour's free space with which a block still goes down.
        clear_timeout: Longest wait above for less.
        touch_speed: Speed of the tool below which it may seize or let go of a block [m/s].
        release_time: Time that a block needs to come off the cup.
        look_time: Time at rest at home before what is seen is believed.
        look_timeout: Time after which what is still hidden is believed to be where it was.
        placed_timeout: Longest time that perception may take to see where a block was put.
        placed_radius: Distance to where a block was put within which it has been seen there.
        max_rounds: Number of rounds of sequence, act and verify.
        satisfied_distance: Displacement of one entity whose energy still counts as satisfied.
        tool_height: Height of the tip when the tool itself is the entity.
        tool_distance: Displacement that counts as satisfied, for the tool.
        max_residual_share: Share of the initial energy that may remain at a local minimum that
            counts as satisfied.
        payload_density: Density to guess a block's mass from its size [kg/m³].
        retarget_period: Time between refinements of the target while the scene moves.
        follows_energy: Whether a carry minimises the goal's energy; False tracks the generated
            target instead, for comparison only.
        pushes: Whether blocks are pushed over the table instead of carried (experimental); an arm
            whose gripper is none pushes anyway.
        posture_weight: Weight of the joints when only the posture counts.
        rest_speed: Joint speed below which the arm is at rest [rad/s].
    """

    travel_clearance: float = 0.045
    contact_gap: float = 0.001
    reach_tolerance: float = 0.010
    grasp_tolerance: float = 0.006
    finger_tolerance: float = 0.004
    grasp_timeout: float = 0.6
    max_attempts: int = 3
    max_losses: int = 2
    move_tolerance: float = MOVE_TOLERANCE
    phase_timeout: float = 5.0
    basin_radius: float = 0.06
    place_gap: float = 0.0012
    descent_speed: float = 0.25
    finger_speed: float = 0.1
    vertical_stiffness: float = 25.0
    alignment_gap: float = 0.04
    heading_tolerance: float = 0.08
    settle_radius: float = 0.003
    settle_time: float = 0.2
    anchor_weight: float = 0.2
    guide_weight: float = 0.05
    max_intrusion: float = 0.003
    clear_timeout: float = 1.5
    touch_speed: float = 0.015
    release_time: float = 0.12
    look_time: float = 0.4
    look_timeout: float = 2.0
    placed_timeout: float = 1.0
    placed_radius: float = 0.03
    max_rounds: int = 3
    satisfied_distance: float = 0.008
    tool_height: float = 0.12
    tool_distance: float = 0.003
    max_residual_share: float = 0.05
    payload_density: float = 1250.0
    retarget_period: float = 0.1
    follows_energy: bool = True
    pushes: bool = False
    posture_weight: float = 2.0
    rest_speed: float = 0.03


@dataclass(frozen=True)
class Placed:
    """Where (3,) [m] and when [s] a block was let go of."""

    position: np.ndarray
    time: float


@dataclass
class TaskView:
    """The world as the controller knows it at this tick.

    Attributes:
        time: Time of the scripts, which stands still in a pause [s].
        q, qd: (n,) measured joint positions and velocities [rad, rad/s].
        tool: Measured motion of the tool's tip.
        speed: Speed of the tip [m/s].
        entities: Perceived entities by id.
        attached: Whether the tool reports to hold something; None where it cannot tell.
        opening: Distance between the fingers [m]; NaN where it is not known.
        held: Id of the block that is believed to be held.
        offset: (3,) centre of the held block in the frame of the tool's tip [m].
        twist: Yaw of the held block minus the tool's heading [rad].
        placed: Places where blocks were let go of, until perception has caught up.
    """

    arm: ArmDescription
    kinematics: ArmKinematics
    config: TaskConfig
    time: float = 0.0
    q: np.ndarray = field(default_factory=lambda: np.zeros(0))
    qd: np.ndarray = field(default_factory=lambda: np.zeros(0))
    tool: ToolMotion = field(default_factory=lambda: ToolMotion(np.zeros(3), np.eye(3)))
    speed: float = 0.0
    entities: dict[int, EntityState] = field(default_factory=dict)
    attached: bool | None = None
    opening: float = float('nan')
    held: int | None = None
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    twist: float = 0.0
    placed: dict[int, Placed] = field(default_factory=dict)

    @property
    def must_push(self) -> bool:
        """Whether blocks are pushed over the table, as no gripper can or shall lift them."""
        return self.config.pushes or self.arm.gripper == 'none'

    @property
    def held_position(self) -> np.ndarray:
        """(3,) where the held block's centre is, by the arm's own joints [m]."""
        return self.tool.position + self.tool.rotation @ self.offset

    def position(self, entity_id: int) -> np.ndarray:
        """Return (3,) where an entity is now; the tool and what it holds by the arm's joints."""
        if entity_id == TOOL_ID:
            return self.tool.position
        if entity_id == self.held:
            return self.held_position
        if entity_id in self.placed:
            return self.placed[entity_id].position
        return np.asarray(self.entities[entity_id].position, dtype=float)

    def is_known(self, entity: EntityState) -> bool:
        """Tell whether a block is seen, or one over its middle, which may hide it for ever."""
        return entity.status is EntityStatus.SEEN or any(
            other.status is EntityStatus.SEEN
            and other.top > entity.top
            and np.linalg.norm(other.xy - entity.xy) < entity.width / 2
            for other in self.entities.values()
        )

    def travel_top(self, end: np.ndarray | None = None) -> float:
        """Return the height of the highest thing on the tool's straight way to a place [m].

        What is held does not count; without a place (2,) [m], what stands about the tool does.
        The lowest thing counts wherever it stands: over the table all travel at one height.
        """
        start = self.tool.position[:2]
        way = np.zeros(2) if end is None else end - start
        highest, lowest = 0.0, np.inf
        for entity_id, entity in self.entities.items():
            if entity_id not in (TOOL_ID, self.held):
                place = self.position(entity_id)
                top = float(place[2] + entity.size[2] / 2)
                lowest = min(lowest, top)
                away = place[:2] - start
                away = away - np.clip(away @ way / max(way @ way, 1e-9), 0.0, 1.0) * way
                if np.linalg.norm(away) < WAY_WIDTH + np.sqrt(0.5) * entity.width:
                    highest = max(highest, top)
        return max(highest, lowest) if np.isfinite(lowest) else 0.0

    def link_clearance(self) -> LinkClearance:
        """Return what the arm's links are to keep away from: the table and what is not held."""
        blocks: list[list[float]] = []
        for entity_id, entity in self.entities.items():
            if entity.rim > 0:
                posts = entity.xy + wall_posts(entity)
                blocks += [[*post, entity.top, entity.rim] for post in posts]
            elif entity_id not in (TOOL_ID, self.held):
                radius = min(np.sqrt(0.5) * entity.width, entity.top)
                blocks.append([*entity.xy, entity.top, radius])
        return LinkClearance(self.kinematics, np.array(blocks).reshape(-1, 4))

    @property
    def is_at_rest(self) -> bool:
        """Whether all joints are nearly still."""
        return bool(np.abs(self.qd).max(initial=0.0) < self.config.rest_speed)
