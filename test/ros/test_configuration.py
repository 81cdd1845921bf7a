"""The shipped parameter file fits the nodes and the simulated scene."""

from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.perception.camera import pose_matrix
from concept_control.ros import arm_simulator, concept_model, entity_extractor, mpc_controller
from concept_control.ros.camera_input import camera_parameters
from concept_control.simulation.camera import SimulatedCamera
from concept_control.simulation.scene import build_scene

DEMO = Path(__file__).resolve().parent.parent.parent / 'config' / 'demo.yaml'
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


def parameters(node):
    return dict(flat(yaml.safe_load(DEMO.read_text())[f'/**/{node}']['ros__parameters']))


@pytest.mark.parametrize('node', NODES)
def test_every_parameter_in_the_file_exists_and_is_described(node):
    known = {p.name: p for p in NODES[node].PARAMETERS}
    for prefix in ('camera', 'oblique'):
        if node == 'arm_simulator':
            known |= {p.name: p for p in arm_simulator.camera_parameters(prefix)}
        if node == 'entity_extractor':
            known |= {p.name: p for p in camera_parameters(prefix)}
    for name, value in parameters(node).items():
        if name != 'use_sim_time':
            assert name in known
            assert type(value) is type(known[name].default)
    assert all(p.description for p in known.values())


@pytest.mark.parametrize('prefix', ['camera', 'oblique'])
def test_the_extractor_knows_where_the_simulated_cameras_are(prefix):
    scene = build_scene()
    name = parameters('arm_simulator')[f'{prefix}.name']
    camera = SimulatedCamera(scene.model, name, 64, 48, 'raycast')
    configured = parameters('entity_extractor')
    np.testing.assert_allclose(
        pose_matrix(configured[f'{prefix}.position'], configured[f'{prefix}.rotation']),
        camera.T_world_camera(scene.new_data()),
        atol=1e-6,
    )
