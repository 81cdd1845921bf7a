"""Recent poses of the robot's tool: images are older than the newest joint states."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

HISTORY = 1500
"""Poses remembered."""


class ToolPose(NamedTuple):
    """The tool at one moment.

    Attributes:
        position: (3,) place of its tip, world frame [m].
        yaw: Heading about the vertical axis [rad].
    """

    position: np.ndarray
    yaw: float


class ToolHistory:
    """The last poses of the tool, by stamp.

    Threading: `add` from one thread, `at` from any.
    """

    def __init__(self, max_gap: float = 0.2) -> None:
        """Start with nothing known; the tool is, within `max_gap` [s] of the nearest pose."""
        self._max_gap = max_gap
        self._samples: deque[tuple[float, ToolPose]] = deque(maxlen=HISTORY)

    def add(self, stamp: float, pose: ToolPose) -> None:
        """Remember a pose; a stamp before the last one forgets what was before."""
        if self._samples and stamp < self._samples[-1][0]:
            self._samples.clear()
        self._samples.append((stamp, pose))

    def at(self, stamp: float) -> ToolPose | None:
        """Return the pose at a stamp, between the two nearest in time; None if unknown."""
        samples = list(self._samples)
        after = next((i for i, sample in enumerate(samples) if sample[0] >= stamp), len(samples))
        around = samples[max(after - 1, 0) : after + 1]
        near = [sample for sample in around if abs(sample[0] - stamp) <= self._max_gap]
        if not near:
            return None
        (early, first), (late, second) = near[0], near[-1]
        if late == early:
            return first
        share = float(np.clip((stamp - early) / (late - early), 0.0, 1.0))
        turn = (second.yaw - first.yaw + np.pi) % (2.0 * np.pi) - np.pi
        return ToolPose(
            first.position + share * (second.position - first.position), first.yaw + share * turn
        )
