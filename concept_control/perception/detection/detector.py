"""Detector of blocks in one RGB-D frame: position, size, yaw, colour and shape.

The centre comes from a body fitted to the whole visible outline (upper face and walls together)
and the height of the upper face; what hides a part of the outline is known from depth and limits
the fit instead of bending it. Blocks stand on the table or on one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics, check_frame
from concept_control.perception.detection.albedo import measure_color, scene_light, wall_gain
from concept_control.perception.detection.block_region import BlockRegion
from concept_control.perception.detection.bodies import UPRIGHT_MISFIT, Body, fit_bodies
from concept_control.perception.detection.depth_view import DepthView, check_pose, table_correction
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.detection.open_boxes import OpenBox, find_open_boxes
from concept_control.perception.detection.outline import outline_polygon
from concept_control.perception.detection.segmentation import OTHER, TABLE, Segmentation, segment
from concept_control.perception.detection.silhouette import smallest_yaw
from concept_control.world.boxes import OrientedBoxes
from concept_control.world.entity import OPEN_BOX, RIM

MIN_VISIBLE = 0.12
"""Share of its silhouette that a body must show to be reported."""

LITTLE_VISIBLE, MAX_SIGMA = 0.3, 0.015
"""Share of its silhouette below which a body is not reported if the standard deviation of its
position is larger than this [m]: what could be anywhere is no position."""

MAX_MISFIT = 3.0
"""Root mean square distance of the outline, in pixels, from which a body explains nothing."""

MIN_TABLE = 0.005
"""Share of the depth map that must show the table; less, and the camera is not where it should."""

HIDDEN_SIGMA = 0.004
"""Standard deviation of a position measured on a block that is all but hidden [m]."""

FIT_SIGMA = 0.02
"""Standard deviation beyond which the outline tells nothing: a block covers what is seen of it
[m]."""

BOX_SIGMA = 0.001
"""Standard deviation of the position of an open box [m]."""

FLOOR_SIGMA = 0.00025
"""Standard deviation that no position is claimed to beat [m]."""


@dataclass(frozen=True)
class Detection:
    """One block as one frame shows it.

    Attributes:
        position: (3,) centre of the body, world frame [m].
        covariance: (3, 3) covariance of the position [m²].
        color: (3,) albedo, RGB in [0, 1].
        size: (3,) side lengths along its own axes [m]; a cylinder's and ball's are diameters.
        yaw: Rotation about the vertical axis [rad], in (-pi/4, pi/4] for a square footprint and
            (-pi/2, pi/2] otherwise; 0 for round bodies.
        shape: Shape class: box, cylinder, ball or open box.
        num_pixels: Number of pixels that show it.
        visible_fraction: Visible share of its silhouette, in [0, 1].
        outline: (C, 2) image polygon (u, v) of the fitted body.
    """

    position: np.ndarray
    covariance: np.ndarray
    color: np.ndarray
    size: np.ndarray
    yaw: float
    shape: str
    num_pixels: int
    visible_fraction: float
    outline: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))


class Detector:
    """Finds blocks in the frames of one camera; keeps what depends on the calibration alone."""

    def __init__(
        self,
        intrinsics: Intrinsics,
        limits: BlockLimits | None = None,
        table_color: np.ndarray | None = None,
    ) -> None:
        """Prepare a detector; colour and depth are registered to the calibration.

        The light is measured from the table's albedo `table_color`, (3,) RGB in [0, 1]; None takes
        it for white and right.
        """
        self.intrinsics = intrinsics
        self.limits = limits or BlockLimits()
        self.table_color = None if table_color is None else np.asarray(table_color, dtype=float)
        if self.table_color is not None and (
            self.table_color.shape != (3,)
            or not ((self.table_color > 0) & (self.table_color <= 1)).all()
        ):
            raise PerceptionError(f'table colour {table_color} is not RGB in (0, 1]')
        self.segmentation: Segmentation | None = None
        self._rays = intrinsics.rays()
        self._pose: np.ndarray | None = None
        self._view_last: DepthView | None = None
        self._directions = np.zeros(0, dtype=np.float32)

    def detect(
        self,
        color: np.ndarray,
        depth: np.ndarray,
        T_world_camera: np.ndarray,
        robot: OrientedBoxes | None = None,
    ) -> list[Detection]:
        """Find the blocks in a frame.

        Args:
            color: (H, W, 3) uint8 RGB.
            depth: (H, W) depth along the optical axis [m], NaN in holes.
            T_world_camera: (4, 4) pose of the optical frame.
            robot: Parts of the robot when the frame was taken; None where they are not known.

        Returns:
            The blocks, in no particular order.

        Raises:
            PerceptionError: For images that do not fit the calibration or a pose that is none.
        """
        check_frame(color, depth, self.intrinsics)
        view = self._view(np.asarray(depth, dtype=np.float32), check_pose(T_world_camera))
        boxes = list(find_open_boxes(view, self.limits))
        self.segmentation = _segment_around(boxes, color, view, self.limits, robot)
        labels = self.segmentation.labels
        light = scene_light(color, labels, self.table_color)
        gain = wall_gain(color, view, self.segmentation.regions)

        def color_of(region: BlockRegion) -> np.ndarray:
            return measure_color(color, view, labels, region, self.table_color, light, gain)

        bodies = fit_bodies(view, self.segmentation, self.limits)
        found = [self._describe(view, body, color_of) for body in bodies]
        found += [self._describe_box(view, box, color_of) for box in boxes]
        return [detection for detection in found if detection is not None]

    def could_hide(self, position: np.ndarray, size: np.ndarray) -> bool:
        """Tell whether a block could be there although the last frame does not show it.

        Args:
            position: (3,) centre, world frame [m].
            size: (3,) side lengths [m].

        Returns:
            False if most of its upper face would lie before what the camera saw there; True if
            something nearer, a hole or the image's border is in the way, or no frame came yet.
        """
        view = self._view_last
        if view is None:
            return True
        grid = np.linspace(-0.4, 0.4, 5)
        offsets = np.stack(np.meshgrid(grid, grid, [0.4]), axis=-1).reshape(-1, 3) * size
        points = (position + offsets - view.origin) @ view.pose[:3, :3]
        if (points[:, 2] <= 0).any():
            return True
        columns, rows = np.rint(self.intrinsics.project(points)).astype(int).T
        inside = (rows >= 0) & (rows < self.intrinsics.height)
        inside &= (columns >= 0) & (columns < self.intrinsics.width)
        seen = view.depth[rows[inside], columns[inside]]
        behind = seen > points[inside, 2] + 0.25 * size[2]
        return bool(behind.sum() < 0.5 * len(points))

    def _view(self, depth: np.ndarray, pose: np.ndarray) -> DepthView:
        if self._pose is None or not np.array_equal(self._pose, pose):
            self._directions = (self._rays @ pose[:3, :3].T).astype(np.float32)
            self._pose = pose.copy()
        origin = pose[:3, 3]
        limits = self.limits
        slope = self._directions[..., 2]
        offset = origin[2] - limits.table_height
        if origin[2] <= limits.table_height + limits.max_height:
            raise PerceptionError(
                f'the camera is {offset:.3f} m above the table; it must look from above the '
                f'blocks ({limits.max_height} m): are the extrinsics right?'
            )
        height = depth * slope + np.float32(offset)
        self._check_table(height)
        focal = 0.5 * (self.intrinsics.fx + self.intrinsics.fy)
        view = DepthView(self._directions, pose.copy(), depth, height, focal)
        # Extrinsics and depth are off by a few millimetres and tenths of a degree.
        height += table_correction(view, limits)
        self._view_last = view
        return view

    def _check_table(self, height: np.ndarray) -> None:
        """Refuse a depth map in which no table is where it should be; one of holes is none."""
        sparse = height[2::5, 2::5]
        heights = sparse[~np.isnan(sparse)]
        near = np.abs(heights) < 2.0 * self.limits.min_height
        if len(heights) > 100 and near.mean() < MIN_TABLE:
            raise PerceptionError(
                f'{near.mean():.1%} of the depth map is within '
                f'{2e3 * self.limits.min_height:.0f} mm of the table at '
                f'{self.limits.table_height} m (the median is {np.median(heights):.2f} m above '
                'it): are extrinsics, table height and the unit of the depth right?'
            )

    def _hangs(self, view: DepthView, center: np.ndarray, size: np.ndarray, yaw: float) -> bool:
        """Tell whether the table is seen where what carries a body must stand."""
        base = center[2] - 0.5 * size[2] - self.limits.table_height
        mask = np.zeros(view.height.shape, np.uint8)
        below = np.array([*center[:2], self.limits.table_height + 0.5 * base])
        # What carries a body is under its centre, and may be much narrower.
        slim = np.array([0.3 * size[0], 0.3 * size[1], base])
        for value, place, sides in ((1, below, slim), (0, center, size)):
            outline = outline_polygon('box', place, sides, yaw, self.intrinsics, view.pose)
            cv2.fillConvexPoly(mask, np.rint(outline).astype(np.int32), value)
        heights = view.height[mask > 0]
        seen = heights[~np.isnan(heights)]
        return bool(len(seen) > 10 and (seen < self.limits.min_height).mean() > 0.5)

    def _describe(
        self, view: DepthView, body: Body, color_of: Callable[[BlockRegion], np.ndarray]
    ) -> Detection | None:
        """Return the detection of a fitted body, or None if it can be no block."""
        parameters, region, limits = body.parameters, body.region, self.limits
        if body.shape == 'box':
            yaw, sides = smallest_yaw(parameters[2], parameters[3:5])
            size = np.array([*sides, region.thickness])
        elif body.shape == 'cylinder':
            yaw, size = 0.0, np.array([2 * parameters[2], 2 * parameters[2], region.thickness])
        else:
            yaw, size = 0.0, np.full(3, 2 * parameters[2])
        if not limits.allows(size[:2]):
            return None
        pixel = np.median(view.depth[region.rows, region.columns]) / view.focal
        if body.rms > MAX_MISFIT * pixel:
            return None
        center = np.array([*parameters[:2], limits.table_height + region.base + 0.5 * size[2]])
        outline = outline_polygon(body.shape, center, size, yaw, self.intrinsics, view.pose)
        area = abs(cv2.contourArea(outline.astype(np.float32)))
        visible = float(np.clip(len(region.rows) / max(area, 1.0), 0.0, 1.0))
        if visible < MIN_VISIBLE or (region.base > 0 and self._hangs(view, center, size, yaw)):
            return None
        covariance = _covariance(body, center, view.origin, visible)
        if visible < LITTLE_VISIBLE and np.trace(covariance) > MAX_SIGMA**2:
            return None
        return Detection(
            position=center,
            covariance=covariance,
            color=color_of(region),
            size=size,
            yaw=yaw,
            shape=body.shape,
            num_pixels=len(region.rows),
            visible_fraction=visible,
            outline=outline,
        )

    def _describe_box(
        self, view: DepthView, box: OpenBox, color_of: Callable[[BlockRegion], np.ndarray]
    ) -> Detection:
        """Return the detection of an open box."""
        size = np.array([*box.sides, box.height])
        center = np.array([*box.center, self.limits.table_height + 0.5 * box.height])
        region = BlockRegion(OTHER, *box.rim, np.ones(len(box.rim[0]), dtype=bool), box.height)
        return Detection(
            position=center,
            covariance=BOX_SIGMA**2 * np.eye(3),
            color=color_of(region),
            size=size,
            yaw=box.yaw,
            shape=OPEN_BOX,
            num_pixels=len(box.rim[0]),
            visible_fraction=1.0,
            outline=outline_polygon('box', center, size, box.yaw, self.intrinsics, view.pose),
        )


def _segment_around(
    boxes: list[OpenBox],
    color: np.ndarray,
    view: DepthView,
    limits: BlockLimits,
    robot: OrientedBoxes | None,
) -> Segmentation:
    """Segment a frame as if open boxes had no walls; what is in one stands on its floor."""
    heights = [view.height[box.walls].copy() for box in boxes]
    for box in boxes:
        view.height[box.walls] = 0.0
    found = segment(color, view, limits, robot)
    for box, height in zip(boxes, heights):
        view.height[box.walls] = height
        found.labels[box.walls] = OTHER
        rows, columns = np.nonzero(found.labels == TABLE)
        inside = box.hold(view.points(rows, columns)[:, :2])
        found.labels[rows[inside], columns[inside]] = OTHER
        for region in found.regions:
            xy = view.points(region.rows, region.columns)[:, :2]
            if region.base == 0 and box.hold(xy.mean(axis=0, keepdims=True))[0]:
                region.base = RIM
    return found


def _covariance(body: Body, center: np.ndarray, origin: np.ndarray, visible: float) -> np.ndarray:
    """Return (3, 3): the fit's, the height's share along the line of sight, and a floor."""
    depth = float(np.linalg.norm(center - origin))
    # Systematic depth error of structured light, shared by all pixels of a face.
    height_sigma = 0.0001 + 0.0003 * depth**2
    sight = (center - origin) / (center[2] - origin[2])
    sight[2] = 0.5
    covariance = height_sigma**2 * np.outer(sight, sight)
    planar = np.linalg.inv(body.covariance[:2, :2])
    covariance[:2, :2] += np.linalg.inv(planar + np.eye(2) / FIT_SIGMA**2)
    covariance[2, 2] += (0.5 * body.region.sigma) ** 2
    # What is hidden of a block is hidden from the fit's own covariance too.
    doubt = FLOOR_SIGMA**2 + (HIDDEN_SIGMA * (1.0 - visible)) ** 2
    doubt += 4.0 * max(body.misfit**2 - UPRIGHT_MISFIT**2, 0.0)
    return covariance + doubt * np.eye(3)
