"""What a script remembers between ticks: has a point settled, who leads it, which face turns."""

from __future__ import annotations

import numpy as np

from concept_control.control.skills.task_view import TaskView
from concept_control.world.entity import EntityStatus
from concept_control.world.workspace import Workspace

LEFT_BEHIND_DISTANCE, LEFT_BEHIND_TIME = 0.08, 0.5
"""Distance from where a block was taken [m], and time for which it must be seen there [s]: what
hangs in the air near by may be seen a little beside its place."""

SAME_COLOR = 0.25
"""Largest distance of two colours of one block, RGB."""

MAX_TURN = np.pi / 3
"""Largest turn of a held block [rad] where another of its faces is nearer."""


class SettlingMonitor:
    """Detects that a point stayed within a radius for a while."""

    def __init__(self, radius: float, duration: float) -> None:
        """Begin with the first update; radius [m] and duration [s] are of staying in one place."""
        self._radius, self._duration = radius, duration
        self._place, self._since = np.full(2, np.inf), np.inf

    def update(self, time: float, xy: np.ndarray) -> bool:
        """Tell whether a point, now at (2,) [m], has settled."""
        if np.linalg.norm(xy - self._place) > self._radius:
            self._place, self._since = xy, time
        return time - self._since >= self._duration


class BasinMonitor:
    """Detects that a point is so near to a guide that the energy alone shall lead it.

    Once it has come near, it is left to the energy for good, wherever that leads it, until the
    guide itself jumps away: going back and forth between two goals would never end.
    """

    def __init__(self, radius: float) -> None:
        """Begin outside; `radius` is the largest distance that is near [m]."""
        self._radius = radius
        self._entered: np.ndarray | None = None

    def update(self, guide: np.ndarray, xy: np.ndarray) -> bool:
        """Tell whether the energy leads a point at (2,) [m] with the guide at (2,) [m]."""
        is_near = bool(np.linalg.norm(guide - xy) < self._radius)
        if self._entered is None or np.linalg.norm(guide - self._entered) > self._radius:
            self._entered = guide.copy() if is_near else None
        return self._entered is not None


class LeftBehindMonitor:
    """Detects that a block which counts as held is seen where it was taken.

    Perception believes the cup, too: what it sees there may have got another id.
    """

    def __init__(self, view: TaskView) -> None:
        """Begin where the block is taken, if one is held."""
        self._view = view
        self._taken = view.entities.get(-1 if view.held is None else view.held)
        self._since = np.inf

    def update(self) -> bool:
        """Tell whether the held block has been seen there for a while."""
        view, taken = self._view, self._taken
        is_seen = (
            view.held is not None
            and taken is not None
            and np.linalg.norm(view.held_position[:2] - taken.xy) > LEFT_BEHIND_DISTANCE
            and any(
                entity.status is EntityStatus.SEEN
                and np.linalg.norm(entity.xy - taken.xy) < taken.width / 2
                and np.linalg.norm(np.subtract(entity.color, taken.color)) < SAME_COLOR
                for entity in view.entities.values()
            )
        )
        self._since = min(self._since, view.time) if is_seen else np.inf
        return view.time - self._since >= LEFT_BEHIND_TIME


class FaceAlignment:
    """Turns the face of a held block towards its nearest neighbour.

    Corner to corner two cubes need 41 % more room than face to face. Of the four faces the one
    that needs the least turning is chosen, and kept until another needs far less. Fingers turn one
    of the two faces that they leave free, as little from home as it goes. In an open box faces and
    fingers are turned along its walls.
    """

    def __init__(self, view: TaskView) -> None:
        """Begin with the heading that the tool has now."""
        self._view = view
        self._last = float(view.tool.heading)
        self._home = float(view.kinematics.tool(view.arm.home).heading)

    def heading(
        self, place: np.ndarray, centres: np.ndarray, clearances: np.ndarray, fence: Workspace
    ) -> float:
        """Return the tool's heading [rad] for a block at a place.

        Args:
            place: (2,) position of the block [m].
            centres: (M, 2) positions of its neighbours [m].
            clearances: (M,) distances to be kept from them [m].
            fence: Square that it stays in: the workspace, or the inside of an open box.
        """
        view, away = self._view, centres - place
        gaps = np.linalg.norm(away, axis=1) - clearances
        is_boxed = fence is not view.arm.workspace
        has_neighbour = len(gaps) > 0 and gaps.min() < view.config.alignment_gap
        if has_neighbour or is_boxed:
            x, y = away[np.argmin(gaps)] if has_neighbour else (0.0, 0.0)
            bearing = float(np.arctan2(y, x))
            if view.arm.fingers is not None:
                turn = bearing + np.pi / 2 if has_neighbour else self._home
                turn = nearest_turn(fence.yaw, turn, np.pi / 2) if is_boxed else turn
                self._last = nearest_turn(turn, self._home, np.pi)
                return self._last
            face = (fence.yaw if is_boxed else bearing) - view.twist
            self._last = nearest_turn(face, self._last, np.pi / 2)
            now = float(view.tool.heading)
            if abs(np.remainder(self._last - now + np.pi, 2 * np.pi) - np.pi) > MAX_TURN:
                self._last = nearest_turn(face, now, np.pi / 2)
        return self._last


def nearest_turn(angle: float, reference: float, period: float) -> float:
    """Return the angle, or one of some periods more or less, that is nearest to another [rad]."""
    return float(angle - period * np.round((angle - reference) / period))
