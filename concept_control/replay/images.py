"""Perception once more: the recorded images to entities, compared with what was recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from concept_control.bags.setup import RecordedSetup
from concept_control.control.arm.body_boxes import ArmBoxes
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.guard import GuardConfig
from concept_control.errors import PerceptionError
from concept_control.interfaces.decoding import check_headers, intrinsics_of, seconds
from concept_control.perception.camera_model import check_frame
from concept_control.perception.detection.detector import Detector
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.image_decoding import decode_color, decode_depth
from concept_control.perception.image_synchronizer import ImageSynchronizer
from concept_control.perception.tracking.tracker import EntityTracker, TrackerConfig
from concept_control.replay.series import Refused, Series
from concept_control.world.entity import TOOL_ID, EntityState

REMEMBERED = 32
"""Frames whose entities wait for the recorded ones with the same stamp."""

TOOL_HISTORY = 200
"""Joint states kept to find where the tool was when an image was taken."""

FRAME_WIDTH = 320
"""Width of the camera frames that are kept [pixels]."""


class ImageReplay:
    """Sees recorded frames again, as `entity_extractor` does.

    Attributes:
        camera_frames: Stamps [s] and small images (H, W, 3) uint8 RGB, a few over the recording.
        reason: Reason why images cannot be used, '' if they can.
    """

    def __init__(
        self, setup: RecordedSetup, on_seen: Callable[[float, dict[int, EntityState]], None]
    ) -> None:
        """Start with nothing seen; `on_seen` gets each frame's stamp [s] and its entities."""
        self.camera_frames: Series[tuple[float, np.ndarray]] = Series(32)
        self.reason = '' if setup.T_world_camera is not None else 'the camera pose came from TF'
        self.num_frames, self._refused = 0, Refused('frames')
        self._unpaired, self._early = Refused('images'), Refused('frames')
        self._setup, self._on_seen = setup, on_seen
        self._kinematics, self._boxes = ArmKinematics(setup.arm), ArmBoxes(setup.arm)
        self._tracker = EntityTracker(TrackerConfig(table_height=setup.table_height))
        self._detector: Detector | None = None
        self._info: Any = None
        self._pairs = ImageSynchronizer[Any](setup.max_stamp_gap, self._unpaired.add)
        self._joints: deque[tuple[float, np.ndarray]] = deque(maxlen=TOOL_HISTORY)
        self._attached = False
        self._seen: dict[float, list[np.ndarray]] = {}
        self._offsets: Series[float] = Series(4096)
        self._missing, self._extra, self._compared = 0, 0, 0

    def add_info(self, message: Any) -> None:
        """Take in the calibration."""
        self._info = message

    def add_joints(self, stamp: float, positions: np.ndarray) -> None:
        """Take in joint positions (n,) [rad] at a stamp [s]: where the tool is."""
        self._joints.append((stamp, positions))

    def add_suction(self, message: Any) -> None:
        """Take in whether something is held."""
        self._attached = bool(message.data)

    def add_recorded(self, stamp: float, states: dict[int, EntityState]) -> None:
        """Compare with the entities that were recorded for the frame of the same stamp."""
        seen = self._seen.pop(stamp, None)
        if seen is None:
            return
        left = list(seen)
        for i, state in states.items():
            if i == TOOL_ID:
                continue
            self._compared += 1
            gaps = [float(np.linalg.norm(p[:2] - state.xy)) for p in left]
            if min(gaps, default=np.inf) > state.width:
                self._missing += 1
                continue
            self._offsets.add(min(gaps))
            left.pop(int(np.argmin(gaps)))
        self._extra += len(left)

    def report(self) -> dict[str, Any]:
        """Return counts, and distances to the recorded entities, as plain numbers."""
        offsets = np.array(self._offsets.items or [np.nan])
        return {
            'frames': self.num_frames,
            'frames_refused': self._refused.num + self._early.num,
            'images_unpaired': self._unpaired.num,
            'entities_compared': self._compared,
            'missing': self._missing,
            'extra': self._extra,
            'offset_mm_median': 1000 * float(np.median(offsets)),
            'offset_mm_max': 1000 * float(np.max(offsets)),
        }

    @property
    def notes(self) -> list[str]:
        """Sentences on images and frames that could not be used."""
        refused = (self._unpaired, self._early, self._refused)
        return [one.note for one in refused if one.num]

    def add_image(self, stream: str, image: Any) -> None:
        """Take in an image of one of the streams, `COLOR` or `DEPTH`."""
        pair = self._pairs.add(stream, seconds(image.header.stamp), image)
        if pair is None:
            return
        if self._info is None:
            self._early.add('no calibration had come')
            return
        color, depth = pair
        try:
            self._process(seconds(color.header.stamp), color, depth)
        except PerceptionError as error:
            self._refused.add(str(error))

    def _process(self, stamp: float, color: Any, depth: Any) -> None:
        check_headers(color, depth, self._info)
        rgb = decode_color(color)
        height = max(1, round(rgb.shape[0] * FRAME_WIDTH / rgb.shape[1]))
        small = cv2.resize(rgb, (FRAME_WIDTH, height), interpolation=cv2.INTER_AREA)
        self.camera_frames.add((stamp, small))
        if self.reason:
            return
        assert self._setup.T_world_camera is not None
        intrinsics, metres = intrinsics_of(self._info), decode_depth(depth)
        check_frame(rgb, metres, intrinsics)
        if self._detector is None or self._detector.intrinsics != intrinsics:
            limits = BlockLimits(
                table_height=self._setup.table_height,
                bounds=self._setup.arm.workspace.bounds(GuardConfig.fence_margin),
            )
            self._detector = Detector(intrinsics, limits)
        tool = robot = None
        if self._joints:
            _, joints = min(self._joints, key=lambda sample: abs(sample[0] - stamp))
            tool, robot = self._kinematics.tool(joints), self._boxes.at(joints)
        found = self._detector.detect(rgb, metres, self._setup.T_world_camera, robot)
        entities = self._tracker.update(
            found,
            stamp,
            None if tool is None else tool.position,
            self._attached,
            0.0 if tool is None else float(tool.heading),
            self._detector.could_hide,
        )
        self.num_frames += 1
        self._seen[stamp] = [entity.position for entity in entities]
        while len(self._seen) > REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        self._on_seen(stamp, {entity.id: entity for entity in entities})
