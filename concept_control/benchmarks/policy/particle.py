"""The N-dimensional particle of Implicit Behavioral Cloning: two goals, visited in order.

Florence et al., CoRL 2021 (arXiv 2109.00137): a point under a PD controller, told where to go 20
times a second, 50 times; it must come within 0.05 of the first goal, then of the second, and be
there at the end. Demonstrations go for the second once the first is within 0.01.

What differs from theirs: their energy is a plain wide network, trained for hours with sampled
negatives. Ours shares weights between the dimensions and has a few wells, whose normaliser is
known. One regression has the same form, one is a plain perceptron.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from concept_control.benchmarks.policy.baselines import RATE, perceptron, tensor
from concept_control.policy.descents import gradient
from concept_control.policy.training import fit
from concept_control.seeding import seeded_weights

Network = TypeVar('Network', bound=nn.Module)

NUM_STEPS = 50
RADIUS = 0.05
DEMONSTRATED_RADIUS = 0.01
STIFFNESS, DAMPING = 10.0, 5.0
TIMESTEP, REPEAT = 0.005, 10
INPUTS, WIDTH = 6, 64
FINE = 20.0
"""Scale of the offsets to the goals as further inputs: the demonstrator turns at 0.01."""

TURNS = 0.3
"""Share of the training steps where the demonstrator has just changed his mind, or will soon."""

WELLS = 3
FINEST = 0.02
"""Width of the wells in the end, and of the noise on demonstrated actions: a density of points
that are exactly the same has no bound."""

WIDEST = 0.5
"""Width of the wells at first, times √N: half of the space."""

ANNEALED = 0.4
"""Share of the training in which the wells grow narrow; only then do their depths count."""


class Particles:
    """A batch of B particles in N dimensions; places in [0, 1]."""

    def __init__(self, rng: np.random.Generator, batch: int, dimensions: int) -> None:
        self.position, self.first, self.second = rng.uniform(size=(3, batch, dimensions))
        self.velocity = np.zeros((batch, dimensions))
        self.visited = np.zeros((batch, 2), dtype=bool)

    def observation(self) -> np.ndarray:
        """Return (B, N, 4): position, velocity, first and second goal of each dimension."""
        parts = [self.position, self.velocity, self.first, self.second]
        return np.stack(parts, axis=-1)

    def step(self, target: np.ndarray) -> None:
        """Let the PD controller pull towards (B, N) for a twentieth of a second."""
        for _ in range(REPEAT):
            force = STIFFNESS * (target - self.position) - DAMPING * self.velocity
            self.position = self.position + TIMESTEP * self.velocity
            self.velocity = self.velocity + TIMESTEP * force
        self.visited[:, 0] |= self.distance(self.first) < RADIUS
        self.visited[:, 1] |= self.distance(self.second) < RADIUS

    def distance(self, goal: np.ndarray) -> np.ndarray:
        """Return (B,) distances to goals (B, N)."""
        return np.linalg.norm(self.position - goal, axis=-1)

    def succeeded(self) -> np.ndarray:
        """Return (B,) whether both goals were visited and the second is where it is now."""
        return self.visited.all(axis=1) & (self.distance(self.second) < RADIUS)


Shown = tuple[np.ndarray, np.ndarray]
"""Observations (E, 50, N, 4) and targets (E, 50, N) of demonstrations."""


def demonstrate(rng: np.random.Generator, number: int, dimensions: int) -> tuple[Shown, float]:
    """Return demonstrations and the oracle's success."""
    world = Particles(rng, number, dimensions)
    is_second = np.zeros(number, dtype=bool)
    observations, actions = [], []
    for _ in range(NUM_STEPS):
        is_second |= world.distance(world.first) < DEMONSTRATED_RADIUS
        target = np.where(is_second[:, None], world.second, world.first)
        observations.append(world.observation())
        actions.append(target)
        world.step(target)
    shown = np.stack(observations, axis=1), np.stack(actions, axis=1)
    return shown, float(world.succeeded().mean())


def fine(states: torch.Tensor) -> torch.Tensor:
    """Return (B, N, INPUTS): states (B, N, 4) and the offsets to both goals, magnified."""
    offsets = states[..., 2:] - states[..., :1]
    return torch.cat([states, torch.tanh(FINE * offsets)], dim=-1)


class ParticleEnergy(nn.Module):
    """E(x, a) with a few wells, whose places and depths depend on the state.

    exp(−E) is a sum of Gaussians of one width. So its normaliser is known, the energy can be
    trained by maximum likelihood without negatives, and a larger width is the same energy seen
    through noise. A well's place is linear in what its dimension sees: what jumps is only which
    well is deepest. Were places free, one well would learn to jump, as smoothly as regression.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Linear(4, WELLS)
        # All begin in the middle: a well far away would never win a state, and never move.
        nn.init.normal_(self.places.weight, std=0.02)
        nn.init.constant_(self.places.bias, 0.5)
        self.each = nn.Sequential(*perceptron(INPUTS, WIDTH, WIDTH), nn.SiLU())
        self.depths = perceptron(WIDTH, WIDTH, WIDTH, WELLS)

    def log_weights(self, states: torch.Tensor) -> torch.Tensor:
        """Return (B, W) log shares of the wells in states (B, N, 4)."""
        return torch.log_softmax(self.depths(self.each(fine(states)).sum(dim=-2)), dim=-1)

    def forward(
        self,
        states: torch.Tensor,
        actions: torch.Tensor,
        width: float = FINEST,
        has_depths: bool = True,
    ) -> torch.Tensor:
        """Return (B, M) energies −log p + constant of actions (B, M, N) in states (B, N, 4).

        Args:
            states: (B, N, 4) observations of the particles.
            actions: (B, M, N) places they are told to go to.
            width: Width of the wells.
            has_depths: Whether wells have their depths; otherwise all count the same.
        """
        places = self.places(states).transpose(-1, -2)
        square = (actions.unsqueeze(2) - places.unsqueeze(1)).square().sum(dim=-1)
        density = -0.5 * square / width**2
        if has_depths:
            density = density + self.log_weights(states).unsqueeze(1)
        return -torch.logsumexp(density, dim=-1)


def widths(dimensions: int, number: int) -> np.ndarray:
    """Return widths of wells from the widest to the finest, geometrically."""
    return np.geomspace(WIDEST * np.sqrt(dimensions), FINEST, number)


class SharedRegression(nn.Module):
    """Regression for each dimension, from its own inputs and the sum of what all have to say."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Sequential(*perceptron(INPUTS, WIDTH, WIDTH), nn.SiLU())
        self.context = perceptron(WIDTH, WIDTH, WIDTH)
        self.own = nn.Linear(INPUTS, WIDTH)
        self.value = nn.Sequential(nn.SiLU(), *perceptron(WIDTH, WIDTH, 1))
        self.straight = nn.Linear(INPUTS, 1)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return (B, N) targets."""
        inputs = fine(states)
        # A sum of squared distances grows with N; so must what tells near from far.
        context = self.context(self.each(inputs).sum(dim=-2))
        values = self.value(self.own(inputs) + context.unsqueeze(-2))
        return (self.straight(inputs) + values).squeeze(-1)


def plain_regression(dimensions: int, width: int = 256) -> nn.Sequential:
    """Return a perceptron from the whole observation to the target, as a yardstick."""
    return nn.Sequential(nn.Flatten(), *perceptron(4 * dimensions, width, width, dimensions))


@dataclass(frozen=True)
class ParticleConfig:
    """Size of the comparison.

    Attributes:
        demonstrations: Number of episodes to learn from.
        steps: Number of training steps of each network.
        batch: Number of states in a step.
        episodes: Number of episodes to judge with.
        chains: Number of chains of the sampler.
        chain_steps: Number K of steps of a chain.
        seed: Seed of everything random.
    """

    demonstrations: int = 2000
    steps: int = 4000
    batch: int = 256
    episodes: int = 200
    chains: int = 4
    chain_steps: int = 16
    seed: int = 0


def train_energy(shown: Shown, config: ParticleConfig) -> ParticleEnergy:
    """Train by maximum likelihood, from wide wells that are one to narrow ones that have parted.

    Wells trained narrow from the start get stuck: one takes all, and the others never learn
    (deterministic annealing: Rose, Proc. IEEE 86(11), 1998).
    """
    with seeded_weights(config.seed):
        network = ParticleEnergy()
        generator = torch.default_generator.clone_state()
    annealing = iter(widths(shown[1].shape[-1], int(ANNEALED * config.steps)))

    def loss_of(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        noisy = (targets + FINEST * torch.randn(targets.shape, generator=generator)).unsqueeze(1)
        width = next(annealing, None)
        if width is None:
            return network(states, noisy).mean() / targets.shape[1]
        return width**2 * network(states, noisy, width, has_depths=False).mean() / targets.shape[1]

    return _fitted(network, loss_of, shown, config)


def train_regression(network: nn.Module, shown: Shown, config: ParticleConfig) -> nn.Module:
    """Train by the mean squared error."""

    def loss_of(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (network(states) - targets).square().sum(dim=-1).mean()

    return _fitted(network, loss_of, shown, config)


def _fitted(
    network: Network,
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    shown: Shown,
    config: ParticleConfig,
) -> Network:
    """Minimise a loss of states (B, N, 4) and targets (B, N) with one cycle of Adam's rate."""
    rng, (observations, actions) = np.random.default_rng(config.seed), shown
    turns = (np.diff(actions, axis=1) != 0).any(axis=-1).argmax(axis=1) + 1

    def loss() -> torch.Tensor:
        rows = rng.integers(len(observations), size=config.batch)
        when = rng.integers(NUM_STEPS, size=config.batch)
        near = np.clip(turns[rows] + rng.integers(-2, 4, size=config.batch), 0, NUM_STEPS - 1)
        when = np.where(rng.uniform(size=config.batch) < TURNS, near, when)
        return loss_of(tensor(observations[rows, when]), tensor(actions[rows, when]))

    fit(network.parameters(), loss, config.steps, RATE)
    return network.eval().requires_grad_(False)


def judge(choose: Any, dimensions: int, config: ParticleConfig) -> float:
    """Return the share of episodes in which a policy, (B, N, 4) to (B, N), succeeds."""
    rng = np.random.default_rng(config.seed + 1)
    world = Particles(rng, config.episodes, dimensions)
    for _ in range(NUM_STEPS):
        world.step(np.asarray(choose(tensor(world.observation())), dtype=float))
    return float(world.succeeded().mean())


class Descent:
    """Chains from anywhere, by gradient through ever narrower wells; the lowest end is chosen.

    In narrow wells alone a chain ends in the nearest, which need not be the deepest.
    """

    def __init__(self, network: ParticleEnergy, config: ParticleConfig) -> None:
        self._network, self._config = network, config
        self._generator = torch.Generator().manual_seed(config.seed)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return (B, N) actions."""
        config, n = self._config, states.shape[1]
        ends = torch.rand((len(states), config.chains, n), generator=self._generator)
        for width in widths(n, config.chain_steps):
            slope = gradient(partial(self._network, states, width=width), ends)
            # Newton's step in a well: its curvature is the inverse square of its width.
            ends = ends - width**2 * slope
        with torch.no_grad():
            best = self._network(states, ends).argmin(dim=1)
        return ends[torch.arange(len(ends)), best]


def particle_row(dimensions: int, config: ParticleConfig) -> dict[str, Any]:
    """Demonstrate, train and judge in so many dimensions."""
    rng = np.random.default_rng(config.seed)
    shown, oracle = demonstrate(rng, config.demonstrations, dimensions)
    row: dict[str, Any] = {'dimensions': dimensions, 'oracle': oracle}
    start = time.monotonic()
    energy = train_energy(shown, config)
    row['energy_training_s'] = time.monotonic() - start
    row['energy'] = judge(Descent(energy, config), dimensions, config)
    with seeded_weights(config.seed):
        networks = {'mse_shared': SharedRegression(), 'mse_plain': plain_regression(dimensions)}
    for name, network in networks.items():
        row[name] = judge(train_regression(network, shown, config), dimensions, config)
    return row
