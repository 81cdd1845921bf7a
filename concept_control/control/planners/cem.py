"""CEM: fit a Gaussian to the best samples, and sample from it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.control.planners.interface import Dynamics
from concept_control.control.planners.sampling_planner import SamplingConfig, SamplingPlanner


@dataclass(frozen=True)
class CemConfig(SamplingConfig):
    """How the Gaussian follows the elites.

    Attributes:
        num_elites: Number of best samples that it is fitted to.
        min_noise, max_noise: Bounds of its standard deviation, as shares of half the range.
        smoothing: Share of the old standard deviation that is kept.
    """

    noise: float = 0.06
    num_elites: int = 6
    min_noise: float = 0.015
    max_noise: float = 0.12
    smoothing: float = 0.5


class Cem(SamplingPlanner):
    """The cross-entropy method (Rubinstein 1999) as a receding-horizon planner on spline knots."""

    def __init__(self, dynamics: Dynamics, config: CemConfig | None = None) -> None:
        self._cem = config or CemConfig()
        super().__init__(dynamics, self._cem)

    def reset(self) -> None:
        """Forget the warm start and the fitted Gaussian."""
        super().reset()
        self._spread = np.full((self._cem.num_knots, len(self.scale)), self._cem.noise)

    def _deviation(self) -> np.ndarray:
        return self._spread * self.scale

    def _update(self, knots: np.ndarray, costs: np.ndarray) -> np.ndarray:
        elites = knots[np.argsort(costs)[: self._cem.num_elites]]
        fitted = elites.std(axis=0) / self.scale
        kept = self._cem.smoothing
        self._spread = np.clip(
            kept * self._spread + (1 - kept) * fitted, self._cem.min_noise, self._cem.max_noise
        )
        return elites.mean(axis=0)
