"""A node's thread for heavy work, whose failure ends the node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from concept_control.errors import ConceptControlError


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
