"""The set-up of a recording comes from the parameter file of its nodes."""

import numpy as np
import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')

from concept_control.bags.setup import read_setup
from concept_control.errors import BagError


def test_without_a_file_it_is_that_of_the_demonstration():
    setup = read_setup()
    assert (setup.frame, setup.camera.color, setup.arm.name) == (
        *('world', 'camera/color/image_raw', 'franka'),
    )
    rotation = setup.T_world_camera[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert setup.T_world_camera[2, 3] > 0.3 and setup.table_height == 0.0


def test_wildcards_hold_for_the_node_too_and_a_camera_from_tf_has_no_pose(tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text(
        'entity_extractor:\n  ros__parameters:\n    frame: base\n    table_height: 0.1\n'
        '/**:\n  ros__parameters:\n    arm: ur5e\n    cameras: [eye]\n    max_stamp_gap: 0.02\n'
        '    joint_prefix: left_\n    eye: {from_tf: true, depth_topic: /d/image}\n'
    )
    setup = read_setup(path)
    assert (setup.frame, setup.arm.name, setup.joint_prefix) == ('base', 'ur5e', 'left_')
    assert setup.camera == ('eye/color/image_raw', '/d/image', 'eye/color/camera_info')
    assert setup.T_world_camera is None
    assert (setup.table_height, setup.max_stamp_gap) == (0.1, 0.02)


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('{', 'cannot be read'),
        ('entity_extractor: {ros__parameters: {cameras: []}}', 'where the camera is'),
        ('entity_extractor: {ros__parameters: {cameras: [camera]}}', 'where the camera is'),
        ('[1, 2]', 'where the camera is'),
    ],
)
def test_what_is_no_parameter_file_is_refused(tmp_path, text, complaint):
    path = tmp_path / 'params.yaml'
    path.write_text(text)
    with pytest.raises(BagError, match=complaint):
        read_setup(path)
