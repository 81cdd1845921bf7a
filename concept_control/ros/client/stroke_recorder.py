"""Strokes recorded from a topic of poses: what somebody draws, until the pen rests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from concept_control.errors import StrokeError
from concept_control.output_files import replacing
from concept_control.policy.strokes import StrokeSplitter
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos


def record(topic: str, number: int, path: Path, timeout: float, splitter: StrokeSplitter) -> int:
    """Record strokes into an NPZ file.

    Args:
        topic: Topic of the poses.
        number: Number of strokes after which recording ends.
        path: File to write.
        timeout: Time after which it ends without them [s of the machine].
        splitter: Splitter of the poses into strokes.

    Returns:
        Number of strokes written.

    Raises:
        StrokeError: if none came within `timeout` seconds.
    """

    def on_pose(message: PoseStamped) -> None:
        p = message.pose.position
        splitter.add(convert.seconds(message.header.stamp), np.array([p.x, p.y, p.z]))

    rclpy.init(args=[])
    node = Node('stroke_recorder')
    node.create_subscription(PoseStamped, topic, on_pose, qos.SENSOR)
    deadline = time.monotonic() + timeout
    try:
        while len(splitter.strokes) < number and time.monotonic() < deadline:
            rclpy.spin_once(node, timeout_sec=0.1)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    strokes = splitter.finish()
    if not strokes:
        raise StrokeError(f'no stroke was heard on {topic} within {timeout:g} s')
    arrays: dict[str, Any] = {f'stroke_{i + 1}': stroke for i, stroke in enumerate(strokes)}
    with replacing(path) as file:
        np.savez(file, **arrays)
    return len(strokes)
