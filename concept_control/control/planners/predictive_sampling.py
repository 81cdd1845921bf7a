"""Predictive sampling: keep the best of a few noisy copies."""

from __future__ import annotations

import numpy as np

from concept_control.control.planners.sampling_planner import SamplingPlanner


class PredictiveSampling(SamplingPlanner):
    """After Howell et al., "Predictive sampling: real-time behaviour synthesis with MuJoCo", 2022.

    The nominal knots are always among the samples, so the plan never gets worse.
    """

    def _update(self, knots: np.ndarray, costs: np.ndarray) -> np.ndarray:
        return knots[np.argmin(costs)]
