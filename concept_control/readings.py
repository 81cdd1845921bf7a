"""What messages say, checked: stamps, entities, joint states.

The same for messages that rclpy delivers and for those read from a bag without any ROS: only
their fields are looked at, as `msg/` and the standard packages define them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from concept_control.control.goal import TOOL_ID, EntityState, EntityStatus
from concept_control.control.workspace import Workspace
from concept_control.errors import CommandError, ConceptControlError, PerceptionError
from concept_control.tabletop import Tabletop


def seconds(stamp: Any) -> float:
    """Return a stamp in seconds."""
    return stamp.sec + 1e-9 * stamp.nanosec


def entity_states(message: Any, frame: str) -> dict[int, EntityState]:
    """Read entities for control, by id.

    Raises:
        PerceptionError: for a foreign frame, an id twice, or a value that is not finite.
    """
    if message.header.frame_id != frame:
        raise PerceptionError(
            f'entities are in frame {message.header.frame_id!r}; expected {frame!r}'
        )
    states: dict[int, EntityState] = {}
    for entity in message.entities:
        if entity.id in states:
            raise PerceptionError(f'entity #{entity.id} comes twice in one message')
        position = np.array([entity.position.x, entity.position.y, entity.position.z])
        color = np.array([entity.color.r, entity.color.g, entity.color.b])
        size = np.array([entity.size.x, entity.size.y, entity.size.z])
        covariance = np.asarray(entity.covariance, dtype=float)
        values = np.concatenate([position, color, size, covariance, [entity.yaw]])
        if not np.isfinite(values).all():
            raise PerceptionError(f'entity #{entity.id} holds NaN or infinity')
        if (size <= 0).any():
            raise PerceptionError(f'entity #{entity.id} has size {size.tolist()}; expected > 0 m')
        if entity.status not in list(EntityStatus):
            allowed = {int(status): status.name.lower() for status in EntityStatus}
            raise PerceptionError(
                f'entity #{entity.id} has status {entity.status}; allowed: {allowed}'
            )
        states[entity.id] = EntityState(
            position=position,
            size=size,
            color=np.clip(color, 0.0, 1.0),
            covariance_trace=float(covariance.reshape(3, 3).trace()),
            status=EntityStatus(entity.status),
            yaw=entity.yaw,
        )
    return states


def workspace_scene(states: dict[int, EntityState], workspace: Workspace) -> Tabletop:
    """Return the entities as the particle world sees them, the tool first, then by id."""
    ids = tuple(sorted(states))
    if not ids:
        return Tabletop((), np.zeros((0, 2)), np.zeros((0, 3)), np.zeros(0))
    positions = np.array([states[i].position[:2] for i in ids])
    return Tabletop(
        ids=ids,
        positions=workspace.to_workspace(positions),
        colors=np.array([states[i].color for i in ids]),
        sizes=np.array(
            [workspace.length_to_workspace(float(states[i].size[:2].mean())) for i in ids]
        ),
    )


def joint_state_arrays(message: Any, joints: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [rad] and velocities [rad/s] in the order of `joints`, matched by name.

    Raises:
        CommandError: if a joint is missing or a value is not finite.
    """
    index = {name: i for i, name in enumerate(message.name)}
    missing = [name for name in joints if name not in index]
    if missing:
        raise CommandError(
            f'joint_states lacks {", ".join(missing)}; it has {", ".join(message.name) or "none"}'
        )
    order = [index[name] for name in joints]
    if len(message.position) != len(message.name) or len(message.velocity) != len(message.name):
        raise CommandError('joint_states must give a position and a velocity for every joint')
    positions = np.asarray(message.position, dtype=float)[order]
    velocities = np.asarray(message.velocity, dtype=float)[order]
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
        raise CommandError('joint_states hold NaN or infinity')
    return positions, velocities


def match_ids(entities: Any, truth: Any) -> dict[int, int]:
    """Map true ids to perceived ids: each thing's nearest measured position.

    Raises:
        ConceptControlError: if two true things were taken for one.
    """
    perceived = {e.id: np.array([e.position.x, e.position.y]) for e in entities.entities}
    renamed = {}
    for thing in truth.entities:
        if thing.id == TOOL_ID:
            renamed[TOOL_ID] = TOOL_ID
            continue
        at = np.array([thing.position.x, thing.position.y])
        blocks = {i: p for i, p in perceived.items() if i != TOOL_ID}
        renamed[thing.id] = min(blocks, key=lambda i: float(np.linalg.norm(blocks[i] - at)))
    if len(set(renamed.values())) != len(renamed):
        raise ConceptControlError(
            f'perception and simulation do not agree on what is on the table: {renamed}'
        )
    return renamed
