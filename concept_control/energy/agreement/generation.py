"""Generation of an outcome under an agreement: where the subjects should go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import torch

from concept_control.energy.agreement.arranging import pattern_starts
from concept_control.energy.agreement.bounds import KEPT
from concept_control.energy.agreement.elsewhere import at_places, overlaps
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import NAT, SceneBatch
from concept_control.energy.search.levenberg_marquardt import (
    LeastSquaresConfig,
    energies,
    levenberg_marquardt,
)
from concept_control.energy.search.lowest_place import lowest_place
from concept_control.energy.search.piles import settle_pile, things_above
from concept_control.energy.search.walls import WALLS, Walls

_CHAINS = 10
_STARTS = 240
"""Places tried, of which the best begin chains."""

_EXCHANGED = 4
"""Number of chains whose things change places."""

_FEW, _EXCHANGES = 4, 30
"""Number of things up to which all orders are tried, and number of those tried of more."""

_OVERLAP = 0.025
"""Implausibility of what overlaps the attended, for each demonstration but the first [nats]: of
places that are as good one is free."""

_APART = Walls(separation=1.0, weight=1.0)
"""Bodies of a shape stand apart; how much room a gripper needs is no part of it."""

_ARRANGE = LeastSquaresConfig(iterations=30, enough=1e-6)


def place_subject(
    agreement: Agreement, scene: SceneBatch, generator: torch.Generator
) -> torch.Tensor:
    """Return the best places (B, 2) of the subjects of B scenes."""
    found = []
    for one in scene.split(1):
        view = SceneView(one)

        def energy(places: torch.Tensor, view: SceneView = view) -> torch.Tensor:
            there = at_places(view, places.unsqueeze(0), agreement.reads_heights)
            found = agreement.energy(there)
            if agreement.reads_heights:
                return found
            weight = _OVERLAP * (agreement.bounds.shots - 1)
            return found + weight * overlaps(there, there.attended)

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
    kept = agreement.select((KEPT,))
    positions = [_arranged(agreement, kept, patterns, one, generator) for one in scene.split(1)]
    return scene._replace(after=torch.stack(positions))


def _arranged(
    agreement: Agreement,
    kept: Agreement,
    patterns: Sequence[torch.Tensor],
    one: SceneBatch,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the places (N, 2) of one scene whose subjects stand as they should."""

    def residual(places: torch.Tensor) -> torch.Tensor:
        rows = one.repeat(places.shape[0] * places.shape[1])
        rows = rows._replace(after=places.flatten(0, 1))
        walls = _APART.residuals(rows.after, rows, one.subjects)
        found = torch.cat([kept.residual(SceneView(rows)), walls], dim=-1)
        return found.unflatten(0, places.shape[:2])

    starts, half = pattern_starts(one, patterns, _STARTS, generator)
    order = energies(residual, starts).argsort()
    best = [order[order < half], order[order >= half]]
    starts = starts[torch.cat([each[: _CHAINS // 2] for each in best])]
    movable = one.subjects.expand(len(starts), -1)
    places, values = levenberg_marquardt(residual, starts, movable, _ARRANGE)
    places = places[values.argsort()[:_EXCHANGED]]
    # Doubts, too, tell which thing should stand where.
    exchanged = _exchanged(places, one.subjects[0], generator)
    values = _implausibility(agreement, one, exchanged.flatten(0, 1))
    which = values.unflatten(0, exchanged.shape[:2]).argmin(dim=1)
    places = exchanged[torch.arange(len(places)), which]
    places, _ = levenberg_marquardt(residual, places, movable[:_EXCHANGED], _ARRANGE)
    return places[_implausibility(agreement, one, places).argmin()]


def _implausibility(agreement: Agreement, one: SceneBatch, places: torch.Tensor) -> torch.Tensor:
    """Return how implausible (S,) places (S, N, 2) in one scene are [nats]."""
    rows = one.repeat(len(places))._replace(after=places)
    walls = _APART.residuals(places, rows, one.subjects).square().sum(dim=-1)
    return agreement.energy(SceneView(rows)) + walls / NAT


def _exchanged(
    places: torch.Tensor, subjects: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Return S places (S, N, 2) with subjects in others' places: (S, P, N, 2), the first as is.

    Which thing stands where has no slope that least squares could follow.
    """
    members = torch.nonzero(subjects > 0.5)[:, 0]
    orders = list(permutations(range(len(members)))) if len(members) <= _FEW else []
    order = torch.tensor(orders or [range(len(members))], dtype=torch.long)
    if not orders:
        drawn = torch.rand(_EXCHANGES, len(members), generator=generator).argsort(dim=-1)
        order = torch.cat([order, drawn])
    found = places.unsqueeze(1).repeat(1, len(order), 1, 1)
    found[:, :, members] = places[:, members][:, order]
    return found


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
