"""Lines divided where a policy would not know how to go on: at corners, and where they touch.

A policy sees where it is and its last step. At a corner, at a crossing, or between two turns of a
spiral, one place calls for different steps. So a long line is drawn as pieces that are smooth and
keep off themselves, as a hand does that stops at a corner.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from concept_control.policy.strokes import CLOSED_GAP, resample

NUM_POINTS = 600
"""Number of points along a line at which it is examined."""

CORNER = np.radians(40.0)
"""A turn by more than this within `WITHIN` is a corner."""

WITHIN = 6
"""Points before, and after, a place over which its turn is measured."""

TOUCH = 0.06
"""Parts nearer than this to each other, in sizes of the line, look the same to a policy."""

APART = 5.0 * TOUCH
"""Least length of line between two places, in sizes, that are different parts of it."""


def smooth_pieces(curve: np.ndarray) -> list[np.ndarray]:
    """Divide a line (L, 2) into pieces (M, 2), in order; a smooth one is returned whole."""
    points = resample(curve, NUM_POINTS)
    size = float(np.ptp(points, axis=0).max())
    is_closed = bool(np.linalg.norm(points[-1] - points[0]) < CLOSED_GAP * size)
    corners = _corners(points, is_closed)
    if is_closed and not len(corners) and _first_touch(points, size, is_closed) is None:
        return [points]
    if is_closed and len(corners):
        points = np.vstack([points[corners[0] : -1], points[: corners[0] + 1]])
        corners = corners[1:] - corners[0]
    cuts = [0, *corners, len(points) - 1]
    pieces = []
    for first, last in pairwise(cuts):
        rest = points[first : last + 1]
        # Halfway between places where a smooth line touches itself it is cut.
        while (touch := _first_touch(rest, size, False)) is not None:
            middle = sum(touch) // 2
            pieces.append(rest[: middle + 1])
            rest = rest[middle:]
        pieces.append(rest)
    return pieces


def _corners(points: np.ndarray, is_closed: bool) -> np.ndarray:
    """Return (C,) indices where a line (L, 2) turns sharply, ascending."""
    number = len(points)
    if is_closed:
        points = np.vstack([points[-1 - WITHIN : -1], points, points[1 : WITHIN + 1]])
    before = points[WITHIN:-WITHIN] - points[: -2 * WITHIN]
    after = points[2 * WITHIN :] - points[WITHIN:-WITHIN]
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turn = np.abs(np.arctan2(cross, (before * after).sum(axis=1)))
    first = 0 if is_closed else WITHIN
    found: list[int] = []
    for at in np.argsort(-turn):
        if turn[at] < CORNER:
            break
        gaps = [abs(int(at) + first - other) for other in found]
        if is_closed:  # whose last point is its first
            gaps = [min(gap, number - 1 - gap) for gap in gaps]
        if min(gaps, default=number) > 2 * WITHIN:
            found.append(int(at) + first)
    return np.array(sorted(found), dtype=int)


def _first_touch(points: np.ndarray, size: float, is_closed: bool) -> tuple[int, int] | None:
    """Return the first place j that touches an earlier one i, as (i, j)."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = np.concatenate([[0.0], steps.cumsum()])
    gap = np.abs(length[:, None] - length)
    if is_closed:
        gap = np.minimum(gap, length[-1] - gap)
    near = np.linalg.norm(points[:, None] - points, axis=-1) < TOUCH * size
    touches = np.tril(near & (gap > APART * size))
    later = np.flatnonzero(touches.any(axis=1))
    if not len(later):
        return None
    return int(np.argmax(touches[later[0]])), int(later[0])
