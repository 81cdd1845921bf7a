"""`robot_description`, `/tf` and `/tf_static`: arm, tool, cameras and entities for displays.

tf2_msgs brings the one message that this needs; tf2_ros is not needed. Threading: any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib import import_module

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.node import Node
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header, String

from concept_control.control.arm.arm_model import OWN
from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.links import ArmLinks, Pose
from concept_control.control.arm.urdf import arm_urdf
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.publishers import other_publishers

RATE = 20.0
"""Times that the links' transforms are published per second, as robot_state_publisher does."""


class FrameBroadcaster:
    """Publishes transforms.

    Attributes:
        fault: Sentence on why there are none; empty where there are.
    """

    def __init__(self, node: Node) -> None:
        """Make the publishers, where tf2_msgs is installed; else say once that it is not."""
        self._node, self.fault = node, ''
        self._fixed: dict[str, TransformStamped] = {}
        self._lock = threading.Lock()
        try:
            TFMessage = import_module('tf2_msgs.msg').TFMessage
        except ImportError as error:
            self.fault = (
                f'TF is not published, for tf2_msgs is not installed ({error}): source ROS 2, '
                'or build this package anew, which makes its message'
            )
            node.get_logger().warning(self.fault)
            return
        self._message = TFMessage
        self._moving = node.create_publisher(TFMessage, '/tf', qos.TF)
        self._static = node.create_publisher(TFMessage, '/tf_static', qos.LATCHED)

    @property
    def has_listeners(self) -> bool:
        """Whether anybody hears moving transforms."""
        return not self.fault and self._moving.get_subscription_count() > 0

    def publish(self, stamp: Header, poses: Sequence[Pose]) -> None:
        """Publish transforms of frames that move; the frame of the header is not used."""
        if not self.fault:
            messages = [transform_message(stamp, pose) for pose in poses]
            self._moving.publish(self._message(transforms=messages))

    def publish_fixed(self, poses: Sequence[Pose]) -> None:
        """Publish transforms that never change, with those that were published before."""
        if self.fault:
            return
        header = convert.header(convert.node_time(self._node), '')
        with self._lock:
            self._fixed |= {pose.child: transform_message(header, pose) for pose in poses}
            self._static.publish(self._message(transforms=list(self._fixed.values())))

    def close(self) -> None:
        """Give the topics up."""
        if not self.fault:
            self._node.destroy_publisher(self._moving)
            self._node.destroy_publisher(self._static)


class ArmFrames:
    """Publishes an arm's description once, and where its links and its tool are."""

    def __init__(self, node: Node, arm: ArmDescription, frame: str) -> None:
        """Publish what never changes.

        Raises:
            ArmError: If a link has the name of the fixed frame and stands elsewhere.
        """
        self._node, self._links, self._last = node, ArmLinks(arm, frame), -np.inf
        self._description = node.create_publisher(String, 'robot_description', qos.LATCHED)
        self._description.publish(String(data=arm_urdf(arm, self._links)))
        self.frames = FrameBroadcaster(node)
        self.frames.publish_fixed(self._links.fixed)

    @property
    def fault(self) -> str:
        """Sentence on what is wrong with description or transforms; empty for nothing."""
        others = other_publishers(self._node, 'robot_description')
        if others:
            return (
                f'{", ".join(others)} also publishes robot_description: set publish_tf of '
                f'{self._node.get_name()} to false'
            )
        return self.frames.fault

    def publish(self, time: float, q: np.ndarray) -> None:
        """Publish where the links are at joint positions (n,) [rad, m], if it is time [s] to."""
        if 0 <= time - self._last < 1.0 / RATE or not self.frames.has_listeners:
            return
        self._last = time
        self.frames.publish(convert.header(time, ''), self._links.moving(q))

    def close(self) -> None:
        """Give the topics up."""
        self._node.destroy_publisher(self._description)
        self.frames.close()


def entity_frame(entity_id: int) -> str:
    """Return the name of an entity's frame."""
    return f'{OWN}entity_{entity_id}'


def pose_of(parent: str, child: str, matrix: np.ndarray) -> Pose:
    """Return a (4, 4) transform as the pose of a frame."""
    return Pose(parent, child, matrix[:3, 3], Rotation.from_matrix(matrix[:3, :3]))


def transform_message(header: Header, pose: Pose) -> TransformStamped:
    """Describe the pose of a frame at the time of a header."""
    x, y, z, w = map(float, pose.rotation.as_quat())
    return TransformStamped(
        header=Header(stamp=header.stamp, frame_id=pose.parent),
        child_frame_id=pose.child,
        transform=Transform(
            translation=Vector3(**dict(zip('xyz', map(float, pose.position)))),
            rotation=Quaternion(x=x, y=y, z=z, w=w),
        ),
    )
