"""FTL-IGM's definitions on hand-made scenes, and its tasks end to end."""

import numpy as np
import pytest

from concept_control.benchmarks.concepts import ftl_igm


@pytest.mark.parametrize(
    ('name', 'place', 'true'),
    [
        # To a thing at the origin, the larger side 0.5.
        ('right of', (0.1, 0.99), True),
        ('right of', (-0.1, 0.0), False),
        ('right of', (0.1, 1.01), False),
        ('above', (-0.99, 0.1), True),
        ('above', (1.01, 0.1), False),
        ('circle', (1.38, 0.0), True),
        ('circle', (0.0, -1.36), False),
        ('circle', (1.4, 1.4), False),
        ('diagonal', (0.5, 1.49), True),
        ('diagonal', (0.5, 1.51), False),
        ('diagonal', (-0.1, 0.1), False),
    ],
)
def test_concepts(name, place, true):
    places = np.array([place, (0.0, 0.0)])
    assert ftl_igm.holds(name, places, np.array([0.3, 0.5]), 1) is true


@pytest.mark.parametrize('name', ftl_igm.CONCEPTS)
def test_demonstrations_show_the_concept(name):
    events = ftl_igm.demonstrate(np.random.default_rng(0), name, 8)
    places = events.positions[:, -1].numpy() * ftl_igm.ARENA / 2
    sides = events.sizes.numpy() * ftl_igm.ARENA / 2
    assert all(ftl_igm.holds(name, p, s, 1) for p, s in zip(places, sides))
    assert (sides >= 0.299).all() and (sides <= 1.001).all()


def test_a_tiny_run_judges_every_task(model):
    found = ftl_igm.run(model, seed=1, samples=1)
    assert {row[0] for row in ftl_igm.rows(found)} >= {'circle', 'diagonal and above'}
    assert all(0 <= held['value'] <= 1 for held in found['tasks'].values())
