"""Poses of a pen, split into strokes: by pauses, by lifting, or by where it starts anew."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MIN_POINTS = 8
"""A stroke with fewer points is a slip of the pen."""


@dataclass
class StrokeSplitter:
    """Collects positions with their times; a stroke ends where the pen pauses or is lifted.

    Attributes:
        pause: Shortest gap in time, or rest, that ends a stroke [s].
        rest: Largest distance within which the pen rests [m].
        max_height: Height above which the pen is lifted [m]; None if it never is.
        strokes: Finished strokes, (L, 2) each.
    """

    pause: float = 0.5
    rest: float = 0.002
    max_height: float | None = None
    strokes: list[np.ndarray] = field(default_factory=list)
    _points: list[np.ndarray] = field(default_factory=list)
    _moved: float = float('-inf')
    _last: float = float('-inf')

    def add(self, stamp: float, position: np.ndarray) -> None:
        """Take the next position (3,) [m] at its time [s]; what is not finite is left out."""
        if not (np.isfinite(stamp) and np.isfinite(position).all()):
            return
        is_lifted = self.max_height is not None and position[2] > self.max_height
        if is_lifted or stamp - self._last > self.pause or stamp < self._last:
            self._end()
        self._last = stamp
        if is_lifted:
            return
        if self._points and np.linalg.norm(position[:2] - self._points[-1]) < self.rest:
            # Points closer than this are noise; a rest of them is the end.
            if stamp - self._moved > self.pause:
                self._end()
                self._points = [position[:2].copy()]
                self._moved = float('inf')
            return
        self._points.append(position[:2].copy())
        self._moved = stamp

    def finish(self) -> list[np.ndarray]:
        """End the present stroke and return all."""
        self._end()
        return self.strokes

    def _end(self) -> None:
        if len(self._points) >= MIN_POINTS:
            self.strokes.append(np.array(self._points))
        self._points = []
