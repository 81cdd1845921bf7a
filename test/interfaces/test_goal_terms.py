"""Terms of messages are read as postfix programs, or refused with the reason."""

from types import SimpleNamespace

import numpy as np
import pytest

from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.program import Operator
from concept_control.errors import CommandError
from concept_control.interfaces.constants import TermOperation
from concept_control.interfaces.goal_terms import program_of, recorded_roles

CODE = ConceptCode.from_array(np.zeros(8))


def term(operation=TermOperation.CONCEPT, **fields):
    blank = {
        'arity': 0,
        'name': 'near',
        'weight': 0.0,
        'subjects': [],
        'arguments': [],
        'code': [],
    }
    return SimpleNamespace(operation=int(operation), **{**blank, **fields})


def near(subject, argument, **fields):
    return term(subjects=[subject], arguments=[argument], **fields)


def test_a_program_is_read_with_masks_over_the_ids():
    terms = [
        near(7, 2),
        near(2, 9, weight=2.0),
        term(TermOperation.NOT),
        term(TermOperation.OR, arity=2),
    ]
    first, second, *operators = program_of(terms, (2, 7, 9), {'near': CODE})
    assert first.subjects.tolist() == [False, True, False]
    assert second.attention.tolist() == [False, False, True]
    assert (first.weight, second.weight) == (1.0, 2.0)
    assert operators == [Operator('not', 1), Operator('or', 2)]


@pytest.mark.parametrize(
    ('terms', 'complaint'),
    [
        ([], 'leave 0 energies instead of one'),
        ([near(1, 2), near(2, 1)], 'leave 2 energies instead of one'),
        ([near(1, 2), term(TermOperation.AND, arity=2)], r'term 1 \(and\) takes 2 energies'),
        ([near(1, 2), term(9)], "operation 9; allowed: {0: 'concept', 1: 'and'"),
        ([near(1, 3)], r'names the entities \[3\], which do not exist; there are: \[1, 2\]'),
        ([near(1, 2, weight=-1.0)], 'weight -1.0; expected a finite > 0'),
        ([near(1, 2, name='levitating')], "unknown concept 'levitating' without a code"),
    ],
)
def test_what_is_no_program_of_one_energy_is_refused(terms, complaint):
    with pytest.raises(CommandError, match=complaint):
        program_of(terms, (1, 2), {'near': CODE})


def test_the_roles_of_a_shape_have_no_arguments():
    square = term(subjects=[3, 1], arguments=[1, 3])
    goal = SimpleNamespace(terms=[near(2, 1), square, term(TermOperation.AND, arity=2)])
    assert recorded_roles(goal) == [((2,), (1,)), ((1, 3), ())]
