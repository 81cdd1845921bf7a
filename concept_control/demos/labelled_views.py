"""Views of the simulated scene with the ids that messages speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from concept_control.perception.annotate import write
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera

VIEWS = ('oblique', 'top')
"""Cameras of the views, in their order."""

LABEL_COLOR, LABEL_SCALE = (255, 255, 255), 0.5
"""RGB and size of the labels."""


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
