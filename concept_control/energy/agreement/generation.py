"""Generation of an outcome under an agreement: where the subjects should go."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from concept_control.energy.agreement.arranging import pattern_starts
from concept_control.energy.agreement.bounds import KEPT
from concept_control.energy.agreement.elsewhere import at_places
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import NAT, SceneBatch
from concept_control.energy.search.levenberg_marquardt import (
    LeastSquaresConfig,
    levenberg_marquardt,
)
from concept_control.energy.search.lowest_place import lowest_place
from concept_control.energy.search.piles import settle_pile, things_above
from concept_control.energy.search.walls import WALLS, Walls

_CHAINS = 10
_APART = Walls(separation=1.0, weight=1.0)
"""Bodies of a shape stand apart; how much room a gripper needs is no part of it."""

_ARRANGE = LeastSquaresConfig(iterations=30)


def place_subject(
    agreement: Agreement, scene: SceneBatch, generator: torch.Generator
) -> torch.Tensor:
    """Return the best places (B, 2) of the subjects of B scenes."""
    found = []
    for one in scene.split(1):
        view = SceneView(one)

        def energy(places: torch.Tensor, view: SceneView = view) -> torch.Tensor:
            return agreement.energy(at_places(view, places.unsqueeze(0), agreement.reads_heights))

        points = _exact_points(agreement, view)
        if agreement.reads_heights:
            points = torch.cat([points, one.after[one.present * (1 - one.subjects) > 0.5]])
        found.append(lowest_place(energy, points, generator))
    return torch.stack(found)


def _exact_points(agreement: Agreement, view: SceneView) -> torch.Tensor:
    """Return the points (P, 2) that the agreement names exactly."""
    points = [
        spec.point(view).clamp(-1.0, 1.0)
        for spec in agreement.specs
        if not isinstance(spec, str) and spec.kind == 'point'
    ]
    return torch.cat(points) if points else view.place.new_zeros(0, 2)


def arrange_subjects(
    agreement: Agreement,
    patterns: Sequence[torch.Tensor],
    scene: SceneBatch,
    generator: torch.Generator,
) -> SceneBatch:
    """Return B scenes of several subjects as they should be.

    Least squares from demonstrated patterns and from anywhere; of piles, from what may carry what.
    """
    if agreement.reads_heights:
        return _pile_subjects(agreement, scene, generator)
    positions = []
    kept = agreement.select((KEPT,))
    for one in scene.split(1):
        starts = pattern_starts(one, patterns, _CHAINS, generator)

        def residual(places: torch.Tensor, one: SceneBatch = one) -> torch.Tensor:
            rows = one.repeat(places.shape[0] * places.shape[1])
            rows = rows._replace(after=places.flatten(0, 1))
            walls = _APART.residuals(rows.after, rows, one.subjects)
            found = torch.cat([kept.residual(SceneView(rows)), walls], dim=-1)
            return found.unflatten(0, places.shape[:2])

        movable = one.subjects.repeat(_CHAINS, 1)
        places, _ = levenberg_marquardt(residual, starts, movable, _ARRANGE)
        rows = one.repeat(_CHAINS)._replace(after=places)
        walls = _APART.residuals(places, rows, one.subjects).square().sum(dim=-1)
        values = agreement.energy(SceneView(rows)) + walls / NAT
        positions.append(places[values.argmin()])
    return scene._replace(after=torch.stack(positions))


def _pile_subjects(
    agreement: Agreement, scene: SceneBatch, generator: torch.Generator
) -> SceneBatch:
    kept = agreement.select((KEPT,))
    found = []
    for one in scene.split(1):
        subjects = one.subjects[0] > 0.5
        may_move = subjects | things_above(one, subjects)

        def residual(rows: SceneBatch) -> torch.Tensor:
            return kept.residual(SceneView(rows))

        found.append(settle_pile(residual, one, may_move, WALLS, generator)[0])
    return SceneBatch.concatenate(found)
