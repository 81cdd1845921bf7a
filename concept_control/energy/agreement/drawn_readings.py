"""Readings of codes drawn as likely as the demonstrations leave them.

Demonstrations leave open which measurement is meant and how far beyond what was shown its bounds
lie. What has to satisfy many terms at once is not judged well by their means: a drawn reading of
each, the same wherever the concept is asked for, either can be satisfied or not (Thompson 1933).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from concept_control.energy.agreement.bounds import Bounds
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import NAT, BoundResiduals, SceneBatch, grounded

DOUBT = 0.3
"""Weight of what all readings say beside the one that was drawn."""


def draw_bounds(
    bounds: Bounds, count: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lower and upper bounds (count, B) of readings; infinite where nothing is asked.

    Args:
        bounds: Bounds and their doubts.
        count: Number of readings.
        generator: Random generator of the readings.
    """
    shape = (count, len(bounds.index))

    def happens(share: torch.Tensor) -> torch.Tensor:
        return torch.rand(shape, generator=generator) < share

    def beyond() -> torch.Tensor:
        """Draw from the posterior that `Bounds.plausibility` integrates."""
        share = torch.rand(shape, generator=generator).clamp(min=1e-3)
        return bounds.scale * (share ** (-1 / max(bounds.shots - 1, 1)) - 1)

    lower = torch.where(happens(bounds.open_lower), -torch.inf, bounds.lower - beyond())
    upper = torch.where(happens(bounds.open_upper), torch.inf, bounds.upper + beyond())
    only_sign = happens(bounds.sign.abs())
    lower = torch.where(only_sign, torch.where(bounds.sign > 0, 0.0, -torch.inf), lower)
    upper = torch.where(only_sign, torch.where(bounds.sign < 0, 0.0, torch.inf), upper)
    asked = torch.zeros(shape, dtype=torch.bool)
    for clause, relevance in enumerate(bounds.relevance.tolist()):
        (members,) = torch.nonzero(bounds.clause == clause, as_tuple=True)
        if not len(members):
            continue
        weight = relevance * bounds.weight[members]
        weight = torch.cat([weight, (1 - weight.sum()).clamp(min=1e-9)[None]])
        chosen = torch.multinomial(weight, count, replacement=True, generator=generator)
        asked[:, members] = chosen[:, None] == torch.arange(len(members))
    return torch.where(asked, lower, -torch.inf), torch.where(asked, upper, torch.inf)


def bind_readings(
    agreements: Sequence[Agreement | None],
    subjects: torch.Tensor,
    attention: torch.Tensor,
    count: int,
    generator: torch.Generator,
    is_sum: bool = False,
    alternatives: int = 1,
) -> BoundResiduals:
    """Return the residuals of M terms, each under one of several readings of all.

    The function takes `count` times as many scenes as it is to compute for one reading, those of
    a reading in a row; its residuals are by how much measurements are beyond the bounds that were
    drawn and, by `DOUBT`, how implausible the scene is to all readings together.

    Args:
        agreements: What each term says; terms with the same object share their readings.
        subjects: (M, N) bool, entities that each term acts on.
        attention: (M, N) bool, entities that each term is about.
        count: Number of readings; 0 for what all of them say together alone.
        generator: Random generator of the readings.
        is_sum: Whether only the sum of all energies counts. Then what is doubted of a code is
            doubted once for all of its terms, not anew for each: one reading is meant.
        alternatives: A, number of scenes in a row that are to hold by the same readings, none of
            them drawn: of A * R scenes the residuals are R.
    """
    alike: dict[int, list[int]] = {}
    for number, agreement in enumerate(agreements):
        alike.setdefault(id(agreement), []).append(number)
    groups = []
    for members in alike.values():
        agreement = agreements[members[0]]
        if agreement is not None:
            agreement = agreement.without_ties
            masks = subjects[members].float(), attention[members].float()
            drawn = draw_bounds(agreement.bounds, count, generator) if count else None
            groups.append((agreement, members, masks, drawn))

    def residuals(scene: SceneBatch) -> list[torch.Tensor]:
        rows = scene.num_events // alternatives
        found = [scene.after.new_zeros(rows, 1)] * len(agreements)
        for agreement, members, masks, drawn in groups:
            acts, meant = (mask.repeat(scene.num_events, 1) for mask in masks)
            values = agreement.values(SceneView(grounded(scene.repeat(len(members)), acts, meant)))
            shown = _shown_together(values, rows, alternatives, is_sum)
            doubt = (NAT * agreement.bounds.clause_terms(shown)).clamp(min=1e-12).sqrt()
            if is_sum:  # all of it is the first member's
                rest = doubt.new_zeros(len(doubt), len(members) - 1, doubt.shape[-1])
                doubt = torch.cat([doubt.unsqueeze(1), rest], dim=1).flatten(0, 1)
            if drawn is not None:
                lower, upper = (bound.to(values).unsqueeze(1) for bound in drawn)
                each = values.unflatten(0, (count, -1))
                excess = (lower - each).clamp(min=0.0) + (each - upper).clamp(min=0.0)
                excess = (excess * agreement.units.to(values)).flatten(0, 1)
                doubt = torch.cat([excess, DOUBT**0.5 * doubt], dim=-1)
            for member, residual in zip(members, doubt.unflatten(0, (-1, len(members))).unbind(1)):
                found[member] = residual
        return found

    return residuals


def _shown_together(
    values: torch.Tensor, rows: int, alternatives: int, is_sum: bool
) -> torch.Tensor:
    """Return values of members (R * A * M, B) with those in an axis that share their reading."""
    if is_sum:
        return values.unflatten(0, (rows, -1))
    if alternatives == 1:
        return values
    return values.unflatten(0, (rows, alternatives, -1)).transpose(1, 2).flatten(0, 1)
