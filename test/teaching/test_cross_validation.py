"""Leave-one-out cross-validation names the demonstration that does not fit."""

import numpy as np
import pytest
import torch

from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.model import ConceptModel
from concept_control.teaching.cross_validation import leave_one_out
from concept_control.teaching.teach import usage_of
from concept_control.world.demonstrations import join
from concept_control.world.events import Events


@pytest.fixture(scope='module')
def model():
    return ConceptModel.load()


def held_out(model, demonstrations):
    return leave_one_out(model, demonstrations, usage_of(demonstrations))


@pytest.mark.parametrize('name', ['between', 'line', 'red'])
def test_a_demonstration_that_does_not_fit_is_named(model, name):
    word = vocabulary()[name]
    shown = join([word.demonstrations(3)])
    rng = np.random.default_rng(4)
    odd = shown[2]
    if word.acts:
        # The subjects go somewhere the predicate does not like.
        while True:
            places = torch.as_tensor(rng.uniform(-0.9, 0.9, odd.positions[:, 0].shape)).float()
            after = torch.where(odd.subjects[..., None], places, odd.positions[:, 0])
            if word.error(odd.with_outcome(after))[0] > 0.4:
                break
        odd = odd.with_outcome(after)
    else:
        # The others are pointed at.
        wrong = (~(odd.attention > 0.5) & odd.present).float()
        odd = Events(odd.positions, odd.colors, odd.sizes, odd.present, odd.subjects, wrong)
    mixed = join([shown[[0, 1]], odd, shown[[3, 4]]])
    test = held_out(model, mixed)
    assert test.agrees is False and test.outlier == 2
    assert 'number 3 does not fit' in test.text


@pytest.mark.parametrize('name', ['between', 'left_of', 'near', 'red'])
def test_demonstrations_of_one_word_agree(model, name):
    word = vocabulary()[name]
    test = held_out(model, join([word.demonstrations(3)]))
    assert test.agrees and test.outlier is None and 'agree (' in test.text


def test_fifty_are_held_out_in_parts_and_the_one_that_does_not_fit_is_named(model, monkeypatch):
    """So that they take seconds: five codes instead of fifty, and as many for each suspect."""
    shown = join([vocabulary()['between'].demonstrations(3, 50)])
    after = shown.positions[:, -1].clone()
    after[17][shown.subjects[17]] += 0.7
    numbers, infer = [], model.infer
    monkeypatch.setattr(
        model, 'infer', lambda events, seed: numbers.append(len(events)) or infer(events, seed)
    )
    test = held_out(model, shown.with_outcome(after))
    assert test.outlier == 17 and not test.agrees and len(test.held_out) == 50
    assert len(numbers) <= 10 and max(numbers) <= 20


def test_what_the_codes_say_of_themselves_does_not_count(model, monkeypatch):
    """A code under which everything is plausible suggests nothing, however low its energy is."""
    shown = join([vocabulary()['between'].demonstrations(3)])
    monkeypatch.setattr(model, 'implausibility', lambda events, code: torch.zeros(len(events)))
    test = held_out(model, shown)
    assert test.held_out == (0.5,) * 5 and test.agrees is False and test.generated == (0, 5)


def test_demonstrations_of_two_words_do_not_agree(model):
    near, far = (vocabulary()[name].demonstrations(1) for name in ('near', 'far'))
    test = held_out(model, join([near[[0, 1, 2]], far[[0, 1]]]))
    assert test.agrees is False


def test_two_words_with_something_in_common_are_understood_as_just_that(model):
    """Left of and right of are both beside: this is said, and nothing of a side."""
    left, right = (vocabulary()[name].demonstrations(1) for name in ('left_of', 'right_of'))
    mixed = join([left[[0, 1, 2]], right[[0, 1]]])
    assert held_out(model, mixed).agrees
    code = model.infer(mixed)
    sentences = ' '.join(model.explain(code))
    assert 'above or below' in sentences
    assert not any(side in sentences for side in ('left of', 'right of', 'left.', 'right.'))
    beside = [model.implausibility(events, code) for events in (left, right)]
    other = model.implausibility(vocabulary()['above'].demonstrations(1), code)
    assert max(float(one.median()) for one in beside) < float(other.min())


def test_outcomes_anywhere_are_said_to_be_no_better_than_chance(model):
    """With few demonstrations chance may look like a rule, but not often."""
    refused = 0
    for seed in range(6):
        shown = vocabulary()['between'].demonstrations(seed)
        generator = torch.Generator().manual_seed(seed)
        anywhere = 1.8 * torch.rand(shown.positions[:, 0].shape, generator=generator) - 0.9
        after = torch.where(shown.subjects[..., None], anywhere, shown.positions[:, 0])
        test = held_out(model, join([shown.with_outcome(after)]))
        refused += test.agrees is False and 'do not agree' in test.text
    assert refused >= 5
