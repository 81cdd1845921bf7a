"""Who publishes on a topic: names for joint states, and for other controllers of the arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rclpy.node import Node


@dataclass(frozen=True)
class Publisher:
    """Who sent a message: one publisher is one, whatever its name; as a text its node's name.

    Attributes:
        gid: Identifier of the publisher; empty where a message does not say it.
        node: Node that heard the message; it is asked for the name, which is told a little later
            than the first messages come.
        topic: Topic of the message.
    """

    gid: bytes
    node: Node = field(compare=False)
    topic: str = field(compare=False)

    @classmethod
    def of(cls, info: Mapping[str, Any], node: Node, topic: str) -> Publisher:
        """Return the publisher of a message that came with an information."""
        return cls(bytes(info.get('publisher_gid', {}).get('data', b'')), node, topic)

    @staticmethod
    def may_follow(old: object, new: object) -> bool:
        """Tell whether a publisher may take a silent one's place.

        It may if that is gone, or if its node has the same name: who was killed and started again
        is in the graph twice for a while.
        """
        if not isinstance(old, Publisher):
            return True
        is_gone = old.gid not in dict(_publishers(old.node, old.topic))
        return is_gone or str(old) == str(new)

    def __str__(self) -> str:
        names = dict(_publishers(self.node, self.topic))
        return names.get(self.gid, f'a node not yet known ({self.gid.hex()})')


def other_publishers(node: Node, topic: str) -> list[str]:
    """Return the names of the other nodes that publish on a topic; one may be a namesake."""
    names = [name for _, name in _publishers(node, topic)]
    if (own := node.get_fully_qualified_name()) in names:
        names.remove(own)
    return sorted(names)


def _publishers(node: Node, topic: str) -> list[tuple[bytes, str]]:
    return [
        (bytes(e.endpoint_gid), f'{e.node_namespace.rstrip("/")}/{e.node_name}')
        for e in node.get_publishers_info_by_topic(topic)
    ]
