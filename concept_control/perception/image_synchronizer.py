"""Pairs of a colour and a depth image that were taken at the same time.

Threading: used by one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar('T')

COLOR, DEPTH = 'colour', 'depth'
"""The two streams."""

MAX_STAMP_GAP = 0.005
"""Longest time between the stamps of one moment, where nothing else is said [s]."""

MAX_WAITING = 5
"""Number of images of a stream that may wait for their other halves."""


class ImageSynchronizer(Generic[T]):
    """Pairs two streams of images by their stamps, in whatever order and however late."""

    def __init__(self, tolerance: float, on_unpaired: Callable[[str], None]) -> None:
        """Start with nothing waiting.

        Args:
            tolerance: Largest difference of the stamps of one moment [s].
            on_unpaired: Callback that is told why an image will never be paired.
        """
        self._tolerance, self._on_unpaired = tolerance, on_unpaired
        self._first: dict[str, float] = {}
        self._waiting: dict[str, deque[tuple[float, T]]] = {COLOR: deque(), DEPTH: deque()}

    def add(self, stream: str, stamp: float, image: T) -> tuple[T, T] | None:
        """Take in an image; return (colour, depth) if it completes a moment.

        Args:
            stream: `COLOR` or `DEPTH`.
            stamp: Stamp of the image [s].
            image: Image to be paired.
        """
        other_stream = DEPTH if stream == COLOR else COLOR
        own, others = self._waiting[stream], self._waiting[other_stream]
        if own and stamp < own[-1][0]:
            # The clock was set back: what waits is of another time.
            own.clear()
            others.clear()
            self._first.clear()
        self._first.setdefault(stream, stamp)
        fitting = [other for other in others if abs(other[0] - stamp) <= self._tolerance]
        if not fitting:
            own.append((stamp, image))
            if len(own) > MAX_WAITING:
                self._report_unpaired(stream, own.popleft(), other_stream)
            return None
        partner = min(fitting, key=lambda other: abs(other[0] - stamp))
        # Streams come in order: what is older than this pair has lost its other half, or it was
        # taken before the other stream was heard.
        heard = max(self._first.values()) - self._tolerance
        while own:
            if (lost := own.popleft())[0] >= heard:
                self._report_unpaired(stream, lost, other_stream)
        while others[0] is not partner:
            if (lost := others.popleft())[0] >= heard:
                self._report_unpaired(other_stream, lost, stream)
        others.popleft()
        return (image, partner[1]) if stream == COLOR else (partner[1], image)

    def _report_unpaired(self, stream: str, unpaired: tuple[float, T], other_stream: str) -> None:
        gaps = [abs(stamp - unpaired[0]) for stamp, _ in self._waiting[other_stream]]
        nearest = f'the nearest is {1e3 * min(gaps):.1f} ms off' if gaps else 'none waits'
        self._on_unpaired(
            f'the {stream} image of stamp {unpaired[0]:.4f} s has no {other_stream} image within '
            f'{1e3 * self._tolerance:.1f} ms ({nearest}): are both streams on and synchronised? '
            '(max_stamp_gap)'
        )
