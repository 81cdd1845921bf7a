"""Fusion of the detections of several cameras, weighted by their covariances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from concept_control.perception.detection.detector import Detection
from concept_control.world.entity import OPEN_BOX

SAME_BLOCK = 0.6
"""Detections nearer than this share of the smaller side are of one block: two would overlap."""

SAME_PLACE = 30.0
"""Squared distance in units of both covariances beyond which one of two detections of a block is
wrong: of a normal error less than one in 500,000 is."""

SAME_SPACE = 0.35
"""Share of the smaller body's volume that a surer one fills, from which the smaller is not."""


def fuse(views: Sequence[Sequence[Detection]]) -> list[Detection]:
    """Join what several cameras saw at the same time.

    Positions are averaged with the inverse of their covariances; colour, size, yaw and shape come
    from the views that show more of the block.

    Args:
        views: Detections of each camera, all in the same world frame.

    Returns:
        One detection for each block that any camera saw; its pixels and outline are those of the
        camera that shows most of it.
    """
    groups: list[list[Detection]] = []
    for view in views:
        groups = _join(groups, list(view))
    return _apart([_average(group) for group in groups])


def _join(groups: list[list[Detection]], view: list[Detection]) -> list[list[Detection]]:
    """Add one camera's detections to the groups they belong to, or as new ones."""
    joined = [list(group) for group in groups]
    free = set(range(len(view)))
    if groups and view:
        costs = np.array([[_distance(group, detection) for detection in view] for group in groups])
        # How far apart two blocks are is no matter: else others would be torn apart for it.
        rows, columns = linear_sum_assignment(np.minimum(costs, 1.0))
        for row, column in zip(rows, columns):
            if costs[row, column] < 1.0:
                joined[row].append(view[column])
                free.discard(int(column))
    return joined + [[view[index]] for index in sorted(free)]


def _distance(group: Sequence[Detection], detection: Detection) -> float:
    """Return the distance in the unit below which bodies would overlap."""
    nearest = min(group, key=lambda d: float(np.linalg.norm(d.position - detection.position)))
    gap = float(np.linalg.norm(nearest.position - detection.position))
    side = min(nearest.size.min(), detection.size.min())
    doubt = float(np.sqrt(np.trace(nearest.covariance + detection.covariance)))
    return gap / (SAME_BLOCK * float(side) + doubt)


def _apart(detections: Sequence[Detection]) -> list[Detection]:
    """Return the detections without those that would stand in surer ones."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=_doubt):
        if all(_shared_space(detection, other) < SAME_SPACE for other in kept):
            kept.append(detection)
    return kept


def _doubt(detection: Detection) -> float:
    """Return the variance of a position [m²]."""
    return float(np.trace(detection.covariance))


def _shared_space(one: Detection, other: Detection) -> float:
    """Return the share of the smaller body's volume that is within the other."""
    if OPEN_BOX in (one.shape, other.shape):
        return 0.0
    low = max(d.position[2] - 0.5 * d.size[2] for d in (one, other))
    high = min(d.position[2] + 0.5 * d.size[2] for d in (one, other))
    first, second = (
        (d.position[:2].tolist(), d.size[:2].tolist(), float(np.rad2deg(d.yaw)))
        for d in (one, other)
    )
    _, corners = cv2.rotatedRectangleIntersection(first, second)
    if high <= low or corners is None:
        return 0.0
    area = cv2.contourArea(cv2.convexHull(np.asarray(corners)))
    return (high - low) * area / min(float(np.prod(d.size)) for d in (one, other))


def _disagreement(one: Detection, other: Detection) -> float:
    """Return the squared distance in units of both covariances."""
    gap = one.position - other.position
    return float(gap @ np.linalg.solve(one.covariance + other.covariance, gap))


def _average(group: Sequence[Detection]) -> Detection:
    surest = min(group, key=_doubt)
    group = [d for d in group if d is surest or _disagreement(d, surest) < SAME_PLACE]
    if len(group) == 1:
        return group[0]
    information = [np.linalg.inv(detection.covariance) for detection in group]
    covariance = np.linalg.inv(np.sum(information, axis=0))
    pulls = [precision @ d.position for precision, d in zip(information, group)]
    position = covariance @ np.sum(pulls, axis=0)
    # What is hidden of a block spoils more than the noise of what is seen.
    weights = np.array([d.visible_fraction**2 * np.sqrt(d.num_pixels) for d in group])
    weights /= weights.sum()
    best = group[int(np.argmax(weights))]
    return replace(
        best,
        position=position,
        covariance=0.5 * (covariance + covariance.T),
        color=weights @ np.array([detection.color for detection in group]),
        size=weights @ np.array([detection.size for detection in group]),
        num_pixels=sum(detection.num_pixels for detection in group),
        visible_fraction=max(detection.visible_fraction for detection in group),
    )
