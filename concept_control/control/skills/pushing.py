"""Pushing a block over the table with the tip of the tool; experimental.

Each push goes through the middle of one of the block's faces, straight along the face's normal
and so slowly that the block stops where the tip does (quasi-static: Lynch and Mason, Stable
pushing, IJRR 1996). Which face and how far is for the energy to say: of all places that one push
can reach, the one where it is least. What a push misses the next one mends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from concept_control.control.costs.arm_cost import ArmCost
from concept_control.control.costs.entity_energy import EntityEnergy, PointEnergy
from concept_control.control.skills.pick_and_place import EnergySource, Obstacles, PickAndPlace
from concept_control.control.skills.script import Script, Setpoint, SkillOutcome
from concept_control.world.entity import EntityStatus
from concept_control.world.workspace import Workspace

TIP_RADIUS = 0.014
"""Radius of the tool's tip [m]."""

APPROACHES = (0.015, 0.005)
"""Free space between the tip and the face it comes down beside [m]; less where there is less."""

CONTACT_SHARE = 0.35
"""Height of the contact as a share of the block's: higher up, the block would tip."""

SPEED = 0.06
"""Speed of a push [m/s]."""

STEP = 0.002
"""Distance between the places at which a push may end [m]."""

LONGEST = 0.3
"""Length of the longest push [m]."""

MAX_PUSHES = 15
"""Number of pushes after which a block is left where it is."""

SETTLED = 0.003
"""Length of the shortest push that is worth making [m]."""

OUTSIDE = 0.07
"""Distance beyond the workspace that the tip may go to come behind a block [m]."""

PATIENCE = 1.0
"""Longest wait for perception to see where a block was pushed [s]."""


@dataclass(frozen=True)
class Push:
    """One straight push.

    Attributes:
        direction: (2,) unit vector of the push.
        length: Length of the block's way [m].
        place: (2,) position of the block before [m].
        tip: (2,) position where the tip comes down [m].
    """

    direction: np.ndarray
    length: float
    place: np.ndarray
    tip: np.ndarray


def choose_push(
    energy: EntityEnergy,
    place: np.ndarray,
    yaw: float,
    width: float,
    obstacles: tuple[np.ndarray, np.ndarray],
    workspace: Workspace,
) -> Push | None:
    """Return the push that leads to the least energy, None if none leads lower.

    Args:
        energy: Energy of the block's place, in square metres.
        place: (2,) position of the block [m].
        yaw: Yaw of the block [rad].
        width: Width of the block [m].
        obstacles: (M, 2) centres [m] and (M,) distances that the block must keep from them [m].
        workspace: Workspace that the block may not leave.
    """
    lengths = np.arange(0.0, LONGEST, STEP)
    angles = yaw + np.arange(4) * np.pi / 2
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    places = place + lengths[None, :, None] * directions[:, None]
    values = (energy.residual(places.reshape(-1, 2)) ** 2).sum(axis=-1).reshape(4, -1)
    centres, clearances = obstacles
    gaps = np.linalg.norm(places[:, :, None] - centres, axis=-1) - clearances
    # Where it stands too near to another already it may go on, but not nearer.
    free = gaps.min(axis=-1, initial=np.inf) >= min(0.0, gaps[0, 0].min(initial=np.inf))
    free &= workspace.contains(places)
    reachable = np.logical_and.accumulate(free, axis=1)
    behind = np.array([place - directions * (width / 2 + TIP_RADIUS + gap) for gap in APPROACHES])
    # Clearances are the block's; the tip needs less.
    tip_gaps = np.linalg.norm(behind[:, :, None] - centres, axis=-1) - clearances
    room = tip_gaps.min(axis=-1, initial=np.inf) > TIP_RADIUS - width / 2
    room &= workspace.contains(behind, margin=-OUTSIDE)
    values = np.where(reachable & room.any(axis=0)[:, None], values, np.inf)
    face, step = np.unravel_index(values.argmin(), values.shape)
    gain = values[:, 0].min() - values[face, step]
    if not np.isfinite(values[face, step]) or lengths[step] < SETTLED or gain <= 0:
        return None
    tip = behind[room[:, face].argmax(), face]
    return Push(directions[face], float(lengths[step]), place.copy(), tip)


def push(
    skills: PickAndPlace,
    entity_id: int,
    energy: EnergySource,
    obstacles: Obstacles,
    workspace: Workspace,
) -> Script:
    """Push a block until its energy gets no lower.

    Args:
        skills: Skills of the arm.
        entity_id: Id of the block.
        energy: Source of the energy of the block's place, in square metres, asked anew before
            every push.
        obstacles: Source of what the block must keep clear of.
        workspace: Workspace that the block may not leave.
    """
    view = skills.view
    for _ in range(MAX_PUSHES):
        if entity_id not in view.entities:
            return SkillOutcome.LOST
        entity = view.entities[entity_id]
        chosen = choose_push(energy(), entity.xy, entity.yaw, entity.width, obstacles(), workspace)
        if chosen is None:
            return SkillOutcome.DONE
        outcome = yield from _stroke(skills, entity_id, chosen)
        if outcome is not SkillOutcome.DONE:
            return outcome
        yield from _see(skills, entity_id)
    return SkillOutcome.DONE


def _stroke(skills: PickAndPlace, entity_id: int, chosen: Push) -> Script:
    """Go behind the block, down beside it, and push."""
    view = skills.view
    entity, start = view.entities[entity_id], chosen.tip
    low = CONTACT_SHARE * entity.size[2]
    high = view.travel_top(start) + view.config.travel_clearance

    def ahead(distance: float) -> np.ndarray:
        return start + chosen.direction * distance

    outcome = yield from _go(skills, entity_id, lambda: start, lambda: high, 'reach')
    if outcome is not SkillOutcome.DONE:
        return outcome
    if entity_id not in view.entities:
        return SkillOutcome.LOST
    if np.linalg.norm(view.entities[entity_id].xy - chosen.place) > view.config.placed_radius:
        return SkillOutcome.DONE  # moved meanwhile: chosen anew
    falls = skills.descent(view.tool.position[2], low)
    outcome = yield from _go(skills, entity_id, lambda: start, falls, 'lower', low)
    if outcome is SkillOutcome.DONE:
        begin = view.time
        free = float(np.linalg.norm(chosen.place - start)) - entity.width / 2 - TIP_RADIUS
        whole = free + chosen.length

        def advancing() -> np.ndarray:
            return ahead(min(SPEED * (view.time - begin), whole))

        end = ahead(whole)
        outcome = yield from _go(skills, entity_id, advancing, lambda: low, 'push', low, end)
    back = view.tool.position[:2] - chosen.direction * APPROACHES[0]
    yield from _go(skills, entity_id, lambda: back, lambda: low, 'retreat', low)
    yield from _go(skills, entity_id, lambda: back, lambda: high, 'retreat')
    return outcome


def _go(
    skills: PickAndPlace,
    entity_id: int,
    place: Callable[[], np.ndarray],
    height: Callable[[], float],
    phase: str,
    final_height: float | None = None,
    final_place: np.ndarray | None = None,
) -> Script:
    """Bring the tip to a place that may move, until it rests at the final one."""
    view = skills.view
    deadline = view.time + view.config.phase_timeout + LONGEST / SPEED
    tolerance = view.config.reach_tolerance if final_place is None else SETTLED
    while view.time < deadline:
        goal = [
            *(place() if final_place is None else final_place),
            height() if final_height is None else final_height,
        ]
        gap = view.tool.position - goal
        is_near = np.linalg.norm(gap[:2]) < tolerance and abs(gap[2]) < view.config.reach_tolerance
        if is_near and view.speed < view.config.touch_speed:
            return SkillOutcome.DONE
        yield Setpoint(phase, _cost(skills, place(), height()), active=entity_id)
    return SkillOutcome.TIMEOUT


def _cost(skills: PickAndPlace, place: np.ndarray, height: float) -> ArmCost:
    """Return the cost of the tip's place, which may be a little outside the workspace."""
    cost = skills.tool_cost(PointEnergy(place), height)
    workspace = skills.view.arm.workspace
    cost.fence = replace(workspace, half_extent=workspace.half_extent + OUTSIDE)
    return cost


def _see(skills: PickAndPlace, entity_id: int) -> Script:
    """Rest until perception has seen where the block is now."""
    view = skills.view
    start, here = view.time, view.tool.position[:2].copy()
    height = view.tool.position[2]
    while view.time < start + PATIENCE:
        entity = view.entities.get(entity_id)
        is_seen = entity is not None and entity.status is EntityStatus.SEEN
        if is_seen and view.time > start + view.config.look_time:
            break
        yield Setpoint('look', _cost(skills, here, height), active=entity_id)
    return SkillOutcome.DONE
