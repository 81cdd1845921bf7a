"""Figures without end to learn from: what a network must see to draw one that it never saw."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from concept_control.policy.datasets import CURVE_POINTS, Figure
from concept_control.policy.strokes import NUM_STEPS, Strokes

SPREADS = (0.002, 0.012)
"""Of the demonstrations of a figure, log-uniform between these, in sizes of the figure."""

KINDS = ('spline', 'loop', 'polygon', 'arc')
"""Open and closed smooth curves, corners, and parts of ellipses."""


def random_figure(
    rng: np.random.Generator, num_strokes: int, num_steps: int = NUM_STEPS
) -> Strokes:
    """Draw demonstrations of a figure of a random kind, size and attitude."""
    kind = KINDS[rng.integers(len(KINDS))]
    curve = _turned(
        rng, {'spline': _spline, 'loop': _loop, 'polygon': _polygon, 'arc': _arc}[kind](rng)
    )
    curve = curve / np.ptp(curve, axis=0).max()
    progress = np.linspace(0.0, 1.0, len(curve))

    def mode(at: np.ndarray) -> np.ndarray:
        return np.column_stack([np.interp(at, progress, curve[:, axis]) for axis in range(2)])

    spread = float(np.exp(rng.uniform(*np.log(SPREADS))))
    return Figure((mode,), spread, tail=0.0).draw(rng, num_strokes, num_steps, kind)[0]


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


def _turned(rng: np.random.Generator, curve: np.ndarray) -> np.ndarray:
    angle = rng.uniform(0.0, 2 * np.pi)
    c, s = np.cos(angle), np.sin(angle)
    return curve @ np.array([[c, s], [-s, c]])
