"""A slot for the newest message, between a callback and the thread that works on it.

Threading: `put` from any thread; `take` from one worker thread. An old value that nobody took is
replaced: for sensor data the newest counts.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar('T')


class LatestValue(Generic[T]):
    """Holds at most one value."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._value: T | None = None
        self._closed = False

    def put(self, value: T) -> None:
        """Store a value, replacing one not yet taken."""
        with self._condition:
            self._value = value
            self._condition.notify()

    def take(self) -> T | None:
        """Wait for a value and take it; None once the slot is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._value is not None or self._closed)
            value, self._value = self._value, None
            return None if self._closed else value

    def poll(self) -> T | None:
        """Take the value if there is one; None otherwise."""
        with self._condition:
            value, self._value = self._value, None
            return value

    def close(self) -> None:
        """Wake the worker for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
