"""Local geometry of a concept's energy on the table: its scale, and its nearest minimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from concept_control.control.costs.entity_energy import ConceptEnergy

RING_RADII = (0.02, 0.04)
"""Radii of the rings around a target on which the energy's stiffness is measured [m]."""

WIDER_RINGS = (1.0, 2.0, 4.0, 8.0)
"""Factors on the radii, the next where the energy is flat, as it is well inside of a region: taken
for its scale, that would make a wall of the border, from which a carried block springs back."""

RING_POINTS = 8
MIN_STIFFNESS = 1e-6
"""Smallest stiffness [1/m²], of an energy that is flat."""

REFINE_ITERATIONS = 6
REFINE_STEP = 0.03
"""Longest step of a refinement [m]."""


def stiffness(energy: ConceptEnergy, target: np.ndarray) -> float:
    """Measure how fast an energy grows around a target in its steepest direction [1/m²].

    Near a minimum E ≈ E* + |J d|² for a displacement d; the largest eigenvalue of JᵀJ turns
    energies, whose unit each network chooses for itself, into squared metres.

    Args:
        energy: Energy of the entity, with `scale` 1.
        target: (2,) world position of the minimum [m].

    Returns:
        Median over two rings of points around the target, the narrowest on which the energy is not
        flat; at least a tiny positive number.
    """
    angles = np.linspace(0.0, 2 * np.pi, RING_POINTS, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    rings = np.concatenate([radius * ring for radius in RING_RADII])
    for factor in WIDER_RINGS:
        _, jacobian = energy.linearize(target + factor * rings)
        squared = jacobian.transpose(0, 2, 1) @ jacobian
        found = float(np.median(np.linalg.eigvalsh(squared)[:, -1]))
        if found > MIN_STIFFNESS:
            return found
    return MIN_STIFFNESS


def refine_target(
    energy: ConceptEnergy,
    start: np.ndarray,
    obstacles: np.ndarray,
    clearances: np.ndarray,
) -> np.ndarray:
    """Descend the energy from a start by damped Gauss-Newton, keeping clear of obstacles.

    Args:
        energy: Energy of the entity.
        start: (2,) world position to start from [m].
        obstacles: (M, 2) centres of other entities [m].
        clearances: (M,) smallest distances to them [m].

    Returns:
        (2,) a position of no higher energy than the start, outside the clearances where the start
        was.
    """
    energy = replace(energy, scale=1.0)
    xy = np.asarray(start, dtype=float)
    damping = 1e-3
    residual, jacobian = energy.linearize(xy[None])
    value = float((residual[0] ** 2).sum())
    for _ in range(REFINE_ITERATIONS):
        squared = jacobian[0].T @ jacobian[0]
        scale = max(float(np.trace(squared)), 1e-12)
        step = -np.linalg.solve(squared + damping * scale * np.eye(2), jacobian[0].T @ residual[0])
        length = float(np.linalg.norm(step))
        if length < 1e-4:
            break
        step *= min(1.0, REFINE_STEP / length)
        candidates = xy + np.array([[1.0], [0.5], [0.2]]) * step
        values = (energy.residual(candidates) ** 2).sum(axis=-1)
        # Deeper into a clearance it may not lead.
        distance = np.linalg.norm(candidates[:, None] - obstacles, axis=-1)
        is_nearer = distance < np.linalg.norm(xy - obstacles, axis=-1)
        values[((distance < clearances) & is_nearer).any(axis=-1)] = np.inf
        best = int(np.argmin(values))
        if not values[best] < value:
            break
        xy = candidates[best]
        residual, jacobian = energy.linearize(xy[None])
        value = float((residual[0] ** 2).sum())
    return xy
