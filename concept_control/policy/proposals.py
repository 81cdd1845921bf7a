"""Distributions with known densities, from which negatives and first guesses are drawn."""

from __future__ import annotations

import math

import torch

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
