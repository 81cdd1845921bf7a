"""One message of each kind that the nodes can use: what fuzzing starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from concept_control.msg import (
    ConceptCommand,
    ConceptGoal,
    ConceptStatus,
    ConceptTerm,
    Demonstration,
    EntityArray,
)
from concept_control.perception.camera_model import Intrinsics
from concept_control.ros.bridge import conversions as convert
from concept_control.world.entity import EntityState

NOW = Time(sec=1)
HEIGHT, WIDTH = 48, 64

BLOCKS = (
    (0.45, 0.10, (1.0, 0.0, 0.0)),
    (0.55, -0.10, (0.0, 0.0, 1.0)),
    (0.60, 0.10, (0.0, 1.0, 0.0)),
)
"""x and y [m] and colour."""


def sane_messages(joints: Sequence[str]) -> dict[Any, Any]:
    """Return examples by type, images by (type, "color" or "depth").

    Args:
        joints: Names of the arm's joints.
    """
    entities = _entities()
    color, depth, info = _camera()
    messages = [_goal(), _status(), _command(), _joint_state(joints), _trajectory(joints)]
    messages += [entities, info, Bool(data=True)]
    messages.append(
        Demonstration(
            header=entities.header,
            name='beside',
            last=True,
            states=[entities, entities],
            subjects=[1],
            arguments=[2],
        )
    )
    by_type: dict[Any, Any] = {type(message): message for message in messages}
    return by_type | {(Image, 'color'): color, (Image, 'depth'): depth}


def _header(frame: str = 'world') -> Header:
    return Header(stamp=NOW, frame_id=frame)


def _entities() -> EntityArray:
    array = EntityArray(header=_header())
    for number, (x, y, rgb) in enumerate(BLOCKS, 1):
        state = EntityState(np.array([x, y, 0.02]), np.full(3, 0.04), np.array(rgb))
        array.entities.append(convert.entity_message(number, state, 'box', NOW))
    return array


def _camera() -> tuple[Image, Image, CameraInfo]:
    header = _header('camera_optical_frame')
    color = np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8)
    depth = np.full((HEIGHT, WIDTH), 1.2, dtype=np.float32)
    depth[20:28, 28:36] = 1.16
    color[20:28, 28:36] = (220, 30, 30)
    intrinsics = Intrinsics(width=WIDTH, height=HEIGHT, fx=60.0, fy=60.0, cx=32.0, cy=24.0)
    return (
        convert.image_message(color, 'rgb8', header),
        convert.image_message(depth, '32FC1', header),
        convert.camera_info_message(intrinsics, header),
    )


def _command() -> ConceptCommand:
    return ConceptCommand(header=_header(), command_id='a', expression='near(red; blue)')


def _goal() -> ConceptGoal:
    places = [convert.point(np.array([x, y, 0.02])) for x, y, _ in BLOCKS]
    targets = [convert.point(np.array([0.53, -0.04, 0.02])), *places[1:]]
    return ConceptGoal(
        header=_header(),
        goal_id=1,
        command_id='a',
        expression='near(red; blue)',
        terms=[ConceptTerm(name='near', weight=1.0, subjects=[1], arguments=[2])],
        entities=[1, 2, 3],
        movable=[1],
        moved=[1],
        before=places,
        targets=targets,
        initial_energy=1.0,
    )


def _status() -> ConceptStatus:
    return ConceptStatus(
        header=_header(),
        goal_id=1,
        command_id='a',
        status=ConceptStatus.ACTIVE,
        source='mpc_controller',
        phase='carry',
        entities=[1, 2, 3],
        attention=[0.0, 1.0, 0.0],
        active_entity=1,
    )


def _joint_state(joints: Sequence[str]) -> JointState:
    still = [0.0] * len(joints)
    return JointState(
        header=_header(), name=list(joints), position=still, velocity=still, effort=still
    )


def _trajectory(joints: Sequence[str]) -> JointTrajectory:
    still = [0.0] * len(joints)
    points = [
        JointTrajectoryPoint(
            positions=still,
            velocities=still,
            effort=still,
            time_from_start=Duration(nanosec=20_000_000 * step),
        )
        for step in range(4)
    ]
    return JointTrajectory(header=_header(), joint_names=list(joints), points=points)
