"""Detector of things with an AprilTag on their upper face, of which size and colour are known."""

from __future__ import annotations

import cv2
import numpy as np

from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics, check_frame
from concept_control.perception.detection.depth_view import check_pose
from concept_control.perception.detection.detector import Detection
from concept_control.perception.known_things import KnownThing, KnownThings
from concept_control.world.boxes import OrientedBoxes

CORNER_SIGMA = 0.2
"""Standard deviation of a corner found in an image [pixels]."""

DEPTH_SIGMA = 0.003
"""Standard deviation of the depth measured on a tag [m]."""

MAX_TILT = np.deg2rad(20.0)
"""Largest angle between a tag's normal and the vertical: things stand upright."""


class TagDetector:
    """Finds things by their tags in the frames of one camera.

    How far away a tag is says depth, where there is any: better than its size in the image.
    """

    def __init__(self, intrinsics: Intrinsics, things: KnownThings) -> None:
        """Prepare a detector.

        Raises:
            PerceptionError: if no thing has a tag.
        """
        if things.tags is None or not things.by_tag:
            raise PerceptionError('none of the known things has a tag')
        self.intrinsics = intrinsics
        self._things = things.by_tag
        side = things.tags.size
        # In OpenCV's order: from the upper left corner clockwise, seen from outside.
        self._corners = side / 2 * np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0.0]])
        family = getattr(cv2.aruco, f'DICT_APRILTAG_{things.tags.family}')
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        self._detector = cv2.aruco.ArucoDetector(
            cv2.aruco.getPredefinedDictionary(family), parameters
        )

    def detect(
        self,
        color: np.ndarray,
        depth: np.ndarray,
        T_world_camera: np.ndarray,
        robot: OrientedBoxes | None = None,
    ) -> list[Detection]:
        """Find the things whose tags a frame shows; for the arguments see `Detector.detect`.

        Raises:
            PerceptionError: For images that do not fit the calibration or a pose that is none.
        """
        check_frame(color, depth, self.intrinsics)
        pose = check_pose(T_world_camera)
        corners, numbers, _ = self._detector.detectMarkers(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY))
        found = []
        for outline, number in zip(corners, [] if numbers is None else np.ravel(numbers)):
            thing = self._things.get(int(number))
            one = thing and self._describe(outline.reshape(4, 2), thing, pose, depth)
            if one:
                found.append(one)
        return found

    def could_hide(self, position: np.ndarray, size: np.ndarray) -> bool:
        """Tell whether a thing could be there unseen: a hand over its tag is enough."""
        return True

    def _describe(
        self, outline: np.ndarray, thing: KnownThing, pose: np.ndarray, depth: np.ndarray
    ) -> Detection | None:
        """Return the thing whose tag has corners (4, 2) in the image; None if it lies askew."""
        rays = self.intrinsics.undistort(outline.astype(float))
        _, turns, shifts, _ = cv2.solvePnPGeneric(
            self._corners, rays, np.eye(3), None, flags=cv2.SOLVEPNP_IPPE_SQUARE
        )
        # Two poses look nearly the same: things stand upright.
        rotations = [pose[:3, :3] @ cv2.Rodrigues(turn)[0] for turn in turns]
        best = int(np.argmax([rotation[2, 2] for rotation in rotations]))
        rotation = rotations[best]
        if np.arccos(np.clip(rotation[2, 2], -1.0, 1.0)) > MAX_TILT:
            return None
        inside = np.zeros(depth.shape, np.uint8)
        cv2.fillConvexPoly(inside, outline.round().astype(np.int32), 1)
        measured = depth[(inside > 0) & np.isfinite(depth)]
        shift = shifts[best].ravel()
        along = CORNER_SIGMA / cv2.arcLength(outline.astype(np.float32), closed=True) * 4
        if len(measured):
            shift, along = shift * (float(np.median(measured)) / shift[2]), DEPTH_SIGMA / shift[2]
        distance = float(np.linalg.norm(shift))
        top = pose[:3, :3] @ shift + pose[:3, 3]
        # Upright as it is, its corners are at the height of its middle.
        directions = np.column_stack([rays, np.ones(4)]) @ pose[:3, :3].T
        corners = directions[:, :2] * ((top[2] - pose[2, 3]) / directions[:, 2:])
        along_x = corners[1] - corners[0] + corners[2] - corners[3]
        across = CORNER_SIGMA * distance / self.intrinsics.fx
        ray = (top - pose[:3, 3]) / distance
        size = np.array(thing.size)
        yaw = float(np.arctan2(along_x[1], along_x[0]))
        # Within the turns that leave a footprint as it is, see `Detection.yaw`.
        turn = np.pi / 2 if np.isclose(size[0], size[1]) else np.pi
        return Detection(
            position=top - [0.0, 0.0, size[2] / 2],
            covariance=across**2 * np.eye(3) + (along * distance) ** 2 * np.outer(ray, ray),
            color=np.array(thing.color),
            size=size,
            yaw=float(turn / 2 - (turn / 2 - yaw) % turn),
            shape=thing.shape,
            num_pixels=int(cv2.contourArea(outline.astype(np.float32))),
            visible_fraction=1.0,
            outline=outline,
        )
