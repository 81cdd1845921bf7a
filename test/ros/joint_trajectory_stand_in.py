"""Stands in for ros2_control's joint_trajectory_controller, as a process between planner and arm.

It refuses what that controller refuses with its default parameters and a position interface
(ros2_controllers, joint_trajectory_controller: parameters.rst, validate_trajectory_msg), and
samples what it accepts as that does: cubic between points with velocities, new trajectories
replacing the old from their first point that is not in the past.

    python joint_trajectory_stand_in.py arm_name --ros-args -r __node:=joint_trajectory_controller
"""

import itertools
import sys

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String
from trajectory_msgs.msg import JointTrajectory

from concept_control.control.arm.description import ArmDescription
from concept_control.ros.bridge import qos


def seconds(stamp):
    return stamp.sec + 1e-9 * stamp.nanosec


def refusal(message, joints, now):
    """Why the controller would reject a trajectory; empty if it would not."""
    if sorted(message.joint_names) != sorted(joints):
        return f'partial or foreign joints: {message.joint_names}'
    if not message.points:
        return 'empty trajectory'
    if any(message.points[-1].velocities):
        return 'the velocity of the last point is not zero'
    times = [seconds(point.time_from_start) for point in message.points]
    start = seconds(message.header.stamp)
    if start and start + times[-1] < now:
        return f'non-zero start time that ends {now - start - times[-1]:.3f} s in the past'
    if any(later <= earlier for earlier, later in itertools.pairwise(times)):
        return 'time between points is not strictly increasing'
    for point in message.points:
        if point.effort:
            return 'efforts, but no effort interface is commanded'
        for name in ('positions', 'velocities', 'accelerations'):
            values = getattr(point, name)
            if len(values) not in (0, len(joints)):
                return f'{len(values)} {name} for {len(joints)} joints'
    return ''


class StandIn(Node):
    """Follows trajectories at the rate of the joint states."""

    def __init__(self, joints):
        super().__init__('joint_trajectory_controller')
        self.joints = joints
        self.now, self.points = 0.0, None
        self.last = None
        self.commands = self.create_publisher(Float64MultiArray, 'position_commands', qos.RELIABLE)
        self.refusals = self.create_publisher(String, '~/refusals', qos.LATCHED)
        self.create_subscription(JointState, 'joint_states', self.on_joints, qos.SENSOR)
        self.create_subscription(
            JointTrajectory, '~/joint_trajectory', self.on_trajectory, qos.RELIABLE
        )

    def on_trajectory(self, message):
        why = refusal(message, self.joints, self.now)
        if why:
            self.refusals.publish(String(data=why))
            return
        order = [message.joint_names.index(name) for name in self.joints]
        start = seconds(message.header.stamp) or self.now
        times = start + np.array([seconds(p.time_from_start) for p in message.points])
        positions = np.array([p.positions for p in message.points])[:, order]
        velocities = np.array([p.velocities for p in message.points])[:, order]
        ahead = times >= self.now
        if self.last is not None:
            times = np.append(self.now, times[ahead])
            positions = np.vstack([self.last[0], positions[ahead]])
            velocities = np.vstack([self.last[1], velocities[ahead]])
        self.points = times, positions, velocities

    def on_joints(self, message):
        self.now = seconds(message.header.stamp)
        if self.points is None:
            order = [message.name.index(name) for name in self.joints]
            self.last = np.array(message.position)[order], np.zeros(len(self.joints))
            return
        self.last = self.sample(self.now)
        self.commands.publish(Float64MultiArray(data=self.last[0].tolist()))

    def sample(self, now):
        """Cubic Hermite interpolation; at rest after the end."""
        times, positions, velocities = self.points
        if now >= times[-1]:
            return positions[-1], np.zeros(len(self.joints))
        step = max(int(np.searchsorted(times, now, side='right')) - 1, 0)
        span = times[step + 1] - times[step]
        if span <= 0:
            return positions[step + 1], velocities[step + 1]
        u = np.clip((now - times[step]) / span, 0.0, 1.0)
        p0, p1 = positions[step], positions[step + 1]
        m0, m1 = span * velocities[step], span * velocities[step + 1]
        position = (
            (2 * u**3 - 3 * u**2 + 1) * p0 + (u**3 - 2 * u**2 + u) * m0
            + (3 * u**2 - 2 * u**3) * p1 + (u**3 - u**2) * m1
        )  # fmt: skip
        velocity = (
            6 * (u**2 - u) * (p0 - p1)
            + (3 * u**2 - 4 * u + 1) * m0
            + (3 * u**2 - 2 * u) * m1
        )  # fmt: skip
        return position, velocity / span


if __name__ == '__main__':
    rclpy.init(args=sys.argv)
    node = StandIn(list(ArmDescription.load(sys.argv[1]).joints))
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
