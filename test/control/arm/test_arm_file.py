"""Arms from files of others: URDF with meshes in packages, MuJoCo Menagerie, xacro."""

import re
import struct

import mujoco
import numpy as np
import pytest
from link_poses import link_poses

from concept_control.control.arm.arm_file import read_arm_file
from concept_control.control.arm.description import ARMS_FOLDER, ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.arm.links import TOOL_FRAME, ArmLinks
from concept_control.control.arm.urdf import arm_urdf
from concept_control.errors import ArmError, MissingDependencyError


def urdf(mesh='package://my_arm/meshes/base.stl'):
    """An arm of six joints and a finger, as exporters write them: tool0 at the end."""
    links = [
        f'<link name="base"><visual><geometry><mesh filename="{mesh}.dae"/></geometry></visual>'
        f'<collision><geometry><mesh filename="{mesh}"/></geometry></collision></link>'
    ]
    joints = []
    chain = [('pan', 'z', 0.1), ('lift', 'y', 0.12), ('elbow', 'y', 0.3), ('wrist_1', 'y', 0.32),
             ('wrist_2', 'x', 0.1), ('wrist_3', 'z', 0.0)]  # fmt: skip
    parent = 'base'
    for name, axis, offset in chain:
        links.append(
            f'<link name="{name}_link"><inertial><mass value="1"/><inertia ixx="0.01" iyy="0.01" '
            'izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial><collision><origin xyz="0 0 0.05"/>'
            '<geometry><cylinder radius="0.03" length="0.1"/></geometry></collision></link>'
        )
        xyz = ' '.join('1' if axis == a else '0' for a in 'xyz')
        joints.append(
            f'<joint name="{name}" type="revolute"><parent link="{parent}"/><child '
            f'link="{name}_link"/><origin xyz="0 0 {offset}"/><axis xyz="{xyz}"/><limit '
            'lower="-3" upper="3" effort="80" velocity="1.5" drake:acceleration="2"/></joint>'
        )
        parent = f'{name}_link'
    links += [
        '<link name="tool0"/>',
        '<link name="left"><inertial><mass value="0.1"/><inertia ixx="1e-4" iyy="1e-4" izz="1e-4" '
        'ixy="0" ixz="0" iyz="0"/></inertial></link>',
    ]
    joints += [
        f'<joint name="end" type="fixed"><parent link="{parent}"/><child link="tool0"/>'
        '<origin xyz="0 0 0.06"/></joint>',
        '<joint name="finger_joint" type="prismatic"><parent link="tool0"/><child link="left"/>'
        '<axis xyz="0 1 0"/><limit lower="0.01" upper="0.04" effort="5" velocity="1"/></joint>',
    ]
    return f'<?xml version="1.0"?><robot name="mine">{"".join(links + joints)}</robot>'


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A workspace whose package holds the meshes, elsewhere than the URDF."""
    meshes = tmp_path / 'install' / 'share' / 'my_arm' / 'meshes'
    meshes.mkdir(parents=True)
    corners = 0.05 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = [corners[list(f)] for f in ((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3))]
    data = b''.join(struct.pack('<12fH', 0, 0, 0, *face.ravel(), 0) for face in faces)
    (meshes / 'base.stl').write_bytes(b'\0' * 80 + struct.pack('<I', 4) + data)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'install'))
    (tmp_path / 'arm.urdf').write_text(urdf())
    return tmp_path


def test_an_arm_is_made_from_a_urdf_alone(package):
    arm = ArmDescription.load(package / 'arm.urdf')
    assert arm.joints == ('pan', 'lift', 'elbow', 'wrist_1', 'wrist_2', 'wrist_3')
    assert arm.name == 'arm' and arm.suction
    assert arm.locked == {'finger_joint': 0.01}
    np.testing.assert_allclose(arm.velocity_limits, 1.5)
    np.testing.assert_allclose(arm.effort_limits, 80.0)
    assert (arm.acceleration_limits > 0).all() and (arm.damping > 0).all()
    # The tool goes on along the last link.
    tool = ArmKinematics(arm).tool(arm.home)
    assert tool.axis[2] < -0.99 and tool.position[2] == pytest.approx(0.35, abs=0.005)
    near = arm.workspace.center[0] - arm.workspace.half_extent
    np.testing.assert_allclose(tool.position[:2], [near, 0.0], atol=0.005)
    assert set(arm.derived) == {
        'joints', 'locked', 'tool', 'home', 'workspace', 'acceleration_limits', 'stiffness',
        'damping',
    }  # fmt: skip


def test_an_arms_own_urdf_is_told_to_others_with_its_tool(package):
    arm = ArmDescription.load(package / 'arm.urdf')
    links = ArmLinks(arm, 'map')
    text = arm_urdf(arm, links)
    stl = package / 'install/share/my_arm/meshes/base.stl'
    assert f'"file://{stl}"' in text and 'package://my_arm/meshes/base.stl.dae' in text
    assert 'finger_joint' in text and '<visual>' in text  # of others than MuJoCo
    options = '<mujoco><compiler strippath="false" fusestatic="false"/></mujoco></robot>'
    model = mujoco.MjModel.from_xml_string(
        text.replace('file://', '').replace('</robot>', options)
    )
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    data.joint('finger_joint').qpos[0] = arm.locked['finger_joint']
    for q in rng.uniform(-3, 3, (3, 6)):
        for joint, value in zip(arm.joints, q):
            data.joint(joint).qpos[0] = value
        mujoco.mj_kinematics(model, data)
        tip = ArmKinematics(arm).tool(q).position
        np.testing.assert_allclose(data.body(TOOL_FRAME).xpos, tip, atol=1e-8)
        frames = link_poses(links, q)
        assert {'base', 'left', 'tool0'} <= frames.keys()
        for link in frames.keys() - {'map'}:
            np.testing.assert_allclose(frames[link][0], data.body(link).xpos, atol=1e-8)


def test_what_a_yaml_says_of_a_urdf_is_kept(package):
    (package / 'mine.yaml').write_text(
        'model: arm.urdf\nlocked: {finger_joint: 0.03}\nsuction: false\n'
        'tool: {body: tool0, position: [0, 0, 0.05], axis: [0, 0, 1]}\n'
        'base: {position: [0.2, 0.0, 0.05], yaw_degrees: 90}\nname: mine\n'
    )
    arm = ArmDescription.load(package / 'mine.yaml')
    assert (arm.name, arm.suction, dict(arm.locked)) == ('mine', False, {'finger_joint': 0.03})
    assert arm.tool.cup == 0 and 'tool' not in arm.derived
    straight = ArmKinematics(arm).tool(np.zeros(6)).position
    np.testing.assert_allclose(straight, [0.2, 0.0, 0.05 + 0.1 + 0.12 + 0.3 + 0.32 + 0.1 + 0.11])


def test_what_is_missing_is_named_with_the_way_out(package, monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    with pytest.raises(ArmError, match=r'package://my_arm/meshes/base.stl is nowhere.*source'):
        read_arm_file('arm.urdf', package)
    (package / 'none.urdf').write_text('<sdf/>')
    with pytest.raises(ArmError, match='its root is <sdf>, expected <robot>'):
        read_arm_file('none.urdf', package)
    (package / 'short.urdf').write_text('<robot name="a"><link name="a"/></robot>')
    with pytest.raises(ArmError, match=r'no chain of three joints.*list `joints` in a YAML'):
        ArmDescription.load(package / 'short.urdf')


def test_an_arm_that_cannot_hold_its_tool_down_is_told_how_high_to_stand(package):
    # A wrist that bends little: the forearm must point down, too.
    stiff = '<child link="wrist_1_link"/><origin xyz="0 0 0.32"/><axis xyz="0 1 0"/><limit '
    assert stiff in urdf()
    text = urdf().replace(f'{stiff}lower="-3" upper="3"', f'{stiff}lower="-1" upper="1"')
    (package / 'arm.urdf').write_text(text)
    said = r'the tip comes -?[\d.]+ to 0\.\d\d m above the table.*stand the arm (0\.\d\d) m higher'
    with pytest.raises(ArmError, match=said) as refused:
        ArmDescription.load(package / 'arm.urdf')
    assert 0.05 <= float(re.search(said, str(refused.value))[1]) <= 0.2


def test_an_arm_of_mujoco_menagerie_is_named_by_its_model(tmp_path, monkeypatch):
    pytest.importorskip('mujoco_menagerie', reason='mujoco-menagerie is not installed')
    folder = tmp_path / 'universal_robots_ur5e'
    folder.mkdir()
    shipped = (ARMS_FOLDER / 'ur5e' / 'ur5e.xml').read_text()
    (folder / 'ur5e.xml').write_text(shipped)
    monkeypatch.setenv('MENAGERIE_ROOT', str(tmp_path))
    arm = ArmDescription.load('menagerie:ur5e')
    assert arm.name == 'ur5e' and arm.joints[0] == 'shoulder_pan_joint'
    with pytest.raises(ArmError, match=r'no models named .*choose among .*franka_fr3'):
        read_arm_file('menagerie:nonesuch')
    with pytest.raises(ArmError, match=r'cannot be had.*prefetch franka_fr3'):
        read_arm_file('menagerie:fr3')


def test_what_needs_a_package_says_which(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, 'mujoco_menagerie', None)
    monkeypatch.setitem(sys.modules, 'xacrodoc', None)
    (tmp_path / 'arm.urdf.xacro').write_text('<robot/>')
    for source in ('menagerie:ur5e', 'arm.urdf.xacro'):
        with pytest.raises(MissingDependencyError, match=r'needs .*concept_control\[arms\]'):
            read_arm_file(source, tmp_path)
