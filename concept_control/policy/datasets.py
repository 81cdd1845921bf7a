"""The four data sets of the thesis, rebuilt: reference curves, drawn by an inexact hand.

J. He, "Imitation learning with energy based model" (TU Darmstadt 2021) drew them by mouse and did
not publish them. Here `path1` and `circle` vary little; `mouse1` forks into two modes and
`mouse2` does not, and both vary more and more towards their ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from concept_control.errors import StrokeError
from concept_control.policy.strokes import NUM_STEPS, Strokes, strokes_from_curves

SPREADS = (0.002, 0.012)
"""Bounds of the log-uniform spread of a figure's demonstrations, in sizes of the figure."""

FORK_SHARE = 0.2
"""Share of figures with two branches, where there are examples of both."""


def random_figure(rng: np.random.Generator, num_strokes: int) -> Strokes:
    """Draw demonstrations of a figure of a random kind, size and attitude."""
    kinds = {'spline': _random_spline, 'loop': _loop, 'polygon': _polygon, 'arc': _arc}
    kind = list(kinds)[rng.integers(len(kinds))]
    curves = [kinds[kind](rng)]
    if num_strokes > 2 and rng.uniform() < FORK_SHARE:
        kind, curves = 'fork', _fork(rng)
    turn, size = _turn(rng), np.ptp(curves[0], axis=0).max()
    spread = float(np.exp(rng.uniform(*np.log(SPREADS))))
    figure = Figure(tuple(_mode(curve @ turn / size) for curve in curves), spread, tail=0.0)
    return figure.draw(rng, num_strokes, NUM_STEPS, kind)[0]


def _mode(curve: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a curve (L, 2) as a function of progress in [0, 1]."""
    progress = np.linspace(0.0, 1.0, len(curve))
    return lambda at: np.column_stack([np.interp(at, progress, part) for part in curve.T])


def _random_spline(rng: np.random.Generator) -> np.ndarray:
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


NUM_DEMONSTRATIONS = 60
"""Demonstrations in each of the thesis' data sets."""

CURVE_POINTS = 400
"""Number of points of a curve before it is divided into steps."""

DISTORTIONS = 3
"""Number of smooth waves along the stroke that a drawing hand adds."""


@dataclass(frozen=True)
class Figure:
    """Reference curves of one data set and the scatter of its demonstrations.

    Attributes:
        modes: Reference curves; each maps (L,) progress in [0, 1] to (L, 2) points.
        spread: Standard deviation of a demonstration's distortion along the whole stroke, in
            sizes of the figure.
        tail: Further standard deviation at the end; it grows with the progress squared.
        chain_length: Number K of Langevin steps in the thesis' training.
    """

    modes: tuple[Callable[[np.ndarray], np.ndarray], ...]
    spread: float
    tail: float
    chain_length: int = 100

    def draw(
        self,
        rng: np.random.Generator,
        num_strokes: int = NUM_DEMONSTRATIONS,
        num_steps: int = NUM_STEPS,
        name: str = 'stroke',
    ) -> tuple[Strokes, np.ndarray]:
        """Draw demonstrations, modes in turn.

        Returns:
            the strokes, and the (B,) indices of the modes they follow.
        """
        progress = np.linspace(0.0, 1.0, CURVE_POINTS)
        modes = np.arange(num_strokes) % len(self.modes)
        curves = [self.modes[mode](progress) + self._distortion(rng, progress) for mode in modes]
        return strokes_from_curves(curves, num_steps, name), modes

    def _distortion(self, rng: np.random.Generator, progress: np.ndarray) -> np.ndarray:
        """Return (L, 2) smooth deviations of one demonstration, zero where it starts."""
        order = np.arange(1, DISTORTIONS + 1)
        waves = np.sin(np.pi * np.outer(progress, order - 0.5))
        coefficients = rng.normal(0.0, 1.0, (DISTORTIONS, 2)) / order[:, None]
        unit = waves @ coefficients
        drift = rng.normal(0.0, 1.0, 2)
        return self.spread * unit + self.tail * progress[:, None] ** 2 * drift


def _spline(*points: tuple[float, float]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the smooth curve through points, as a function of progress in [0, 1]."""
    knots = np.array(points)
    chord = np.concatenate([[0.0], np.linalg.norm(np.diff(knots, axis=0), axis=1).cumsum()])
    return CubicSpline(chord / chord[-1], knots)


def _circle(progress: np.ndarray) -> np.ndarray:
    angle = 2 * np.pi * progress - np.pi / 2
    return 0.5 * np.column_stack([np.cos(angle), 1.0 + np.sin(angle)])


_STEM = ((0.0, 0.0), (0.12, 0.0), (0.24, 0.0), (0.36, 0.0))

FIGURES = {
    'path1': Figure(
        (_spline((0, 0), (0.25, 0.32), (0.5, 0.1), (0.72, -0.22), (0.95, 0.1), (0.85, 0.42)),),
        spread=0.012,
        tail=0.0,
    ),
    'circle': Figure((_circle,), spread=0.008, tail=0.0),
    'mouse1': Figure(
        (
            _spline(*_STEM, (0.55, 0.14), (0.75, 0.36), (1.0, 0.42)),
            _spline(*_STEM, (0.55, -0.14), (0.75, -0.36), (1.0, -0.42)),
        ),
        spread=0.008,
        tail=0.05,
        chain_length=256,
    ),
    'mouse2': Figure(
        (_spline((0, 0), (0.2, 0.25), (0.0, 0.55), (0.3, 0.8), (0.65, 0.62), (0.8, 0.25)),),
        spread=0.012,
        tail=0.06,
    ),
}
"""The data sets by name."""


def load_figure(
    name: str, seed: int = 0, num_strokes: int = NUM_DEMONSTRATIONS
) -> tuple[Strokes, np.ndarray]:
    """Draw a data set.

    Returns:
        the demonstrations, and the (B,) indices of the modes they follow.

    Raises:
        StrokeError: for an unknown name.
    """
    if name not in FIGURES:
        raise StrokeError(f'unknown figure {name!r}; there are {", ".join(FIGURES)}')
    rng = np.random.default_rng(seed)
    return FIGURES[name].draw(rng, num_strokes, name=name)
