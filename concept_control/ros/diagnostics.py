"""`/diagnostics`: how a node is doing, once a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from concept_control.ros import qos

Report = tuple[str, Mapping[str, object]]
"""A complaint, empty where all is well, and values by name."""


class Diagnostics:
    """Publishes what `report` says; the level is WARN where it complains."""

    def __init__(self, node: Node, report: Callable[[], Report], period: float = 1.0) -> None:
        self._node = node
        self._report = report
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', qos.RELIABLE)
        self._timer = node.create_timer(period, self._publish)

    def _publish(self) -> None:
        complaint, values = self._report()
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if complaint else DiagnosticStatus.OK,
            name=self._node.get_fully_qualified_name(),
            message=complaint or 'ok',
            hardware_id='',
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
