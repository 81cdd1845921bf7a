"""A goal as markers for RViz and Foxglove: ghosts, attention, plan, energy, a slice of its field.

Each kind has a namespace of its own on the topic that entities are drawn on, and clears only it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from geometry_msgs.msg import Vector3
from matplotlib import colormaps
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from concept_control.control.goal import GroundedGoal
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.visualization.entity_markers import pose
from concept_control.world.entity import TOOL_ID, EntityState
from concept_control.world.workspace import Workspace

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


def goal_markers(
    header: Header,
    goal: GroundedGoal,
    entities: Mapping[int, EntityState],
    workspace: Workspace,
    attended: Collection[int] = (),
    text: str = '',
    path: np.ndarray | None = None,
    active: int = -1,
) -> MarkerArray:
    """Draw a goal.

    Args:
        header: Stamp and fixed frame.
        goal: Goal that is pursued.
        entities: Entities perceived now, by id, fixed frame.
        workspace: Workspace of the arm.
        attended: Ids of what the concepts are about.
        text: Text shown beside the workspace.
        path: Positions (T, 3) of the tool's tip along the present plan [m].
        active: Id of the entity being moved; its place is what the slice varies.
    """
    markers = clear_markers(header).markers
    markers += _ghosts(header, goal, entities, workspace, attended)
    if path is not None and len(path) > 1:
        markers.append(_path(header, path))
    markers.append(_text(header, workspace, text))
    chosen = active if active in goal.movable else next(iter(goal.moved or goal.movable), None)
    if chosen is not None:
        markers.append(_field(header, goal, entities, workspace, goal.index(chosen)))
    return MarkerArray(markers=markers)


def clear_markers(header: Header) -> MarkerArray:
    """Return what removes everything `goal_markers` draws, and nothing else."""
    return MarkerArray(
        markers=[
            Marker(header=header, ns=namespace, action=Marker.DELETEALL)
            for namespace in NAMESPACES
        ]
    )


def energy_field(
    goal: GroundedGoal, positions: np.ndarray, index: int, num_points: int = FIELD_POINTS
) -> np.ndarray:
    """Return (num_points, num_points) energies with one entity at every point of the workspace.

    Args:
        goal: Goal whose energy it is.
        positions: Positions (N, 2) of all entities, workspace units.
        index: Row of the entity that is moved about.
        num_points: Number of points along each side; element [i, j] is at x_j, y_i of
            linspace(-1, 1).
    """
    axis = np.linspace(-1.0, 1.0, num_points)
    x, y = np.meshgrid(axis, axis)
    scenes = np.repeat(np.asarray(positions, dtype=float)[None], x.size, axis=0)
    scenes[:, index] = np.stack([x.ravel(), y.ravel()], axis=-1)
    return goal.energy(scenes).reshape(x.shape)


def _ghosts(
    header: Header,
    goal: GroundedGoal,
    entities: Mapping[int, EntityState],
    workspace: Workspace,
    attended: Collection[int],
) -> list[Marker]:
    """Draw what moves where it shall be, and a ring around what the goal is about."""
    markers = []
    for row, entity_id in enumerate(goal.entity_ids):
        state = entities.get(entity_id)
        if entity_id in goal.moved:
            side = float(goal.sizes[row] * workspace.half_extent)
            size = np.full(3, side) if state is None else state.size
            height = side / 2 if state is None else state.position[2]
            kind = Marker.SPHERE if entity_id == TOOL_ID else Marker.CUBE
            marker = _marker(header, 'goal', 2 * entity_id, kind, goal.colors[row], 0.35)
            marker.pose = pose(np.array([*workspace.to_world(goal.targets[row]), height]), 0.0)
            marker.scale = Vector3(x=float(size[0]), y=float(size[1]), z=float(size[2]))
            markers.append(marker)
        elif entity_id in attended and state is not None:
            foot = state.position[2] - state.size[2] / 2 + TABLE_GAP
            marker = _marker(
                header, 'goal', 2 * entity_id + 1, Marker.CYLINDER, ATTENTION_COLOR, 0.6
            )
            marker.pose = pose(np.array([*state.xy, foot]), 0.0)
            marker.scale = Vector3(x=2.0 * state.width, y=2.0 * state.width, z=0.001)
            markers.append(marker)
    return markers


def _path(header: Header, path: np.ndarray) -> Marker:
    marker = _marker(header, 'plan', 0, Marker.LINE_STRIP, PLAN_COLOR, 1.0)
    marker.scale = Vector3(x=0.004, y=0.0, z=0.0)
    marker.points = [convert.point(point) for point in path]
    return marker


def _text(header: Header, workspace: Workspace, text: str) -> Marker:
    marker = _marker(header, 'energy', 0, Marker.TEXT_VIEW_FACING, np.ones(3), 1.0)
    marker.pose = pose(np.array([*workspace.to_world(np.array([0.0, 1.25])), 0.08]), 0.0)
    marker.scale = Vector3(x=0.0, y=0.0, z=0.028)
    marker.text = text
    return marker


def _field(
    header: Header,
    goal: GroundedGoal,
    entities: Mapping[int, EntityState],
    workspace: Workspace,
    index: int,
) -> Marker:
    """Draw sqrt(E) over the table as a surface, low and dark where the entity should be."""
    positions = goal.before.copy()
    for row, entity_id in enumerate(goal.entity_ids):
        if entity_id in entities:
            positions[row] = workspace.to_workspace(entities[entity_id].xy)
    root = np.sqrt(np.maximum(energy_field(goal, positions, index), 0.0))
    level = root / max(float(root.max()), 1e-9)
    axis = np.linspace(-1.0, 1.0, len(level))
    x, y = np.meshgrid(axis, axis)
    places = workspace.to_world(np.stack([x, y], axis=-1))
    points = np.concatenate([places, TABLE_GAP + FIELD_HEIGHT * level[..., None]], axis=-1)
    rgb = colormaps['viridis'](level)[..., :3]
    # Two triangles a cell; corners in the order that both share.
    corners = ((0, 0), (0, 1), (1, 1), (0, 0), (1, 1), (1, 0))
    last = len(level) - 1
    order = np.stack(
        [
            np.arange(last * last) // last * len(level) + np.arange(last * last) % last
            + di * len(level) + dj
            for di, dj in corners
        ],
        axis=1,
    ).ravel()  # fmt: skip
    marker = _marker(header, 'energy field', 0, Marker.TRIANGLE_LIST, np.ones(3), FIELD_ALPHA)
    marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
    vertices = [convert.point(point) for point in points.reshape(-1, 3)]
    shades = [convert.color_message(color, FIELD_ALPHA) for color in rgb.reshape(-1, 3)]
    marker.points = [vertices[i] for i in order]
    marker.colors = [shades[i] for i in order]
    return marker


def _marker(
    header: Header, namespace: str, number: int, kind: int, color: np.ndarray, alpha: float
) -> Marker:
    marker = Marker(header=header, ns=namespace, id=number, type=kind)
    marker.pose.orientation.w = 1.0
    marker.color = convert.color_message(color, alpha)
    return marker
