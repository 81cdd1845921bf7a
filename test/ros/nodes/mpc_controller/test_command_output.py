"""What an arm is sent: by positions, by torques, and through a joint_trajectory_controller."""

import os
import subprocess
import sys
from copy import deepcopy
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

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.guard import Guard
from concept_control.control.plan import Plan
from concept_control.errors import CommandError
from concept_control.paths import share_folder
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.nodes.mpc_controller.command_output import make_output
from concept_control.ros.runtime.process_graph import (
    EXECUTABLES,
    Graph,
    NodeProcess,
    graph_environment,
)
from concept_control.simulation.drives import EffortDrive, PositionDrive
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.world import SimulatedWorld

ARM = ArmDescription.load('franka')
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


@pytest.mark.parametrize(
    ('kind', 'drive', 'late'), [('position', PositionDrive, 1), ('effort', EffortDrive, 3)]
)
def test_a_plan_is_followed_by_single_numbers_that_come_late(node, kind, drive, late):
    world = SimulatedWorld(build_scene(SceneConfig(num_blocks=0, arm='franka')))
    output, drive = make_output(node, ARM, kind, lambda: False), drive(ARM)
    sent, due = [], []

    def publish(message):
        sent.append(np.array(message.data))
        due.append(world.time + late * world.model.opt.timestep)

    output._publisher.publish = publish
    output.joints(0.0, *world.joint_state())
    assert not sent  # nothing before the first plan
    plan = swing()
    output.send(plan, is_last=True)
    while world.time < plan.end + 0.5:
        output.joints(world.time, *world.joint_state())
        # The command that belongs to a joint state arrives some milliseconds later.
        arrived = np.searchsorted(due, world.time + 1e-9)
        if arrived:
            drive.command(world.time, sent[arrived - 1])
        world.step(drive.effort(world.time, *world.joint_state()))
    q, qd = world.joint_state()
    count = len(sent)
    assert np.abs(q - plan.positions[-1]).max() < 0.02 and np.abs(qd).max() < 0.05
    # It was the last plan: its end is held, and nothing more is sent.
    output.joints(world.time, q, qd)
    assert len(sent) == count
    held = sent[-1]
    if kind == 'effort':
        allowed, reason = Guard(ARM).check_effort(held, q, np.zeros_like(q))
        assert not reason and np.array_equal(allowed, held)


def test_silent_joint_states_leave_a_command_that_holds(node):
    arm = ArmDescription.load('ur5e')
    output = make_output(node, arm, 'effort', lambda: False)
    sent = []
    output._publisher.publish = lambda message: sent.append(np.array(message.data))
    output.hold()
    assert not sent
    plan = swing(arm=arm)
    output.send(plan)
    output.joints(0.4, plan.positions[20], plan.velocities[20])
    output.hold()
    weight = ArmDynamics(arm).holding_effort(plan.positions[20])
    np.testing.assert_allclose(sent[-1], weight, atol=1e-9)
    assert np.abs(weight).max() > 1.0


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
