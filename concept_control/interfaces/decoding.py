"""Messages to plain, checked values: stamps, entities, calibrations.

The same for messages that rclpy delivers and for those read from a bag without any ROS: only
their fields are looked at, as `msg/` and the standard packages define them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from concept_control.errors import ConceptControlError, PerceptionError
from concept_control.interfaces.constants import allowed
from concept_control.perception.camera_model import Intrinsics
from concept_control.world.entity import OPEN_BOX, RIM, TOOL_ID, EntityState, EntityStatus


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
        values = np.concatenate([position, color, size, entity.covariance, [entity.yaw]])
        if not np.isfinite(values).all():
            raise PerceptionError(f'entity #{entity.id} holds NaN or infinity')
        if (size <= 0).any():
            raise PerceptionError(f'entity #{entity.id} has size {size.tolist()}; expected > 0 m')
        if entity.status not in list(EntityStatus):
            raise PerceptionError(
                f'entity #{entity.id} has status {entity.status}; allowed: {allowed(EntityStatus)}'
            )
        states[entity.id] = EntityState(
            position=position,
            size=size,
            color=np.clip(color, 0.0, 1.0),
            status=EntityStatus(entity.status),
            yaw=entity.yaw,
            rim=_rim(entity, size),
        )
    return states


def _rim(entity: Any, size: np.ndarray) -> float:
    """Return how thick the walls of an open box are taken to be [m]; 0 for other shapes."""
    if entity.shape != OPEN_BOX:
        return 0.0
    if size.min() <= 4 * RIM:
        raise PerceptionError(
            f'entity #{entity.id} is an open box of {size.tolist()} m; expected sides of more '
            f'than {4 * RIM} m, as its walls are taken to be {RIM} m thick'
        )
    return RIM


def intrinsics_of(message: Any) -> Intrinsics:
    """Read the calibration of a camera.

    Raises:
        PerceptionError: if it is missing, of an unknown distortion model, or for a part of the
            camera's image only.
    """
    roi = message.roi
    is_whole = (roi.width, roi.height) in ((0, 0), (message.width, message.height))
    if roi.x_offset or roi.y_offset or not is_whole:
        raise PerceptionError(
            f'camera_info has a region of interest of {roi.width} x {roi.height} pixels at '
            f'({roi.x_offset}, {roi.y_offset}): only whole images are understood'
        )
    if message.binning_x > 1 or message.binning_y > 1:
        raise PerceptionError(
            f'camera_info has binning {message.binning_x} x {message.binning_y}: publish the '
            "calibration of the images' own size, with binning 0 or 1"
        )
    return Intrinsics.from_calibration(
        message.width, message.height, list(message.k), list(message.d), message.distortion_model
    )


def check_headers(color: Any, depth: Any, info: Any) -> None:
    """Refuse a pair of images and a calibration that are not of one camera.

    Args:
        color: Colour image.
        depth: Depth image, registered to it.
        info: Calibration of the camera.

    Raises:
        PerceptionError: naming what came and what was expected.
    """
    for what, stamp in (('colour', color.header.stamp), ('depth', depth.header.stamp)):
        if stamp.sec < 0 or stamp.nanosec >= 1_000_000_000:
            raise PerceptionError(
                f'the {what} stamp of {stamp.sec} s and {stamp.nanosec} ns is no time: expected '
                'seconds >= 0 and less than 1e9 nanoseconds'
            )
    frames = (color.header.frame_id, depth.header.frame_id, info.header.frame_id)
    if len(set(frames)) > 1:
        raise PerceptionError(
            f'the colour image is in frame {frames[0]!r}, the depth image in {frames[1]!r} and '
            f'camera_info in {frames[2]!r}: use the depth that is registered to the colour '
            "camera, and the colour camera's camera_info"
        )


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
