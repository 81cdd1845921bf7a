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
    with pytest.raises(StudioError, match='blue would stand in red #1'):
        table.dragged(2, *table.thing(1).position)
    with pytest.raises(StudioError, match='no #9'):
        table.dragged(9, 0.0, 0.0)


def test_size_and_colour_change_within_what_is_allowed():
    table = Table((Thing(1, 'red', (0.0, 0.0)), Thing(2, 'blue', (0.18, 0.0))))
    assert table.resized(1, 0.01).thing(1).size == SIZES[0]
    with pytest.raises(StudioError, match='would stand in'):
        table.resized(1, 0.22)
    assert table.recolored(2, 'green').name(2) == 'green'
    with pytest.raises(StudioError, match="'mauve' is no colour"):
        table.recolored(2, 'mauve')
