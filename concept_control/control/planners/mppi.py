"""MPPI: the average of noisy controls, weighted by the exponential of their costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.control.planners.interface import Dynamics
from concept_control.control.planners.sampling_planner import SamplingConfig, SamplingPlanner


@dataclass(frozen=True)
class MppiConfig(SamplingConfig):
    """How the average is weighted.

    Attributes:
        temperature: Temperature of the weights, as a share of the spread between the best and the
            median cost: costs have no unit of their own here.
    """

    noise: float = 0.03
    temperature: float = 0.05


class Mppi(SamplingPlanner):
    """Model-predictive path integral control on spline knots.

    After Williams et al., "Information theoretic MPC for model-based reinforcement learning", ICRA
    2017, with a temperature relative to the spread of the costs.
    """

    def __init__(self, dynamics: Dynamics, config: MppiConfig | None = None) -> None:
        self._temperature = (config or MppiConfig()).temperature
        super().__init__(dynamics, config or MppiConfig())

    def _update(self, knots: np.ndarray, costs: np.ndarray) -> np.ndarray:
        excess = costs - costs.min()
        finite = excess[np.isfinite(excess)]
        spread = max(float(np.median(finite)), 1e-12)
        weights = np.exp(-excess / (self._temperature * spread))
        return np.tensordot(weights / weights.sum(), knots, axes=1)
