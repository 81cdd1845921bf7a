"""Where cameras are: from parameters, from TF at the image's stamp, and what is refused."""

import sys
import threading
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from scipy.spatial.transform import Rotation

from concept_control.errors import MissingDependencyError, PerceptionError
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.nodes.entity_extractor.extrinsics import (
    TfExtrinsics,
)

TURN = Rotation.from_euler('xyz', [np.pi, 0.1, 0.4])


@pytest.fixture
def node():
    rclpy.init()
    node = rclpy.create_node('extrinsics_test')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def test_without_tf2_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    with pytest.raises(MissingDependencyError, match='from_tf to false'):
        TfExtrinsics(None, 'world')


def transform(stamp, x, frame='camera_optical'):
    message = TransformStamped(header=convert.header(stamp, 'world'), child_frame_id=frame)
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = x, 0.2, 1.0
    r.x, r.y, r.z, r.w = TURN.as_quat()
    return message


def test_tf_tells_where_a_moving_camera_was_when_the_image_was_taken(node):
    tf2_ros = pytest.importorskip(
        'tf2_ros', reason='tf2_ros is not installed (it is on no registry of wheels)'
    )
    camera = TfExtrinsics(node, 'world')
    sender = rclpy.create_node('tf_sender')
    broadcaster = tf2_ros.TransformBroadcaster(sender)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    done = threading.Event()

    def spin():
        while not done.is_set():
            # Again and again: whoever listens may not be discovered yet.
            broadcaster.sendTransform([transform(10.0, 0.3), transform(10.2, 0.5)])
            executor.spin_once(timeout_sec=0.02)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        for _ in range(100):
            try:
                pose = camera.at('camera_optical', convert.stamp(10.05))
                break
            except PerceptionError:
                continue
        np.testing.assert_allclose(pose[:3, 3], [0.35, 0.2, 1.0], atol=1e-6)
        np.testing.assert_allclose(pose[:3, :3], TURN.as_matrix(), atol=1e-6)
        with pytest.raises(PerceptionError, match=r'camera_optical.*extrapolation'):
            camera.at('camera_optical', convert.stamp(11.0))
        with pytest.raises(PerceptionError, match='no_such_frame'):
            camera.at('no_such_frame', convert.stamp(10.05))
    finally:
        done.set()
        thread.join()
        sender.destroy_node()


class StandInBuffer:
    """Stands in for tf2_ros where that is not installed: the same call, the same refusals."""

    def __init__(self):
        self.asked = []

    def lookup_transform(self, target, source, time, timeout):
        self.asked.append((target, source, time.nanoseconds, timeout.nanoseconds))
        if source != 'camera_optical':
            raise StandInError(f'"{source}" passed to lookupTransform does not exist')
        return transform(time.nanoseconds * 1e-9, 0.3)


class StandInError(Exception):
    pass


def test_the_stamp_of_the_image_is_what_tf_is_asked_for(monkeypatch):
    """With a stand-in for tf2_ros; the test above has the real one where it is installed."""
    module = ModuleType('tf2_ros')
    module.Buffer, module.TransformException = StandInBuffer, StandInError
    module.TransformListener = lambda buffer, node: None
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    camera = TfExtrinsics(None, 'world')
    pose = camera.at('camera_optical', Time(sec=1_700_000_000, nanosec=250_000_000))
    np.testing.assert_allclose(pose[:3, :3], TURN.as_matrix(), atol=1e-12)
    (asked,) = camera._buffer.asked
    assert asked[:3] == ('world', 'camera_optical', 1_700_000_000_250_000_000)
    assert asked[3] > 0
    with pytest.raises(PerceptionError, match=r"TF cannot tell where 'elsewhere' is.*not exist"):
        camera.at('elsewhere', convert.stamp(1.0))
