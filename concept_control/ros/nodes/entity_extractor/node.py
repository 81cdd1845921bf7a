"""`entity_extractor`: RGB-D images to entities with identity.

Threads: callbacks store the newest of everything; one worker segments, locates and tracks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Header
from visualization_msgs.msg import MarkerArray

from concept_control.control.arm.body_boxes import ArmBoxes
from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.arm.links import Pose
from concept_control.errors import CommandError, PerceptionError
from concept_control.interfaces.constants import PURSUED
from concept_control.interfaces.joint_states import JointStateReader
from concept_control.msg import ConceptStatus, EntityArray
from concept_control.perception.annotate import annotate
from concept_control.perception.detection.detector import Detection
from concept_control.perception.tracking.fusion import fuse
from concept_control.perception.tracking.tool_history import (
    GripEvent,
    GripHistory,
    ToolHistory,
    ToolPose,
)
from concept_control.perception.tracking.tracker import EntityTracker, TrackedEntity, TrackerConfig
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.nodes.entity_extractor.camera_input import Frame
from concept_control.ros.nodes.entity_extractor.camera_rig import CameraRig
from concept_control.ros.nodes.entity_extractor.parameters import Parameters
from concept_control.ros.runtime.diagnostics import Diagnostics, Refusals, Report
from concept_control.ros.runtime.node_process import lower_priority, run_node
from concept_control.ros.runtime.parameters import declare
from concept_control.ros.runtime.publishers import BelievedPublisher, Publisher
from concept_control.ros.runtime.subscriptions import subscribe_suction_state
from concept_control.ros.runtime.worker import LatestValue, Worker
from concept_control.ros.visualization.frames import FrameBroadcaster, entity_frame, pose_of
from concept_control.ros.visualization.markers import entity_markers
from concept_control.world.entity import TOOL_ID, tool_state

SESSIONS = 2**31
"""Number of sessions after which they are counted from 0 again; the message has 32 bits."""

RECENT = 100
"""Number of frames that diagnostics look back at."""


class EntityExtractor(Node):
    """Publishes what stands on the table."""

    def __init__(self) -> None:
        super().__init__('entity_extractor')
        self.parameters = p = declare(self, Parameters)
        self.failure: Exception | None = None
        self.arm = ArmDescription.load(p.arm)
        self._kinematics, self._boxes = ArmKinematics(self.arm), ArmBoxes(self.arm)
        self._tracker = EntityTracker(TrackerConfig(table_height=p.table_height))
        # Ids count from 1 again after every start and every reset: others must notice.
        self._session = int(time.time()) % SESSIONS
        self._wake: LatestValue[bool] = LatestValue()
        self._rig = CameraRig(self, p, p.block_limits(self.arm), lambda: self._wake.put(True))
        self._tool_history = ToolHistory()
        self._refusals = Refusals()
        self._grips = GripHistory()
        self._joints_stamp = -np.inf
        names = [p.joint_prefix + joint for joint in self.arm.joints]
        self._joints_reader = JointStateReader(names, with_velocities=False)
        self._joints_source = BelievedPublisher()
        self._attention: dict[int, float] = {}
        self._latencies: deque[float] = deque(maxlen=RECENT)
        self._durations: deque[float] = deque(maxlen=RECENT)
        self._last_stamp = -np.inf
        self._num_entities = self._num_late = self._num_resets = self._num_joints_refused = 0

        self._entities = self.create_publisher(EntityArray, 'entities', qos.RELIABLE)
        self._picture = self.create_publisher(Image, 'entities/image', qos.RELIABLE)
        self._markers = self.create_publisher(MarkerArray, 'concept_markers', qos.RELIABLE)
        self._frames = FrameBroadcaster(self) if p.publish_tf else None
        self._placed: set[str] = set()
        subscribe = self.create_subscription
        subscribe(JointState, 'joint_states', self._on_joints, qos.SENSOR)
        subscribe_suction_state(self, self._on_suction)
        subscribe(ConceptStatus, 'concept_status', self._on_status, qos.RELIABLE)
        self._diagnostics = Diagnostics(self, self._report)
        self._worker = Worker(self, 'perception', self._work)
        self._worker.start()

    def close(self) -> None:
        """Stop the worker."""
        self._wake.close()
        self._worker.finish()

    def _on_joints(self, message: JointState, info: Mapping[str, Any]) -> None:
        source = Publisher.of(info, self, 'joint_states')
        try:
            reading = self._joints_reader.read(message, convert.node_time(self))
            if reading is None:
                return  # of another device, such as a gripper
            if reason := self._joints_source.refusal(time.monotonic(), source):
                raise CommandError(f'joint_states refused: {reason}')
        except CommandError as error:
            self._num_joints_refused += 1
            self._refusals.note('joint states', str(error))
            self.get_logger().error(str(error), throttle_duration_sec=2.0)
            return
        stamp, positions, _ = reading
        tool = self._kinematics.tool(positions)
        yaw = float(np.arctan2(tool.rotation[1, 0], tool.rotation[0, 0]))
        if stamp < self._joints_stamp:
            self._grips.forget_time()
        self._joints_stamp = stamp
        self._tool_history.add(stamp, ToolPose(tool.position, yaw, positions))

    def _on_suction(self, message: Bool) -> None:
        # It has no stamp: it happened at the last joint state that came before it. Frames are
        # looked at later, on a busy machine much later.
        stamp = self._joints_stamp
        self._grips.add(GripEvent(stamp, message.data, self._tool_history.at(stamp)))

    def _on_status(self, message: ConceptStatus) -> None:
        if message.status in PURSUED:
            self._attention = {
                int(i): float(a) for i, a in zip(message.entities, message.attention)
            }
            if message.active_entity > 0:
                self._attention[int(message.active_entity)] = 1.0
        else:
            self._attention = {}

    def _work(self) -> None:
        while self._wake.take():
            self.work_once()

    def work_once(self) -> None:
        """Turn the new frames of one moment, if any, into entities; leave out what is useless."""
        started = time.perf_counter()
        used: list[Frame] = []
        views: list[list[Detection]] = []
        for frame in self._rig.gather():
            known = self._tool_history.at(frame.stamp)
            robot = None if known is None else self._boxes.at(known.joints)
            try:
                views.append(frame.detect(robot))
            except PerceptionError as error:
                frame.camera.refuse(str(error))
            else:
                frame.camera.accept()
                used.append(frame)
                self._tell_place(frame)
        if not used:
            return
        stamp = used[0].stamp
        # A frame of another camera, or one that was overtaken: time itself was not set back.
        if 0.0 <= self._last_stamp - stamp <= self.parameters.max_camera_gap:
            self._num_late += 1
            return
        self._last_stamp = stamp
        tool = self._tool_history.at(stamp)
        grips = self._grips.until(stamp)
        entities = self._tracker.update(
            fuse(views) if len(views) > 1 else views[0],
            stamp,
            tool_position=None if tool is None else tool.position,
            attached=self._grips.attached,
            tool_yaw=0.0 if tool is None else tool.yaw,
            hidden=lambda position, size: all(f.could_hide(position, size) for f in used),
            grips=grips,
        )
        if self._tracker.num_resets != self._num_resets:
            self._num_resets = self._tracker.num_resets
            self.get_logger().warning(f'all entities forgotten: {self._tracker.reset_reason}')
        header = Header(stamp=used[0].header.stamp, frame_id=self.parameters.frame)
        message = entity_array(header, entities, tool)
        message.session = self._session + self._num_resets
        self._entities.publish(message)
        self._num_entities = len(entities)
        self._durations.append(time.perf_counter() - started)
        self._latencies.append(convert.node_time(self) - stamp)
        self._show(header, used[0], entities)

    def _tell_place(self, frame: Frame) -> None:
        """Publish where a camera is once, if nobody else knows; displays show its images there."""
        name = frame.header.frame_id
        if self._frames is None or not frame.camera.is_placed or name in self._placed:
            return
        self._placed.add(name)
        self._frames.publish_fixed([pose_of(self.parameters.frame, name, frame.pose)])

    def _show(self, header: Header, frame: Frame, entities: list[TrackedEntity]) -> None:
        """Draw, where somebody looks."""
        if self._frames is not None and self._frames.has_listeners:
            self._frames.publish(
                header,
                [
                    Pose(
                        self.parameters.frame,
                        entity_frame(e.id),
                        e.position,
                        Rotation.from_rotvec([0.0, 0.0, e.yaw]),
                    )
                    for e in entities
                ],
            )
        if self._markers.get_subscription_count():
            self._markers.publish(entity_markers(header, entities, self._attention))
        if self._picture.get_subscription_count():
            picture = annotate(
                frame.rgb, frame.intrinsics, frame.pose, entities, self._attention or None
            )
            self._picture.publish(convert.image_message(picture, 'rgb8', frame.header))

    def _report(self) -> Report:
        values: dict[str, object] = {
            'entities': self._num_entities,
            'frames refused': self._rig.num_refused,
            'frames late': self._num_late,
            'tracker resets': self._num_resets,
            'joint states refused': self._num_joints_refused,
        }
        if self._num_resets:
            values['last reset'] = self._tracker.reset_reason
        for camera in self._rig.cameras:
            values[f'{camera.prefix}: refused'] = camera.num_refused
            if camera.refusal:
                values[f'{camera.prefix}: last refusal'] = camera.refusal
        if self._durations:
            spans = {'processing time': self._durations, 'latency': self._latencies}
            for name, samples in spans.items():
                shares = 1e3 * np.percentile(list(samples), [50, 95, 100])
                for which, value in zip(('median', 'p95', 'worst'), shares):
                    values[f'{name} {which} [ms]'] = f'{value:.1f}'
        faults = '; '.join(filter(None, (self._rig.faults, str(self._refusals))))
        if self._rig.is_blind:
            return Report(values, error=faults)
        return Report(values, warning=faults)


def entity_array(
    header: Header, entities: list[TrackedEntity], tool: ToolPose | None
) -> EntityArray:
    """Return the message of what stands on the table.

    Args:
        header: Fixed frame, and the stamp of the image the entities were measured in.
        entities: Entities known now.
        tool: Pose of the tool at that time; None if unknown, then the message has no tool.
    """
    now = convert.seconds(header.stamp)

    def stamp(time: float) -> Time:
        # To the nanosecond, which a float of seconds since 1970 does not hold.
        return header.stamp if time == now else convert.stamp(max(time, 0.0))

    message = EntityArray(header=header)
    for e in entities:
        message.entities.append(
            convert.entity_message(e.id, e, e.shape, stamp(e.last_seen), e.covariance)
        )
    if tool is not None:
        state = tool_state(tool.position)
        message.entities.append(convert.entity_message(TOOL_ID, state, 'tool', header.stamp))
    return message


def main() -> NoReturn:
    """Run the node until a signal."""
    lower_priority()
    run_node(EntityExtractor)
