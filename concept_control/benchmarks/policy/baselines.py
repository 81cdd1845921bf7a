"""Baselines of the strokes: regression, a mixture density, and the nearest neighbour."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from concept_control.policy.state_correction import CorrectedSteps
from concept_control.policy.strokes import Strokes
from concept_control.policy.training import fit
from concept_control.seeding import seeded_weights

WIDTH, BATCH, RATE = 128, 256, 3e-3
COMPONENTS = 5
MIN_LOG_DEVIATION, MAX_LOG_DEVIATION = -4.0, 1.0


class Drawer:
    """Draws strokes by taking one step after the other.

    Attributes:
        seconds: Time of the training [s].
        step_length: Length of a step in sizes of the figure.
    """

    seconds = 0.0
    step_length = 1.0

    def step(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return (B, 2) steps in step lengths."""
        raise NotImplementedError

    def draw(self, starts: np.ndarray, num_steps: int, seed: int) -> np.ndarray:
        """Return (B, T + 1, 2) positions from starts (B, 2), in sizes of the figure."""
        rng, positions = np.random.default_rng(seed), [np.asarray(starts, dtype=float)]
        for _ in range(num_steps):
            positions.append(positions[-1] + self.step_length * self.step(positions[-1], rng))
        return np.stack(positions, axis=1)


class NearestNeighbour(Drawer):
    """The step that was demonstrated in the nearest state."""

    def __init__(self, strokes: Strokes) -> None:
        self.step_length = strokes.step_length
        self._states = strokes.positions[:, :-1].reshape(-1, 2)
        self._actions = strokes.actions.reshape(-1, 2)

    def step(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return (B, 2) steps."""
        gaps = np.linalg.norm(states[:, None] - self._states, axis=-1)
        return self._actions[gaps.argmin(axis=1)]


class PerceptronDrawer(Drawer):
    """Draws by a perceptron of the state, trained on the same corrected states as the energy."""

    num_outputs: int

    def __init__(self, strokes: Strokes, steps: int, seed: int = 0) -> None:
        self.step_length = strokes.step_length
        with seeded_weights(seed):
            self._network = perceptron(2, WIDTH, WIDTH, self.num_outputs)
        start = time.monotonic()
        source, rng = CorrectedSteps(strokes), np.random.default_rng(seed)

        def loss() -> torch.Tensor:
            states, actions = source.draw(rng, BATCH)
            return self._loss(self._network(tensor(states)), tensor(actions))

        fit(self._network.parameters(), loss, steps, RATE)
        self.seconds = time.monotonic() - start

    def _loss(self, outputs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Regression(PerceptronDrawer):
    """The mean step, by least squares."""

    num_outputs = 2

    def step(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return (B, 2) steps."""
        with torch.no_grad():
            return self._network(tensor(states)).numpy()

    def _loss(self, outputs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        return (outputs - actions).square().sum(dim=-1).mean()


class MixtureDensity(PerceptronDrawer):
    """A mixture of Gaussians (Bishop 1994); a component is drawn, its mean is the step."""

    num_outputs = COMPONENTS * 4

    def step(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return (B, 2) steps."""
        with torch.no_grad():
            logits, means, _ = self._parts(self._network(tensor(states)))
        luck = tensor(rng.gumbel(size=logits.shape))
        chosen = (logits + luck).argmax(dim=1)
        return means[torch.arange(len(means)), chosen].numpy()

    def _loss(self, outputs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        logits, means, log_deviation = self._parts(outputs)
        distance = (actions.unsqueeze(1) - means).square().sum(dim=-1)
        density = -0.5 * distance / log_deviation.exp() ** 2 - 2 * log_deviation
        return -torch.logsumexp(torch.log_softmax(logits, dim=1) + density, dim=1).mean()

    def _parts(self, outputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        parts = outputs.view(-1, COMPONENTS, 4)
        deviation = parts[..., 1].clamp(MIN_LOG_DEVIATION, MAX_LOG_DEVIATION)
        return parts[..., 0], parts[..., 2:], deviation


def perceptron(*sizes: int) -> nn.Sequential:
    """Return linear layers between layers of these sizes, with SiLU after all but the last."""
    layers = [layer for size in pairwise(sizes) for layer in (nn.Linear(*size), nn.SiLU())]
    return nn.Sequential(*layers[:-1])


def tensor(values: np.ndarray) -> torch.Tensor:
    """Return values in single precision."""
    return torch.as_tensor(values, dtype=torch.float32)
