"""How likely an event is under a code: where things went and which were meant, as a density.

A reading of a code that leaves little room for an outcome says more of one that is within it (the
size principle). So each reading is a density of its own, its plausibility over the mean of that on
the whole table, and a code is their mixture.
"""

from __future__ import annotations

import math

import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.bounds import KEPT
from concept_control.energy.agreement.elsewhere import at_places
from concept_control.energy.agreement.inference import circumstances
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch, let_down
from concept_control.energy.search.lowest_place import cell_centers

_IMPOSSIBLE = -20.0
"""Log likelihood of an event of another kind than the code is about [nats]."""

_LEAST = -10.0
"""Least log density of places and masks: demonstrations are not without errors [nats]."""

_MISCOUNT = 4.0
"""Log probability that is lost for each thing more or fewer than were demonstrated [nats]."""

_NO_RULE = 0.03
"""Probability that what is meant is not what any of the rules proposes."""

_WINDOWS = ((2.0, 12), (0.3, 8), (0.04, 8))
"""Sides of the windows about a place in which others are measured, and cells of a side: bounds
that are narrow need close ones. The first one is the whole table."""

_SPREADS = (0.15, 0.04)
"""Spreads by which arrangements are shaken, beside those anywhere [workspace units]."""

_ARRANGEMENTS = 60
_AT_ONCE = 48
"""Events that are measured at a time, so that memory stays small."""


def log_likelihoods(code: AgreementCode, scene: SceneBatch) -> torch.Tensor:
    """Return the log likelihoods (B,) of events, up to what is the same for all codes [nats].

    Args:
        code: Code of the concept.
        scene: B events.
    """
    return torch.cat([_log_likelihoods(code, part) for part in scene.split(_AT_ONCE)])


def _log_likelihoods(code: AgreementCode, scene: SceneBatch) -> torch.Tensor:
    subjects = scene.subjects * scene.present > 0.5
    meant = scene.attention * scene.present > 0.5
    shown = circumstances(scene)
    _, members, subjects_move, others_move = (shown > 0.5).unbind(dim=1)
    acts = subjects_move & ~others_move
    found = scene.after.new_full((scene.num_events,), _IMPOSSIBLE)
    if code.placing is not None:
        of_its_kind = acts & ~members & (subjects.sum(dim=1) == 1)
    else:
        # By rules, "none of them" is an answer.
        of_its_kind = (meant.any(dim=1) | (code.rules is not None)) & (members | ~acts)
    (rows,) = torch.nonzero(of_its_kind, as_tuple=True)
    if len(rows):
        chosen = scene.select(rows)
        if code.placing is not None:
            found[rows] = _log_count(code.placing, chosen) + _place_density(code.placing, chosen)
        else:
            found[rows] = _set_likelihoods(code, chosen, acts[rows])
    if not code.circumstances:
        return found
    # A thing that points at what is meant, or moves beside it, is of the concept, too.
    likely = shown.new_tensor(code.circumstances)
    return found + (shown * likely + (1 - shown) * (1 - likely)).log().sum(dim=1)


def _log_count(agreement: Agreement, scene: SceneBatch) -> torch.Tensor:
    """Return the log probabilities (B,) that just these are meant, by their number alone."""
    number = (scene.attention * scene.present > 0.5).sum(dim=1).float()
    fewest, most = agreement.count
    wrong = (fewest - number).clamp(min=0) + (number - most).clamp(min=0)
    every = scene.present.sum(dim=1)
    ways = (every + 1).lgamma() - (number + 1).lgamma() - (every - number + 1).lgamma()
    return -_MISCOUNT * wrong - math.log(most - fewest + 1) - ways


def _place_density(agreement: Agreement, scene: SceneBatch) -> torch.Tensor:
    """Return the log densities (B,) of the places of one subject, relative to anywhere."""
    agreement = agreement.without_ties
    bounds = agreement.bounds
    view = SceneView(scene)
    places, weights = _windows(view.place)
    values = agreement.values(at_places(view, places, agreement.reads_heights))
    is_kept = bounds.kind[bounds.clause] == KEPT
    certain = (-agreement.select((KEPT,)).bounds.energy(values[:, is_kept])).exp().unsqueeze(-1)
    doubted = bounds.pick(torch.nonzero(~is_kept)[:, 0])
    kinds = doubted.kinds(values[:, ~is_kept])
    says = [plausible for plausible, _ in kinds]
    readings = certain * torch.cat([*says, torch.ones_like(certain)], dim=-1)
    readings = readings.unflatten(0, places.shape[:2])
    share = torch.cat([doubted.weight * each for _, each in kinds])
    share = torch.cat([share, (1 - share.sum()).clamp(min=1e-3)[None]])
    chance = (weights.unsqueeze(-1) * readings).sum(dim=1).clamp(min=1e-9)
    density = (readings[:, 0] / chance) @ (share / share.sum())
    return density.log().clamp(min=_LEAST)


def _windows(place: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return places (B, P, 2), the given (B, 2) first, and weights (B, P) of means over the table.

    The weights are those of all windows together (the balance heuristic: Veach and Guibas,
    "Optimally combining sampling techniques", SIGGRAPH 1995); that of the given place is zero.
    """
    given = place.unsqueeze(1)
    centers = [0 * given, *(given for _ in _WINDOWS[1:])]
    cells = [
        center + side / 2 * cell_centers(count).to(place)
        for center, (side, count) in zip(centers, _WINDOWS)
    ]
    places = torch.cat([given, *cells], dim=1)
    density = torch.zeros_like(places[..., 0])
    for center, (side, count) in zip(centers, _WINDOWS):
        density += ((places - center).abs() <= side / 2).all(dim=-1) * (count / side) ** 2
    is_on_table = (places.abs() <= 1).all(dim=-1)
    weights = torch.where(is_on_table, 0.25 / density, 0.0)
    weights[:, 0] = 0.0
    return places, weights


def _set_likelihoods(code: AgreementCode, scene: SceneBatch, acts: torch.Tensor) -> torch.Tensor:
    """Return the log likelihoods (B,) of what is meant, moved (B,) or not."""
    share = 0.0 if code.rules is None else min(max(code.rule_share, 1e-4), 1 - 1e-4)
    moved = torch.where(acts, _IMPOSSIBLE, 0.0)
    sets = []
    if code.arrangement is not None:
        sets.append(_log_count(code.arrangement, scene) + _shape_density(code.arrangement, scene))
    if code.counting is not None:
        sets.append(_among_sets(code.counting, scene) + moved)
    parts = [each + math.log((1 - share) / len(sets)) for each in sets]
    if code.rules is not None:
        every = 2.0 ** scene.present.sum(dim=1)
        agreed = code.rules.agreeing(scene, scene.attention)
        by_rules = (_NO_RULE / every + (1 - _NO_RULE) * agreed).log()
        parts.append(by_rules + math.log(share) + moved)
    if not parts:
        return torch.full_like(moved, _IMPOSSIBLE)
    return torch.stack(parts).logsumexp(dim=0)


def _shape_density(agreement: Agreement, scene: SceneBatch) -> torch.Tensor:
    """Return the log densities (B,) of the places of what is meant, relative to anywhere."""
    generator = torch.Generator().manual_seed(0)
    meant, here = scene.attention * scene.present, scene.after.unsqueeze(1)
    # The same draws for every event: none depends on which others are judged beside it.
    shape = (1, _ARRANGEMENTS, *scene.after.shape[1:])
    drawn = [0 * here + 2 * torch.rand(shape, generator=generator).to(here) - 1]
    drawn += [
        here + spread * torch.randn(shape, generator=generator).to(here) for spread in _SPREADS
    ]
    gate = meant[:, None, :, None]
    after = torch.where(gate > 0.5, torch.cat(drawn, dim=1), here)
    inside = ((after.abs() <= 1) | (gate < 0.5)).flatten(2).all(dim=-1)
    square = ((after - here).square() * gate).sum(dim=(-1, -2))
    # How closely all the kinds of draws together sample an arrangement, as in `_windows`.
    closely = [torch.zeros_like(square)]
    for spread in _SPREADS:
        peak = 2 * meant.sum(dim=1, keepdim=True) * math.log(2 / (spread * math.sqrt(2 * math.pi)))
        closely.append(peak - square / (2 * spread**2))
    weights = torch.where(inside, -torch.stack(closely).logsumexp(dim=0), -torch.inf)
    rows = scene.repeat(after.shape[1])._replace(after=after.flatten(0, 1))
    if agreement.reads_heights:
        rows = let_down(rows, rows.attention)
    # Bounds are many more than the coordinates that they are about: most say the same.
    share = 2 * meant.sum(dim=1) / len(agreement.bounds.kind)
    share = share.clamp(max=1.0)
    elsewhere = -agreement.energy(SceneView(rows)).unflatten(0, after.shape[:2])
    chance = (share.unsqueeze(-1) * elsewhere + weights).logsumexp(dim=1)
    found = -share * agreement.energy(SceneView(scene))
    return (found - chance + math.log(_ARRANGEMENTS)).clamp(min=_LEAST)


def _among_sets(counting: Agreement, scene: SceneBatch) -> torch.Tensor:
    """Return the log probabilities (B,) of what is meant, among all sets of each scene."""
    masks = [candidate_masks(present > 0.5) for present in scene.present]
    sizes = [len(each) for each in masks]
    rows = torch.arange(len(masks)).repeat_interleave(torch.tensor(sizes))
    every = -counting.energy(SceneView(scene.select(rows), torch.cat(masks)))
    total = torch.stack([each.logsumexp(dim=0) for each in every.split(sizes)])
    return (-counting.energy(SceneView(scene)) - total).clamp(min=_LEAST)
