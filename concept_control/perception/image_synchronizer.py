"""Pairs of a colour and a depth image that were taken at the same time.

Threading: used by one thread.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar('T')

COLOR, DEPTH = 'colour', 'depth'
"""The two streams."""

MAX_STAMP_GAP = 0.005
"""Longest time between the stamps of one moment, where nothing else is said [s]."""

MAX_WAITING = 5
"""Number of images of a stream that may wait for their other halves."""


@dataclass
class _Waiting(Generic[T]):
    """An image without its other half, and the time to the nearest one of the other stream [s]."""

    stamp: float
    image: T
    nearest: float


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
        self._waiting: dict[str, deque[_Waiting[T]]] = {COLOR: deque(), DEPTH: deque()}

    def add(self, stream: str, stamp: float, image: T) -> tuple[T, T] | None:
        """Take in an image; return (colour, depth) if it completes a moment.

        Args:
            stream: `COLOR` or `DEPTH`.
            stamp: Stamp of the image [s].
            image: Image to be paired.
        """
        other_stream = DEPTH if stream == COLOR else COLOR
        own, others = self._waiting[stream], self._waiting[other_stream]
        if own and stamp < own[-1].stamp:
            # The clock was set back: what waits is of another time.
            own.clear()
            others.clear()
            self._first.clear()
        self._first.setdefault(stream, stamp)
        gaps = [abs(other.stamp - stamp) for other in others]
        nearest = min(gaps, default=math.inf)
        if nearest > self._tolerance:
            for other, gap in zip(others, gaps):
                other.nearest = min(other.nearest, gap)
            own.append(_Waiting(stamp, image, nearest))
            if len(own) > MAX_WAITING:
                self._report_unpaired(stream, own.popleft(), other_stream)
            return None
        partner = others[gaps.index(nearest)]
        # Streams come in order: what is older than this pair has lost its other half, or it was
        # taken before the other stream was heard.
        heard = max(self._first.values()) - self._tolerance
        while own:
            if (lost := own.popleft()).stamp >= heard:
                self._report_unpaired(stream, lost, other_stream)
        while others[0] is not partner:
            if (lost := others.popleft()).stamp >= heard:
                self._report_unpaired(other_stream, lost, stream)
        others.popleft()
        return (image, partner.image) if stream == COLOR else (partner.image, image)

    def _report_unpaired(self, stream: str, unpaired: _Waiting[T], other_stream: str) -> None:
        gap = unpaired.nearest
        nearest = f'the nearest is {1e3 * gap:.1f} ms off' if gap < math.inf else 'none waits'
        self._on_unpaired(
            f'the {stream} image of stamp {unpaired.stamp:.4f} s has no {other_stream} image '
            f'within {1e3 * self._tolerance:.1f} ms ({nearest}): are both streams on and '
            'synchronised? (max_stamp_gap)'
        )
