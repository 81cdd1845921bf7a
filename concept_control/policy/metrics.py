"""Measures of strokes against demonstrations: Fréchet distance, time warping, way back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from concept_control.policy.strokes import Strokes, resample

Measure = Callable[[np.ndarray, np.ndarray], float]

COMPARED_POINTS = 200
"""Number of points both curves are divided into, so that the steps' own length does not count."""


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Return the discrete Fréchet distance of curves (L, 2) and (M, 2).

    Eiter and Mannila, "Computing discrete Fréchet distance" (TU Wien 1994).
    """
    distance = np.linalg.norm(first[:, None] - second[None], axis=-1)
    # Anti-diagonals depend only on the two before them: each is one vector operation.
    return float(_coupling(distance, np.maximum))


def warping(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean distance of points (L, 2) and (M, 2) matched by dynamic time warping."""
    distance = np.linalg.norm(first[:, None] - second[None], axis=-1)
    total = _coupling(distance, np.add)
    return float(total / max(distance.shape))


def _coupling(distance: np.ndarray, join: np.ufunc) -> float:
    """Return the least joined value over monotone couplings, by anti-diagonals."""
    rows, columns = distance.shape
    best = np.full((rows + 1, columns + 1), np.inf)
    best[0, 0] = 0.0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.minimum(np.minimum(best[i, j], best[i, j + 1]), best[i + 1, j])
        best[i + 1, j + 1] = join(before, distance[i, j])
        if diagonal == 0:
            best[0, 0] = np.inf
    return float(best[rows, columns])


def nearest(
    stroke: np.ndarray, demonstrations: np.ndarray, measure: Measure = frechet
) -> tuple[float, int]:
    """Return the distance of a stroke (L, 2) to the nearest of (B, M, 2), and which it is."""
    curve = resample(stroke, COMPARED_POINTS)
    values = [measure(curve, resample(other, COMPARED_POINTS)) for other in demonstrations]
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
