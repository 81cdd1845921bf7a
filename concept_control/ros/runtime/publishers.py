"""Who publishes on a topic, who else does, and which of several is believed."""

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


class BelievedPublisher:
    """Believes one publisher at a time: the first, until it is silent and another may follow."""

    def __init__(self, patience: float = 1.0) -> None:
        """Believe nobody yet; after a silence of `patience` [s] another may be believed."""
        self._patience = patience
        self._last: tuple[float, object] | None = None

    def refusal(self, now: float, source: object) -> str:
        """Return why a message of a source is not believed; empty if it is.

        Args:
            now: Time of arrival by a clock that never jumps [s].
            source: Publisher of the message.
        """
        if self._last is not None and self._last[1] != source:
            then, believed = self._last
            is_silent = now - then > self._patience
            if not (is_silent and Publisher.may_follow(believed, source)):
                return f'{believed} and {source} both publish it; {believed} is believed'
        self._last = now, source
        return ''


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
