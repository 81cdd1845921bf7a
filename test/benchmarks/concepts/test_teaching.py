"""Sets of demonstrations that cross-validation is judged by."""

import numpy as np
import pytest

from concept_control.benchmarks.concepts.teaching import demonstration_sets, run
from concept_control.concepts import families


@pytest.mark.parametrize('name', ['between', 'color', 'near'])
def test_of_spoilt_demonstrations_the_concept_does_not_hold(name):
    family = families()[name]
    sets = dict(demonstration_sets(family, np.random.default_rng(3)))
    params = np.zeros((1, 0))
    assert len(sets['of one concept']) == len(sets['the last does not fit']) == 5
    if name != 'color':
        assert family.holds(sets['of one concept'], params).all()
        assert family.holds(sets['the last does not fit'], params).tolist() == [*[True] * 4, False]


def test_sets_of_a_plain_concept_are_told_apart(model):
    found = run(model, {'between': families()['between']}, seed=0, concepts=2)
    assert found['of one concept']['agree'] == 1.0 > found['nothing in common']['agree']
