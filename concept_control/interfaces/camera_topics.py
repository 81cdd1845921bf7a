"""The topics of a camera: named after its prefix, or as its driver names them."""

from __future__ import annotations

from typing import NamedTuple

COMPRESSED = ('compressed', 'compressedDepth')
"""Last words of topics with `sensor_msgs/CompressedImage`, as image_transport names them."""


class CameraTopics(NamedTuple):
    """The topics of one RGB-D camera, relative or absolute.

    Attributes:
        color: Colour images.
        depth: Depth images, registered to colour.
        info: Calibration of the colour images.
    """

    color: str
    depth: str
    info: str


def camera_topics(prefix: str, color: str = '', depth: str = '', info: str = '') -> CameraTopics:
    """Return the topics of a camera by its prefix; those that are given are taken as they are."""
    return CameraTopics(
        color or f'{prefix}/color/image_raw',
        depth or f'{prefix}/depth/image_raw',
        info or f'{prefix}/color/camera_info',
    )


def is_compressed(topic: str) -> bool:
    """Tell whether a topic's images are compressed, by its name."""
    return topic.rpartition('/')[2] in COMPRESSED
