"""`concept_control benchmark images`: how long images travel between two processes.

One process sends colour and depth as a camera does, another one hears them as `entity_extractor`
does; once as the middleware comes, once with the profile of config/fastdds.xml. Stamps are of the
machine's monotonic clock, which both processes share.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from sensor_msgs.msg import Image
from tqdm import tqdm

from concept_control.errors import ConceptControlError
from concept_control.evaluation.provenance import provenance, sentence
from concept_control.ros import qos
from concept_control.ros.demo import graph_environment

ENCODINGS = {'color': ('rgb8', 3), 'depth': ('32FC1', 4)}
"""What is sent: encoding and bytes a pixel."""

PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'
WARM_UP = 10
"""Images at the start that are not counted."""

PATIENCE = 60.0
"""Seconds to find each other, and to wait for an image."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--frames', type=int, default=150, help='sent (default: %(default)s)')
    parser.add_argument('--rate', type=float, default=30.0, help='frames a second')
    parser.add_argument('--width', type=int, default=640, help='pixels (default: %(default)s)')
    parser.add_argument('--height', type=int, default=480, help='pixels (default: %(default)s)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every number there')


def main(args: argparse.Namespace) -> int:
    """Measure both ways; 0 if images arrived both times."""
    environment = graph_environment()
    print(sentence())
    results = {}
    for name, profile in (('default', None), ('shared memory', environment[PROFILE])):
        results[name] = measure(args, environment, profile)
        r = results[name]
        print(
            f'{name:14} {args.width} x {args.height} colour and depth at {args.rate:.0f} Hz: '
            f'{r["median_ms"]:.1f} ms median, {r["p95_ms"]:.1f} ms p95, {r["lost"]} of '
            f'{r["sent"]} lost'
        )
    if args.json:
        report = {'provenance': provenance(), **vars(args), 'json': None, 'ways': results}
        report.pop('run', None)
        args.json.write_text(json.dumps(report, indent=2) + '\n')
    return 0 if all(result['lost'] < result['sent'] for result in results.values()) else 1


def measure(
    args: argparse.Namespace, environment: dict[str, str], profile: str | None
) -> dict[str, Any]:
    """Return delays [ms] and losses of one way to send.

    Args:
        args: of the command.
        environment: of both processes, but for the profile.
        profile: file with the middleware's profile; None for its defaults.

    Raises:
        ConceptControlError: if a process fails.
    """
    variables = {**os.environ, **environment}
    variables.pop(PROFILE, None)
    if profile is not None:
        variables[PROFILE] = profile
    command = [sys.executable, '-m', 'concept_control.ros.image_benchmark']
    numbers = [str(v) for v in (args.frames, args.rate, args.width, args.height)]
    hearing = subprocess.Popen(
        [*command, 'hear', *numbers], env=variables, stdout=subprocess.PIPE, text=True
    )
    sending = subprocess.Popen([*command, 'send', *numbers], env=variables)
    try:
        limit = args.frames / args.rate * 5.0 + 3.0 * PATIENCE
        output, _ = hearing.communicate(timeout=limit)
        if sending.wait(timeout=PATIENCE) or hearing.returncode:
            raise ConceptControlError('a process of the image benchmark failed, see above')
    except subprocess.TimeoutExpired as error:
        raise ConceptControlError(f'no images came within {limit:.0f} s') from error
    finally:
        for process in (hearing, sending):
            process.kill()
            process.wait()
    delays = np.array(json.loads(output.strip().splitlines()[-1]))
    sent = 2 * args.frames
    if not len(delays):
        return {'sent': sent, 'lost': sent, 'median_ms': None, 'p95_ms': None}
    return {
        'sent': sent,
        'lost': sent - len(delays),
        'median_ms': float(np.median(delays)),
        'p95_ms': float(np.percentile(delays, 95)),
    }


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
