"""Both ends of `concept_control benchmark images`, each a process of its own.

It imports no more than it needs: starting takes longer than the images do.
"""

from __future__ import annotations

import json
import sys
import time
from array import array

import rclpy
from sensor_msgs.msg import Image
from tqdm import tqdm

from concept_control.errors import ConceptControlError
from concept_control.ros.bridge import qos

ENCODINGS = {'color': ('rgb8', 3), 'depth': ('32FC1', 4)}
"""What is sent: encoding and bytes a pixel."""

WARM_UP = 10
"""Images at the start that are not counted."""

PATIENCE = 60.0
"""Seconds to find each other, and to wait for an image."""


def send(frames: int, rate: float, width: int, height: int) -> None:
    """Publish images at a steady rate once somebody listens."""
    node = rclpy.create_node('image_sender')
    publishers = {
        name: node.create_publisher(Image, f'benchmark/{name}', qos.SENSOR) for name in ENCODINGS
    }
    patience = time.monotonic() + PATIENCE
    while not all(p.get_subscription_count() for p in publishers.values()):
        if time.monotonic() > patience:
            raise ConceptControlError('nobody listens to the images')
        time.sleep(0.05)
    messages = {
        name: Image(
            encoding=encoding,
            width=width,
            height=height,
            step=width * size,
            data=array('B', bytes(width * height * size)),
        )
        for name, (encoding, size) in ENCODINGS.items()
    }
    due = time.monotonic()
    for _ in tqdm(range(-WARM_UP, frames), desc='images', leave=False):
        for name, message in messages.items():
            now = time.monotonic_ns()
            message.header.stamp.sec = now // 1_000_000_000
            message.header.stamp.nanosec = now % 1_000_000_000
            publishers[name].publish(message)
        due += 1.0 / rate
        time.sleep(max(due - time.monotonic(), 0.0))
    # Who leaves at once takes the last images along.
    time.sleep(1.0)


def hear(frames: int, rate: float, width: int, height: int) -> None:
    """Print the delays [ms] of the images that came, without the first ones."""
    node = rclpy.create_node('image_hearer')
    delays: dict[str, list[float]] = {name: [] for name in ENCODINGS}

    def note(name: str, message: Image) -> None:
        sent = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        delays[name].append(1e-6 * (time.monotonic_ns() - sent))

    for name in ENCODINGS:
        node.create_subscription(
            Image, f'benchmark/{name}', lambda m, name=name: note(name, m), qos.SENSOR
        )
    last, count = time.monotonic(), 0
    while time.monotonic() < last + (2.0 if count else PATIENCE):
        rclpy.spin_once(node, timeout_sec=0.2)
        if sum(map(len, delays.values())) > count:
            last, count = time.monotonic(), sum(map(len, delays.values()))
        if count == 2 * (frames + WARM_UP):
            break
    print(json.dumps([delay for values in delays.values() for delay in values[WARM_UP:]]))


if __name__ == '__main__':
    rclpy.init()
    role, *sizes = sys.argv[1:]
    count_, rate_, width_, height_ = (float(size) for size in sizes)
    {'send': send, 'hear': hear}[role](int(count_), rate_, int(width_), int(height_))
    rclpy.try_shutdown()
