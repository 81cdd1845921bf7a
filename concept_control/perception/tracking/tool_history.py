"""Recent poses and grips of the robot's tool: images are older than the newest joint states."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

HISTORY = 1500
"""Poses remembered."""


class ToolPose(NamedTuple):
    """The tool at one moment.

    Attributes:
        position: (3,) place of its tip, world frame [m].
        yaw: Heading about the vertical axis [rad].
        joints: (n,) positions of the arm's joints [rad, m]; empty where they are not known.
    """

    position: np.ndarray
    yaw: float
    joints: np.ndarray = np.zeros(0)


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
            first.position + share * (second.position - first.position),
            first.yaw + share * turn,
            first.joints + share * (second.joints - first.joints),
        )


@dataclass(frozen=True)
class GripEvent:
    """Event in which the tool took hold of something or let go.

    Attributes:
        stamp: Time of the event [s].
        attached: Whether it took hold.
        tool: Pose of the tool then; None if unknown.
    """

    stamp: float
    attached: bool
    tool: ToolPose | None


class GripHistory:
    """Queue of grip events, which are due with the first frame after them.

    Threading: `add` and `forget_time` from one thread, `until` from another.
    """

    def __init__(self) -> None:
        self._pending: deque[GripEvent] = deque()
        self.attached = False
        """Whether something was held at the stamp of the last `until`."""

    def add(self, event: GripEvent) -> None:
        """Remember what happened."""
        self._pending.append(event)

    def forget_time(self) -> None:
        """Take all pending events as past: the clock was set back."""
        while self._pending:
            self.attached = self._pending.popleft().attached

    def until(self, stamp: float) -> list[GripEvent]:
        """Return what has happened up to a stamp [s] since the last call, the oldest first."""
        events = []
        while self._pending and self._pending[0].stamp <= stamp:
            events.append(self._pending.popleft())
            self.attached = events[-1].attached
        return events
