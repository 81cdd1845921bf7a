"""Selection by rules: inference, predictions, codes and sentences."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import concept_control
from concept_control.concepts.registry import families
from concept_control.energy.agreement.rule_search import find_rules
from concept_control.energy.agreement.rules import Clause, Rule, Rules, infer_rules
from concept_control.energy.agreement.scorer import RuleScorer, load_scorer
from concept_control.energy.scene_batch import (
    SceneBatch,
    hide_members,
    scene_batch_from_events,
)
from concept_control.errors import CodeError
from concept_control.seeding import seeded_weights


@pytest.fixture(scope='module')
def scorer():
    return load_scorer(Path(concept_control.__file__).parent / 'models')


def sample(name, shots, seed=0, entities=None):
    rng = np.random.default_rng(seed)
    family = families()[name]
    params = family.sample_concepts(rng, 1)
    drawn = (family.sample(rng, params, count, entities) for count in (shots, 4))
    return [hide_members(scene_batch_from_events(events)) for events in drawn]


def shuffled(scene, order):
    return SceneBatch(*(value[:, order] for value in scene))


@pytest.mark.parametrize('name', ['second_closest', 'size', 'moved', 'color'])
def test_five_demonstrations_tell_who_is_meant(name, scorer):
    demonstrations, scenes = sample(name, 5)
    (rules,) = infer_rules(demonstrations, scorer)
    for row in range(scenes.num_events):
        masks, share = rules.predictions(scenes.select(slice(row, row + 1)))
        assert torch.equal(masks[0], scenes.attention[row])
        assert share.sum().item() == pytest.approx(1)


def test_every_rule_that_is_found_gives_the_demonstrated_masks():
    for name in ('same_color', 'attribute_tests', 'moved_before'):
        demonstrations, _ = sample(name, 2)
        masks = find_rules(demonstrations)[0].table.masks(demonstrations, (0.1, 0.5, 0.9))
        assert (masks == (demonstrations.attention[:, None, None] > 0.5)).all()


def test_rules_do_not_depend_on_any_order(scorer):
    demonstrations, scenes = sample('odd_color', 4)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    turned = shuffled(demonstrations, order).select(torch.tensor([2, 0, 3, 1]))
    scene = scenes.select(slice(0, 1))
    (plain,), (other,) = (infer_rules(each, scorer) for each in (demonstrations, turned))
    masks = plain.predictions(scene)[0]
    expected = plain.log_probabilities(scene, masks)
    found = other.log_probabilities(shuffled(scene, order), masks[:, order])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert found.exp().sum().item() == pytest.approx(1)


def test_codes_come_back_as_they_were(scorer):
    demonstrations, _ = sample('attribute_tests', 2)
    (rules,) = infer_rules(demonstrations, scorer)
    assert Rules.from_json(json.loads(json.dumps(rules.to_json()))) == rules


def test_a_code_of_another_version_is_refused():
    clause = Clause('distance_moon', 'value', None, (0.1, 0.2))
    with pytest.raises(CodeError, match='infer the concept again'):
        Rules((Rule(1.0, (clause,)),))
    with pytest.raises(CodeError, match='no rules'):
        Rules.from_json([{'weight': 1.0}])


def test_more_entities_than_masks_can_be_listed(scorer):
    demonstrations, _ = sample('closest', 5)
    _, crowd = sample('closest', 1, seed=3, entities=30)
    masks, _ = infer_rules(demonstrations, scorer)[0].predictions(crowd.select(slice(0, 1)))
    assert torch.equal(masks[0], crowd.attention[0])


def test_nothing_attended_leaves_no_rule(scorer):
    demonstrations, scenes = sample('color', 2)
    empty = demonstrations._replace(attention=torch.zeros_like(demonstrations.attention))
    (rules,) = infer_rules(empty, scorer)
    assert rules == Rules(())
    one = scenes.select(slice(0, 1))
    assert rules.log_probabilities(one, torch.eye(8)).exp().tolist() == pytest.approx([1 / 8] * 8)


def sentence(*clauses):
    ((_, text),) = Rules((Rule(1.0, clauses),)).sentences()
    return text


def test_rules_read_as_words():
    assert (
        sentence(Clause('distance_marker', 'ascending_all', (1.0, 0.0), (1.0, 2.0)))
        == 'the 2nd closest to the marker'
    )
    assert sentence(Clause('size', 'value', (0.2, 0.16), None)) == 'larger than 0.18'
    red = (1.0, 0.1, 0.1, 0.45)
    assert sentence(Clause('near_tone', 'value', None, (0.05, 0.15), red)) == 'red to within 0.10'
    assert (
        sentence(Clause('size', 'descending_like_attended', None, (0.0, 1.0), red))
        == 'the largest of those of the colour red'
    )
    assert (
        sentence(
            Clause('brightness_marker', 'value', (0.0, 0.0), None),
            Clause('x_middle', 'value', None, (0.1, 0.3)),
        )
        == 'brighter than the marker, and left of x = 0.20'
    )
    assert sentence(Clause('time', 'value', None, None)) == 'that has a time of its motion'
    assert (
        sentence(Clause('size', 'descending_kin', None, (0.0, 1.0)))
        == 'the largest of those of its colour'
    )


def test_scores_follow_the_order_of_the_rules():
    with seeded_weights(0):
        scorer = RuleScorer()
    tokens = find_rules(sample('size', 3)[0])[0].tokens
    order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(scorer(tokens[order]), scorer(tokens)[order])
