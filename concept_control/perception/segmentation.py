"""Which pixels of an RGB-D frame belong to which block on the table.

Depth says what stands above the table and which surfaces face up; colour, in a space that shading
hardly moves, says where one block's top ends and a touching one's begins. Colours are compared
with each other only: there is no palette.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from concept_control.errors import PerceptionError

TABLE = 0
OTHER = -1
HOLE = -2

TOP_SLOPE = 0.45
"""Height gained per metre of image footprint below which a surface faces up; walls have >= 1."""

EDGE_CHROMA = 0.10
EDGE_LIGHTNESS = 0.22
SAME_CHROMA = 0.07
OTHER_CHROMA = 0.2
"""Difference of chroma from which a pixel is not taken for a body's without looking at all of its
neighbours."""

DARK_CHROMA = 0.15
"""The same for pixels that are nearly black, where chroma is noise."""

FINE_PIXELS = 7.5
"""Pixels across the smallest block from which there is room for smoothing."""

CLIPPED = 250
"""A colour channel from here on says only 'at least so much'."""

DARK = 0.12
"""Added to R + G + B (0 .. 3) so that the chroma of black, which is noise, tends to neutral."""


@dataclass(frozen=True)
class _Grain:
    """How coarsely an image shows blocks, and the sizes in pixels that follow from it.

    Attributes:
        footprint: of a pixel at the table [m].
        radius: of the filters [pixels]; an upper face loses a rim this wide to them.
        min_seed: pixels of a piece of an upper face.
        min_region: pixels of a block.
    """

    footprint: float
    radius: int
    min_seed: int
    min_region: int

    @classmethod
    def of(cls, view: View, limits: BlockLimits) -> _Grain:
        footprint = float(np.nanmedian(view.depth)) / view.focal
        if limits.min_side / footprint > FINE_PIXELS:
            return cls(footprint, radius=2, min_seed=12, min_region=30)
        return cls(footprint, radius=1, min_seed=5, min_region=14)

    @property
    def rim(self) -> float:
        """How far walls are from what surely faces up, seen somewhat aslant [m]."""
        return 0.002 + 1.6 * self.radius * self.footprint


@dataclass(frozen=True)
class BlockLimits:
    """What may be on the table.

    Attributes:
        table_height: of the table's top, world frame [m].
        min_height: above the table, below which everything is table [m].
        max_height: above the table, above which nothing is a block [m].
        min_side: of a block seen from above [m].
        max_side: of a block seen from above [m].
        bounds: (x_min, x_max, y_min, y_max) where blocks may be, world frame [m]; None for
            everywhere.
    """

    table_height: float = 0.0
    min_height: float = 0.008
    max_height: float = 0.065
    min_side: float = 0.022
    max_side: float = 0.06
    bounds: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.min_height < self.max_height or not 0 < self.min_side < self.max_side:
            raise PerceptionError(
                'block limits need 0 < min_height < max_height and 0 < min_side < max_side, got '
                f'heights {self.min_height} .. {self.max_height} m, sides {self.min_side} .. '
                f'{self.max_side} m'
            )
        if self.bounds is not None:
            x_min, x_max, y_min, y_max = self.bounds
            if not (x_min < x_max and y_min < y_max):
                raise PerceptionError(
                    f'bounds {self.bounds} are empty; expected (x_min, x_max, y_min, y_max)'
                )


@dataclass(frozen=True)
class View:
    """A depth map seen from a known place.

    Attributes:
        directions: (H, W, 3) float32 world-frame direction of each pixel per metre of depth.
        pose: (4, 4) of the optical frame in the world's.
        depth: (H, W) float32 [m], NaN in holes.
        height: (H, W) float32 above the table [m], NaN in holes.
        focal: pixels per radian, about.
    """

    directions: np.ndarray
    pose: np.ndarray
    depth: np.ndarray
    height: np.ndarray
    focal: float

    @property
    def origin(self) -> np.ndarray:
        """(3,) camera centre, world frame [m]."""
        return self.pose[:3, 3]

    def points(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return (N, 3) world-frame points [m] of pixels."""
        return self.origin + self.directions[rows, columns] * self.depth[rows, columns][:, None]


@dataclass
class Region:
    """The pixels of one block.

    Attributes:
        label: its value in the label map.
        rows: (P,) rows of all its pixels.
        columns: (P,) columns.
        is_top: (P,) bool, pixels surely on the upper face.
        height: of the upper face above the table [m].
        siblings: labels of blocks it was cut from by shape alone, their common border being
            a guess.
    """

    label: int
    rows: np.ndarray
    columns: np.ndarray
    is_top: np.ndarray
    height: float
    siblings: tuple[int, ...] = ()


@dataclass(frozen=True)
class Segmentation:
    """Blocks found in a frame.

    Attributes:
        labels: (H, W) int32: `TABLE`, `OTHER` (arm, clutter), `HOLE` or a block's label >= 1.
        regions: the blocks' pixels.
    """

    labels: np.ndarray
    regions: list[Region]


def chromaticity(color: np.ndarray) -> np.ndarray:
    """Return (..., 3) float32 (red-green, yellow-blue, lightness) of (..., 3) uint8 RGB.

    The first two do not change when a surface is lit more or less; the third is the logarithm of
    the light, so that its differences do not depend on the exposure either.
    """
    rgb = color.astype(np.float32) * np.float32(1.0 / 255.0)
    total = rgb.sum(axis=-1) + np.float32(DARK)
    result = np.empty_like(rgb)
    result[..., 0] = (rgb[..., 0] - rgb[..., 1]) / total
    result[..., 1] = (rgb[..., 0] + rgb[..., 1] - 2.0 * rgb[..., 2]) / (2.0 * total)
    result[..., 2] = np.log(total)
    return result


def segment(color: np.ndarray, view: View, limits: BlockLimits) -> Segmentation:
    """Find the pixels of each block.

    Args:
        color: (H, W, 3) uint8 RGB.
        view: the depth of the same frame.
        limits: what may be on the table.

    Returns:
        Label map and regions; a region is a candidate, its fit decides.
    """
    labels = np.full(view.depth.shape, HOLE, dtype=np.int32)
    valid = ~np.isnan(view.height)
    labels[valid] = TABLE
    raised = view.height > limits.min_height
    labels[raised] = OTHER
    candidates = raised & (view.height < limits.max_height)
    if limits.bounds is not None:
        candidates &= _within(view, limits.bounds)
    window = _bounding_window(candidates, margin=4)
    if window is None:
        return Segmentation(labels, [])
    inner = View(
        view.directions[window],
        view.pose,
        view.depth[window],
        view.height[window],
        view.focal,
    )
    regions = _regions(inner, color[window], candidates[window], limits)
    top, left = window[0].start, window[1].start
    for region in regions:
        region.rows += top
        region.columns += left
        labels[region.rows, region.columns] = region.label
    return Segmentation(labels, regions)


def _within(view: View, bounds: tuple[float, float, float, float]) -> np.ndarray:
    x = view.directions[..., 0] * view.depth + np.float32(view.origin[0])
    y = view.directions[..., 1] * view.depth + np.float32(view.origin[1])
    return (x > bounds[0]) & (x < bounds[1]) & (y > bounds[2]) & (y < bounds[3])


def _bounding_window(mask: np.ndarray, margin: int) -> tuple[slice, slice] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )


def _regions(
    view: View, color: np.ndarray, candidates: np.ndarray, limits: BlockLimits
) -> list[Region]:
    chroma = chromaticity(color)
    is_clipped = color.max(axis=-1) >= CLIPPED
    grain = _Grain.of(view, limits)
    faces_up = _slope(view, grain.radius) < TOP_SLOPE
    seeds = candidates & faces_up & ~_color_edges(chroma, grain.radius)
    num, labels, stats, _ = cv2.connectedComponentsWithStats(
        seeds.astype(np.uint8), connectivity=4
    )
    keep = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= grain.min_seed) + 1
    renumber = np.zeros(num, dtype=np.int32)
    renumber[keep] = np.arange(1, len(keep) + 1)
    labels = renumber[labels]
    facts = [_Seed.measure(view, chroma, is_clipped, labels == k) for k in range(1, len(keep) + 1)]
    labels, facts = _merge(labels, facts, limits)
    full = _assign(view, chroma, candidates, labels, facts, grain)
    regions = []
    for label in range(1, full.max() + 1):
        rows, columns = np.nonzero(full == label)
        if len(rows) < grain.min_region:
            continue
        is_top = labels[rows, columns] == label
        heights = view.height[rows, columns]
        upper = heights[is_top] if is_top.any() else heights
        height = float(np.median(upper) if is_top.any() else np.percentile(upper, 90))
        near = np.abs(upper - height) < 0.005
        if is_top.any() and near.any():
            height = float(upper[near].mean())
        regions.append(Region(label, rows, columns, is_top, height))
    return regions


def _slope(view: View, radius: int) -> np.ndarray:
    """Return (H, W) height gained per metre of image footprint, of planes fitted around pixels."""
    size = 2 * radius + 1
    height, valid = view.height, ~np.isnan(view.height)
    if not valid.all():
        filled = np.where(valid, height, np.float32(0.0))
        weight = cv2.blur(valid.astype(np.float32), (size, size))
        mean = cv2.blur(filled, (size, size)) / np.maximum(weight, np.float32(1e-3))
        height = np.where(valid, height, mean)
    ramp, ones = np.arange(-radius, radius + 1.0), np.ones(size)
    ramp /= size * (ramp**2).sum()
    along = cv2.sepFilter2D(height, cv2.CV_32F, ramp, ones)
    across = cv2.sepFilter2D(height, cv2.CV_32F, ones, ramp)
    footprint = np.where(valid, view.depth, np.float32(1.0)) * np.float32(1.0 / view.focal)
    return cv2.magnitude(along, across) / footprint


def _color_edges(chroma: np.ndarray, radius: int) -> np.ndarray:
    """Return (H, W) bool where the surface's colour changes, whatever the light does slowly."""
    smooth = cv2.blur(chroma, (3, 3)) if radius > 1 else chroma
    step, one = np.array([-1.0, 0.0, 1.0]), np.ones(1)
    along = np.abs(cv2.sepFilter2D(smooth, cv2.CV_32F, step, one))
    across = np.abs(cv2.sepFilter2D(smooth, cv2.CV_32F, one, step))
    change = np.maximum(along, across)
    return (change[..., 0] + change[..., 1] > EDGE_CHROMA) | (change[..., 2] > EDGE_LIGHTNESS)


@dataclass
class _Seed:
    """A connected piece of an upper face: where it is and what colour."""

    xy: np.ndarray
    height: float
    chroma: np.ndarray
    center: np.ndarray
    axes: np.ndarray
    half: np.ndarray
    is_clipped: bool

    @classmethod
    def measure(
        cls, view: View, chroma: np.ndarray, is_clipped: np.ndarray, mask: np.ndarray
    ) -> _Seed:
        rows, columns = np.nonzero(mask)
        xy = view.points(rows, columns)[:, :2].astype(np.float32)
        height = float(np.median(view.height[rows, columns]))
        clipped = bool(is_clipped[rows, columns].mean() > 0.5)
        return cls.from_points(xy, height, np.median(chroma[rows, columns], axis=0), clipped)

    @classmethod
    def from_points(
        cls, xy: np.ndarray, height: float, chroma: np.ndarray, is_clipped: bool
    ) -> _Seed:
        center, (width, length), angle = cv2.minAreaRect(xy)
        axis = np.deg2rad(angle)
        axes = np.array([[np.cos(axis), np.sin(axis)], [-np.sin(axis), np.cos(axis)]])
        half = 0.5 * np.array([width, length])
        return cls(xy, height, chroma, np.array(center), axes, half, is_clipped)

    def joined(self, other: _Seed) -> _Seed:
        """Return both pieces as one."""
        union = np.concatenate([self.xy, other.xy])
        share = len(self.xy) / len(union)
        return self.from_points(
            union,
            share * self.height + (1.0 - share) * other.height,
            share * self.chroma + (1.0 - share) * other.chroma,
            self.is_clipped or other.is_clipped,
        )

    def distance(self, xy: np.ndarray) -> np.ndarray:
        """Return (N,) distances [m] of (N, 2) points to the rectangle around the seed."""
        outside = np.abs((xy - self.center) @ self.axes.T) - self.half
        return np.linalg.norm(np.maximum(outside, 0.0), axis=1)

    def would_reach(self, xy: np.ndarray) -> float:
        """Return the longer side [m] of the rectangle around the seed and (N, 2) points."""
        return max(cv2.minAreaRect(np.concatenate([self.xy, xy]))[1])


def _merge(
    labels: np.ndarray, seeds: list[_Seed], limits: BlockLimits
) -> tuple[np.ndarray, list[_Seed]]:
    """Join pieces of one upper face that a shadow's edge, a highlight or noise cut apart."""
    order = list(range(len(seeds)))
    joined = True
    while joined:
        joined = False
        for i, j in combinations(range(len(seeds)), 2):
            if order[i] == i and order[j] == j and _is_one_face(seeds[i], seeds[j], limits):
                seeds[i], order[j], joined = seeds[i].joined(seeds[j]), i, True
    roots = [i for i in range(len(seeds)) if order[i] == i]
    renumber = np.zeros(len(seeds) + 1, dtype=np.int32)
    for i in range(len(seeds)):
        root = i
        while order[root] != root:
            root = order[root]
        renumber[i + 1] = roots.index(root) + 1
    return renumber[labels], [seeds[i] for i in roots]


def _is_one_face(a: _Seed, b: _Seed, limits: BlockLimits) -> bool:
    if abs(a.height - b.height) > 0.005:
        return False
    if np.linalg.norm(a.center - b.center) > 1.5 * limits.max_side:
        return False
    if min(a.distance(b.xy).min(), b.distance(a.xy).min()) > 0.012:
        return False
    union = max(cv2.minAreaRect(np.concatenate([a.xy, b.xy]))[1])
    if union > limits.max_side:
        return False
    # Together a cube's face, or one too narrow to be a block: one body under different light.
    height = max(a.height, b.height)
    is_cube = union < 1.1 * height
    is_part = 2.0 * min(a.half.min(), b.half.min()) < 0.6 * limits.min_side
    is_part &= union < 1.4 * height
    is_alike = np.abs(a.chroma[:2] - b.chroma[:2]).sum() < SAME_CHROMA
    return bool(is_cube or is_part or is_alike)


def _assign(
    view: View,
    chroma: np.ndarray,
    candidates: np.ndarray,
    labels: np.ndarray,
    seeds: list[_Seed],
    grain: _Grain,
) -> np.ndarray:
    """Give the walls, edges and mixed pixels to the upper face they lie under or beside.

    A wall stands on its upper face's outline, so a pixel's own (x, y) says whose it is; colour
    decides between blocks that touch.
    """
    full = labels.copy()
    rows, columns = np.nonzero(candidates & (labels == 0))
    if len(rows) == 0:
        return full
    xy = view.points(rows, columns)[:, :2]
    heights = view.height[rows, columns]
    colors = chroma[rows, columns]
    best = np.full(len(rows), np.inf)
    owner = np.zeros(len(rows), dtype=np.int32)
    for k, seed in enumerate(seeds, start=1):
        distance = seed.distance(xy)
        tint, is_alike = _compare(colors, seed.chroma)
        # The visible part of a ball reaches far beyond the cap that faces up.
        is_near = (distance < max(0.012, 0.45 * seed.height)) & (heights < seed.height + 0.008)
        cost = distance / 0.004 + tint / 0.08
        better = is_near & is_alike & (cost < best)
        best[better], owner[better] = cost[better], k
    full[rows, columns] = owner
    _place_pieces(view, chroma, full, candidates, seeds, grain)
    return full


def _compare(colors: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare pixels with a surface that may be lit more or less.

    Args:
        colors: (N, 3) as from `chromaticity`.
        reference: (3,) of the surface.

    Returns:
        (N,) difference of chroma, and (N,) bool whether it may be the same surface.
    """
    # Undo the damping of dark colours for the surface and redo it for each pixel's light.
    saturation = np.maximum(1.0 - DARK * np.exp(-colors[:, 2]), 0.0)
    own = max(1.0 - DARK * float(np.exp(-reference[2])), 0.3)
    expected = saturation[:, None] * (reference[:2] / own)
    tint = np.abs(colors[:, :2] - expected).sum(axis=1)
    return tint, tint < np.maximum(OTHER_CHROMA * saturation, DARK_CHROMA)


def _place_pieces(
    view: View,
    chroma: np.ndarray,
    full: np.ndarray,
    candidates: np.ndarray,
    seeds: list[_Seed],
    grain: _Grain,
) -> None:
    """Label what is left: discoloured walls, far corners, and bodies without a sure upper face.

    Over-exposure discolours a wall's upper face; of a block the arm nearly hides only a corner,
    or no upper face at all, may be seen.
    """
    rest = (candidates & (full == 0)).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=4)
    label = len(seeds)
    for piece in np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= 4) + 1:
        left, top, width, height, area = stats[piece]
        window = (
            slice(max(top - 1, 0), top + height + 1),
            slice(max(left - 1, 0), left + width + 1),
        )
        mask = (pieces[window] == piece).astype(np.uint8)
        rows, columns = np.nonzero(mask)
        rows, columns = rows + window[0].start, columns + window[1].start
        xy = view.points(rows, columns)[:, :2].astype(np.float32)
        colors = chroma[rows, columns]
        around = full[window][cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0]
        best, owner = grain.rim, 0
        for k in np.unique(around[(around > 0) & (around <= len(seeds))]):
            seed = seeds[k - 1]
            distance = float(np.median(seed.distance(xy)))
            share = float(_compare(colors, seed.chroma)[1].mean())
            if share > 0.6 and seed.would_reach(xy) < 1.5 * seed.height:
                distance = min(distance, 0.9 * grain.rim)
            # Light discolours a wall's face only where it is too much for the camera.
            if distance < best and (share > 0.4 or seed.is_clipped):
                best, owner = distance, int(k)
        if owner:
            full[rows, columns] = owner
        elif area >= 2 * grain.min_region:
            label += 1
            full[rows, columns] = label
