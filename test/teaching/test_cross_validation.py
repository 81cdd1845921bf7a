"""Leave-one-out cross-validation names the demonstration that does not fit."""

import numpy as np
import pytest
import torch

from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.model import ConceptModel
from concept_control.teaching.cross_validation import leave_one_out
from concept_control.world.demonstrations import join
from concept_control.world.events import Events


@pytest.fixture(scope='module')
def model():
    return ConceptModel.load()


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
    test = leave_one_out(model, mixed, word.acts, word.selects)
    assert test.agrees is False and test.outlier == 2
    assert 'number 3 does not fit' in test.text
