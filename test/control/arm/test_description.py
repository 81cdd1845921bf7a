"""Arms as other people describe them: what works, and what is refused with a way out."""

import mujoco
import numpy as np
import pytest
import yaml

from concept_control.control.arm.description import ARMS_FOLDER, ArmDescription
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.tracker import PlanTracker
from concept_control.errors import ArmError
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.world import SimulatedWorld

XML = (ARMS_FOLDER / 'ur5e' / 'ur5e.xml').read_text()
FIELDS = yaml.safe_load((ARMS_FOLDER / 'ur5e' / 'ur5e.yaml').read_text())
SITE = '<site name="suction_tip"'
FINGER = (
    '<body name="finger" pos="0 0.01 0"><joint name="finger" type="slide" axis="0 1 0" '
    'range="0 0.04"/><geom name="pad" size="0.005" pos="0 0 0.02" mass="0.01"/></body>'
)


def write_arm(folder, old='', new='', **fields):
    assert old in XML
    (folder / 'arm.xml').write_text(XML.replace(old, new, 1) if old else XML)
    (folder / 'arm.yaml').write_text(yaml.safe_dump({**FIELDS, 'model': 'arm.xml', **fields}))
    return folder / 'arm.yaml'


OURS = ['rgba', 'size', 'friction', 'solref', 'solimp', 'margin', 'condim', 'group', 'contype',
        'conaffinity']  # fmt: skip

TRAITS = {
    'limits are not implied': (
        'autolimits="true"/>\n  <default>\n    <joint',
        'autolimits="false"/>\n  <default>\n    <joint limited="true"',
    ),
    'static bodies are fused': ('autolimits="true"', 'autolimits="true" fusestatic="true"'),
    'a body named as our payload': ('name="suction_tool"', 'name="payload"'),
    'a floor of its own': (
        '<worldbody>',
        '<worldbody><geom name="floor" type="plane" size="0 0 1" contype="0" conaffinity="0"/>'
        '<geom name="table" size="0.01" pos="0 0 -1"/><camera name="top"/>',
    ),
    'settings of contacts': (
        '<default>\n    <joint axis="0 0 1" damping="1" armature="0.1"/>\n    <geom',
        '<option gravity="0 0 3" timestep="0.1"><flag contact="disable"/></option><default>'
        '<equality solref="1 1"/><joint axis="0 0 1" damping="1" armature="0.1"/>'
        '<geom group="3" condim="1" margin="0.01" friction="0 0 0"',
    ),
}


@pytest.mark.parametrize('trait', TRAITS)
def test_what_an_arm_says_of_itself_does_not_reach_the_scene(trait, tmp_path):
    path = write_arm(tmp_path, *TRAITS[trait])
    arm = ArmDescription.load(path)
    ArmDynamics(arm)
    np.testing.assert_allclose(
        ArmKinematics(arm).tool(arm.home).position,
        ArmKinematics(ArmDescription.load('ur5e')).tool(arm.home).position,
    )
    ours, plain = (build_scene(SceneConfig(2, arm=name)).model for name in (path, 'ur5e'))
    for name in ('concept/table', 'concept/floor', 'concept/block_1', 'concept/block_2'):
        for field in OURS:
            value, expected = (getattr(each.geom(name), field) for each in (ours, plain))
            np.testing.assert_array_equal(value, expected, err_msg=f'{name} {field}')
    np.testing.assert_allclose(ours.body('concept/block_1').mass, [0.08])
    assert ours.opt.disableflags == 0 and ours.opt.timestep == 0.002
    np.testing.assert_array_equal(ours.opt.gravity, [0, 0, -9.81])
    np.testing.assert_array_equal(ours.eq_solref, plain.eq_solref)
    assert [ours.camera(i).name for i in range(ours.ncam)] == ['top', 'oblique']


def test_a_joint_may_turn_without_end(tmp_path):
    arm = ArmDescription.load(
        write_arm(tmp_path, 'name="wrist_3_joint"', 'name="wrist_3_joint" limited="false"')
    )
    np.testing.assert_allclose(arm.position_limits[-1], [-4 * np.pi, 4 * np.pi])


def test_joints_that_are_not_the_arms_are_fixed_where_the_file_says(tmp_path):
    """Two fingers, one inside the other's frame, coupled as grippers' are."""
    twin = (
        FINGER.replace('finger', 'twin')
        .replace('pad', 'tip')
        .replace('pos="0 0.01 0"', 'euler="0 0 1"')
    )
    fingers = FINGER.replace('</body>', f'{twin}</body>') + SITE
    coupled = (
        '</worldbody><equality><joint joint1="finger" joint2="twin"/></equality><tendon><fixed>'
        '<joint joint="finger" coef="1"/><joint joint="twin" coef="1"/></fixed></tendon>'
    )
    xml = XML.replace(SITE, fingers, 1).replace('</worldbody>', coupled)

    def load(**fields):
        path = write_arm(tmp_path, **fields)
        (tmp_path / 'arm.xml').write_text(xml)
        return ArmDescription.load(path)

    with pytest.raises(ArmError, match=r"'finger', 'twin'.*locked: "):
        load()
    arm = load(locked={'finger': 0.03, 'twin': 0.02})
    model = arm.spec().compile()
    assert (model.nq, model.neq, model.ntendon) == (arm.num_joints, 0, 0)
    free = mujoco.MjModel.from_xml_path(str(arm.file.path))
    data, fixed = mujoco.MjData(free), mujoco.MjData(model)
    data.qpos[:], fixed.qpos[:] = [*arm.home, 0.03, 0.02], arm.home
    mujoco.mj_forward(free, data)
    mujoco.mj_forward(model, fixed)
    for geom in ('pad', 'tip'):
        np.testing.assert_allclose(fixed.geom(geom).xpos, data.geom(geom).xpos, atol=1e-9)
        np.testing.assert_allclose(fixed.geom(geom).xmat, data.geom(geom).xmat, atol=1e-9)


def test_the_chain_knows_where_joints_have_their_zero(tmp_path):
    # The same place, for joints that count from another zero.
    home = np.add(FIELDS['home'], [0, 0, 0.3, 0, 0, 0])
    arm = ArmDescription.load(
        write_arm(tmp_path, 'name="elbow_joint"', 'name="elbow_joint" ref="0.3"',
                  home=home.tolist())
    )  # fmt: skip
    plain = ArmDescription.load('ur5e')
    np.testing.assert_allclose(
        ArmKinematics(arm).tool(arm.home).position, ArmKinematics(plain).tool(plain.home).position
    )


@pytest.mark.parametrize(
    ('old', 'new', 'fields', 'match'),
    [
        (SITE, f'{SITE} quat="0 1 0 0"', {}, '180 degrees away from straight down.*turn the site'),
        ('', '', {'suction': 'false'}, "suction: .*got 'false'"),
        ('', '', {'suction': False}, 'gripper is suction, suction False; leave one out'),
        ('', '', {'fingers': {'opening': 0.05}}, 'gripper is suction; expected parallel'),
        ('', '', {'left_out': ['hand']}, "no body 'hand' for left_out"),
        ('', '', {'velocity_limits': 3.14}, 'velocity_limits: .*a valid list, got 3.14'),
        ('', '', {'joints': 6}, 'joints: .*a valid list, got 6'),
        (
            '',
            '',
            {'workspace': {**FIELDS['workspace'], 'half_extent': 'wide'}},
            "workspace.half_extent: .*got 'wide'",
        ),
        ('', '', {'home': [-0.496, -1.0, 2.082, -2.65, -1.5708, 0.0]}, 'mm under the table'),
        ('', '', {'joints': FIELDS['joints'][::-1]}, 'in the order of the file'),
        ('<worldbody>', '<worldbody', {}, 'arm.xml: MuJoCo refuses it'),
    ],
    ids=[
        'flipped site',
        'text for a truth value',
        'two tools',
        'fingers without a gripper',
        'nothing to leave out',
        'one number for all',
        'a number of joints',
        'text for a length',
        'home too low',
        'order',
        'no XML',
    ],
)
def test_what_cannot_work_is_refused_when_it_is_loaded(old, new, fields, match, tmp_path):
    with pytest.raises(ArmError, match=match):
        ArmDescription.load(write_arm(tmp_path, old, new, **fields))


def test_gains_follow_from_the_inertia_and_ones_that_shake_are_named(tmp_path):
    fields = {key: value for key, value in FIELDS.items() if key not in ('stiffness', 'damping')}
    path = write_arm(tmp_path, 'name="wrist_2_joint"', 'name="wrist_2_joint" frictionloss="2"')
    path.write_text(yaml.safe_dump({**fields, 'model': 'arm.xml'}))
    arm = ArmDescription.load(path)
    # Friction of 2 N m holds it at most 5 mrad off; others are as stiff as the inertia says.
    np.testing.assert_allclose(arm.stiffness[4], 400.0)
    np.testing.assert_allclose((arm.damping / arm.stiffness)[[3, 5]], 2 / 30)
    world = SimulatedWorld(build_scene(SceneConfig(1, arm=path)))
    tracker = PlanTracker(arm)
    for _ in range(500):
        world.step(tracker.effort(world.time, *world.joint_state()))
    q, qd = world.joint_state()
    np.testing.assert_allclose(q, arm.home, atol=1e-3)
    np.testing.assert_allclose(qd, 0.0, atol=1e-3)
    shaking = [*FIELDS['damping'][:-1], 300.0]
    with pytest.warns(UserWarning, match=r'damping 300 will shake wrist_3_joint.*up to \d'):
        ArmDescription.load(write_arm(tmp_path, damping=shaking))
