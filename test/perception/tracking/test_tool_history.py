import numpy as np
import pytest

from concept_control.perception.tracking.tool_history import ToolHistory, ToolPose


def moving(path, start=10.0):
    for k in range(11):
        path.add(start + 0.01 * k, ToolPose(np.array([0.1 * k, 0.0, 0.3]), 3.0 + 0.1 * k))


def test_the_tool_is_where_it_was_when_the_image_was_taken():
    path = ToolHistory(max_gap=0.05)
    assert path.at(10.0) is None
    moving(path)
    pose = path.at(10.025)
    np.testing.assert_allclose(pose.position, [0.25, 0.0, 0.3])
    assert pose.yaw == pytest.approx(3.25)
    np.testing.assert_allclose(path.at(10.13).position, [1.0, 0.0, 0.3])
    assert path.at(10.2) is None
    assert path.at(9.9) is None


def test_a_heading_turns_the_short_way_and_a_clock_set_back_starts_afresh():
    path = ToolHistory()
    path.add(1.0, ToolPose(np.zeros(3), np.pi - 0.1))
    path.add(1.1, ToolPose(np.zeros(3), -np.pi + 0.1))
    assert np.cos(path.at(1.05).yaw) == pytest.approx(-1.0)
    path.add(0.5, ToolPose(np.ones(3), 0.0))
    assert path.at(1.05) is None
    np.testing.assert_array_equal(path.at(0.5).position, np.ones(3))
