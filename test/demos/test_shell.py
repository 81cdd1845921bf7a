"""What the shell does with lines, on a robot that is played."""

import io
import threading

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.msg import Concept, ConceptGoal, ConceptStatus, Entity, EntityArray

from concept_control.demos.shell import ConceptShell
from concept_control.errors import ConceptControlError
from concept_control.ros.client.commander import CommanderError, CommandResult, Outcome
from concept_control.world.entity import TOOL_ID
from concept_control.world.workspace import Workspace


class PlayedRobot:
    """Becomes a goal at once; ends when it is told to."""

    def __init__(self):
        code = [0.0] * 4
        self.concepts = {
            name: Concept(name=name, acts=acts, selects=not acts, code=code, source='shipped')
            for name, acts in {'near': True, 'red': False, 'blue': False}.items()
        }
        self.entities = EntityArray(entities=[Entity(id=TOOL_ID), Entity(id=4, shape='box')])
        self.status = ConceptStatus(expression='near(red; blue)', phase='carry', text='on its way')
        self.goal, self.marks, self.asked = None, [], []
        self._done, self._result = threading.Event(), None

    @property
    def is_done(self):
        return self._done.is_set()

    def go(self, expression, seed):
        self.asked.append((expression, seed))
        self._done = threading.Event()
        self.goal = ConceptGoal(entities=[4], moved=[])

    def end(self, outcome, text):
        self._result = CommandResult(outcome, text)
        self._done.set()

    def result(self, wait):
        assert self._done.wait(wait)
        return self._result

    def cancel(self):
        self.end(Outcome.CANCELLED, 'as asked')

    def mark(self, text, wait):
        if text == 'end':
            raise CommanderError('"end" without a "begin NAME" before it')
        self.marks.append(text)
        return f'heard {text}'


@pytest.fixture
def robot():
    return PlayedRobot()


def session(robot, *lines, **options):
    """Return what the shell says to some lines, and the shell."""
    written = io.StringIO()
    stdin = io.StringIO('\n'.join(lines) + '\n')
    shell = ConceptShell(robot, Workspace(), 3, stdin=stdin, stdout=written, **options)
    shell.run()
    return written.getvalue(), shell


def test_an_expression_becomes_a_goal_and_its_end_is_told(robot):
    text, shell = session(robot, 'near(red; blue)', 'status', 'cancel', 'wait 5')
    assert robot.asked == [('near(red; blue)', 3)] and shell.num_failed == 0
    assert 'goal: energy' in text and 'carry' in text and 'on its way' in text
    assert 'near(red; blue): cancelled: as asked' in text


def test_a_file_is_done_when_its_last_command_has_ended(robot):
    threading.Timer(0.2, lambda: robot.end(Outcome.FAILED, 'out of reach')).start()
    text, shell = session(robot, 'near(red; blue)')
    assert 'failed: out of reach' in text and shell.num_failed == 1


def test_what_is_wrong_is_said_at_once_and_nothing_is_asked(robot):
    text, shell = session(robot, 'nere(red; blue)', 'near(rde; blue)', 'near(red; blue', 'foo',
                          'wait nan', 'end', '')  # fmt: skip
    for complaint in ('did you mean near?', 'did you mean red?', "expected ')'", 'no number',
                      'without a "begin NAME"'):  # fmt: skip
        assert complaint in text
    assert robot.asked == [] and shell.num_failed == 6


def test_things_words_and_markers(robot):
    text, _ = session(robot, 'things', 'words', 'words near', 'help',
                      'teach bridge(red; blue)', 'learn', 'discard')  # fmt: skip
    assert '#4 box' in text and f'#{TOOL_ID} ' not in text
    assert text.count('50 mm to 86 mm') == 2 and 'for example:   near(red; blue)' in text
    assert robot.marks == ['begin bridge(red; blue)', 'learn', 'discard']
    assert 'heard learn' in text and 'teach NAME(SUBJECTS; ARGUMENTS)' in text


def test_a_word_of_the_language_may_be_called_as_a_command_is(robot):
    robot.concepts['status'] = Concept(
        name='status', acts=True, code=[0.0] * 4, source='taught',
        min_subjects=1, max_subjects=1, min_arguments=1, max_arguments=1,
    )  # fmt: skip
    text, _ = session(robot, 'status(red; blue)', 'cancel')
    assert robot.asked == [('status(red; blue)', 3)] and 'carry' not in text


def test_lines_are_completed(robot):
    shell = ConceptShell(robot, Workspace(), stdin=io.StringIO(), stdout=io.StringIO())
    assert shell.completenames('ne') == ['near('] and shell.completenames('wo') == ['words']
    assert shell.parseline('near(red; bl')[0] == ''  # which cmd completes by completedefault
    assert shell.completedefault('#') == ['#4'] and shell.completedefault('re') == ['red']


def test_a_session_ends_when_the_robot_is_gone(robot):
    def gone():
        raise ConceptControlError('mpc_controller ended with signal SIGKILL')

    with pytest.raises(ConceptControlError, match='SIGKILL'):
        session(robot, 'things', check=gone)
