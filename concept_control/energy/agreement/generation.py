"""Generation of an outcome under an agreement: where the subjects should go."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from concept_control.energy.agreement.arranging import pattern_starts
from concept_control.energy.agreement.conjunction import KEPT
from concept_control.energy.agreement.placing import Agreement, scattered_grid, with_places
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.levenberg_marquardt import (
    LeastSquaresConfig,
    levenberg_marquardt,
)

_SIDE = 48
_EDGE = 0.99
_SURROUNDINGS = 0.3
_ABOVE_LOWEST = 8.0
_WALL = 0.97
_ARRANGE = LeastSquaresConfig(iterations=30)
_SPREADS = (0.04, 0.02, 0.01, 0.005, 0.0025, 0.0012)


def place_subject(
    agreement: Agreement, scene: SceneBatch, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the best places (B, 2) of the subjects of B scenes, and their energies (B,).

    A grid over the whole table, then smaller and smaller steps from its best points. Points whose
    surroundings are good too are preferred: inside a region rather than on its border.
    """
    found = [
        _place_one(agreement, scene.select(slice(row, row + 1)), generator)
        for row in range(scene.num_events)
    ]
    places, energies = zip(*found)
    return torch.stack(places), torch.stack(energies)


def _place_one(
    agreement: Agreement, scene: SceneBatch, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    def energy(places: torch.Tensor) -> torch.Tensor:
        return agreement.energy(SceneView(with_places(scene, places.unsqueeze(0))))

    places = _EDGE * scattered_grid(1, _SIDE, generator)[0]
    energies = energy(places)
    highest = energies.min() + _ABOVE_LOWEST
    grid = energies.clamp(max=highest).reshape(1, 1, _SIDE, _SIDE)
    padded = functional.pad(grid, (2, 2, 2, 2), value=float(highest))
    around = functional.avg_pool2d(padded, 5, 1).reshape(-1)
    exact = _exact_points(agreement, scene)
    if len(exact):
        places = torch.cat([places, exact])
        energies = torch.cat([energies, energy(exact)])
        around = torch.cat([around, around.new_zeros(len(exact))])
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
        shake = spread * torch.randn(len(places), 16, 2, generator=generator)
        near = (places.unsqueeze(1) + shake).clamp(-1.0, 1.0)
        there = energy(near.reshape(-1, 2)).reshape(len(places), -1)
        every = torch.cat([places.unsqueeze(1), near], dim=1)
        lowest, index = torch.cat([energies.unsqueeze(1), there], dim=1).min(dim=1)
        places, energies = every[torch.arange(len(every)), index], lowest
    choice = (energies + _SURROUNDINGS * around).argmin()
    return places[choice], energies[choice]


def _exact_points(agreement: Agreement, scene: SceneBatch) -> torch.Tensor:
    """Return the points (P, 2) that the agreement names exactly."""
    view = SceneView(scene)
    points = [
        spec.point(view).clamp(-1.0, 1.0)
        for spec in agreement.specs
        if not isinstance(spec, str) and spec.kind == 'point'
    ]
    return torch.cat(points) if points else scene.after.new_zeros(0, 2)


def arrange_subjects(
    agreement: Agreement,
    patterns: Sequence[torch.Tensor],
    scene: SceneBatch,
    generator: torch.Generator,
    chains: int = 10,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the last positions (B, N, 2) of B scenes of several subjects, and energies (B,).

    Least squares from demonstrated patterns and from anywhere.
    """
    positions, energies = [], []
    kept = agreement.select((KEPT,))
    for row in range(scene.num_events):
        one = scene.select(slice(row, row + 1))
        starts = pattern_starts(one, patterns, chains, generator)

        def residual(places: torch.Tensor, one: SceneBatch = one) -> torch.Tensor:
            rows = one.repeat(places.shape[0] * places.shape[1])
            rows = rows._replace(after=places.flatten(0, 1))
            edge = 0.3 * (rows.after.abs() - _WALL).clamp(min=0.0).flatten(1)
            found = torch.cat([kept.residual(SceneView(rows)), edge], dim=-1)
            return found.unflatten(0, places.shape[:2])

        movable = one.subjects.repeat(chains, 1)
        places, _ = levenberg_marquardt(residual, starts, movable, _ARRANGE)
        values = agreement.energy(SceneView(one.repeat(chains)._replace(after=places)))
        best = values.argmin()
        positions.append(places[best])
        energies.append(values[best])
    return torch.stack(positions), torch.stack(energies)
