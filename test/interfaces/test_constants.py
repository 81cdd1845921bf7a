"""The package's constants are those of its messages and of its action, all of them."""

import re
from pathlib import Path

import pytest

from concept_control.interfaces.constants import (
    OUTCOMES,
    CommandKind,
    GoalKind,
    GoalStatus,
    Outcome,
    TermOperation,
)
from concept_control.world.entity import EntityStatus

ROOT = Path(__file__).parents[2]

CONSTANT = re.compile(r'^\s*\w+\s+([A-Z][A-Z0-9_]*)\s*=\s*(\d+)', re.MULTILINE)

ENUMS = {
    'ConceptCommand.msg': CommandKind,
    'ConceptStatus.msg': GoalStatus,
    'ConceptTerm.msg': TermOperation,
    'Entity.msg': EntityStatus,
    'AchieveConcept.action': Outcome,
}

DEFINED = {
    path.name: {name: int(value) for name, value in CONSTANT.findall(path.read_text())}
    for path in [*ROOT.glob('msg/*.msg'), *ROOT.glob('action/*.action')]
}


def constants(enum):
    prefix = 'STATUS_' if enum is EntityStatus else ''
    return {prefix + member.name: member.value for member in enum}


@pytest.mark.parametrize('name', ENUMS)
def test_an_enum_says_what_its_definition_says(name):
    assert constants(ENUMS[name]) == DEFINED[name]


def test_a_goal_tells_of_any_command_and_of_its_end():
    both = DEFINED['ConceptCommand.msg'] | DEFINED['ConceptGoal.msg']
    assert constants(GoalKind) == both and len(both) == 5


def test_no_definition_has_constants_without_an_enum():
    assert {name for name, found in DEFINED.items() if found} == {*ENUMS, 'ConceptGoal.msg'}


def test_a_status_that_ends_a_goal_is_the_outcome_of_the_same_name():
    assert all(status.name == outcome.name for status, outcome in OUTCOMES.items())
    assert {status.name for status in GoalStatus} & {o.name for o in Outcome} == {
        status.name for status in OUTCOMES
    }
