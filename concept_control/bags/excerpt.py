"""`concept_control excerpt`: a small bag out of a big one, for a bug report or for a test.

Only what replay evaluation needs is kept, thinned out, with fewer and smaller images, compressed.
Messages are logged at their own stamps, so that `ros2 bag play --clock` gives the clock they are
stamped with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from concept_control.bags import topics as topic
from concept_control.bags.reader import Bag
from concept_control.errors import BagError
from concept_control.interfaces.constants import REPLAYABLE
from concept_control.interfaces.decoding import seconds

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}


@dataclass(frozen=True)
class ExcerptConfig:
    """What is kept.

    Attributes:
        camera: topic prefix whose images are kept.
        rates: most messages per second by topic (without namespace); the others keep all.
        shrink: every so many pixels of the images are kept, in both directions.
        margin: seconds kept before the first command and after its end.
        leave_out: topics (without namespace) that are not kept.
        storage: 'mcap' or 'sqlite3'.
    """

    camera: str = 'camera'
    rates: Mapping[str, float] = field(
        default_factory=lambda: {
            'ground_truth': 10.0,
            'entities': 10.0,
            'images': 2.0,
        }
    )
    shrink: int = 2
    margin: float = 1.0
    leave_out: tuple[str, ...] = ()
    storage: str = 'mcap'


def excerpt(source: Path, target: Path, config: ExcerptConfig | None = None) -> int:
    """Copy what is needed into a new bag; return the number of messages.

    Raises:
        BagError: if the source cannot be read or the target exists.
    """
    config = config or ExcerptConfig()
    if target.exists():
        raise BagError(f'{target} exists; bags are not overwritten')
    images = (topic.color(config.camera), topic.depth(config.camera))
    info = topic.camera_info(config.camera)
    roles = tuple(
        role
        for role in (
            *(topic.ENTITIES, topic.GOAL, topic.STATUS, topic.TRUTH, topic.LIBRARY),
            *(topic.JOINTS, topic.SUCTION, topic.MARKER, topic.COMMAND, *images, info),
        )
        if role.name not in config.leave_out
    )
    with Bag(source) as bag:
        topics = topic.find_topics(bag, roles).roles
        span = _span(bag, topics, config.margin)
        writer = Writer(target, version=9, storage_plugin=STORAGES[config.storage])
        if config.storage == 'mcap':
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        target.parent.mkdir(parents=True, exist_ok=True)
        with writer:
            connections = {
                name: writer.add_connection(
                    name,
                    role.type,
                    typestore=bag.typestore,
                    offered_qos_profiles=bag.qos(name),
                )
                for name, role in topics.items()
            }
            last: dict[str, float] = {}
            now, count = span[0], 0
            for name, _, message in bag.messages(set(topics)):
                role = topics[name]
                stamp = _stamp(message)
                if stamp is None or role is topic.COMMAND:
                    stamp = now  # unstamped, as commands may be: when the last stamped one was
                elif role in (topic.LIBRARY, topic.GOAL):
                    stamp = max(stamp, span[0])
                elif not span[0] <= stamp <= span[1]:
                    continue
                kind = 'images' if role in (*images, info) else role.name
                rate = config.rates.get(kind, 0.0)
                if rate and stamp < last.get(name, -np.inf) + 1.0 / rate - 1e-6:
                    continue
                last[name] = stamp
                now = max(now, stamp)
                if role in images:
                    _shrink_image(message, config.shrink)
                elif role == info:
                    _shrink_camera(message, config.shrink)
                data = bag.typestore.serialize_cdr(message, role.type)
                writer.write(connections[name], round(1e9 * now), data)
                count += 1
    return count


def _span(bag: Bag, topics: Mapping[str, topic.Role], margin: float) -> tuple[float, float]:
    """Return from when to when messages are kept: around all goals, or everything."""
    goals = [name for name, role in topics.items() if role is topic.GOAL]
    statuses = {name for name, role in topics.items() if role is topic.STATUS}
    starts, ends = [], []
    for name, _, message in bag.messages({*goals, *statuses}):
        if name in statuses:
            if message.goal_id and message.status in REPLAYABLE:
                ends.append(seconds(message.header.stamp))
        else:
            starts.append(seconds(message.header.stamp))
    if not starts or not ends:
        return 0.0, np.inf
    return min(starts) - margin, max(ends) + margin


def _stamp(message: Any) -> float | None:
    header = getattr(message, 'header', None)
    return None if header is None else seconds(header.stamp)


def _shrink_image(message: Any, shrink: int) -> None:
    """Keep every `shrink`-th pixel, starting with the first one."""
    size = message.step // max(message.width, 1)
    rows = np.asarray(message.data, dtype=np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * size].reshape(message.height, message.width, size)
    small = np.ascontiguousarray(pixels[::shrink, ::shrink])
    message.height, message.width = small.shape[:2]
    message.step = small.shape[1] * size
    message.data = small.reshape(-1)


def _shrink_camera(message: Any, shrink: int) -> None:
    """Fit the calibration to such images; the centre of pixel 0 stays where it is."""
    message.width = -(-message.width // shrink)
    message.height = -(-message.height // shrink)
    message.k = np.array([*np.asarray(message.k)[:6] / shrink, *np.asarray(message.k)[6:]])
    message.p = np.array([*np.asarray(message.p)[:8] / shrink, *np.asarray(message.p)[8:]])
