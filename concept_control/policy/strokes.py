"""Strokes: drawn lines as trajectories of equal steps that start at the origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from concept_control.errors import StrokeError

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


NUM_STEPS = 64
"""Number T of steps a stroke is divided into where nothing else is asked for."""

LARGEST = 1e9
"""Largest coordinate of a curve, in any unit: squares of it are finite."""

CLOSED_GAP = 0.05
"""A stroke whose end is this near to its start, in sizes of the figure, is closed."""


@dataclass(frozen=True)
class Strokes:
    """Demonstrations of one figure; the unit is the figure's size, the longer side of its box.

    Attributes:
        positions: (B, T + 1, 2) positions; each stroke starts at the origin and its T steps are
            equally long.
        scale: Length of the unit in the source's own unit.
        is_closed: Whether the figure's end is its start, to be drawn over and over.
        name: Name of the figure, for people.
    """

    positions: np.ndarray
    scale: float = 1.0
    is_closed: bool = False
    name: str = 'stroke'

    @property
    def num_strokes(self) -> int:
        """Number of demonstrations B."""
        return len(self.positions)

    @property
    def num_steps(self) -> int:
        """Number of steps T of each."""
        return self.positions.shape[1] - 1

    @property
    def step_length(self) -> float:
        """Mean length of a step; actions are measured in it."""
        return float(np.linalg.norm(np.diff(self.positions, axis=1), axis=-1).mean())

    @property
    def actions(self) -> np.ndarray:
        """(B, T, 2) steps in units of the step length."""
        return np.diff(self.positions, axis=1) / self.step_length

    @property
    def center(self) -> np.ndarray:
        """(2,) middle of the mean stroke's bounding box."""
        mean = self.positions.mean(axis=0)
        return (mean.min(axis=0) + mean.max(axis=0)) / 2

    def __getitem__(self, index: slice | np.ndarray) -> Strokes:
        """Return some of the demonstrations."""
        return Strokes(self.positions[index], self.scale, self.is_closed, self.name)


def strokes_from_curves(
    curves: Sequence[np.ndarray], num_steps: int = NUM_STEPS, name: str = 'stroke'
) -> Strokes:
    """Turn drawn curves into demonstrations of one figure.

    Args:
        curves: Curves of (L, 2), L >= 2 points in order, in any unit and of any spacing.
        num_steps: Number T of steps.
        name: Name of the figure.

    Raises:
        StrokeError: if there is no curve, or one is no line of finite points.
    """
    if not len(curves):
        raise StrokeError('no curve was given; a figure needs at least one demonstration')
    checked = [check_curve(curve, number) for number, curve in enumerate(curves)]
    moved = np.stack([resample(curve, num_steps + 1) for curve in checked])
    moved = moved - moved[:, :1]
    mean = moved.mean(axis=0)
    size = float((mean.max(axis=0) - mean.min(axis=0)).max())
    gap = np.linalg.norm(mean[-1] - mean[0])
    return Strokes(moved / size, size, bool(gap < CLOSED_GAP * size), name)


def resample(curve: np.ndarray, num_points: int) -> np.ndarray:
    """Return (num_points, 2) points along a curve (L, 2), equally far apart along it."""
    curve = np.asarray(curve, dtype=float)
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()])
    at = np.linspace(0.0, length[-1], num_points)
    return np.column_stack([np.interp(at, length, curve[:, axis]) for axis in range(2)])


def check_curve(curve: np.ndarray, number: int) -> np.ndarray:
    """Return a curve (L, 2) as numbers that can be computed with.

    Args:
        curve: Curve as given.
        number: Number of the curve, for the error's text.

    Raises:
        StrokeError: if it is no line of finite points.
    """
    try:
        curve = np.asarray(curve, dtype=float)
    except (TypeError, ValueError) as error:
        raise StrokeError(f'curve {number} is not an array of numbers: {error}') from error
    if curve.ndim != 2 or curve.shape[1] != 2 or len(curve) < 2:
        raise StrokeError(f'curve {number} has shape {curve.shape}; expected (L, 2) with L >= 2')
    if not (np.abs(curve) <= LARGEST).all():
        raise StrokeError(
            f'curve {number} has points that are not finite, or farther away than {LARGEST:g}'
        )
    if not np.ptp(curve, axis=0).max() > 0:
        raise StrokeError(f'all {len(curve)} points of curve {number} are the same: nothing drawn')
    return curve
