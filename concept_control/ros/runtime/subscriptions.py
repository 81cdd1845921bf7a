"""A subscription to a topic whose publishers choose their quality of service themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.subscription import Subscription
from std_msgs.msg import Bool

from concept_control.ros.bridge import qos


def subscribe_suction_state(node: Node, callback: Callable[[Bool], None]) -> Subscription:
    """Subscribe to `suction_state`, also of publishers that do not latch, or lose messages.

    A second subscription, which takes whatever is offered, is made as soon as there is such a
    publisher; what it said before is not heard then.

    Args:
        node: Node that listens.
        callback: Callback of the messages; it may get one twice.
    """
    made: list[Any] = []

    def listen(_: QoSRequestedIncompatibleQoSInfo) -> None:
        if made:
            return
        made.append(node.create_subscription(Bool, 'suction_state', callback, qos.SENSOR))
        node.get_logger().warning(
            'suction_state: a publisher does not latch its messages; only what it says from now '
            'on is heard'
        )

    return node.create_subscription(
        Bool,
        'suction_state',
        callback,
        qos.LATCHED,
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=listen),
    )
