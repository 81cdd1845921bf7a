"""From words and a scene to energies: what is there is found, what is not is said."""

from dataclasses import replace

import numpy as np
import pytest

from concept_control.energy.goals.program import Operator
from concept_control.errors import GroundingError, UnknownConceptError
from concept_control.language.expression import parse
from concept_control.language.grounding import MIN_CONFIDENCE, ground
from concept_control.language.kept_words import learn_words
from concept_control.language.library import ConceptLibrary
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.tabletop import Tabletop


def table(*names, light=1.0):
    rng = np.random.default_rng(len(names))
    ids = tuple(range(1, len(names) + 1))
    colors = np.clip(light * np.array([NAMED_COLORS[name] for name in names]), 0, 1)
    return Tabletop(
        ids, rng.uniform(-0.8, 0.8, (len(names), 2)), colors, np.full(len(names), 0.167)
    )


def test_colours_are_recognised_as_concepts_of_looks_and_closest_is_not(library):
    assert all(library.get(name).by_appearance for name in NAMED_COLORS)
    assert not library.get('closest').by_appearance


@pytest.mark.parametrize('light', [0.9, 1.2])
def test_subjects_and_arguments_are_found_by_their_colour(model, library, light):
    scene = table('yellow', 'green', 'red', 'blue', light=light)
    grounded = ground(parse('between(red; blue, green)'), scene, model, library)
    assert grounded.movable == (3,) and grounded.attention == (2, 4)
    (term,) = grounded.program
    assert term.subjects.tolist() == [False, False, True, False]


@pytest.mark.parametrize('absent', ['orange', 'cyan', 'magenta', 'white'])
def test_a_colour_that_nobody_has_is_refused(model, library, absent):
    with pytest.raises(GroundingError, match=f'nothing here is {absent}; there are: #1'):
        ground(
            parse(f'near({absent}; blue)'), table('red', 'blue', 'green', 'yellow'), model, library
        )


def test_things_are_named_by_id_all_and_nesting(model, library):
    scene = table('red', 'blue', 'green', 'yellow')
    assert ground(parse('square(all)'), scene, model, library).movable == (1, 2, 3, 4)
    grounded = ground(parse('near(#1; closest(#2)) or not near(#3; #4)'), scene, model, library)
    assert [getattr(element, 'name', None) for element in grounded.program] == [
        'near', 'near', 'not', 'or',
    ]  # fmt: skip


def test_near_a_shape_is_near_any_one_of_its_members(model, library):
    scene = table('red', 'blue', 'green', 'yellow')
    grounded = ground(parse('not near(red; square(all))'), scene, model, library)
    assert (grounded.movable, grounded.attention) == ((1,), (2, 3, 4))
    assert [(s, a) for _, s, a in grounded.roles] == [((1,), (2,)), ((1,), (3,)), ((1,), (4,))]
    assert grounded.program[3:] == (Operator('or', 3), Operator('not', 1))
    three = table('red', 'blue', 'green')
    grounded = ground(parse('between(red; square(all))'), three, model, library)
    assert [(s, a) for _, s, a in grounded.roles] == [((1,), (2, 3))]


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('between(red; square(red, blue))', '#1 is both subject and argument'),
        ('near(red; all)', 'near takes 1 argument, but all is 2 (#2, #3); write near(subject'),
        ('near(red; #9)', 'no entity #9; there are: #1'),
        ('near(red; tool)', 'tool is not known'),
        ('near(between; blue)', 'does not identify things'),
        ('red(blue)', 'cannot be made to hold'),
        ('near(red; red)', 'both subject and argument'),
    ],
)
def test_what_cannot_be_meant_is_named(model, library, text, complaint):
    with pytest.raises(GroundingError) as caught:
        ground(parse(text), table('red', 'blue', 'green'), model, library)
    assert complaint in str(caught.value)


def test_unknown_words_list_the_known_ones(model, library):
    with pytest.raises(UnknownConceptError, match=r'hovering.*known: red, blue'):
        ground(parse('hovering(red; blue)'), table('red', 'blue'), model, library)


def test_a_word_that_is_not_sure_is_refused_as_command_and_as_selector(model, library):
    scene = table('red', 'green', 'blue')
    for name in ('near', 'red'):
        unsure = ConceptLibrary(library)
        word = library.get(name)
        agreed = replace(word.code.agreement, confidence=MIN_CONFIDENCE - 0.01)
        unsure.add(replace(word, code=replace(word.code, agreement=agreed)))
        with pytest.raises(GroundingError, match=f'what {name} means .* explain {name}"'):
            ground(parse('near(red; blue)'), scene, model, unsure)


def test_what_is_found_is_refused_where_other_things_may_be_meant(model, library):
    scene = table('red', 'green', 'blue')
    word = library.get('red')
    doubtful = ConceptLibrary(library)
    agreed = replace(word.code.agreement, log_odds_identified=-12.0)
    doubtful.add(replace(word, code=replace(word.code, agreement=agreed)))
    assert ground(parse('near(red; blue)'), scene, model, library)
    with pytest.raises(GroundingError, match='which things are red here'):
        ground(parse('near(red; blue)'), scene, model, doubtful)


def test_every_shipped_word_is_sure_enough(model, tmp_path):
    words = learn_words(model, tmp_path)
    unsure = {w.name: w.code.confidence for w in words if w.code.confidence < MIN_CONFIDENCE}
    assert not unsure
