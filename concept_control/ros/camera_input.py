"""One RGB-D camera's topics: pairs colour and depth, knows its calibration and pose.

Threading: callbacks store and pair; a `Frame` is worked on by the perception thread.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from concept_control.errors import PerceptionError
from concept_control.perception.camera import Intrinsics, check_stamps, decode_color, decode_depth
from concept_control.perception.localisation import Detection, Detector
from concept_control.perception.segmentation import BlockLimits
from concept_control.ros import conversions as convert
from concept_control.ros import qos
from concept_control.ros.extrinsics import FixedExtrinsics, TfExtrinsics
from concept_control.ros.parameters import Parameter, declare


def camera_parameters(prefix: str) -> tuple[Parameter, ...]:
    """Return the parameters of one camera; `prefix` is also that of its topics."""
    return (
        Parameter(f'{prefix}.from_tf', False, 'take the pose from TF instead of the parameters'),
        Parameter(f'{prefix}.position', [0.48, 0.0, 1.2], 'of the optical frame [m]'),
        Parameter(
            f'{prefix}.rotation',
            [0.70710678, -0.70710678, 0.0, 0.0],
            'of the optical frame in the fixed frame, quaternion x y z w',
        ),
    )


class Frame:
    """Colour, depth and calibration of one moment; decoded when it is worked on."""

    def __init__(self, camera: CameraInput, color: Image, depth: Image, info: CameraInfo) -> None:
        self._camera = camera
        self.color, self._depth, self._info = color, depth, info
        self.stamp = convert.seconds(color.header.stamp)
        self.rgb = np.zeros((0, 0, 3), dtype=np.uint8)
        self.pose = np.eye(4)
        self.intrinsics: Intrinsics

    def detect(self, table_height: float) -> list[Detection]:
        """Decode the images and find the blocks.

        Raises:
            PerceptionError: for images, stamps or a calibration that cannot be used.
        """
        check_stamps(self.stamp, convert.seconds(self._depth.header.stamp), self._camera.max_gap)
        self.rgb = decode_color(*_raw(self.color))
        metres = decode_depth(*_raw(self._depth))
        self.intrinsics = convert.intrinsics_of(self._info)
        self.pose = self._camera.extrinsics.at(self.color.header.frame_id, self.color.header.stamp)
        return self._camera.detector(self.intrinsics, table_height).detect(
            self.rgb, metres, self.pose
        )

    def could_hide(self, position: np.ndarray, size: np.ndarray) -> bool:
        """Tell whether a block could be there without this camera seeing it."""
        return self._camera.could_hide(position, size)


class CameraInput:
    """Subscribes to one camera; calls back when a pair of images is complete."""

    def __init__(self, node: Node, prefix: str, on_frame: Callable[[], None]) -> None:
        p = vars(declare(node, camera_parameters(prefix)))
        fixed_frame = node.get_parameter('frame').value
        self.extrinsics: FixedExtrinsics | TfExtrinsics
        if p[f'{prefix}_from_tf']:
            self.extrinsics = TfExtrinsics(node, fixed_frame)
        else:
            self.extrinsics = FixedExtrinsics(p[f'{prefix}_position'], p[f'{prefix}_rotation'])
        self.max_gap = float(node.get_parameter('max_stamp_gap').value)
        self.latest: Frame | None = None
        self._node, self._prefix, self._on_frame = node, prefix, on_frame
        self._is_new = False
        self._color: Image | None = None
        self._depth: Image | None = None
        self._info: CameraInfo | None = None
        self._detector: Detector | None = None
        subscribe = node.create_subscription
        subscribe(Image, f'{prefix}/color/image_raw', self._on_color, qos.SENSOR)
        subscribe(Image, f'{prefix}/depth/image_raw', self._on_depth, qos.SENSOR)
        subscribe(CameraInfo, f'{prefix}/color/camera_info', self._on_info, qos.SENSOR)

    def take(self) -> Frame | None:
        """Return the newest frame once; None if it was taken before."""
        if not self._is_new:
            return None
        self._is_new = False
        return self.latest

    def detector(self, intrinsics: Intrinsics, table_height: float) -> Detector:
        """Return the detector for a calibration, made anew when that changes."""
        if self._detector is None or self._detector.intrinsics != intrinsics:
            self._detector = Detector(intrinsics, BlockLimits(table_height=table_height))
        return self._detector

    def could_hide(self, position: np.ndarray, size: np.ndarray) -> bool:
        """Tell whether a block could be there without the last frame showing it."""
        return self._detector is None or self._detector.could_hide(position, size)

    def _on_color(self, message: Image) -> None:
        self._color = message
        self._pair()

    def _on_depth(self, message: Image) -> None:
        self._depth = message
        self._pair()

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message

    def _pair(self) -> None:
        if self._color is None or self._depth is None:
            return
        try:
            check_stamps(
                convert.seconds(self._color.header.stamp),
                convert.seconds(self._depth.header.stamp),
                self.max_gap,
            )
        except PerceptionError as error:
            # One half was lost on the way; that of the newer one is still to come.
            self._node.get_logger().warning(f'{self._prefix}: {error}', throttle_duration_sec=2.0)
            return
        if self._info is None:
            self._node.get_logger().warning(
                f'{self._prefix}: no camera_info yet', throttle_duration_sec=2.0
            )
            return
        self.latest = Frame(self, self._color, self._depth, self._info)
        self._color = self._depth = None
        self._is_new = True
        self._on_frame()


def _raw(image: Image) -> tuple:
    return (
        image.encoding,
        image.height,
        image.width,
        image.step,
        bool(image.is_bigendian),
        image.data,
    )
