"""`mpc_controller`: minimises the goal's energy through the arm's dynamics.

Threads: callbacks store the newest joint state, entities and goal; one planning thread owns the
controller, plans at the control rate and publishes. A plan that comes late is harmless: plans are
time-stamped, and the tracker goes on along the last one.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import torch
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory

from concept_control.control.arm import ArmDescription
from concept_control.control.goal import TOOL_ID, EntityState, GroundedGoal
from concept_control.control.tasks import ConceptController, ControlOutput
from concept_control.energy.composition import GoalEnergy
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, ConceptControlError, PerceptionError
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus, EntityArray
from concept_control.ros import conversions as convert
from concept_control.ros import qos
from concept_control.ros.parameters import Parameter, declare
from concept_control.ros.programs import program_of
from concept_control.ros.running import run
from concept_control.ros.slot import Slot

PARAMETERS = (
    Parameter('arm', 'franka', 'name of a shipped arm or path of an arm YAML'),
    Parameter('frame', 'world', 'fixed frame of the entities'),
    Parameter('model', '', 'folder or file of the trained model; empty: the one shipped'),
    Parameter('control_rate', 50.0, 'plans per second of the joint states clock', 5.0, 200.0),
    Parameter('status_rate', 10.0, 'status messages per second of that clock', 1.0, 50.0),
)

TOOL_STATE = EntityState(
    position=np.zeros(3),
    size=np.full(3, convert.TOOL_SIZE),
    color=np.array(convert.TOOL_COLOR),
)
"""The tool as an entity of a goal; where it is comes from the joints."""

STATUS = {
    'idle': ConceptStatus.IDLE,
    'active': ConceptStatus.ACTIVE,
    'paused': ConceptStatus.PAUSED,
    'satisfied': ConceptStatus.SATISFIED,
    'failed': ConceptStatus.FAILED,
    'cancelled': ConceptStatus.CANCELLED,
}

ENTITIES_TIMEOUT = 5.0
"""Seconds a goal waits for the first entities."""

JointSample = tuple[float, np.ndarray, np.ndarray]
"""Stamp [s], positions [rad], velocities [rad/s]."""


class MpcController(Node):
    """Plans and commands."""

    def __init__(self) -> None:
        super().__init__('mpc_controller')
        self.parameters = p = declare(self, PARAMETERS)
        self.failure: Exception | None = None
        # Two threads on a busy two-core machine turned 0.6 ms into 69 ms.
        torch.set_num_threads(1)
        self.arm = ArmDescription.load(p.arm)
        self.model = ConceptModel.load(p.model or None)
        self.controller = ConceptController(self.arm)
        self._joints: Slot[JointSample] = Slot()
        self._entities: dict[int, EntityState] = {}
        self._entities_time: float | None = None
        self._attached: bool | None = None
        self._goals: list[ConceptGoal] = []
        self._goal = ConceptGoal()
        self._goal_waits_since: float | None = None
        self._plan_times: list[float] = []
        self._missed = 0
        self._last_status = -np.inf
        self._last_report: tuple[str, str, int] | None = None

        self._trajectories = self.create_publisher(
            JointTrajectory, 'joint_trajectory', qos.RELIABLE
        )
        self._suction = self.create_publisher(Bool, 'suction_command', qos.RELIABLE)
        self._status = self.create_publisher(ConceptStatus, 'concept_status', qos.RELIABLE)
        subscribe = self.create_subscription
        subscribe(JointState, 'joint_states', self._on_joints, qos.SENSOR)
        subscribe(EntityArray, 'entities', self._on_entities, qos.RELIABLE)
        subscribe(Bool, 'suction_state', self._on_suction, qos.LATCHED)
        subscribe(ConceptGoal, 'concept_goal', self._goals.append, qos.LATCHED)
        self._worker = threading.Thread(target=self._work, name='planning', daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop the planning thread."""
        self._joints.close()
        self._worker.join(timeout=5.0)

    def _on_joints(self, message: JointState) -> None:
        try:
            positions, velocities = convert.joint_state_arrays(message, self.arm.joints)
        except CommandError as error:
            self.get_logger().error(f'joint states refused: {error}', throttle_duration_sec=2.0)
            return
        self._joints.put((convert.seconds(message.header.stamp), positions, velocities))

    def _on_entities(self, message: EntityArray) -> None:
        try:
            states = convert.entity_states(message, self.parameters.frame)
        except PerceptionError as error:
            self.get_logger().error(f'entities refused: {error}', throttle_duration_sec=2.0)
            return
        states.pop(TOOL_ID, None)  # known better here, from the joint states
        self._entities, self._entities_time = states, convert.seconds(message.header.stamp)

    def _on_suction(self, message: Bool) -> None:
        self._attached = message.data

    def _work(self) -> None:
        period = 1.0 / self.parameters.control_rate
        last = -np.inf
        try:
            while (sample := self._joints.take()) is not None:
                now = sample[0]
                if now < last:
                    self.get_logger().warning('the clock jumped back: starting afresh')
                    self._cancel('the clock jumped back')
                    self._last_status = last = -np.inf
                # Half a joint-state period of slack, so that jitter does not skip a tick.
                if now - last < 0.9 * period:
                    continue
                last = now
                self._take_goals(now)
                self._control(*sample)
        except Exception as error:
            self.get_logger().fatal(f'planning failed: {error!r}')
            self.failure = error

    def _control(self, now: float, positions: np.ndarray, velocities: np.ndarray) -> None:
        output = self.controller.update(
            now, positions, velocities, self._entities, self._attached, self._entities_time
        )
        if output.plan is not None:
            self._trajectories.publish(convert.trajectory_message(output.plan, self.arm.joints))
        self._suction.publish(Bool(data=output.suction))
        if np.isfinite(output.solve_time):
            self._plan_times.append(output.solve_time)
            self._missed += output.solve_time > 1.0 / self.parameters.control_rate
        report = (output.status, output.phase, output.active_entity)
        if output.guard:
            self.get_logger().warning(f'guard: {output.guard}', throttle_duration_sec=5.0)
        due = now - self._last_status >= 1.0 / self.parameters.status_rate
        if due or report != self._last_report:
            if report != self._last_report:
                self.get_logger().info(f'{output.status}, {output.phase}: {output.text}')
            self._last_status, self._last_report = now, report
            self._status.publish(self._status_message(now, output))

    def _take_goals(self, now: float) -> None:
        if self._goals and self._entities_time is None:
            # A goal may overtake the first entities, as long as these come soon.
            self._goal_waits_since = self._goal_waits_since or now
            if now - self._goal_waits_since < ENTITIES_TIMEOUT:
                return
        self._goal_waits_since = None
        while self._goals:
            message = self._goals.pop(0)
            try:
                self._take(message)
            except ConceptControlError as error:
                self.get_logger().error(f'goal refused: {error}')
                self._cancel('its successor was refused')
                refusal = self._blank_status()
                refusal.status, refusal.text = ConceptStatus.REFUSED, str(error)
                refusal.expression, refusal.goal_id = message.expression, message.goal_id
                self._status.publish(refusal)

    def _take(self, message: ConceptGoal) -> None:
        match message.command:
            case ConceptCommand.CANCEL:
                self._cancel('as asked')
            case ConceptCommand.PAUSE:
                self.controller.pause()
            case ConceptCommand.RESUME:
                self.controller.resume()
            case ConceptCommand.ACHIEVE:
                goal = self._grounded(message)
                self._goal = message
                self._plan_times, self._missed = [], 0
                self.controller.set_goal(goal)
            case other:
                raise CommandError(f'a goal with command {other} is none that is known')

    def _cancel(self, why: str) -> None:
        self.get_logger().info(f'goal cancelled: {why}')
        self.controller.cancel()

    def _grounded(self, message: ConceptGoal) -> GroundedGoal:
        """Check a goal and turn it into an energy.

        Raises:
            CommandError: for another model's codes, unknown entities, lengths that disagree or
                values that are not finite.
        """
        if message.model != self.model.fingerprint:
            raise CommandError(
                f'the goal was made with the model {message.model!r}, but this controller has '
                f'{self.model.fingerprint!r}; give both nodes the same `model` parameter'
            )
        ids = [int(i) for i in message.entities]
        if ids != sorted(ids):
            raise CommandError(f'the goal must list its entities by increasing id, got {ids}')
        if len(message.before) != len(ids) or len(message.targets) != len(ids):
            raise CommandError(
                f'the goal has {len(ids)} entities, {len(message.before)} positions before and '
                f'{len(message.targets)} targets; expected as many of each'
            )
        unknown = [i for i in ids if i != TOOL_ID and i not in self._entities]
        if unknown:
            raise CommandError(
                f'the goal names the entities {unknown}, which are not seen; there are '
                f'{sorted(self._entities)}'
            )
        workspace = self.arm.workspace
        before = np.array([[p.x, p.y] for p in message.before])
        targets = np.array([[p.x, p.y] for p in message.targets])
        if not (np.isfinite(before).all() and np.isfinite(targets).all()):
            raise CommandError('the goal holds NaN or infinity')
        energy = GoalEnergy(self.model, program_of(message.terms, ids))
        states = {TOOL_ID: TOOL_STATE, **self._entities}
        scene = convert.workspace_scene({i: states[i] for i in ids}, workspace)
        scene = replace(scene, positions=workspace.to_workspace(before))
        movable = scene.mask([int(i) for i in message.movable])

        def solve(positions: np.ndarray) -> np.ndarray | None:
            now = replace(scene, positions=positions)
            attended = scene.mask([int(i) for term in message.terms for i in term.arguments])
            solution = energy.solve(
                now.events(movable, attended), torch.as_tensor(movable), seed=int(message.seed)
            )
            return np.asarray(solution.positions, float) if solution.converged else None

        return GroundedGoal(
            evaluator=energy.residual_evaluator(),
            entity_ids=tuple(ids),
            before=scene.positions,
            colors=scene.colors,
            sizes=scene.sizes,
            targets=workspace.to_workspace(targets),
            movable=tuple(int(i) for i in message.movable),
            moved=tuple(int(i) for i in message.moved),
            initial_energy=message.initial_energy,
            target_energy=message.target_energy,
            goal_id=message.goal_id,
            expression=message.expression,
            solver=solve,
        )

    def _blank_status(self) -> ConceptStatus:
        nan = float('nan')
        return ConceptStatus(
            header=convert.header(max(self._last_status, 0.0), self.parameters.frame),
            source='mpc_controller',
            energy=nan,
            initial_energy=nan,
            active_entity=-1,
            plan_time=nan,
            plan_time_p50=nan,
            plan_time_p99=nan,
        )

    def _status_message(self, now: float, output: ControlOutput) -> ConceptStatus:
        message = self._blank_status()
        message.header = convert.header(now, self.parameters.frame)
        message.goal_id = self._goal.goal_id
        message.status = STATUS[str(output.status)]
        message.phase = output.phase
        message.expression = self._goal.expression
        message.text = output.text
        message.energy = output.energy
        message.plan_time = output.solve_time
        if self._goal.goal_id:
            message.initial_energy = self._goal.initial_energy
            message.entities = self._goal.entities
            attended = {int(i) for term in self._goal.terms for i in term.arguments}
            message.attention = [float(int(i) in attended) for i in self._goal.entities]
        message.active_entity = output.active_entity
        if self._plan_times:
            p50, p99 = np.percentile(self._plan_times, [50, 99])
            message.plan_time_p50, message.plan_time_p99 = float(p50), float(p99)
        message.num_plans = len(self._plan_times)
        message.missed_deadlines = int(self._missed)
        return message


def main() -> int:
    """Run the node until a signal."""
    return run(MpcController)


if __name__ == '__main__':
    raise SystemExit(main())
