"""The shipped parameter files fit the nodes and the simulated scene; parameters are checked."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from rclpy.parameter import Parameter as RosParameter

from concept_control.errors import CommandError
from concept_control.ros.nodes import arm_simulator
from concept_control.ros.nodes.concept_model import node as concept_model
from concept_control.ros.nodes.entity_extractor import node as entity_extractor
from concept_control.ros.nodes.entity_extractor.parameters import CameraParameters
from concept_control.ros.nodes.mpc_controller import node as mpc_controller
from concept_control.ros.runtime.parameters import declare, parameters_of
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera

CONFIG = Path(__file__).resolve().parents[3] / 'config'
NODES = {
    'arm_simulator': arm_simulator,
    'concept_model': concept_model,
    'entity_extractor': entity_extractor,
    'mpc_controller': mpc_controller,
}


def flat(tree, prefix=''):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def parameters(node, file='demo.yaml'):
    tree = yaml.safe_load((CONFIG / file).read_text())
    return dict(flat(tree.get(f'/**/{node}', {'ros__parameters': {}})['ros__parameters']))


@pytest.mark.parametrize('file', ['demo.yaml', 'robot.yaml'])
@pytest.mark.parametrize('node', NODES)
def test_every_parameter_in_the_file_exists_and_is_described(node, file):
    known = {p.name: p for p in parameters_of(NODES[node].Parameters)}
    for prefix in ('camera', 'oblique'):
        if node == 'arm_simulator':
            known |= {p.name: p for p in parameters_of(arm_simulator.CameraParameters, prefix)}
        if node == 'entity_extractor':
            known |= {p.name: p for p in parameters_of(CameraParameters, prefix)}
    for name, value in parameters(node, file).items():
        if name != 'use_sim_time':
            assert name in known
            assert type(value) is type(known[name].default)
    assert all(p.description for p in known.values())


@pytest.mark.parametrize(('prefix', 'arm'), [('camera', 'franka'), ('oblique', 'ur5e')])
def test_the_extractor_knows_where_the_simulated_cameras_are(prefix, arm):
    """Beside every arm's workspace, unless it is told where."""
    scene = build_scene(SceneConfig(arm=arm))
    name = parameters('arm_simulator')[f'{prefix}.name']
    camera = SimulatedCamera(scene.model, name, 64, 48, 'raycast')
    configured = CameraParameters(
        scene_camera=parameters('entity_extractor')[f'{prefix}.scene_camera']
    )
    workspace = scene.arm.workspace
    there = camera.T_world_camera(scene.new_data())
    np.testing.assert_allclose(configured.pose(workspace), there, atol=1e-6)
    told = replace(configured, position=[0.1, 0.2, 0.9]).pose(workspace)
    np.testing.assert_allclose(told[:3, 3], [0.1, 0.2, 0.9])


@pytest.fixture
def node():
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    made = rclpy.create_node('tested', context=context)
    yield made
    made.destroy_node()
    context.try_shutdown()


def set_(node, **values):
    (result,) = node.set_parameters([RosParameter(name, value=v) for name, v in values.items()])
    return result


def test_a_live_parameter_takes_effect_and_a_bad_value_is_refused_with_the_reason(node):
    p = declare(node, mpc_controller.Parameters, mpc_controller.cross_check)
    assert set_(node, control_rate=80.0).successful and p.control_rate == 80.0
    for name, value, reason in (
        ('control_rate', math.nan, 'range'),
        ('control_rate', 1000.0, 'range'),
        ('control_rate', 'fast', 'type'),
        ('arm', 'ur5e', 'read-only'),
    ):
        result = set_(node, **{name: value})
        assert not result.successful and reason in result.reason.lower(), result.reason
    assert set_(node, status_rate=50.0).successful
    refused = set_(node, control_rate=49.0)
    assert 'must not be above control_rate' in refused.reason and p.control_rate == 80.0


@pytest.mark.parametrize(
    'override', [('view.name', 'sideways'), ('timestep', 5.0), ('seed', 'zero')]
)
def test_a_bad_value_at_the_start_is_refused_by_name(override):
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    bad = RosParameter(override[0], value=override[1])
    made = rclpy.create_node('tested', context=context, parameter_overrides=[bad])
    with pytest.raises(CommandError, match=override[0]):
        declare(made, arm_simulator.Parameters)
    made.destroy_node()
    context.try_shutdown()
