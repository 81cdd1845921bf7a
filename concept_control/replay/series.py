"""Numbers along a recording of any length, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np
from scipy.signal import savgol_coeffs

T = TypeVar('T')


class Series(Generic[T]):
    """Keeps at most `capacity` items of a stream, evenly spaced: every second, fourth, … one."""

    def __init__(self, capacity: int = 1024) -> None:
        self._capacity = capacity
        self._items: list[T] = []
        self._stride, self._count = 1, 0
        self._last: T | None = None

    def __len__(self) -> int:
        return self._count

    def add(self, item: T) -> None:
        """Take in the next item."""
        self._last = item
        if self._count % self._stride == 0:
            self._items.append(item)
            if len(self._items) >= self._capacity:
                self._items, self._stride = self._items[::2], 2 * self._stride
        self._count += 1

    @property
    def items(self) -> list[T]:
        """The items kept, the last one that came always among them."""
        if self._last is None or self._items[-1] is self._last:
            return list(self._items)
        return [*self._items, self._last]


class Refused:
    """What could not be used: how often, and why the first time."""

    def __init__(self, what: str) -> None:
        """Begin with none; `what` names them, in the plural."""
        self._what, self.num, self.first = what, 0, ''

    def add(self, reason: str) -> None:
        """Count one more."""
        self.first = self.first or reason
        self.num += 1

    @property
    def note(self) -> str:
        """A sentence with the number and the first reason."""
        return f'{self.num} {self._what} could not be used; the first: {self.first}'


class Gaps:
    """The rhythm of a stamped topic: its rate, its longest gap, and stamps that went back."""

    def __init__(self) -> None:
        self.num, self.num_back = 0, 0
        self.longest, self.longest_at = 0.0, 0.0
        self.first = self.last = float('nan')

    def add(self, stamp: float) -> None:
        """Take in the next stamp [s]."""
        if self.num == 0:
            self.first = stamp
        elif stamp < self.last:
            self.num_back += 1
        elif stamp - self.last > self.longest:
            self.longest, self.longest_at = stamp - self.last, self.last
        self.last = stamp
        self.num += 1

    @property
    def rate(self) -> float:
        """Messages per second, NaN for fewer than two."""
        span = self.last - self.first
        return (self.num - 1) / span if self.num > 1 and span > 0 else float('nan')


class Jerk:
    """Jerk of the joints from their measured velocities, by a Savitzky-Golay filter.

    The second derivative of a cubic through `WINDOW` samples; a gap or uneven samples start the
    window afresh.
    """

    WINDOW = 11
    UNEVEN = 0.2
    """Share by which a sampling interval may differ from the last one."""

    def __init__(self) -> None:
        self._stamps: deque[float] = deque(maxlen=self.WINDOW)
        self._velocities: deque[np.ndarray] = deque(maxlen=self.WINDOW)
        self._filter = savgol_coeffs(self.WINDOW, polyorder=3, deriv=2, use='dot')
        self._sum, self.num, self.peak = 0.0, 0, 0.0

    def add(self, stamp: float, velocities: np.ndarray) -> None:
        """Take in a sample: its stamp [s] and the joints' velocities (n,) [rad/s]."""
        if self._stamps:
            step = stamp - self._stamps[-1]
            if step <= 0:
                self._forget()
            elif len(self._stamps) > 1:
                before = self._stamps[-1] - self._stamps[-2]
                if abs(step - before) > self.UNEVEN * before:
                    self._forget()
        self._stamps.append(stamp)
        self._velocities.append(velocities)
        if len(self._stamps) < self.WINDOW:
            return
        dt = (self._stamps[-1] - self._stamps[0]) / (self.WINDOW - 1)
        jerk = self._filter @ np.asarray(self._velocities) / dt**2
        self._sum += float(np.square(jerk).mean())
        self.num += 1
        self.peak = max(self.peak, float(np.abs(jerk).max()))

    def _forget(self) -> None:
        self._stamps.clear()
        self._velocities.clear()

    @property
    def rms(self) -> float:
        """Root mean square over joints and time [rad/s³], NaN where nothing was measured."""
        return float(np.sqrt(self._sum / self.num)) if self.num else float('nan')
