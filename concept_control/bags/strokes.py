"""Strokes from a recorded bag: a topic of `geometry_msgs/PoseStamped`, without ROS."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concept_control.bags.reader import Bag
from concept_control.errors import BagError, StrokeError
from concept_control.interfaces.decoding import seconds
from concept_control.policy.strokes import StrokeSplitter

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
        with Bag(path) as bag:
            topics = [recorded.name for recorded in bag.topics.values() if recorded.type == POSE]
            if topic is None and len(topics) == 1:
                topic = topics[0]
            if topic not in topics:
                raise StrokeError(
                    f'{path}: {topic or "a topic"} of {POSE} is wanted; it has {topics or "none"}'
                )
            for _, _, message in bag.messages({topic}):
                p = message.pose.position
                splitter.add(seconds(message.header.stamp), np.array([p.x, p.y, p.z]))
    except BagError as error:
        raise StrokeError(f'{path}: is no bag that can be read: {error}') from error
    strokes = splitter.finish()
    if not strokes:
        raise StrokeError(f'{path}: no stroke on {topic}')
    return strokes
