"""The judge: geometry and true colours decide, whatever a network may think."""

from dataclasses import replace

import numpy as np
import pytest

from concept_control.errors import UnknownConceptError
from concept_control.language.expression import parse
from concept_control.language.judge import Judge
from concept_control.world.tabletop import Tabletop

COLORS = {'red': (0.9, 0.1, 0.1), 'blue': (0.1, 0.2, 0.9), 'green': (0.1, 0.7, 0.1)}
NAMES = ('red', 'blue', 'green', 'blue')
BEFORE = np.array([[0.8, 0.8], [-0.5, 0.0], [0.5, 0.2], [-0.8, -0.8]])


def tabletop(positions, ids=(4, 2, 7, 9)):
    return Tabletop(
        ids, np.array(positions), np.array([COLORS[n] for n in NAMES]), np.full(4, 0.16)
    )


def moved(index, place):
    positions = BEFORE.copy()
    positions[index] = place
    return tabletop(positions)


def test_between_holds_at_the_middle_and_nowhere_else():
    judge = Judge(parse('between(red; #2, green)'), tabletop(BEFORE), tolerance=0.06)
    assert not judge(tabletop(BEFORE)).holds
    verdict = judge(moved(0, (0.05, 0.1)))
    assert verdict.holds and verdict.error == pytest.approx(0.05, abs=1e-6)
    assert verdict.roles[0][1:] == ((4,), (2, 7))
    assert not judge(moved(0, (0.07, 0.1))).holds


def test_moving_something_else_is_no_success():
    judge = Judge(parse('between(red; #2, green)'), tabletop(BEFORE), tolerance=0.06)
    positions = BEFORE.copy()
    positions[0], positions[2] = (-0.1, 0.0), (0.3, 0.0)
    assert not judge(tabletop(positions)).holds


def test_what_something_is_put_on_may_be_pushed_a_little_and_others_may_not():
    judge = Judge(parse('on_top_of(red; #2)'), tabletop(BEFORE), tolerance=0.04)
    for pushed, shift, holds in ((1, 0.002, True), (1, 0.03, False), (2, 0.002, False)):
        positions = BEFORE.copy()
        positions[pushed, 0] += shift
        positions[0] = positions[1]
        after = replace(tabletop(positions), bottoms=np.array([0.16, 0.0, 0.0, 0.0]))
        assert judge(after).holds == holds


def test_in_a_composed_goal_every_term_may_move_its_own_subjects():
    expression = parse('between(red; #2, green) and far(green; #9)')
    judge = Judge(expression, tabletop(BEFORE), tolerance=0.06)
    positions = BEFORE.copy()
    positions[2], positions[0] = (0.7, 0.4), (0.1, 0.2)
    assert judge(tabletop(positions)).holds
    positions[1] += 0.1  # nobody's subject
    assert not judge(tabletop(positions)).holds


def test_near_a_shape_is_near_any_one_of_its_members():
    judge = Judge(parse('near(red; square(all))'), tabletop(BEFORE), tolerance=0.05)
    verdict = judge(tabletop(BEFORE))
    assert not verdict.holds
    assert [roles[1:] for roles in verdict.roles] == [((4,), (i,)) for i in (2, 7, 9)]
    beside = BEFORE[2] + (0.25, 0.0)
    assert judge(moved(0, beside)).holds
    assert not Judge(parse('near(red; #2)'), tabletop(BEFORE), 0.05)(moved(0, beside)).holds


def test_operators_follow_logic():
    scene = tabletop(BEFORE)
    for text, expected in (
        ('left_of(#2; green)', True),
        ('left_of(green; #2)', False),
        ('not left_of(green; #2)', True),
        ('left_of(#2; green) and far(red; #9)', True),
        ('left_of(green; #2) or far(red; #9)', True),
        ('left_of(green; #2) and far(red; #9)', False),
    ):
        assert Judge(parse(text), scene, tolerance=0.05)(scene).holds is expected, text


def test_colours_are_the_true_ones():
    judge = Judge(parse('near(red; blue)'), tabletop(BEFORE), tolerance=0.05)
    assert judge(tabletop(BEFORE)).roles[0][2] == (2, 9)


def test_a_word_without_predicate_cannot_be_judged():
    with pytest.raises(UnknownConceptError, match='levitating'):
        Judge(parse('levitating(red; blue)'), tabletop(BEFORE), tolerance=0.05)
