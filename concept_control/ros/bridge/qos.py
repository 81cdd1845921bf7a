"""The quality-of-service profiles of the package's topics."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data

SENSOR = qos_profile_sensor_data
"""Images and joint states: best effort, the newest counts."""

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Joint states that commands answer: none waits behind an older one."""

RELIABLE = QoSProfile(depth=10)
"""Commands, plans, entities and status: nothing is lost."""

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Library, goal and suction state: who comes late gets the last one."""

LATCHED_INPUT = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""For who must hear every goal: a cancel must not swallow the goal that came just before it."""

TF = QoSProfile(depth=100)
"""Transforms, as tf2_ros offers and asks for them."""
