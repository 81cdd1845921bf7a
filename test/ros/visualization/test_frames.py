"""The arm's description and transforms as a display hears them."""

import mujoco
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from link_poses import link_poses
from scipy.spatial.transform import Rotation
from std_msgs.msg import String
from waiting import wait

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.arm.links import TOOL_FRAME, ArmLinks
from concept_control.ros.bridge import qos
from concept_control.ros.visualization.frames import ArmFrames

ARM = ArmDescription.load('ur5e')


@pytest.fixture
def nodes():
    rclpy.init(args=[])
    made = [rclpy.create_node(name) for name in ('arm', 'display')]
    yield made
    for node in made:
        node.destroy_node()
    rclpy.try_shutdown()


def spin(nodes):
    for node in nodes:
        rclpy.spin_once(node, timeout_sec=0.01)


def test_an_arm_is_described_once_to_who_comes_late(nodes):
    node, display = nodes
    frames, heard = ArmFrames(node, ARM, 'world'), []
    display.create_subscription(String, 'robot_description', heard.append, qos.LATCHED)
    wait(lambda: spin(nodes) or heard)
    assert mujoco.MjModel.from_xml_string(heard[0].data).njnt == 6
    assert 'also publishes' not in frames.fault
    other = display.create_publisher(String, 'robot_description', qos.LATCHED)
    wait(lambda: '/display also publishes robot_description' in frames.fault)
    display.destroy_publisher(other)
    frames.close()


def test_without_tf2_msgs_the_lack_is_said_and_nothing_else_fails(nodes, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr('concept_control.ros.visualization.frames.import_module', missing)
    frames = ArmFrames(nodes[0], ARM, 'world')
    assert 'tf2_msgs is not installed' in frames.fault
    frames.publish(1.0, ARM.home)
    frames.close()


def test_transforms_put_together_are_the_arm(nodes):
    tf2 = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs is not installed: make setup')
    node, display = nodes
    frames, moving, fixed = ArmFrames(node, ARM, 'world'), [], []
    display.create_subscription(tf2.TFMessage, '/tf', moving.append, qos.TF)
    display.create_subscription(tf2.TFMessage, '/tf_static', fixed.append, qos.LATCHED)
    wait(lambda: frames.frames.has_listeners)
    q = ARM.home + 0.1
    frames.publish(5.0, q)
    frames.publish(5.01, ARM.home)  # too soon after the last
    wait(lambda: spin(nodes) or (moving and fixed))
    assert not frames.fault and len(moving) == 1
    heard = {t.child_frame_id: t for t in (*moving[0].transforms, *fixed[0].transforms)}
    assert heard['shoulder_link'].header.stamp.sec == 5
    expected = link_poses(ArmLinks(ARM), q)
    assert set(heard) == set(expected) - {'world'}

    def pose(frame):
        if frame == 'world':
            return np.eye(4)
        t = heard[frame].transform
        local, r = np.eye(4), t.rotation
        local[:3, :3] = Rotation.from_quat([r.x, r.y, r.z, r.w]).as_matrix()
        local[:3, 3] = t.translation.x, t.translation.y, t.translation.z
        return pose(heard[frame].header.frame_id) @ local

    for frame, (position, _) in expected.items():
        np.testing.assert_allclose(pose(frame)[:3, 3], position, atol=1e-9)
    tip = ArmKinematics(ARM).tool(q)
    np.testing.assert_allclose(pose(TOOL_FRAME)[:3, 3], tip.position, atol=1e-9)
