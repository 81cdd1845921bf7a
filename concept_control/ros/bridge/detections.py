"""`vision_msgs/Detection3DArray` to detections and from entities.

The messages are of a package that is not always there; only their fields are looked at.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from concept_control.errors import CommandError, PerceptionError
from concept_control.msg import EntityArray
from concept_control.perception.detection.detector import Detection
from concept_control.perception.known_things import KnownThings
from concept_control.world.entity import TOOL_ID

SIGMA = 0.002
"""Standard deviation of a position where a detector gives none [m]."""


def messages_of(package: str) -> ModuleType:
    """Return the module with the messages of a package that need not be installed.

    Raises:
        CommandError: if they are not.
    """
    try:
        return import_module(f'{package}.msg')
    except ImportError as error:
        raise CommandError(
            f'{package} is not installed: apt install ros-$ROS_DISTRO-'
            f'{package.replace("_", "-")} ({error})'
        ) from error


def detections_of(message: Any, frame: str, things: KnownThings | None) -> list[Detection]:
    """Return the detections in a `Detection3DArray`.

    A thing whose likeliest class is known has the size, colour and shape that are known of it;
    others have the size of their box, and are grey.

    Args:
        message: Message.
        frame: Fixed frame, which it must be in.
        things: Known things by their classes; None for none.

    Raises:
        PerceptionError: for another frame, or values that no thing can have.
    """
    if message.header.frame_id != frame:
        raise PerceptionError(
            f'detections are in frame {message.header.frame_id!r}; expected {frame!r}'
        )
    known = {} if things is None else things.by_class
    found = []
    for one in message.detections:
        kind, variance = '', np.eye(3) * SIGMA**2
        if one.results:
            likeliest = max(one.results, key=lambda result: result.hypothesis.score)
            kind = likeliest.hypothesis.class_id
            given = np.asarray(likeliest.pose.covariance, dtype=float).reshape(6, 6)[:3, :3]
            variance = given if np.trace(given) > 0 else variance
        center, size = one.bbox.center, one.bbox.size
        p, q = center.position, center.orientation
        position = np.array([p.x, p.y, p.z])
        sides = np.array([size.x, size.y, size.z])
        turn = np.array([q.x, q.y, q.z, q.w])
        values = np.concatenate([position, sides, turn, variance.ravel()])
        if not np.isfinite(values).all() or (sides <= 0).any() or not turn.any():
            raise PerceptionError(
                f'a detection of {kind or "no class"} has a box of {sides.tolist()} m at '
                f'{position.tolist()}, turned by {turn.tolist()}: expected finite numbers, sides '
                '> 0 and a quaternion'
            )
        yaw = float(Rotation.from_quat(turn).as_euler('ZYX')[0])
        thing = known.get(kind)
        found.append(
            Detection(
                position=position,
                covariance=variance,
                color=np.array(thing.color if thing else (0.5, 0.5, 0.5)),
                size=np.array(thing.size) if thing else sides,
                yaw=yaw,
                shape=thing.shape if thing else 'box',
                num_pixels=0,
                visible_fraction=1.0,
            )
        )
    return found


def detections_message(entities: EntityArray) -> Any:
    """Return entities, but for the tool, as a `Detection3DArray`.

    Raises:
        CommandError: if vision_msgs is not installed.
    """
    vision = messages_of('vision_msgs')
    message = vision.Detection3DArray(header=entities.header)
    for entity in entities.entities:
        if entity.id == TOOL_ID:
            continue
        one = vision.Detection3D(header=entities.header, id=str(entity.id))
        one.bbox.center.position = entity.position
        one.bbox.center.orientation.z = float(np.sin(entity.yaw / 2))
        one.bbox.center.orientation.w = float(np.cos(entity.yaw / 2))
        one.bbox.size = entity.size
        result = vision.ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = entity.shape or 'thing', 1.0
        result.pose.pose = one.bbox.center
        covariance = np.zeros((6, 6))
        covariance[:3, :3] = np.reshape(entity.covariance, (3, 3))
        result.pose.covariance = covariance.ravel()
        one.results = [result]
        message.detections.append(one)
    return message
