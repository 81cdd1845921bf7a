"""Agreement about how several things stand: shapes, from demonstrated arrangements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from concept_control.energy.agreement.conjunction import KEPT, TIE, Bounds
from concept_control.energy.agreement.evidence import (
    AROUND_ZERO,
    Background,
    log_evidence,
)
from concept_control.energy.agreement.placing import COST, PRIOR, Agreement, anywhere
from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.sets import set_measurements
from concept_control.energy.scene_batch import SceneBatch

_TOPICS = {'count': 1.0, 'shape': 0.0, 'set place': -2.0}
_BACKGROUND = 2000
_CERTAIN = 3.0
_DOUBTED = -3.0


def infer_arrangement(
    scene: SceneBatch, generator: torch.Generator, chosen: Sequence[int] | None = None
) -> Agreement:
    """Infer what the arrangements of the meant things agree on.

    All measurements that the demonstrations speak for are kept: unlike those of one place, many
    of a set are independent of one another.

    Args:
        scene: M demonstrations of at least two meant things each.
        generator: Random generator of the background: the meant things anywhere.
        chosen: Numbers of the demonstrations to infer from; None for all.
    """
    if chosen is not None:
        scene = scene.select(torch.tensor(chosen))
    shots = scene.num_events
    view = SceneView(scene)
    number = view.meant.sum(dim=-1)
    measurements = [m for m in set_measurements() if m.needs <= int(number.min())]
    many = scene.repeat(_BACKGROUND // shots)
    elsewhere = anywhere(many, many.attention, generator)
    values = evaluate(measurements, view)
    background = evaluate(measurements, SceneView(elsewhere))
    ordered = Background(background, torch.full((len(background),), 1 / len(background)))
    lower, upper = values.amin(dim=0), values.amax(dim=0)
    is_signed = torch.tensor([m.is_signed for m in measurements])
    evidence, shares = log_evidence(ordered.masses(lower, upper, True), is_signed, shots)
    prior = torch.tensor([PRIOR + _TOPICS[m.topic] - COST * m.cost for m in measurements])
    odds = torch.where(ordered.deviation > 1e-4, evidence + prior, -torch.inf)
    kept = torch.nonzero(odds > _DOUBTED)[:, 0]
    largest = torch.maximum(lower.abs(), upper.abs())
    symmetric = shares[AROUND_ZERO] > 0.5
    lower = torch.where(symmetric, -largest, lower)[kept]
    upper = torch.where(symmetric, largest, upper)[kept]
    zero = torch.zeros(len(kept))
    bounds = Bounds(
        index=kept,
        lower=lower,
        upper=upper,
        scale=(upper - lower) + 0.02 * ordered.deviation[kept],
        slack=zero + 1,
        open_lower=zero,
        open_upper=zero,
        sign=zero,
        clause=torch.arange(len(kept)),
        weight=zero + 1,
        relevance=torch.sigmoid(odds[kept]).clamp(max=1 - 1e-4),
        power=zero + 1,
        kind=torch.where(odds[kept] > _CERTAIN, KEPT, TIE),
        shots=shots,
    )
    specs = tuple(measurements[i].name for i in kept.tolist())
    score = float(odds.max()) if len(odds) else -math.inf
    return Agreement(specs, bounds, (int(number.min()), int(number.max())), score, score)


def demonstrated_patterns(scene: SceneBatch) -> list[torch.Tensor]:
    """Return the places (k, 2) of the meant things of each demonstration, about their middle."""
    patterns = []
    for after, meant in zip(scene.after, scene.attention * scene.present):
        places = after[meant > 0.5]
        patterns.append(places - places.mean(dim=0))
    return patterns


def pattern_starts(
    one: SceneBatch, patterns: Sequence[torch.Tensor], chains: int, generator: torch.Generator
) -> torch.Tensor:
    """Return starts (chains, N, 2) of the subjects of one scene.

    Half of them are demonstrated patterns of as many things, turned and moved at random; the
    others are anywhere.
    """
    subjects = torch.nonzero(one.subjects[0] > 0.5)[:, 0]
    places = 0.9 * (2 * torch.rand(chains, *one.after.shape[1:], generator=generator) - 1)
    gate = one.subjects.unsqueeze(-1)
    starts = one.after * (1 - gate) + places * gate
    same = [p for p in patterns if len(p) == len(subjects)] or [
        p for p in patterns if len(p) > len(subjects)
    ]
    for chain in range(chains // 2 if same else 0):
        pattern = same[int(torch.randint(len(same), (1,), generator=generator))]
        angle = 2 * math.pi * float(torch.rand(1, generator=generator))
        cosine, sine = math.cos(angle), math.sin(angle)
        turned = pattern @ torch.tensor([[cosine, sine], [-sine, cosine]])
        room = (0.93 - turned.abs().amax(dim=0)).clamp(min=0.0)
        moved = turned + room * (2 * torch.rand(2, generator=generator) - 1)
        order = torch.randperm(len(moved), generator=generator)[: len(subjects)]
        starts[chain, subjects] = moved[order].clamp(-1.0, 1.0)
    return starts
