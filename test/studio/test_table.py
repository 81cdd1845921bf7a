import numpy as np
import pytest

from concept_control.errors import StudioError
from concept_control.studio.table import MAX_THINGS, SIZES, Table, Thing


@pytest.fixture
def table():
    return Table.of_colors(['red', 'blue', 'red'], np.random.default_rng(0))


def test_things_stand_clear_of_one_another_and_on_the_table():
    full = Table.of_colors(['red'] * MAX_THINGS, np.random.default_rng(1))
    scene = full.shuffled(np.random.default_rng(2)).tabletop()
    apart = np.abs(scene.positions[:, None] - scene.positions[None]).max(axis=-1)
    assert (apart + 9 * np.eye(MAX_THINGS) > scene.sizes.max()).all()
    assert (np.abs(scene.positions) + scene.sizes[:, None] / 2 <= 1).all()
    with pytest.raises(StudioError, match=f'at most {MAX_THINGS}'):
        full.with_new('blue', np.random.default_rng(3))


def test_a_thing_is_called_by_its_colour_and_by_its_id_where_several_have_it(table):
    assert table.names(table.ids) == 'red #1, blue, red #3'


def test_dragging_moves_one_thing_or_says_why_not(table):
    moved = table.dragged(2, 0.5, -0.25)
    assert moved.thing(2).position == (0.5, -0.25)
    assert [t for t in moved.things if t.id != 2] == [t for t in table.things if t.id != 2]
    with pytest.raises(StudioError, match='blue would fall off the table'):
        table.dragged(2, 0.97, 0.0)
    x, y = table.thing(1).position
    with pytest.raises(StudioError, match='blue would stand in red #1'):
        table.dragged(2, x + 0.1, y)
    with pytest.raises(StudioError, match='no #9'):
        table.dragged(9, 0.0, 0.0)


def test_what_is_dropped_on_a_thing_rests_on_it_goes_along_and_comes_down(table):
    x, y = table.thing(1).position
    pile = table.dragged(2, x, y).dragged(3, x + 0.05, y)
    side = table.thing(1).size
    assert [pile.thing(i).bottom for i in (1, 2, 3)] == pytest.approx([0.0, side, 2 * side])
    away = pile.dragged(1, -x, -y)
    assert away.thing(3).place == pytest.approx((0.05 - x, -y, 2 * side))
    assert away.resized(1, SIZES[1]).thing(3).bottom == pytest.approx(side + SIZES[1])
    assert away.without(2).thing(3).bottom == pytest.approx(side)
    assert away.dragged(3, 0.6, -0.6).thing(3).bottom == 0.0
    shuffled = away.shuffled(np.random.default_rng(0))
    assert shuffled.above(1) == (2, 3) and shuffled.thing(1) != away.thing(1)
    assert not away.spread(np.random.default_rng(0)).tabletop().bottoms.any()


def test_one_thing_on_two_keeps_both_where_they_are():
    two = Table((Thing(1, 'red', (0.0, 0.0)), Thing(2, 'blue', (0.2, 0.0))))
    two = two.with_new('green', np.random.default_rng(0)).dragged(3, 0.1, 0.0)
    assert two.on(3) == (1, 2) and two.thing(3).bottom == two.thing(1).size
    with pytest.raises(StudioError, match='green would fall off blue'):
        two.dragged(1, -0.5, 0.0)


def test_things_go_into_an_open_box_move_with_it_and_do_not_stand_on_its_walls():
    rng = np.random.default_rng(0)
    table = Table.of_colors(['red', 'blue'], rng).with_new('green', rng, is_open=True)
    x, y = table.thing(3).position
    full = table.dragged(1, x + 0.15, y).dragged(2, x + 0.15, y)
    assert full.on(1) == (3,) and 1 in full.on(2)
    assert [thing.bottom for thing in full.things] == pytest.approx([0.0, full.thing(1).size, 0.0])
    scene = full.tabletop()
    assert scene.is_in()[0, 2] and scene.heights[2] == pytest.approx(0.04 / 0.24)
    for dx in (0.25, 0.3, 0.35):
        with pytest.raises(StudioError, match='red would stand in green'):
            table.dragged(1, x + dx, y)
    shuffled = full.shuffled(rng)
    assert shuffled.on(1) == (3,) and shuffled.thing(3) != full.thing(3)
    with pytest.raises(StudioError, match='green would stand in red'):
        full.resized(3, 0.4)
    assert not full.without(3).tabletop().is_in().any()
    assert not full.spread(rng).tabletop().rests_on().any()


def test_size_and_colour_change_within_what_is_allowed():
    table = Table((Thing(1, 'red', (0.0, 0.0)), Thing(2, 'blue', (0.18, 0.0))))
    assert table.resized(1, 0.01).thing(1).size == SIZES[0]
    with pytest.raises(StudioError, match='would stand in'):
        table.resized(1, 0.22)
    assert table.recolored(2, 'green').name(2) == 'green'
    with pytest.raises(StudioError, match="'mauve' is no colour"):
        table.recolored(2, 'mauve')
