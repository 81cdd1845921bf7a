"""Where negatives and first guesses of actions come from: distributions with known densities."""

from __future__ import annotations

import math
from typing import Protocol

import torch


class Proposal(Protocol):
    """A distribution of actions that does not depend on the state."""

    def sample(
        self, shape: tuple[int, ...], generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return (*shape, n) actions."""

    def log_density(self, actions: torch.Tensor) -> torch.Tensor:
        """Return (...,) log densities of actions (..., n)."""


class BoxProposal:
    """Uniform over a box around the origin."""

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

    def __init__(self, width: float = 0.12, share: float = 0.85, half_extent: float = 1.6) -> None:
        """Mix a ring and a box.

        Args:
            width: standard deviation of the ring's radius about 1.
            share: of the ring.
            half_extent: of the box.
        """
        self._width, self._share = width, share
        self._box = BoxProposal(2, half_extent)

    def sample(
        self, shape: tuple[int, ...], generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """Return (*shape, 2) actions; directions are stratified along the last axis of `shape`."""
        number = shape[-1]
        slots = torch.arange(number) + torch.rand(shape, generator=generator)
        angle = 2 * math.pi * slots / number
        radius = 1.0 + self._width * torch.randn(shape, generator=generator)
        ring = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)
        is_ring = torch.rand(shape, generator=generator) < self._share
        return torch.where(is_ring.unsqueeze(-1), ring, self._box.sample(shape, generator))

    def log_density(self, actions: torch.Tensor) -> torch.Tensor:
        """Return (...,) log densities."""
        radius = actions.norm(dim=-1).clamp_min(1e-6)
        normal = -0.5 * ((radius - 1) / self._width) ** 2
        normal = normal - math.log(self._width * math.sqrt(2 * math.pi))
        ring = math.log(self._share) + normal - (2 * math.pi * radius).log()
        box = math.log(1 - self._share) + self._box.log_density(actions)
        return torch.logaddexp(ring, box)
