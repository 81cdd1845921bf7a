"""Langevin descent of a goal's energy one step at a time, for display."""

from __future__ import annotations

import numpy as np
import torch

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.world.events import Events

_LONGEST, _NOISE = 0.03, 0.1
"""Limit of an entity's displacement in one step [workspace units], and standard deviation of the
noise relative to it."""

_SMALLEST = 1e-9


class LiveDescent:
    """One Langevin chain over the movable entities of one scene.

    As in `langevin_descent` the step is Polyak's, x <- x - 2 E / |grad E|² grad E, limited in
    length; here the noise is proportional to the step, so that it fades with the energy.
    """

    def __init__(
        self, goal: GoalEnergy, events: Events, movable: np.ndarray, seed: int = 0
    ) -> None:
        """Start where the entities are.

        Args:
            goal: Goal to descend to.
            events: One static scene, B = 1.
            movable: (N,) bool, entities that may move.
            seed: Seed of the noise.
        """
        self._goal = goal
        self._scene = scene_batch_from_events(events).to(goal.model.device)
        self._gate = torch.as_tensor(movable).to(self._scene.after)[None, :, None]
        self._generator = torch.Generator().manual_seed(seed)

    def worst(self) -> float:
        """Return the energy of the conjunct that is furthest from holding, without its weight."""
        with torch.no_grad():
            return float(self._goal.conjunct_values(self._scene).max())

    def step(self) -> tuple[np.ndarray, float]:
        """Take one step; return the new positions (N, 2) and the energy before the step."""
        place = self._scene.after.clone().requires_grad_(True)
        with torch.enable_grad():
            energy = self._goal.scene_value(self._scene._replace(after=place)).sum()
            (gradient,) = torch.autograd.grad(energy, place)
        gradient = gradient * self._gate
        square = gradient.square().sum() + _SMALLEST
        move = -2 * energy.detach() / square * gradient
        length = move.norm(dim=-1, keepdim=True) + _SMALLEST
        move = move * (_LONGEST / length).clamp(max=1.0)
        shake = torch.randn(place.shape, generator=self._generator).to(move)
        move = move + _NOISE * move.norm(dim=-1, keepdim=True) * shake * self._gate
        after = (place.detach() + move).clamp(-1.0, 1.0)
        self._scene = self._scene._replace(after=after)
        return after[0].cpu().numpy().astype(float), float(energy.detach())
