"""The events of a bag: as demonstrated, marked or commanded, else the whole bag."""

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')

from made_up_bags import MadeUp, entity_array, message

from concept_control.bags.demonstrated_events import bag_events
from concept_control.bags.reader import Bag
from concept_control.bags.setup import read_setup
from concept_control.errors import BagError
from concept_control.interfaces.constants import GoalStatus
from concept_control.world.demonstrations import shown_roles

COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9]])
PLACES = np.array([[-0.5, 0.0], [0.5, 0.0]])


@pytest.fixture
def recording():
    """Red moves up from second 2 to second 4."""
    bag = MadeUp()
    for time in range(7):
        places = PLACES + np.array([[0.0, 0.25 * np.clip(time - 2, 0, 2)], [0.0, 0.0]])
        bag.add('/entities', float(time), entity_array(float(time), places, COLORS))
    return bag


def events_of(recording, path):
    recording.messages.sort(key=lambda sent: sent[2])
    with Bag(recording.write(path)) as bag:
        return bag_events(bag, read_setup())


def test_without_marks_the_whole_bag_is_one_event(recording, tmp_path):
    (event,) = events_of(recording, tmp_path / 'bag')
    assert (event.source, event.start, event.end) == ('whole bag', 0.0, 6.0)
    assert (event.subjects, event.arguments) == ((1,), ())
    np.testing.assert_allclose(event.after.positions[0], [-0.5, 0.5], atol=1e-9)


def test_a_command_is_an_event_from_its_goal_to_its_end(recording, tmp_path):
    term = message('concept_control/msg/ConceptTerm', name='near')
    term.subjects, term.arguments = np.array([1], np.int32), np.array([2], np.int32)
    goal = message('concept_control/msg/ConceptGoal', stamp=1.5, goal_id=4, terms=[term])
    goal.expression, goal.moved = 'near(red; blue)', np.array([1], np.int32)
    recording.add('/concept_goal', 1.5, goal)
    ended = message('concept_control/msg/ConceptStatus', stamp=4.5, goal_id=4)
    ended.status = GoalStatus.SATISFIED
    recording.add('/concept_status', 4.5, ended)
    (event,) = events_of(recording, tmp_path / 'bag')
    assert (event.source, event.label) == ('commands', 'near(red; blue)')
    assert (event.start, event.end) == (1.0, 4.0)  # of the scenes seen last
    assert (event.subjects, event.arguments) == ((1,), (2,))


def test_markers_go_before_commands_and_demonstrations_before_both(recording, tmp_path):
    for time, word in ((2.5, 'begin lift'), (3.5, 'end'), (5.5, 'end')):
        recording.add('/demonstration_marker', time, message('std_msgs/msg/String', data=word))
    (event,) = events_of(recording, tmp_path / 'marked')
    assert (event.source, event.label) == ('markers', 'lift')
    assert (event.start, event.end, event.subjects) == (2.0, 3.0, (1,))
    shown = message('concept_control/msg/Demonstration', stamp=6.0, name='beside')
    shown.states = [entity_array(time, PLACES, COLORS) for time in (5.0, 6.0)]
    shown.subjects, shown.arguments = np.array([2], np.int32), np.array([1], np.int32)
    recording.add('/demonstrations', 6.0, shown)
    (event,) = events_of(recording, tmp_path / 'shown')
    assert (event.source, event.label) == ('demonstrations', 'beside')
    assert (event.subjects, event.arguments) == ((2,), (1,))


def test_what_was_stacked_is_one_event_of_the_whole_pile(tmp_path):
    bag, colors = MadeUp(), np.vstack([COLORS, [0.1, 0.7, 0.2]])
    starts = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.6]])
    for time, places, levels in ((0.0, starts, ()), (1.0, starts[[1, 1, 1]], (2, 0, 1))):
        bag.add('/entities', time, entity_array(time, places, colors, levels=levels))
    (event,) = events_of(bag, tmp_path / 'bag')
    assert event.subjects == (1, 3)
    np.testing.assert_allclose(event.after.bottoms, [1 / 3, 0, 1 / 6], atol=1e-6)
    assert shown_roles(event.after, event.subjects) == ((1, 2, 3), (1, 2, 3))


def test_a_bag_that_shows_nothing_is_refused(tmp_path):
    bag = MadeUp()
    bag.add('/entities', 0.0, entity_array(0.0, PLACES[:0], COLORS[:0]))
    with pytest.raises(BagError, match='shows nothing on the table'):
        events_of(bag, tmp_path / 'bag')
