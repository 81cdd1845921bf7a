"""Events: what is allowed in, and what can never be seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from concept_control.errors import EventError
from concept_control.world.events import DEFAULT_SIZE, Events


def make(**changes):
    fields = {
        'positions': np.zeros((2, 1, 3, 2)),
        'colors': np.full((2, 3, 3), 0.5),
        **changes,
    }
    return Events(**fields)


def test_defaults_are_as_documented():
    events = make()
    assert events.present.all() and not events.subjects.any() and not events.has_attention
    assert (events.sizes == DEFAULT_SIZE).all()
    assert (events.num_events, events.num_steps, events.num_entities) == (2, 1, 3)
    assert make(attention=np.ones((2, 3))).has_attention


def test_rectangles_keep_their_sides_through_every_operation():
    sides = np.tile([0.2, 0.4], (2, 3, 1))
    events = make(sizes=sides)
    assert torch.allclose(events.sizes, torch.tensor(0.3))
    for same in (events[0], events.before(), events.repeat(2), replace(events, present=None)):
        assert torch.allclose(same.sides, torch.tensor([0.2, 0.4]))
    twice = replace(events, sizes=2 * events.sizes)
    assert torch.allclose(twice.sides, torch.tensor([0.4, 0.8]))
    padded = Events.concatenate([events, make().pad(4)])
    assert padded.sides.shape == (4, 4, 2) and (padded.sides[2:] == DEFAULT_SIZE).all()


@pytest.mark.parametrize(
    ('changes', 'complaint'),
    [
        ({'positions': np.zeros((1, 3, 2))}, 'for a single event'),
        ({'positions': np.zeros((2, 1, 3, 4))}, 'with z'),
        ({'positions': np.zeros((2, 1, 3, 3))}, 'heights above the table'),
        ({'sizes': np.ones((2, 3, 3))}, 'both with z'),
        ({'positions': np.ones((2, 1, 3, 3)), 'sizes': np.ones((2, 3, 2))}, 'both with z'),
        ({'positions': np.full((2, 1, 3, 2), np.nan)}, 'NaN'),
        ({'positions': np.full((2, 1, 3, 2), 50.0)}, 'workspace units'),
        ({'positions': 'here'}, 'cannot be read'),
        ({'colors': np.full((2, 3, 3), 255)}, 'RGB in'),
        ({'colors': np.zeros((2, 4, 3))}, 'colors have shape'),
        ({'sizes': np.zeros((2, 3))}, 'sizes contain'),
        ({'sizes': np.zeros((2, 3, 4))}, 'sizes have shape'),
        ({'subjects': np.full((2, 3), 0.5)}, 'mask of 0 and 1'),
        ({'attention': np.full((2, 3), 1.5)}, 'attention contain'),
        ({'present': np.zeros((2, 3))}, 'no entity present'),
        ({'rims': np.full((2, 3), 0.09)}, 'with room between them'),
    ],
)
def test_what_is_wrong_is_named(changes, complaint):
    with pytest.raises(EventError) as caught:
        make(**changes)
    assert complaint in str(caught.value)


def test_a_third_coordinate_says_how_high_things_are():
    places = np.zeros((1, 2, 3, 3))
    places[..., 2] = [[[0.1, 0.05, 0.1], [0.1, 0.25, 0.12]]]
    sides = np.tile([[0.2, 0.4, 0.2], [0.2, 0.2, 0.1], [0.2, 0.2, 0.2]], (1, 1, 1))
    events = Events(places, np.full((1, 3, 3), 0.5), sides)
    # The last is 20 thousandths off the table: it stands there.
    torch.testing.assert_close(events.bottoms, torch.tensor([[[0.0, 0, 0], [0, 0.2, 0]]]))
    assert events.heights[0].tolist() == pytest.approx([0.2, 0.1, 0.2])
    assert events.sides[0, 0].tolist() == pytest.approx([0.2, 0.4]) and events.is_stacked
    assert torch.equal(events.centers[:, 1, 1], torch.tensor([[0, 0, 0.25]]))
    assert not events.before().is_stacked and events.before().with_outcome(
        events.positions[:, 1], events.bottoms[:, 1]
    ).bottoms.equal(events.bottoms)
    cubes = Events(places[:, 1:], np.full((1, 3, 3), 0.5), np.full((1, 3), 0.2))
    assert cubes.bottoms[0, 0].tolist() == pytest.approx([0, 0.15, 0]) and cubes.has_heights
    flat = Events(places[..., :2], np.full((1, 3, 3), 0.5), sides[..., :2])
    assert flat.bottoms.shape == (1, 2, 3) and not flat.bottoms.any() and not flat.has_heights
    with pytest.raises(EventError, match='batch 2 has positions without z'):
        Events.concatenate([events, flat])


def test_padding_is_invisible_even_as_nan():
    positions = np.zeros((2, 1, 3, 2))
    positions[:, :, 2] = np.nan
    present = np.array([[1, 1, 0], [1, 1, 0]])
    events = make(positions=positions, present=present, subjects=np.ones((2, 3)))
    assert torch.isfinite(events.positions).all()
    assert not events.subjects[:, 2].any()
    same = Events.concatenate([make()[0], make(positions=np.zeros((2, 1, 3, 2)))]).pad(5)
    assert same.num_events == 3 and same.present.sum() == 9


def test_before_outcome_and_repeat():
    events = make(positions=np.random.default_rng(0).uniform(-1, 1, (2, 3, 3, 2)))
    before = events.before()
    assert before.num_steps == 1
    after = before.with_outcome(events.positions[:, -1])
    assert torch.equal(after.positions[:, 0], events.positions[:, 0])
    assert torch.equal(after.positions[:, 1], events.positions[:, 2])
    assert torch.equal(events.repeat(2).positions[1], events.positions[0])
    with pytest.raises(EventError, match='different T'):
        Events.concatenate([before, events])
