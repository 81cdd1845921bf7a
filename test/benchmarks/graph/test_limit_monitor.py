"""The monitor of the attacks sees what breaks a limit, and only that."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.benchmarks.graph.limit_monitor import LimitMonitor
from concept_control.control.arm.description import ArmDescription
from concept_control.ros.bridge import conversions as convert

ARM = ArmDescription.load('franka')
KNOCK = np.array([0, 0, 0, 0.5, 0, 0, 0])
FAR_AND_FAST = {
    'told: distance to the arm [rad]',
    'told: step between positions / what the speed limit allows',
}


class Heard:
    """A monitor, and messages that come to it with the time at which they were sent."""

    def __init__(self):
        self.monitor, self.count = LimitMonitor(ARM), 0
        self.monitor._simulators = {b'first': True, b'second': True}

    def joints(self, sent, stamp, place=ARM.home, speed=0.0, simulator=b'first'):
        message = SimpleNamespace(
            header=SimpleNamespace(stamp=convert.stamp(stamp)),
            position=place,
            velocity=np.full(7, speed),
        )
        info = {'publisher_gid': {'data': simulator}, 'source_timestamp': round(1e9 * sent)}
        self.monitor._on_joints(message, info)

    def positions(self, sent, place):
        self.count += 1
        info = {'publisher_gid': {'data': b'1'}, 'publication_sequence_number': self.count}
        self.monitor._on_positions(
            SimpleNamespace(data=place), info | {'source_timestamp': round(1e9 * sent)}
        )

    @property
    def broken(self):
        return set(self.monitor.violations)


@pytest.mark.parametrize(
    ('told', 'moved', 'broken'),
    [
        (ARM.home, 0.0, set()),
        (ARM.home * np.nan, 0.0, {'told: not finite'}),
        (
            ARM.home + KNOCK,
            0.0,
            FAR_AND_FAST,
        ),
        (ARM.home, 3.0, {'arm: speed / limit', 'arm: acceleration over 0.1 s / limit'}),
        (
            ARM.home + 8 * KNOCK,
            0.0,
            {'told: beyond a position limit [rad]', *FAR_AND_FAST},
        ),
    ],
)
def test_what_breaks_a_limit_is_counted(told, moved, broken):
    heard = Heard()
    for k in range(400):
        heard.joints(0.01 * k, 0.01 * k, speed=moved if k == 100 else 0.0)
        heard.positions(0.01 * k, told if k == 100 else ARM.home)
    assert heard.broken == broken | ({'told: tool below the table [m]'} & heard.broken)


@pytest.mark.parametrize('late', [0.0, 3.0])
@pytest.mark.parametrize('follows', [True, False])
def test_commands_to_the_arm_of_the_next_simulator_must_be_near_that_one(follows, late):
    """Joint states of a simulator that was started again may be heard only some time later."""
    heard, away = Heard(), ARM.home + KNOCK
    for k in range(100):
        heard.joints(0.02 * k, 10.0 + 0.01 * k, away)
        heard.positions(0.02 * k, away)
    for k in range(400):
        sent = 5.0 + 0.02 * k
        if sent >= 5.0 + late:
            heard.joints(sent, 0.01 * k, simulator=b'second')
        if k >= 50:
            heard.positions(sent, ARM.home if follows or k > 50 else away)
    assert heard.broken == (set() if follows else FAR_AND_FAST)
