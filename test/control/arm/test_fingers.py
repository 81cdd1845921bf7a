"""What the opening of fingers says about what is between them."""

import numpy as np
import pytest

from concept_control.control.arm.fingers import Fingers, GripSensor
from concept_control.errors import ArmError

WIDTH = 0.04


def follow(sensor, openings, wanted, start):
    """Tell a sensor openings at 50 Hz; return its answers and the time after them."""
    times = start + 0.02 * np.arange(len(openings))
    answers = [sensor.update(t, x, wanted) for t, x in zip(times, openings)]
    return answers, times[-1] + 0.02


@pytest.fixture
def holding():
    """Return a sensor whose fingers have closed on a block, and the time."""
    sensor = GripSensor()
    _, now = follow(sensor, [0.056] * 20, 0.056, 0.0)
    answers, now = follow(sensor, [*np.linspace(0.056, WIDTH, 8), *[WIDTH] * 12], 0.0, now)
    assert not any(answers[:10]) and answers[-1]
    return sensor, now


def test_fingers_that_close_on_nothing_hold_nothing_nor_do_those_that_wait():
    sensor = GripSensor()
    assert not any(follow(sensor, [0.08] * 50, np.nan, 0.0)[0])
    assert not any(follow(sensor, [0.08] * 50, 0.08, 1.0)[0])
    assert not any(follow(sensor, [*np.linspace(0.08, 0.0, 20), *[0.0] * 30], 0.0, 2.0)[0])


def test_a_block_that_slips_out_is_noticed_and_one_that_is_let_go_of_at_once(holding):
    sensor, now = holding
    answers, _ = follow(sensor, np.linspace(WIDTH, 0.0, 10), 0.0, now)
    assert answers[0] and not any(answers[4:])


def test_fingers_that_do_not_open_say_that_they_still_hold_something(holding):
    sensor, now = holding
    answers, now = follow(sensor, [WIDTH] * 30, WIDTH + 0.006, now)
    assert all(answers)
    assert not follow(sensor, [WIDTH + 0.005] * 2, WIDTH + 0.006, now)[0][-1]


def test_fingers_without_extent_are_refused():
    with pytest.raises(ArmError, match='positive'):
        Fingers(opening=0.0)
