"""The prior of rules: tasks, loss and what the shipped weights reach."""

from pathlib import Path

import numpy as np
import pytest
import torch

import concept_control
from concept_control.concepts.registry import families
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.scorer import RuleScorer, load_scorer, save_scorer
from concept_control.energy.measurements.entity_view import candidates_of
from concept_control.seeding import seeded_weights
from concept_control.training.report import draw_trial, judge_trial
from concept_control.training.rule_prior import (
    RULE_FAMILIES,
    RulePriorConfig,
    fit_scorer,
    prior_loss,
    vocabulary_tasks,
)
from concept_control.training.rule_tasks import draw_rule_task


def test_no_family_is_trained_that_is_held_out():
    assert not any(families()[name].held_out for name in RULE_FAMILIES)


def test_tasks_of_the_vocabulary_attend_to_some_candidates():
    rng = np.random.default_rng(0)
    for _ in range(4):
        scene = draw_rule_task(rng, 5)
        attended = scene.attention > 0.5
        assert attended.any(dim=-1).all()
        assert (attended <= candidates_of(scene)).all()


def test_training_lowers_the_loss_and_weights_come_back(tmp_path):
    tasks = list(vocabulary_tasks(24, np.random.default_rng(0)))
    with seeded_weights(0):
        before = prior_loss(RuleScorer(), tasks)
    scorer, _ = fit_scorer(tasks, RulePriorConfig(steps=80, batch=8))
    assert prior_loss(scorer, tasks) < 0.8 * before
    save_scorer(scorer, {}, tmp_path)
    torch.testing.assert_close(prior_loss(load_scorer(tmp_path), tasks), prior_loss(scorer, tasks))


@pytest.mark.parametrize(
    ('name', 'shots'),
    [
        ('closest', 5),
        ('odd_color', 5),
        ('brighter_than_marker', 5),
        ('moved_before', 1),
        ('came_closer', 1),
    ],
)
def test_the_shipped_prior_identifies_by_the_predicate(name, shots):
    scorer = load_scorer(Path(concept_control.__file__).parent / 'models')
    energy, rng = AgreementEnergy(scorer), np.random.default_rng(2)
    family = families()[name]
    scores = judge_trial(energy, family, draw_trial(family, rng, 6, shots), rng)
    assert scores.identified.mean() >= (0.9 if shots > 1 else 0.75)
