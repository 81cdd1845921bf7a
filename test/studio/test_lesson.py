import numpy as np
import pytest

import concept_control as cc
from concept_control.errors import StudioError
from concept_control.studio.lesson import (
    HEAT_SIDE,
    Example,
    grid_places,
    guess_meant,
    heat_map,
    identified,
    in_words,
    try_out,
    understand,
)
from concept_control.studio.table import Table

OFFSET = np.array([0.3, 0.0])
"""A word nobody has trained: 0.3 right of it."""


@pytest.fixture(scope='module')
def model():
    return cc.ConceptModel.load()


def right_of_blue(seed):
    """Red is put 0.3 right of blue."""
    rng = np.random.default_rng(seed)
    table = Table.of_colors(['red', 'blue', 'green', 'yellow'], rng)
    while abs(table.thing(2).position[0]) > 0.5:
        table = table.shuffled(rng)
    after = table.moved({1: np.array(table.thing(2).position) + OFFSET})
    return Example(table, after, (2,))


@pytest.fixture(scope='module')
def lesson(model):
    examples = tuple(right_of_blue(seed) for seed in range(5))
    understood = understand(model, examples)
    *_, tried = try_out(model, understood, examples[-1], np.random.default_rng(9))
    return examples, tried


def test_an_example_tells_who_moved_and_what_it_is_about(lesson):
    example = lesson[0][0]
    assert example.moved == (1,)
    assert example.sentence == 'red moved; it is about blue'
    assert Example(example.before, example.before, (1, 2)).sentence == 'meant: red, blue'


def test_a_word_nobody_trained_is_tried_where_it_was_shown(lesson):
    for tried in lesson[1].tries:
        offset = np.subtract(tried.after.thing(1).position, tried.before.thing(2).position)
        assert np.abs(offset - OFFSET).max() < 0.05, tried


def test_sentences_name_what_all_examples_moved_and_meant(lesson):
    sentences = ' '.join(lesson[1].sentences)
    assert 'red stands' in sentences and 'blue' in sentences
    other = Example(lesson[0][0].before, lesson[0][0].after, (3,))
    assert in_words('it stands right of what is meant', (lesson[0][0], other)) == (
        'red stands right of what is meant'
    )


def test_the_energy_is_least_where_the_thing_belongs(model, lesson):
    example = lesson[0][0]
    table = example.after
    energies = heat_map(model, lesson[1].code, table, 1, example.roles)
    assert energies.shape == (HEAT_SIDE, HEAT_SIDE)
    best = grid_places()[energies.argmin()]
    assert np.abs(best - table.thing(2).position - OFFSET).max() < 1.5 * 2 / HEAT_SIDE


def test_what_an_example_is_about_is_guessed(model, lesson):
    examples, understanding = lesson
    shown = right_of_blue(77)
    assert guess_meant(model, shown.before, shown.after, examples, understanding.code) == (2,)
    first = guess_meant(model, shown.before, shown.after, (), None)
    nearest = min(
        (2, 3, 4),
        key=lambda i: np.linalg.norm(
            np.subtract(shown.after.thing(i).position, shown.after.thing(1).position)
        ),
    )
    assert first == (nearest,)


def test_pointing_teaches_who_is_meant(model):
    rng = np.random.default_rng(3)
    examples = []
    for _ in range(4):
        table = Table.of_colors(['red', 'blue', 'red', 'green', 'yellow'], rng)
        examples.append(Example(table, table, (1, 3)))
    *_, understanding = try_out(model, understand(model, examples), examples[-1], rng)
    other = Table.of_colors(['green', 'red', 'blue', 'red', 'red'], rng)
    assert identified(model, understanding.code, other) == (2, 4, 5)
    assert all(tried.meant == (1, 3) for tried in understanding.tries)


def test_nothing_is_understood_from_no_example(model):
    with pytest.raises(StudioError, match='no example yet'):
        understand(model, ())


def stacked(seed, moved):
    """Things are put on blue, one on the other."""
    rng = np.random.default_rng(seed)
    before = after = Table.of_colors(['red', 'blue', 'green', 'yellow'], rng)
    for thing_id in moved:
        off = rng.uniform(-0.02, 0.02, 2)
        after = after.dragged(thing_id, *np.add(after.thing(2).position, off))
    return Example(before, after, guess_meant(None, before, after, (), None))


@pytest.mark.parametrize('moved', [(1,), (1, 3)])
def test_what_was_put_on_things_is_tried_on_things(model, moved):
    examples = tuple(stacked(seed, moved) for seed in range(4))
    assert examples[0].meant == (2,) and 'moved onto blue' in examples[0].sentence
    understood = understand(model, examples)
    *_, last = try_out(model, understood, examples[-1], np.random.default_rng(1))
    assert len(last.tries) == 3
    for tried in last.tries:
        assert max(len(tried.after.above(i)) for i in tried.after.ids) == len(moved), tried
    shown = examples[0]
    energies = heat_map(model, understood.code, shown.after, moved[-1], shown.roles)
    best = grid_places()[energies.argmin()]
    under = shown.after.thing(shown.after.on(moved[-1])[0])
    assert np.abs(best - under.position).max() < under.size / 2
