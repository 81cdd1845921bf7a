"""Debug picture: entities drawn over the image of a camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.detector import Detection
from concept_control.perception.detection.outline import outline_polygon
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.world.entity import EntityStatus

LINE_COLORS = {
    EntityStatus.SEEN: (255, 255, 255),
    EntityStatus.OCCLUDED: (255, 190, 60),
    EntityStatus.HELD: (255, 90, 255),
}
"""RGB of outlines and labels by status."""

ELLIPSE_SIGMAS = 3.0
"""Standard deviations a covariance ellipse encloses."""

ELLIPSE_COLOR, NUM_ELLIPSE = (255, 60, 60), 32
"""RGB and number of points of a covariance ellipse."""

FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(
    color: np.ndarray,
    intrinsics: Intrinsics,
    T_world_camera: np.ndarray,
    entities: Sequence[TrackedEntity],
    attention: Mapping[int, float] | None = None,
    caption: str = '',
) -> np.ndarray:
    """Draw entities over an image.

    Each entity gets its outline, its id and size, a swatch of the measured colour and the ellipse
    of its position's covariance on the table (three standard deviations); white is seen, amber
    occluded, magenta held.

    Args:
        color: (H, W, 3) uint8 RGB; not changed.
        intrinsics: Calibration of the camera.
        T_world_camera: (4, 4) pose of the optical frame.
        entities: Entities to draw.
        attention: Attention in [0, 1] by id; if given, what is not attended is darkened.
        caption: Line of text at the top.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        PerceptionError: If the image does not fit the calibration.
    """
    if color.shape != (intrinsics.height, intrinsics.width, 3):
        raise PerceptionError(
            f'the image is {color.shape}; the calibration is for '
            f'{(intrinsics.height, intrinsics.width, 3)}'
        )
    drawn = [
        (entity, polygon)
        for entity in entities
        if (polygon := _polygon(entity, intrinsics, T_world_camera)) is not None
    ]
    picture = color.copy()
    if attention is not None:
        light = np.full(picture.shape[:2], 0.35, dtype=np.float32)
        for entity, polygon in drawn:
            share = float(np.clip(attention.get(entity.id, 0.0), 0.0, 1.0))
            cv2.fillConvexPoly(light, polygon, 0.35 + 0.65 * share)
        picture = (picture * light[..., None]).astype(np.uint8)
    for entity, polygon in drawn:
        line = LINE_COLORS[entity.status]
        draw_polygon(picture, polygon, line)
        draw_polygon(
            picture, covariance_ellipse(entity, intrinsics, T_world_camera), ELLIPSE_COLOR
        )
        _label(picture, entity, polygon, line)
    if caption:
        write(picture, caption, (6, 16), (255, 255, 255), 0.45)
    return picture


def _polygon(entity: TrackedEntity, intrinsics: Intrinsics, pose: np.ndarray) -> np.ndarray | None:
    try:
        polygon = outline_polygon(
            entity.shape, entity.position, entity.size, entity.yaw, intrinsics, pose
        )
    except PerceptionError:
        return None
    return np.rint(polygon).astype(np.int32)


def covariance_ellipse(
    body: Detection | TrackedEntity, intrinsics: Intrinsics, T_world_camera: np.ndarray
) -> np.ndarray | None:
    """Return the (P, 2) image (u, v) of the horizontal `ELLIPSE_SIGMAS` ellipse of a position.

    Args:
        body: Body whose position has a covariance.
        intrinsics: Calibration of the camera.
        T_world_camera: (4, 4) pose of the optical frame.

    Returns:
        The ellipse, or None if it is behind the camera.
    """
    position, covariance = body.position, body.covariance
    values, vectors = np.linalg.eigh(covariance[:2, :2])
    angle = np.linspace(0.0, 2.0 * np.pi, NUM_ELLIPSE, endpoint=False)
    radii = ELLIPSE_SIGMAS * np.sqrt(np.maximum(values, 0.0))
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) * radii @ vectors.T
    points = position + np.column_stack([ring, np.zeros(NUM_ELLIPSE)])
    try:
        return intrinsics.project((points - T_world_camera[:3, 3]) @ T_world_camera[:3, :3])
    except PerceptionError:
        return None


def draw_polygon(
    picture: np.ndarray, polygon: np.ndarray | None, color: tuple[int, int, int]
) -> None:
    """Draw the border of a polygon (C, 2) into an RGB picture, in place; None draws nothing."""
    if polygon is not None:
        pixels = np.rint(polygon).astype(np.int32)
        cv2.polylines(picture, [pixels], isClosed=True, color=color, lineType=cv2.LINE_AA)


def draw_swatch(picture: np.ndarray, place: tuple[int, int], color: np.ndarray, size: int) -> None:
    """Draw a square in a colour (3,) that ends on the line of a text, in place."""
    left, bottom = place
    corners = (left, bottom - size), (left + size, bottom)
    fill = tuple(round(255 * float(value)) for value in np.clip(color, 0.0, 1.0))
    cv2.rectangle(picture, *corners, fill, thickness=-1)
    cv2.rectangle(picture, *corners, (0, 0, 0), thickness=1)


def _label(
    picture: np.ndarray,
    entity: TrackedEntity,
    polygon: np.ndarray,
    line: tuple[int, int, int],
) -> None:
    right, top = int(polygon[:, 0].max()) + 3, int(polygon[:, 1].min()) + 8
    draw_swatch(picture, (right, top), entity.color, 7)
    write(picture, f'#{entity.id}', (right + 11, top), line, 0.4)
    detail = f'{entity.shape} {1e3 * float(entity.size.max()):.0f}'
    if entity.status != EntityStatus.SEEN:
        detail = entity.status.name.lower()
    write(picture, detail, (right, top + 11), line, 0.32)


def write(
    picture: np.ndarray,
    text: str,
    place: tuple[int, int],
    color: tuple[int, int, int],
    scale: float,
) -> None:
    """Write a line on a darkened patch of an RGB picture, in place; legible on anything."""
    (width, height), base = cv2.getTextSize(text, FONT, scale, 1)
    left, top = max(place[0] - 1, 0), max(place[1] - height - 1, 0)
    patch = picture[top : place[1] + base, left : place[0] + width + 1]
    patch //= 3
    cv2.putText(picture, text, place, FONT, scale, color, 1, cv2.LINE_AA)
