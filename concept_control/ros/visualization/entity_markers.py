"""Entities as markers for RViz and Foxglove: boxes, names, covariance ellipses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from geometry_msgs.msg import Pose, Quaternion, Vector3
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.ros.bridge import conversions as convert
from concept_control.world.entity import EntityStatus

ELLIPSE_SIGMAS = 3.0
"""Half axes of the covariance ellipse, in standard deviations."""

DIM = 0.25
"""Brightness of what is not attended while something is."""

SHAPES = {'box': Marker.CUBE, 'cylinder': Marker.CYLINDER, 'ball': Marker.SPHERE}


def entity_markers(
    header: Header, entities: Sequence[TrackedEntity], attention: Mapping[int, float]
) -> MarkerArray:
    """Draw entities; where some are attended, the others are darker.

    Args:
        header: Stamp and fixed frame.
        entities: Entities to draw.
        attention: Attention in [0, 1] by id; empty while nothing is attended.
    """
    markers = [Marker(header=header, ns='entities', action=Marker.DELETEALL)]
    for entity in entities:
        brightness = 1.0 if not attention else max(attention.get(entity.id, 0.0), DIM)
        parts = (_body(entity, brightness), _ellipse(entity), _name(entity))
        for number, part in enumerate(parts, start=3 * entity.id):
            part.header, part.ns, part.id = header, 'entities', number
            markers.append(part)
    return MarkerArray(markers=markers)


def _body(entity: TrackedEntity, brightness: float) -> Marker:
    size = np.asarray(entity.size, dtype=float)
    return Marker(
        type=SHAPES.get(entity.shape, Marker.CUBE),
        pose=pose(entity.position, entity.yaw),
        scale=Vector3(x=float(size[0]), y=float(size[1]), z=float(size[2])),
        color=convert.color_message(brightness * np.asarray(entity.color)),
    )


def _ellipse(entity: TrackedEntity) -> Marker:
    """Return the horizontal covariance as a flat cylinder on the body."""
    values, vectors = np.linalg.eigh(np.asarray(entity.covariance, dtype=float)[:2, :2])
    axes = 2 * ELLIPSE_SIGMAS * np.sqrt(np.maximum(values, 1e-10))
    top = np.array(entity.position, dtype=float)
    top[2] += entity.size[2] / 2 + 0.001
    return Marker(
        type=Marker.CYLINDER,
        pose=pose(top, float(np.arctan2(vectors[1, 0], vectors[0, 0]))),
        scale=Vector3(x=float(axes[0]), y=float(axes[1]), z=0.001),
        color=convert.color_message(np.ones(3), alpha=0.6),
    )


def _name(entity: TrackedEntity) -> Marker:
    above = np.array(entity.position, dtype=float)
    above[2] += entity.size[2] / 2 + 0.02
    return Marker(
        type=Marker.TEXT_VIEW_FACING,
        pose=pose(above, 0.0),
        scale=Vector3(x=0.0, y=0.0, z=0.02),
        color=convert.color_message(np.ones(3)),
        text=f'#{entity.id}'
        + ('' if entity.status is EntityStatus.SEEN else f' {entity.status.name.lower()}'),
    )


def pose(position: np.ndarray, yaw: float) -> Pose:
    """Return a pose at (3,) [m], turned about the vertical axis [rad]."""
    x, y, z, w = (float(v) for v in Rotation.from_euler('z', yaw).as_quat())
    return Pose(position=convert.point(position), orientation=Quaternion(x=x, y=y, z=z, w=w))
