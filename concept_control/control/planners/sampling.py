"""Planners by sampling: predictive sampling, MPPI and CEM on the knots of a spline.

Spline knots, batched rollouts and the warm start are common to them.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass

import numpy as np

from concept_control.control.arm.dynamics import MujocoDynamics
from concept_control.control.plan import Plan
from concept_control.control.planners.interface import Cost, shifted


@dataclass(frozen=True)
class SamplingConfig:
    """How controls are sampled.

    Attributes:
        horizon: Number of steps H.
        num_knots: Number of control points of the linear spline over the horizon.
        num_samples: Number of rollouts in a planning step.
        noise: Standard deviation of the knots, as a share of half the controls' range.
        seed: Seed of the noise.
    """

    horizon: int = 20
    num_knots: int = 2
    num_samples: int = 64
    noise: float = 0.025
    seed: int = 0


class SamplingPlanner:
    """Searches controls as the knots of a spline; a subclass says how samples change them.

    Deterministic for a seed; one instance per control loop.
    """

    config: SamplingConfig

    def __init__(self, dynamics: MujocoDynamics, config: SamplingConfig) -> None:
        self.dynamics, self.config = dynamics, config
        span = (dynamics.upper - dynamics.lower) / 2
        self.scale = np.where(np.isfinite(span), span, 1.0)
        # Linear interpolation from knots to steps, as one matrix.
        steps = np.linspace(0.0, self.config.num_knots - 1.0, self.config.horizon)
        distance = np.abs(steps[:, None] - np.arange(self.config.num_knots))
        self._spline = np.maximum(1.0 - distance, 0.0)
        self.reset()

    def reset(self) -> None:
        """Forget the warm start and begin the noise afresh."""
        self._rng = np.random.default_rng(self.config.seed)
        self._stamp: float | None = None
        self._knots = np.zeros((0, 0))
        self._deviation = self.config.noise * self.scale  # of the noise, by knots and controls

    def plan(
        self, time: float, q: np.ndarray, qd: np.ndarray, cost: Cost, iterations: int = 1
    ) -> Plan:
        """Improve the shifted last knots by `iterations` rounds of sampling."""
        start = clock.perf_counter()
        state = np.concatenate([q, qd])
        self._shift(time, q)
        for _ in range(iterations):
            knots = self._samples()
            controls = self._spline @ knots
            states = self.dynamics.rollout_batch(state, controls)
            costs = cost.value(states, self.dynamics.efforts(states, controls))
            # Rollouts that diverged count as infinitely bad.
            best = self._update(knots, np.where(np.isfinite(costs), costs, np.inf))
            self._knots = np.clip(best, self.dynamics.lower, self.dynamics.upper)
        controls = self._spline @ self._knots
        states = self.dynamics.rollout(state, controls)
        efforts = self.dynamics.efforts(states, controls)
        return Plan.from_states(
            time,
            self.dynamics.timestep,
            states,
            efforts,
            cost=float(cost.value(states, efforts)),
            solve_time=clock.perf_counter() - start,
        )

    def _update(self, knots: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """Return new knots (K, m) from samples (B, K, m), the first being the old ones."""
        raise NotImplementedError

    def _samples(self) -> np.ndarray:
        """Return (B, K, m) knots: the present ones and noisy copies of them."""
        shape = (self.config.num_samples, *self._knots.shape)
        noise = self._rng.standard_normal(shape) * self._deviation
        noise[0] = 0.0
        return np.clip(self._knots + noise, self.dynamics.lower, self.dynamics.upper)

    def _shift(self, time: float, q: np.ndarray) -> None:
        """Move the knots to the present; they start at rest where the arm is."""
        num_knots, horizon = self.config.num_knots, self.config.horizon
        span = (horizon - 1) * self.dynamics.timestep
        elapsed = None if self._stamp is None else time - self._stamp
        self._stamp = time
        if elapsed is None or abs(elapsed) >= span:
            hold = self.dynamics.holding_control(q)
            hold = np.clip(hold, self.dynamics.lower, self.dynamics.upper)
            self._knots = np.tile(hold, (num_knots, 1))
            return
        self._knots = shifted(self._knots, elapsed / span * (num_knots - 1))


class PredictiveSampling(SamplingPlanner):
    """After Howell et al., "Predictive sampling: real-time behaviour synthesis with MuJoCo", 2022.

    The nominal knots are always among the samples, so the plan never gets worse.
    """

    def _update(self, knots: np.ndarray, costs: np.ndarray) -> np.ndarray:
        return knots[np.argmin(costs)]


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

    config: MppiConfig

    def _update(self, knots: np.ndarray, costs: np.ndarray) -> np.ndarray:
        excess = costs - costs.min()
        finite = excess[np.isfinite(excess)]
        spread = max(float(np.median(finite)), 1e-12)
        weights = np.exp(-excess / (self.config.temperature * spread))
        return np.tensordot(weights / weights.sum(), knots, axes=1)


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

    config: CemConfig

    def _update(self, knots: np.ndarray, costs: np.ndarray) -> np.ndarray:
        elites, kept = knots[np.argsort(costs)[: self.config.num_elites]], self.config.smoothing
        least, most = self.config.min_noise * self.scale, self.config.max_noise * self.scale
        fitted = kept * self._deviation + (1 - kept) * elites.std(axis=0)
        self._deviation = np.clip(fitted, least, most)
        return elites.mean(axis=0)
