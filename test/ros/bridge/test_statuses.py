"""What a status does not know it does not say."""

import math

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge.statuses import NUMBERS, status_message


def test_numbers_are_nan_where_they_are_not_given():
    header = convert.header(2.0, 'world')
    status = status_message(header, 'concept_model', text='refused', energy=0.5)
    assert (status.source, status.text, status.energy) == ('concept_model', 'refused', 0.5)
    assert status.header == header and status.active_entity == -1
    assert all(math.isnan(getattr(status, name)) for name in NUMBERS if name != 'energy')
