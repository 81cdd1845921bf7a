"""`/diagnostics`: how a node is doing, once a second, also while the ROS clock stands still."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from concept_control.ros.bridge import qos

PERIOD = 1.0
"""Seconds between reports."""


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


class Diagnostics:
    """Publishes what `report` says."""

    def __init__(self, node: Node, report: Callable[[], Report]) -> None:
        self._node = node
        self._report = report
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', qos.RELIABLE)
        # A clock that was lost must not silence the one who says so.
        self._timer = node.create_timer(
            PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _publish(self) -> None:
        report = self._report()
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
