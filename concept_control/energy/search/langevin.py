"""Generation: descend the energy in the positions of the subjects.

Langevin dynamics descends, x <- x - (step/2) grad E + noise (equation 3 of the workshop paper
prints a plus). The step is Polyak's: the energy of a satisfied concept is known to be zero, so
2 E / |grad E|² is the step that would reach it on a parabola, whatever its curvature; a shrinking
limit on the displacement keeps the chains tame where the energy does not come down to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from concept_control.energy.search.levenberg_marquardt import ResidualFunction

EnergyFunction = Callable[[torch.Tensor], torch.Tensor]
"""Positions (S, N, 2) of S chains to energies (S,), differentiable."""


@dataclass(frozen=True)
class LangevinConfig:
    """How chains move.

    Attributes:
        chains: chains per scene; the lowest energy is kept.
        steps: gradient steps.
        largest: limit of an entity's displacement in the first step, workspace units.
        smallest: the same in the last step.
        noise: standard deviation of the noise over the limit; it ends half-way.
        relaxation: share of Polyak's full step on a parabola.
        limit: positions are clamped to [-limit, limit].
        tolerance: energy below which a scene counts as converged.
        breadth: distance at which the surroundings of a chain's end are looked at, so that of
            ends of equal energy the one in the middle of a region wins over one on its border; 0
            turns that off.
        finished: so many of a scene's chains, those of the lowest energy, end with least squares.
        langevin: whether chains go by gradient and noise alone; otherwise least squares lead them
            where one entity moves alone, and finish them where several do.
    """

    chains: int = 16
    steps: int = 14
    largest: float = 0.3
    smallest: float = 0.02
    noise: float = 0.3
    relaxation: float = 0.8
    limit: float = 1.0
    tolerance: float = 0.01
    breadth: float = 0.15
    finished: int = 3
    langevin: bool = False


_SURROUNDINGS = 6
_SURROUNDINGS_WEIGHT = 0.2


def surroundings(
    residual: ResidualFunction, places: torch.Tensor, movable: torch.Tensor, breadth: float
) -> torch.Tensor:
    """Return (S,) a small share of the mean energy `breadth` away from places (S, N, 2)."""
    numbers = torch.arange(places.shape[1], device=places.device)
    # Every entity goes another way, so that a whole set is not merely shifted.
    turns = torch.arange(_SURROUNDINGS, device=places.device)[:, None] / _SURROUNDINGS
    angle = 2 * torch.pi * (turns + 0.382 * numbers)
    way = torch.stack([angle.cos(), angle.sin()], dim=-1).to(places)
    near = places.unsqueeze(1) + breadth * way * movable[:, None, :, None]
    with torch.no_grad():
        return _SURROUNDINGS_WEIGHT * residual(near).square().sum(dim=-1).mean(dim=1)


def scatter_starts(
    positions: torch.Tensor,
    movable: torch.Tensor,
    chains: int,
    generator: torch.Generator,
    limit: float = 1.0,
) -> torch.Tensor:
    """Return starts (B, chains, N, 2): the first as given, the others anywhere.

    Args:
        positions: (B, N, 2) workspace units.
        movable: (B, N) 1 where an entity may move.
        chains: number of starts per scene.
        generator: where the randomness comes from.
        limit: starts are drawn from [-limit, limit]².
    """
    batch, num_entities, _ = positions.shape
    shape = (batch, chains, num_entities, 2)
    anywhere = (2 * torch.rand(shape, generator=generator) - 1) * limit
    anywhere = anywhere.to(positions)
    anywhere[:, 0] = positions
    gate = movable[:, None, :, None].to(positions.dtype)
    return positions.unsqueeze(1) * (1 - gate) + anywhere * gate


def langevin_descent(
    energy: EnergyFunction,
    starts: torch.Tensor,
    movable: torch.Tensor,
    config: LangevinConfig,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run every chain and return the lowest point each has seen.

    Args:
        energy: energy of a batch of positions.
        starts: (S, N, 2) workspace units.
        movable: (S, N) 1 where an entity may move.
        config: schedule.
        generator: of the noise.

    Returns:
        positions (S, N, 2) and energies (S,).
    """
    gate = movable.unsqueeze(-1).to(starts.dtype)
    place = starts.clone()
    best, lowest = place.clone(), torch.full_like(place[:, 0, 0], torch.inf)
    for step in range(config.steps + 1):
        place.requires_grad_(True)
        with torch.enable_grad():
            value = energy(place)
            (gradient,) = torch.autograd.grad(value.sum(), place)
        value, place = value.detach(), place.detach()
        better = value < lowest
        lowest = torch.where(better, value, lowest)
        best = torch.where(better[:, None, None], place, best)
        if step == config.steps:
            break
        progress = step / max(config.steps - 1, 1)
        bound = config.largest * (config.smallest / config.largest) ** progress
        gradient = gradient * gate
        square = gradient.square().sum(dim=(-1, -2), keepdim=True) + 1e-12
        move = -config.relaxation * 2 * value[:, None, None] / square * gradient
        length = move.norm(dim=-1, keepdim=True) + 1e-12
        move = move * (bound / length).clamp(max=1.0)
        if config.noise > 0 and progress < 0.5:
            shake = torch.randn(place.shape, generator=generator).to(place)
            move = move + config.noise * bound * (1 - 2 * progress) * shake
        place = (place + move * gate).clamp(-config.limit, config.limit)
        place = place * gate + starts * (1 - gate)
    return best, lowest


def keep_lowest(
    positions: torch.Tensor, energies: torch.Tensor, scores: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pick the best chain: (B, chains, N, 2) and (B, chains) to (B, N, 2) and (B,).

    Args:
        positions: ends of the chains.
        energies: at the ends.
        scores: (B, chains) what to choose by, if not the energies.
    """
    index = (energies if scores is None else scores).argmin(dim=1)
    rows = torch.arange(len(index), device=index.device)
    return positions[rows, index], energies[rows, index]
