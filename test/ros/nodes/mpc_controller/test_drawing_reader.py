"""Drawing through the graph, and strokes recorded from a live topic: each as people start it."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from geometry_msgs.msg import PoseStamped

from concept_control.policy.stroke_files import read_curves
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos

pytestmark = pytest.mark.whole_machine


def start(*arguments):
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, '-m', 'concept_control.cli', *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_a_circle_is_drawn_through_the_graph(tmp_path):
    process = start(
        'draw', 'circle', '--size', '100', '--save', tmp_path, '--tolerance', '8',
        '--json', tmp_path / 'numbers.json',
    )  # fmt: skip
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    numbers = json.loads((tmp_path / 'numbers.json').read_text())
    assert numbers['status'] == 'satisfied' and numbers['deviation_mm'] < 8.0
    # It is a circle, whatever policy and controller say. How exact it is depends on how busy the
    # machine is; without ROS that is tested to two millimetres.
    (line,) = np.load(tmp_path / 'circle.npz').values()
    middle = (line[:, :2].min(axis=0) + line[:, :2].max(axis=0)) / 2
    assert np.abs(np.linalg.norm(line[:, :2] - middle, axis=1) - 0.05).max() < 0.008
    assert (tmp_path / 'circle.png').stat().st_size > 10_000


def test_strokes_are_recorded_from_a_live_topic(tmp_path):
    process = start('policy', 'record', '/pen', '--strokes', '2', '--output', tmp_path / 'pen.npz',
                    '--timeout', '60')  # fmt: skip
    rclpy.init(args=[])
    node = rclpy.create_node('pen')
    publisher = node.create_publisher(PoseStamped, '/pen', qos.SENSOR)
    angle = np.linspace(0.0, np.pi, 60)
    arc = 0.1 * np.column_stack([np.cos(angle), np.sin(angle)])
    try:
        deadline = time.monotonic() + 60
        stamp = 1.0
        # A sensor topic may lose messages: arcs are drawn until enough have come.
        while process.poll() is None and time.monotonic() < deadline:
            for x, y in arc:
                message = PoseStamped(header=convert.header(stamp, 'world'))
                message.pose.position.x, message.pose.position.y = float(x), float(y)
                publisher.publish(message)
                stamp += 0.02
                time.sleep(0.002)
            stamp += 2.0
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0, output
    curves = read_curves(tmp_path / 'pen.npz')
    assert len(curves) == 2 and os.fspath(tmp_path / 'pen.npz') in output
    # The first may have been joined late; the second is whole.
    radius = np.linalg.norm(curves[1], axis=1)
    np.testing.assert_allclose(radius, 0.1, atol=1e-6)
    assert np.ptp(curves[1][:, 0]) > 0.19
