"""Concepts that priors learn from: of families, and random features with random bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from concept_control.concepts.family import Family, draft, random_colors, seen_color
from concept_control.energy.measurements.entities import MEASUREMENTS
from concept_control.energy.measurements.entity_view import candidates_of
from concept_control.energy.measurements.features import (
    ALL_MEASUREMENTS,
    CORE,
    FITTED,
    GROUPS,
    MIDDLE,
    NUM_PARAMETERS,
    OUTER,
    RANKS,
    VALUE,
    Features,
    rank_view,
)
from concept_control.energy.measurements.groups import tones_of
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events

SHOTS = (1, 1, 2, 3, 5, 10)
"""Numbers of demonstrations, each as often as it is listed."""

_DRAWS = 64
"""Number of scenes that are drawn for a concept."""

_MARGIN = 0.12
"""Smallest distance of entities from a bound, in standard deviations."""

_PALETTE = 3

_BESIDE = 0.1
"""Weight of a measurement that does not read the marker, or the motion, that is shown."""

_GROUP_SHARE = 0.12
"""Share of concepts that rank within a group."""

_RANK_SHARES = (0.46, 0.46, 0.04, 0.04)
"""Shares of `RANKS` among ranks."""


def shown_and_new(
    family: Family, number: int, shots: int, scenes: int, rng: np.random.Generator
) -> Iterator[tuple[SceneBatch, SceneBatch]]:
    """Yield demonstrations (shots,) and new scenes (scenes,) of `number` concepts of a family."""
    params = family.sample_concepts(rng, number)
    demos = scene_batch_from_events(family.sample(rng, params, shots))
    tests = scene_batch_from_events(family.sample(rng, params, scenes))
    yield from zip(demos.split(shots), tests.split(scenes))


def draw_rule_task(rng: np.random.Generator, count: int) -> SceneBatch:
    """Draw `count` scenes of one random concept, attended as it asks."""
    while True:
        has_marker, moves = rng.random() < 0.5, rng.random() < 0.35
        scene = draw_scenes(rng, _DRAWS, has_marker, moves)
        passes, clear = _random_rule(rng, scene, has_marker, moves)
        if rng.random() < 0.2:
            second, second_clear = _random_rule(rng, scene, has_marker, moves, values_only=True)
            passes, clear = passes & second, clear & second_clear
        candidates = candidates_of(scene)
        clear = (clear | ~candidates).all(dim=-1)
        telling = (passes != candidates).any(dim=-1) | (torch.rand(len(passes)) < 0.05)
        (rows,) = (clear & telling & passes.any(dim=-1)).nonzero(as_tuple=True)
        if len(rows) >= count:
            return scene._replace(attention=passes.float()).select(rows[:count])


def draw_scenes(rng: np.random.Generator, count: int, has_marker: bool, moves: bool) -> SceneBatch:
    """Draw random scenes, the first entity a marker or not, some entities moving or none."""
    steps = int(rng.choice([2, 6])) if moves else 1
    scene = draft(rng, count, steps, 3)
    shape = scene.sizes.shape
    if rng.random() < 0.5:
        palette = random_colors(rng, (_PALETTE,))
        scene.colors = seen_color(rng, palette[rng.integers(_PALETTE, size=shape)])
    if has_marker:
        scene.subjects[:, 0] = True
    if moves:
        moving = rng.random(shape) < 0.6
        moving[:, 0] &= rng.random() < 0.5
        moment = rng.integers(1, steps, shape)
        target = rng.uniform(-0.95, 0.95, (*shape, 2))
        for step in range(1, steps):
            gone = moving & (moment <= step)
            scene.positions[:, step] = np.where(gone[..., None], target, scene.positions[:, 0])
    return scene_batch_from_events(scene.finish(rng))


def _random_rule(
    rng: np.random.Generator,
    scene: SceneBatch,
    has_marker: bool,
    moves: bool,
    values_only: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which entities (R, N) a random rule attends to, and which are clear of its bounds."""
    candidates = candidates_of(scene)
    group = 0
    if not values_only and rng.random() < _GROUP_SHARE:
        missing = {flag for flag, is_there in (('marker', has_marker), ('motion', moves))
                   if not is_there}  # fmt: skip
        group = int(rng.choice([g for g in range(1, len(GROUPS)) if not missing & _about(g)]))
    allowed = [
        index
        for index, m in enumerate(ALL_MEASUREMENTS)
        if ('marker' not in m.about or has_marker)
        and (not {'motion', 'before'} & m.about or moves)
        and (group == 0 or m.name in CORE)
    ]
    # Unusual directions and anchors, and distances along one axis, are many, but seldom meant.
    odd = [
        bool({'oblique', 'axis', 'anchored', 'before', 'seldom'} & ALL_MEASUREMENTS[i].about)
        for i in allowed
    ]
    weight = np.where(odd, 0.2, 1.0)
    if not values_only:
        # Hardly anybody shows a marker, or motion, that has nothing to do with what is meant.
        shown = [{'marker'}] * has_marker + [{'motion', 'before'}] * moves
        about = [ALL_MEASUREMENTS[i].about | _about(group) for i in allowed]
        beside = [sum(not flags & each for flags in shown) for each in about]
        weight *= _BESIDE ** np.array(beside)
    measurement = int(rng.choice(allowed, p=weight / weight.sum()))
    is_rank = group > 0 or (
        not values_only and measurement < len(MEASUREMENTS) and rng.random() < 0.5
    )
    kind = int(rng.choice(len(RANKS), p=_RANK_SHARES if group == 0 else (0.5, 0.5, 0, 0)))
    view = rank_view(kind, group) if is_rank else VALUE
    feature = Features(
        torch.tensor([measurement]),
        torch.tensor([view]),
        _random_parameters(rng, scene, measurement, is_rank).unsqueeze(0),
    )
    values = feature.evaluate(scene)[..., 0]
    if is_rank:
        first = int(rng.choice(4, p=[0.6, 0.2, 0.12, 0.08])) if kind not in (MIDDLE, OUTER) else 0
        last = first + int(rng.random() < 0.12)
        passes = (values >= first) & (values <= last) & candidates
        plain = Features(feature.measurements, torch.tensor([VALUE]), feature.parameters)
        return passes, _clear_ranks(plain.evaluate(scene)[..., 0], candidates)
    return _bound(rng, values, candidates, ALL_MEASUREMENTS[measurement].border)


def _about(group: int) -> frozenset[str]:
    return frozenset(GROUPS[group][-1].split())


def _bound(
    rng: np.random.Generator, values: torch.Tensor, candidates: torch.Tensor, border: float
) -> tuple[torch.Tensor, torch.Tensor]:
    known = values[candidates & ~values.isnan()]
    if len(known) < 2:
        return torch.zeros_like(candidates), torch.zeros_like(candidates)
    spread = float(known.std()) + 1e-9
    low, high = np.sort(np.quantile(known.numpy(), rng.uniform(0.15, 0.85, 2)))
    side = rng.random()
    if not math.isnan(border) and rng.random() < 0.4:
        low = high = border
        side *= 0.8
    if side < 0.4:
        passes, away = values > low, (values - low).abs()
    elif side < 0.8:
        passes, away = values < high, (values - high).abs()
    else:
        passes = (values > low) & (values < high)
        away = torch.minimum((values - low).abs(), (values - high).abs())
    return passes & candidates, values.isnan() | (away > _MARGIN * spread)


def _clear_ranks(values: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """Return (R, N) whether an entity's value differs clearly from all others'."""
    known = values[candidates & ~values.isnan()]
    if len(known) < 2:
        return torch.zeros_like(candidates)
    spread = float(known.std()) + 1e-9
    apart = (values.unsqueeze(2) - values.unsqueeze(1)).abs().nan_to_num(torch.inf)
    eye = torch.eye(values.shape[1], dtype=torch.bool)
    other = candidates.unsqueeze(1) & candidates.unsqueeze(2) & ~eye
    return apart.masked_fill(~other, torch.inf).amin(dim=-1) > 0.3 * _MARGIN * spread


def _random_parameters(
    rng: np.random.Generator, scene: SceneBatch, measurement: int, is_rank: bool
) -> torch.Tensor:
    """Return parameters (4,): a colour or place of some entity, or a direction."""
    entity = candidates_of(scene).nonzero()[rng.integers(int(candidates_of(scene).sum()))]
    row, column = entity.tolist()
    parameters = torch.zeros(NUM_PARAMETERS)
    tone = tones_of(scene.colors)[row, column]
    if measurement < len(MEASUREMENTS):
        return tone if is_rank else parameters
    fitted = FITTED[measurement - len(MEASUREMENTS)]
    if fitted.is_direction:
        direction = torch.as_tensor(rng.normal(size=fitted.width), dtype=torch.float32)
        parameters[: fitted.width] = direction / direction.norm()
    elif 'colour' in fitted.about:
        parameters[: fitted.width] = tone[: fitted.width]
    else:
        spread = 0.7 if fitted.name == 'near_place' else 0.4
        parameters[:2] = torch.as_tensor(rng.uniform(-spread, spread, 2), dtype=torch.float32)
    return parameters
