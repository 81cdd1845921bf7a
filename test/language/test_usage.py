"""Expressions that no scene can make sense of, and the way out that each refusal shows."""

import pytest

from concept_control.concepts.vocabulary import vocabulary
from concept_control.errors import GroundingError, UnknownConceptError
from concept_control.language.expression import parse
from concept_control.language.usage import check_usage
from concept_control.language.words import shipped_word
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
