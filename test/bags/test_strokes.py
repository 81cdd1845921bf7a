"""Strokes drawn by a pen whose poses were recorded."""

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')

from made_up_bags import MadeUp, message

from concept_control.bags.strokes import POSE, strokes_of_bag
from concept_control.errors import StrokeError


def test_a_bag_of_poses_gives_its_strokes(tmp_path):
    bag = MadeUp()
    for start, begin in (((0.0, 0.0), 0.0), ((0.0, 0.1), 5.0)):
        for step in range(40):
            time = begin + 0.02 * step
            pose = message(POSE, stamp=time)
            pose.pose.position.x, pose.pose.position.y = start[0] + 0.005 * step, start[1]
            bag.add('/pen', time, pose)
    path = bag.write(tmp_path / 'bag')
    strokes = strokes_of_bag(path)
    assert len(strokes) == 2
    np.testing.assert_allclose(strokes[1][0], [0.0, 0.1], atol=1e-9)
    with pytest.raises(StrokeError, match=r"it has \['/pen'\]"):
        strokes_of_bag(path, '/mouse')
    with pytest.raises(StrokeError, match='no bag that can be read'):
        strokes_of_bag(tmp_path / 'nowhere')
