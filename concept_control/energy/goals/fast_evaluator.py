"""The residual of a goal as control needs it: many positions, no gradients, numpy in and out."""

from __future__ import annotations

import numpy as np
import torch

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import run_program
from concept_control.energy.scene_batch import NUM_MOTION_FEATURES, VERTICAL, SceneBatch


class FastGoalEvaluator:
    """The composed residual of one goal, by a recording that runs without Python.

    Args:
        goal: Goal; the squared norm of the residual is `goal.value`.
        vertical: (4, N) heights of the lower faces before and in the solution, vertical sides and
            walls of open boxes, workspace units; None: cubes on the table.

    Attributes:
        target_bottoms: (N,) heights of the lower faces at all positions, those of the solution.
    """

    def __init__(self, goal: GoalEnergy, vertical: np.ndarray | None = None) -> None:
        self._goal, self._vertical = goal, vertical
        self.target_bottoms = None if vertical is None else vertical[1]
        self._things: tuple[bytes, ...] = ()
        self._scenes: dict[int, SceneBatch] = {}

    def residual(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> np.ndarray:
        """Return (B, K) residuals of composed energies, see `control.goal.ResidualEvaluator`.

        Raises:
            EventError: if N is not that of the goal.
        """
        residuals = self._residuals(before, positions, colors, sizes)
        with torch.inference_mode():
            return run_program(self._goal.program, residuals).cpu().numpy()

    def conjunct_residuals(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> list[np.ndarray]:
        """Return the residuals (B, K_c) of each conjunct without weights; arguments as above."""
        residuals = self._residuals(before, positions, colors, sizes)
        with torch.inference_mode():
            return [c.residual(residuals).cpu().numpy() for c in self._goal.conjuncts]

    def _residuals(
        self, before: np.ndarray, positions: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> list[torch.Tensor]:
        """Return the residuals of each term."""
        batch, count = np.shape(positions)[:2]
        self._goal.check_entities(count)
        with torch.inference_mode():
            after = torch.as_tensor(positions, dtype=torch.float32, device=self._goal.model.device)
            scene = self._standing(batch, before, colors, sizes)._replace(after=after[..., :2])
            if after.shape[-1] > 2:
                scene = scene._replace(bottoms=after[..., 2])
            return self._goal.term_residuals(scene, is_recorded=True)

    def _standing(
        self, batch: int, before: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> SceneBatch:
        """Return the scenes without their last positions; those of the last things are kept."""
        things = before, colors, sizes, self.target_bottoms
        known = tuple(np.asarray(each).tobytes() for each in things)
        if known != self._things:
            self._things, self._scenes = known, {}
        if batch not in self._scenes:
            self._scenes[batch] = self._new_scenes(batch, before, colors, sizes)
        return self._scenes[batch]

    def _new_scenes(
        self, batch: int, before: np.ndarray, colors: np.ndarray, sizes: np.ndarray
    ) -> SceneBatch:
        count = len(before)
        here = torch.ones(batch, count)
        scene = SceneBatch.flat(
            before=_rows(before, batch),
            after=_rows(before, batch),
            colors=_rows(colors, batch),
            sides=_rows(np.reshape(sizes, (count, -1)), batch).expand(-1, -1, 2),
            present=here,
            subjects=here,
            attention=here,
            motion=torch.zeros(batch, count, NUM_MOTION_FEATURES),
        )
        if self._vertical is not None:
            rows = self._vertical[0], self.target_bottoms, *self._vertical[2:]
            scene = scene._replace(**{name: _rows(v, batch) for name, v in zip(VERTICAL, rows)})
        return scene.to(torch.float32).to(self._goal.model.device)


def _rows(values: np.ndarray, batch: int) -> torch.Tensor:
    """Return values (N, ...) as (batch, N, ...)."""
    return torch.as_tensor(np.asarray(values)).expand(batch, *np.shape(values))
