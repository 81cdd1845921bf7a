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
    (0.45, 0.10, np.array([1.0, 0.0, 0.0])),
    (0.55, -0.10, np.array([0.0, 0.0, 1.0])),
    (0.60, 0.10, np.array([0.0, 1.0, 0.0])),
)
"""x and y [m] and colour."""


WORLD = Header(stamp=NOW, frame_id='world')


def sane_messages(joints: Sequence[str]) -> dict[Any, Any]:
    """Return examples by type, images by (type, "color" or "depth").

    Args:
        joints: Names of the arm's joints.
    """
    still = [0.0] * len(joints)
    places = [convert.point(np.array([x, y, 0.02])) for x, y, _ in BLOCKS]
    states = [EntityState(np.array([x, y, 0.02]), np.full(3, 0.04), rgb) for x, y, rgb in BLOCKS]
    entities = EntityArray(
        header=WORLD,
        entities=[convert.entity_message(i, s, 'box', NOW) for i, s in enumerate(states, 1)],
    )
    messages = [
        entities,
        Bool(data=True),
        JointState(header=WORLD, name=list(joints), position=still, velocity=still, effort=still),
        _trajectory(joints),
        ConceptCommand(header=WORLD, command_id='a', expression='near(red; blue)'),
        ConceptGoal(
            header=WORLD,
            goal_id=1,
            command_id='a',
            expression='near(red; blue)',
            terms=[ConceptTerm(name='near', weight=1.0, subjects=[1], arguments=[2])],
            entities=[1, 2, 3],
            movable=[1],
            moved=[1],
            before=places,
            targets=[convert.point(np.array([0.53, -0.04, 0.02])), *places[1:]],
            initial_energy=1.0,
        ),
        ConceptStatus(
            header=WORLD,
            goal_id=1,
            command_id='a',
            status=ConceptStatus.ACTIVE,
            source='mpc_controller',
            phase='carry',
            entities=[1, 2, 3],
            attention=[0.0, 1.0, 0.0],
            active_entity=1,
        ),
        Demonstration(
            header=WORLD,
            name='beside',
            last=True,
            states=[entities, entities],
            subjects=[1],
            arguments=[2],
        ),
    ]
    return {type(message): message for message in messages} | _camera()


def _trajectory(joints: Sequence[str]) -> JointTrajectory:
    still = [0.0] * len(joints)
    times = [Duration(nanosec=20_000_000 * step) for step in range(4)]
    points = [
        JointTrajectoryPoint(positions=still, velocities=still, effort=still, time_from_start=time)
        for time in times
    ]
    return JointTrajectory(header=WORLD, joint_names=list(joints), points=points)


def _camera() -> dict[Any, Any]:
    header = Header(stamp=NOW, frame_id='camera_optical_frame')
    color = np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8)
    depth = np.full((HEIGHT, WIDTH), 1.2, dtype=np.float32)
    depth[20:28, 28:36] = 1.16
    color[20:28, 28:36] = (220, 30, 30)
    intrinsics = Intrinsics(width=WIDTH, height=HEIGHT, fx=60.0, fy=60.0, cx=32.0, cy=24.0)
    return {
        (Image, 'color'): convert.image_message(color, 'rgb8', header),
        (Image, 'depth'): convert.image_message(depth, '32FC1', header),
        CameraInfo: convert.camera_info_message(intrinsics, header),
    }
