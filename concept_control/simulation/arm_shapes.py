"""The shapes of an arm and the poses of its bodies, for pictures that others draw."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from concept_control.control.arm.geom_shapes import geom_color, geom_shapes
from concept_control.simulation.scene import Scene
from concept_control.simulation.world import SimulatedWorld

Rows = tuple[tuple[float, ...], ...]
"""The rows of a rotation matrix."""


@dataclass(frozen=True)
class ArmShape:
    """A part of the arm to draw, in the frame of its body.

    Attributes:
        body: Index of the body among the poses of `body_poses`.
        kind: 'cylinder' along z, 'sphere' or 'box'.
        size: Radius and half height; radius; or three half sides [m].
        position: Centre in the body's frame [m].
        rotation: Rotation to the body's frame.
        color: RGB in [0, 1].
    """

    body: int
    kind: str
    size: tuple[float, ...]
    position: tuple[float, ...]
    rotation: Rows
    color: tuple[float, ...]


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
            ArmShape(
                bodies.index(body),
                shape.kind,
                _plain(shape.size),
                _plain(shape.position),
                rows(shape.rotation.as_matrix()),
                _plain(color[:3]),
            )
            for shape in geom_shapes(model, geom)
        ]
    return tuple(shapes)


def body_poses(world: SimulatedWorld) -> tuple[tuple[tuple[float, ...], Rows], ...]:
    """Return position [m] and rotation of each of the arm's bodies, world frame."""
    data = world.data
    return tuple(
        (_plain(data.xpos[body]), rows(data.xmat[body].reshape(3, 3)))
        for body in _arm_bodies(world.model)
    )


def rows(matrix: np.ndarray) -> Rows:
    """Return a matrix as plain numbers."""
    return tuple(_plain(row) for row in matrix)


def _arm_bodies(model: mujoco.MjModel) -> list[int]:
    """Return the bodies that are not the world's and no blocks, which move freely."""
    blocks = model.jnt_bodyid[model.jnt_type == mujoco.mjtJoint.mjJNT_FREE]
    return [b for b in range(1, model.nbody) if b not in blocks]


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)
