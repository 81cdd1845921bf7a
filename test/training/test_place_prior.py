"""The prior of places: tasks, what training teaches, and weights that come back."""

import math

import numpy as np
import pytest
import torch

from concept_control.concepts.registry import families
from concept_control.energy.agreement.place_prior import PlacePrior, every_kind, kinds_of
from concept_control.energy.agreement.scorer import RuleScorer, load_scorer, save_scorer
from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.vocabulary import measurement_named
from concept_control.training.place_prior import (
    KINDS_SELDOM_MEANT,
    family_place_tasks,
    fit_place_prior,
    temper,
    vocabulary_place_tasks,
)
from concept_control.world.colors import NAMED_COLORS


def test_training_prefers_what_is_meant_and_weights_come_back(tmp_path):
    scorer = RuleScorer()
    family = {'near': families()['near']}
    tasks = list(family_place_tasks(family, 18, scorer.places, np.random.default_rng(0)))
    before, after = fit_place_prior(scorer.places, tasks, steps=60)
    assert after < 0.8 * before
    pair = [measurement_named(name) for name in ('attended: distance', 'table: along 22')]
    meant, other = scorer.places(pair, True).tolist()
    assert meant > other + 2
    save_scorer(scorer, {}, tmp_path)
    torch.testing.assert_close(load_scorer(tmp_path).places(pair, True).tolist(), [meant, other])


def test_tempered_odds_keep_their_order_and_frames_seldom_meant_come_after():
    prior = PlacePrior(every_kind())
    torch.nn.init.normal_(prior.odds.weight, generator=torch.Generator().manual_seed(0))
    seldom = set(KINDS_SELDOM_MEANT)
    plain = [m for m in placement_measurements() if m.needs and seldom.isdisjoint(kinds_of(m))]
    frames = [measurement_named('pair radial: cosine'), measurement_named('pair sight: along')]
    learned = prior(plain, True), prior(frames, True)
    temper(prior)
    torch.testing.assert_close(prior(plain, True), 0.6 * learned[0] - 4.3)
    torch.testing.assert_close(prior(frames, True), 0.6 * learned[1] - 6.3)


@pytest.mark.parametrize('has_attended', [False, True])
def test_of_what_is_about_nothing_attended_topics_are_as_likely_as_one_another(has_attended):
    """However many measurements they have; alone, the table is as likely as all others."""
    prior = PlacePrior(every_kind())
    torch.nn.init.normal_(prior.odds.weight, generator=torch.Generator().manual_seed(0))
    seldom = set(KINDS_SELDOM_MEANT)
    other_colors = list(NAMED_COLORS)[1:]  # of the colours one counts
    alone = [m for m in placement_measurements() if not m.needs and m.group not in other_colors]
    alone = [m for m in alone if seldom.isdisjoint(kinds_of(m))]
    before = 0.6 * prior(alone, has_attended) - 4.3
    temper(prior)
    after = prior(alone, has_attended)
    topics = {m.topic: [m.topic == each.topic for each in alone] for m in alone}
    totals = {topic: after[torch.tensor(own)].logsumexp(dim=0) for topic, own in topics.items()}
    table = totals.pop('table')
    rest = torch.stack(list(totals.values()))
    torch.testing.assert_close(rest, rest[:1].expand_as(rest))
    others = len({m.topic for m in placement_measurements() if not m.needs}) - 1
    torch.testing.assert_close(table, rest[0] + (0.0 if has_attended else math.log(others)))
    for own in map(torch.tensor, topics.values()):
        torch.testing.assert_close(after[own].diff(), before[own].diff(), atol=1e-4, rtol=0)


def test_tasks_of_the_vocabulary_are_defined_for_some_measurement():
    prior = PlacePrior(every_kind())
    tasks = list(vocabulary_place_tasks(3, prior, np.random.default_rng(1)))
    assert len(tasks) >= 3
    for task in tasks:
        assert torch.isfinite(task.now).any()
        assert (torch.isfinite(task.then) == torch.isfinite(task.now)).all()


def test_what_was_not_trained_on_has_the_odds_of_its_kinds():
    measurement = measurement_named('attended: x')
    prior = PlacePrior(('anchor attended', 'scalar of tomorrow'))
    torch.nn.init.ones_(prior.odds.weight)
    (found,) = prior([measurement], True).tolist()
    assert found - prior.odds.bias[1].item() == 1.0
    assert set(kinds_of(measurement)) <= set(every_kind())
    assert len(placement_measurements()) > len(every_kind())
