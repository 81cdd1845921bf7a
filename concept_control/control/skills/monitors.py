"""What a script remembers between ticks: has a point settled, who leads it, which face turns."""

from __future__ import annotations

import numpy as np

from concept_control.control.skills.task_view import TaskView

MAX_TURN = np.pi / 3
"""Largest turn of a held block [rad] where another of its faces is nearer."""


class SettlingMonitor:
    """Detects that a point stayed within a radius for a while."""

    def __init__(self, radius: float, duration: float) -> None:
        """Begin with the first update.

        Args:
            radius: Largest distance from where the point came to stay [m].
            duration: Time that it must stay there [s].
        """
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


class FaceAlignment:
    """Turns the face of a held block towards its nearest neighbour.

    Corner to corner two cubes need 41 % more room than face to face. Of the four faces the one
    that needs the least turning is chosen, and kept until another needs far less.
    """

    def __init__(self, view: TaskView) -> None:
        """Begin with the heading that the tool has now."""
        self._view = view
        self._last = float(view.tool.heading)

    def heading(self, place: np.ndarray, centres: np.ndarray, clearances: np.ndarray) -> float:
        """Return the tool's heading [rad] for a block at a place.

        Args:
            place: (2,) position of the block [m].
            centres: (M, 2) positions of its neighbours [m].
            clearances: (M,) distances to be kept from them [m].
        """
        view, away = self._view, centres - place
        gaps = np.linalg.norm(away, axis=1) - clearances
        if len(gaps) and gaps.min() < view.config.alignment_gap:
            x, y = away[np.argmin(gaps)]
            face = np.arctan2(y, x) - view.twist
            self._last = _nearest_face(face, self._last)
            now = float(view.tool.heading)
            if abs(np.remainder(self._last - now + np.pi, 2 * np.pi) - np.pi) > MAX_TURN:
                self._last = _nearest_face(face, now)
        return self._last


def _nearest_face(angle: float, reference: float) -> float:
    """Return the angle, or one of a quarter turn more or less, that is nearest to another."""
    return float(angle - np.pi / 2 * np.round((angle - reference) / (np.pi / 2)))
