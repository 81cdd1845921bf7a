"""A node's thread for heavy work, whose failure ends the node, and the slot it takes work from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from concept_control.errors import ConceptControlError

T = TypeVar('T')


class Worker(threading.Thread):
    """Runs a node's work; an error that nobody foresaw is logged and becomes its `failure`."""

    def __init__(self, node: Any, name: str, work: Callable[[], None]) -> None:
        """Prepare; `start` begins.

        Args:
            node: Node whose work it is, with an attribute `failure` that `spin` looks at.
            name: Name of the thread, which the log says.
            work: Function that returns when the node is closed.
        """
        super().__init__(name=name, daemon=True)
        self._node, self._work = node, work
        self._is_finishing = False

    def run(self) -> None:
        """Work."""
        try:
            self._work()
        except Exception as error:
            if self._is_finishing:
                return
            reason = str(error) if isinstance(error, ConceptControlError) else repr(error)
            self._node.get_logger().fatal(f'the {self.name} thread failed: {reason}')
            self._node.failure = error

    def finish(self, timeout: float = 5.0) -> None:
        """Wait for the work to end [s], which has been told to; errors are no news any more."""
        self._is_finishing = True
        if self.is_alive():
            self.join(timeout)


class LatestValue(Generic[T]):
    """A slot for the newest value, between a callback and the thread that works on it.

    Threading: `put` from any thread; `take` from one worker thread. An old value that nobody took
    is replaced: for sensor data the newest counts.
    """

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

    def close(self) -> None:
        """Wake the worker for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
