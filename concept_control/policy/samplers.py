"""Samplers of one step from the energy of steps: the two of the thesis, and one that keeps modes.

A sampler serves a batch of rollouts at once, one row each, from their first step to their last:
what it draws, and what it remembers of earlier steps, is its own. `restart` makes it forget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from concept_control.policy.descents import (
    ChainConfig,
    EnergyOfActions,
    langevin,
    newton_descent,
)
from concept_control.policy.network import PolicyEnergy

RING_WIDTH = 0.12
"""Standard deviation of the ring's radius about 1, in step lengths."""

BOX_HALF_EXTENT = 1.6
"""Half side of the box of steps of any length, in step lengths."""


class BoxProposal:
    """Uniform distribution over a box around the origin.

    Args:
        size: Number n of dimensions.
        half_extent: Half side of the box.
    """

    def __init__(self, size: int, half_extent: float) -> None:
        self.size, self.half_extent = size, half_extent

    def sample(
        self, shape: tuple[int, ...], generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return (*shape, size) actions."""
        uniform = torch.rand((*shape, self.size), generator=generator)
        return self.half_extent * (2 * uniform - 1)

    def log_density(self, actions: torch.Tensor) -> torch.Tensor:
        """Return (...,) log densities; the same everywhere in the box."""
        value = -self.size * math.log(2 * self.half_extent)
        return torch.full(actions.shape[:-1], value)


class RingProposal:
    """Steps of about unit length in any direction, and a few of any length.

    All steps of a stroke are equally long, so nearly all that has to be told apart is direction.
    """

    def __init__(self, share: float = 0.85) -> None:
        """Mix a ring and a box.

        Args:
            share: Probability of the ring.
        """
        self._share = share
        self._box = BoxProposal(2, BOX_HALF_EXTENT)

    def sample(
        self, shape: tuple[int, ...], generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return (*shape, 2) actions; directions are stratified along the last axis of `shape`."""
        number = shape[-1]
        slots = torch.arange(number) + torch.rand(shape, generator=generator)
        angle = 2 * math.pi * slots / number
        radius = 1.0 + RING_WIDTH * torch.randn(shape, generator=generator)
        ring = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)
        is_ring = torch.rand(shape, generator=generator) < self._share
        return torch.where(is_ring.unsqueeze(-1), ring, self._box.sample(shape, generator))

    def log_density(self, actions: torch.Tensor) -> torch.Tensor:
        """Return (...,) log densities."""
        radius = actions.norm(dim=-1).clamp_min(1e-6)
        normal = -0.5 * ((radius - 1) / RING_WIDTH) ** 2
        normal = normal - math.log(RING_WIDTH * math.sqrt(2 * math.pi))
        ring = math.log(self._share) + normal - (2 * math.pi * radius).log()
        box = math.log(1 - self._share) + self._box.log_density(actions)
        return torch.logaddexp(ring, box)


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
        *_, ends = langevin(energy, start, self.config, self._generator)
        return ends


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
