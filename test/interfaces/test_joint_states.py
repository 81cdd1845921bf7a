"""Joint states as drivers publish them are read, or refused in words."""

from types import SimpleNamespace

import numpy as np
import pytest

from concept_control.errors import CommandError
from concept_control.interfaces.joint_states import JointStateReader

JOINTS = ('a', 'b', 'c')
NAN = float('nan')


def state(time, position=(1.0, 2.0, 3.0), velocity=(), name=JOINTS):
    stamp = SimpleNamespace(sec=int(time), nanosec=round(1e9 * (time % 1)))
    header = SimpleNamespace(stamp=stamp)
    return SimpleNamespace(header=header, name=name, position=position, velocity=velocity)


def test_joints_are_matched_by_name():
    names = ('c', 'x', 'a', 'b')
    given = state(1.5, [3.0, 9.0, 1.0, 2.0], [0.3, 0.9, 0.1, 0.2], names)
    reader = JointStateReader(JOINTS)
    stamp, positions, velocities = reader.read(given, 2.0)
    assert stamp == 1.5 and reader.assumptions == []
    np.testing.assert_array_equal(positions, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(velocities, [0.1, 0.2, 0.3])
    for wrong, complaint in (
        (state(1.6, name=('a', 'b', 'x')), 'lacks c; it has a, b, x'),
        (state(1.6, (1.0,) * 4, name=(*JOINTS, 'a')), 'more than once'),
        (state(1.6, (1.0, NAN, 1.0)), 'NaN or infinity as position'),
        (state(1.6, velocity=(0.0, float('inf'), 0.0)), 'infinity as velocity'),
        (state(1.6, velocity=(0.0,)), 'a velocity for every joint: 1 for 3'),
        (state(-1.0), 'expected >= 0'),
    ):
        with pytest.raises(CommandError, match=complaint):
            reader.read(wrong, 2.0)


@pytest.mark.parametrize('velocity', [(), (NAN, NAN, NAN), (NAN, 0.7, NAN)])
def test_velocities_that_are_missing_are_differences_and_this_is_said_once(velocity):
    reader, speed = JointStateReader(JOINTS), np.array([0.5, 0.7, 0.0])
    found = [
        reader.read(state(5.0 + 0.01 * i, 1.0 + 0.01 * i * speed, velocity), 0.0)
        for i in range(20)
    ]
    assert not found[0].velocities[0]
    np.testing.assert_allclose([f.velocities for f in found[1:]], [speed] * 19, atol=1e-9)
    (said,) = reader.assumptions
    assert 'differences of positions' in said
    late = reader.read(state(9.0, (5.0, 5.0, 5.0)), 0.0)
    assert not late.velocities.any()


def test_stamps_of_zero_are_times_of_arrival_and_those_that_stand_still_are_refused():
    reader = JointStateReader(JOINTS)
    assert [reader.read(state(0.0), t).stamp for t in (7.0, 7.01)] == [7.0, 7.01]
    assert any('times of arrival' in said for said in reader.assumptions)
    for time in (8.0, 8.05, 8.1):  # a driver may repeat what it has measured
        assert reader.read(state(3.0), time).stamp == 3.0
    with pytest.raises(CommandError, match=r'stands still at 3.000 s'):
        reader.read(state(3.0), 8.2)
    assert reader.read(state(3.2), 8.21).stamp == 3.2


def test_other_devices_are_left_alone_and_named():
    reader = JointStateReader(JOINTS)
    assert reader.read(state(1.0, (0.02,), name=('finger',)), 1.0) is None
    assert "names finger, not the arm's a, b, c" in reader.foreign
    assert reader.read(state(1.0, name=('left_a', 'left_b', 'left_c')), 1.0) is None
    assert "joint_prefix to 'left_'" in reader.foreign
    assert reader.read(state(1.0), 1.0) is not None and reader.foreign == ''
