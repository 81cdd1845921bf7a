"""Of several publishers one is believed."""

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.ros.runtime.publishers import BelievedPublisher


def test_the_first_publisher_is_believed_until_it_is_silent():
    believed = BelievedPublisher(patience=1.0)
    assert believed.refusal(0.0, 'arm') == ''
    assert 'arm and intruder both' in believed.refusal(0.5, 'intruder')
    assert believed.refusal(0.9, 'arm') == ''
    assert believed.refusal(1.8, 'intruder')
    assert believed.refusal(2.0, 'intruder') == ''
    assert believed.refusal(2.1, 'arm')
