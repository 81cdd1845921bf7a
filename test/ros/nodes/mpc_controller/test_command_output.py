"""What an arm is sent: by positions, by torques, and through a joint_trajectory_controller."""

import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import ConceptStatus
from joint_trajectory_stand_in import refusal
from rclpy.node import Node
from std_msgs.msg import String
from waiting import wait

from concept_control.control.arm.description import INTERFACES, ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.guard import TORQUE_SPAN, Guard
from concept_control.control.plan import Plan
from concept_control.errors import CommandError
from concept_control.paths import share_folder
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.nodes.mpc_controller.outputs import make_output
from concept_control.ros.nodes.mpc_controller.parameters import Parameters
from concept_control.ros.runtime.process_graph import (
    EXECUTABLES,
    Graph,
    NodeProcess,
    graph_environment,
)
from concept_control.simulation.drives import EffortDrive, PositionDrive
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.world import SimulatedWorld

ARM, UR5E = (ArmDescription.load(name) for name in ('franka', 'ur5e'))
DT = 0.02
REPLACED = ('arm_simulator', 'mpc_controller')
ENDED = (ConceptStatus.SATISFIED, ConceptStatus.FAILED, ConceptStatus.REFUSED)


def swing(stamp=0.0, steps=50, size=0.2, arm=ARM):
    """A plan from home and back to rest elsewhere, within every limit."""
    phase = np.linspace(0.0, np.pi, steps + 1)[:, None]
    rate = np.pi / (steps * DT)
    positions = arm.home + size * (1 - np.cos(phase)) / 2
    velocities = np.repeat(size * rate * np.sin(phase) / 2, arm.num_joints, axis=1)
    velocities[-1] = 0.0
    dynamics = ArmDynamics(arm)
    efforts = [
        dynamics.inverse(q, qd, a)
        for q, qd, a in zip(positions, velocities, np.diff(velocities, axis=0) / DT)
    ]
    return Plan(stamp, DT, positions, velocities, np.array(efforts))


@pytest.fixture
def node():
    rclpy.init()
    node = Node('outputs')
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


class Streamed:
    """An arm at 250 Hz whose commands arrive some steps late, and what its true joints did."""

    def __init__(self, node, kind, timeout=TORQUE_SPAN, arm=ARM):
        scene = build_scene(SceneConfig(num_blocks=0, arm=arm.name))
        self.arm, self.world, self.period = arm, SimulatedWorld(scene), scene.model.opt.timestep
        self.output = make_output(node, arm, Parameters(output=kind, send_efforts=False))
        self.output._publisher.publish = lambda m: self.sent.append(np.array(m.data))
        self.drive = (EffortDrive if kind == 'effort' else PositionDrive)(arm, timeout)
        self.sent, self.speeds, self.states = [], [], []

    def run(self, end, late=1, hears=lambda time: True, coasts=False):
        """Go on until a time [s]; commands of joint states that are heard come `late` steps on."""
        on_the_way = []
        while self.world.time < end:
            now, count = self.world.time, len(self.sent)
            q, qd = self.world.joint_state()
            self.states.append(q), self.speeds.append(qd)
            if len(self.speeds) % 2 and hears(now):
                self.output.joints(now, q, qd)
            if coasts and not hears(now) and len(self.speeds) % 5 == 0:
                self.output.coast(now)
            if len(self.sent) > count:
                on_the_way.append((now + late * self.period, self.sent[-1]))
            while on_the_way and on_the_way[0][0] <= now + 1e-9:
                self.drive.command(now, on_the_way.pop(0)[1])
            self.world.step(self.drive.effort(now, q, qd))

    def assert_limits_kept(self):
        speeds = np.array(self.speeds)
        assert (np.abs(speeds) <= self.arm.velocity_limits).all()
        over = round(0.1 / self.period)
        rates = np.abs(speeds[over:] - speeds[:-over]) / 0.1 / self.arm.acceleration_limits
        assert rates.max() < 1.2


@pytest.mark.parametrize(('kind', 'late'), [('position', 1), ('position', 8), ('effort', 3)])
def test_a_plan_is_followed_by_single_numbers_that_come_late(node, kind, late):
    arm, plan = Streamed(node, kind), swing(size=1.0)
    arm.output.joints(0.0, *arm.world.joint_state())
    assert not arm.sent  # nothing before the first plan
    assert arm.output.send(plan) == ''
    arm.output.end()
    arm.run(plan.end + 1.0, late)
    arm.assert_limits_kept()
    q, qd = arm.world.joint_state()
    assert np.abs(q - plan.positions[-1]).max() < 0.02 and np.abs(qd).max() < 0.05
    # It was the last plan: its end is held, and nothing more is sent.
    count = len(arm.sent)
    arm.output.joints(arm.world.time, q, qd)
    assert len(arm.sent) == count
    if kind == 'effort':
        allowed, reason = Guard(ARM).check_effort(arm.sent[-1], q, np.zeros_like(q))
        assert not reason and np.array_equal(allowed, arm.sent[-1])


@pytest.mark.parametrize('timeout', [TORQUE_SPAN, 1e9])
@pytest.mark.parametrize('kind', ['position', 'effort'])
def test_joint_states_that_fall_silent_leave_an_arm_that_comes_to_rest(node, kind, timeout):
    """At full speed, with and without a drive that stops by itself where commands end."""
    arm, plan = Streamed(node, kind, timeout), swing(size=1.0)
    arm.output.send(plan)
    arm.run(plan.end + 1.0, 1, hears=lambda time: time < 0.5, coasts=True)
    assert np.abs(arm.speeds[250]).max() > 1.4
    arm.assert_limits_kept()
    assert np.abs(arm.world.joint_state()[1]).max() < 0.05
    np.testing.assert_allclose(arm.world.joint_state()[0], plan.positions[-1], atol=0.1)
    count = len(arm.sent)
    arm.output.coast(arm.world.time)
    assert len(arm.sent) == count, 'commands end with the plan'


@pytest.mark.parametrize(('kind', 'arm'), [('position', ARM), ('effort', ARM), ('effort', UR5E)])
def test_a_drive_whose_commands_end_stops_the_arm_within_its_limits(node, kind, arm):
    arm, plan = Streamed(node, kind, arm=arm), swing(size=1.0, arm=arm)
    arm.output.send(plan)
    arm.run(1.5, 1, hears=lambda time: time < 0.3)
    arm.assert_limits_kept()
    assert np.abs(arm.world.joint_state()[1]).max() < 1e-2
    # Torques that begin anew lead back to the plan without a jump.
    arm.output.send(replace(plan, stamp=arm.world.time + 5.0))
    arm.run(1.6)
    arm.assert_limits_kept()


def test_nothing_is_sent_before_a_plan_and_a_last_one_is_finished_without_joint_states(node):
    arm = Streamed(node, 'effort', arm=UR5E)
    arm.output.finish()
    arm.output.coast(1.0)
    assert not arm.sent
    plan = swing(arm=UR5E)
    arm.output.send(plan)
    arm.output.joints(0.8, plan.positions[40], plan.velocities[40])
    arm.output.finish()
    weight = ArmDynamics(UR5E).holding_effort(plan.positions[-1])
    np.testing.assert_allclose(arm.sent[-1], weight, atol=1e-9)
    assert np.abs(weight).max() > 1.0 and len(arm.sent) > 20


def test_torques_that_are_not_finite_stop_the_arm_are_said_and_do_not_last(node):
    arm = Streamed(node, 'effort')
    state = swing().at(0.1)[:2]
    arm.output.send(replace(swing(), efforts=np.full_like(swing().efforts, 1.0)))
    arm.output.joints(0.1, *state)
    assert not arm.output.fault()
    arm.output._tracker.plan.efforts[:] = np.nan
    assert 'not finite' in arm.output.joints(0.102, *state)
    assert 'not finite' in arm.output.fault() and np.isfinite(arm.sent[-1]).all()
    arm.output.send(swing(stamp=0.1))
    assert arm.output.joints(0.104, *state) == '' and not arm.output.fault()


@pytest.mark.parametrize('kind', INTERFACES)
def test_what_was_planned_before_joint_states_began_anew_is_not_sent(node, kind):
    """As when a simulator was killed and started again, its arm elsewhere."""
    output, sent, new = make_output(node, ARM, Parameters(output=kind)), [], ARM.home + 0.3
    output._publisher.publish = sent.append
    plan, rest = swing(stamp=5.0), np.zeros_like(new)
    output.joints(5.0, ARM.home, rest)
    assert output.send(plan) == ''
    output.joints(5.02, *plan.at(5.02)[:2])
    count = len(sent)
    for _ in range(100):
        output.coast(5.024)  # a clock that stands still since just after the last joint state
    assert len(sent) == count + (kind != 'joint_trajectory')
    count = len(sent)
    for time in (0.01, 0.02):
        output.joints(time, new, rest, 1)
    assert 'began anew' in output.send(swing(stamp=5.04))
    for time in (0.03, 5.06):
        output.joints(time, new, rest, 1)
        output.coast(time + 0.01)
    output.finish()
    assert len(sent) == count and output.told(5.06) is None
    hold = Guard(ARM).brake(5.06, DT, 10, new, rest)
    assert output.send(hold, 1) == ''
    output.joints(5.064, new, rest, 1)
    assert len(sent) == count + 1
    first = sent[-1].points[0].positions if kind == 'joint_trajectory' else sent[-1].data
    expected = Guard(ARM).holding_effort(new) if kind == 'effort' else new
    np.testing.assert_allclose(first, expected, atol=1e-6)


@pytest.mark.parametrize('drive', [PositionDrive, EffortDrive])
@pytest.mark.parametrize('values', [[0.0] * 6, [float('nan')] * 7, [1e3] * 7])
def test_drives_refuse_what_hardware_must_not_get(drive, values):
    with pytest.raises(CommandError):
        drive(ARM).command(0.0, np.array(values))


def test_the_stand_in_refuses_what_the_real_controller_does():
    message = convert.trajectory_message(swing(stamp=5.0), ARM.joints, with_efforts=False)
    assert not refusal(message, ARM.joints, 5.2)

    def refused(now=5.2, **changes):
        other = deepcopy(message)
        for name, value in changes.items():
            setattr(other, name, value)
        return refusal(other, ARM.joints, now)

    assert 'partial' in refused(joint_names=list(ARM.joints[:-1]))
    assert 'in the past' in refused(now=7.0)
    assert 'strictly' in refused(points=[message.points[0], *message.points])
    assert 'last point' in refused(points=message.points[:-1])
    with_efforts = convert.trajectory_message(swing(stamp=5.0), ARM.joints, with_efforts=True)
    assert 'effort' in refused(points=with_efforts.points)


@pytest.mark.whole_machine
def test_a_carry_through_a_joint_trajectory_controller(tmp_path):
    """Trajectories go to another process, which enforces the controller's rules."""
    os.environ.update(graph_environment())
    heard, refusals = GraphState(), []
    topic = 'joint_trajectory_controller/joint_trajectory'
    nodes = [
        NodeProcess(
            'arm_simulator',
            {'interface': 'position', 'joint_state_rate': 200.0, 'backend': 'raycast'},
        ),
        *(NodeProcess(name) for name in EXECUTABLES if name not in REPLACED),
        NodeProcess('mpc_controller', {'send_efforts': False}, {'joint_trajectory': topic}),
    ]
    stand_in = Path(__file__).resolve().parents[2] / 'joint_trajectory_stand_in.py'

    def listen(node):
        node.create_subscription(
            String,
            'joint_trajectory_controller/refusals',
            lambda message: refusals.append(message.data),
            qos.LATCHED,
        )

    with (
        MonitorThread(heard, attach=listen) as monitor,
        Graph(nodes, share_folder() / 'config/demo.yaml', tmp_path) as graph,
    ):
        controller = subprocess.Popen([sys.executable, stand_in, 'franka'])
        try:
            wait(lambda: heard.library and monitor.is_connected, graph)
            wait(lambda: heard.entities is not None and len(heard.entities.entities) == 5, graph)
            wait(lambda: any(s.source == 'mpc_controller' for s in heard.statuses), graph)
            monitor.command('between(red; blue, green)', 0)
            wait(lambda: any(s.status in ENDED for s in list(heard.statuses)), graph)
            assert controller.poll() is None
        finally:
            controller.terminate()
            controller.wait()
        ended = next(s for s in heard.statuses if s.status in ENDED)
        assert ended.status == ConceptStatus.SATISFIED, ended.text
        red, blue, green = (_true_position(heard.truth, color) for color in (0, 2, 1))
        assert np.linalg.norm(red - (blue + green) / 2) < 0.015
        assert not refusals, refusals[:3]


def _true_position(truth, channel):
    """Where the block is whose colour is strongest in one channel."""

    def strength(entity):
        rgb = [entity.color.r, entity.color.g, entity.color.b]
        return 2 * rgb[channel] - sum(rgb)

    point = max((e for e in truth.entities if e.id > 0), key=strength).position
    return np.array([point.x, point.y])
