"""What happened is done again on another table, with other blocks around."""

from copy import copy

import numpy as np
import pytest

from concept_control.bags.demonstrated_events import recorded_events
from concept_control.bags.setup import read_setup
from concept_control.benchmarks.control.episodes import EpisodeConfig
from concept_control.errors import GroundingError
from concept_control.language.library import ConceptLibrary
from concept_control.recognition.imitation import imitation
from concept_control.teaching.teach import teach
from concept_control.world.demonstrations import demonstration, join
from concept_control.world.tabletop import Tabletop

TOLERANCE = 0.015
"""Of the predicate [m], as in the demonstration."""

COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.1], [0.9, 0.8, 0.1]])


def table(places):
    return Tabletop((1, 2, 3, 4), np.array(places, dtype=float), COLORS, np.full(4, 0.167))


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


def test_a_nameless_event_is_imitated_by_a_code_from_that_event_alone(runner, event):
    """One demonstration, no word for it: its code moves the arm, and the predicate agrees."""
    shown = demonstration(event.before, event.after, event.subjects, list(event.arguments))
    concept, _ = teach(runner.model, 'between', join([shown]))  # judged as the word it is
    shipped = runner.library.get('between').code
    assert not np.array_equal(concept.code.to_array(), shipped.to_array())
    assert concept.num_demonstrations == 1
    runner = copy(runner)  # the others go on with the shipped word
    runner.library = ConceptLibrary([*runner.library, concept])
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


def test_a_stacking_in_a_file_is_done_again_with_all_blocks_there_are(runner, tmp_path):
    places = np.array([[[-0.6, 0.2], [0.5, 0.0], [0.1, -0.6]], [[0.5, 0.02]] * 3])
    heights = np.array([[0.08, 0.08, 0.08], [0.24, 0.08, 0.4]])[..., None]
    path = tmp_path / 'stacking.npz'
    np.savez(path, positions=np.concatenate([places, heights], axis=-1)[None],
             colors=COLORS[None, :3], sizes=np.full((1, 3), 0.16))  # fmt: skip
    (event,) = recorded_events(path, read_setup())
    assert event.subjects == (1, 3) and event.after.bottoms.tolist() == pytest.approx(
        [0.16, 0, 0.32]
    )
    expression, statements = imitation(
        event.before, event.after, event.subjects, (), runner.model, runner.library
    )
    assert expression == 'tower(all)' and statements[0].score > 0.9


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
