"""History of when and where the tool took hold and let go: frames are processed later."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from concept_control.perception.tracking.tool_history import ToolPose


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
