"""Random figures to learn from, so that a network can draw one that it never saw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

from concept_control.policy.datasets import CURVE_POINTS, Figure
from concept_control.policy.strokes import NUM_STEPS, Strokes

SPREADS = (0.002, 0.012)
"""Bounds of the log-uniform spread of a figure's demonstrations, in sizes of the figure."""

FORK_SHARE = 0.2
"""Share of figures with two branches, where there are examples of both."""


def random_figure(
    rng: np.random.Generator, num_strokes: int, num_steps: int = NUM_STEPS
) -> Strokes:
    """Draw demonstrations of a figure of a random kind, size and attitude."""
    kinds = {'spline': _spline, 'loop': _loop, 'polygon': _polygon, 'arc': _arc}
    kind = list(kinds)[rng.integers(len(kinds))]
    curves = [kinds[kind](rng)]
    if num_strokes > 2 and rng.uniform() < FORK_SHARE:
        kind, curves = 'fork', _fork(rng)
    turn, size = _turn(rng), np.ptp(curves[0], axis=0).max()
    spread = float(np.exp(rng.uniform(*np.log(SPREADS))))
    figure = Figure(tuple(_mode(curve @ turn / size) for curve in curves), spread, tail=0.0)
    return figure.draw(rng, num_strokes, num_steps, kind)[0]


def _mode(curve: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a curve (L, 2) as a function of progress in [0, 1]."""
    progress = np.linspace(0.0, 1.0, len(curve))
    return lambda at: np.column_stack([np.interp(at, progress, part) for part in curve.T])


def _spline(rng: np.random.Generator) -> np.ndarray:
    knots = rng.uniform(-1.0, 1.0, (rng.integers(3, 7), 2))
    return CubicSpline(np.linspace(0, 1, len(knots)), knots)(np.linspace(0, 1, CURVE_POINTS))


def _loop(rng: np.random.Generator) -> np.ndarray:
    angle = np.linspace(0.0, 2 * np.pi, CURVE_POINTS)
    radius = np.ones(CURVE_POINTS)
    for order in (2, 3, 4):
        size, phase = rng.normal(0.0, 0.35 / order), rng.uniform(0.0, 2 * np.pi)
        radius = radius + size * (np.cos(order * angle + phase) - np.cos(phase))
    curve = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    curve = curve * [1.0, rng.uniform(0.4, 1.0)]
    return curve[::-1] if rng.uniform() < 0.5 else curve


def _polygon(rng: np.random.Generator) -> np.ndarray:
    corners = rng.integers(3, 7)
    angle = np.sort(rng.uniform(0.0, 2 * np.pi, corners)) * rng.choice([-1, 1])
    points = rng.uniform(0.5, 1.0, (corners, 1)) * np.column_stack([np.cos(angle), np.sin(angle)])
    if rng.uniform() < 0.5:
        points = np.vstack([points, points[:1]])
    return points


def _arc(rng: np.random.Generator) -> np.ndarray:
    angle = np.linspace(0.0, rng.uniform(0.6, 2.0) * np.pi, CURVE_POINTS) * rng.choice([-1, 1])
    grown = np.linspace(1.0, rng.uniform(0.5, 1.5), CURVE_POINTS)[:, None]
    return grown * np.column_stack([np.cos(angle), rng.uniform(0.4, 1.0) * np.sin(angle)])


def _fork(rng: np.random.Generator) -> list[np.ndarray]:
    """Return two smooth curves with a stem in common."""
    stem = np.cumsum(np.vstack([np.zeros(2), _stride(rng, int(rng.integers(2, 4)), 0.0)]), axis=0)
    at = np.linspace(0, 1, CURVE_POINTS)
    curves = []
    for turn in (1, -1):
        branch = stem[-1] + np.cumsum(_stride(rng, 3, turn * rng.uniform(0.2, 0.6)), axis=0)
        knots = np.vstack([stem, branch])
        curves.append(CubicSpline(np.linspace(0, 1, len(knots)), knots)(at))
    return curves


def _stride(rng: np.random.Generator, number: int, turn: float) -> np.ndarray:
    """Return (number, 2) strides, each turned further than the one before."""
    angle = turn * np.arange(1, number + 1) + rng.normal(0.0, 0.1, number)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _turn(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0.0, 2 * np.pi)
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, s], [-s, c]])
