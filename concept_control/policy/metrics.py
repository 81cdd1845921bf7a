"""Measures of strokes against demonstrations: Fréchet distance, time warping, way back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from concept_control.policy.strokes import Strokes, resample

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]

COMPARED_POINTS = 200
"""Number of points both curves are divided into, so that the steps' own length does not count."""


def frechet(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the discrete Fréchet distances (...) of curves (..., L, 2) and (..., M, 2).

    Eiter and Mannila, "Computing discrete Fréchet distance" (TU Wien 1994).
    """
    return _coupling(_distances(first, second), np.maximum)


def warping(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the mean distances (...) of points matched by dynamic time warping, see `frechet`."""
    distance = _distances(first, second)
    return _coupling(distance, np.add) / max(distance.shape[-2:])


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    # By coordinates: a sum over an axis of two is several times slower.
    dx, dy = (first[..., :, None, i] - second[..., None, :, i] for i in (0, 1))
    return np.sqrt(dx**2 + dy**2)


def _coupling(distance: np.ndarray, join: np.ufunc) -> np.ndarray:
    """Return the least joined values (...) over monotone couplings of distances (..., L, M)."""
    *batch, rows, columns = distance.shape
    i, j = np.indices((rows, columns))
    diagonals = np.full((rows + columns - 1, *batch, rows), np.inf)
    diagonals[i + j, ..., i] = np.moveaxis(distance, (-2, -1), (0, 1))
    # An anti-diagonal depends only on the two before it: each is one vector operation. A column
    # before the first row stands for the edge.
    last = np.full((*batch, rows + 1), np.inf)
    before_last = last.copy()
    before_last[..., 0] = 0.0
    for values in diagonals:
        reached = np.minimum(np.minimum(before_last[..., :-1], last[..., :-1]), last[..., 1:])
        before_last, last = last, np.full_like(last, np.inf)
        last[..., 1:] = join(reached, values)
    return last[..., -1]


def nearest(
    stroke: np.ndarray, demonstrations: np.ndarray, measure: Measure = frechet
) -> tuple[float, int]:
    """Return the distance of a stroke (L, 2) to the nearest of (B, M, 2), and which it is."""
    others = np.stack([resample(other, COMPARED_POINTS) for other in demonstrations])
    values = measure(resample(stroke, COMPARED_POINTS), others)
    return float(np.min(values)), int(np.argmin(values))


def is_reentered(
    stroke: np.ndarray, figure: Strokes, share: float = 0.05, after: int = 16
) -> bool:
    """Tell whether a stroke (T + 1, 2) from elsewhere comes back to the figure and stays.

    It is back when it comes within `share` of the size of a demonstrated point, and stays if it is
    still there `after` steps later and all the way between; where the figure is open, only until
    it has passed the figure's end.
    """
    points = figure.positions.reshape(-1, 2)
    gap = np.linalg.norm(stroke[:, None] - points[None], axis=-1).min(axis=1)
    if not (gap <= share).any():
        return False
    first = int(np.argmax(gap <= share))
    last = first + after
    if not figure.is_closed:
        ends = figure.positions[:, -1]
        to_end = np.linalg.norm(stroke[first:, None] - ends[None], axis=-1).min(axis=1)
        passed = np.flatnonzero(to_end <= share)
        last = min(last, first + int(passed[0])) if len(passed) else last
    return bool((gap[first : last + 1] <= share).all()) and last < len(stroke)
