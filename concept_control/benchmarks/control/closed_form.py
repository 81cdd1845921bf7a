"""An energy known in closed form, with the learned one's interface: a yardstick for controllers.

With it a benchmark or a test tells errors of control from errors of learning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from concept_control.control.goal import GroundedGoal, ResidualEvaluator
from concept_control.world.workspace import Workspace


@dataclass(frozen=True)
class MidpointEnergy:
    """Squared distance of one entity to the middle of two others, rows of the goal's arrays."""

    subject: int
    first: int
    second: int

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return (B, 2) offsets from the middle, workspace units."""
        middle = (positions[:, self.first] + positions[:, self.second]) / 2
        return positions[:, self.subject] - middle

    def conjunct_residuals(self, *scene: np.ndarray) -> list[np.ndarray]:
        """Return the residuals of its only conjunct; arguments as of `residual`."""
        return [self.residual(*scene)]


def closed_form_goal(
    evaluator: ResidualEvaluator,
    positions: np.ndarray,
    sizes: np.ndarray,
    targets: Mapping[int, Sequence[float]],
    workspace: Workspace,
    entity_ids: Sequence[int] | None = None,
) -> GroundedGoal:
    """Ground an exact energy whose solution is known.

    Args:
        evaluator: Energy in closed form.
        positions: (N, 2) positions of the entities, world frame [m].
        sizes: (N,) side lengths of the entities [m].
        targets: Solution by row, workspace units; these rows move.
        workspace: Workspace of the arm.
        entity_ids: Ids of the rows; None for 1 to N.
    """
    n = len(positions)
    ids = tuple(range(1, n + 1)) if entity_ids is None else tuple(entity_ids)
    before = workspace.to_workspace(positions)
    after = before.copy()
    for row, place in targets.items():
        after[row] = place
    colors = np.full((n, 3), 0.5)
    widths = np.asarray(workspace.length_to_workspace(np.asarray(sizes, dtype=float)))
    residual = evaluator.residual(before, np.stack([before, after]), colors, widths)
    energies = (residual**2).sum(axis=-1)
    moved = tuple(ids[row] for row in targets)
    return GroundedGoal(
        evaluator=evaluator,
        entity_ids=ids,
        before=before,
        colors=colors,
        sizes=widths,
        movable=moved,
        moved=moved,
        targets=after,
        initial_energy=float(energies[0]),
        target_energy=float(energies[1]),
    )
