"""`/diagnostics`: how a node is doing, once a second, also while the ROS clock stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from concept_control.ros.bridge import qos

PERIOD = 1.0
"""Seconds between reports."""

CLOCK_PATIENCE = 5.0
"""Seconds of this machine for which the ROS clock may stand still before reports say so."""

REFUSAL_MEMORY = 2.5
"""Seconds for which reports speak of an input that was refused: two of them at least."""


@dataclass(frozen=True)
class Report:
    """How a node is doing.

    Attributes:
        values: Numbers and words by name.
        warning: Sentence on what is not as it should be; empty if all is.
        error: Reason why the node cannot do its work now; empty if it can.
    """

    values: Mapping[str, object]
    warning: str = ''
    error: str = ''

    @property
    def level(self) -> bytes:
        """The diagnostic level."""
        if self.error:
            return DiagnosticStatus.ERROR
        return DiagnosticStatus.WARN if self.warning else DiagnosticStatus.OK


class Refusals:
    """Inputs that were refused of late: while there are any, a node is not well.

    Threading: any thread; what is kept of a kind is replaced as a whole.
    """

    def __init__(self) -> None:
        self._latest: dict[str, tuple[float, str]] = {}

    def note(self, what: str, reason: str) -> None:
        """Note that an input was refused.

        Args:
            what: Kind of the input, one of a few.
            reason: Reason why it was refused.
        """
        self._latest[what] = time.monotonic(), reason

    def of(self, what: str) -> str:
        """Return why an input of a kind was refused of late; empty if none was."""
        then, reason = self._latest.get(what, (-REFUSAL_MEMORY, ''))
        return reason if time.monotonic() - then < REFUSAL_MEMORY else ''

    def __str__(self) -> str:
        recent = {what: self.of(what) for what in list(self._latest)}
        return '; '.join(f'{what} refused: {reason}' for what, reason in recent.items() if reason)


class Diagnostics:
    """Publishes what `report` says."""

    def __init__(self, node: Node, report: Callable[[], Report]) -> None:
        self._node = node
        self._report = report
        self._clock, self._moved = -1, time.monotonic()
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', qos.RELIABLE)
        # A clock that was lost must not silence the one who says so.
        self._timer = node.create_timer(
            PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _clock_fault(self) -> str:
        """Say that the node's clock is missing or stands still; empty if it goes on."""
        now = self._node.get_clock().now().nanoseconds
        if now != self._clock:
            self._clock, self._moved = now, time.monotonic()
        silence = time.monotonic() - self._moved
        if silence < CLOCK_PATIENCE:
            return ''
        fault = (
            f'the clock has stood still for {silence:.0f} s at {1e-9 * now:.3f} s: use_sim_time '
            'is set, but nobody publishes /clock, or the simulation is paused'
        )
        self._node.get_logger().warning(fault, throttle_duration_sec=30.0)
        return fault

    def _publish(self) -> None:
        report = self._report()
        if fault := self._clock_fault():
            report = replace(report, error='; '.join(filter(None, (report.error, fault))))
        status = DiagnosticStatus(
            level=report.level,
            name=self._node.get_fully_qualified_name(),
            message='; '.join(filter(None, (report.error, report.warning))) or 'ok',
            hardware_id='',
            values=[KeyValue(key=key, value=str(value)) for key, value in report.values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
