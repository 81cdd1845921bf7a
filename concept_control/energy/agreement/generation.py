"""Generation of an outcome under an agreement: where the subjects should go."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from concept_control.energy.agreement.arranging import pattern_starts
from concept_control.energy.agreement.conjunction import KEPT
from concept_control.energy.agreement.placing import Agreement, with_places
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.levenberg_marquardt import (
    LeastSquaresConfig,
    levenberg_marquardt,
)
from concept_control.energy.search.lowest_place import lowest_place

_WALL = 0.97
_ARRANGE = LeastSquaresConfig(iterations=30)


def place_subject(
    agreement: Agreement, scene: SceneBatch, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the best places (B, 2) of the subjects of B scenes, and their energies (B,)."""
    found = []
    for row in range(scene.num_events):
        one = scene.select(slice(row, row + 1))

        def energy(places: torch.Tensor, one: SceneBatch = one) -> torch.Tensor:
            return agreement.energy(SceneView(with_places(one, places.unsqueeze(0))))

        found.append(lowest_place(energy, _exact_points(agreement, one), generator))
    places, energies = zip(*found)
    return torch.stack(places), torch.stack(energies)


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
