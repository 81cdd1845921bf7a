"""`entity_extractor`: RGB-D images to entities with identity.

Threads: callbacks store the newest of everything; one worker segments, locates and tracks.
"""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Header
from visualization_msgs.msg import MarkerArray

from concept_control.control.arm import ArmDescription
from concept_control.control.kinematics import ArmKinematics
from concept_control.errors import CommandError, PerceptionError
from concept_control.msg import ConceptStatus, EntityArray
from concept_control.perception.annotate import annotate
from concept_control.perception.fusion import fuse
from concept_control.perception.tracking import EntityTracker, TrackedEntity
from concept_control.ros import conversions as convert
from concept_control.ros import qos
from concept_control.ros.camera_input import CameraInput, Frame
from concept_control.ros.diagnostics import Diagnostics, Report
from concept_control.ros.markers import entity_markers
from concept_control.ros.parameters import Parameter, declare
from concept_control.ros.running import run
from concept_control.ros.slot import Slot

PARAMETERS = (
    Parameter('arm', 'franka', 'name of a shipped arm or path of an arm YAML'),
    Parameter('frame', 'world', 'fixed frame entities are published in'),
    Parameter('table_height', 0.0, 'height of the table top in that frame [m]', -2.0, 3.0),
    Parameter('cameras', ['camera'], 'topic prefixes of the cameras; the first one sets the pace'),
    Parameter('max_stamp_gap', 0.005, 'between colour and depth of one frame [s]', 0.0, 0.1),
    Parameter('max_camera_gap', 0.05, 'between frames that are fused [s]', 0.0, 0.5, is_live=True),
)


TOOL_HISTORY = 200
"""Joint states remembered, to know where the tool was when an image was taken."""

SESSIONS = 2**31
"""Numbers of sessions, well within the message's 32 bits."""

RECENT = 100
"""Frames that diagnostics look back at."""


class EntityExtractor(Node):
    """Publishes what stands on the table."""

    def __init__(self) -> None:
        super().__init__('entity_extractor')
        self.parameters = p = declare(self, PARAMETERS)
        self.failure: Exception | None = None
        self.arm = ArmDescription.load(p.arm)
        self._kinematics = ArmKinematics(self.arm)
        self._tracker = EntityTracker()
        self._cameras = [CameraInput(self, name, self._on_frame) for name in p.cameras]
        if not self._cameras:
            raise PerceptionError('parameter cameras is empty; expected at least one topic prefix')
        # Ids count from 1 again after every start and every reset: others must notice.
        self._session = int(time.time()) % SESSIONS
        self._work_on: Slot[list[Frame]] = Slot()
        self._tool_path: deque[tuple[float, np.ndarray, float]] = deque(maxlen=TOOL_HISTORY)
        self._attached = False
        self._attention: dict[int, float] = {}
        self._latencies: deque[float] = deque(maxlen=RECENT)
        self._durations: deque[float] = deque(maxlen=RECENT)
        self._num_entities, self._num_refused, self._num_resets = 0, 0, 0

        self._entities = self.create_publisher(EntityArray, 'entities', qos.RELIABLE)
        self._picture = self.create_publisher(Image, 'entities/image', qos.RELIABLE)
        self._markers = self.create_publisher(MarkerArray, 'concept_markers', qos.RELIABLE)
        subscribe = self.create_subscription
        subscribe(JointState, 'joint_states', self._on_joints, qos.SENSOR)
        subscribe(Bool, 'suction_state', self._on_suction, qos.LATCHED)
        subscribe(ConceptStatus, 'concept_status', self._on_status, qos.RELIABLE)
        self._diagnostics = Diagnostics(self, self._report)
        self._worker = threading.Thread(target=self._work, name='perception', daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop the worker."""
        self._work_on.close()
        self._worker.join(timeout=5.0)

    def _on_frame(self) -> None:
        """Hand the first camera's new frame to the worker, with what the others saw just now."""
        first, *others = self._cameras
        frames = [first.take()]
        if frames[0] is None:
            return
        for camera in others:
            frame = camera.latest
            if frame is not None and abs(frame.stamp - frames[0].stamp) <= (
                self.parameters.max_camera_gap
            ):
                frames.append(frame)
        self._work_on.put([frame for frame in frames if frame is not None])

    def _on_joints(self, message: JointState) -> None:
        try:
            positions, _ = convert.joint_state_arrays(message, self.arm.joints)
        except CommandError as error:
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        tool = self._kinematics.tool(positions)
        yaw = float(np.arctan2(tool.rotation[1, 0], tool.rotation[0, 0]))
        self._tool_path.append((convert.seconds(message.header.stamp), tool.position, yaw))

    def _on_suction(self, message: Bool) -> None:
        self._attached = message.data

    def _on_status(self, message: ConceptStatus) -> None:
        if message.status in (ConceptStatus.ACTIVE, ConceptStatus.PAUSED):
            self._attention = {
                int(i): float(a) for i, a in zip(message.entities, message.attention)
            }
            if message.active_entity > 0:
                self._attention[int(message.active_entity)] = 1.0
        else:
            self._attention = {}

    def _work(self) -> None:
        try:
            while (frames := self._work_on.take()) is not None:
                try:
                    self._process(frames)
                except PerceptionError as error:
                    self._num_refused += 1
                    self.get_logger().error(f'frame refused: {error}', throttle_duration_sec=2.0)
        except Exception as error:
            self.get_logger().fatal(f'perception failed: {error!r}')
            self.failure = error

    def _process(self, frames: list[Frame]) -> None:
        started = time.perf_counter()
        views = [frame.detect(self.parameters.table_height) for frame in frames]
        stamp = frames[0].stamp
        tool, yaw = self._tool_at(stamp)
        entities = self._tracker.update(
            fuse(views) if len(views) > 1 else views[0],
            stamp,
            tool_position=tool,
            attached=self._attached,
            tool_yaw=yaw,
            hidden=lambda position, size: all(f.could_hide(position, size) for f in frames),
        )
        if self._tracker.num_resets != self._num_resets:
            self._num_resets = self._tracker.num_resets
            self.get_logger().warning(f'all entities forgotten: {self._tracker.reset_reason}')
        header = convert.header(stamp, self.parameters.frame)
        message = EntityArray(
            header=header,
            session=self._session + self._num_resets,
            entities=[convert.entity_message(entity) for entity in entities],
        )
        if tool is not None:
            message.entities.append(convert.tool_message(tool, stamp))
        self._entities.publish(message)
        self._num_entities = len(entities)
        self._durations.append(time.perf_counter() - started)
        self._latencies.append(self.get_clock().now().nanoseconds * 1e-9 - stamp)
        self._show(header, frames[0], entities)

    def _show(self, header: Header, frame: Frame, entities: list[TrackedEntity]) -> None:
        """Draw, where somebody looks."""
        if self._markers.get_subscription_count():
            self._markers.publish(entity_markers(header, entities, self._attention))
        if self._picture.get_subscription_count():
            picture = annotate(
                frame.rgb, frame.intrinsics, frame.pose, entities, self._attention or None
            )
            self._picture.publish(convert.image_message(picture, 'rgb8', frame.color.header))

    def _tool_at(self, stamp: float) -> tuple[np.ndarray | None, float]:
        """Return the tool's tip and heading when an image was taken, not when it arrived."""
        path = list(self._tool_path)
        if not path:
            return None, 0.0
        _, position, yaw = min(path, key=lambda sample: abs(sample[0] - stamp))
        return position, yaw

    def _report(self) -> Report:
        values: dict[str, object] = {
            'entities': self._num_entities,
            'frames refused': self._num_refused,
            'tracker resets': self._num_resets,
        }
        if not self._durations:
            return Report(values, warning='no frame yet')
        values['processing time median [ms]'] = f'{1e3 * np.median(self._durations):.1f}'
        values['processing time worst [ms]'] = f'{1e3 * np.max(self._durations):.1f}'
        values['latency median [ms]'] = f'{1e3 * np.median(self._latencies):.1f}'
        return Report(values)


def main() -> int:
    """Run the node until a signal."""
    return run(EntityExtractor)


if __name__ == '__main__':
    raise SystemExit(main())
