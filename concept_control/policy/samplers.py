"""Samplers of one step from the energy of steps: the two of the thesis, and one that keeps modes.

A sampler serves a batch of rollouts at once, one row each, from their first step to their last:
what it draws, and what it remembers of earlier steps, is its own. `restart` makes it forget.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from concept_control.policy.descents import (
    ChainConfig,
    EnergyOfActions,
    newton_descent,
    run_chains,
)
from concept_control.policy.network import PolicyEnergy
from concept_control.policy.proposals import BoxProposal, RingProposal

CANDIDATES = 64
"""Actions drawn from the proposal for each step of mode keeping."""

INERTIA = 0.3
"""Standard deviation of what a step may differ from the last one [step lengths], beyond what the
energy demands."""


class Sampler(Protocol):
    """Chooses actions."""

    def restart(self) -> None:
        """Forget all rollouts and draw the same random numbers again."""

    def __call__(
        self, network: PolicyEnergy, states: torch.Tensor, codes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return (B, n) actions for states (B, x), one for each rollout."""


def energy_at(
    network: PolicyEnergy, states: torch.Tensor, codes: torch.Tensor | None = None
) -> EnergyOfActions:
    """Return the energy of actions in states (B, x), with their codes (B, c) where there are."""
    encoded = network.encode_states(states, codes)
    return lambda actions: network.action_energies(encoded, actions)


@dataclass
class Chains:
    """The common part of both samplers of the thesis: p Langevin chains from noise.

    Attributes:
        chains: Number p of chains.
        config: Number K of steps and step size α.
        half_extent: Half side of the box the chains start in, in step lengths.
        seed: Seed of everything random.
    """

    chains: int = 16
    config: ChainConfig = field(default_factory=ChainConfig)
    half_extent: float = 1.5
    seed: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Draw the same random numbers again."""
        self._generator = torch.Generator().manual_seed(self.seed)

    def run(self, energy: EnergyOfActions, shape: tuple[int, int], size: int) -> torch.Tensor:
        """Return the ends (*shape, size) of chains from noise."""
        start = BoxProposal(size, self.half_extent).sample(shape, self._generator)
        return run_chains(energy, start, self.config, self._generator)


@dataclass
class MostLikely(Chains):
    """ML of the thesis: the end of a chain that has the lowest energy."""

    def __call__(
        self, network: PolicyEnergy, states: torch.Tensor, codes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return (B, n) actions."""
        energy = energy_at(network, states, codes)
        ends = self.run(energy, (len(states), self.chains), network.config.action_size)
        with torch.no_grad():
            best = energy(ends).argmin(dim=1)
        return ends[torch.arange(len(ends)), best]


@dataclass
class Expectation(Chains):
    """EXP of the thesis, algorithm 2: the mean of p chains, each at a jittered state.

    Attributes:
        jitter: Standard deviation of the states' displacement, in sizes of the figure.
    """

    jitter: float = 0.01

    def __call__(
        self, network: PolicyEnergy, states: torch.Tensor, codes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return (B, n) actions."""
        many = states.repeat_interleave(self.chains, dim=0)
        many = many + self.jitter * torch.randn(many.shape, generator=self._generator)
        given = None if codes is None else codes.repeat_interleave(self.chains, dim=0)
        energy = energy_at(network, many, given)
        ends = self.run(energy, (len(many), 1), network.config.action_size)
        return ends.view(len(states), self.chains, -1).mean(dim=1)


class ModeKeeping:
    """Draws a mode by its probability, follows it while it lasts, and returns its minimum.

    Candidates from a proposal q are weighted by exp(−E)/q, as the energy was trained to be, and by
    how well they go on from the last step; one is drawn, and descends to its minimum. Because the
    draw precedes the descent and that converges, the number of steps changes nothing.
    """

    def __init__(
        self, steps: int = 15, seed: int = 0, first_steps: np.ndarray | None = None
    ) -> None:
        """Prepare a sampler.

        Args:
            steps: Number K of steps of the descent.
            seed: Seed of everything random.
            first_steps: (F, 2) steps, one of which each rollout begins like; None for any.
        """
        self.steps = steps
        self._proposal = RingProposal()
        self._first = None if first_steps is None else torch.as_tensor(first_steps).float()
        self._seed = seed
        self.restart()

    def restart(self) -> None:
        """Forget the last steps and draw the same random numbers again."""
        self._generator = torch.Generator().manual_seed(self._seed)
        self._last: torch.Tensor | None = None

    def __call__(
        self, network: PolicyEnergy, states: torch.Tensor, codes: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return (B, n) actions."""
        energy = energy_at(network, states, codes)
        shape = (len(states), CANDIDATES)
        if self._last is None and self._first is not None:
            chosen = torch.randint(len(self._first), shape[:1], generator=self._generator)
            self._last = self._first[chosen]
        candidates = self._proposal.sample(shape, self._generator)
        luck = torch.rand(shape, generator=self._generator)
        with torch.no_grad():
            logits = -energy(candidates) - self._proposal.log_density(candidates)
            if self._last is not None:
                turn = (candidates - self._last.unsqueeze(1)).square().sum(dim=-1)
                logits = logits - turn / (2 * INERTIA**2)
            # The largest of logits with Gumbel noise is a draw from their softmax.
            drawn = (logits - (-luck.clamp_min(1e-9).log()).log()).argmax(dim=1)
        start = candidates[torch.arange(len(states)), drawn].unsqueeze(1)
        self._last = newton_descent(energy, start, self.steps).squeeze(1)
        return self._last
