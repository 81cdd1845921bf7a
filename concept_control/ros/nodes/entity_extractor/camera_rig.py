"""All cameras of a node as one: who sets the pace, what is fused, who is in trouble.

Threading: `gather` belongs to the perception thread; the rest may be used from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node

from concept_control.errors import PerceptionError
from concept_control.perception.detection.limits import BlockLimits
from concept_control.ros.nodes.entity_extractor.camera_input import CameraInput, Frame
from concept_control.ros.nodes.entity_extractor.parameters import Parameters


class CameraRig:
    """Any number of cameras, in the order of their importance.

    The first one that is well sets the pace; the others add what they saw at nearly the same
    time. A camera that fails or falls silent is named in `complaint` and stops nobody.
    """

    def __init__(
        self,
        node: Node,
        settings: Parameters,
        limits: BlockLimits,
        table_color: np.ndarray | None,
        on_frame: Callable[[], None],
    ) -> None:
        """Subscribe to the cameras.

        Args:
            node: Node whose topics and clock are used.
            settings: Parameters of the node; `cameras` names the most important one first.
            limits: what may be on the table.
            table_color: (3,) albedo of the table; None if unknown.
            on_frame: called when a camera has a new frame.

        Raises:
            PerceptionError: without any camera, or with one named twice.
        """
        prefixes = list(settings.cameras)
        if not prefixes or len(set(prefixes)) < len(prefixes):
            raise PerceptionError(
                f'parameter cameras is {prefixes}; expected at least one topic prefix, each once'
            )
        self._node = node
        self._settings = settings
        self.cameras = [
            CameraInput(node, prefix, settings, limits, table_color, on_frame)
            for prefix in prefixes
        ]

    @property
    def num_refused(self) -> int:
        """Images and frames of all cameras that could not be used."""
        return sum(camera.num_refused for camera in self.cameras)

    @property
    def complaint(self) -> str:
        """What is wrong with which camera; empty if nothing is."""
        return '; '.join(filter(None, (self._complaint(camera) for camera in self.cameras)))

    @property
    def is_blind(self) -> bool:
        """Whether no camera is well."""
        return all(self._complaint(camera) for camera in self.cameras)

    def gather(self) -> list[Frame]:
        """Return the new frames of one moment, the pace maker's first; none if it has none."""
        max_gap = self._settings.max_camera_gap
        well = [camera for camera in self.cameras if not self._complaint(camera)]
        # If all are in trouble, whatever comes is tried: that is how trouble ends.
        makers = well[:1] or self.cameras
        pace = next((camera.fresh for camera in makers if camera.fresh is not None), None)
        if pace is None:
            return []
        frames = [pace]
        for camera in self.cameras:
            frame = camera.fresh
            if camera is pace.camera or frame is None:
                continue
            if abs(frame.stamp - pace.stamp) <= max_gap:
                frames.append(frame)
            elif frame.stamp < pace.stamp:
                camera.take(frame)
                camera.refuse(
                    f'its frame is {1e3 * (pace.stamp - frame.stamp):.0f} ms older than that of '
                    f'{pace.camera.prefix}; {1e3 * max_gap:.0f} ms are allowed '
                    '(max_camera_gap): are the clocks synchronised?'
                )
        for frame in frames:
            frame.camera.take(frame)
        return frames

    def _complaint(self, camera: CameraInput) -> str:
        now = self._node.get_clock().now().nanoseconds * 1e-9
        return camera.complaint(now, self._settings.stale_after)
