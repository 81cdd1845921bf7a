"""The one command that waits to be grounded: a newer one takes its place.

Threading: any thread, one lock. The executor's thread calls `put` and `cancel`, the one that
grounds commands `take` and `finish`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from concept_control.msg import ConceptCommand


class WaitingCommand:
    """Holds at most one command that waits, and knows the one that is being grounded."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: ConceptCommand | None = None
        self._grounding: ConceptCommand | None = None
        self._is_closed = False

    @property
    def is_empty(self) -> bool:
        """Whether no command waits."""
        return self._waiting is None

    def put(self, command: ConceptCommand) -> ConceptCommand | None:
        """Let a command wait; return the one whose place it took."""
        with self._condition:
            replaced, self._waiting = self._waiting, command
            self._condition.notify()
            return replaced

    def take(self) -> ConceptCommand | None:
        """Wait for a command to ground; None once closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting is not None or self._is_closed)
            if self._is_closed:
                return None
            self._grounding, self._waiting = self._waiting, None
            return self._grounding

    def finish(self, announce: Callable[[], None]) -> None:
        """Announce what came of the command being grounded, unless it was cancelled meanwhile.

        A cancel comes before the announcement, and prevents it, or after it.
        """
        with self._condition:
            if self._grounding is not None:
                announce()
            self._grounding = None

    def cancel(self, command_id: str) -> list[ConceptCommand]:
        """Give up the command with an id, or all for an empty id; return those given up."""
        with self._condition:
            given_up = []
            for place in ('_grounding', '_waiting'):
                command = getattr(self, place)
                if command is not None and command_id in ('', command.command_id):
                    given_up.append(command)
                    setattr(self, place, None)
            return given_up

    def close(self) -> None:
        """End every wait, now and later."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
