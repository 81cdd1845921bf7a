"""Code inference of the network: what the refinement keeps, changes and ignores."""

import numpy as np
import pytest
import torch

import concept_control as cc
from concept_control.concepts import families, vocabulary
from concept_control.energy.inference.code_inference import (
    InferenceConfig,
    candidate_masks,
    candidate_outcomes,
)
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.storage import load_model
from concept_control.training.report import draw_trial, judge_trial


def test_candidates_change_only_what_they_may():
    rng = np.random.default_rng(0)
    subjects = np.arange(6) == np.arange(5)[:, None]
    present = np.arange(6) < 5 + np.zeros((5, 1))
    attention = (rng.random((5, 6)) > 0.5) & ~subjects & present
    events = cc.Events(
        rng.uniform(-1, 1, (5, 1, 6, 2)),
        np.full((5, 6, 3), 0.5),
        present=present,
        subjects=subjects & present,
        attention=attention.astype(float),
    )
    scene = scene_batch_from_events(events)
    outcomes = candidate_outcomes(rng, scene, 40)
    assert torch.equal(outcomes[:, 0], scene.after)
    still = (scene.subjects < 0.5).unsqueeze(1).expand(outcomes.shape[:3])
    assert torch.equal(outcomes[still], scene.after.unsqueeze(1).expand_as(outcomes)[still])
    assert outcomes[:, 1:][~still[:, 1:]].abs().max() <= 1.1
    masks = candidate_masks(rng, scene, 40)
    assert torch.equal(masks[:, 0], scene.attention)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert not (masks * (1 - scene.present.unsqueeze(1))).any()
    flips = (masks[:, 1:] - scene.attention.unsqueeze(1)).abs().sum(dim=-1)
    assert (flips == 1).float().mean() > 0.3


WORDS = vocabulary()


@pytest.fixture(scope='module')
def network():
    network, encoder, _ = load_model()
    return lambda **settings: NetworkEnergy(network, encoder, InferenceConfig(**settings))


def shown(name):
    return scene_batch_from_events(WORDS[name].demonstrations(seed=3))


@pytest.mark.parametrize('name', ['near', 'red'])
def test_refinement_keeps_what_it_does_not_improve(network, name):
    guess = network(method='encoder').infer(shown(name), 0)
    code = network(method='both', good_argument=0.1).infer(shown(name), 0)
    gain = InferenceConfig().gain
    for half in ('action', 'argument'):
        before = code.info[f'{half}_loss_of_guess']
        after = code.info.get(f'{half}_loss_of_refined', before)
        assert (after < before - gain) != torch.equal(getattr(code, half), getattr(guess, half))


def test_refinement_improves_on_the_guess(network):
    def rate(method):
        found = []
        for name in ('place', 'offset'):
            rng, family = np.random.default_rng(0), families()[name]
            trial = draw_trial(family, rng, 8)
            found.append(judge_trial(network(method=method), family, trial, rng).generated)
        return np.mean(found)

    assert rate('both') >= rate('encoder') + 0.1


def test_an_argument_that_fits_is_left_alone(network):
    guess = network(method='encoder').infer(shown('square'), 0)
    assert torch.equal(network().infer(shown('square'), 0).argument, guess.argument)
