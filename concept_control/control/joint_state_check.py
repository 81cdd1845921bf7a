"""Credible joint states: between two of them no joint moves further than it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from concept_control.control.arm.description import ArmDescription

WAITING = 'waiting for joint states that agree with one another'
"""What is said of the first states, before any has been believed."""


@dataclass(frozen=True)
class JointStateConfig:
    """Bounds of what is believed.

    Attributes:
        rate_factor: Factor on the velocity limits, since an arm that is pushed or falls may
            exceed them a little.
        margin: Movement that is measuring noise or a late stamp [rad, m].
        excess: Distance beyond a position limit that may still be measured [rad, m].
        agreement: Number of states in a row that must agree before the first is believed.
        patience: Time without a credible state after which others, which agree among themselves,
            are believed instead [s]; those of another source only if it may follow the first one.
        memory: Time for which a refused state keeps the arm in place [s].
    """

    rate_factor: float = 1.5
    margin: float = 0.02
    excess: float = 0.1
    agreement: int = 3
    patience: float = 1.0
    memory: float = 1.0


@dataclass(frozen=True)
class _State:
    stamp: float
    positions: np.ndarray
    source: object


class JointStateCheck:
    """Refuses joint states that the arm cannot have come to from the last credible one.

    One source is believed at a time: another one is refused as long as the first still speaks.
    Not thread-safe: the thread that hears the joint states owns it.

    Attributes:
        epoch: Number of times that states elsewhere, of another time or of another source were
            believed after `patience`: whatever was planned before has lost its meaning.
    """

    def __init__(
        self,
        arm: ArmDescription,
        config: JointStateConfig | None = None,
        may_follow: Callable[[object, object], bool] = lambda old, new: True,
    ) -> None:
        """Begin without a credible state.

        Args:
            arm: Arm whose limits count.
            config: Bounds of what is believed.
            may_follow: Function that tells of a silent source and another one whether the second
                may be believed instead; asked rarely.
        """
        self._arm, self._may_follow = arm, may_follow
        self.config = config or JointStateConfig()
        self.epoch = 0
        self._last: _State | None = None
        self._last_heard = -np.inf
        self._run: list[_State] = []
        self._refused: tuple[float, str] | None = None

    def refusal(
        self, now: float, stamp: float, q: np.ndarray, qd: np.ndarray, source: object = ''
    ) -> str:
        """Return why a joint state is not believed; empty if it is the last credible one now.

        Args:
            now: Time of arrival by a clock that never jumps [s].
            stamp: Time of the measurement [s].
            q: (n,) positions [rad], finite.
            qd: (n,) velocities [rad/s], finite.
            source: Whoever says so; its text is a name for people.
        """
        state = _State(stamp, q, source)
        reason = self._impossible(q, qd)
        if reason:
            return self.refuse(now, reason, source)
        if self._last is None:
            if self._agrees(state) >= self.config.agreement:
                self._believe(now, state)
                return ''
            return WAITING
        reason = self._contradiction(self._last.source, source)
        reason = reason or self._departure(self._last, state)
        if not reason:
            self._believe(now, state)
            return ''
        agreeing = self._agrees(state)
        is_abandoned = now - self._last_heard > self.config.patience
        if (
            is_abandoned
            and agreeing >= self.config.agreement
            and (source == self._last.source or self._may_follow(self._last.source, source))
        ):
            self.epoch += 1
            self._refused = None
            self._believe(now, state)
            return ''
        self._refused = (now, reason)
        return reason

    def refuse(self, now: float, reason: str, source: object = '') -> str:
        """Refuse a joint state that cannot be one; return why, first of all that two speak.

        Args:
            now: Time of arrival by a clock that never jumps [s].
            reason: Reason why it cannot be one.
            source: Whoever says so.
        """
        self._run = []
        if self._last is not None:
            reason = self._contradiction(self._last.source, source) or reason
        self._refused = (now, reason)
        return reason

    def fault(self, now: float) -> str:
        """Return why the arm must stay in place: the reason of a refusal not long ago."""
        if self._refused is None or now - self._refused[0] > self.config.memory:
            return ''
        return self._refused[1]

    def _believe(self, now: float, state: _State) -> None:
        self._last, self._last_heard, self._run = state, now, []

    def _agrees(self, state: _State) -> int:
        """Add a state to the run of those that follow from one another; return its length."""
        last = self._run[-1] if self._run else state
        if self._departure(last, state) or self._contradiction(last.source, state.source):
            self._run = []
        self._run.append(state)
        return len(self._run)

    def _impossible(self, q: np.ndarray, qd: np.ndarray) -> str:
        """Return what no state of this arm can be; empty if it can."""
        arm, config = self._arm, self.config
        beyond = arm.beyond_limits(q)
        if beyond.max() > config.excess:
            joint = int(np.argmax(beyond))
            return (
                f'{arm.joints[joint]} is said to be at {q[joint]:.3g}, {beyond[joint]:.3g} beyond '
                f'its limit (at most {config.excess:g} is believed)'
            )
        speed = np.abs(qd) / arm.velocity_limits
        if speed.max() > 2 * config.rate_factor:
            joint = int(np.argmax(speed))
            return (
                f'{arm.joints[joint]} is said to move at {qd[joint]:.3g}/s, '
                f'{speed[joint]:.1f} times its velocity limit'
            )
        return ''

    def _contradiction(self, one: object, other: object) -> str:
        """Return that two sources speak; empty if they are the same."""
        if one == other:
            return ''
        return f'{one} and {other} both publish joint states of this arm; stop one of them'

    def _departure(self, last: _State, state: _State) -> str:
        """Return how a state cannot follow from an earlier one; empty if it can."""
        elapsed = state.stamp - last.stamp
        if elapsed < 0:
            return f'stamped {-elapsed:.3f} s before the last credible one'
        config = self.config
        reach = config.rate_factor * self._arm.velocity_limits * elapsed + config.margin
        moved = np.abs(state.positions - last.positions)
        if (moved > reach).any():
            joint = int(np.argmax(moved - reach))
            return (
                f'{self._arm.joints[joint]} cannot have moved {moved[joint]:.3g} in '
                f'{elapsed:.3g} s (at most {reach[joint]:.3g})'
            )
        return ''
