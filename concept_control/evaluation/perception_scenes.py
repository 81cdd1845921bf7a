"""How well single frames of random tables are understood, block by block."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from concept_control.perception.camera import Intrinsics
from concept_control.perception.fusion import fuse
from concept_control.perception.localisation import Detection, Detector
from concept_control.perception.outline import outline_polygon
from concept_control.simulation.camera import SimulatedCamera
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.clutter import Clutter

MATCH_DISTANCE = 0.015
"""A detection farther from every block than this is false [m]."""


@dataclass(frozen=True)
class Truth:
    """A block as it really is.

    Attributes:
        position: (3,) centre, world frame [m].
        yaw: [rad].
        size: (3,) [m].
        color: (3,) RGB in [0, 1].
        shape: box, cylinder or ball.
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
        truth: the block.
        visible: fraction of its silhouette that the frame shows.
        detection: what was taken for it, or None.
    """

    truth: Truth
    visible: float
    detection: Detection | None

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
        blocks: of the table, each with what was found of it.
        false: detections where nothing is.
        seconds: the detection took.
        color: (H, W, 3) image of the first camera.
        detections: all of them.
    """

    blocks: list[BlockResult]
    false: list[Detection]
    seconds: float
    color: np.ndarray
    detections: list[Detection]


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
        clutter: the table.
        cameras: of its model.
        noise: of the cameras; None for perfect ones.
        rng: of the noise.
        knows_table: whether the detector is told the table's mean colour.

    Returns:
        A result for each camera, and if there are several one more, of all fused.
    """
    rng = rng or np.random.default_rng(0)
    blocks = truths(clutter)
    results, shares = [], []
    for camera in cameras:
        color, depth = camera.render(clutter.data)
        pose = camera.T_world_camera(clutter.data)
        shares.append(
            [visible_fraction(block, depth, camera.intrinsics, pose) for block in blocks]
        )
        if noise is not None:
            color, depth = noise.apply(rng, color, depth, camera.intrinsics.fx)
        detector = Detector(
            camera.intrinsics, table_color=clutter.table_color if knows_table else None
        )
        # What depends on the pose alone is computed once for a camera that stands still.
        detector.detect(color, depth, pose)
        start = time.thread_time()
        detections = detector.detect(color, depth, pose)
        results.append(judge(blocks, shares[-1], detections, time.thread_time() - start, color))
    if len(results) > 1:
        start = time.thread_time()
        fused = fuse([result.detections for result in results])
        seconds = sum(result.seconds for result in results) + time.thread_time() - start
        best = [max(share) for share in zip(*shares)]
        results.append(judge(blocks, best, fused, seconds, results[0].color))
    return results


def judge(
    blocks: Sequence[Truth],
    visible: Sequence[float],
    detections: list[Detection],
    seconds: float,
    color: np.ndarray,
) -> FrameResult:
    """Compare detections with the truth."""
    matched, false = match(blocks, detections)
    results = [
        BlockResult(block, fraction, found)
        for block, fraction, found in zip(blocks, visible, matched)
    ]
    return FrameResult(results, false, seconds, color, detections)


def match(
    blocks: Sequence[Truth], detections: Sequence[Detection]
) -> tuple[list[Detection | None], list[Detection]]:
    """Return each block's detection, and the detections that are of no block."""
    if not blocks or not detections:
        return [None] * len(blocks), list(detections)
    distances = np.array(
        [[np.linalg.norm(d.position - b.position) for d in detections] for b in blocks]
    )
    rows, columns = linear_sum_assignment(np.where(distances < MATCH_DISTANCE, distances, 1e3))
    matched: list[Detection | None] = [None] * len(blocks)
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
    offset = points @ T_world_camera[:3, :3].T + T_world_camera[:3, 3] - block.position
    cos, sin = np.cos(block.yaw), np.sin(block.yaw)
    local = np.stack(
        [
            cos * offset[..., 0] + sin * offset[..., 1],
            cos * offset[..., 1] - sin * offset[..., 0],
            offset[..., 2],
        ],
        axis=-1,
    )
    slack = 0.0004
    if block.shape == 'ball':
        inside = np.linalg.norm(local, axis=-1) < 0.5 * block.size[0] + slack
    else:
        inside = (np.abs(local) < 0.5 * block.size + slack).all(axis=-1)
        if block.shape == 'cylinder':
            inside &= np.hypot(local[..., 0], local[..., 1]) < 0.5 * block.size[0] + slack
    area = abs(cv2.contourArea(polygon.astype(np.float32)))
    return float(min(inside.sum() / max(area, 1.0), 1.0))
