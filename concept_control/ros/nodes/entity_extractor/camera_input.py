"""One RGB-D camera's topics: pairs colour and depth, knows its calibration, pose and health.

Threading: callbacks store and pair; `take`, `refuse` and a `Frame` belong to the perception
thread; `fault` and the counters may be read from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from concept_control.control.arm.description import ArmDescription
from concept_control.interfaces.camera_topics import camera_topics, is_compressed
from concept_control.interfaces.decoding import check_headers, intrinsics_of
from concept_control.perception.camera_model import Intrinsics, check_frame
from concept_control.perception.detection.detector import Detection, Detector
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.detection.tags import TagDetector
from concept_control.perception.image_decoding import decode_color, decode_depth
from concept_control.perception.image_synchronizer import (
    COLOR,
    DEPTH,
    ImageSynchronizer,
)
from concept_control.perception.known_things import KnownThings
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.nodes.entity_extractor.extrinsics import TfExtrinsics
from concept_control.ros.nodes.entity_extractor.parameters import CameraParameters, Parameters
from concept_control.ros.runtime.diagnostics import Refusals
from concept_control.ros.runtime.parameters import declare
from concept_control.world.boxes import OrientedBoxes

AnyImage: TypeAlias = Image | CompressedImage


class Frame:
    """Colour, depth and calibration of one moment; decoded when it is worked on."""

    def __init__(
        self, camera: CameraInput, color: AnyImage, depth: AnyImage, info: CameraInfo
    ) -> None:
        self.camera = camera
        self.header = color.header
        self.stamp = convert.seconds(color.header.stamp)
        self.rgb = np.zeros((0, 0, 3), dtype=np.uint8)
        self.pose = np.eye(4)
        self.intrinsics: Intrinsics
        self._color, self._depth, self._info = color, depth, info

    def detect(self, robot: OrientedBoxes | None = None) -> list[Detection]:
        """Decode the images and find the blocks, knowing where the parts of the robot are.

        Raises:
            PerceptionError: for images, stamps, frames or a calibration that cannot be used.
        """
        camera = self.camera
        check_headers(self._color, self._depth, self._info)
        self.rgb = decode_color(self._color)
        metres = decode_depth(self._depth)
        self.intrinsics = intrinsics_of(self._info)
        # Before a detector is made for an image of the size that the calibration claims.
        check_frame(self.rgb, metres, self.intrinsics)
        self.pose = camera.pose_at(self.header.frame_id, self.header.stamp)
        return camera.detector(self.intrinsics).detect(self.rgb, metres, self.pose, robot)

    def could_hide(self, position: np.ndarray, size: np.ndarray) -> bool:
        """Tell whether a block could be there without this camera seeing it."""
        return self.camera.detector(self.intrinsics).could_hide(position, size)


class CameraInput:
    """Subscribes to one camera.

    Attributes:
        prefix: Prefix of its topics.
        pose_at: Function from a frame and a stamp to T_world_camera (4, 4).
        is_placed: Whether parameters alone tell where it is.
        max_stamp_gap: Largest time between colour and depth of one moment [s].
        arrived: Time at which its last complete frame arrived, node's clock [s]; None before the
            first.
        num_refused: Number of images and frames that could not be used.
        refusal: Reason why the last of them could not.
        recent_refusals: Frames refused of late, also between good ones.
    """

    def __init__(
        self,
        node: Node,
        prefix: str,
        settings: Parameters,
        limits: BlockLimits,
        on_frame: Callable[[], None],
    ) -> None:
        """Declare the camera's parameters and subscribe; complete frames call `on_frame`."""
        p = declare(node, CameraParameters, prefix=prefix)
        self.prefix = prefix
        self.pose_at: Callable[[str, Time], np.ndarray]
        if p.from_tf:
            self.pose_at = TfExtrinsics(node, settings.frame).at
        else:
            pose = p.pose(ArmDescription.load(settings.arm).workspace)
            self.pose_at = lambda frame, stamp: pose
        self.is_placed = not p.from_tf and any(p.position)
        self.max_stamp_gap = settings.max_stamp_gap
        self.arrived: float | None = None
        self.num_refused, self.refusal = 0, ''
        self._is_refused, self.recent_refusals = False, Refusals()
        self._node, self._on_frame = node, on_frame
        self._limits, self._table_color = limits, settings.known_table_color()
        self._synchronizer = ImageSynchronizer[AnyImage](self.max_stamp_gap, self.refuse)
        self._info: CameraInfo | None = None
        self._waits_for_info = False
        self._latest: Frame | None = None
        self._taken: Frame | None = None
        self._detector: Detector | TagDetector | None = None
        self._things = KnownThings.load(settings.things) if settings.things else None
        topics = camera_topics(prefix, p.color_topic, p.depth_topic, p.info_topic)
        for topic, stream in ((topics.color, COLOR), (topics.depth, DEPTH)):
            kind = CompressedImage if is_compressed(topic) else Image
            node.create_subscription(kind, topic, partial(self._pair, stream), qos.SENSOR)
        node.create_subscription(CameraInfo, topics.info, self._on_info, qos.SENSOR)

    @property
    def fresh(self) -> Frame | None:
        """The newest frame, if it was not taken yet."""
        latest = self._latest
        return None if latest is self._taken else latest

    def take(self, frame: Frame) -> None:
        """Remember that a frame has been worked on: it counts once."""
        self._taken = frame

    def accept(self) -> None:
        """Note that the newest frame could be used."""
        self._is_refused = False

    def refuse(self, reason: str) -> None:
        """Count an image or frame that cannot be used, and say why."""
        self.num_refused += 1
        self.refusal, self._is_refused = reason, True
        self.recent_refusals.note('frame', reason)
        self._node.get_logger().error(
            f'{self.prefix}: frame refused: {reason}', throttle_duration_sec=2.0
        )

    def fault(self, now: float, stale_after: float) -> str:
        """Return what is wrong with this camera, for people; empty if nothing is.

        Args:
            now: Node's time [s].
            stale_after: Age of the last frame from which it is too old [s].
        """
        refusal = self.refusal if self._is_refused else ''
        # A clock that was set back makes the last frame one of the future.
        if self.arrived is not None and not 0.0 <= now - self.arrived <= stale_after:
            silence = f'no frame for {abs(now - self.arrived):.1f} s'
            return f'{self.prefix}: {silence}' + (
                f'; the last one refused: {refusal}' if refusal else ''
            )
        if refusal:
            return f'{self.prefix}: {refusal}'
        return '' if self.arrived is not None else f'{self.prefix}: no frame yet'

    def detector(self, intrinsics: Intrinsics) -> Detector | TagDetector:
        """Return the detector for a calibration, made anew when that changes."""
        if self._detector is None or self._detector.intrinsics != intrinsics:
            if self._things is None:
                self._detector = Detector(intrinsics, self._limits, self._table_color)
            else:
                self._detector = TagDetector(intrinsics, self._things)
        return self._detector

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message

    def _pair(self, stream: str, message: AnyImage) -> None:
        pair = self._synchronizer.add(stream, convert.seconds(message.header.stamp), message)
        if pair is None:
            return
        if self._info is None:
            if self._waits_for_info:
                self.refuse('images come, but no camera_info yet')
            # The first of them may overtake it.
            self._waits_for_info = True
            return
        self._latest = Frame(self, *pair, self._info)
        self.arrived = convert.node_time(self._node)
        self._on_frame()
