"""The shapes of an arm and the poses of its bodies, for pictures that others draw."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from concept_control.control.arm.geom_shapes import GeomShape, geom_color, geom_shapes
from concept_control.simulation.scene import Scene
from concept_control.simulation.world import SimulatedWorld


@dataclass(frozen=True, kw_only=True)
class ArmShape(GeomShape):
    """A part of the arm to draw.

    Attributes:
        body: Index of the body among the poses of `body_poses`.
        color: (3,) RGB in [0, 1].
    """

    body: int
    color: np.ndarray


def arm_shapes(scene: Scene) -> tuple[ArmShape, ...]:
    """Return the shapes of the arm in a scene; a mesh is drawn as the box around it."""
    model = scene.model
    bodies = _arm_bodies(model)
    shapes: list[ArmShape] = []
    for geom in range(model.ngeom):
        body, color = int(model.geom_bodyid[geom]), geom_color(model, geom)
        if body not in bodies or color[3] == 0:
            continue
        shapes += [
            ArmShape(**vars(shape), body=bodies.index(body), color=color[:3])
            for shape in geom_shapes(model, geom)
        ]
    return tuple(shapes)


def body_poses(world: SimulatedWorld) -> np.ndarray:
    """Return position [m] and rotation of each of the arm's bodies, (B, 1 + 3, 3), world frame."""
    data, bodies = world.data, _arm_bodies(world.model)
    return np.hstack([data.xpos[bodies, None], data.xmat[bodies].reshape(-1, 3, 3)])


def _arm_bodies(model: mujoco.MjModel) -> list[int]:
    """Return the bodies that are not the world's and no blocks, which move freely."""
    blocks = model.jnt_bodyid[model.jnt_type == mujoco.mjtJoint.mjJNT_FREE]
    return [b for b in range(1, model.nbody) if b not in blocks]
