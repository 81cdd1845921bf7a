"""A goal as markers for RViz and Foxglove: ghosts, attention, plan, energy, a slice of its field.

Each kind has a namespace of its own on the topic that entities are drawn on, and clears only it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from geometry_msgs.msg import Pose, Quaternion, Vector3
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from concept_control.control.goal import GroundedGoal
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.ros.bridge import conversions as convert
from concept_control.world.entity import TOOL_ID, EntityState, EntityStatus
from concept_control.world.workspace import Workspace

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


NAMESPACES = ('goal', 'plan', 'energy', 'energy field')

ATTENTION_COLOR = np.array([1.0, 0.55, 0.05])
PLAN_COLOR = np.array([0.2, 0.8, 1.0])

FIELD_POINTS = 25
"""Number of points along each side of the slice."""

FIELD_HEIGHT = 0.12
"""Height of the highest point of the slice above the table [m]; heights go with sqrt(E)."""

FIELD_ALPHA = 0.55
"""Opacity of the slice."""

TABLE_GAP = 0.002
"""Height above the table at which flat markers are drawn [m]."""


@dataclass(frozen=True)
class GoalDrawing:
    """What a goal looks like in a scene.

    Attributes:
        header: Stamp and fixed frame.
        goal: Goal that is pursued.
        entities: Entities perceived now, by id, fixed frame.
        workspace: Workspace of the arm.
    """

    header: Header
    goal: GroundedGoal
    entities: Mapping[int, EntityState]
    workspace: Workspace

    def markers(
        self, attended: set[int], text: str, path: np.ndarray | None, active: int = -1
    ) -> MarkerArray:
        """Draw the goal.

        Args:
            attended: Ids of what the concepts are about.
            text: Text shown beside the workspace.
            path: Positions (T, 3) of the tool's tip along the present plan [m]; None for none.
            active: Id of the entity being moved; its place is what the slice varies.
        """
        goal, drawn = self.goal, clear_markers(self.header)
        drawn.markers += self._ghosts(attended)
        if path is not None and len(path) > 1:
            line = self._marker('plan', 0, Marker.LINE_STRIP, PLAN_COLOR, 1.0)
            line.scale = Vector3(x=0.004, y=0.0, z=0.0)
            line.points = [convert.point(point) for point in path]
            drawn.markers.append(line)
        label = self._marker('energy', 0, Marker.TEXT_VIEW_FACING, np.ones(3), 1.0)
        label.pose = pose(np.array([*self.workspace.to_world(np.array([0.0, 1.25])), 0.08]), 0.0)
        label.scale, label.text = Vector3(x=0.0, y=0.0, z=0.028), text
        drawn.markers.append(label)
        chosen = active if active in goal.movable else next(iter(goal.moved or goal.movable), None)
        if chosen is not None:
            drawn.markers.append(self._field(goal.index(chosen)))
        return drawn

    def _ghosts(self, attended: set[int]) -> list[Marker]:
        """Draw what moves where it shall be, and a ring around what the goal is about."""
        goal, markers = self.goal, []
        for row, i in enumerate(goal.entity_ids):
            state = self.entities.get(i)
            if i in goal.moved:
                side = float(goal.sizes[row] * self.workspace.half_extent)
                size = np.full(3, side) if state is None else state.size
                height = side / 2 if state is None else state.position[2]
                kind = Marker.SPHERE if i == TOOL_ID else Marker.CUBE
                marker = self._marker('goal', 2 * i, kind, goal.colors[row], 0.35)
                place = self.workspace.to_world(goal.targets[row])
                marker.pose = pose(np.array([*place, height]), 0.0)
                marker.scale = Vector3(**dict(zip('xyz', map(float, size))))
                markers.append(marker)
            elif i in attended and state is not None:
                foot = state.position[2] - state.size[2] / 2 + TABLE_GAP
                marker = self._marker('goal', 2 * i + 1, Marker.CYLINDER, ATTENTION_COLOR, 0.6)
                marker.pose = pose(np.array([*state.xy, foot]), 0.0)
                marker.scale = Vector3(x=2.0 * state.width, y=2.0 * state.width, z=0.001)
                markers.append(marker)
        return markers

    def _field(self, index: int) -> Marker:
        """Draw sqrt(E) over the table as a surface, low and dark where the entity should be."""
        goal, workspace = self.goal, self.workspace
        positions = goal.before.copy()
        for row, i in enumerate(goal.entity_ids):
            if i in self.entities:
                positions[row] = workspace.to_workspace(self.entities[i].xy)
        root = np.sqrt(np.maximum(energy_field(goal, positions, index), 0.0))
        level = root / max(float(root.max()), 1e-9)
        axis = np.linspace(-1.0, 1.0, FIELD_POINTS)
        places = workspace.to_world(np.stack(np.meshgrid(axis, axis), axis=-1))
        points = np.concatenate([places, TABLE_GAP + FIELD_HEIGHT * level[..., None]], axis=-1)
        vertices = [convert.point(point) for point in points.reshape(-1, 3)]
        # Not matplotlib's: each node that draws would import that when it starts.
        bgr = cv2.applyColorMap((255 * level).round().astype(np.uint8), cv2.COLORMAP_VIRIDIS)
        rgb = bgr.reshape(-1, 3)[:, ::-1] / 255
        shades = [convert.color_message(color, FIELD_ALPHA) for color in rgb]
        # Two triangles a cell, whose corners come in the order that both share.
        number = np.arange(level.size).reshape(level.shape)
        a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
        order = np.stack([a, b, c, a, c, d], axis=-1).ravel()
        marker = self._marker('energy field', 0, Marker.TRIANGLE_LIST, np.ones(3), FIELD_ALPHA)
        marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
        marker.points = [vertices[i] for i in order]
        marker.colors = [shades[i] for i in order]
        return marker

    def _marker(
        self, namespace: str, number: int, kind: int, color: np.ndarray, alpha: float
    ) -> Marker:
        marker = Marker(header=self.header, ns=namespace, id=number, type=kind)
        marker.pose.orientation.w = 1.0
        marker.color = convert.color_message(color, alpha)
        return marker


def clear_markers(header: Header) -> MarkerArray:
    """Return what removes everything that a `GoalDrawing` draws, and nothing else."""
    removal = [Marker(header=header, ns=name, action=Marker.DELETEALL) for name in NAMESPACES]
    return MarkerArray(markers=removal)


def energy_field(goal: GroundedGoal, positions: np.ndarray, index: int) -> np.ndarray:
    """Return the energies with one entity at every point of a grid over the workspace.

    Args:
        goal: Goal whose energy it is.
        positions: Positions (N, 2) of all entities, workspace units.
        index: Row of the entity that is moved about.

    Returns:
        (P, P) energies; element [i, j] is at x_j, y_i of linspace(-1, 1, `FIELD_POINTS`).
    """
    axis = np.linspace(-1.0, 1.0, FIELD_POINTS)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    scenes = np.repeat(np.asarray(positions, dtype=float)[None], len(grid), axis=0)
    scenes[:, index] = grid
    return goal.energy(scenes).reshape(FIELD_POINTS, FIELD_POINTS)
