"""A trained stroke policy: the energy of steps, and what is needed to draw with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from concept_control.policy.network import PolicyEnergy
from concept_control.policy.samplers import ModeKeeping, Sampler


@dataclass
class StrokePolicy:
    """The policy of one figure, π(a | x) ∝ exp(−E(x, a)); lengths in sizes of the figure.

    Attributes:
        network: Energy of states in sizes of the figure and steps in step lengths.
        step_length: Length of a step.
        num_steps: Number T of steps of a whole stroke.
        is_closed: Whether a stroke ends where it starts.
        center: (2,) middle of the figure; strokes start at the origin.
        name: Name of the figure.
        code: (1, c) code of the figure, where one network draws many.
        first_steps: (F, 2) first steps of the demonstrations, in step lengths; None if unknown.
            At a corner, or where a stroke ends as it starts, the place alone does not tell them.
        card: Facts about the training.
    """

    network: PolicyEnergy
    step_length: float
    num_steps: int
    is_closed: bool
    center: np.ndarray
    name: str = 'stroke'
    code: torch.Tensor | None = None
    first_steps: np.ndarray | None = None
    card: dict[str, Any] = field(default_factory=dict)

    def codes(self, batch: int) -> torch.Tensor | None:
        """Return the code once for each of a batch, (batch, c); None where there is none."""
        return None if self.code is None else self.code.expand(batch, -1)

    def sampler(self, seed: int = 0) -> ModeKeeping:
        """Return a sampler that keeps modes from the demonstrated start on."""
        return ModeKeeping(seed=seed, first_steps=self.first_steps)

    def rollout(
        self,
        starts: np.ndarray | None = None,
        sampler: Sampler | None = None,
        num_steps: int | None = None,
    ) -> np.ndarray:
        """Draw strokes by taking step after step.

        Args:
            starts: (B, 2) starts of the strokes; None for one at the origin.
            sampler: Sampler that chooses the steps; None for that of `sampler`.
            num_steps: Number T of steps; None for as many as were demonstrated.

        Returns:
            (B, T + 1, 2) positions.
        """
        sampler = sampler or self.sampler()
        sampler.restart()
        starts = np.zeros((1, 2)) if starts is None else np.asarray(starts, dtype=float)
        positions = [torch.as_tensor(starts, dtype=torch.float32)]
        codes = self.codes(len(starts))
        for _ in range(self.num_steps if num_steps is None else num_steps):
            step = sampler(self.network, positions[-1], codes)
            positions.append(positions[-1] + self.step_length * step.detach())
        return torch.stack(positions, dim=1).numpy().astype(float)
