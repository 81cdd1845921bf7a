"""The N-dimensional particle of Implicit Behavioral Cloning: two goals, visited in order.

Florence et al., CoRL 2021 (arXiv 2109.00137): a point under a PD controller, told where to go 20
times a second, 50 times; it must come within 0.05 of the first goal, then of the second, and be
there at the end. Demonstrations go for the second once the first is within 0.01. What differs
from theirs: our networks share weights between the dimensions (the energy is a sum over them, with
what their mean has to say), where theirs are plain and much wider; both of ours, energy and
regression, have that form, and a plain regression stands beside them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from concept_control.policy.langevin import ChainConfig, run_chains

NUM_STEPS = 50
RADIUS = 0.05
DEMONSTRATED_RADIUS = 0.01
STIFFNESS, DAMPING = 10.0, 5.0
TIMESTEP, REPEAT = 0.005, 10
WIDTH = 64


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


def demonstrate(
    rng: np.random.Generator, number: int, dimensions: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return observations (number, 50, N, 4), targets (number, 50, N), the oracle's success."""
    world = Particles(rng, number, dimensions)
    is_second = np.zeros(number, dtype=bool)
    observations, actions = [], []
    for _ in range(NUM_STEPS):
        is_second |= world.distance(world.first) < DEMONSTRATED_RADIUS
        target = np.where(is_second[:, None], world.second, world.first)
        observations.append(world.observation())
        actions.append(target)
        world.step(target)
    succeeded = float(world.succeeded().mean())
    return np.stack(observations, axis=1), np.stack(actions, axis=1), succeeded


class Shared(nn.Module):
    """One value for each dimension, from its own inputs and the mean of what all have to say."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.each = nn.Sequential(
            nn.Linear(inputs, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU()
        )
        self.context = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.own = nn.Linear(inputs, WIDTH)
        self.value = nn.Sequential(
            nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 1)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (..., N) values of tokens (..., N, inputs)."""
        # A sum of squared distances grows with N; so must what tells near from far.
        context = self.context(self.each(tokens).sum(dim=-2, keepdim=True))
        return self.value(self.own(tokens) + context).squeeze(-1)


class ParticleEnergy(nn.Module):
    """E(x, a): a sum over the dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = Shared(inputs=8)

    def forward(self, states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return (B, M) energies of actions (B, M, N) in states (B, N, 4)."""
        given = states.unsqueeze(1).expand(-1, actions.shape[1], -1, -1)
        own = actions.unsqueeze(-1)
        # How far from the action each of the places is, beside where they are.
        offsets = own - given[..., [0, 2, 3]]
        return self.shared(torch.cat([given, own, offsets], dim=-1)).sum(dim=-1)


class PlainRegression(nn.Module):
    """A plain perceptron from the whole observation to the target, as a yardstick."""

    def __init__(self, dimensions: int, width: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4 * dimensions, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, dimensions),
        )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return (B, N) targets."""
        return self.layers(states.flatten(start_dim=1))


@dataclass(frozen=True)
class ParticleConfig:
    """How much is done.

    Attributes:
        demonstrations: episodes to learn from.
        steps: of training, energy.
        regression_steps: of training, regressions; they are much cheaper.
        batch: states in a step.
        episodes: to judge with.
        chains: of the sampler, one of them from the last action.
        chain_steps: K.
        seed: of everything.
    """

    demonstrations: int = 2000
    steps: int = 2500
    regression_steps: int = 5000
    batch: int = 64
    episodes: int = 100
    chains: int = 6
    chain_steps: int = 40
    seed: int = 0


def negatives(rng: np.random.Generator, actions: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    """Return (B, M, N) wrong actions: anywhere, near the right one, or right at another time."""
    batch, n = actions.shape
    uniform = rng.uniform(-0.1, 1.1, (batch, 4, n))
    # The same distance at any N, from a tenth of the tolerated radius to the whole cube.
    scale = np.exp(rng.uniform(np.log(0.005), np.log(1.0), (batch, 10, 1))) / np.sqrt(n)
    near = actions[:, None] + scale * rng.normal(size=(batch, 10, n))
    noise = np.exp(rng.uniform(np.log(0.005), np.log(0.2), (batch, 4, 1))) / np.sqrt(n)
    other = elsewhere[:, None] + noise * rng.normal(size=(batch, 4, n))
    between = rng.uniform(size=(batch, 2, 1))
    mixed = between * actions[:, None] + (1 - between) * elsewhere[:, None]
    return np.concatenate([uniform, near, other, mixed], axis=1)


def train_energy(
    observations: np.ndarray, actions: np.ndarray, config: ParticleConfig
) -> ParticleEnergy:
    """Train by ranking the demonstrated action before wrong ones."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    network = ParticleEnergy()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=config.steps)
    for _ in tqdm(range(config.steps), desc='energy', leave=False, disable=None):
        rows = rng.integers(len(observations), size=config.batch)
        when, other = rng.integers(NUM_STEPS, size=(2, config.batch))
        chosen = actions[rows, when]
        wrong = negatives(rng, chosen, actions[rows, other])
        candidates = np.concatenate([chosen[:, None], wrong], axis=1)
        energies = network(_tensor(observations[rows, when]), _tensor(candidates))
        loss = (torch.logsumexp(-energies, dim=1) + energies[:, 0]).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def train_regression(
    network: nn.Module, observations: np.ndarray, actions: np.ndarray, config: ParticleConfig
) -> nn.Module:
    """Train by the mean squared error."""
    rng = np.random.default_rng(config.seed)
    steps = config.regression_steps
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in tqdm(range(steps), desc='regression', leave=False, disable=None):
        rows = rng.integers(len(observations), size=4 * config.batch)
        when = rng.integers(NUM_STEPS, size=4 * config.batch)
        error = network(_tensor(observations[rows, when])) - _tensor(actions[rows, when])
        loss = error.square().sum(dim=-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def judge(choose: Any, dimensions: int, config: ParticleConfig) -> float:
    """Return the share of episodes in which a policy, (B, N, 4) to (B, N), succeeds."""
    rng = np.random.default_rng(config.seed + 1)
    world = Particles(rng, config.episodes, dimensions)
    for _ in range(NUM_STEPS):
        world.step(np.asarray(choose(_tensor(world.observation())), dtype=float))
    return float(world.succeeded().mean())


class Descent:
    """Chooses the lowest end of cooled chains, from anywhere and from the last action."""

    def __init__(self, network: ParticleEnergy, config: ParticleConfig) -> None:
        self._network, self._config = network, config
        self._generator = torch.Generator().manual_seed(config.seed)
        self._last: torch.Tensor | None = None

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return (B, N) actions."""
        config, n = self._config, states.shape[1]
        shape = (len(states), config.chains, n)
        start = torch.rand(shape, generator=self._generator)
        if self._last is not None:
            start[:, 0] = self._last

        def energy(actions: torch.Tensor) -> torch.Tensor:
            return self._network(states, actions)

        chain = ChainConfig(config.chain_steps, 0.15, final_step_size=0.01, max_move=0.15)
        ends = run_chains(energy, start, chain, self._generator)
        with torch.no_grad():
            best = energy(ends).argmin(dim=1)
        self._last = ends[torch.arange(len(ends)), best]
        return self._last


def particle_row(dimensions: int, config: ParticleConfig) -> dict[str, Any]:
    """Demonstrate, train and judge in so many dimensions."""
    rng = np.random.default_rng(config.seed)
    observations, actions, oracle = demonstrate(rng, config.demonstrations, dimensions)
    row: dict[str, Any] = {'dimensions': dimensions, 'oracle': oracle}
    start = time.monotonic()
    energy = train_energy(observations, actions, config)
    row['energy_training_s'] = time.monotonic() - start
    row['energy'] = judge(Descent(energy, config), dimensions, config)
    torch.manual_seed(config.seed)
    networks = {'mse_shared': Shared(inputs=4), 'mse_plain': PlainRegression(dimensions)}
    for name, network in networks.items():
        row[name] = judge(
            train_regression(network, observations, actions, config), dimensions, config
        )
    return row


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
