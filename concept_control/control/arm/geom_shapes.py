"""The shapes of geoms as others draw them: boxes, cylinders and spheres."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class GeomShape:
    """A shape in the frame of its body.

    Attributes:
        kind: 'cylinder' along z, 'sphere' or 'box'.
        size: Radius and half height; radius; or three half sides [m].
        position: (3,) centre in the body's frame [m].
        rotation: Rotation to the body's frame.
    """

    kind: str
    size: np.ndarray
    position: np.ndarray
    rotation: Rotation


def geom_shapes(model: mujoco.MjModel, geom: int) -> list[GeomShape]:
    """Return the shapes of a geom; a capsule is three, a mesh the box around it."""
    position, size = model.geom_pos[geom], model.geom_size[geom]
    rotation = Rotation.from_quat(model.geom_quat[geom], scalar_first=True)
    match int(model.geom_type[geom]):
        case mujoco.mjtGeom.mjGEOM_CAPSULE:
            end = rotation.apply([0.0, 0.0, size[1]])
            return [
                GeomShape('cylinder', size[:2], position, rotation),
                *(GeomShape('sphere', size[:1], position + s * end, rotation) for s in (-1, 1)),
            ]
        case mujoco.mjtGeom.mjGEOM_CYLINDER:
            return [GeomShape('cylinder', size[:2], position, rotation)]
        case mujoco.mjtGeom.mjGEOM_SPHERE:
            return [GeomShape('sphere', size[:1], position, rotation)]
        case mujoco.mjtGeom.mjGEOM_BOX:
            return [GeomShape('box', size, position, rotation)]
        case _:
            box = model.geom_aabb[geom]
            middle = position + rotation.apply(box[:3])
            return [GeomShape('box', box[3:], middle, rotation)]


def geom_color(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """Return (4,) RGBA in [0, 1] of a geom, or of its material."""
    material = int(model.geom_matid[geom])
    return np.array(model.geom_rgba[geom] if material < 0 else model.mat_rgba[material])
