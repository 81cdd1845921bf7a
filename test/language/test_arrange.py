"""From words to places, as a program without ROS does it."""

from dataclasses import replace

import numpy as np
import pytest

import concept_control as cc
from concept_control.errors import EventError, GroundingError, UnknownConceptError
from concept_control.language.expression import parse
from concept_control.language.judge import Judge
from concept_control.world.colors import NAMED_COLORS

PLACES = np.array([[-0.7, 0.6], [0.5, 0.4], [-0.3, -0.6], [0.8, -0.7]])


def scene(*colors):
    return cc.Tabletop(
        ids=tuple(range(3, 3 + len(colors))),
        positions=PLACES[: len(colors)],
        colors=[NAMED_COLORS[name] for name in colors],
        sizes=[0.167] * len(colors),
    )


def test_words_become_places_where_the_predicate_holds(model):
    library = cc.ConceptLibrary()
    before = scene('red', 'blue', 'green', 'yellow')
    arrangement = cc.arrange('between(red; blue, green)', before, model, library)
    assert set(arrangement.places) == {3} == set(arrangement.goal.moved)
    assert arrangement.scene.ids == before.ids
    judge = Judge(parse('between(red; blue, green)'), arrangement.scene, 0.04)
    assert judge(arrangement.scene).holds
    learned = library.get('red')
    cc.arrange('near(red; #4)', before, model, library)
    assert library.get('red') is learned and 'near' in library and len(library) == 5


def test_what_cannot_be_arranged_is_refused(model):
    with pytest.raises(UnknownConceptError, match=r'did you mean between\?'):
        cc.arrange('betwen(red; blue, green)', scene('red'), model)
    with pytest.raises(GroundingError, match='nothing here is blue'):
        cc.arrange('near(red; blue)', scene('red', 'green'), model)
    broken = scene('red', 'blue')
    with pytest.raises(EventError, match='the 2 ids'):
        cc.arrange('near(red; blue)', cc.Tabletop((1, 2), broken.positions[:1], [], []), model)


@pytest.mark.parametrize(
    ('expression', 'cleared'),
    [('on_top_of(red; blue)', [6]), ('tower(all)', []), ('tower(#3, #4)', [6])],
)
def test_things_are_put_on_one_another_and_what_is_in_the_way_is_cleared(
    model, expression, cleared
):
    before = scene('red', 'blue', 'green', 'yellow')
    places, bottoms = before.positions.copy(), np.array([0.0, 0, 0, 0.2])
    places[3], sizes = places[1], np.array([0.15, 0.2, 0.16, 0.18])
    before = replace(before, positions=places, bottoms=bottoms, sizes=sizes, heights=sizes,
                     colors=np.array(before.colors))  # fmt: skip
    found = cc.arrange(expression, before, model)
    assert Judge(parse(expression), before, 0.04)(found.scene).holds
    assert found.goal.target_bottoms.max() > 0.14 and set(found.goal.moved) <= set(
        found.goal.movable
    )
    assert [i for i in found.goal.moved if found.goal.is_cleared(i)] == cleared
    again = found.goal.conjunct_energies(found.goal.targets[None])
    assert again.max() < 0.004


def test_what_lies_on_what_must_go_on_it_is_taken_off_first(model):
    before = scene('red', 'blue', 'green')
    places, bottoms = before.positions.copy(), np.array([0.0, 0.16, 0.0])
    places[1] = places[0]
    sizes = np.full(3, 0.16)
    before = replace(before, positions=places, bottoms=bottoms, sizes=sizes, heights=sizes,
                     colors=np.array(before.colors))  # fmt: skip
    for expression in ('on_top_of(red; blue)', 'under(blue; red)'):
        found = cc.arrange(expression, before, model)
        assert Judge(parse(expression), before, 0.04)(found.scene).holds
        assert found.goal.target_bottoms.tolist() == pytest.approx([0.16, 0, 0])
        assert found.goal.moved == (3, 4)


def test_words_about_the_plane_say_that_they_are_meant_so_of_what_is_stacked(model):
    before = scene('red', 'blue', 'green')
    places, bottoms = before.positions.copy(), np.array([0.0, 0.167, 0.0])
    places[1] = places[2]
    before = replace(before, positions=places, bottoms=bottoms)
    (note,) = cc.arrange('near(red; blue)', before, model).goal.notes
    assert note == 'near is meant as seen from above, and #4 is not on the table'
    assert cc.arrange('on_top_of(red; blue)', before, model).goal.notes == ()


def test_the_package_lists_its_public_names():
    assert set(cc.__all__) <= set(dir(cc)) and not {'Any', 'extend_path'} & set(dir(cc))
    assert all(getattr(cc, name).__doc__ for name in cc.__all__)
