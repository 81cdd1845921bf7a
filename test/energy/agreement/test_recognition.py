"""Which code an event is likeliest under: densities, so that what says more of it wins."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from concept_control.concepts import families
from concept_control.energy.agreement.recognition import log_likelihoods
from concept_control.energy.scene_batch import scene_batch_from_events

CONCEPTS = {
    'half_plane': [1.0, 0.0, 0.0],
    'disc': [0.5, 0.3, 0.2],
    'pentagon': [],
    'rectangle': [],
    'cross': [],
}
"""The right half of the table, a small disc in it, and three shapes, two of them of five."""


def events(name, seed, count):
    params = np.array([CONCEPTS[name]])
    return families()[name].sample(np.random.default_rng(seed), params, count, 7)


@pytest.fixture(scope='module')
def shown(model):
    return {name: model.infer(events(name, 0, 5)) for name in CONCEPTS}


def test_the_tighter_of_two_concepts_that_hold_explains_more(model, shown):
    both = [shown['half_plane'], shown['disc']]
    inside, right = events('disc', 1, 20), events('half_plane', 1, 20)
    assert model.recognise(inside, both).float().mean() >= 0.9
    is_outside = families()['disc'].error(right, np.array([CONCEPTS['disc']])) > 0.1
    assert (model.recognise(right, both)[torch.as_tensor(is_outside)] == 0).float().mean() >= 0.9


def test_a_shape_is_no_other_of_as_many_things_or_fewer(model, shown):
    names = ('pentagon', 'rectangle', 'cross')
    for truth, name in enumerate(names):
        found = model.recognise(events(name, 1, 20), [shown[each] for each in names])
        assert (found == truth).all()


@pytest.mark.parametrize('name', ['disc', 'rectangle', 'half_plane'])
def test_many_events_are_judged_like_each_alone(shown, name):
    scene = scene_batch_from_events(events(name, 2, 60))
    together = log_likelihoods(shown[name].agreement, scene)
    alone = [
        log_likelihoods(shown[name].agreement, scene.select(slice(row, row + 1)))
        for row in (0, 59)
    ]
    torch.testing.assert_close(together[[0, 59]], torch.cat(alone), rtol=1e-3, atol=1e-3)
    assert (together > -10).all()


def test_none_of_them_is_likeliest_under_a_rule_that_nothing_satisfies(model):
    red, blue = ([[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    family, rng = families()['color'], np.random.default_rng(0)
    both = [model.infer(family.sample(rng, np.array(each), 3)) for each in (blue, red)]
    one = family.sample(rng, np.array(blue), 1)
    none = replace(one, attention=torch.zeros_like(one.attention))
    assert model.recognise(none, both).tolist() == [1]


def test_a_marker_that_was_never_shown_tells_against_a_code(model):
    red = np.array([[1.0, 0.0, 0.0]])
    shown = families()['color'].sample(np.random.default_rng(0), red, 6, 7)
    code, event = model.infer(shown[:5]).agreement, shown[5:]
    others = event.attention < 0.5
    marked = replace(event, subjects=others & (others.cumsum(dim=-1) == 1))
    likely = [float(log_likelihoods(code, scene_batch_from_events(e))) for e in (event, marked)]
    assert likely[1] < likely[0] - 3


def test_events_of_another_kind_are_unlikely(shown):
    still = scene_batch_from_events(events('rectangle', 3, 20))
    assert (log_likelihoods(shown['disc'].agreement, still) <= -20).all()
