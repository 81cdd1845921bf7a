"""`--record`: the graph's messages into a bag (mcap), byte for byte, without rosbag2.

Threads: the executor's thread writes; `close` is called after it has ended.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, Float64, String
from trajectory_msgs.msg import JointTrajectory

from concept_control.errors import ConceptControlError
from concept_control.msg import (
    ConceptCommand,
    ConceptGoal,
    ConceptLibrary,
    ConceptStatus,
    Demonstration,
    EntityArray,
)
from concept_control.paths import share_folder
from concept_control.ros.bridge import qos

TOPICS: tuple[tuple[str, Any, QoSProfile], ...] = (
    ('/clock', Clock, qos.SENSOR),
    ('joint_states', JointState, qos.SENSOR),
    ('joint_trajectory', JointTrajectory, qos.RELIABLE),
    ('suction_command', Bool, qos.RELIABLE),
    ('suction_state', Bool, qos.LATCHED),
    ('gripper_command', Float64, qos.RELIABLE),
    ('gripper_state', Float64, qos.SENSOR),
    ('entities', EntityArray, qos.RELIABLE),
    ('ground_truth', EntityArray, qos.RELIABLE),
    ('concepts', ConceptLibrary, qos.LATCHED),
    ('concept_command', ConceptCommand, qos.RELIABLE),
    ('concept_goal', ConceptGoal, qos.LATCHED),
    ('concept_status', ConceptStatus, qos.RELIABLE),
    ('demonstrations', Demonstration, qos.RELIABLE),
    ('demonstration_marker', String, qos.RELIABLE),
)
"""What is recorded always."""

IMAGE_TOPICS: tuple[tuple[str, Any, QoSProfile], ...] = (
    ('camera/color/image_raw', Image, qos.SENSOR),
    ('camera/depth/image_raw', Image, qos.SENSOR),
    ('camera/color/camera_info', CameraInfo, qos.SENSOR),
)
"""Some 20 MB a second at 640 x 480 and 10 Hz: recorded only when asked for."""


class Recorder:
    """Subscribes raw on a node and writes what comes."""

    def __init__(
        self,
        node: Node,
        path: Path,
        with_images: bool = False,
        use_sim_time: bool = False,
    ) -> None:
        """Open the new bag and subscribe.

        With `use_sim_time` messages are logged at the time of `/clock`, as by `ros2 bag record
        --use-sim-time`, so that a player's clock is the one they are stamped with.

        Raises:
            ConceptControlError: if the path exists: a recording is never overwritten.
        """
        if path.exists():
            raise ConceptControlError(f'{path} exists; recordings are not overwritten')
        path.parent.mkdir(parents=True, exist_ok=True)
        self._typestore = get_typestore(Stores.ROS2_KILTED)
        for definition in sorted((share_folder() / 'msg').glob('*.msg')):
            name = f'concept_control/msg/{definition.stem}'
            self._typestore.register(get_types_from_msg(definition.read_text(), name))
        self._node = node
        self._sim_time = 0 if use_sim_time else None
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._subscriptions = [
            self._subscribe(*topic) for topic in TOPICS + (IMAGE_TOPICS if with_images else ())
        ]

    def close(self) -> None:
        """Stop listening and finish the bag."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._writer.close()

    def _subscribe(self, topic: str, message_type: Any, profile: QoSProfile) -> Any:
        kind = f'{message_type.__module__.split(".")[0]}/msg/{message_type.__name__}'
        connection = self._writer.add_connection(
            self._node.resolve_topic_name(topic),
            kind,
            typestore=self._typestore,
            offered_qos_profiles=[_offered(profile)],
        )

        def write(data: bytes) -> None:
            if self._sim_time is not None and message_type is Clock:
                message: Any = self._typestore.deserialize_cdr(data, kind)
                self._sim_time = max(
                    self._sim_time, 10**9 * message.clock.sec + message.clock.nanosec
                )
            now = time.time_ns() if self._sim_time is None else self._sim_time
            self._writer.write(connection, now, data)

        return self._node.create_subscription(message_type, topic, write, profile, raw=True)


def _offered(profile: QoSProfile) -> Qos:
    """Describe a profile as bags keep it, so that a replay offers the same."""
    forever = QosTime(9223372036, 854775807)
    latched = profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    reliable = profile.reliability == ReliabilityPolicy.RELIABLE
    return Qos(
        QosHistory.KEEP_LAST,
        profile.depth,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        forever,
        forever,
        QosLiveliness.AUTOMATIC,
        forever,
        False,
    )
