"""An arm as URDF and as frames, both read back: they stand where MuJoCo has them."""

import struct

import mujoco
import numpy as np
import pytest
from link_poses import link_poses

from concept_control.control.arm.description import ARMS_FOLDER, ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.arm.links import TOOL_FRAME, ArmLinks
from concept_control.control.arm.urdf import arm_urdf
from concept_control.errors import ArmError

READ_AS_IT_IS = (
    '<mujoco><compiler strippath="false" fusestatic="false" discardvisual="false"/></mujoco>'
)


def read_back(text):
    """Return MuJoCo's model of a URDF."""
    text = text.replace('file://', '').replace('</robot>', f'{READ_AS_IT_IS}</robot>')
    return mujoco.MjModel.from_xml_string(text)


def posed(model, values):
    data = mujoco.MjData(model)
    for joint, value in values.items():
        data.joint(joint).qpos[0] = value
    mujoco.mj_kinematics(model, data)
    return data


@pytest.fixture(scope='module')
def odd_arm(tmp_path_factory):
    """The YAML of an arm whose MJCF has what a URDF cannot say.

    Two joints at one body, away from its origin, one that is not at zero where the file has it,
    a mesh that is not around its origin, and bodies without a name.
    """
    folder = tmp_path_factory.mktemp('odd')
    corners = 0.1 * np.array([[1, 0, 0], [2, 0, 0], [1, 1, 0], [1, 0, 2.0]])
    faces = [corners[list(f)] for f in ((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3))]
    data = b''.join(struct.pack('<12fH', 0, 0, 0, *face.ravel(), 0) for face in faces)
    (folder / 'part.stl').write_bytes(b'\0' * 80 + struct.pack('<I', 4) + data)
    xml = (ARMS_FOLDER / 'ur5e' / 'ur5e.xml').read_text()
    base = '<body name="base_link" quat="0 0 0 1">'
    stand = (
        '<body pos="0 0 0.02" euler="0 1.5707963267948966 0">'
        '<body quat="0.7071067811865476 0 -0.7071067811865476 0">'
        '<joint name="slew" axis="0 0 1" pos="0.1 0.05 0" ref="0.3" range="-1 1" armature="1"/>'
        '<joint name="rail" type="slide" axis="0 1 0" pos="0 0.1 0" range="-0.3 0.3" ref="0.1" '
        'armature="1"/><geom type="mesh" mesh="part" mass="5"/>'
        '<geom type="ellipsoid" size="0.03 0.02 0.01" mass="1"/>'
    )
    assert base in xml
    xml = xml.replace(base, stand + base).replace('</worldbody>', '</body></body></worldbody>')
    mesh = '<asset><mesh name="part" file="part.stl" scale="1 0.5 1"/></asset><worldbody>'
    xml = xml.replace('<worldbody>', mesh, 1)
    (folder / 'odd.xml').write_text(xml)
    (folder / 'odd.yaml').write_text('model: odd.xml\ntool_site: suction_tip\n')
    return folder / 'odd.yaml'


@pytest.mark.parametrize('name', ['franka', 'ur5e', 'rail', 'odd'])
def test_a_urdf_made_from_an_mjcf_has_its_links_masses_limits_and_shapes(name, request):
    arm = ArmDescription.load(
        request.getfixturevalue(f'{name}_arm') if name in ('rail', 'odd') else name
    )
    links = ArmLinks(arm)
    text = arm_urdf(arm, links)
    ours, theirs = links.model, read_back(text)
    assert text.count('<mesh ') == 2 * (name == 'odd')  # to be seen, and to be avoided
    assert theirs.body_mass.sum() == pytest.approx(ours.body_mass.sum(), abs=1e-5)
    for i, joint in enumerate(arm.joints):
        there = theirs.joint(joint)
        np.testing.assert_allclose(there.range, arm.position_limits[i])
        effort = theirs.jnt_actfrcrange[there.id, 1]
        assert effort == pytest.approx(arm.effort_limits[i])
    kinematics, rng = ArmKinematics(arm), np.random.default_rng(0)
    for q in (arm.home, *rng.uniform(*arm.position_limits.T, (5, arm.num_joints))):
        here = posed(ours, dict(zip(arm.joints, q)))
        there = posed(theirs, dict(zip(arm.joints, q)))
        frames = link_poses(links, q)
        assert set(frames) - {'world'} == {theirs.body(b).name for b in range(1, theirs.nbody)}
        for body, link in enumerate(links.bodies[1:], 1):
            position, rotation = frames[link]
            for data, number in ((here, body), (there, theirs.body(link).id)):
                np.testing.assert_allclose(position, data.xpos[number], atol=1e-8)
                np.testing.assert_allclose(rotation, data.xmat[number].reshape(3, 3), atol=1e-8)
            np.testing.assert_allclose(
                shown(ours, here, body), shown(theirs, there, theirs.body(link).id), atol=1e-6
            )
        tool = kinematics.tool(q)
        np.testing.assert_allclose(frames[TOOL_FRAME][0], tool.position, atol=1e-8)
        np.testing.assert_allclose(frames[TOOL_FRAME][1], tool.rotation, atol=1e-8)


def shown(model, data, body):
    """Return (2, 3) corners of the box, in the fixed frame, around all geoms of a body."""
    points = [np.zeros((0, 3))]
    first = model.body_geomadr[body]
    for geom in range(first, first + model.body_geomnum[body]):
        turn = data.geom_xmat[geom].reshape(3, 3)
        size, kind = model.geom_size[geom], int(model.geom_type[geom])
        if kind == mujoco.mjtGeom.mjGEOM_MESH:
            mesh = model.mesh(model.geom_dataid[geom])
            start = mesh.vertadr[0]
            local = model.mesh_vert[start : start + mesh.vertnum[0]]
        elif kind == mujoco.mjtGeom.mjGEOM_SPHERE:
            points.append(data.geom_xpos[geom] + size[0] * np.vstack([np.eye(3), -np.eye(3)]))
            continue
        else:
            if kind in (mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_CAPSULE):
                # The ends, as rings are seen along the axis: the round part stands out alike.
                size = np.array([0.0, 0.0, size[1]])
            local = size * np.array(np.meshgrid(*[[-1, 1]] * 3)).T.reshape(-1, 3)
            if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
                middle = data.geom_xpos[geom] + local @ turn.T
                radius = model.geom_size[geom, 0]
                points += [middle + radius * d for d in np.vstack([np.eye(3), -np.eye(3)])]
                continue
        points.append(data.geom_xpos[geom] + local @ turn.T)
    found = np.concatenate(points)
    return np.array([found.min(axis=0), found.max(axis=0)]) if len(found) else np.zeros((2, 3))


def test_a_fixed_frame_of_a_links_name_is_that_link_or_is_refused(rail_arm):
    arm = ArmDescription.load('ur5e')
    with pytest.raises(ArmError, match="'base_link' is not where the fixed frame of that name"):
        ArmLinks(arm, 'base_link')  # it is turned by half a turn
    with pytest.raises(ArmError, match='choose another name'):
        ArmLinks(ArmDescription.load(rail_arm), 'carriage')  # a joint moves it
    links = ArmLinks(ArmDescription.load('franka'), 'fr3_link0')
    assert links.bodies.count('fr3_link0') == 2 and links.connections[0].parent == 'fr3_link0'
    read_back(arm_urdf(ArmDescription.load('franka'), links))
