"""Entities as collision objects of MoveIt's planning scene.

The messages are of packages that are not always there; only their fields are looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, Quaternion

from concept_control.msg import Entity, EntityArray
from concept_control.ros.bridge.detections import messages_of
from concept_control.ros.visualization.frames import entity_frame
from concept_control.world.entity import TOOL_ID


class PlanningSceneUpdates:
    """Differences of the planning scene, message by message: what came, moved and went.

    A held thing is none of the scene's: it moves with the arm that plans.
    """

    def __init__(self) -> None:
        """Begin with a scene that knows no entity.

        Raises:
            CommandError: if moveit_msgs or shape_msgs are not installed.
        """
        self._moveit, self._shapes = messages_of('moveit_msgs'), messages_of('shape_msgs')
        self._known: set[str] = set()

    def update(self, entities: EntityArray) -> Any:
        """Return the `PlanningScene` that makes the scene show these entities."""
        standing = {
            entity_frame(e.id): e
            for e in entities.entities
            if e.id != TOOL_ID and e.status != Entity.STATUS_HELD
        }
        objects = [self._object(entities, name, entity) for name, entity in standing.items()]
        for name in sorted(self._known - standing.keys()):
            gone = self._moveit.CollisionObject(header=entities.header, id=name)
            gone.operation = gone.REMOVE
            objects.append(gone)
        self._known = set(standing)
        scene = self._moveit.PlanningScene(is_diff=True)
        scene.robot_state.is_diff = True
        scene.world.collision_objects = objects
        return scene

    def _object(self, entities: EntityArray, name: str, entity: Entity) -> Any:
        found = self._moveit.CollisionObject(header=entities.header, id=name)
        x, y, z = entity.size.x, entity.size.y, entity.size.z
        solid = self._shapes.SolidPrimitive
        match entity.shape:
            case 'cylinder':
                shape = solid(type=solid.CYLINDER, dimensions=[z, max(x, y) / 2])
            case 'ball':
                shape = solid(type=solid.SPHERE, dimensions=[max(x, y, z) / 2])
            case _:
                shape = solid(type=solid.BOX, dimensions=[x, y, z])
        turn = Quaternion(z=float(np.sin(entity.yaw / 2)), w=float(np.cos(entity.yaw / 2)))
        found.pose = Pose(position=entity.position, orientation=turn)
        found.primitives, found.primitive_poses = [shape], [Pose()]
        found.operation = found.ADD
        return found
