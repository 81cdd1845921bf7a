"""Blocks on a table from one RGB-D frame: where, how large, how turned, of what colour and shape.

The centre comes from a body fitted to the whole visible outline (upper face and walls together)
and the height of the upper face; what hides a part of the outline is known from depth and limits
the fit instead of bending it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from concept_control.errors import PerceptionError
from concept_control.perception.albedo import measure_color, scene_light
from concept_control.perception.camera import Intrinsics, check_frame
from concept_control.perception.outline import outline_polygon
from concept_control.perception.segmentation import (
    HOLE,
    OTHER,
    BlockLimits,
    Region,
    Segmentation,
    View,
    segment,
)
from concept_control.perception.silhouette import (
    FACE,
    LIMIT,
    OUTLINE,
    Fit,
    Outlines,
    fit,
    surface_distance,
)

MAX_POINTS = 160
"""Outline points a body; more are thinned out."""

PIXEL_SIGMA = 0.35
"""Standard deviation of an outline point in pixels: uniform over one, and a little for noise."""

CUBE_SIGMA = 0.006
"""How far side lengths are expected from the height [m]; weak beside a visible outline."""

SURFACE_SIGMA = 0.0005
"""Misfit of a surface below which shapes are not told apart [m]."""

SURFACE_POINTS = 60.0
"""How many independent outline points all surface points together weigh as."""

OCCLUDER_STEP = 0.008
"""A neighbour pixel nearer by this much is an occluder's [m]."""

OWN_DEPTH = 0.04
"""Pixels farther than this behind a block's border pixel are none of its own [m]."""

FACE_DEPTH = 0.004
"""Pixels this little below an upper face count as on it [m]."""

SAME_HEIGHT = 0.0015
"""Upper faces that differ by less are level [m]."""

MAX_PIECES = 6
"""Touching blocks of one colour that are told apart."""

HIDDEN_SIGMA = 0.008
"""Standard deviation of a position measured on a block that is all but hidden [m]."""

FLOOR_SIGMA = 0.0004
"""Standard deviation that no position is claimed to beat [m]."""


@dataclass(frozen=True)
class Detection:
    """One block as one frame shows it.

    Attributes:
        position: (3,) centre of the body, world frame [m].
        covariance: (3, 3) of the position [m²].
        color: (3,) albedo, RGB in [0, 1].
        size: (3,) side lengths along its own axes [m]; a cylinder's and ball's are diameters.
        yaw: rotation about the vertical axis [rad], in (-pi/4, pi/4] for a square footprint and
            (-pi/2, pi/2] otherwise; 0 for round bodies.
        shape: box, cylinder or ball.
        num_pixels: pixels that show it.
        visible_fraction: of its silhouette, in [0, 1].
        pixels: (2,) image position (u, v) of its pixels' centroid.
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
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(2))
    outline: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))


class Detector:
    """Finds blocks in the frames of one camera; keeps what depends on the calibration alone."""

    def __init__(
        self,
        intrinsics: Intrinsics,
        limits: BlockLimits | None = None,
        table_color: np.ndarray | None = None,
        refine_table: bool = True,
    ) -> None:
        """Prepare a detector.

        Args:
            intrinsics: of the camera, colour and depth registered to it.
            limits: what may be on the table.
            table_color: (3,) albedo of the table, RGB in [0, 1], from which the light is
                measured; None takes the light for white and right.
            refine_table: whether to correct the table's plane by what the depth map shows of it
                (a few millimetres and tenths of a degree).
        """
        self.intrinsics = intrinsics
        self.limits = limits or BlockLimits()
        self.table_color = None if table_color is None else np.asarray(table_color, dtype=float)
        if self.table_color is not None and (
            self.table_color.shape != (3,)
            or not ((self.table_color > 0) & (self.table_color <= 1)).all()
        ):
            raise PerceptionError(f'table colour {table_color} is not RGB in (0, 1]')
        self.refine_table = refine_table
        self.segmentation: Segmentation | None = None
        self._rays = intrinsics.rays()
        self._pose: np.ndarray | None = None
        self._view_last: View | None = None
        self._directions = np.zeros(0, dtype=np.float32)

    def detect(
        self, color: np.ndarray, depth: np.ndarray, T_world_camera: np.ndarray
    ) -> list[Detection]:
        """Find the blocks in a frame.

        Args:
            color: (H, W, 3) uint8 RGB.
            depth: (H, W) metres along the optical axis, NaN in holes.
            T_world_camera: (4, 4) pose of the optical frame.

        Returns:
            The blocks, in no particular order.

        Raises:
            PerceptionError: for images that do not fit the calibration or a pose that is none.
        """
        check_frame(color, depth, self.intrinsics)
        view = self._view(np.asarray(depth, dtype=np.float32), _check_pose(T_world_camera))
        self.segmentation = segment(color, view, self.limits)
        regions = self.segmentation.regions
        if not regions:
            return []
        bodies = _Bodies(self, view, self.segmentation)
        return bodies.detections(color)

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

    def _view(self, depth: np.ndarray, pose: np.ndarray) -> View:
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
        focal = 0.5 * (self.intrinsics.fx + self.intrinsics.fy)
        view = View(self._directions, pose.copy(), depth, height, focal)
        if self.refine_table:
            height += _table_correction(view, limits)
        self._view_last = view
        return view


def detect(
    color: np.ndarray,
    depth: np.ndarray,
    intrinsics: Intrinsics,
    T_world_camera: np.ndarray,
    table_height: float = 0.0,
) -> list[Detection]:
    """Find the blocks in one frame; for a stream keep a `Detector`, which is faster.

    Args:
        color: (H, W, 3) uint8 RGB.
        depth: (H, W) metres along the optical axis, NaN in holes.
        intrinsics: of the camera.
        T_world_camera: (4, 4) pose of the optical frame.
        table_height: of the table's top, world frame [m].

    Raises:
        PerceptionError: for images that do not fit the calibration or a pose that is none.
    """
    limits = BlockLimits(table_height=table_height)
    return Detector(intrinsics, limits).detect(color, depth, T_world_camera)


def _check_pose(pose: np.ndarray) -> np.ndarray:
    pose = np.asarray(pose, dtype=np.float64)
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise PerceptionError(f'a camera pose must be finite (4, 4), got {pose.shape}')
    rotation = pose[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0:
        raise PerceptionError('the camera pose holds no rotation (is it row-major, and 4 x 4?)')
    return pose


def _table_correction(view: View, limits: BlockLimits) -> np.ndarray:
    """Return (H, W) metres to add to heights so that the table seen is flat and at zero."""
    rows = np.arange(4, view.height.shape[0], 9)
    columns = np.arange(4, view.height.shape[1], 9)
    rows, columns = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing='ij'))
    height = view.height[rows, columns]
    near = np.abs(height) < 2.0 * limits.min_height
    rows, columns, height = rows[near], columns[near], height[near]
    nothing = np.zeros((1, 1), dtype=np.float32)
    if len(rows) < 100:
        return nothing
    xy = view.points(rows, columns)[:, :2]
    basis = np.column_stack([np.ones(len(xy)), xy])
    plane = np.zeros(3)
    for cut in (np.inf, 0.006, 0.004):
        kept = np.abs(height - basis @ plane) < cut
        if kept.sum() < 100:
            return nothing
        plane = np.linalg.lstsq(basis[kept], height[kept], rcond=None)[0]
    if np.abs(plane).max() < 1e-5:
        return nothing
    origin, slopes = view.origin[:2], plane[1:]
    lift = view.directions[..., 0] * np.float32(slopes[0])
    lift += view.directions[..., 1] * np.float32(slopes[1])
    return -(view.depth * lift + np.float32(plane[0] + slopes @ origin))


class _Bodies:
    """The bodies of one frame while they are being fitted."""

    def __init__(self, detector: Detector, view: View, segmentation: Segmentation) -> None:
        self.detector = detector
        self.limits = detector.limits
        self.view = view
        self.labels = segmentation.labels
        self.regions = segmentation.regions

    def detections(self, color: np.ndarray) -> list[Detection]:
        self._split_oversized()
        shapes, fits = self._fit()
        if self._join_overlapping(shapes, fits):
            shapes, fits = self._fit()
        found = []
        light = scene_light(color, self.labels, self.detector.table_color)
        for index, (region, shape) in enumerate(zip(self.regions, shapes)):
            detection = self._describe(color, light, region, shape, fits[shape], index)
            if detection is not None:
                found.append(detection)
        return found

    def _join_overlapping(self, shapes: list[str], fits: dict[str, Fit]) -> bool:
        """Join regions whose bodies would stand in each other, such as a block and its wall."""
        bodies = [fits[shape].parameters[index] for index, shape in enumerate(shapes)]
        order = sorted(range(len(bodies)), key=lambda index: -len(self.regions[index].rows))
        kept: list[int] = []
        for index in order:
            region = self.regions[index]
            for other in kept:
                gap = np.linalg.norm(bodies[index][:2] - bodies[other][:2])
                if gap < 0.4 * min(region.height, self.regions[other].height):
                    self.regions[other] = self._joined(self.regions[other], region)
                    break
            else:
                kept.append(index)
        if len(kept) == len(bodies):
            return False
        self.regions = [self.regions[index] for index in sorted(kept)]
        return True

    def _joined(self, region: Region, part: Region) -> Region:
        """Return a region with another's pixels added."""
        self.labels[part.rows, part.columns] = region.label
        return replace(
            region,
            rows=np.concatenate([region.rows, part.rows]),
            columns=np.concatenate([region.columns, part.columns]),
            is_top=np.concatenate([region.is_top, np.zeros(len(part.rows), dtype=bool)]),
        )

    def _fit(self) -> tuple[list[str], dict[str, Fit]]:
        """Fit every shape to every region; return each region's best shape and all fits."""
        outlines = self._outlines()
        starts = [self._start(region) for region in self.regions]
        boxes = np.array([start for start, _ in starts])
        centers = boxes[:, :2]
        tops = np.array([region.height for region in self.regions])
        num = len(boxes)
        # The first guess of the yaw may be caught by an occluder's edge: try three.
        turned = np.repeat(boxes, 3, axis=0)
        turned[:, 2] += np.tile(np.deg2rad([0.0, 30.0, 60.0]), num)
        prior = np.column_stack([np.zeros((num, 3)), tops, tops])
        tight = np.array([bool(region.siblings) for region in self.regions])
        sigma = np.full((num, 5), np.inf)
        sigma[:, 3:] = np.where(tight, 0.001, CUBE_SIGMA)[:, None]
        thrice = np.repeat(np.arange(num), 3)
        tried = fit('box', outlines.select(thrice), turned, prior[thrice], sigma[thrice])
        best = tried.cost.reshape(num, 3).argmin(axis=1) + 3 * np.arange(num)
        box = Fit(
            tried.parameters[best], tried.covariance[best], tried.cost[best], tried.rms[best]
        )
        round_start = np.column_stack([centers, 0.5 * tops])
        round_sigma = np.tile([np.inf, np.inf, CUBE_SIGMA], (num, 1))
        cylinder = fit('cylinder', outlines, round_start, round_start, round_sigma)
        ball_start = np.array([self._sphere(region) for region in self.regions])
        ball = fit('ball', outlines, ball_start, ball_start, round_sigma)
        fits = {'box': box, 'cylinder': cylinder, 'ball': ball}
        shapes = [
            self._best_shape(region, fits, index) for index, region in enumerate(self.regions)
        ]
        return shapes, fits

    def _best_shape(self, region: Region, fits: dict[str, Fit], index: int) -> str:
        """Return the shape whose outline and surface explain a region best."""
        points = self.view.points(region.rows, region.columns)
        points[:, 2] -= self.limits.table_height
        scores = {}
        for shape, found in fits.items():
            distance = surface_distance(shape, found.parameters[index], region.height, points)
            # Depth errors of neighbouring pixels are alike: count them as a few.
            spread = np.log(np.mean(distance**2) + SURFACE_SIGMA**2)
            scores[shape] = found.cost[index] + SURFACE_POINTS * spread
        # A box has more parameters to fit chance with, but is commoner.
        scores['box'] -= 4.0
        return min(scores, key=lambda shape: scores[shape])

    def _start(self, region: Region) -> tuple[np.ndarray, float]:
        rows, columns = region.rows, region.columns
        if region.is_top.any():
            rows, columns = rows[region.is_top], columns[region.is_top]
        xy = self._on_plane(self.view.directions[rows, columns], region.height)
        center, (width, length), angle = cv2.minAreaRect(xy.astype(np.float32))
        return np.array([*center, np.deg2rad(angle), region.height, region.height]), max(
            width, length
        )

    def _on_plane(self, directions: np.ndarray, height: float) -> np.ndarray:
        """Return (N, 2) world x, y where rays meet the plane of an upper face."""
        origin = self.view.origin
        drop = self.limits.table_height + height - origin[2]
        return origin[:2] + directions[:, :2] * (drop / directions[:, 2:3])

    def _sphere(self, region: Region) -> np.ndarray:
        """Return (3,) x, y, radius of the ball through a region's points, as a first guess."""
        points = self.view.points(region.rows, region.columns)
        mean = points.mean(axis=0)
        # A sphere of centre c: |p|² = 2 c·p + k, with k = r² - |c|².
        local = points - mean
        basis = np.column_stack([2.0 * local, np.ones(len(local))])
        solution = np.linalg.lstsq(basis, (local**2).sum(axis=1), rcond=None)[0]
        center = solution[:3]
        radius = float(np.sqrt(max(solution[3] + center @ center, 0.0)))
        is_ball = 0.4 * self.limits.min_side < radius < 0.6 * self.limits.max_side
        if not is_ball or np.hypot(center[0], center[1]) > radius:
            return np.array([mean[0], mean[1], 0.5 * region.height])
        return np.array([center[0] + mean[0], center[1] + mean[1], radius])

    def _outlines(self) -> Outlines:
        """Collect the outline points of all regions."""
        owners, directions, point_kinds = _boundary(self.view, self.labels, self.regions)
        num = len(self.regions)
        tops = np.array([region.height for region in self.regions]) + self.limits.table_height
        index_of = np.full(self.labels.max() + 1, -1)
        index_of[[region.label for region in self.regions]] = np.arange(num)
        index = index_of[owners]
        order = np.argsort(index, kind='stable')
        order = order[index[order] >= 0]
        index, directions, point_kinds = index[order], directions[order], point_kinds[order]
        counts = np.bincount(index, minlength=num)
        size = int(min(max(counts.max(initial=1), 1), MAX_POINTS))
        points = np.zeros((num, size, 2))
        rays = np.zeros((num, size, 3))
        rays[..., 2] = -1.0
        weights = np.zeros((num, size))
        kinds = np.full((num, size), OUTLINE)
        sigma = np.ones(num)
        ends = np.cumsum(counts)
        for k, region in enumerate(self.regions):
            chosen = np.arange(ends[k] - counts[k], ends[k])
            weight = 1.0
            if counts[k] > size:
                weight = counts[k] / size
                chosen = chosen[np.linspace(0, counts[k] - 1, size).astype(int)]
            count = len(chosen)
            points[k, :count] = self._on_plane(directions[chosen], region.height)
            lengths = np.linalg.norm(directions[chosen], axis=1, keepdims=True)
            rays[k, :count] = directions[chosen] / lengths
            weights[k, :count] = weight
            kinds[k, :count] = point_kinds[chosen]
            middle = np.median(self.view.depth[region.rows, region.columns])
            sigma[k] = PIXEL_SIGMA * float(middle) / self.view.focal
        bottom = np.full(num, self.limits.table_height + self.limits.min_height)
        return Outlines(
            points,
            rays,
            weights,
            kinds,
            tops,
            np.minimum(bottom, tops - 1e-3),
            sigma,
            self.view.origin,
            self.limits.table_height,
        )

    def _split_oversized(self) -> None:
        """Cut regions larger than any block into touching blocks of one colour, by shape."""
        regions: list[Region] = []
        next_label = max(region.label for region in self.regions) + 1
        for region in self.regions:
            pieces = self._pieces(region)
            if len(pieces) == 1:
                regions.append(region)
                continue
            labels = [region.label, *range(next_label, next_label + len(pieces) - 1)]
            next_label += len(pieces) - 1
            for label, members in zip(labels, pieces):
                rows, columns = region.rows[members], region.columns[members]
                self.labels[rows, columns] = label
                siblings = tuple(other for other in labels if other != label)
                regions.append(
                    Region(label, rows, columns, region.is_top[members], region.height, siblings)
                )
        self.regions = regions

    def _pieces(self, region: Region) -> list[np.ndarray]:
        whole = [np.arange(len(region.rows))]
        top = region.is_top
        if top.sum() < 2 * 25:
            return whole
        xy = self.view.points(region.rows, region.columns)[:, :2].astype(np.float32)
        longest = max(cv2.minAreaRect(xy)[1])
        # Blocks are about as wide as they are high; twice as long is two of them.
        if longest <= 1.2 * self.limits.max_side and longest <= 1.7 * region.height:
            return whole
        # How many squares as wide as the block is high the upper face would make.
        heights = self.view.height[region.rows, region.columns]
        spread = float(np.clip(2.0 * heights[top].std(), 0.001, FACE_DEPTH))
        upper = np.flatnonzero(np.abs(heights - region.height) < spread)
        depth = self.view.depth[region.rows[upper], region.columns[upper]]
        slant = np.abs(self.view.directions[region.rows[upper], region.columns[upper], 2])
        area = float(((depth / self.view.focal) ** 2 / slant).sum())
        num = min(round(area / region.height**2), MAX_PIECES)
        if num < 2:
            return whole
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-5)
        cv2.setRNGSeed(0)
        start = np.zeros((len(upper), 1), dtype=np.int32)
        _, _, centers = cv2.kmeans(xy[upper], num, start, criteria, 5, cv2.KMEANS_PP_CENTERS)
        distances = np.linalg.norm(xy[:, None] - np.asarray(centers)[None], axis=2)
        member = distances.argmin(axis=1)
        pieces = [np.flatnonzero(member == k) for k in range(num)]
        return [piece for piece in pieces if len(piece) >= 25]

    def _describe(
        self,
        color: np.ndarray,
        light: np.ndarray | None,
        region: Region,
        shape: str,
        fits: Fit,
        index: int,
    ) -> Detection | None:
        """Return the detection of a fitted region, or None if it can be no block."""
        parameters, covariance = fits.parameters[index], fits.covariance[index]
        top, limits = region.height, self.limits
        if shape == 'box':
            yaw, sides = _canonical(parameters[2], parameters[3:5])
            size = np.array([*sides, top])
        elif shape == 'cylinder':
            yaw, size = 0.0, np.array([2 * parameters[2], 2 * parameters[2], top])
        else:
            yaw, size = 0.0, np.full(3, 2 * parameters[2])
        footprint = size[:2]
        if footprint.min() < limits.min_side or footprint.max() > 1.2 * limits.max_side:
            return None
        pixel = np.median(self.view.depth[region.rows, region.columns]) / self.view.focal
        if fits.rms[index] > 3.0 * pixel:
            return None
        center = np.array([*parameters[:2], limits.table_height + 0.5 * size[2]])
        outline = outline_polygon(
            shape, center, size, yaw, self.detector.intrinsics, self.view.pose
        )
        area = abs(cv2.contourArea(outline.astype(np.float32)))
        visible = float(np.clip(len(region.rows) / max(area, 1.0), 0.0, 1.0))
        if visible < 0.12:
            return None
        return Detection(
            position=center,
            covariance=self._covariance(covariance[:2, :2], center, visible),
            color=measure_color(
                color, self.view, self.labels, region, self.detector.table_color, light
            ),
            size=size,
            yaw=yaw,
            shape=shape,
            num_pixels=len(region.rows),
            visible_fraction=visible,
            pixels=np.array([region.columns.mean(), region.rows.mean()]),
            outline=outline,
        )

    def _covariance(self, planar: np.ndarray, center: np.ndarray, visible: float) -> np.ndarray:
        """Return (3, 3): the fit's, the height's share along the line of sight, and a floor."""
        depth = float(np.linalg.norm(center - self.view.origin))
        # Systematic depth error of structured light, shared by all pixels of a face.
        height_sigma = 0.0002 + 0.0005 * depth**2
        sight = (center - self.view.origin) / (center[2] - self.view.origin[2])
        sight[2] = 0.5
        covariance = height_sigma**2 * np.outer(sight, sight)
        covariance[:2, :2] += planar
        # What is hidden of a block is hidden from the fit's own covariance too.
        doubt = FLOOR_SIGMA**2 + (HIDDEN_SIGMA * (1.0 - visible)) ** 2
        return covariance + doubt * np.eye(3)


def _canonical(yaw: float, sides: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the same box with the smallest equivalent yaw."""
    turns = round(yaw / (np.pi / 2))
    yaw = yaw - turns * np.pi / 2
    return float(yaw), np.abs(sides[::-1] if turns % 2 else sides)


def _boundary(
    view: View, labels: np.ndarray, regions: list[Region]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the outline between unlike neighbour pixels.

    Returns:
        owners: (Q,) label of the block.
        directions: (Q, 3) world-frame directions halfway between the two pixels.
        kinds: (Q,) as in `Outlines.kinds`.
    """
    rows = np.concatenate([region.rows for region in regions])
    columns = np.concatenate([region.columns for region in regions])
    guessed = {(r.label, other) for r in regions for other in r.siblings}
    tops = np.zeros(labels.max() + 1)
    tops[[region.label for region in regions]] = [region.height for region in regions]
    owners, directions, kinds = [], [], []
    height, width = labels.shape
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        r, c = rows + down, columns + right
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        r0, c0, r, c = rows[inside], columns[inside], r[inside], c[inside]
        own, other = labels[r0, c0], labels[r, c]
        edge = (own != other) & (own > 0) & (other != HOLE)
        if guessed:
            edge &= np.array([(a, b) not in guessed for a, b in zip(own, other)], dtype=bool)
        r0, c0, r, c, own, other = (array[edge] for array in (r0, c0, r, c, own, other))
        middle = 0.5 * (view.directions[r0, c0] + view.directions[r, c])
        owners.append(own)
        directions.append(middle)
        kinds.append(_kinds(view, tops, (r0, c0, own), (r, c, other)))
    return (
        np.concatenate(owners),
        np.concatenate(directions).astype(np.float64),
        np.concatenate(kinds),
    )


def _kinds(
    view: View,
    tops: np.ndarray,
    here: tuple[np.ndarray, np.ndarray, np.ndarray],
    there: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return what the border between a block's pixel and its unlike neighbour tells of the block.

    Args:
        view: the depth.
        tops: by label, height of the upper face.
        here: rows, columns and labels of the block's pixels.
        there: of their neighbours.
    """
    own, other = here[2], there[2]
    step = view.depth[there[0], there[1]] - view.depth[here[0], here[1]]
    kinds = np.where(step < -OCCLUDER_STEP, LIMIT, OUTLINE)
    # A pixel near by that is nobody's is likely mixed, or the body's own: it may reach there.
    kinds[(other == OTHER) & (step < OWN_DEPTH)] = LIMIT
    is_block = other > 0
    if not is_block.any():
        return kinds
    top, next_top = tops[own], tops[np.maximum(other, 0)]
    on_top = view.height[here[0], here[1]] > top - FACE_DEPTH
    next_on_top = view.height[there[0], there[1]] > next_top - FACE_DEPTH
    # Another block's foot or face hides the lower part of this one's wall.
    kinds[is_block & ~on_top & (step < OCCLUDER_STEP)] = LIMIT
    # Beside the upper face nothing of the wall is seen: the border is the face's own edge, unless
    # the neighbour stands higher and before it.
    kinds[is_block & on_top & (step >= -OCCLUDER_STEP)] = FACE
    kinds[is_block & on_top & next_on_top & (next_top > top + SAME_HEIGHT)] = LIMIT
    return kinds
