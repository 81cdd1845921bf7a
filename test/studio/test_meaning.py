import numpy as np
import pytest

import concept_control as cc
from concept_control.language.expression import parse
from concept_control.language.judge import Judge
from concept_control.language.library import ConceptLibrary
from concept_control.language.spoken_words import add_words
from concept_control.studio.lesson import grid_places
from concept_control.studio.meaning import find_meaning, goal_heat, with_weights
from concept_control.studio.table import Table, Thing


@pytest.fixture(scope='module')
def asked():
    model, library = cc.ConceptModel.load(), ConceptLibrary()
    places = {'red': (-0.2, -0.7), 'blue': (-0.5, 0.0), 'green': (0.5, 0.1), 'yellow': (0.0, 0.8)}
    table = Table(tuple(Thing(i, c, xy) for i, (c, xy) in enumerate(places.items(), 1)))
    expression = parse('between(red; blue, green) and not near(red; yellow)')
    add_words(expression, model, library)
    return table, expression, find_meaning(expression, table, model, library)


def test_where_an_expression_says_things_go_its_predicate_holds(asked):
    table, expression, meaning = asked
    assert meaning.movable == (1,) and set(meaning.meant) == {2, 3, 4}
    after = table.moved(meaning.places).tabletop()
    assert Judge(expression, table.tabletop(), 0.1)(after).holds
    assert [part for part, _, _ in meaning.parts] == ['between', 'near']
    assert all(then < 1e-2 for _, _, then in meaning.parts)


def test_the_heat_of_a_goal_is_its_energy_with_a_thing_elsewhere(asked):
    table, _, meaning = asked
    heat = goal_heat(meaning.goal, table, 1)
    goal = meaning.goal
    middle = goal.targets.copy()
    middle[goal.index(1)] = [-1 + 1 / 36, -1 + 1 / 36]
    assert heat[0, 0] == pytest.approx(goal.energy(middle[None])[0], rel=1e-5)


def test_what_is_to_stand_on_another_is_hot_on_top_of_it(asked):
    table, model, library = asked[0], cc.ConceptModel.load(), ConceptLibrary()
    expression = parse('on_top_of(red; blue)')
    add_words(expression, model, library)
    meaning = find_meaning(expression, table, model, library)
    blue = table.thing(2)
    assert np.abs(np.subtract(meaning.places[1], (*blue.position, blue.top))).max() < 0.04
    _, now, then = meaning.parts[0]
    assert now > 0.1 and then < 1e-2
    goal = meaning.goal
    best = grid_places()[goal_heat(goal, table, 1).argmin()]
    assert np.abs(best - blue.position).max() < blue.size / 2
    # What is solved anew, at other heights, is not judged at the old ones.
    assert goal.energy(goal.targets[None])[0] < 1e-2
    goal.evaluator.target_bottoms = np.zeros(4)
    assert goal.energy(goal.targets[None])[0] > 0.02


def test_weights_go_to_the_terms_in_their_order(asked):
    weighed = with_weights(asked[1], [0.5, 2.0])
    assert str(weighed) == '0.5*between(red; blue, green) and not 2.0*near(red; yellow)'
    assert parse(str(weighed)) == weighed
