"""`entity_extractor`: RGB-D images to entities with identity.

Threads: callbacks store the newest of everything; one worker segments, locates and tracks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from rclpy.node import Node
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool

from concept_control.control.arm import ArmDescription
from concept_control.control.kinematics import ArmKinematics
from concept_control.errors import CommandError, PerceptionError
from concept_control.msg import EntityArray
from concept_control.perception.camera import decode_color, decode_depth
from concept_control.perception.localisation import Detector
from concept_control.perception.segmentation import BlockLimits
from concept_control.perception.tracking import EntityTracker
from concept_control.ros import conversions as convert
from concept_control.ros import qos
from concept_control.ros.parameters import Parameter, declare
from concept_control.ros.running import run
from concept_control.ros.slot import Slot

PARAMETERS = (
    Parameter('arm', 'franka', 'name of a shipped arm or path of an arm YAML'),
    Parameter('frame', 'world', 'fixed frame entities are published in'),
    Parameter('table_height', 0.0, 'height of the table top in that frame [m]', -2.0, 3.0),
    Parameter('camera.position', [0.48, 0.0, 1.2], 'of the optical frame in the fixed frame [m]'),
    Parameter(
        'camera.rotation',
        [0.70710678, -0.70710678, 0.0, 0.0],
        'of the optical frame in the fixed frame, quaternion x y z w',
    ),
    Parameter('max_stamp_gap', 0.005, 'between colour and depth of one frame [s]', 0.0, 0.1),
)

TOOL_HISTORY = 200
"""Joint states remembered, to know where the tool was when an image was taken."""


@dataclass(frozen=True)
class Frame:
    """One pair of images and the calibration at that moment."""

    color: Image
    depth: Image
    info: CameraInfo


class EntityExtractor(Node):
    """Publishes what stands on the table."""

    def __init__(self) -> None:
        super().__init__('entity_extractor')
        self.parameters = p = declare(self, PARAMETERS)
        self.failure: Exception | None = None
        self.arm = ArmDescription.load(p.arm)
        self._kinematics = ArmKinematics(self.arm)
        self._T_world_camera = pose_matrix(p.camera_position, p.camera_rotation)
        self._tracker = EntityTracker()
        self._frames: Slot[Frame] = Slot()
        self._color: Image | None = None
        self._depth: Image | None = None
        self._info: CameraInfo | None = None
        self._detector: Detector | None = None
        self._tool_path: deque[tuple[float, np.ndarray, float]] = deque(maxlen=TOOL_HISTORY)
        self._attached = False

        self._entities = self.create_publisher(EntityArray, 'entities', qos.RELIABLE)
        subscribe = self.create_subscription
        subscribe(Image, 'camera/color/image_raw', self._on_color, qos.SENSOR)
        subscribe(Image, 'camera/depth/image_raw', self._on_depth, qos.SENSOR)
        subscribe(CameraInfo, 'camera/color/camera_info', self._on_info, qos.SENSOR)
        subscribe(JointState, 'joint_states', self._on_joints, qos.SENSOR)
        subscribe(Bool, 'suction_state', self._on_suction, qos.LATCHED)
        self._worker = threading.Thread(target=self._work, name='perception', daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop the worker."""
        self._frames.close()
        self._worker.join(timeout=5.0)

    def _on_color(self, message: Image) -> None:
        self._color = message
        self._pair()

    def _on_depth(self, message: Image) -> None:
        self._depth = message
        self._pair()

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message

    def _on_joints(self, message: JointState) -> None:
        try:
            positions, _ = convert.joint_state_arrays(message, self.arm.joints)
            tool = self._kinematics.tool(positions)
            yaw = float(np.arctan2(tool.rotation[1, 0], tool.rotation[0, 0]))
            self._tool_path.append((convert.seconds(message.header.stamp), tool.position, yaw))
        except CommandError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)

    def _on_suction(self, message: Bool) -> None:
        self._attached = message.data

    def _pair(self) -> None:
        """Hand over colour and depth that belong together."""
        if self._color is None or self._depth is None:
            return
        gap = convert.seconds(self._color.header.stamp) - convert.seconds(self._depth.header.stamp)
        if abs(gap) > self.parameters.max_stamp_gap:
            return
        if self._info is None:
            self.get_logger().warning('no camera_info yet', throttle_duration_sec=2.0)
            return
        self._frames.put(Frame(self._color, self._depth, self._info))
        self._color = self._depth = None

    def _work(self) -> None:
        try:
            while (frame := self._frames.take()) is not None:
                try:
                    self._process(frame)
                except PerceptionError as error:
                    self.get_logger().error(f'frame refused: {error}', throttle_duration_sec=2.0)
        except Exception as error:
            self.get_logger().fatal(f'perception failed: {error!r}')
            self.failure = error

    def _process(self, frame: Frame) -> None:
        started = time.perf_counter()
        color, depth = frame.color, frame.depth
        rgb = decode_color(
            color.encoding,
            color.height,
            color.width,
            color.step,
            bool(color.is_bigendian),
            color.data,
        )
        metres = decode_depth(
            depth.encoding,
            depth.height,
            depth.width,
            depth.step,
            bool(depth.is_bigendian),
            depth.data,
        )
        intrinsics = convert.intrinsics_of(frame.info)
        if self._detector is None or self._detector.intrinsics != intrinsics:
            limits = BlockLimits(table_height=self.parameters.table_height)
            self._detector = Detector(intrinsics, limits)
        detections = self._detector.detect(rgb, metres, self._T_world_camera)
        stamp = convert.seconds(color.header.stamp)
        tool, yaw = self._tool_at(stamp)
        num_resets = self._tracker.num_resets
        entities = self._tracker.update(
            detections,
            stamp,
            tool_position=tool,
            attached=self._attached,
            tool_yaw=yaw,
            hidden=self._detector.could_hide,
        )
        if self._tracker.num_resets != num_resets:
            self.get_logger().warning(f'all entities forgotten: {self._tracker.reset_reason}')
        message = EntityArray(
            header=convert.header(stamp, self.parameters.frame),
            entities=[convert.entity_message(entity) for entity in entities],
        )
        if tool is not None:
            message.entities.append(convert.tool_message(tool, stamp))
        self._entities.publish(message)
        self.get_logger().debug(f'frame in {1e3 * (time.perf_counter() - started):.1f} ms')

    def _tool_at(self, stamp: float) -> tuple[np.ndarray | None, float]:
        """Return the tool's tip and heading when an image was taken, not when it arrived."""
        path = list(self._tool_path)
        if not path:
            return None, 0.0
        _, position, yaw = min(path, key=lambda sample: abs(sample[0] - stamp))
        return position, yaw


def pose_matrix(position: list[float], rotation: list[float]) -> np.ndarray:
    """Return the (4, 4) transform of a position [m] and a quaternion (x, y, z, w).

    Raises:
        PerceptionError: if the numbers are no pose.
    """
    if len(position) != 3 or len(rotation) != 4 or not np.linalg.norm(rotation) > 1e-6:
        raise PerceptionError(
            f'camera.position {list(position)} and camera.rotation {list(rotation)} are no pose; '
            'expected 3 metres and a quaternion x y z w'
        )
    transform = np.eye(4)
    transform[:3, :3] = Rotation.from_quat(rotation).as_matrix()
    transform[:3, 3] = position
    return transform


def main() -> int:
    """Run the node until a signal."""
    return run(EntityExtractor)


if __name__ == '__main__':
    raise SystemExit(main())
