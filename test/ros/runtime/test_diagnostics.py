"""What a node says of itself once a second."""

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rosgraph_msgs.msg import Clock
from waiting import wait

from concept_control.ros.bridge import qos
from concept_control.ros.runtime import diagnostics
from concept_control.ros.runtime.diagnostics import Diagnostics, Report


def test_a_clock_that_nobody_publishes_is_an_error_until_it_comes(monkeypatch):
    monkeypatch.setattr(diagnostics, 'PERIOD', 0.02)
    monkeypatch.setattr(diagnostics, 'CLOCK_PATIENCE', 0.3)
    rclpy.init(args=['--ros-args', '-p', 'use_sim_time:=true'])
    node, heard, stamp = rclpy.create_node('waits'), [], 0
    Diagnostics(node, lambda: Report({}, warning='late'))
    node.create_subscription(
        DiagnosticArray, '/diagnostics', lambda m: heard.append(m.status[0]), qos.RELIABLE
    )

    def is_told():
        rclpy.spin_once(node, timeout_sec=0.01)
        return heard and heard[-1].level == DiagnosticStatus.ERROR

    wait(is_told)
    assert heard[-1].name == '/waits' and heard[0].level == DiagnosticStatus.WARN
    assert 'the clock has stood still' in heard[-1].message and '/clock' in heard[-1].message
    assert heard[-1].message.endswith('late')
    clock = node.create_publisher(Clock, '/clock', qos.SENSOR)

    def goes_on():
        nonlocal stamp
        stamp += 1
        clock.publish(Clock(clock=rclpy.time.Time(nanoseconds=stamp).to_msg()))
        rclpy.spin_once(node, timeout_sec=0.01)
        return heard[-1].message == 'late'

    wait(goes_on)
    node.destroy_node()
    rclpy.shutdown()
