"""The best place of one subject: a grid over the whole table, then smaller and smaller steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

SIDE = 48
"""Cells of a side of the grid."""

EDGE = 0.97
"""Largest |coordinate| of the grid [workspace units]."""

_SURROUNDINGS = 0.3
_ABOVE_LOWEST = 8.0
_INWARDS, _STEP, _MOST_INWARDS = 9, 0.02, 3
"""Cells of a side of the grid about a place that is nearly best, their side [workspace units], and
how many such places there are."""

_SPREADS = (0.04, 0.02, 0.01, 0.005, 0.0025, 0.0012)


def cell_centers(side: int) -> torch.Tensor:
    """Return the middles (side², 2) of the cells of a grid over the table."""
    ticks = (torch.arange(side) + 0.5) / side * 2 - 1
    return torch.cartesian_prod(ticks, ticks)


def scattered_grid(batch: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """Return places (batch, side², 2) all over the table: a grid, shaken in its cells."""
    grid = cell_centers(side)
    shake = torch.rand(batch, side * side, 2, generator=generator) - 0.5
    return grid + 2 / side * shake


def lowest_place(
    energy: Callable[[torch.Tensor], torch.Tensor],
    known: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the place (2,) of least energy.

    Points whose surroundings are good too are preferred: inside a region rather than on its
    border.

    Args:
        energy: Function of places (P, 2) to energies (P,) [nats].
        known: (K, 2) places that may be good and that a grid would miss.
        generator: Random generator of the steps.
    """
    places = EDGE * scattered_grid(1, SIDE, generator)[0].to(known)
    energies = energy(places)
    highest = energies.min() + _ABOVE_LOWEST
    grid = energies.clamp(max=highest).reshape(1, 1, SIDE, SIDE)
    padded = functional.pad(grid, (2, 2, 2, 2), value=float(highest))
    around = functional.avg_pool2d(padded, 5, 1).reshape(-1)
    if len(known):
        places = torch.cat([places, known])
        energies = torch.cat([energies, energy(known)])
        around = torch.cat([around, around.new_zeros(len(known))])
    score = energies + _SURROUNDINGS * around
    best = torch.cat(
        [score.topk(10, largest=False).indices, energies.topk(40, largest=False).indices]
    ).unique()
    places, energies, around = places[best], energies[best], around[best]
    for number, spread in enumerate(_SPREADS):
        if number == 2:
            score = energies + _SURROUNDINGS * around
            best = score.topk(min(12, len(score)), largest=False).indices
            places, energies, around = places[best], energies[best], around[best]
        shake = spread * torch.randn(len(places), 16, 2, generator=generator).to(places)
        near = (places.unsqueeze(1) + shake).clamp(-1.0, 1.0)
        there = energy(near.reshape(-1, 2)).reshape(len(places), -1)
        every = torch.cat([places.unsqueeze(1), near], dim=1)
        lowest, index = torch.cat([energies.unsqueeze(1), there], dim=1).min(dim=1)
        places, energies = every[torch.arange(len(every)), index], lowest
    best = (energies + _SURROUNDINGS * around).topk(min(_MOST_INWARDS, len(places)), largest=False)
    return _inwards(energy, places[best.indices])


def _inwards(energy: Callable[[torch.Tensor], torch.Tensor], places: torch.Tensor) -> torch.Tensor:
    """Return the best place (2,) close to some (K, 2), by its energy and that around it."""
    steps = cell_centers(_INWARDS).to(places) * _INWARDS / 2 * _STEP
    near = (places.unsqueeze(1) + steps).clamp(-1.0, 1.0).reshape(-1, 2)
    energies = energy(near)
    grids = energies.clamp(max=energies.min() + _ABOVE_LOWEST).reshape(-1, 1, _INWARDS, _INWARDS)
    padded = functional.pad(grids, (2, 2, 2, 2), mode='replicate')
    around = functional.avg_pool2d(padded, 5, 1).reshape(-1)
    return near[(energies + _SURROUNDINGS * around).argmin()]
