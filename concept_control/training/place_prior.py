"""Learn the prior of relevance of places: which measurements of a place do people mean?

Tasks are concepts of the trained families that say where one thing goes, and concepts drawn from
the vocabulary itself: a random measurement within random bounds. In each, the bounds that
demonstrations speak for are searched as in inference; at every step the prior learns to predict
one more demonstration by all measurements k,

    P(next | M) = sum_k prior_k evidence_k(M + 1) / sum_k prior_k evidence_k(M),

with "nothing more matters" as one hypothesis more, of evidence and prior 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.energy.agreement.conjunction import CONTINUE
from concept_control.energy.agreement.elsewhere import at_places, with_places
from concept_control.energy.agreement.inference import shows_place
from concept_control.energy.agreement.place_prior import PlacePrior
from concept_control.energy.agreement.placing import PlacingInference, scattered_grid
from concept_control.energy.measurements.company import has_company
from concept_control.energy.measurements.measurement import Measurement, evaluate
from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.training.rule_tasks import SHOTS, draw_scenes, shown_and_new
from concept_control.world.colors import NAMED_COLORS

SHARPNESS, OFFSET = 0.6, -4.3
"""Learned odds o are kept as log odds SHARPNESS o + OFFSET. Learning tells measurements apart; it
does not tell how likely any matters at all, for the next demonstration comes from the same habits
as those before: who shows "left of" also keeps a usual distance. Chosen by hand."""

SELDOM, KINDS_SELDOM_MEANT = 2.0, (
    'anchor pair radial', 'anchor pair sight', 'anchor pair middle', 'anchor pair robot',
    'anchor balance', 'topic edge', 'topic stripes',
)  # fmt: skip
"""Log odds less of measurements in frames of the thing meant and the table's middle, its edges or
the robot, from where things balance and from stripes: no training family is about them, so that
learning leaves their odds at the mean."""

_SCENES = 4
_BACKGROUND = 1000
_MOST_STEPS = 3
_STEPS = 400
_RATE = 0.1
_DECAY = 0.02
"""Weight of the squared odds of kinds, so that those seldom seen stay with the others."""
_SIDE = 20
_MOST_ATTENDED = 3


class PlaceTask(NamedTuple):
    """What the prior sees of one step of one task.

    Attributes:
        measurements: K measurements of places that are defined.
        has_attended: Whether something is attended.
        now: (K,) log evidence of the demonstrations, -inf for what is kept already.
        then: (S, K) log evidence of the demonstrations and one new scene each.
    """

    measurements: tuple[Measurement, ...]
    has_attended: bool
    now: torch.Tensor
    then: torch.Tensor


def place_tasks(
    demonstrations: SceneBatch, scenes: SceneBatch, prior: PlacePrior, generator: torch.Generator
) -> Iterator[PlaceTask]:
    """Yield the steps of the search from demonstrations (M,), to be judged by new scenes (S,)."""
    inference = PlacingInference(demonstrations, generator, prior, _BACKGROUND)
    search, redrawn = inference.search()
    number = len(inference.measurements)
    new = evaluate(inference.measurements, SceneView(scenes))
    for _ in range(_MOST_STEPS):
        valid = torch.isfinite(search.odds[:number])
        now = torch.where(valid, search.log_evidence[:number], -torch.inf)
        then = torch.stack([search.evidence_with(values) for values in new])
        then = torch.where(valid, then, -torch.inf)
        has_attended = bool(inference.count.min() > 0)
        yield PlaceTask(inference.measurements, has_attended, now, then)
        index = int(search.odds.argmax())
        if search.odds[index] < CONTINUE:
            return
        search.keep(index)
        search.draw_again(redrawn)
        search.score()


def family_place_tasks(
    families: Mapping[str, Family], count: int, prior: PlacePrior, rng: np.random.Generator
) -> Iterator[PlaceTask]:
    """Yield tasks of about `count` concepts of the families that say where one thing goes."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    number = max(1, round(count / len(families) / len(SHOTS)))
    for family in families.values():
        for shots in SHOTS:
            for shown, new in shown_and_new(family, number, shots, _SCENES, rng):
                if shows_place(shown):
                    yield from place_tasks(shown, new, prior, generator)


def vocabulary_place_tasks(
    count: int, prior: PlacePrior, rng: np.random.Generator
) -> Iterator[PlaceTask]:
    """Yield tasks of `count` concepts that are one random measurement within random bounds."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    for _ in range(count):
        shots = int(rng.choice(SHOTS))
        scene = _draw_concept(shots + _SCENES, rng, generator)
        yield from place_tasks(
            scene.select(slice(0, shots)), scene.select(slice(shots, None)), prior, generator
        )


def _draw_concept(count: int, rng: np.random.Generator, generator: torch.Generator) -> SceneBatch:
    """Draw scenes whose subject, the first, is where a random measurement is within bounds."""
    while True:
        scene = draw_scenes(rng, 3 * count, has_marker=True, moves=False)
        attended = int(rng.integers(_MOST_ATTENDED + 1))
        enough = torch.nonzero(scene.present.sum(dim=-1) > attended)[:, 0][:count]
        if len(enough) < count:
            continue
        scene = scene.select(enough)
        row = torch.arange(scene.sizes.shape[1])
        mask = ((row > 0) & (row <= attended)).to(scene.present)
        scene = scene._replace(attention=mask * scene.present)
        view = SceneView(scene)
        options = [
            m for m in placement_measurements() if m.needs <= attended and has_company(m, view)
        ]
        # The topic first: some have ten times as many measurements as others.
        topic = rng.choice(_topics(options))
        options = [each for each in options if each.topic == topic]
        chosen = options[int(rng.integers(len(options)))]
        places = scattered_grid(count, _SIDE, generator)
        values = evaluate([chosen], at_places(SceneView(scene), places)).reshape(count, -1)
        lower = torch.quantile(values, float(rng.uniform(0, 0.9)))
        width = float(rng.choice([0.02, 0.1, 0.3, 0.6]))
        upper = lower + width * values.std()
        inside = ((values >= lower) & (values <= upper)).float()
        if bool((inside.sum(dim=-1) > 0).all()) and float(inside.mean()) < 0.8:
            picked = torch.multinomial(inside, 1, generator=generator)
            place = places.gather(1, picked[..., None].expand(-1, -1, 2))
            return with_places(scene, place)


def fit_place_prior(
    prior: PlacePrior, tasks: Sequence[PlaceTask], steps: int = _STEPS
) -> tuple[float, float]:
    """Fit a prior to tasks in place; return the loss before and after [nats a new scene]."""
    optimiser = torch.optim.Adam(prior.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    every = placement_measurements(True)
    number = {each.name: index for index, each in enumerate(every)}
    groups: dict[tuple[tuple[Measurement, ...], bool], list[PlaceTask]] = {}
    for task in tasks:
        groups.setdefault((task.measurements, task.has_attended), []).append(task)
    batches = [
        (
            torch.tensor([number[m.name] for m in measurements]),
            has_attended,
            torch.stack([t.now for t in each]),
            torch.stack([t.then for t in each]),
        )
        for (measurements, has_attended), each in groups.items()
    ]

    def loss() -> torch.Tensor:
        total = torch.zeros(())
        odds = [prior(every, has_attended) for has_attended in (False, True)]
        for index, has_attended, now, then in batches:
            of_each = odds[has_attended][index]
            before, after = (_log_total(part + of_each) for part in (now, then))
            total = total + (before.unsqueeze(-1) - after).mean(dim=-1).sum()
        return total / len(tasks)

    prior.requires_grad_(True)
    with torch.no_grad():
        first = loss().item()
    for _ in tqdm(range(steps), desc='prior of places', mininterval=1.0):
        found = loss()
        optimiser.zero_grad(set_to_none=True)
        (found + _DECAY / len(prior.kinds) * prior.odds.weight.square().sum()).backward()
        optimiser.step()
        schedule.step()
    prior.requires_grad_(False)
    return first, found.item()


def temper(prior: PlacePrior) -> None:
    """Turn learned odds, in place, into log odds that a measurement matters at all."""
    rare = [prior.kinds.index(kind) for kind in KINDS_SELDOM_MEANT if kind in prior.kinds]
    with torch.no_grad():
        prior.odds.weight.mul_(SHARPNESS)
        prior.odds.bias.mul_(SHARPNESS).add_(OFFSET)
        _share_among_topics(prior)
        prior.odds.weight[:, rare] -= SELDOM


def _share_among_topics(prior: PlacePrior) -> None:
    """Make each topic that is about nothing attended as likely, in total, as their median.

    Trained families of that kind are nearly all about the table, and topics have as many
    measurements as the vocabulary happens to have; neither tells what words are about. Of named
    colours one counts: they are seldom around in all demonstrations unless one of them is meant.
    Where nothing is attended, the table is as likely as all other topics together: of 38 such
    words of validation, 18 are about it.
    """
    rest = tuple(NAMED_COLORS)[1:]
    alone = [m for m in placement_measurements() if m.needs == 0 and m.group not in rest]
    topics = _topics(alone)
    belongs = torch.tensor([[m.topic == topic for m in alone] for topic in topics])
    columns = [prior.kinds.index(f'topic {topic}') for topic in topics]
    for row, has_attended in enumerate((False, True)):
        odds = prior(alone, has_attended)
        totals = torch.where(belongs, odds, -torch.inf).logsumexp(dim=-1)
        prior.odds.weight[row, columns] += totals.median() - totals
    table = prior.kinds.index('topic table')
    prior.odds.weight[0, table] += math.log(len(topics) - 1)


def _topics(measurements: Sequence[Measurement]) -> list[str]:
    return sorted({each.topic for each in measurements})


def _log_total(odds: torch.Tensor) -> torch.Tensor:
    """Return the log of the total odds (...) of hypotheses (..., K) and of nothing, 1."""
    return torch.logaddexp(torch.logsumexp(odds, dim=-1), torch.zeros(odds.shape[:-1]))
