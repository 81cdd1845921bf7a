"""Joint states as drivers publish them: with and without velocities, stamps and other devices.

The same for messages that rclpy delivers and for those read from a bag.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from concept_control.errors import CommandError
from concept_control.interfaces.decoding import seconds

WINDOW = 0.03
"""Time over which a velocity that the driver does not give is measured [s]."""

LONGEST_STEP = 0.2
"""Time between two joint states beyond which nothing is said about the velocity [s]."""

STANDSTILL = 0.1
"""Time for which a stamp may be repeated [s]."""


class JointReading(NamedTuple):
    """One joint state of the arm, in the order of its joints.

    Attributes:
        stamp: Time of the measurement [s].
        positions: (n,) positions [rad, m].
        velocities: (n,) velocities [rad/s, m/s].
    """

    stamp: float
    positions: np.ndarray
    velocities: np.ndarray


class JointStateReader:
    """Reads one arm's joint states.

    Velocities that a driver leaves out, or gives as NaN, are differences of positions; a stamp of
    zero becomes the time of arrival. Not thread-safe.

    Attributes:
        assumptions: Sentences on what was made up for the driver, each once.
        foreign: Clause on the last message that named none of the joints; empty after one that
            did.
    """

    def __init__(self, joints: Sequence[str], with_velocities: bool = True) -> None:
        """Begin with nothing heard.

        Args:
            joints: Names that messages must have.
            with_velocities: Whether velocities are of use; else they are not looked at, and zero.
        """
        self._joints, self._with_velocities = tuple(joints), with_velocities
        self.assumptions: list[str] = []
        self.foreign = ''
        self._recent: deque[tuple[float, np.ndarray]] = deque()
        self._stands: tuple[float, float] | None = None

    def read(self, message: Any, received: float) -> JointReading | None:
        """Return the joint state in a message; None if it speaks of other devices only.

        Args:
            message: `sensor_msgs/JointState`.
            received: Time of arrival, by the clock that stamps are of [s].

        Raises:
            CommandError: if a joint is missing or comes twice, a value is not finite, or stamps
                do not go on.
        """
        names = list(message.name)
        if not {*names} & {*self._joints}:
            self.foreign = (
                f'what comes on joint_states names {", ".join(names[:8]) or "nothing"}, not '
                f"the arm's {', '.join(self._joints)}"
            )
            prefixes = {n.removesuffix(self._joints[0]) for n in names} - {*names}
            if len(prefixes) == 1:
                self.foreign += f': set joint_prefix to {prefixes.pop()!r}?'
            return None
        self.foreign = ''
        positions = self._values(names, message.position, 'position')
        if not np.isfinite(positions).all():
            raise CommandError('joint_states hold NaN or infinity as position')
        stamp = self._stamp(seconds(message.header.stamp), received)
        given = np.full(len(positions), np.nan if self._with_velocities else 0.0)
        if self._with_velocities and len(message.velocity):
            given = self._values(names, message.velocity, 'velocity')
        if np.isinf(given).any():
            raise CommandError('joint_states hold infinity as velocity')
        if np.isnan(given).any():
            self._assume('velocities are missing or NaN: differences of positions are used')
            given = np.where(np.isnan(given), self._differences(stamp, positions), given)
        return JointReading(stamp, positions, given)

    def _values(self, names: list[str], values: Sequence[float], field: str) -> np.ndarray:
        """Return one field (n,) in the order of the joints, matched by name."""
        missing = [name for name in self._joints if name not in names]
        if missing:
            raise CommandError(
                f'joint_states lacks {", ".join(missing)}; it has {", ".join(names)}'
            )
        twice = [name for name in self._joints if names.count(name) > 1]
        if twice:
            raise CommandError(f'joint_states names {", ".join(twice)} more than once')
        if len(values) != len(names):
            raise CommandError(
                f'joint_states must give a {field} for every joint: {len(values)} for {len(names)}'
            )
        return np.asarray(values, dtype=float)[[names.index(name) for name in self._joints]]

    def _stamp(self, stamp: float, received: float) -> float:
        if stamp < 0:
            raise CommandError(f'joint_states are stamped {stamp:.3f} s; expected >= 0')
        if stamp == 0:
            self._assume('stamps are zero: times of arrival are used')
            return received
        if self._stands is None or self._stands[0] != stamp or received < self._stands[1]:
            self._stands = stamp, received
        elif received - self._stands[1] > STANDSTILL:
            raise CommandError(
                f'the stamp of joint_states stands still at {stamp:.3f} s while they come; the '
                'driver must stamp each with the time of its measurement'
            )
        return stamp

    def _differences(self, stamp: float, positions: np.ndarray) -> np.ndarray:
        """Return velocities (n,) over the last `WINDOW`, zero where nothing came before."""
        recent = self._recent
        if recent and not 0 <= stamp - recent[-1][0] <= LONGEST_STEP:
            recent.clear()
        recent.append((stamp, positions))
        while len(recent) > 2 and stamp - recent[1][0] >= WINDOW:
            recent.popleft()
        elapsed = stamp - recent[0][0]
        if elapsed <= 0:
            return np.zeros(len(positions))
        return (positions - recent[0][1]) / elapsed

    def _assume(self, what: str) -> None:
        sentence = f'joint_states: {what}'
        if sentence not in self.assumptions:
            self.assumptions.append(sentence)
