"""`concept_control excerpt`: a small bag out of a big one, for a bug report or for a test.

Only what replay evaluation needs is kept, thinned out, with fewer and smaller images, compressed.
Messages are logged at their own stamps, so that `ros2 bag play --clock` gives the clock they are
stamped with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from concept_control.bags import topics as topic
from concept_control.bags.reader import Bag
from concept_control.errors import BagError
from concept_control.interfaces.camera_topics import camera_topics, is_compressed
from concept_control.interfaces.constants import REPLAYABLE
from concept_control.interfaces.decoding import seconds
from concept_control.output_files import filling

PLUGINS = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
"""rosbags' writers by storage."""

_WANTED = (
    *(topic.ENTITIES, topic.GOAL, topic.STATUS, topic.TRUTH, topic.LIBRARY),
    *(topic.JOINTS, topic.SUCTION, topic.MARKER, topic.COMMAND),
)


@dataclass(frozen=True)
class ExcerptConfig:
    """What an excerpt keeps.

    Attributes:
        camera: Topic prefix of the camera whose images are kept.
        rates: Most messages per second by topic (without namespace); the others keep all.
        shrink: Step in pixels between those kept of the images, in both directions.
        margin: Time kept before the first command and after the last one ended [s].
        storage: Storage of the new bag, 'mcap' or 'sqlite3'.
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
    storage: str = 'mcap'


def excerpt(source: Path, target: Path, config: ExcerptConfig | None = None) -> int:
    """Copy what is needed into a new bag; return the number of messages.

    Raises:
        BagError: if the source cannot be read or the target exists.
    """
    config = config or ExcerptConfig()
    if target.exists():
        raise BagError(f'{target} exists; bags are not overwritten')
    with Bag(source) as bag:
        camera = topic.camera(camera_topics(config.camera), bag)
        topics = topic.find_topics(bag, (*_WANTED, *camera)).specs
        writer = Writer(target, version=9, storage_plugin=PLUGINS[config.storage])
        if config.storage == 'mcap':
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        target.parent.mkdir(parents=True, exist_ok=True)
        count = 0
        with filling(target), writer:
            connections = {
                name: writer.add_connection(
                    name,
                    spec.type,
                    typestore=bag.typestore,
                    offered_qos_profiles=bag.qos(name),
                )
                for name, spec in topics.items()
            }
            for name, stamp, message in _kept_messages(bag, topics, camera, config):
                data = bag.typestore.serialize_cdr(message, topics[name].type)
                writer.write(connections[name], round(1e9 * stamp), data)
                count += 1
    return count


def _kept_messages(
    bag: Bag,
    topics: Mapping[str, topic.TopicSpec],
    camera: Sequence[topic.TopicSpec],
    config: ExcerptConfig,
) -> Iterator[tuple[str, float, Any]]:
    """Yield topic, time [s] and message of everything that is kept, images made smaller."""
    start, end = _span(bag, topics, config.margin)
    *images, info = camera
    # Compressed images are small as they are.
    shrink = 1 if any(is_compressed(spec.name) for spec in images) else config.shrink
    last: dict[str, float] = {}
    now = start
    for name, _, message in bag.messages(set(topics)):
        spec = topics[name]
        stamp = _stamp(message)
        if stamp is None or spec is topic.COMMAND:
            stamp = now  # unstamped, as commands may be: when the last stamped one was
        elif spec in (topic.LIBRARY, topic.GOAL):
            stamp = max(stamp, start)
        elif not start <= stamp <= end:
            continue
        kind = 'images' if spec in (*images, info) else spec.name
        rate = config.rates.get(kind, 0.0)
        if rate and stamp < last.get(name, -np.inf) + 1.0 / rate - 1e-6:
            continue
        last[name] = stamp
        now = max(now, stamp)
        if shrink > 1 and spec in images:
            # Every `shrink`-th pixel is kept, starting with the first one.
            size = message.step // max(message.width, 1)
            rows = np.asarray(message.data, dtype=np.uint8).reshape(message.height, message.step)
            pixels = rows[:, : message.width * size].reshape(message.height, message.width, size)
            small = np.ascontiguousarray(pixels[::shrink, ::shrink])
            message.height, message.width = small.shape[:2]
            message.step, message.data = small.shape[1] * size, small.reshape(-1)
        elif shrink > 1 and spec == info:
            # The centre of pixel 0 stays where it is.
            message.width = -(-message.width // shrink)
            message.height = -(-message.height // shrink)
            message.k, message.p = (
                np.concatenate([np.divide(matrix[:count], shrink), matrix[count:]])
                for matrix, count in ((message.k, 6), (message.p, 8))
            )
        yield name, now, message


def _span(bag: Bag, topics: Mapping[str, topic.TopicSpec], margin: float) -> tuple[float, float]:
    """Return the first and last time [s] that is kept: around all goals, or everything."""
    goals = [name for name, spec in topics.items() if spec is topic.GOAL]
    statuses = {name for name, spec in topics.items() if spec is topic.STATUS}
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
