"""States beside the demonstrations, and the steps that lead back: what makes a policy robust."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.policy.strokes import Strokes


@dataclass(frozen=True)
class CorrectionConfig:
    """Displacement of states. Lengths are in sizes of the figure.

    Attributes:
        share_on: Share of the samples that stay on the demonstration.
        share_far: Share of the samples that are drawn from everywhere around the figure.
        min_offset: Least scale of the others' displacement, which is log-uniform.
        max_offset: Largest scale of the others' displacement.
        reach: Margin around the figure's box from which far samples come.
        patience: Length of stroke within which a displacement is worked off.
        action_noise: Standard deviation on steps, in step lengths.
    """

    share_on: float = 0.25
    share_far: float = 0.3
    min_offset: float = 0.005
    max_offset: float = 0.3
    reach: float = 1.8
    patience: float = 0.12
    action_noise: float = 0.05


class CorrectedSteps:
    """Draws pairs of state and step from demonstrations and from around them.

    The step from a displaced state joins the demonstration's own step there with what leads back
    to it, at the length of a step: after Laskey et al., "DART", CoRL 2017, which injects noise
    and records corrections; here they follow from the demonstration itself.

    Args:
        strokes: Demonstrations.
        config: Displacement of states.
    """

    def __init__(self, strokes: Strokes, config: CorrectionConfig | None = None) -> None:
        self.config = config or CorrectionConfig()
        self._strokes = strokes
        points = strokes.positions.reshape(-1, 2)
        self._low = points.min(axis=0) - self.config.reach
        self._high = points.max(axis=0) + self.config.reach

    def draw(self, rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (number, 2) states and (number, 2) steps in step lengths."""
        config, strokes = self.config, self._strokes
        which = rng.integers(strokes.num_strokes, size=number)
        when = rng.integers(strokes.num_steps, size=number)
        states = strokes.positions[which, when].copy()
        kind = rng.uniform(size=number)
        is_far = kind < config.share_far
        is_near = kind > config.share_far + config.share_on
        low, high = np.log(config.min_offset), np.log(config.max_offset)
        scale = np.exp(rng.uniform(low, high, (number, 1)))
        states += np.where(is_near[:, None], scale * rng.normal(size=(number, 2)), 0.0)
        far = rng.uniform(self._low, self._high, (number, 2))
        states = np.where(is_far[:, None], far, states)
        steps = self.steps(states, which, when, is_far)
        return states, steps + config.action_noise * rng.normal(size=steps.shape)

    def steps(
        self, states: np.ndarray, which: np.ndarray, when: np.ndarray, is_far: np.ndarray
    ) -> np.ndarray:
        """Return the (B, 2) steps that states (B, 2) call for.

        Args:
            states: (B, 2) displaced states.
            which: (B,) indices of the demonstrations they belong to.
            when: (B,) indices of the steps they were displaced from.
            is_far: (B,) whether any part of the demonstration may be the nearest; otherwise only
                what is near in time, so that a stroke may cross itself.
        """
        strokes = self._strokes
        curve = strokes.positions[which][:, :-1]
        distance = np.linalg.norm(curve - states[:, None], axis=-1)
        gap = np.abs(np.arange(strokes.num_steps) - when[:, None])
        if strokes.is_closed:
            gap = np.minimum(gap, strokes.num_steps - gap)
        window = strokes.num_steps // 8
        distance = np.where(is_far[:, None] | (gap <= window), distance, np.inf)
        nearest = distance.argmin(axis=1)
        rows = np.arange(len(states))
        own = strokes.actions[which, nearest]
        back = (curve[rows, nearest] - states) / self.config.patience
        # Only what lies across the stroke is an error; along it the state is merely early or late.
        along = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
        ends = (nearest == 0) | (nearest == strokes.num_steps - 1)
        drop = (back * along).sum(axis=1, keepdims=True) * along
        back = np.where((ends & ~np.bool_(strokes.is_closed))[:, None], back, back - drop)
        wanted = own + back
        return wanted / np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-9)
