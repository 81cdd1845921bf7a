"""The command language: what is written comes back, what is wrong is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_control.errors import ExpressionError
from concept_control.language.expression import (
    RESERVED,
    All,
    And,
    ById,
    Named,
    Not,
    Or,
    Term,
    Tool,
    parse,
    terms,
    uses_tool,
)

names = st.from_regex(r'[a-z][a-z_0-9]{0,8}', fullmatch=True).filter(lambda n: n not in RESERVED)
simple_selectors = st.one_of(
    names.map(Named), st.integers(0, 999).map(ById), st.just(Tool()), st.just(All())
)


def term_of(selectors):
    lists = st.lists(selectors, min_size=1, max_size=3).map(tuple)
    weights = st.floats(1e-3, 1e3).map(lambda w: float(repr(w)))
    return st.builds(Term, names, lists, st.one_of(st.just(()), lists), weights)


selectors = st.one_of(
    simple_selectors,
    term_of(simple_selectors).map(lambda t: Term(t.name, t.subjects, t.arguments)),
)
expressions = st.recursive(
    term_of(selectors),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: And(tuple(p))),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: Or(tuple(p))),
    ),
    max_leaves=6,
)


@given(expressions)
def test_what_is_printed_parses_to_the_same(expression):
    assert parse(str(expression)) == expression


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused_with_its_place(text):
    try:
        parse(text)
    except ExpressionError as error:
        assert str(error)


def test_the_language_reads_as_people_write_it():
    expression = parse(' 0.5*Above(RED; blue) and not near(red; square(all)) or far(#3; tool)')
    assert expression == Or(
        (
            And(
                (
                    Term('above', (Named('red'),), (Named('blue'),), 0.5),
                    Not(Term('near', (Named('red'),), (Term('square', (All(),)),))),
                )
            ),
            Term('far', (ById(3),), (Tool(),)),
        )
    )
    assert [t.name for t in terms(expression)] == ['above', 'near', 'far']
    assert uses_tool(expression)
    assert not uses_tool(parse('near(red; blue)'))


def test_a_weight_before_a_parenthesis_weighs_every_term():
    assert parse('2*(near(a; b) or 3*far(a; b))') == Or(
        (
            Term('near', (Named('a'),), (Named('b'),), 2.0),
            Term('far', (Named('a'),), (Named('b'),), 6.0),
        )
    )


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('', 'empty'),
        ('red', "expected '('"),
        ('between(red; blue', "expected ')'"),
        ('between(red; blue $', "unexpected character '$'"),
        ('near(red;)', 'expected a thing'),
        ('near(red; and)', 'expected a thing'),
        ('not', 'expected a concept'),
        ('near(red; blue) far(red; blue)', 'after the end'),
        ('0*near(red; blue)', 'finite number > 0'),
        ('1e999*near(red; blue)', 'finite number > 0'),
        ('near(' * 30, 'nested deeper'),
        ('(' * 2001, 'characters'),
    ],
)
def test_mistakes_are_named(text, complaint):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert complaint in str(caught.value)
