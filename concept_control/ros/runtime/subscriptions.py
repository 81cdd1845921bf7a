"""Subscriptions to topics whose publishers choose their quality of service themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.node import Node

from concept_control.ros.bridge import qos


def with_any_qos(
    node: Node, kind: type, topic: str, callback: Callable[[Any], None]
) -> SubscriptionEventCallbacks:
    """Return what makes a subscription hear also publishers that do not latch, or lose messages.

    A second subscription, which takes whatever is offered, is made as soon as there is such a
    publisher; what it said before is not heard then.

    Args:
        node: Node that listens.
        kind: Type of the messages.
        topic: Topic of the subscription.
        callback: Callback of the subscription; it may get a message twice.
    """
    made: list[Any] = []

    def listen(_: QoSRequestedIncompatibleQoSInfo) -> None:
        if made:
            return
        made.append(node.create_subscription(kind, topic, callback, qos.SENSOR))
        node.get_logger().warning(
            f'{topic}: a publisher does not latch its messages; only what it says from now on is '
            'heard'
        )

    return SubscriptionEventCallbacks(incompatible_qos=listen)
