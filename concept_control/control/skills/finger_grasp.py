"""How two fingers seize a block: across which of its faces, how low, and how wide open."""

from __future__ import annotations

import numpy as np

from concept_control.control.arm.fingers import PALM_DEPTH
from concept_control.control.skills.monitors import nearest_turn
from concept_control.control.skills.support import wall_posts
from concept_control.control.skills.task_view import TaskView
from concept_control.world.entity import TOOL_ID, EntityState

DEPTH = 0.006
"""Depth of the tips below the middle of a block that they seize [m]."""

LEAST_HEIGHT = 0.004
"""Least height of the tips above what the block stands on [m]."""

ROOM = 0.008
"""Free space at each finger beside a block that is to be seized [m], less for wide ones."""

RELEASE_ROOM = 0.003
"""The same where a block is let go of."""

ENOUGH_SPACE = 0.01
"""Space to others from which more makes no face better [m]."""

SQUEEZE_TOLERANCE = 0.006
"""Largest difference of the fingers' opening to the width of the block between them [m]: with
more, it is seized by its corners, or is another one."""

WALL_POSTS = 16
"""Points of each wall of an open box that are kept clear of: nearer than a finger is wide."""


class FingerGrasp:
    """The grasp of one block, with the face that was chosen when it began.

    Attributes:
        opening: Distance between the fingers on the way down [m].
        space: Least distance from the fingers and the palm, when they are around the block, to
            any other thing [m].
    """

    def __init__(self, view: TaskView, entity_id: int) -> None:
        """Choose the face; of two with enough space, the one that needs the lesser turn."""
        fingers = view.arm.fingers
        assert fingers is not None
        self._view, self._id, self._fingers = view, entity_id, fingers
        self._known = entity = view.entities[entity_id]
        self.opening = min(entity.width + 2 * ROOM, fingers.opening)
        home = float(view.kinematics.tool(view.arm.home).heading)
        turns = [nearest_turn(entity.yaw + k * np.pi / 2, home, np.pi) for k in (0, 1)]
        spaces = [self._space(entity, turn) for turn in turns]
        best = max((0, 1), key=lambda k: (min(spaces[k], ENOUGH_SPACE), -abs(turns[k] - home)))
        self._heading, self.space = turns[best], spaces[best]

    @property
    def heading(self) -> float:
        """Heading of the tool across the chosen face, as the block stands now [rad]."""
        self._known = self._view.entities.get(self._id, self._known)
        return nearest_turn(self._known.yaw, self._heading, np.pi / 2)

    def fits(self, opening: float) -> bool:
        """Tell whether fingers that close no further hold the block by two of its faces."""
        return not (np.abs(self._known.size[:2] - opening) > SQUEEZE_TOLERANCE).all()

    def _space(self, entity: EntityState, heading: float) -> float:
        """Return the least distance to another thing with the fingers across a heading [m]."""
        view, fingers = self._view, self._fingers
        tip = tip_height(entity)
        along = np.array([np.cos(heading), np.sin(heading)])
        across = np.array([-along[1], along[0]])
        space = np.inf
        for entity_id, other in view.entities.items():
            if entity_id in (TOOL_ID, self._id) or other.top < tip:
                continue
            # Of a block that may be turned either way, what its inner circle covers is certain.
            offsets, radius = view.position(entity_id)[None, :2] - entity.xy, other.width / 2
            if other.rim > 0:
                offsets, radius = offsets + wall_posts(other, WALL_POSTS), other.rim / 2
            places = np.abs(offsets @ np.column_stack([along, across]))
            middle = self.opening / 2 + fingers.thickness / 2
            parts = [_outside(places - [middle, 0.0], fingers.thickness, fingers.width)]
            if other.top > tip + fingers.length:
                palm = fingers.opening + 2 * fingers.thickness
                parts.append(_outside(places, palm, PALM_DEPTH))
            space = min(space, *(float(distances.min()) - radius for distances in parts))
        return space


def _outside(places: np.ndarray, length: float, width: float) -> np.ndarray:
    """Return the distances (K,) of points (K, 2) from a rectangle about the origin [m]."""
    beyond = np.maximum(np.abs(places) - np.array([length, width]) / 2, 0.0)
    return np.asarray(np.linalg.norm(beyond, axis=-1))


def tip_height(entity: EntityState) -> float:
    """Return the height of the tips at which a block is seized [m]."""
    middle = float(entity.position[2])
    return max(middle - DEPTH, middle - entity.size[2] / 2 + LEAST_HEIGHT)


def release_opening(view: TaskView) -> float:
    """Return the distance of the fingers that lets go of what is between them [m]; NaN: none."""
    if view.arm.fingers is None:
        return float('nan')
    return float(np.fmin(view.opening + 2 * RELEASE_ROOM, view.arm.fingers.opening))
