"""Views of the simulated scene with what is known of it: the ids of things, or drawn lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from concept_control.perception.annotate import write
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera

VIEWS = ('oblique', 'top')
"""Cameras of the views, in their order."""

LABEL_COLOR, LABEL_SCALE = (255, 255, 255), 0.5
"""RGB and size of the labels."""

INK = (20, 90, 220)
"""Colour of drawn lines, RGB."""

HIDDEN_DEPTH = 0.012
"""Depth behind what the camera sees from which a point is hidden [m]."""


def views_with_lines(
    model: Any,
    data: Any,
    lines: Sequence[np.ndarray],
    images: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Return the views (H, W, 3) with lines drawn on the table where nothing hides them.

    Args:
        model: MuJoCo model of a scene with the cameras `VIEWS`.
        data: State of it.
        lines: Lines (L, 3), world frame [m].
        images: Images that these cameras have taken; None renders them.
    """
    pictures = []
    for number, name in enumerate(VIEWS):
        height, width = (720, 960) if images is None else images[number].shape[:2]
        with SimulatedCamera(model, name, width, height) as camera:
            color, depth = camera.render(data)
            picture = np.ascontiguousarray(color if images is None else images[number])
            pose, size = camera.T_world_camera(data), np.array([width, height])
            for line in lines:
                seen = (line * [1.0, 1.0, 0.0] - pose[:3, 3]) @ pose[:3, :3]
                pixels = camera.intrinsics.project(seen)
                rounded = np.round(pixels).astype(int)
                columns, rows = np.clip(rounded, 0, size - 1).T
                visible = ((rounded >= 0) & (rounded < size)).all(axis=1)
                visible &= seen[:, 2] <= depth[rows, columns] + HIDDEN_DEPTH
                # Sub-pixel coordinates: OpenCV takes them as fixed-point numbers.
                fixed = np.round(pixels * 16).astype(np.int32)
                thickness = max(2, round(width / 320))
                for k in np.flatnonzero(visible[:-1] & visible[1:]):
                    cv2.line(picture, fixed[k], fixed[k + 1], INK, thickness, cv2.LINE_AA, 4)
        pictures.append(picture)
    return pictures


def labelled_views(
    images: Sequence[np.ndarray], arm: str, places: Mapping[int, np.ndarray]
) -> list[np.ndarray]:
    """Return the views (H, W, 3) with the id of each entity written beside it.

    Args:
        images: Images of the cameras `VIEWS`, (H, W, 3) uint8 RGB; not changed.
        arm: Arm in whose scene the cameras are.
        places: (3,) position of each entity by id, world frame [m].
    """
    scene = build_scene(SceneConfig(num_blocks=0, arm=arm))
    data = scene.new_data()
    pictures = []
    for image, name in zip(images, VIEWS):
        picture = np.ascontiguousarray(image).copy()
        height, width = picture.shape[:2]
        # Only its geometry is needed, which no renderer must start for.
        with SimulatedCamera(scene.model, name, width, height, 'raycast') as camera:
            pose = camera.T_world_camera(data)
            for number, place in places.items():
                seen = (place - pose[:3, 3]) @ pose[:3, :3]
                u, v = np.rint(camera.intrinsics.project(seen[None])[0]).astype(int).tolist()
                if 0 <= u < width and 0 <= v < height:
                    write(picture, f'#{number}', (u + 8, v), LABEL_COLOR, LABEL_SCALE)
        pictures.append(picture)
    return pictures
