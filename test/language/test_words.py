"""What words mean is told with the predicates' own numbers."""

import re

import numpy as np
import pytest

from concept_control.concepts.named.relational import Apart
from concept_control.concepts.vocabulary import vocabulary
from concept_control.errors import GroundingError, UnknownConceptError
from concept_control.language.expression import parse
from concept_control.language.words import check_usage, find_word, shipped_word, word_table
from concept_control.world.events import Events
from concept_control.world.workspace import Workspace

WORDS = {name: shipped_word(word, Workspace()) for name, word in vocabulary().items()}


@pytest.mark.parametrize(
    'text',
    [
        'between(red; blue, green)',
        'between(red; blue)',  # two things may be blue
        'near(red; big, blue)',  # the same thing may be both
        'near(red; closest(blue)) and not far(#1; tool)',
        'square(all) or 0.5*line(red, blue, #4)',
        'near(red; square(all))',
    ],
)
def test_what_some_scene_can_mean_is_let_through(text):
    check_usage(parse(text), WORDS)


@pytest.mark.parametrize(
    ('text', 'kind', 'complaint'),
    [
        ('betwen(red; blue, green)', UnknownConceptError, 'did you mean between? Known: red, '),
        ('near(redd; blue)', UnknownConceptError, 'did you mean red?'),
        ('xyzzy(red)', UnknownConceptError, "unknown concept 'xyzzy'; known: red, "),
        ('near(red; xyzzy(blue))', UnknownConceptError, "unknown concept 'xyzzy'"),
        ('moved(red)', GroundingError, 'such as near(#1; moved)'),
        ('big(all)', GroundingError, 'such as near(#1; big)'),
        ('closest(red)', GroundingError, 'such as near(#1; closest(#1))'),
        ('near(red; closest)', GroundingError, 'of what: near(red; closest(red))'),
        ('near(closest; blue)', GroundingError, 'of what: near(closest(blue); blue)'),
        ('square(closest, all)', GroundingError, 'of what: square(closest(#1), all)'),
        ('near(between; blue)', GroundingError, 'does not identify things'),
        ('near(red; red(blue))', GroundingError, 'red identifies by itself; write red'),
        ('near(red; left_of(blue))', GroundingError, 'left_of(blue) names no things'),
        ('near(red; near(blue; green))', GroundingError, 'must not have arguments'),
        ('near(red; blue, green)', GroundingError, 'near takes 1 argument, but got blue, green'),
        ('between(red; #2)', GroundingError, 'between takes 2 arguments, but got #2; write'),
        ('between(red)', GroundingError, 'between takes 2 arguments, but got nothing'),
        ('square(all; red)', GroundingError, 'square takes no arguments, but got red'),
        ('near(red; red)', GroundingError, 'red is both subject and argument'),
    ],
)
def test_what_no_scene_can_mean_is_refused_with_the_way_out(text, kind, complaint):
    with pytest.raises(kind) as caught:
        check_usage(parse(text), WORDS)
    assert complaint in str(caught.value)
    # The way out must be no other mistake.
    for before in (' acts, such as ', ' of what: '):
        if before in str(caught.value):
            check_usage(parse(str(caught.value).split(before)[1]), WORDS)


def numbers(text):
    return [float(number) for number in re.findall(r'\d+\.?\d*', text)]


def error_at(word, x, y):
    """Return the predicate's error where the subject is at an offset from its argument."""
    places = np.array([[[[0.0, 0.0], [0.0, 0.0]], [[x, y], [0.0, 0.0]]]])
    events = Events(
        places, np.full((1, 2, 3), 0.5), subjects=[[True, False]], attention=[[0.0, 1.0]]
    )
    return float(vocabulary()[word].error(events)[0])


def polar(length, degrees):
    return length * np.cos(np.deg2rad(degrees)), length * np.sin(np.deg2rad(degrees))


@pytest.mark.parametrize(
    ('word', 'number', 'place', 'step'),
    [
        ('near', 0, lambda least: (least, 0.0), 0.01),
        ('near', 1, lambda most: (0.0, most), -0.01),
        ('far', 0, lambda least: polar(least, 70.0), 0.01),
        ('left_of', 1, lambda least: (-least, 0.0), 0.01),
        ('left_of', 0, lambda angle: polar(0.5, 180.0 + angle), -1.0),
        ('right_of', 0, lambda angle: polar(0.5, angle), -1.0),
        ('above', 0, lambda angle: polar(0.5, 90.0 + angle), -1.0),
        ('below', 0, lambda angle: polar(0.5, angle - 90.0), -1.0),
    ],
)
def test_the_predicate_changes_where_the_meaning_says(word, number, place, step):
    limit = numbers(vocabulary()[word].meaning(lambda length: f'{length}'))[number]
    assert error_at(word, *place(limit + step)) == 0.0 < error_at(word, *place(limit - step))


def test_the_numbers_are_those_of_the_family_and_of_the_table():
    family = Apart('apart', 'be apart', (0,), bounds=(0.5, 0.75))
    assert '500 to 750' in family.meaning(np.zeros(0), lambda length: f'{1000 * length:.0f}')
    assert '30°, and at least 48 mm' in WORDS['left_of'].meaning
    assert '50 mm to 86 mm' in WORDS['near'].meaning
    wide = Workspace(half_extent=0.48)
    assert 'at least 96 mm' in shipped_word(vocabulary()['left_of'], wide).meaning
    for name, word in vocabulary().items():
        told = numbers(word.meaning(lambda length: f'{length}'))
        exact = ('closest', 'furthest', 'between', 'aligned_x', 'aligned_y')
        assert told or name in exact, name


def test_every_word_says_how_it_is_used_with_an_example_that_parses():
    for word in WORDS.values():
        assert word.name in word.usage and word.name in str(parse(word.example))
        assert word.meaning in word.describe() and word.usage in word_table([word])
    assert WORDS['between'].example == 'between(red; blue, green)'
    assert WORDS['closest'].usage == 'closest(marker)'


def test_an_unknown_word_is_refused_with_those_that_are_alike():
    with pytest.raises(UnknownConceptError, match=r'did you mean between\?'):
        find_word(WORDS, 'betwen')
    with pytest.raises(UnknownConceptError, match='known: red, blue'):
        find_word(WORDS, 'xyzzy')
