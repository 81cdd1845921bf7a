"""One thread that computes for the page; of what waits, a newer job replaces one of its kind.

A long job is a generator: after each of its steps, what waits goes first.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from functools import partial

from concept_control.errors import ConceptControlError

Job = Callable[[], Iterator[None] | None]
"""What is to be done: all of it, or a step at a time."""

_ENDED = object()


class Worker:
    """Runs jobs in a thread, in the order in which their kinds were first asked for.

    Args:
        on_error: Callback with what a job could not do, for people.
    """

    def __init__(self, on_error: Callable[[str], None]) -> None:
        self._on_error = on_error
        self._waiting: dict[str, Job] = {}
        self._running: str | None = None
        self._condition = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name='studio-worker', daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._running is not None or bool(self._waiting)

    def ask(self, kind: str, job: Job) -> None:
        """Run a job soon, instead of one of the same kind that has not begun."""
        with self._condition:
            self._waiting[kind] = job
            self._condition.notify()

    def close(self) -> None:
        """End after the job that runs."""
        with self._condition:
            self._is_closed = True
            self._waiting.clear()
            self._condition.notify()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                self._running = next(iter(self._waiting))
                job = self._waiting.pop(self._running)
            try:
                steps = job()
                if steps is not None and next(steps, _ENDED) is not _ENDED:
                    with self._condition:  # a newer one of its kind goes before
                        if not self._is_closed:
                            self._waiting.setdefault(self._running, partial(iter, steps))
            except ConceptControlError as error:
                self._on_error(str(error))
            except Exception as error:  # a thread that died would leave the page waiting for ever
                traceback.print_exc()
                self._on_error(f'{type(error).__name__}: {error}; see the terminal')
            finally:
                self._running = None
