"""Where a camera is by TF at the image's stamp, where tf2 is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time as RclpyTime

from concept_control.errors import MissingDependencyError, PerceptionError
from concept_control.perception.camera_model import pose_matrix

TF_PATIENCE = 0.1
"""Seconds that TF, which often comes later than the image, is waited for."""


class TfExtrinsics:
    """A camera whose optical frame is in the TF tree, moving or not.

    Threading: TF is heard in the node's executor; `at` waits and belongs to another thread.
    """

    def __init__(self, node: Node, fixed_frame: str) -> None:
        """Listen to TF.

        Raises:
            MissingDependencyError: if tf2_ros is not installed.
        """
        try:
            import tf2_ros  # noqa: PLC0415  (on no registry of wheels)
        except ImportError as error:
            raise MissingDependencyError(
                'extrinsics from TF need tf2_ros, which a ROS 2 installation brings; without it '
                'give position and rotation as parameters and set from_tf to false'
            ) from error
        self._fixed_frame = fixed_frame
        self._buffer: Any = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._error: type[Exception] = tf2_ros.TransformException

    def at(self, frame: str, stamp: Time) -> np.ndarray:
        """Return T_world_camera (4, 4) at a stamp.

        Raises:
            PerceptionError: if TF does not know it.
        """
        try:
            found = self._buffer.lookup_transform(
                self._fixed_frame,
                frame,
                RclpyTime.from_msg(stamp),
                timeout=Duration(seconds=TF_PATIENCE),
            )
        except self._error as error:
            raise PerceptionError(f'TF cannot tell where {frame!r} is: {error}') from error
        t, r = found.transform.translation, found.transform.rotation
        return pose_matrix([t.x, t.y, t.z], [r.x, r.y, r.z, r.w])
