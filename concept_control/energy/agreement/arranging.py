"""Agreement about how several things stand: shapes, from demonstrated arrangements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from concept_control.energy.agreement.bounds import KEPT, TIE
from concept_control.energy.agreement.conjunction import BoundSearch
from concept_control.energy.agreement.elsewhere import anywhere
from concept_control.energy.agreement.evidence import ONE_SIDED, ONE_SIGN
from concept_control.energy.agreement.place_prior import set_prior
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.heights import PILE, pile_measurements
from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.sets import (
    is_form,
    plain_set_measurements,
    set_measurements,
)
from concept_control.energy.scene_batch import SceneBatch

_BACKGROUND = 1000
_CERTAIN = 3.0
_DOUBTED = -3.0
_FORM_OF_ONE = 2.0
"""Log odds at least, from one demonstration, of what stays the same however large the form is and
however it is turned: a single value speaks for no bounds, but who shows one form means it."""


def infer_arrangement(scene: SceneBatch, generator: torch.Generator) -> Agreement:
    """Infer what the arrangements of the meant things agree on.

    All measurements that the demonstrations speak for are kept: unlike those of one place, many
    of a set are independent of one another.

    Args:
        scene: M demonstrations of at least two meant things each.
        generator: Random generator of the background: the meant things anywhere.
    """
    shots = scene.num_events
    view = SceneView(scene)
    number = view.meant.sum(dim=-1)
    falls = scene.is_stacked
    # Things on one another agree on nearly all that is measured from above.
    every = (*plain_set_measurements(), *pile_measurements()) if falls else set_measurements()
    measurements = [m for m in every if m.needs <= int(number.min())]
    many = scene.repeat(_BACKGROUND // shots)
    elsewhere = anywhere(many, many.attention, generator, falls)
    background = evaluate(measurements, SceneView(elsewhere))
    search = BoundSearch(
        evaluate(measurements, view),
        background,
        torch.full((len(background),), 1 / len(background)),
        set_prior(measurements),
        torch.tensor([m.is_signed for m in measurements]),
        torch.ones(len(measurements), dtype=torch.bool),
    )
    odds = search.odds
    if shots == 1:
        # The form of a pile is how its things carry one another, not how they lie in the plane.
        topic = PILE if falls else 'shape'
        is_shown = torch.tensor([is_form(m, topic) for m in measurements])
        # What can be no other way, as the order of equal sizes, is not shown.
        is_shown &= search.is_valid
        odds = torch.where(is_shown, odds.clamp(min=_FORM_OF_ONE), odds)
    is_alone = shots == 1 and not falls
    is_kept = (odds > _CERTAIN) | torch.tensor([is_alone and is_form(m) for m in measurements])
    kept = torch.nonzero(odds > _DOUBTED)[:, 0].tolist()
    # Bounds of a shape are on both sides, and never on the sign alone.
    is_never = [ONE_SIDED, ONE_SIGN]
    both = (1 - search.shares[is_never].sum(dim=0)).clamp(min=1e-6)
    search.shares[is_never] = 0.0
    relevance = torch.sigmoid(odds).clamp(max=1 - 1e-4)
    bounds = search.bounds(
        [(index, row, 1.0) for row, index in enumerate(kept)],
        [(float(relevance[i]), 1.0, KEPT if is_kept[i] else TIE) for i in kept],
    )
    specs = tuple(measurements[i].name for i in kept)
    score = float((search.odds + both.log()).max())
    return Agreement(specs, bounds, (int(number.min()), int(number.max())), score, score)


def demonstrated_patterns(scene: SceneBatch) -> list[torch.Tensor]:
    """Return the places (k, 2) of the meant things of each demonstration, about their middle."""
    patterns = []
    for after, meant in zip(scene.after, scene.attention * scene.present):
        places = after[meant > 0.5]
        patterns.append(places - places.mean(dim=0))
    return patterns


def pattern_starts(
    one: SceneBatch, patterns: Sequence[torch.Tensor], count: int, generator: torch.Generator
) -> tuple[torch.Tensor, int]:
    """Return starts (count, N, 2) of the subjects of one scene, and how many of them are patterns.

    Those, the first half, are demonstrated ones of as many things, moved at random and in any
    order: as they were shown, or turned and mirrored. The others are anywhere.
    """
    subjects = torch.nonzero(one.subjects[0] > 0.5)[:, 0]
    places = 0.9 * (2 * torch.rand(count, *one.after.shape[1:], generator=generator) - 1)
    gate = one.subjects.unsqueeze(-1)
    starts = one.after * (1 - gate) + places * gate
    same = [p for p in patterns if len(p) == len(subjects)] or [
        p for p in patterns if len(p) > len(subjects)
    ]
    half = count // 2 if same and len(subjects) else 0
    if not half:
        return starts, 0
    chosen = torch.randint(len(same), (half,), generator=generator)
    order = torch.rand(half, max(map(len, same)), generator=generator)
    shape = [same[i][o[: len(same[i])].argsort()[: len(subjects)]] for i, o in zip(chosen, order)]
    is_turned = torch.rand(half, 2, generator=generator) < 0.5
    angle = 2 * math.pi * torch.rand(half, generator=generator) * is_turned[:, 0]
    flip = torch.where(is_turned.all(dim=1), -1.0, 1.0)
    x, y = torch.stack(shape).unbind(dim=-1)
    cosine, sine, x = angle.cos()[:, None], angle.sin()[:, None], x * flip[:, None]
    turned = torch.stack([x * cosine - y * sine, x * sine + y * cosine], dim=-1)
    room = (0.93 - turned.abs().amax(dim=1, keepdim=True)).clamp(min=0.0)
    shift = room * (2 * torch.rand(half, 1, 2, generator=generator) - 1)
    starts[:half, subjects] = (turned + shift).clamp(-1.0, 1.0)
    return starts, half
