"""Descend a goal's energy a step at a time, so that people can watch it happen."""

from __future__ import annotations

import numpy as np
import torch

from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.world.events import Events

SMALLEST_GRADIENT = 1e-9


class LiveDescent:
    """One Langevin chain over the movable entities of one scene.

    Like `sampling.descend` it takes Polyak's step, x <- x - 2 E / |grad E|² grad E, limited in
    length; the noise dies out with the energy.
    """

    def __init__(
        self,
        goal: GoalEnergy,
        events: Events,
        movable: np.ndarray,
        seed: int = 0,
        longest: float = 0.03,
        noise: float = 0.1,
    ) -> None:
        """Start where the entities are.

        Args:
            goal: whose energy is descended.
            events: one static scene, B = 1.
            movable: (N,) bool.
            seed: of the noise.
            longest: step of any entity at most, workspace units.
            noise: standard deviation of the noise as a share of `longest`, far from the goal.
        """
        self._goal = goal
        self._scene = scene_batch_from_events(events).to(goal.model.device)
        self._gate = torch.as_tensor(movable).to(self._scene.after)[None, :, None]
        self._generator = torch.Generator().manual_seed(seed)
        self._longest, self._noise = longest, noise

    def step(self) -> tuple[np.ndarray, float]:
        """Move once; return positions (N, 2) and the energy (before the move)."""
        place = self._scene.after.clone().requires_grad_(True)
        with torch.enable_grad():
            energy = self._goal.scene_value(self._scene._replace(after=place)).sum()
            (gradient,) = torch.autograd.grad(energy, place)
        gradient = gradient * self._gate
        square = gradient.square().sum() + SMALLEST_GRADIENT
        move = -2 * energy.detach() / square * gradient
        length = move.norm(dim=-1, keepdim=True) + SMALLEST_GRADIENT
        move = move * (self._longest / length).clamp(max=1.0)
        shake = torch.randn(place.shape, generator=self._generator).to(move)
        move = move + self._noise * move.norm(dim=-1, keepdim=True) * shake * self._gate
        after = (place.detach() + move).clamp(-1.0, 1.0)
        self._scene = self._scene._replace(after=after)
        return after[0].cpu().numpy().astype(float), float(energy.detach())
