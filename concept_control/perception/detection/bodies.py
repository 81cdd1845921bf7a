"""Fit of boxes, cylinders and balls to the regions of a frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from concept_control.perception.detection.block_region import FACE_DEPTH, BlockRegion
from concept_control.perception.detection.borders import collect_outlines
from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.detection.segmentation import Segmentation
from concept_control.perception.detection.silhouette import (
    SilhouetteFit,
    fit_silhouettes,
    fit_sphere,
    surface_distance,
)

CUBE_SIGMA = 0.006
"""Standard deviation of side lengths from the height [m]; weak beside a visible outline."""

SURFACE_SIGMA = 0.0005
"""Misfit of a surface below which shapes are not told apart [m]."""

SURFACE_POINTS = 60.0
"""Weight of all surface points together, in independent outline points."""

MAX_SURFACE_POINTS = 500
"""Number of points of a surface looked at to tell shapes apart."""

UPRIGHT_MISFIT = 0.0018
"""Misfit of a surface from which a block does not stand upright but, say, leans on another; what
is less may be the noise of a camera [m]."""

MIN_PIXELS = 25
"""Least number of pixels of a part into which a region is divided."""

SLIMMEST = 1.7
"""Height of a block over its narrower side from which it is several blocks."""

MIXED = 0.1
"""Share of a region's pixels that may lie between it and what is behind: mixed at its border."""

TRIAL_POINTS, TRIAL_ITERATIONS = 3, 4
"""Thinning of the outlines, and iterations, for trying a box's first yaw."""

MAX_PIECES = 6
"""Largest number of touching blocks of one colour that are told apart."""


@dataclass(frozen=True)
class Body:
    """A body fitted to a region.

    Attributes:
        region: Pixels that show it.
        shape: Shape class: box, cylinder or ball.
        parameters: (D,) parameters as in `silhouette`: x, y and yaw, sides or radius.
        covariance: (D, D) covariance of the parameters.
        rms: Root mean square distance of its outline points [m].
        misfit: Root mean square distance of what is seen of it from its surface [m].
    """

    region: BlockRegion
    shape: str
    parameters: np.ndarray
    covariance: np.ndarray
    rms: float
    misfit: float


def fit_bodies(view: DepthView, segmentation: Segmentation, limits: BlockLimits) -> list[Body]:
    """Fit a body to each region, cutting and joining regions where that explains them better.

    Args:
        view: Depth of the frame.
        segmentation: Segmentation of the frame; its labels follow the cuts and joins.
        limits: Limits of what may be on the table.
    """
    if not segmentation.regions:
        return []
    return list(_BodyFitter(view, segmentation, limits).bodies())


class _BodyFitter:
    """Fits bodies to the regions of one frame, cutting and joining regions."""

    def __init__(self, view: DepthView, segmentation: Segmentation, limits: BlockLimits) -> None:
        self.view = view
        self.limits = limits
        self.labels = segmentation.labels
        self.regions = segmentation.regions

    def bodies(self) -> Iterator[Body]:
        self._split_oversized()
        shapes, misfits, fits = self._fit()
        if self._divide_slim(shapes, fits):
            shapes, misfits, fits = self._fit()
        is_changed = self._measure_bases(shapes, fits) | self._take_for_cubes(shapes, fits)
        if is_changed | self._join_parts(shapes, misfits, fits):
            shapes, misfits, fits = self._fit()
        for index, (region, shape) in enumerate(zip(self.regions, shapes)):
            found = fits[shape]
            yield Body(
                region,
                shape,
                found.parameters[index],
                found.covariance[index],
                float(found.rms[index]),
                misfits[index],
            )

    def _divide_slim(self, shapes: list[str], fits: dict[str, SilhouetteFit]) -> bool:
        """Divide blocks in stacks that would be slimmer than blocks are, as nothing tells where.

        Their narrower side is the one that is seen.
        """
        num = len(self.regions)
        label = max(region.label for region in self.regions)
        for index in range(num):
            region, sides = self.regions[index], _sides(shapes, fits, index)
            width = max(float(sides.min()), self.limits.min_side)
            count = round(region.thickness / width)
            if not region.in_stack or region.thickness < SLIMMEST * width:
                continue
            heights = self.view.height[region.rows, region.columns] - region.base
            share = region.thickness / count
            level = np.clip((heights / share).astype(int), 0, count - 1)
            if np.bincount(level, minlength=count).min() < MIN_PIXELS:
                continue
            for step in range(count - 1):
                below = level == step
                label += 1
                self.labels[region.rows[below], region.columns[below]] = label
                base = region.base + step * share
                self.regions.append(region.part(below, label, base, base + share))
            top = region.height - share
            self.regions[index] = region.part(level == count - 1, region.label, top, region.height)
        return len(self.regions) > num

    def _measure_bases(self, shapes: list[str], fits: dict[str, SilhouetteFit]) -> bool:
        """Take blocks whose feet are hidden for as high as they turned out to be wide."""
        guessed = [index for index, region in enumerate(self.regions) if region.is_guessed]
        for index in guessed:
            region, wide = self.regions[index], float(_sides(shapes, fits, index).mean())
            region.base = max(region.height - wide, self.limits.min_height)
        return bool(guessed)

    def _take_for_cubes(self, shapes: list[str], fits: dict[str, SilhouetteFit]) -> bool:
        """Take blocks in stacks for as wide as high whose outlines tell impossible sides."""
        is_changed = False
        for index, region in enumerate(self.regions):
            sides = _sides(shapes, fits, index)
            # Without an upper face, what is more than allowed may be of what stands beside.
            is_long = not region.is_top.any() and sides.max() > self.limits.max_side
            if region.in_stack and (is_long or not self.limits.allows(sides)):
                region.is_cube = is_changed = True
        return is_changed

    def _join_parts(
        self, shapes: list[str], misfits: list[float], fits: dict[str, SilhouetteFit]
    ) -> bool:
        """Join regions whose bodies would stand in each other, such as a block and its wall.

        Parts of what leans are joined too: neither is a block that stands upright.
        """
        bodies = [fits[shape].parameters[index] for index, shape in enumerate(shapes)]
        order = sorted(range(len(bodies)), key=lambda index: -len(self.regions[index].rows))
        kept: list[int] = []
        for index in order:
            region = self.regions[index]
            for other in kept:
                gap = np.linalg.norm(bodies[index][:2] - bodies[other][:2])
                overlap = region.overlap(self.regions[other])
                is_leaning = min(misfits[index], misfits[other]) > UPRIGHT_MISFIT
                # What stands on another overlaps it a little, where its foot is hidden.
                thickness = min(region.thickness, self.regions[other].thickness)
                is_beside = overlap > 0.4 * thickness
                if (
                    is_beside
                    and (is_leaning or gap < 0.4 * overlap)
                    and self._extent(region, self.regions[other]) < self.limits.longest
                ):
                    self.regions[other] = self._joined(self.regions[other], region)
                    break
            else:
                kept.append(index)
        if len(kept) == len(bodies):
            return False
        self.regions = [self.regions[index] for index in sorted(kept)]
        return True

    def _extent(self, *regions: BlockRegion) -> float:
        """Return how long all that is seen of regions is, from above [m]."""
        xy = [self.view.points(region.rows, region.columns)[:, :2] for region in regions]
        return float(max(cv2.minAreaRect(np.concatenate(xy).astype(np.float32))[1]))

    def _joined(self, region: BlockRegion, part: BlockRegion) -> BlockRegion:
        """Return a region with another's pixels added."""
        self.labels[part.rows, part.columns] = region.label
        return replace(
            region,
            rows=np.concatenate([region.rows, part.rows]),
            columns=np.concatenate([region.columns, part.columns]),
            is_top=np.concatenate([region.is_top, np.zeros(len(part.rows), dtype=bool)]),
        )

    def _fit(self) -> tuple[list[str], list[float], dict[str, SilhouetteFit]]:
        """Fit every shape to every region.

        Returns:
            Each region's best shape, its misfit [m], and all fits.
        """
        outlines = collect_outlines(self.view, self.labels, self.regions, self.limits)
        boxes = np.array([self._start(region) for region in self.regions])
        tops = np.array([region.thickness for region in self.regions])
        num = len(boxes)
        prior = np.column_stack([np.zeros((num, 3)), tops, tops])
        tight = np.array([region.is_cube or bool(region.siblings) for region in self.regions])
        sigma = np.full((num, 5), np.inf)
        doubt = CUBE_SIGMA + np.array([region.sigma for region in self.regions])
        sigma[:, 3:] = np.where(tight, 0.001, doubt)[:, None]
        # The first guess of the yaw may be caught by an occluder's edge: try three roughly.
        turned = np.repeat(boxes, 3, axis=0)
        turned[:, 2] += np.tile(np.deg2rad([0.0, 30.0, 60.0]), num)
        thrice = np.repeat(np.arange(num), 3)
        tried = fit_silhouettes(
            'box',
            outlines.thinned(TRIAL_POINTS).select(thrice),
            turned,
            prior[thrice],
            sigma[thrice],
            TRIAL_ITERATIONS,
        )
        best = tried.cost.reshape(num, 3).argmin(axis=1) + 3 * np.arange(num)
        box = fit_silhouettes('box', outlines, tried.parameters[best], prior, sigma)
        round_sigma = np.column_stack([np.full((num, 2), np.inf), doubt])
        round_start = np.column_stack([boxes[:, :2], 0.5 * tops])
        cylinder = fit_silhouettes('cylinder', outlines, round_start, round_start, round_sigma)
        ball_start = np.array([self._sphere(region) for region in self.regions])
        ball = fit_silhouettes('ball', outlines, ball_start, ball_start, round_sigma)
        fits = {'box': box, 'cylinder': cylinder, 'ball': ball}
        best_shapes = [
            self._best_shape(region, fits, index) for index, region in enumerate(self.regions)
        ]
        return [s for s, _ in best_shapes], [misfit for _, misfit in best_shapes], fits

    def _best_shape(
        self, region: BlockRegion, fits: dict[str, SilhouetteFit], index: int
    ) -> tuple[str, float]:
        """Return the shape whose outline and surface explain a region best, and its misfit [m]."""
        points = self._sample(region)
        points[:, 2] -= self.limits.table_height + region.base
        scores, misfits = {}, {}
        for shape, found in fits.items():
            if shape == 'ball' and region.in_stack:
                continue  # it neither carries nor rests on another
            parameters = found.parameters[index]
            square = surface_distance(shape, parameters, region.thickness, points) ** 2
            num = int(np.ceil((1.0 - MIXED) * len(square)))
            misfit = float(np.partition(square, num - 1)[:num].mean())
            # Depth errors of neighbouring pixels are alike: count them as a few.
            spread = np.log(misfit + SURFACE_SIGMA**2)
            misfits[shape] = float(np.sqrt(misfit))
            scores[shape] = found.cost[index] + SURFACE_POINTS * spread
        # A box has more parameters to fit chance with, but is commoner.
        scores['box'] -= 4.0
        best = min(scores, key=lambda shape: scores[shape])
        return best, misfits[best]

    def _sample(self, region: BlockRegion) -> np.ndarray:
        """Return (N, 3) some of the points of a region, enough to tell its surface from others."""
        every = 1 + len(region.rows) // MAX_SURFACE_POINTS
        return self.view.points(region.rows[::every], region.columns[::every])

    def _start(self, region: BlockRegion) -> np.ndarray:
        """Return (5,) a box as a first guess: the rectangle around the upper face."""
        rows, columns = region.rows, region.columns
        if region.in_stack and self._area(region, region.is_top) < 0.4 * region.thickness**2:
            # Its upper face is hidden: it is behind the walls that are seen.
            xy = self.view.points(rows, columns)[:, :2]
            away = xy.mean(axis=0) - self.view.origin[:2]
            angle = cv2.minAreaRect(xy.astype(np.float32))[2]
            center = xy.mean(axis=0) + 0.4 * region.thickness * away / np.linalg.norm(away)
            return np.array([*center, np.deg2rad(angle), region.thickness, region.thickness])
        if region.is_top.any():
            rows, columns = rows[region.is_top], columns[region.is_top]
        top = self.limits.table_height + region.height
        xy = self.view.on_plane(self.view.directions[rows, columns], top)
        center, _, angle = cv2.minAreaRect(xy.astype(np.float32))
        return np.array([*center, np.deg2rad(angle), region.thickness, region.thickness])

    def _area(self, region: BlockRegion, chosen: np.ndarray) -> float:
        """Return the area [m²] of level ground that some pixels of a region would show."""
        rows, columns = region.rows[chosen], region.columns[chosen]
        slant = np.abs(self.view.directions[rows, columns, 2])
        return float(((self.view.depth[rows, columns] / self.view.focal) ** 2 / slant).sum())

    def _sphere(self, region: BlockRegion) -> np.ndarray:
        """Return (3,) x, y, radius of the ball through a region's points, as a first guess."""
        points = self._sample(region)
        mean = points.mean(axis=0)
        center, radius = fit_sphere(points)
        is_ball = 0.4 * self.limits.min_side < radius < 0.6 * self.limits.max_side
        if not is_ball or np.hypot(*(center - mean)[:2]) > radius:
            return np.array([mean[0], mean[1], 0.5 * region.thickness])
        return np.array([*center[:2], radius])

    def _split_oversized(self) -> None:
        """Cut regions larger than any block into touching blocks of one colour, by shape."""
        regions: list[BlockRegion] = []
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
                part = replace(region, label=label, rows=rows, columns=columns, siblings=siblings)
                part.is_top = region.is_top[members]
                regions.append(part)
        self.regions = regions

    def _pieces(self, region: BlockRegion) -> list[np.ndarray]:
        whole = [np.arange(len(region.rows))]
        top = region.is_top
        if top.sum() < 2 * MIN_PIXELS:
            return whole
        xy = self.view.points(region.rows, region.columns)[:, :2].astype(np.float32)
        longest = self._extent(region)
        # Blocks are about as wide as they are high; twice as long is two of them.
        if longest <= 1.2 * self.limits.max_side and longest <= 1.7 * region.thickness:
            return whole
        # How many squares as wide as the block is high the upper face would make.
        heights = self.view.height[region.rows, region.columns]
        spread = float(np.clip(2.0 * heights[top].std(), 0.001, FACE_DEPTH))
        upper = np.flatnonzero(np.abs(heights - region.height) < spread)
        num = min(round(self._area(region, upper) / region.thickness**2), MAX_PIECES)
        if num < 2:
            return whole
        member = _distances(xy, cluster_centers(xy[upper], num)).argmin(axis=1)
        pieces = [np.flatnonzero(member == k) for k in range(num)]
        return [piece for piece in pieces if len(piece) >= MIN_PIXELS]


def _sides(shapes: list[str], fits: dict[str, SilhouetteFit], index: int) -> np.ndarray:
    """Return the sides (2,) of a box, or the diameter (1,) of what is round, as fitted [m]."""
    parameters = fits[shapes[index]].parameters[index]
    return np.abs(parameters[3:] if shapes[index] == 'box' else 2.0 * parameters[2:])


def cluster_centers(xy: np.ndarray, num: int) -> np.ndarray:
    """Return (num, 2) centres of clusters of (N, 2) float32 points, by k-means.

    The best of four runs, from farthest-point traversals (Gonzalez 1985, "Clustering to minimize
    the maximum intercluster distance") that begin at the points farthest out along each axis:
    blocks that touch lie apart, and nothing is left to chance.
    """
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 30, 1e-5)
    runs = []
    for first in (*xy.argmin(axis=0), *xy.argmax(axis=0)):
        start = xy[[first]]
        while len(start) < num:
            start = np.vstack([start, xy[_distances(xy, start).min(axis=1).argmax()]])
        labels = _distances(xy, start).argmin(axis=1).astype(np.int32)[:, None]
        runs.append(cv2.kmeans(xy, num, labels, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS))
    return np.asarray(min(runs, key=lambda run: run[0])[2])


def _distances(xy: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (N, M) distances of (N, 2) to (M, 2) points."""
    return np.linalg.norm(xy[:, None] - others, axis=2)
