"""What happened is named, and what held before has not happened."""

from dataclasses import replace

import numpy as np

from concept_control.language.library import ConceptLibrary
from concept_control.recognition.recogniser import Recogniser
from concept_control.world.tabletop import Tabletop

COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.1], [0.9, 0.8, 0.1]])


def table(places):
    return Tabletop((1, 2, 3, 4), np.array(places, dtype=float), COLORS, np.full(4, 0.167))


def test_what_happened_in_the_sample_is_named(runner, event):
    statements = Recogniser(runner.model, runner.library).recognise(
        event.before, event.after, event.subjects
    )
    first = statements[0]
    names = dict(zip(event.before.ids, event.before.colors))
    assert first.name == 'between' and first.score > 0.5
    assert names[first.subjects[0]].argmax() == 0  # red
    assert sorted(names[i].argmax() for i in first.arguments) == [1, 2]  # green and blue


def test_what_held_before_has_not_happened(runner):
    recogniser = Recogniser(runner.model, runner.library)
    before = table([[-0.8, 0.0], [0.5, 0.0], [0.0, 0.8], [0.0, -0.8]])
    after = table([[-0.6, 0.1], [0.5, 0.0], [0.0, 0.8], [0.0, -0.8]])
    left = next(s for s in recogniser.recognise(before, after, (1,), (2,)) if s.name == 'left_of')
    assert left.after > 0.5 and left.before > 0.5 and left.score < 0.5


def test_a_tower_is_named_and_so_is_what_was_put_on_another(runner):
    library = ConceptLibrary.learn(runner.model, ['tower', 'on_top_of', 'near', 'line'])
    recogniser = Recogniser(runner.model, library)
    before = table([[-0.8, 0.0], [0.5, 0.0], [0.0, 0.8], [0.0, -0.8]])
    places, bottoms = before.positions.copy(), np.array([0.167, 0, 0.334, 0])
    places[0], places[2] = [0.51, 0.01], [0.5, 0.02]
    after = replace(before, positions=places, bottoms=bottoms)
    first = recogniser.recognise(before, after, (1, 3))[0]
    assert first.name == 'tower' and first.subjects == (1, 2, 3) and first.score > 0.9
    one = replace(before, positions=places, bottoms=np.array([0.167, 0, 0, 0]))
    one.positions[2] = before.positions[2]
    first = recogniser.recognise(before, one, (1,))[0]
    assert first.name in ('on_top_of', 'tower') and first.score > 0.9
