"""An energy that is asked at a few places of a plan: between and near them it is known.

The points of a trajectory lie on a smooth curve, a few millimetres to centimetres apart. A
residual and its derivative at some of them give all others by Hermite's cubic, which is what
direct collocation does with a trajectory (Hargraves, Paris, "Direct trajectory optimization using
nonlinear programming and collocation", J. Guidance 1987). The line search of an iteration asks
for the energy along trajectories that are millimetres from the one that was just linearised;
there the linearisation says the rest, and the next plan looks again: real-time iterations do
without a line search altogether (Diehl, Bock, Schlöder, "A real-time iteration scheme for
nonlinear optimization in optimal feedback control", SIAM J. Control Optim. 2005). Further away
the energy itself is asked.
"""

from __future__ import annotations

import numpy as np

from concept_control.control.costs.entity_energy import EntityEnergy

RADIUS = 3e-3
"""Distance from where it was linearised within which a residual counts as linear [m]."""

SPACING = 0.02
"""Largest distance of two points of a trajectory at which the energy is evaluated [m]."""

MOST_SKIPPED = 4
"""Largest number of points between two evaluated ones, however slow the motion."""


class InterpolatedEnergy:
    """An energy of one entity's place, read from a few points and their linearisations."""

    def __init__(self, energy: EntityEnergy) -> None:
        self.energy = energy
        self._places = np.zeros((0, 2))
        self._residual = np.zeros((0, 0))
        self._jacobian = np.zeros((0, 0, 2))

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return (B, K) residuals at world positions (B, 2) [m]."""
        if xy.shape == self._places.shape:
            step = xy - self._places
            if np.hypot(*step.T).max(initial=0.0) <= RADIUS:
                return self._residual + (self._jacobian @ step[..., None])[..., 0]
        return self.energy.residual(xy)

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (B, K) residuals and their (B, K, 2) Jacobians [1/m], and remember them.

        Args:
            xy: (B, 2) points along a trajectory [m], in its order.
        """
        knots = self._knots(xy)
        self._residual, self._jacobian = self.energy.linearize(xy[knots])
        if len(knots) < len(xy):
            known = xy[knots], self._residual, self._jacobian
            self._residual, self._jacobian = _between(xy, knots, *known)
        self._places = xy.copy()
        return self._residual, self._jacobian

    def _knots(self, xy: np.ndarray) -> np.ndarray:
        """Return which points of a trajectory (B, 2) to ask, first and last among them."""
        longest = np.hypot(*np.diff(xy, axis=0).T).max(initial=0.0)
        stride = 1 + MOST_SKIPPED
        if longest * stride > SPACING:
            stride = max(1, int(SPACING / longest))
        last = max(len(xy) - 1, 0)
        return np.round(np.linspace(0, last, 1 + -(-last // stride))).astype(int)


def _between(
    xy: np.ndarray,
    knots: np.ndarray,
    places: np.ndarray,
    residual: np.ndarray,
    jacobian: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals (B, K) and Jacobians (B, K, 2) at (B, 2) places of which P are known.

    Those have indices `knots` (P,), places (P, 2), residuals (P, K) and Jacobians (P, K, 2).
    """
    before = np.clip(np.searchsorted(knots, np.arange(len(xy)), 'right') - 1, 0, len(knots) - 2)
    start, chord = places[before], np.diff(places, axis=0)[before]
    length = np.maximum(np.einsum('bi,bi->b', chord, chord), 1e-12)
    # Where the foot of each point is on its chord, and how far it is off the chord.
    share = np.clip(np.einsum('bi,bi->b', xy - start, chord) / length, 0.0, 1.0)
    aside = xy - start - share[:, None] * chord
    s = share[:, None]
    first, second = residual[before], residual[before + 1]
    leaving = np.einsum('bki,bi->bk', jacobian[before], chord)
    arriving = np.einsum('bki,bi->bk', jacobian[before + 1], chord)
    cubic = (
        (1 + 2 * s) * (1 - s) ** 2 * first
        + s * (1 - s) ** 2 * leaving
        + s**2 * (3 - 2 * s) * second
        + s**2 * (s - 1) * arriving
    )
    slope = (1 - s[..., None]) * jacobian[before] + s[..., None] * jacobian[before + 1]
    return cubic + np.einsum('bki,bi->bk', slope, aside), slope
