"""The parts of an arm are not seen as things."""

import mujoco
import numpy as np
import pytest
import yaml

from concept_control.control.arm.body_boxes import ArmBoxes
from concept_control.control.arm.description import ARMS_FOLDER
from concept_control.control.guard import GuardConfig
from concept_control.perception.detection.detector import Detector
from concept_control.perception.detection.limits import BlockLimits
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera

FEET = ''.join(
    f'<body pos="{x} {y} {z}"><geom type="box" size="0.02 0.02 {z}" contype="0" '
    'conaffinity="0" mass="0.1"/></body>'
    for x, y, z in ((-0.06, 0.08, 0.006), (-0.06, -0.08, 0.006), (-0.45, -0.2, 0.02))
)
"""Bolts beside a base that is turned by half a turn, and one among the blocks."""


@pytest.fixture
def bolted(tmp_path):
    folder = ARMS_FOLDER / 'ur5e'
    base = '<body name="base_link" quat="0 0 0 1">'
    xml = (folder / 'ur5e.xml').read_text()
    assert base in xml
    (tmp_path / 'arm.xml').write_text(xml.replace(base, base + FEET))
    fields = yaml.safe_load((folder / 'ur5e.yaml').read_text())
    (tmp_path / 'arm.yaml').write_text(yaml.safe_dump({**fields, 'model': 'arm.xml'}))
    return tmp_path / 'arm.yaml'


def test_feet_and_bolts_of_a_base_are_no_blocks(bolted):
    positions = np.array([[0.5, -0.1], [0.6, 0.1]])
    scene = build_scene(SceneConfig(2, positions=positions, arm=bolted))
    data, arm = scene.new_data(), scene.arm
    with SimulatedCamera(scene.model, 'top', 640, 480, 'raycast') as view:
        frame = (*view.render(data), view.T_world_camera(data))
        everywhere = Detector(view.intrinsics)
        limits = BlockLimits(bounds=arm.workspace.bounds(GuardConfig.fence_margin))
        bounded = Detector(view.intrinsics, limits)
    assert len(everywhere.detect(*frame)) > len(bounded.detect(*frame)) > len(positions)
    found = bounded.detect(*frame, ArmBoxes(arm).at(arm.home))
    places = sorted((d.position[:2] for d in found), key=lambda place: place[0])
    np.testing.assert_allclose(places, positions, atol=2e-3)


def test_links_are_covered_and_the_tool_that_touches_blocks_is_not(bolted):
    scene = build_scene(SceneConfig(1, arm=bolted))
    data, arm = scene.new_data(), scene.arm
    boxes = ArmBoxes(arm).at(arm.home)
    links = [data.geom(i).xpos for i in range(scene.model.ngeom)
             if scene.model.body(scene.model.geom_bodyid[i]).name == 'forearm_link']  # fmt: skip
    assert links and boxes.contain(np.array(links)).all()
    assert not boxes.contain(data.site(arm.tool_site).xpos[None], 0.01).any()


def test_a_palm_above_a_block_is_no_further_block():
    places = np.array([[0.703, -0.132]])
    scene = build_scene(SceneConfig(1, positions=places, arm='franka_gripper'))
    data, arm = scene.new_data(), scene.arm
    above = np.array([-0.14, 0.84, -0.05, -1.48, 0.05, 2.33, 1.29])
    data.qpos[[scene.model.joint(name).qposadr[0] for name in arm.joints]] = above
    mujoco.mj_forward(scene.model, data)
    with SimulatedCamera(scene.model, 'top', 640, 480, 'raycast') as view:
        frame = (*view.render(data), view.T_world_camera(data))
        limits = BlockLimits(bounds=arm.workspace.bounds(GuardConfig.fence_margin))
        found = Detector(view.intrinsics, limits).detect(*frame, ArmBoxes(arm).at(above))
    assert len(found) <= 1 and all(d.position[2] < 0.03 for d in found)
