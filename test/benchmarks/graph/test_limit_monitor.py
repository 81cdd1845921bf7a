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


@pytest.mark.parametrize(
    ('told', 'moved', 'broken'),
    [
        (ARM.home, 0.0, set()),
        (ARM.home * np.nan, 0.0, {'told: not finite'}),
        (
            ARM.home + KNOCK,
            0.0,
            {
                'told: distance to the arm [rad]',
                'told: step between positions / what the speed limit allows',
            },
        ),
        (ARM.home, 3.0, {'arm: speed / limit', 'arm: acceleration over 0.1 s / limit'}),
        (
            ARM.home + 8 * KNOCK,
            0.0,
            {
                'told: beyond a position limit [rad]',
                'told: distance to the arm [rad]',
                'told: step between positions / what the speed limit allows',
            },
        ),
    ],
)
def test_what_breaks_a_limit_is_counted(told, moved, broken):
    monitor = LimitMonitor(ARM)
    monitor._is_simulator = lambda _: True
    for k in range(200):
        monitor._on_joints(
            SimpleNamespace(
                header=SimpleNamespace(stamp=convert.stamp(0.01 * k)),
                position=ARM.home,
                velocity=np.full(7, moved if k == 100 else 0.0),
            ),
            {},
        )
        monitor._on_positions(
            SimpleNamespace(data=told if k == 100 else ARM.home),
            {'publisher_gid': {'data': b'1'}, 'publication_sequence_number': k},
        )
    tool = {'told: tool below the table [m]'} & monitor.violations.keys()
    assert monitor.violations.keys() == broken | tool
