"""The command that waits: the newest takes its place; a cancel comes before or after a goal."""

import threading

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.msg import ConceptCommand

from concept_control.ros.nodes.concept_model.waiting_command import WaitingCommand


def command(name):
    return ConceptCommand(command_id=name)


def test_the_newest_of_many_is_taken_and_each_of_the_others_returned():
    place, commands = WaitingCommand(), [command(str(i)) for i in range(1000)]
    assert [place.put(c) for c in commands] == [None, *commands[:-1]]
    assert place.take() is commands[-1] and place.is_empty


@pytest.mark.parametrize('command_id', ['', 'grounded'])
def test_what_is_being_grounded_is_not_announced_once_cancelled(command_id):
    place, announced = WaitingCommand(), []
    place.put(command('grounded'))
    taken = place.take()
    place.put(command('waiting'))
    given_up = place.cancel(command_id)
    assert given_up[0] is taken and len(given_up) == (2 if command_id == '' else 1)
    place.finish(lambda: announced.append('grounded'))
    assert not announced and place.is_empty == (command_id == '')
    place.put(command('next'))
    place.take()
    place.finish(lambda: announced.append('next'))
    assert announced == ['next'] and place.cancel('') == []


def test_a_cancel_of_another_command_changes_nothing():
    place = WaitingCommand()
    place.put(command('a'))
    assert place.cancel('b') == [] and place.take().command_id == 'a'


def test_who_waits_for_a_command_is_released_at_the_end():
    place, taken = WaitingCommand(), []
    thread = threading.Thread(target=lambda: taken.append(place.take()))
    thread.start()
    place.close()
    thread.join(timeout=5.0)
    assert taken == [None]
