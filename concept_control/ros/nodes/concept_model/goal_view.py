"""Draws the present goal for those who look: markers on `concept_markers`, a few times a second.

Threads: callbacks store; one worker draws, and only while somebody is subscribed. It is no part of
the controller, whose time is too short for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.goal import GroundedGoal
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.interfaces.constants import PURSUED
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.goals import grounded_goal
from concept_control.ros.visualization.markers import GoalDrawing, clear_markers

PERIOD = 0.5
"""Seconds between drawings."""


class GoalView:
    """Draws the present goal on the topics of a node."""

    def __init__(
        self,
        node: Node,
        arm: ArmDescription,
        model: ConceptModel,
        frame: str,
        entities: Callable[[], convert.EntitySnapshot | None],
    ) -> None:
        """Listen and start the worker; `entities` returns what is seen now, in the fixed frame."""
        self._node, self._arm, self._model, self._frame = node, arm, model, frame
        self._kinematics = ArmKinematics(arm)
        self._entities = entities
        self._message: ConceptGoal | None = None
        self._bound: tuple[ConceptGoal, GroundedGoal] | None = None
        self._status: ConceptStatus | None = None
        self._trajectory: bytes | None = None
        self._is_clear = True
        self._stop = threading.Event()
        self._markers = node.create_publisher(MarkerArray, 'concept_markers', qos.RELIABLE)
        subscribe = node.create_subscription
        subscribe(ConceptGoal, 'concept_goal', self._on_goal, qos.LATCHED_INPUT)
        subscribe(ConceptStatus, 'concept_status', self._on_status, qos.RELIABLE)
        # Raw: fifty plans a second are stored, two are looked at.
        hear = partial(setattr, self, '_trajectory')
        subscribe(JointTrajectory, 'joint_trajectory', hear, qos.RELIABLE, raw=True)
        self._worker = threading.Thread(target=self._work, name='view', daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop the worker."""
        self._stop.set()
        self._worker.join(timeout=0.5)

    def _on_goal(self, message: ConceptGoal) -> None:
        if message.command == ConceptCommand.ACHIEVE:
            self._message = message
        elif message.command == ConceptCommand.CANCEL:
            self._message = None

    def _on_status(self, message: ConceptStatus) -> None:
        if message.source != 'concept_model':
            self._status = message

    def _work(self) -> None:
        while not self._stop.wait(PERIOD):
            if self._markers.get_subscription_count():
                self.draw_once()

    def draw_once(self) -> None:
        """Publish a drawing of the present goal, if there is something new to draw."""
        try:
            drawing = self._draw()
        except ConceptControlError as error:
            self._node.get_logger().warning(
                f'the goal cannot be drawn: {error}', throttle_duration_sec=10.0
            )
            return
        if drawing is not None:
            self._markers.publish(drawing)

    def _draw(self) -> MarkerArray | None:
        """Return what to publish, None for nothing."""
        message, status = self._message, self._status
        header = convert.header(convert.node_time(self._node), self._frame)
        if message is None:
            was_clear, self._is_clear = self._is_clear, True
            return None if was_clear else clear_markers(header)
        seen = self._entities() or convert.EntitySnapshot(0.0, {}, 0)
        if self._bound is None or self._bound[0] is not message:
            goal = grounded_goal(
                message, seen.states, seen.session, self._model, self._arm.workspace
            )
            self._bound = message, goal
        text, active, path = str(message.expression), -1, None
        if status is not None and status.goal_id == message.goal_id:
            text = f'{message.expression}\nenergy {status.energy:.4f}\n{status.text}'
            active = int(status.active_entity)
            path = self._path() if status.status in PURSUED else None
        self._is_clear = False
        drawing = GoalDrawing(header, self._bound[1], seen.states, self._arm.workspace)
        attended = {int(i) for term in message.terms for i in term.arguments}
        return drawing.markers(attended, text, path, active)

    def _path(self) -> np.ndarray | None:
        """Return (T, 3) where the latest plan leads the tool's tip."""
        if self._trajectory is None:
            return None
        message = deserialize_message(self._trajectory, JointTrajectory)
        if sorted(message.joint_names) != sorted(self._arm.joints) or not message.points:
            return None
        if any(len(point.positions) != len(message.joint_names) for point in message.points):
            return None
        order = [message.joint_names.index(name) for name in self._arm.joints]
        positions = np.array([point.positions for point in message.points], dtype=float)
        path = self._kinematics.tool(positions[:, order]).position
        return path if np.isfinite(path).all() else None
