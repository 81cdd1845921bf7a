"""All cameras of a node as one: which sets the pace, what is fused, which has failed.

Threading: `gather` belongs to the perception thread; the rest may be used from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from concept_control.errors import PerceptionError
from concept_control.perception.detection.limits import BlockLimits
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.nodes.entity_extractor.camera_input import CameraInput, Frame
from concept_control.ros.nodes.entity_extractor.parameters import Parameters


class CameraRig:
    """Any number of cameras, in the order of their importance.

    The first one without a fault sets the pace; the others add what they saw at nearly the same
    time. A camera that fails or falls silent is named in `faults` and stops no other.
    """

    def __init__(
        self,
        node: Node,
        settings: Parameters,
        limits: BlockLimits,
        on_frame: Callable[[], None],
    ) -> None:
        """Subscribe to the cameras; each new frame calls `on_frame`.

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
            CameraInput(node, prefix, settings, limits, on_frame) for prefix in prefixes
        ]

    @property
    def num_refused(self) -> int:
        """Images and frames of all cameras that could not be used."""
        return sum(camera.num_refused for camera in self.cameras)

    @property
    def faults(self) -> str:
        """What is wrong with which camera, for people; empty if nothing is."""
        refusals = {c.prefix: str(c.recent_refusals) for c in self.cameras}
        faults = [
            self._fault(c) or (refusals[c.prefix] and f'{c.prefix}: {refusals[c.prefix]}')
            for c in self.cameras
        ]
        return '; '.join(filter(None, faults))

    @property
    def is_blind(self) -> bool:
        """Whether every camera has a fault."""
        return all(map(self._fault, self.cameras))

    def gather(self) -> list[Frame]:
        """Return the new frames of one moment, the pace maker's first; none if it has none new."""
        max_gap = self._settings.max_camera_gap
        healthy = [camera for camera in self.cameras if not self._fault(camera)]
        # If all have failed, whatever comes is tried: that is how a fault ends.
        makers = healthy[:1] or self.cameras
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

    def _fault(self, camera: CameraInput) -> str:
        return camera.fault(convert.node_time(self._node), self._settings.stale_after)
