"""Strokes from a recorded bag: a topic of `geometry_msgs/PoseStamped`, without ROS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from concept_control.errors import StrokeError
from concept_control.policy.stroke_splitter import StrokeSplitter

POSE = 'geometry_msgs/msg/PoseStamped'


def strokes_of_bag(path: str | Path, topic: str | None = None) -> list[np.ndarray]:
    """Read (L, 2) strokes [m] from a bag.

    Args:
        path: Folder or file of the bag.
        topic: Topic of the poses; None for the only one there is.

    Raises:
        StrokeError: if the bag cannot be read, has no or several such topics, or no stroke.
    """
    splitter = StrokeSplitter()
    try:
        with AnyReader([Path(path)], default_typestore=get_typestore(Stores.LATEST)) as reader:
            topics = sorted({c.topic for c in reader.connections if c.msgtype == POSE})
            if topic is None and len(topics) == 1:
                topic = topics[0]
            if topic not in topics:
                raise StrokeError(
                    f'{path}: {topic or "a topic"} of {POSE} is wanted; it has {topics or "none"}'
                )
            chosen = [c for c in reader.connections if c.topic == topic]
            for connection, _, raw in reader.messages(connections=chosen):
                message: Any = reader.deserialize(raw, connection.msgtype)
                stamp = message.header.stamp
                p = message.pose.position
                splitter.add(stamp.sec + 1e-9 * stamp.nanosec, np.array([p.x, p.y, p.z]))
    except StrokeError:
        raise
    except Exception as error:
        raise StrokeError(f'{path}: is no bag that can be read: {error}') from error
    strokes = splitter.finish()
    if not strokes:
        raise StrokeError(f'{path}: no stroke on {topic}')
    return strokes
