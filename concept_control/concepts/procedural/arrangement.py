"""Procedural family: stand as in a random pattern, up to similarity."""

from __future__ import annotations

import itertools

import numpy as np

from concept_control.concepts.family import Draft
from concept_control.concepts.named.shape import LARGEST_RADIUS, SMALLEST_RADIUS, Shape


class Arrangement(Shape):
    """Three to five things in the arrangement of a random template, up to similarity.

    Parameters (k, five points x, y): the points are centred and of unit root mean square radius;
    a mirrored pattern is the same.
    """

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        params = np.zeros((num_concepts, 1 + 2 * self.most))
        params[:, 0] = rng.choice(np.arange(self.fewest, self.most + 1), num_concepts)
        for row in params:
            row[1 : 1 + 2 * int(row[0])] = _draw_template(rng, int(row[0])).ravel()
        return params

    def entities_needed(self, rows: np.ndarray) -> int:
        return int(rows[:, 0].max())

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        pending = np.arange(len(rows))
        while len(pending):
            size = rng.uniform(SMALLEST_RADIUS, LARGEST_RADIUS, (len(pending), 1))
            turn = size * np.exp(1j * rng.uniform(-np.pi, np.pi, (len(pending), 1)))
            template = _templates(rows[pending])
            mirrored = rng.random((len(pending), 1)) < 0.5
            z = np.where(mirrored, template.conj(), template) * turn
            z = z + (rng.uniform(-0.6, 0.6, (len(pending), 2)) @ [1, 1j])[:, None]
            places = np.stack([z.real, z.imag], axis=-1)
            member = np.arange(self.most) < rows[pending, :1]
            good = ((np.abs(places) <= 0.97).all(axis=-1) | ~member).all(axis=1)
            for row, place, k in zip(pending[good], places[good], rows[pending[good], 0]):
                scene.positions[row, 1, : int(k)] = place[: int(k)]
            pending = pending[~good]
        self.set_members(rng, scene, rows[:, 0])

    def describe(self, params: np.ndarray) -> np.ndarray:
        # Invariants under similarity: moduli of moments, spread, smallest gap.
        z = _templates(params)
        member = np.arange(self.most) < params[:, :1]
        share = member / params[:, :1]
        moments = [np.abs((share * z**order).sum(axis=1)) for order in range(2, 7)]
        spread = [(share * np.abs(z) ** order).sum(axis=1) - 1 for order in (1, 4, 6)]
        gaps = np.abs(z[:, :, None] - z[:, None]) + 9.0 * ~(member[:, :, None] & member[:, None])
        gaps = gaps + 9.0 * np.eye(self.most)
        return np.stack([*moments, *spread, gaps.min(axis=(1, 2)), params[:, 0] - 4], axis=1).clip(
            -2, 2
        )

    def deviation(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        count = points.shape[1]
        off = template_deviation(points, _templates(rows)[:, :count])
        return np.where(rows[:, 0] == count, off, np.inf)


def template_deviation(points: np.ndarray, templates: np.ndarray) -> np.ndarray:
    """Return (B,) largest distances of points (B, k, 2) to the best fit of their template.

    Least squares over similarities (a complex linear regression), all k! matchings, mirrored or
    not; the fit is at least as large as the smallest shape.

    Args:
        points: (B, k, 2) workspace units.
        templates: (B, k) complex points, centred, of unit root mean square radius.
    """
    k = points.shape[1]
    z = points[..., 0] + 1j * points[..., 1]
    z = z - z.mean(axis=1, keepdims=True)
    best = np.full(len(z), np.inf)
    orders = np.array(list(itertools.permutations(range(k))))
    for mirrored in (templates, templates.conj()):
        matched = mirrored[:, orders]  # (B, k!, k)
        fit = (z[:, None] * matched.conj()).mean(axis=-1, keepdims=True)
        size = np.abs(fit)
        fit = fit * np.maximum(size, SMALLEST_RADIUS) / np.maximum(size, 1e-9)
        rest = z[:, None] - fit * matched
        nearest = (rest.real**2 + rest.imag**2).sum(axis=-1).argmin(axis=1)
        worst = np.abs(rest[np.arange(len(z)), nearest]).max(axis=-1)
        best = np.minimum(best, worst)
    return best


def centred_template(points: np.ndarray) -> np.ndarray:
    """Return points (k, 2) centred and scaled to unit root mean square radius."""
    points = points - points.mean(axis=0)
    return points / np.sqrt((points**2).sum(axis=1).mean())


def _templates(rows: np.ndarray) -> np.ndarray:
    points = rows[:, 1:].reshape(len(rows), -1, 2)
    return points[..., 0] + 1j * points[..., 1]


def _draw_template(rng: np.random.Generator, k: int) -> np.ndarray:
    """Draw points (k, 2), some symmetric about a line, none too close to another."""
    while True:
        points = rng.uniform(-1, 1, (k, 2))
        if rng.random() < 0.4:
            half = k // 2
            points[half : 2 * half] = points[:half] * [-1, 1]
            points[2 * half :, 0] = 0.0
        points = centred_template(points)
        gaps = np.linalg.norm(points[:, None] - points[None], axis=-1) + 9 * np.eye(k)
        # Blocks must not touch at the size of the smallest shape.
        if gaps.min() > 0.7:
            return points
