"""Scores mean what they say, what happened is named, and imitated on another table."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('rosbags', reason='rosbags is not installed')

from concept_control.bags.demonstrated_events import bag_events
from concept_control.bags.reader import Bag
from concept_control.bags.setup import read_setup
from concept_control.benchmarks.control.episodes import EpisodeConfig, Runner
from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.model import ConceptModel
from concept_control.errors import GroundingError
from concept_control.recognition.calibration import action_energy, calibrate, labelled
from concept_control.recognition.imitation import imitation
from concept_control.recognition.recogniser import Recogniser
from concept_control.teaching.teach import teach
from concept_control.world.demonstrations import demonstration, join
from concept_control.world.tabletop import Tabletop

SAMPLE = Path(__file__).resolve().parent.parent / 'data' / 'between'
TOLERANCE = 0.015
"""Of the predicate [m], as in the demonstration."""

COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.1], [0.9, 0.8, 0.1]])


@pytest.fixture(scope='module')
def runner():
    return Runner(ConceptModel.load())


@pytest.fixture(scope='module')
def event():
    """What happened in the sample: red was put between blue and green, far from where it was."""
    with Bag(SAMPLE) as bag:
        (event,) = bag_events(bag, read_setup())
    return event


def table(places):
    return Tabletop((1, 2, 3, 4), np.array(places, dtype=float), COLORS, np.full(4, 0.167))


def test_scores_are_probabilities_on_events_they_were_not_fitted_to(runner):
    concepts = [c for c in runner.library if c.acts]
    curves = calibrate(runner.model, concepts, seed=0)
    said, true = [], []
    for concept in concepts:
        events, holds = labelled(vocabulary()[concept.name], seed=1)
        said.append(
            curves[concept.name].probability(action_energy(runner.model, events, concept.code))
        )
        true.append(holds)
    said, true = np.concatenate(said), np.concatenate(true)
    bins = np.clip((10 * said).astype(int), 0, 9)
    error = sum(
        (bins == b).mean() * abs(said[bins == b].mean() - true[bins == b].mean())
        for b in np.unique(bins)
    )
    assert error < 0.05  # expected calibration error
    assert np.square(said - true).mean() < 0.06  # Brier score; 0.25 is what always 0.5 gets


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


def test_the_sample_is_imitated_from_another_start_among_more_blocks(runner, event):
    """Recognised as a word, then done by the arm on another table, judged by the predicate."""
    expression, _ = imitation(
        event.before, event.after, event.subjects, (), runner.model, runner.library
    )
    assert expression in ('between(red; blue, green)', 'between(red; green, blue)')
    for seed, colors in (
        (1, ('red', 'blue', 'green')),
        (4, ('yellow', 'blue', 'white', 'red', 'green')),
    ):
        episode = runner.run(
            EpisodeConfig(expression=expression, seed=seed, colors=colors, tolerance=TOLERANCE)
        )
        assert episode.holds, episode.text


def test_a_nameless_event_is_imitated_by_a_code_from_that_event_alone(event):
    """One demonstration, no word for it: its code moves the arm, and the predicate agrees."""
    runner = Runner(ConceptModel.load())
    shown = demonstration(event.before, event.after, event.subjects, list(event.arguments))
    concept, _ = teach(runner.model, 'between', join([shown]))  # judged as the word it is
    assert (
        not torch.equal(concept.code.action, runner.library.get('between').code.action)
        and concept.num_demonstrations == 1
    )
    runner.library.add(concept)
    colors = ('yellow', 'green', 'white', 'blue', 'red')
    config = EpisodeConfig(
        expression='between(red; blue, green)', seed=3, colors=colors, tolerance=TOLERANCE
    )
    episode = runner.run(config)
    assert episode.holds, episode.text


def test_shapes_of_all_blocks_are_imitated_with_all_blocks_there_are(runner):
    corners = np.array([[0.4, 0.4], [-0.4, 0.4], [-0.4, -0.4], [0.4, -0.4]])
    shift = np.array([[0.35, 0.3], [-0.3, 0.2], [0.2, -0.45], [0.4, 0.1]])
    before = table(corners + shift)
    expression, _ = imitation(
        before, table(corners), (1, 2, 3, 4), (), runner.model, runner.library
    )
    assert expression in ('square(all)', 'circle(all)')  # corners of a square lie on a circle


def test_what_cannot_be_said_is_not_imitated(runner):
    places = [[-0.8, 0.0], [0.5, 0.0], [0.0, 0.8], [0.0, -0.8]]
    with pytest.raises(GroundingError, match='nothing moved'):
        imitation(table(places), table(places), (), (), runner.model, runner.library)
    twins = Tabletop((1, 2, 3), np.array([[-0.7, 0.1], [0.5, 0.2], [-0.3, -0.6]]),
                     COLORS[[0, 1, 1]], np.full(3, 0.167))  # fmt: skip
    moved = Tabletop(twins.ids, np.array([[0.1, -0.2], [0.5, 0.2], [-0.3, -0.6]]),
                     twins.colors, twins.sizes)  # fmt: skip
    with pytest.raises(GroundingError, match='cannot be found in another scene'):
        imitation(twins, moved, (1,), (), runner.model, runner.library)
