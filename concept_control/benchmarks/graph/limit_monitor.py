"""What the arm was told and what it did, held against its limits by somebody who made none of it.

Shares no check with the guard, the controller or its outputs: only the arm's description and its
kinematics. The true joints are those that the simulator publishes, whoever else claims to.

Messages of two topics do not arrive in the order in which they were sent, and a simulator that was
started again is heard up to seconds later here than by the controller. So commands wait until
joint states that were sent after them have come, and both are compared by when they were sent.
A command sent more than `MAX_LAG` after the last joint state of a simulator that was killed is one
to the arm of the next: it must be near that arm, wherever the one of before was, and is no step
from a command to the one of before.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.ros.bridge import conversions as convert

SIMULATOR = 'arm_simulator'

UNKNOWN = '_NODE_NAME_UNKNOWN_'
"""Name of a node, by the middleware, before it has told its name."""

LIMITS = {
    'told: not finite': 0.0,
    'told: beyond a position limit [rad]': 0.002,
    'told: speed / limit': 1.005,
    'told: acceleration / limit': 1.005,
    'told: torque / limit': 1.001,
    'told: distance to the arm [rad]': 0.3,
    'told: speed at the end of a plan / limit': 1e-6,
    'told: tool below the table [m]': 0.006,
    'told: step between positions / what the speed limit allows': 1.02,
    'arm: speed / limit': 1.02,
    'arm: acceleration over 0.1 s / limit': 1.2,
    'arm: beyond a position limit [rad]': 0.002,
    'arm: tool below the table [m]': 0.006,
}
"""Largest value of each measure that is no violation: the limit itself, and rounding. Speed and
acceleration of the true arm have some room for what a motor does to follow."""

DEPTH = 1000
"""Number of messages that may wait for the monitor: it must hear each one."""

LOSSY = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)

MIN_STEP = 0.02
"""Time for which an arm may move between two positions, whenever these arrive [s]."""

MAX_LAG = 0.8
"""Time by which a command may be sent before or after the joint state it belongs to [s of the
machine]."""

WINDOW = 0.1
"""Time over which a true acceleration is the mean [s]."""


@dataclass(frozen=True)
class _Command:
    """Positions that were told.

    Attributes:
        sent: Time at which they were sent [s of the machine].
        q: (n,) positions [rad].
        after: Time at which the positions before them were sent; NaN if these are not known.
        step: Length of the step from those, in what the speed limit allows.
    """

    sent: float
    q: np.ndarray
    after: float = np.nan
    step: float = np.nan


class LimitMonitor:
    """Hears every joint state and every command.

    Threading: callbacks of one executor's thread write; others read attributes, which are
    replaced, not changed.

    Attributes:
        true: Stamp [s], positions and velocities (n,) of the simulated arm; None before the first
            since `begin`.
        worst: Largest value by measure.
        violations: Number of messages beyond the limit, by measure.
        examples: First violation of each measure, with the simulated time [s].
    """

    def __init__(self, arm: ArmDescription) -> None:
        self._arm, self._kinematics = arm, ArmKinematics(arm)
        self._simulators: dict[bytes, bool] = {}
        self._recent: deque[tuple[float, np.ndarray]] = deque()
        self._places: deque[tuple[float, np.ndarray]] = deque(maxlen=DEPTH)
        self._commands: deque[_Command] = deque()
        self._told: tuple[float, _Command] | None = None
        self._publication = b'', 0
        self._simulator, self._spoke, self._changed = b'', -np.inf, -np.inf
        self.begin()

    def begin(self) -> None:
        """Count from now on; the arm is to move once the true joints are known again.

        A simulator that was started again may not be heard yet.
        """
        self.true: tuple[float, np.ndarray, np.ndarray] | None = None
        self.worst: dict[str, float] = {}
        self.violations: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def attach(self, node: Node) -> None:
        """Listen through a node."""
        self._node = node
        subscribe = partial(node.create_subscription, qos_profile=QoSProfile(depth=DEPTH))
        # A reliable subscription waits for what was lost, and for ever once the simulator is gone.
        node.create_subscription(JointState, 'joint_states', self._on_joints, LOSSY)
        subscribe(JointTrajectory, 'joint_trajectory', self._on_trajectory)
        subscribe(Float64MultiArray, 'position_commands', self._on_positions)
        subscribe(Float64MultiArray, 'effort_commands', self._on_efforts)

    @property
    def time(self) -> float:
        """Stamp of the true joints [s]; 0 before the first."""
        return 0.0 if self.true is None else self.true[0]

    def _note(self, measure: str, value: float) -> None:
        self.worst[measure] = max(self.worst.get(measure, -np.inf), float(value))
        if not value <= LIMITS[measure]:
            self.violations[measure] += 1
            self.examples.setdefault(measure, f'{value:.4g} at {self.time:.2f} s')

    def _is_simulator(self, info: Mapping[str, Any]) -> bool:
        gid = bytes(info['publisher_gid']['data'])
        if gid not in self._simulators:
            names = {
                bytes(e.endpoint_gid): e.node_name
                for e in self._node.get_publishers_info_by_topic('joint_states')
            }
            if names.get(gid, UNKNOWN) == UNKNOWN:
                return False  # the next message asks again
            self._simulators[gid] = names[gid] == SIMULATOR
        return self._simulators[gid]

    def _on_joints(self, message: JointState, info: Mapping[str, Any]) -> None:
        if not self._is_simulator(info):
            return
        time = convert.seconds(message.header.stamp)
        q, qd = np.array(message.position), np.array(message.velocity)
        gid, sent = bytes(info['publisher_gid']['data']), _sent(info)
        if gid != self._simulator:
            self._recent.clear()
            self._changed = self._spoke + MAX_LAG
        self.true, self._simulator, self._spoke = (time, q, qd), gid, sent
        self._note('arm: speed / limit', (np.abs(qd) / self._arm.velocity_limits).max())
        self._note_place('arm', q[None])
        self._places.append((sent, q))
        self._judge(sent - MAX_LAG)
        self._recent.append((time, qd))
        while self._recent[0][0] < time - WINDOW:
            then, before = self._recent.popleft()
            rate = np.abs(qd - before) / (time - then) / self._arm.acceleration_limits
            self._note('arm: acceleration over 0.1 s / limit', rate.max())

    def _note_place(self, who: str, positions: np.ndarray) -> None:
        lower, upper = self._arm.position_limits.T
        beyond = np.maximum(positions - upper, lower - positions).max()
        self._note(f'{who}: beyond a position limit [rad]', beyond)
        heights = self._kinematics.tool(positions).position[:, 2]
        self._note(f'{who}: tool below the table [m]', -heights.min())

    def _is_finite(self, *values: np.ndarray) -> bool:
        is_finite = all(np.isfinite(value).all() for value in values)
        self._note('told: not finite', float(not is_finite))
        return is_finite

    def _on_trajectory(self, message: JointTrajectory, info: Mapping[str, Any]) -> None:
        arm = self._arm
        positions = np.array([point.positions for point in message.points])
        velocities = np.array([point.velocities for point in message.points])
        times = np.array([convert.seconds(point.time_from_start) for point in message.points])
        if not self._is_finite(positions, velocities):
            return
        self._note_place('told', positions)
        self._note('told: speed / limit', (np.abs(velocities) / arm.velocity_limits).max())
        # The acceleration of a cubic through both is largest at an end of a step.
        step, before, after = np.diff(times)[:, None], velocities[:-1], velocities[1:]
        mean = np.diff(positions, axis=0) / step
        begin, end = 6 * mean - 4 * before - 2 * after, 2 * before + 4 * after - 6 * mean
        rate = np.maximum(np.abs(begin), np.abs(end)) / step
        self._note('told: acceleration / limit', (rate / arm.acceleration_limits).max())
        last = (np.abs(velocities[-1]) / arm.velocity_limits).max()
        self._note('told: speed at the end of a plan / limit', last)
        self._commands.append(_Command(_sent(info), positions[0]))

    def _on_positions(self, message: Float64MultiArray, info: Mapping[str, Any]) -> None:
        q, now = np.array(message.data), self.time
        publisher = bytes(info['publisher_gid']['data']), info['publication_sequence_number']
        last, self._publication = self._publication, publisher
        if last[0] != publisher[0] or publisher[1] != last[1] + 1:
            self._told = None  # of somebody else, or one before it was missed
        if not self._is_finite(q):
            return
        self._note_place('told', q[None])
        command = _Command(_sent(info), q)
        if self._told is not None:
            then, before = self._told
            allowed = self._arm.velocity_limits * max(now - then, MIN_STEP)
            step = float((np.abs(q - before.q) / allowed).max())
            command = replace(command, after=before.sent, step=step)
        self._commands.append(command)
        self._told = now, command

    def _on_efforts(self, message: Float64MultiArray) -> None:
        efforts = np.array(message.data)
        if self._is_finite(efforts):
            share = (np.abs(efforts) / self._arm.effort_limits).max()
            self._note('told: torque / limit', share)

    def _judge(self, end: float) -> None:
        """Hold commands sent before a time against where the arm was around then, or next."""
        while self._commands and self._commands[0].sent < end:
            command = self._commands.popleft()
            while len(self._places) > 1 and self._places[0][0] < command.sent - MAX_LAG:
                self._places.popleft()
            last = max(self._places[0][0], command.sent + MAX_LAG)
            places = np.array([place for sent, place in self._places if sent <= last])
            gap = np.abs(command.q - places).max(axis=1).min()
            self._note('told: distance to the arm [rad]', gap)
            is_known = np.isfinite(command.step)
            if is_known and not command.after <= self._changed < command.sent:
                self._note(
                    'told: step between positions / what the speed limit allows', command.step
                )


def _sent(info: Mapping[str, Any]) -> float:
    """Return when a message was sent [s of the machine]."""
    return 1e-9 * info['source_timestamp']
