"""Diffusion-CCSP's definitions on hand-made arrangements, and its problems end to end."""

import numpy as np
import pytest

from concept_control.benchmarks.concepts import ccsp
from concept_control.benchmarks.concepts.boxes import any_collision
from concept_control.benchmarks.concepts.ccsp import Problem
from concept_control.benchmarks.concepts.ccsp_constraints import (
    CONSTRAINTS,
    KINDS,
    UNARY,
    Things,
    demonstrate,
)


def holds(name, first, second=(0.4, 0.4), sides=(0.1, 0.1)):
    things = Things(np.array([first, second]), np.array([sides, (0.1, 0.1)]))
    return bool(CONSTRAINTS[name](things, 0, 0 if name in UNARY else 1))


@pytest.mark.parametrize(
    ('name', 'place', 'true'),
    [
        ('centre-in', (0.29, 0.0), True),
        ('centre-in', (0.22, 0.22), False),
        ('left-in', (-0.051, 0.3), True),
        ('left-in', (-0.049, 0.3), False),
        ('right-in', (0.051, 0.3), True),
        ('right-in', (0.049, 0.3), False),
        ('bottom-in', (0.3, -0.051), True),
        ('bottom-in', (0.3, -0.049), False),
        ('top-in', (0.3, 0.051), True),
        ('top-in', (0.3, 0.049), False),
    ],
)
def test_constraints_on_one_thing(name, place, true):
    assert holds(name, place) is true


@pytest.mark.parametrize(
    ('name', 'first', 'true'),
    [
        # To a square of side 0.1 at the origin.
        ('left-of', (-0.2, 0.0), True),
        ('left-of', (0.2, 0.0), False),
        ('left-of', (-0.39, 0.0), True),
        ('left-of', (-0.41, 0.0), False),
        ('left-of', (-0.2, 0.039), True),
        ('left-of', (-0.2, 0.041), False),
        ('top-of', (0.0, 0.2), True),
        ('top-of', (0.0, -0.2), False),
        ('top-of', (0.041, 0.2), False),
        ('close-to', (0.29, 0.0), True),
        ('close-to', (0.25, 0.25), False),
        ('away-from', (0.36, 0.36), True),
        ('away-from', (0.49, 0.0), False),
        ('aligned-x', (0.049, 0.4), True),
        ('aligned-x', (0.051, 0.4), False),
        ('aligned-y', (0.4, -0.049), True),
        ('aligned-y', (0.4, -0.051), False),
        ('touching', (0.19, 0.0), True),
        ('touching', (0.0, -0.19), True),
        ('touching', (0.21, 0.0), False),
        ('touching', (0.12, 0.08), False),
    ],
)
def test_constraints_on_two_things(name, first, true):
    assert holds(name, first, (0.0, 0.0)) is true


def test_rectangles_are_judged_by_the_faces_of_their_axis():
    # One of 0.3 x 0.1 beside one of 0.1 x 0.1: the gap in x is 0.2 less than their distance.
    assert holds('left-of', (-0.49, 0.0), (0.0, 0.0), sides=(0.3, 0.1))
    assert not holds('left-of', (-0.51, 0.0), (0.0, 0.0), sides=(0.3, 0.1))
    assert holds('right-in', (0.151, 0.0), sides=(0.3, 0.1))
    assert not holds('right-in', (0.149, 0.0), sides=(0.3, 0.1))
    assert holds('touching', (0.1, 0.19), (0.0, 0.0), sides=(0.3, 0.1))


def test_a_problem_is_solved_without_collisions_inside_and_with_all_constraints():
    problem = Problem(np.full((2, 2), 0.2), (('left-of', 0, 1), ('top-in', 1, 1)))
    assert problem.missing(np.array([[-0.3, 0.5], [0.2, 0.5]])) == []
    assert problem.missing(np.array([[0.3, 0.5], [-0.2, 0.5]])) == ['left-of']
    assert problem.missing(np.array([[-0.3, -0.5], [0.2, -0.5]])) == ['top-in']
    assert problem.missing(np.array([[-0.04, 0.5], [0.1, 0.5]])) == ['collision-free']
    assert problem.missing(np.array([[-0.91, 0.5], [-0.5, 0.5]])) == ['in']


@pytest.mark.parametrize('kind', KINDS)
def test_problems_ask_for_what_held_in_an_arrangement(kind):
    rng = np.random.default_rng(0)
    for count in (2, 5):
        problem = ccsp.draw_problem(rng, count, kind)
        assert problem.constraints and len(problem.sides) == count
        for _ in range(10):
            things = Things.at(*KINDS[kind](rng, count))
            assert not any_collision(things.boxes)
            assert np.abs(things.boxes).max() <= 0.5
            assert things.sides.min() > 0


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', CONSTRAINTS)
def test_demonstrations_show_the_constraint(name, kind):
    events = demonstrate(np.random.default_rng(0), name, 6, kind)
    for row in range(6):
        here = events.present[row].numpy()
        places = events.positions[row, 1].numpy()[here].astype(float)
        things = Things.at(places, events.sides[row].numpy()[here])
        assert CONSTRAINTS[name](things, 0, 0 if name in UNARY else 1)
        np.testing.assert_array_equal(events.positions[row, 0, 1:], events.positions[row, 1, 1:])
    assert (events.attention.sum(dim=1) == (0 if name in UNARY else 1)).all()


def test_a_tiny_run_gives_the_same_numbers_twice(model):
    first = ccsp.run(model, 1, problems=1, kinds=['rectangles'], shots=(5,), counts=(2, 3))
    # Nor do they depend on what else is measured.
    again = ccsp.run(model, 1, problems=1, kinds=['rectangles'], shots=(5,), counts=(2,))
    cells = first['rectangles']['5']
    assert again['rectangles']['5']['2'] == cells['2']
    for cell in cells.values():
        assert cell['first']['value'] <= cell['any']['value']
    table = [(row[0], row[-1]) for row in ccsp.rows(first)]
    assert ('5 rectangles, 10 samples', '37 %') in table


def test_five_things_left_of_others_are_at_no_exact_place_of_them(model):
    """Six numbers fit five places rather well: readings that are not certain are likelier."""
    for seed in (3, 9):
        demonstrations = demonstrate(np.random.default_rng([seed, 5, 77]), 'left-of', 5, 'squares')
        said = model.explain(model.infer(demonstrations))
        assert 'left of what is meant' in said[0] and 'point' not in said[0]
