"""SREM's definitions on hand-made boxes, and its tasks end to end."""

import numpy as np
import pytest

from concept_control.benchmarks.concepts import srem
from concept_control.benchmarks.concepts.boxes import (
    any_collision,
    boxes_from_centers,
    share_in_hull,
)
from concept_control.benchmarks.concepts.srem_relations import (
    DIRECTIONS,
    RELATIONS,
    demonstrate,
    demonstrate_shape,
    num_objects,
    shape_score,
)
from concept_control.world.events import Events


def holds(relation, subject, *objects, size=0.2, object_size=0.2):
    anchors = boxes_from_centers(
        np.array(objects, dtype=float), np.full(len(objects), object_size)
    )
    return RELATIONS[relation](boxes_from_centers(np.array(subject), size), anchors)


def test_a_direction_holds_once_the_whole_subject_is_beyond_the_near_edge():
    # Squares of side 0.2 at 0 and x: their edges meet at x = -0.2.
    for relation, direction in (
        ('left', (-1, 0)),
        ('right', (1, 0)),
        ('front', (0, -1)),
        ('behind', (0, 1)),
    ):
        way = np.array(direction, dtype=float)
        assert holds(relation, 0.201 * way, (0, 0))
        assert not holds(relation, 0.199 * way, (0, 0))
        assert not holds(relation, -0.5 * way, (0, 0))
        # How far it is to the side does not matter.
        assert holds(relation, 0.201 * way + 0.7 * way[::-1], (0, 0))


def test_inside_asks_for_more_than_80_percent_of_the_subject():
    # A subject of side 0.2 sticks out of a box of side 0.6 by x - 0.2.
    assert holds('inside', (0.239, 0), (0, 0), object_size=0.6)
    assert not holds('inside', (0.241, 0), (0, 0), object_size=0.6)
    assert not holds('inside', (0, 0), (0, 0), size=0.6, object_size=0.2)


def test_between_asks_for_51_percent_of_the_subject_in_the_hull():
    # The hull of two boxes in a row is the band |y| < 0.1.
    anchors = ((-0.5, 0), (0.5, 0))
    assert holds('between', (0, 0.097), *anchors)
    assert not holds('between', (0, 0.099), *anchors)
    assert not holds('between', (0.7, 0), *anchors)

    def square(x, y):
        return boxes_from_centers(np.array([x, y]), 0.2)

    # A slanted hull: half of a box whose middle is on its edge is in it.
    slanted = boxes_from_centers(np.array([[-0.5, -0.5], [0.5, 0.5]]), np.array([0.2, 0.2]))
    assert share_in_hull(boxes_from_centers(np.array([-0.1, 0.1]), 0.2), slanted) == pytest.approx(
        0.5
    )
    assert share_in_hull(boxes_from_centers(np.array([0.0, 0.0]), 0.2), slanted) == pytest.approx(
        1.0
    )
    assert share_in_hull(boxes_from_centers(np.array([-0.2, 0.2]), 0.2), slanted) == pytest.approx(
        0.0
    )


def test_shape_scores_fall_from_one_to_nothing():
    angles = 2 * np.pi * np.arange(6) / 6
    circle = 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    line = np.stack([np.linspace(-0.5, 0.5, 6), np.linspace(-0.2, 0.2, 6)], axis=1)
    assert shape_score('circle', circle) == shape_score('line', line) == 1
    # Radii 0.5 ± d have a deviation of d, d / 2 of the side; the score is half at 0.045.
    radii = 0.5 + 0.09 * np.array([1, -1, 1, -1, 1, -1])[:, None]
    assert shape_score('circle', circle * radii / 0.5) == pytest.approx(0.5, abs=1e-6)
    assert shape_score('line', circle) == 0
    bent = np.array([[-0.3, 0.0], [-0.1, 0.08], [0.1, 0.08], [0.3, 0.0]])
    assert shape_score('line', bent) == 1  # 0.04 about its line is 0.02 of the side


@pytest.mark.parametrize('relation', RELATIONS)
def test_demonstrations_show_the_relation_and_move_only_the_subject(relation):
    rng = np.random.default_rng(0)
    events = Events.concatenate([demonstrate(rng, relation, 6, share) for share in (True, False)])
    places = events.positions.numpy().astype(float)
    objects = num_objects(relation)
    assert (events.attention.sum(dim=1) == objects).all()
    assert (events.subjects.sum(dim=1) == 1).all()
    np.testing.assert_array_equal(places[:, 0, 1:], places[:, 1, 1:])
    for row in range(12):
        before, after = (
            boxes_from_centers(places[row, t], events.sizes[row].numpy()) for t in (0, 1)
        )
        assert RELATIONS[relation](after[0], after[1 : 1 + objects])
        assert not RELATIONS[relation](before[0], before[1 : 1 + objects])


@pytest.mark.parametrize('shape', ['circle', 'line'])
def test_demonstrated_shapes_score_one(shape):
    events = demonstrate_shape(np.random.default_rng(0), shape, 8)
    for row in range(8):
        here = events.present[row].numpy()
        assert shape_score(shape, events.positions[row, 1].numpy()[here]) == 1


def test_episodes_ask_for_something_that_does_not_hold_yet():
    rng = np.random.default_rng(0)
    for _ in range(10):
        one, group = srem.one_step_episode(rng), srem.group_episode(rng)
        assert one.movable.sum() == 1 and 2 <= len(one.instructions) <= 4
        assert {i for _, i, _ in one.instructions} == {0}
        assert group.movable.all() and 3 <= len(group.instructions) <= 5
        assert {i for _, i, _ in group.instructions} == set(range(len(group.sizes)))
        for episode in (one, group):
            assert episode.progress(episode.positions) < 1
            assert not any_collision(boxes_from_centers(episode.positions, episode.sizes))
            assert {name for name, _, _ in episode.instructions} <= set(DIRECTIONS)


def test_a_tiny_run_gives_the_same_numbers_twice(model):
    first, second = (srem.run(model, seed=1, episodes=1) for _ in 'ab')
    assert first == second
    assert first['any place']['comp-group']['progress']['number'] == 1
    table = srem.rows(first)
    assert [row[2] for row in table if row[0] == 'comp-group, rows shared: progress'] == [
        srem.TASKS['comp-group'][1]
    ]
