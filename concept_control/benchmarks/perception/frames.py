"""How well single frames of random tables are understood, block by block."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.chromaticity import CLIPPED
from concept_control.perception.detection.detector import Detection, Detector
from concept_control.perception.detection.outline import outline_polygon
from concept_control.perception.detection.silhouette import surface_distance
from concept_control.perception.tracking.fusion import fuse
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.clutter import Clutter
from concept_control.simulation.simulated_camera import SimulatedCamera

MATCH_DISTANCE = 0.015
"""A detection farther from every block than this is false [m]."""

TOUCHING, ALIKE = 'touching', 'touching, one colour'
HIDDEN, OVEREXPOSED, SHADED = 'partly hidden', 'over-exposed', 'in shadow'
ON, UNDER = 'on another', 'under another'
TRAITS = (TOUCHING, ALIKE, HIDDEN, OVEREXPOSED, SHADED, ON, UNDER)
"""What makes a block difficult; it may be several of these."""

SLACK = 0.0004
"""Distance from a block's surface up to which a point of a perfect depth map is on it [m]."""

SAME_COLOR = 0.15
"""Largest difference of a channel of blocks that count as of one colour."""


Found = TypeVar('Found', Detection, TrackedEntity)


@dataclass(frozen=True)
class Truth:
    """A block as it really is.

    Attributes:
        position: (3,) centre, world frame [m].
        yaw: Heading [rad].
        size: (3,) sides [m].
        color: (3,) RGB in [0, 1].
        shape: One of "box", "cylinder" and "ball".
    """

    position: np.ndarray
    yaw: float
    size: np.ndarray
    color: np.ndarray
    shape: str


@dataclass(frozen=True)
class BlockResult:
    """One block of one frame: what was found of it.

    Attributes:
        truth: Block as it really is.
        visible: Fraction of its silhouette that the frame shows.
        detection: Detection or entity that was matched to it; None if it was missed.
        traits: Names among `TRAITS` that apply to it.
    """

    truth: Truth
    visible: float
    detection: Detection | TrackedEntity | None
    traits: frozenset[str] = frozenset()

    @property
    def error(self) -> np.ndarray:
        """(3,) detected minus true position [m]; NaN if missed."""
        if self.detection is None:
            return np.full(3, np.nan)
        return self.detection.position - self.truth.position

    @property
    def color_error(self) -> float:
        """Largest difference of a channel; NaN if missed."""
        if self.detection is None:
            return float('nan')
        return float(np.abs(self.detection.color - self.truth.color).max())


@dataclass(frozen=True)
class FrameResult:
    """One frame, of one camera or of several taken together.

    Attributes:
        blocks: Blocks of the table, each with what was found of it.
        false: Detections where no block is.
        seconds: CPU time of the detection [s].
        color: (H, W, 3) image of the first camera.
        detections: All detections, false ones included.
        intrinsics: Intrinsics of the first camera.
        T_world_camera: (4, 4) pose of its optical frame.
    """

    blocks: list[BlockResult]
    false: list[Detection]
    seconds: float
    color: np.ndarray
    detections: list[Detection]
    intrinsics: Intrinsics
    T_world_camera: np.ndarray


def truths(clutter: Clutter) -> list[Truth]:
    """Return the blocks of a random table."""
    return [
        Truth(*fields)
        for fields in zip(
            clutter.positions, clutter.yaws, clutter.sizes, clutter.colors, clutter.shapes
        )
    ]


def evaluate_frame(
    clutter: Clutter,
    cameras: Sequence[SimulatedCamera],
    noise: StructuredLightNoise | None = None,
    rng: np.random.Generator | None = None,
    knows_table: bool = True,
) -> list[FrameResult]:
    """Look at a random table once and compare with the truth.

    Args:
        clutter: Random table.
        cameras: Cameras in its model.
        noise: Noise of the cameras; None for perfect ones.
        rng: Random generator of the noise.
        knows_table: Whether the detector is told the table's mean colour.

    Returns:
        One result per camera; if there are several, one more of all fused.
    """
    rng = rng or np.random.default_rng(0)
    blocks = truths(clutter)
    results: list[FrameResult] = []
    for camera in cameras:
        color, depth = camera.render(clutter.data)
        pose = camera.T_world_camera(clutter.data)
        shares = [visible_fraction(block, depth, camera.intrinsics, pose) for block in blocks]
        traits = [
            find_traits(clutter, index, share, color, camera.intrinsics, pose)
            for index, share in enumerate(shares)
        ]
        if noise is not None:
            color, depth = noise.apply(rng, color, depth, camera.intrinsics.fx)
        detector = Detector(
            camera.intrinsics, table_color=clutter.table_color if knows_table else None
        )
        # What depends on the pose alone is computed once for a camera that stands still.
        detector.detect(color, depth, pose, clutter.robot)
        start = time.thread_time()
        found = detector.detect(color, depth, pose, clutter.robot)
        seconds = time.thread_time() - start
        judged, false = judge(blocks, shares, traits, found)
        results.append(FrameResult(judged, false, seconds, color, found, camera.intrinsics, pose))
    if len(results) > 1:
        results.append(_fuse(blocks, results))
    return results


def _fuse(blocks: Sequence[Truth], results: Sequence[FrameResult]) -> FrameResult:
    """Judge what several cameras see together; a block is as visible as to the best of them."""
    start = time.thread_time()
    found = fuse([result.detections for result in results])
    seconds = sum(result.seconds for result in results) + time.thread_time() - start
    views = list(zip(*(result.blocks for result in results)))
    shares = [max(block.visible for block in view) for view in views]
    traits = [frozenset.intersection(*(block.traits for block in view)) for view in views]
    judged, false = judge(blocks, shares, traits, found)
    return replace(results[0], blocks=judged, false=false, seconds=seconds, detections=found)


def find_traits(
    clutter: Clutter,
    index: int,
    visible: float,
    color: np.ndarray,
    intrinsics: Intrinsics,
    T_world_camera: np.ndarray,
) -> frozenset[str]:
    """Return which of `TRAITS` a block has in an image."""
    traits = set()
    touching = np.flatnonzero(clutter.neighbours == index).tolist()
    if clutter.neighbours[index] >= 0:
        touching.append(int(clutter.neighbours[index]))
    if touching:
        traits.add(TOUCHING)
        contrast = np.abs(clutter.colors[touching] - clutter.colors[index]).max(axis=1)
        if (contrast < SAME_COLOR).any():
            traits.add(ALIKE)
    if visible < 0.9:
        traits.add(HIDDEN)
    if clutter.carriers[index] >= 0:
        traits.add(ON)
    if index in clutter.carriers:
        traits.add(UNDER)
    if clutter.is_shaded[index]:
        traits.add(SHADED)
    block = truths(clutter)[index]
    polygon = outline_polygon(
        block.shape, block.position, block.size, block.yaw, intrinsics, T_world_camera
    )
    mask = np.zeros(color.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.rint(polygon).astype(np.int32), 1)
    pixels = color[mask > 0]
    if len(pixels) and (pixels.max(axis=1) >= CLIPPED).mean() > 0.5:
        traits.add(OVEREXPOSED)
    return frozenset(traits)


def judge(
    blocks: Sequence[Truth],
    visible: Sequence[float],
    traits: Sequence[frozenset[str]],
    detections: Sequence[Found],
) -> tuple[list[BlockResult], list[Found]]:
    """Compare detections with the truth; return each block's result and what is of no block."""
    matched, false = match(blocks, detections)
    return [BlockResult(*fields) for fields in zip(blocks, visible, matched, traits)], false


def match(
    blocks: Sequence[Truth], detections: Sequence[Found]
) -> tuple[list[Found | None], list[Found]]:
    """Return each block's detection or entity, and those that are of no block."""
    if not blocks or not detections:
        return [None] * len(blocks), list(detections)
    distances = np.array(
        [[np.linalg.norm(d.position - b.position) for d in detections] for b in blocks]
    )
    rows, columns = linear_sum_assignment(np.where(distances < MATCH_DISTANCE, distances, 1e3))
    matched: list[Found | None] = [None] * len(blocks)
    used = set()
    for row, column in zip(rows, columns):
        if distances[row, column] < MATCH_DISTANCE:
            matched[row] = detections[column]
            used.add(column)
    return matched, [d for i, d in enumerate(detections) if i not in used]


def visible_fraction(
    block: Truth, depth: np.ndarray, intrinsics: Intrinsics, T_world_camera: np.ndarray
) -> float:
    """Return how much of a block's silhouette a perfect depth map shows, in [0, 1]."""
    polygon = outline_polygon(
        block.shape, block.position, block.size, block.yaw, intrinsics, T_world_camera
    )
    low = np.maximum(np.floor(polygon.min(axis=0)).astype(int), 0)
    high = np.minimum(
        np.ceil(polygon.max(axis=0)).astype(int) + 1, (intrinsics.width, intrinsics.height)
    )
    if (low >= high).any():
        return 0.0
    window = slice(low[1], high[1]), slice(low[0], high[0])
    points = intrinsics.rays()[window] * depth[window][..., None]
    points = points.reshape(-1, 3) @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]
    parameters = np.array([*block.position[:2], block.yaw, *block.size[:2]])
    if block.shape != 'box':
        parameters = np.array([*block.position[:2], 0.5 * block.size[0]])
    points[:, 2] -= block.position[2] - 0.5 * block.size[2]
    inside = surface_distance(block.shape, parameters, block.size[2], points) < SLACK
    area = abs(cv2.contourArea(polygon.astype(np.float32)))
    return float(min(inside.sum() / max(area, 1.0), 1.0))
