"""Messages to core types and back: nothing is lost, nothing wrong gets in."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('rclpy', reason='rclpy is not installed')

from builtin_interfaces.msg import Time
from concept_control.msg import Entity, EntityArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from concept_control.control.plan import Plan
from concept_control.errors import CommandError, PerceptionError
from concept_control.interfaces.decoding import intrinsics_of
from concept_control.perception.image_decoding import decode_color, decode_depth
from concept_control.ros.bridge import conversions as convert
from concept_control.world.entity import RIM
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

JOINTS = ('a', 'b', 'c')


@given(st.integers(0, 2**31 - 1), st.integers(0, 999_999_999))
def test_stamps_keep_the_microsecond(sec, nanosec):
    back = convert.stamp(convert.seconds(Time(sec=sec, nanosec=nanosec)))
    assert abs((back.sec - sec) * 10**9 + back.nanosec - nanosec) < 1000


@pytest.mark.parametrize('value', [-1.0, math.nan, math.inf])
def test_times_that_are_none_are_refused(value):
    with pytest.raises(CommandError):
        convert.stamp(value)


def test_images_come_back_as_they_were():
    rng = np.random.default_rng(0)
    color = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    depth = rng.random((4, 6)).astype(np.float32)
    for pixels, encoding, decode in (
        (color, 'rgb8', decode_color),
        (depth, '32FC1', decode_depth),
    ):
        back = decode(convert.image_message(pixels, encoding, Header()))
        np.testing.assert_array_equal(back, pixels)


def test_an_uncalibrated_camera_is_refused():
    with pytest.raises(PerceptionError, match='calibrated'):
        intrinsics_of(CameraInfo(width=4, height=4))


def plan(num_steps=5):
    rng = np.random.default_rng(0)
    return Plan(
        stamp=12.34,
        dt=0.02,
        positions=rng.normal(size=(num_steps + 1, 3)),
        velocities=np.vstack([rng.normal(size=(num_steps, 3)), np.zeros(3)]),
        efforts=rng.normal(size=(num_steps, 3)),
    )


def test_a_plan_travels_as_a_trajectory_that_controllers_accept():
    sent = plan()
    message = convert.trajectory_message(sent, JOINTS)
    moving = replace(sent, velocities=sent.velocities + 0.1)
    with pytest.raises(CommandError, match='must end at rest'):
        convert.trajectory_message(moving, JOINTS)
    shuffled = convert.trajectory_message(sent, JOINTS)
    order = [2, 0, 1]
    shuffled.joint_names = [JOINTS[i] for i in order]
    for point in shuffled.points:
        for name in ('positions', 'velocities', 'effort'):
            setattr(point, name, [getattr(point, name)[i] for i in order])
    for received in (message, shuffled):
        back = convert.plan_of(received, JOINTS, now=99.0)
        assert back.stamp == pytest.approx(sent.stamp) and back.dt == pytest.approx(sent.dt)
        np.testing.assert_allclose(back.positions, sent.positions)
        np.testing.assert_allclose(back.velocities[:-1], sent.velocities[:-1])
        np.testing.assert_allclose(back.efforts, sent.efforts)
    bare = convert.trajectory_message(sent, JOINTS, with_efforts=False)
    assert not convert.plan_of(bare, JOINTS, now=99.0).efforts.any()


def spoil_names(message):
    message.joint_names = ['a', 'b', 'x']


def spoil_value(message):
    message.points[1].positions = [0.0, math.nan, 0.0]


def spoil_length(message):
    message.points[1].effort = [0.0]


def spoil_time(message):
    message.points[1].time_from_start.sec = 7


def spoil_count(message):
    message.points = message.points[:1]


@pytest.mark.parametrize(
    'spoil', [spoil_names, spoil_value, spoil_length, spoil_time, spoil_count]
)
def test_a_bad_trajectory_never_reaches_the_arm(spoil):
    message = convert.trajectory_message(plan(), JOINTS)
    spoil(message)
    with pytest.raises(CommandError):
        convert.plan_of(message, JOINTS, now=0.0)


def entity(number=1, **changes):
    made = Entity(id=number, shape='box', **changes)
    made.size.x = made.size.y = made.size.z = 0.04
    return made


def array(*entities, frame='world'):
    return EntityArray(header=Header(frame_id=frame), entities=list(entities))


def test_entities_arrive_in_workspace_units():
    block = entity(3)
    block.position.x, block.position.y = 0.72, 0.0
    scene = Tabletop.from_entities(
        convert.entity_states(array(block), 'world'), Workspace((0.48, 0.0), 0.24, -np.pi / 2)
    )
    assert scene.ids == (3,)
    np.testing.assert_allclose(scene.positions, [[0.0, 1.0]], atol=1e-9)
    np.testing.assert_allclose(scene.sizes, [0.04 / 0.24])


def test_bad_entities_are_refused():
    nan = entity(2)
    nan.position.x = math.nan
    flat = entity(2)
    flat.size.z = 0.0
    thin = entity(2)
    thin.shape, thin.size.z = 'open box', 0.012
    for message in (
        array(entity(1), entity(1)),
        array(nan),
        array(flat),
        array(thin),
        array(entity(1, status=7)),
        array(entity(1), frame='camera'),
    ):
        with pytest.raises(PerceptionError):
            convert.entity_states(message, 'world')


def test_what_a_status_does_not_know_it_does_not_say():
    header = convert.header(2.0, 'world')
    status = convert.status_message(header, 'concept_model', text='refused', energy=0.5)
    assert (status.source, status.text, status.energy) == ('concept_model', 'refused', 0.5)
    assert status.header == header and status.active_entity == -1
    unknown = set(convert.UNKNOWN) - {'energy', 'active_entity'}
    assert len(unknown) == 5 and all(math.isnan(getattr(status, name)) for name in unknown)


def test_an_open_box_stays_one_and_nothing_else_becomes_one():
    states = convert.entity_states(array(entity(1), entity(2)), 'world')
    states[2] = replace(states[2], rim=0.003)
    sent = [convert.entity_message(i, s, 'box', entity().last_seen) for i, s in states.items()]
    assert [message.shape for message in sent] == ['box', 'open box']
    back = convert.entity_states(array(*sent), 'world')
    assert (back[1].rim, back[2].rim) == (0.0, RIM)
