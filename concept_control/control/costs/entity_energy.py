"""Energies of a moving entity's place, and of its motion, as residuals a planner can square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from concept_control.control.goal import GroundedGoal
from concept_control.world.workspace import Workspace

FD_STEP = 1e-3
"""Step of the finite differences of a concept's residual [m]: large against the network's single
precision, small against the millimetres that matter."""


class EntityEnergy(Protocol):
    """An energy of one entity's position on the table."""

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return (B, K) residuals at world positions (B, 2) [m]."""

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (B, K) residuals and their (B, K, 2) Jacobians [1/m]."""


class MotionEnergy(Protocol):
    """An energy of a point's position and velocity, such as that of a drawing policy's steps."""

    def residual(self, xy: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Return (B, K) residuals at positions (B, 2) [m] and velocities (B, 2) [m/s]."""

    def linearize(
        self, xy: np.ndarray, velocity: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (B, K) residuals and their (B, K, 2) Jacobians by position and by velocity."""


class NoEnergy:
    """An energy of position that is zero everywhere, where only the motion counts."""

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return (B, 0) residuals."""
        return np.zeros((len(xy), 0))

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (B, 0) residuals and (B, 0, 2) Jacobians."""
        return np.zeros((len(xy), 0)), np.zeros((len(xy), 0, 2))


@dataclass(frozen=True)
class PointEnergy:
    """Squared distance to a point of the table [m²]; its goal is `target`, (2,) world [m]."""

    target: np.ndarray

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return (B, 2) offsets from the target [m]."""
        return xy - self.target

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (B, 2) offsets and their (B, 2, 2) Jacobians."""
        return xy - self.target, np.broadcast_to(np.eye(2), (len(xy), 2, 2))


@dataclass(frozen=True)
class AnchoredEnergy:
    """An energy with a weak spring to a point, for the directions it does not care about.

    Attributes:
        energy: Energy that counts.
        anchor: (2,) world position of the spring's end [m].
        weight: Weight of the squared distance to the anchor beside the energy.
    """

    energy: EntityEnergy
    anchor: np.ndarray
    weight: float

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return the energy's residuals and two more for the spring."""
        spring = np.sqrt(self.weight) * (xy - self.anchor)
        return np.concatenate([self.energy.residual(xy), spring], axis=-1)

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return residuals and Jacobians with the spring's below."""
        residual, jacobian = self.energy.linearize(xy)
        root = np.sqrt(self.weight)
        spring = np.broadcast_to(root * np.eye(2), (len(xy), 2, 2))
        return (
            np.concatenate([residual, root * (xy - self.anchor)], axis=-1),
            np.concatenate([jacobian, spring], axis=1),
        )


@dataclass(frozen=True)
class ConceptEnergy:
    """The goal's energy as a function of where one entity is, all others being where they are.

    Attributes:
        goal: Goal with the composed energy.
        workspace: Similarity from the table to the particle world.
        positions: (N, 2) positions of all entities now, workspace units.
        index: Row of the entity that moves.
        scale: Factor on the energy; `local_minimum.stiffness` makes its unit m².
        conjunct: Number of the conjunct that alone counts, without its weights; None for the goal.
    """

    goal: GroundedGoal
    workspace: Workspace
    positions: np.ndarray
    index: int
    scale: float = 1.0
    conjunct: int | None = None

    def residual(self, xy: np.ndarray) -> np.ndarray:
        """Return (B, K) residuals with the entity at world positions (B, 2) [m]."""
        positions = np.repeat(self.positions[None], len(xy), axis=0)
        positions[:, self.index] = self.workspace.to_workspace(xy)
        if self.conjunct is not None:
            return self.goal.conjunct_residuals(positions)[self.conjunct]
        return np.sqrt(self.scale) * self.goal.residual(positions)

    def linearize(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Differentiate by forward differences, all of them in one call of the evaluator."""
        steps = FD_STEP * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        stacked = (xy[None] + steps[:, None]).reshape(-1, 2)
        residual = self.residual(stacked).reshape(3, len(xy), -1)
        jacobian = np.stack([residual[1] - residual[0], residual[2] - residual[0]], axis=-1)
        return residual[0], jacobian / FD_STEP
