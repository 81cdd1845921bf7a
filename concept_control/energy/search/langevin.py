"""Langevin dynamics in the positions of the subjects.

x <- x - (step/2) grad E + noise descends the energy (equation 3 of the workshop paper prints a
plus). The step length is Polyak's: the energy of a satisfied concept is known to be zero, so
2 E / |grad E|² is the step that reaches it on a parabola, whatever its curvature. A shrinking
limit on the displacement bounds the steps where the energy does not come down to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from concept_control.energy.search.levenberg_marquardt import ResidualFunction

EnergyFunction = Callable[[torch.Tensor], torch.Tensor]
"""Positions (S, N, 2) of S chains to energies (S,), differentiable in them."""


@dataclass(frozen=True)
class LangevinConfig:
    """Settings of Langevin chains and of how generation uses them.

    Attributes:
        chains: Number of chains of a scene; the end of lowest energy is kept.
        steps: Number of gradient steps.
        largest: Limit of an entity's displacement in the first step, workspace units.
        smallest: Limit of an entity's displacement in the last step, workspace units.
        noise: Standard deviation of the noise relative to the limit; zero from half-way on.
        relaxation: Factor on Polyak's step.
        limit: Bound of the positions, clamped to [-limit, limit].
        breadth: Distance at which the energy around a chain's end is evaluated, so that among ends
            of equal energy one inside a region is preferred to one on its border; 0 for never.
        finished: Number of a scene's chains of lowest energy that least squares finish.
        gradient_only: Whether least squares are not used at all; otherwise they replace the chains
            where one entity moves alone, and finish them where several do.
    """

    chains: int = 16
    steps: int = 14
    largest: float = 0.3
    smallest: float = 0.02
    noise: float = 0.3
    relaxation: float = 0.8
    limit: float = 1.0
    breadth: float = 0.15
    finished: int = 3
    gradient_only: bool = False


_SURROUNDINGS = 6
"""Number of points around a chain's end."""

_SURROUNDINGS_WEIGHT = 0.2
"""Weight of their mean energy beside that of the end."""


def surroundings(
    residual: ResidualFunction, places: torch.Tensor, movable: torch.Tensor, breadth: float
) -> torch.Tensor:
    """Return the weighted mean energies (S,) around the ends of chains.

    Args:
        residual: Residual of positions.
        places: (S, N, 2) ends.
        movable: (S, N) 1 where an entity may move.
        breadth: Distance of the points around, workspace units.
    """
    numbers = torch.arange(places.shape[1], device=places.device)
    # Entities are displaced in different directions, so that a set is not merely shifted.
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
    """Return starts (B, chains, N, 2): the first as given, the others uniformly at random.

    Args:
        positions: (B, N, 2) workspace units.
        movable: (B, N) 1 where an entity may move.
        chains: Number of starts of each scene.
        generator: Random generator of the starts.
        limit: Bound of the starts, drawn from [-limit, limit]².
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
    """Run all chains and return the point of lowest energy that each has visited.

    Args:
        energy: Energy of positions.
        starts: (S, N, 2) workspace units.
        movable: (S, N) 1 where an entity may move.
        config: Settings.
        generator: Random generator of the Langevin noise.

    Returns:
        Positions (S, N, 2) and energies (S,).
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


def keep_lowest(positions: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Return the ends (B, N, 2) of least score (B, chains) among those of chains, positions."""
    index = scores.argmin(dim=1)
    return positions[torch.arange(len(index), device=index.device), index]
