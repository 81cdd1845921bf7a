"""Outline points of the bodies in an image, and what each tells about its body."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_control.perception.detection.block_region import FACE_DEPTH, BlockRegion
from concept_control.perception.detection.depth_view import DepthView
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.detection.segmentation import HOLE, OTHER
from concept_control.perception.detection.silhouette import FACE, LIMIT, OUTLINE, Outlines

MAX_POINTS = 160
"""Largest number of outline points a body; more are thinned out."""

MAX_WALL_POINTS = 40
"""Largest number of points of a block's walls that are looked at."""

PIXEL_SIGMA = 0.35
"""Standard deviation of an outline point in pixels: uniform over one, and a little for noise."""

OCCLUDER_STEP = 0.008
"""Depth by which a neighbour pixel of an occluder is nearer [m]."""

OWN_DEPTH = 0.04
"""Largest depth of a block's own pixels behind one at its border [m]."""

SUPPORT_STEP = 0.006
"""Difference of height up to which a lower face is taken to stand on an upper one [m]."""

SAME_HEIGHT = 0.0015
"""Difference of height below which upper faces are level [m]."""


def collect_outlines(
    view: DepthView, labels: np.ndarray, regions: Sequence[BlockRegion], limits: BlockLimits
) -> Outlines:
    """Collect the outline points of all regions.

    Args:
        view: Depth of the frame.
        labels: (H, W) labels of its segmentation.
        regions: Regions of the K bodies, at least one.
        limits: Limits of what may be on the table.

    Returns:
        Outlines of K bodies, in the order of the regions.
    """
    owners, directions, point_kinds = _boundary(view, labels, regions)
    num = len(regions)
    tops = np.array([region.height for region in regions]) + limits.table_height
    bases = np.array([region.base for region in regions])
    order, counts = _by_region(labels, owners, regions)
    directions, point_kinds = directions[order], point_kinds[order]
    size = int(min(max(counts.max(initial=1), 1), MAX_POINTS))
    # Of a block in a stack little of the outline is its own: its walls say where it stands.
    walls = [_wall_points(view, region) for region in regions]
    width = size + max(map(len, walls))
    points = np.zeros((num, width, 2))
    rays = np.zeros((num, width, 3))
    rays[..., 2] = -1.0
    weights = np.zeros((num, width))
    kinds = np.full((num, width), OUTLINE)
    sigma = np.ones(num)
    ends = np.cumsum(counts)
    for k, region in enumerate(regions):
        chosen = np.arange(ends[k] - counts[k], ends[k])
        weight = 1.0
        if counts[k] > size:
            weight = counts[k] / size
            chosen = chosen[np.linspace(0, counts[k] - 1, size).astype(int)]
        count = len(chosen)
        points[k, :count] = view.on_plane(directions[chosen], tops[k])
        rays[k, :count] = _unit(directions[chosen])
        weights[k, :count] = weight
        kinds[k, :count] = point_kinds[chosen]
        end = count + len(walls[k])
        points[k, count:end], kinds[k, count:end], weights[k, count:end] = walls[k][:, :2], FACE, 1
        rays[k, count:end] = _unit(walls[k] - view.origin)
        middle = np.median(view.depth[region.rows, region.columns])
        sigma[k] = PIXEL_SIGMA * float(middle) / view.focal
    bottom = limits.table_height + np.maximum(bases, limits.min_height)
    return Outlines(
        points,
        rays,
        weights,
        kinds,
        tops,
        np.minimum(bottom, tops - 1e-3),
        sigma,
        view.origin,
        limits.table_height + bases,
    )


def _by_region(
    labels: np.ndarray, owners: np.ndarray, regions: Sequence[BlockRegion]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of points by the regions of their owners, and (K,) how many each has."""
    index_of = np.full(labels.max() + 1, -1)
    index_of[[region.label for region in regions]] = np.arange(len(regions))
    index = index_of[owners]
    order = np.argsort(index, kind='stable')
    order = order[index[order] >= 0]
    return order, np.bincount(index[order], minlength=len(regions))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return (N, 3) vectors of length 1 along others."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _boundary(
    view: DepthView, labels: np.ndarray, regions: Sequence[BlockRegion]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the outline between unlike neighbour pixels.

    These are the label of the block (Q,), world-frame directions (Q, 3) halfway between the two
    pixels, and kinds (Q,) as in `Outlines.kinds`.
    """
    rows = np.concatenate([region.rows for region in regions])
    columns = np.concatenate([region.columns for region in regions])
    guessed = {(r.label, other) for r in regions for other in r.siblings}
    levels = np.zeros((2, labels.max() + 1))
    for region in regions:
        levels[:, region.label] = region.height, region.base
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
        kinds.append(_kinds(view, levels, (r0, c0, own), (r, c, other)))
    return (
        np.concatenate(owners),
        np.concatenate(directions).astype(np.float64),
        np.concatenate(kinds),
    )


def _kinds(
    view: DepthView,
    levels: np.ndarray,
    here: tuple[np.ndarray, np.ndarray, np.ndarray],
    there: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return the kinds of the outline points between pixels of blocks and unlike neighbours.

    `levels` (2, L) are heights of upper and lower faces by label [m]; both places are rows,
    columns and labels.
    """
    own, other = here[2], there[2]
    step = view.depth[there[0], there[1]] - view.depth[here[0], here[1]]
    kinds = np.where(step < -OCCLUDER_STEP, LIMIT, OUTLINE)
    # A pixel near by that is nobody's is likely mixed, or the body's own: it may reach there.
    kinds[(other == OTHER) & (step < OWN_DEPTH)] = LIMIT
    is_block = other > 0
    if not is_block.any():
        return kinds
    (top, _), (next_top, next_base) = levels[:, own], levels[:, np.maximum(other, 0)]
    on_top = view.height[here[0], here[1]] > top - FACE_DEPTH
    next_on_top = view.height[there[0], there[1]] > next_top - FACE_DEPTH
    # Another block's foot or face hides the lower part of this one's wall.
    kinds[is_block & ~on_top & (step < OCCLUDER_STEP)] = LIMIT
    # Beside the upper face nothing of the wall is seen: the border is the face's own edge, unless
    # the neighbour stands higher and before it.
    kinds[is_block & on_top & (step >= -OCCLUDER_STEP)] = FACE
    kinds[is_block & on_top & next_on_top & (next_top > top + SAME_HEIGHT)] = LIMIT
    # What stands on this block hides a part of its upper face, wherever that ends.
    stands_on_it = is_block & (np.abs(next_base - top) < SUPPORT_STEP)
    kinds[stands_on_it & (step < OCCLUDER_STEP)] = LIMIT
    return kinds


def _wall_points(view: DepthView, region: BlockRegion) -> np.ndarray:
    """Return (N, 3) some points of the walls of a block in a stack, world frame [m]."""
    if not region.in_stack:
        return np.zeros((0, 3))
    heights = view.height[region.rows, region.columns]
    inner = (heights < region.height - FACE_DEPTH) & (heights > region.base + 0.5 * FACE_DEPTH)
    chosen = np.flatnonzero(inner)
    chosen = chosen[:: 1 + len(chosen) // MAX_WALL_POINTS]
    return view.points(region.rows[chosen], region.columns[chosen])
