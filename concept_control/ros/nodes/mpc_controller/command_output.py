"""Plans as commands to the arm: trajectories, positions or torques.

`joint_trajectory` sends each plan to a joint_trajectory_controller, which follows it. `position`
and `effort` are for ros2_control's forward_command_controller, which hands each number straight on
to the hardware: the plan is followed here, at the rate of the joint states, one command for each.
What the arm was told last it goes on doing, so the last command is always one that holds it.
"""

from __future__ import annotations

import threading
import time as clock
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from concept_control.control.arm.description import ArmDescription
from concept_control.control.command_check import CommandCheck
from concept_control.control.guard import NOT_FINITE, Guard
from concept_control.control.path_follower import PathFollower
from concept_control.control.plan import Plan
from concept_control.control.plan_sequence import TellingPositions
from concept_control.control.tracker import PlanTracker
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.publishers import other_publishers

SOFTNESS = 2.5
"""Softness of the tracker: torques come a few milliseconds after the joint state that they
answer."""

BLEND_TIME = 0.15
"""Time constant with which torques go over from one plan to a next one that comes late [s]."""

AT_REST = 0.002
"""Largest speed of joints that stay where they are without feedback [rad/s]."""

COAST_PERIOD, MAX_COAST = 0.004, 1.5
"""Time between two commands without feedback, and the longest time for which there are any [s]."""


class CommandOutput(ABC):
    """Sends plans to the arm; nothing before the first.

    Threading: any thread; the executor's thread calls `joints`, the planning thread `send`.
    """

    def __init__(self, arm: ArmDescription) -> None:
        """Check what an arm is sent."""
        self._arm, self._check, self._lock = arm, CommandCheck(arm), threading.Lock()
        self._epoch = 0

    @abstractmethod
    def close(self) -> None:
        """Send nothing more, and free what was needed for it."""

    @abstractmethod
    def rivals(self) -> str:
        """Return a clause on who else commands the arm; empty for nobody."""

    def fault(self) -> str:
        """Return why the arm must hold, as what follows its plans says; empty for no reason."""
        return ''

    def send(self, plan: Plan, epoch: int = 0) -> str:
        """Follow a plan from now on.

        Args:
            plan: Plan that the guard has passed.
            epoch: Epoch of the joint state that it answers.

        Returns:
            Reason why it is not followed after all; empty if it is.
        """
        with self._lock:
            if epoch != self._epoch:
                return 'it was made before the joint states began anew'
            if refusal := self._check.plan(plan):
                return refusal
            self._tell(plan)
            return ''

    @abstractmethod
    def _tell(self, plan: Plan) -> None:
        """Send a plan that was found good, or follow it from now on."""

    def joints(self, time: float, q: np.ndarray, qd: np.ndarray, epoch: int = 0) -> str:
        """Send the command that belongs to a joint state, where there is one for each.

        Args:
            time: Stamp of the joint state [s], the clock of the plans.
            q: (n,) positions [rad], credible.
            qd: (n,) velocities [rad/s], credible.
            epoch: Number of times that joint states began anew before this one. With a new one
                everything told before is forgotten, and nothing is sent until the next plan.

        Returns:
            Clause on what was done to the command; empty for nothing.
        """
        with self._lock:
            self._measure(time, q, qd, epoch)
        return ''

    def _measure(self, time: float, q: np.ndarray, qd: np.ndarray, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._forget()
        self._check.measure(time, q, qd)

    def _forget(self) -> None:
        self._check.restart()

    def told(self, time: float) -> TellingPositions | None:
        """Return what is told at a time [s], where that is positions, and there were some."""
        return None

    def end(self) -> None:  # noqa: B027  (a trajectory is followed by itself)
        """Send no more commands once the arm rests at the end of the plan."""

    def coast(self, time: float) -> None:  # noqa: B027
        """Send the command that belongs to a time [s] for which no joint state has come."""

    def finish(self) -> None:  # noqa: B027
        """Bring the arm to rest along the plan, though no joint state will be heard any more."""


class PublishedOutput(CommandOutput):
    """Sends messages on a topic."""

    def __init__(self, node: Node, publisher: Publisher, arm: ArmDescription) -> None:
        """Keep the publisher of a node."""
        super().__init__(arm)
        self._node, self._publisher = node, publisher

    def close(self) -> None:
        """See `CommandOutput.close`."""
        self._node.destroy_publisher(self._publisher)

    def rivals(self) -> str:
        """See `CommandOutput.rivals`."""
        topic = self._publisher.topic_name
        others = ', '.join(other_publishers(self._node, topic))
        return f'{others} also publishes {topic}' if others else ''


class TrajectoryOutput(PublishedOutput):
    """For a joint_trajectory_controller, which follows each plan by itself."""

    def __init__(
        self, node: Node, arm: ArmDescription, prefix: str, sends_efforts: Callable[[], bool]
    ) -> None:
        """Make the publisher.

        Args:
            node: Node whose topics are used.
            arm: Arm that is commanded.
            prefix: Prefix of its joints' names in commands.
            sends_efforts: Callable that tells whether trajectories carry feed-forward torques,
                asked for each.
        """
        super().__init__(
            node, node.create_publisher(JointTrajectory, 'joint_trajectory', qos.RELIABLE), arm
        )
        self._joints, self._sends_efforts = [prefix + j for j in arm.joints], sends_efforts

    def _tell(self, plan: Plan) -> None:
        message = convert.trajectory_message(plan, self._joints, self._sends_efforts())
        self._publisher.publish(message)


class StreamedOutput(PublishedOutput):
    """For a forward_command_controller: positions or torques, in the order of the arm's joints."""

    def __init__(self, node: Node, arm: ArmDescription, is_effort: bool) -> None:
        """Make the publisher.

        Args:
            node: Node whose topics are used.
            arm: Arm that is commanded.
            is_effort: Whether torques are sent; else positions.
        """
        super().__init__(
            node,
            node.create_publisher(Float64MultiArray, 'effort_commands', qos.RELIABLE)
            if is_effort
            else node.create_publisher(Float64MultiArray, 'position_commands', qos.RELIABLE),
            arm,
        )
        self._is_effort = is_effort
        self._tracker = PlanTracker(arm, SOFTNESS, BLEND_TIME)
        self._follower = PathFollower(self._check)
        self._guard = Guard(arm)
        self._last: tuple[float, np.ndarray] | None = None
        self._is_on = self._is_ending = False
        self._fault = ''

    def fault(self) -> str:
        """See `CommandOutput.fault`."""
        return self._fault

    def _tell(self, plan: Plan) -> None:
        self._tracker.follow(plan)
        if not self._is_effort:
            self._follower.follow(plan)
        self._is_on, self._is_ending = True, False

    def joints(self, time: float, q: np.ndarray, qd: np.ndarray, epoch: int = 0) -> str:
        """See `CommandOutput.joints`."""
        with self._lock:
            self._measure(time, q, qd, epoch)
            self._last = time, q
            if not self._is_on:
                return ''
            reason = self._follow(time, q, qd)
            plan, is_at_rest = self._tracker.plan, np.abs(qd).max() < AT_REST
            if self._is_ending and is_at_rest and plan and self._is_over(time, plan.end):
                self._end(q)
            return reason

    def _forget(self) -> None:
        super()._forget()
        self._tracker.hold()
        self._follower.forget()
        self._is_on = False

    def end(self) -> None:
        """See `CommandOutput.end`."""
        with self._lock:
            self._is_ending = True

    def coast(self, time: float) -> None:
        """Go on along the plan as if the arm were on it; at its end, bear the weight and stop.

        Where torques end a drive stops the arm by itself, or goes on bearing its weight.
        """
        with self._lock:
            plan = self._tracker.plan
            if not self._is_on or plan is None or self._last is None or time <= self._last[0]:
                return
            if self._is_over(time, plan.end):
                self._end(self._tracker.reference(time, self._last[1])[0])
                return
            q, qd, _ = plan.at(time)
            self._last = time, q  # a clock that stands still asks for nothing twice
            self._follow(time, q, qd)

    def finish(self) -> None:
        """See `CommandOutput.finish`; by the machine's own clock, for the node's stands still."""
        begin, last = clock.monotonic(), self._last
        while self._is_on and last and (elapsed := clock.monotonic() - begin) < MAX_COAST:
            self.coast(last[0] + elapsed)
            clock.sleep(COAST_PERIOD)

    def told(self, time: float) -> TellingPositions | None:
        """See `CommandOutput.told`."""
        with self._lock:
            motion = self._check.last
            if self._is_effort or motion is None or motion is self._check.measured:
                return None
            return TellingPositions(motion, self._follower.lag(time))

    def _is_over(self, time: float, end: float) -> bool:
        """Tell whether what is told has come to the end [s] of a plan."""
        return time - (0.0 if self._is_effort else self._follower.lag(time)) >= end

    def _follow(self, time: float, q: np.ndarray, qd: np.ndarray) -> str:
        """Send what follows the plan from a state; return what was done to it."""
        if self._is_effort:
            wanted = self._tracker.effort(time, q, qd)
            values, reason = self._guard.check_effort(wanted, q, qd)
            self._fault = reason if reason == NOT_FINITE else ''
            if self._fault:
                self._tracker.hold()  # what made them must not last
        else:
            values, reason = self._follower.position(time), ''
        refusal = self._command(time, values)
        if refusal:
            reason = f'command refused: {refusal}'
            self._bear(time, q)
        return reason

    def _end(self, q: np.ndarray) -> None:
        """Send no more commands than one that keeps an arm where it rests."""
        self._is_on = False
        assert self._last is not None
        self._bear(self._last[0], q)

    def _bear(self, time: float, q: np.ndarray) -> None:
        """Send torques that bear the weight; the last position holds the arm by itself."""
        if self._is_effort:
            self._command(time, self._guard.holding_effort(q))

    def _command(self, time: float, values: np.ndarray) -> str:
        """Send numbers, the only place where they leave; return why not, empty if they were."""
        check = self._check
        refusal = check.effort(values) if self._is_effort else check.position(time, values)
        if not refusal:
            self._publisher.publish(Float64MultiArray(data=values.tolist()))
        return refusal
