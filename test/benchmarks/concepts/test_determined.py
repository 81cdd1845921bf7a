"""Scenes in which one demonstration determines what is asked for."""

import numpy as np
import pytest

from concept_control.benchmarks.concepts.determined import Pool, determined
from concept_control.concepts import families
from concept_control.training.report import draw_trial

NAMES = ('place', 'disc', 'near', 'left_of', 'closest', 'same_color', 'comparisons', 'arrangement')


@pytest.fixture(scope='module')
def pool():
    return Pool({name: families()[name] for name in NAMES}, 0)


@pytest.mark.parametrize(
    ('name', 'outcomes', 'masks'),
    [
        ('place', (0.7, 1.0), (0.0, 0.0)),  # every region that holds a place holds it again
        ('near', (0.5, 1.0), (0.3, 1.0)),
        ('arrangement', (0.8, 1.0), (0.8, 1.0)),  # nothing else explains a pattern
        ('closest', (0.0, 0.0), (0.0, 0.6)),  # the closest may also be the largest, the reddest
    ],
)
def test_shares_of_scenes_that_one_demonstration_determines(pool, name, outcomes, masks):
    family = families()[name]
    trial = draw_trial(family, np.random.default_rng(1), 4, 1)
    for found, (least, most) in zip(determined(pool, family, trial), (outcomes, masks)):
        assert least <= found.mean() <= most


def test_a_concept_that_only_itself_explains_is_always_determined():
    family = families()['near']
    trial = draw_trial(family, np.random.default_rng(2), 3, 1)
    assert all(found.all() for found in determined(Pool({'near': family}, 0), family, trial))
