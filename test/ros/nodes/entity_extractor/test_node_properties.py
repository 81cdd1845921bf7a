"""Every field of the messages that `entity_extractor` hears and publishes, with anything in it."""

import math
import os
from array import array

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from builtin_interfaces.msg import Time
from concept_control.msg import Entity, EntityArray
from sensor_msgs.msg import CompressedImage, JointState
from std_msgs.msg import Header

from concept_control.bags.setup import read_setup
from concept_control.interfaces.joint_states import JointStateReader
from concept_control.perception.image_decoding import decode_depth
from concept_control.perception.image_synchronizer import COLOR, DEPTH, MAX_WAITING
from concept_control.perception.tracking.tool_history import ToolPose
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.replay.images import ImageReplay
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.nodes.entity_extractor.camera_input import CameraInput
from concept_control.ros.nodes.entity_extractor.node import EntityExtractor, entity_array
from concept_control.ros.runtime.process_graph import graph_environment
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.world.entity import EntityStatus

WIDTH, HEIGHT = 320, 240
SHAPES = {'box', 'cylinder', 'ball', 'tool'}


def check(message, stamp, frame='world'):
    """Hold a published message against msg/Entity.msg and msg/EntityArray.msg, field by field."""
    assert isinstance(message, EntityArray)
    assert message.header.stamp == stamp
    assert message.header.frame_id == frame
    ids = [entity.id for entity in message.entities]
    assert len(set(ids)) == len(ids)
    for entity in message.entities:
        assert (entity.id == 0) == (entity.shape == 'tool')
        assert entity.id >= 0
        position = [entity.position.x, entity.position.y, entity.position.z]
        assert np.isfinite(position).all()
        covariance = np.array(entity.covariance).reshape(3, 3)
        assert np.isfinite(covariance).all()
        np.testing.assert_allclose(covariance, covariance.T, rtol=1e-9, atol=1e-15)
        eigenvalues = np.linalg.eigvalsh(covariance)
        assert eigenvalues[0] >= -1e-12 * max(eigenvalues[-1], 1e-9)
        assert math.isfinite(entity.yaw)
        color = [entity.color.r, entity.color.g, entity.color.b, entity.color.a]
        assert all(0.0 <= value <= 1.0 for value in color)
        size = [entity.size.x, entity.size.y, entity.size.z]
        assert np.isfinite(size).all() and min(size) > 0
        assert entity.shape in SHAPES
        assert entity.status in (
            Entity.STATUS_SEEN,
            Entity.STATUS_OCCLUDED,
            Entity.STATUS_HELD,
        )
        last_seen, now = convert.seconds(entity.last_seen), convert.seconds(stamp)
        assert last_seen <= now + 1e-6
        if entity.status == Entity.STATUS_SEEN:
            assert entity.last_seen == stamp


class Recorder:
    """Takes the place of a publisher."""

    def __init__(self):
        self.messages = []

    def publish(self, message):
        self.messages.append(message)


class Playground:
    """An extractor in this process whose worker is the test itself."""

    def __init__(self):
        self.node = EntityExtractor()
        self.node.close()
        self.node._entities = self.recorder = Recorder()
        self.camera = self.node._rig.cameras[0]
        self.scene = build_scene(SceneConfig(num_blocks=3, seed=3, min_gap=0.06))
        with SimulatedCamera(self.scene.model, 'top', WIDTH, HEIGHT, 'raycast') as view:
            self.color, self.depth = view.render(self.scene.new_data())
            self.intrinsics = view.intrinsics
        self.stamp = Time(sec=1_700_000_000, nanosec=5)

    def messages(self):
        """Return good messages of the next moment."""
        self.stamp = Time(sec=self.stamp.sec + 1, nanosec=123_456_789)
        headers = [Header(stamp=self.stamp, frame_id='optical') for _ in range(3)]
        return {
            'color': convert.image_message(self.color, 'rgb8', headers[0]),
            'depth': convert.image_message(self.depth, '32FC1', headers[1]),
            'info': convert.camera_info_message(self.intrinsics, headers[2]),
        }

    def show(self, messages):
        """Hand over messages; return what was published and why what was refused."""
        self.recorder.messages.clear()
        refused = self.camera.num_refused
        self.camera._on_info(messages['info'])
        self.camera._pair(COLOR, messages['color'])
        self.camera._pair(DEPTH, messages['depth'])
        self.node.work_once()
        reason = self.camera.refusal if self.camera.num_refused > refused else ''
        return self.recorder.messages[:], reason

    def is_right(self, message):
        found = np.array([[e.position.x, e.position.y] for e in message.entities if e.id])
        if not len(found):
            return True
        gap = np.linalg.norm(found[:, None] - self.scene.initial_positions[None, :, :2], axis=-1)
        return gap.min(axis=1).max() < 0.01


@pytest.fixture(scope='module')
def playground():
    os.environ.update(graph_environment())
    packed = {'color_topic': '/d435/color/compressed', 'depth_topic': '/d435/compressedDepth'}
    given = [f'packed.{name}:={topic}' for name, topic in packed.items()]
    rclpy.init(args=['--ros-args', *(word for value in given for word in ('-p', value))])
    playground = Playground()
    yield playground
    playground.node.destroy_node()
    rclpy.shutdown()


def good_again(playground):
    """After whatever came: the next good frames are understood, and the last one is returned."""
    for _ in range(3):
        messages = playground.messages()
        published, reason = playground.show(messages)
    assert reason == ''
    (message,) = published
    check(message, messages['color'].header.stamp)
    assert [e.id for e in message.entities if e.id] and playground.is_right(message)
    return message


def test_the_frame_of_a_camera_that_parameters_place_is_published_once(playground, monkeypatch):
    told = []
    monkeypatch.setattr(playground.node._frames, 'publish_fixed', told.extend)
    good_again(playground)
    assert not told  # the simulator, or TF, says where it is
    monkeypatch.setattr(playground.camera, 'is_placed', True)
    good_again(playground)
    (pose,) = told
    assert (pose.parent, pose.child) == ('world', 'optical')
    np.testing.assert_allclose(pose.position, [0.48, 0.0, 1.2])


def depth_of_half_the_size(sent):
    small = np.ascontiguousarray(decode_depth(sent['depth'])[::2, ::2])
    sent['depth'] = convert.image_message(small, '32FC1', sent['depth'].header)


def depth_of_another_frame(sent):
    sent['depth'].header.frame_id = 'depth_optical'


def depth_16_ms_later(sent):
    later = convert.seconds(sent['depth'].header.stamp) + 0.016
    sent['depth'].header = convert.header(later, 'optical')


def calibration(model='plumb_bob', k=None, d=()):
    def change(sent):
        info = sent['info']
        info.distortion_model, info.d, info.k = model, list(d), info.k if k is None else k

    return change


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (calibration(k=np.zeros(9)), 'is the camera calibrated?'),
        (calibration('rational_polynomial', d=[1e-4] * 14), ''),
        (calibration('equidistant', d=[0.1] * 4), "'equidistant' is not understood"),
        (depth_of_half_the_size, 'use the depth registered to the colour camera'),
        (depth_of_another_frame, 'use the depth that is registered to the colour camera'),
        (depth_16_ms_later, 'the nearest is 16.0 ms off'),
    ],
    ids=['K = 0', '14 coefficients', 'fisheye', 'half-size depth', 'frame', '16 ms'],
)
def test_what_a_driver_sends_is_understood_or_refused_alike_live_and_in_a_bag(
    playground, change, reason
):
    offline, refusals = ImageReplay(read_setup(), lambda stamp, entities: None), []
    for _ in range(MAX_WAITING + 1):
        messages = playground.messages()
        change(messages)
        refusals.append(playground.show(messages)[1])
        offline.add_info(messages['info'])
        offline.add_image(COLOR, messages['color'])
        offline.add_image(DEPTH, messages['depth'])
    for told in (' '.join(refusals), ' '.join(offline.notes)):
        assert reason in told and bool(reason) == bool(told.strip())
    assert (offline.num_frames == 0) == bool(reason)
    good_again(playground)


def test_images_that_are_packed_are_heard_and_understood(playground):
    node = playground.node
    camera = CameraInput(
        node, 'packed', node.parameters, node.parameters.block_limits(node.arm), lambda: None
    )
    kinds = {s.topic_name: s.msg_type for s in node.subscriptions}
    assert kinds['/d435/color/compressed'] is kinds['/d435/compressedDepth'] is CompressedImage
    bgr = cv2.cvtColor(playground.color, cv2.COLOR_RGB2BGR)
    millimetres = np.nan_to_num(1000 * playground.depth).astype(np.uint16)

    def send():
        sent = playground.messages()
        for name, stream, kind, head, pixels in (
            ('color', COLOR, 'rgb8; png compressed bgr8', b'', bgr),
            ('depth', DEPTH, '16UC1; compressedDepth png', bytes(12), millimetres),
        ):
            data = head + cv2.imencode('.png', pixels)[1].tobytes()
            packed = CompressedImage(header=sent[name].header, format=kind, data=data)
            camera._pair(stream, packed)
        return sent['info']

    send()
    assert camera.num_refused == 0  # the first images may overtake the calibration
    camera._on_info(send())
    assert camera.refusal == 'images come, but no camera_info yet'
    send()
    assert camera.num_refused == 1 and len(camera.fresh.detect()) == 3


uint8s = st.integers(0, 2**8 - 1)
uint32s = st.one_of(st.integers(0, 1000), st.integers(0, 2**32 - 1))
floats = st.floats(allow_nan=True, allow_infinity=True)
images = st.one_of(
    st.tuples(st.just('height'), uint32s),
    st.tuples(st.just('width'), uint32s),
    st.tuples(st.just('step'), uint32s),
    st.tuples(st.just('is_bigendian'), uint8s),
    st.tuples(
        st.just('encoding'),
        st.one_of(
            st.sampled_from(['rgb8', 'bgr8', 'rgba8', '16UC1', '32FC1', 'mono16', 'yuv422', '']),
            st.text(max_size=8),
        ),
    ),
    st.tuples(st.just('data'), st.binary(max_size=64)),
    st.tuples(st.just('noise'), st.integers(0, 999)),
    st.tuples(st.just('frame_id'), st.text(max_size=8)),
    st.tuples(
        st.just('stamp'), st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))
    ),
)
SETTINGS = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(st.sampled_from(['color', 'depth']), images)
def test_no_field_of_an_image_makes_a_wrong_entity(playground, which, change):
    name, value = change
    messages = playground.messages()
    image = messages[which]
    if name == 'noise':
        noise = np.random.default_rng(value).integers(0, 256, len(image.data), dtype=np.uint8)
        image.data = array('B', noise.tobytes())
    elif name == 'data':
        image.data = array('B', value)
    elif name == 'frame_id':
        image.header.frame_id = value
    elif name == 'stamp':
        image.header.stamp = Time(sec=value[0], nanosec=value[1])
    else:
        setattr(image, name, value)
    before = playground.node._tracker.num_resets
    published, reason = playground.show(messages)
    # An image of a colour camera that shows noise, or whose byte order means nothing, is one.
    for message in published:
        check(message, messages['color'].header.stamp)
        assert playground.is_right(message)
    if not published:
        waits = name == 'stamp'  # its other half may still come
        assert reason or waits
    assert playground.node.failure is None
    assert playground.node._tracker.num_resets == before
    good_again(playground)


matrices = st.lists(floats, min_size=9, max_size=9)
calibrations = st.one_of(
    st.tuples(st.just('height'), uint32s),
    st.tuples(st.just('width'), uint32s),
    st.tuples(st.just('distortion_model'), st.text(max_size=12)),
    st.tuples(st.just('d'), st.lists(floats, max_size=14)),
    st.tuples(st.just('k'), matrices),
    st.tuples(st.just('r'), matrices),
    st.tuples(st.just('p'), st.lists(floats, min_size=12, max_size=12)),
    st.tuples(st.just('binning_x'), uint32s),
    st.tuples(st.just('binning_y'), uint32s),
    st.tuples(st.just('roi'), st.tuples(uint32s, uint32s, uint32s, uint32s, st.booleans())),
    st.tuples(st.just('frame_id'), st.text(max_size=8)),
)


@SETTINGS
@given(calibrations)
def test_no_field_of_a_calibration_breaks_anything(playground, change):
    name, value = change
    messages = playground.messages()
    info = messages['info']
    if name == 'frame_id':
        info.header.frame_id = value
    elif name == 'roi':
        roi = info.roi
        roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify = value
    else:
        setattr(info, name, value)
    published, reason = playground.show(messages)
    assert published or reason
    for message in published:
        check(message, messages['color'].header.stamp)
        # A lens or focal length that some camera has cannot be told from the right one.
        assert name in ('k', 'd') or playground.is_right(message)
    assert playground.node.failure is None
    good_again(playground)


@SETTINGS
@given(
    st.lists(st.sampled_from(['joint', 'other', '']), max_size=9),
    st.lists(floats, max_size=9),
    st.lists(floats, max_size=9),
    st.booleans(),
    st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1)),
)
def test_no_joint_state_makes_a_wrong_tool(playground, names, positions, rates, is_named, stamp):
    node = playground.node
    joints = list(node.arm.joints)
    message = JointState(name=joints if is_named else names)
    message.position, message.velocity, message.effort = positions, rates, rates
    message.header.stamp = Time(sec=stamp[0], nanosec=stamp[1])
    refused = node._num_joints_refused
    node._joints_reader = JointStateReader(joints, with_velocities=False)  # stamps may come again
    node._on_joints(message, {})
    is_good = is_named and len(positions) == len(joints) and np.isfinite(positions).all()
    is_good &= stamp[0] >= 0
    assert (node._num_joints_refused == refused) == (is_good or not is_named)
    if is_named and not is_good:
        assert 'joint' in node._refusals.of('joint states')
    # Of another time it says nothing about now.
    assert not [e for e in good_again(playground).entities if e.id == 0]


numbers = st.floats(-10.0, 10.0)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)


@st.composite
def tracked(draw):
    root = np.array([draw(vectors) for _ in range(3)])
    return TrackedEntity(
        id=draw(st.integers(1, 2**31 - 1)),
        position=draw(vectors),
        covariance=root @ root.T,
        yaw=draw(numbers),
        color=np.abs(draw(vectors)) / 10.0,
        size=np.abs(draw(vectors)) + 1e-3,
        shape=draw(st.sampled_from(['box', 'cylinder', 'ball'])),
        status=draw(st.sampled_from([EntityStatus.OCCLUDED, EntityStatus.HELD])),
        last_seen=draw(st.floats(-5.0, 1.6e9)),
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(tracked(), max_size=5, unique_by=lambda entity: entity.id),
    st.one_of(st.none(), st.builds(ToolPose, vectors, numbers)),
    st.integers(1_650_000_000, 2**31 - 1),
    st.integers(0, 999_999_999),
)
def test_every_field_that_is_published_is_what_the_message_says(entities, tool, sec, nanosec):
    stamp = Time(sec=sec, nanosec=nanosec)
    if entities:
        seen = {
            **vars(entities[0]),
            'status': EntityStatus.SEEN,
            'last_seen': convert.seconds(stamp),
        }
        entities[0] = TrackedEntity(**seen)
    message = entity_array(Header(stamp=stamp, frame_id='world'), entities, tool)
    check(message, stamp)
    assert len(message.entities) == len(entities) + (tool is not None)
    for entity, sent in zip(entities, message.entities):
        np.testing.assert_allclose(
            [sent.position.x, sent.position.y, sent.position.z], entity.position
        )
        np.testing.assert_allclose(sent.covariance, entity.covariance.ravel())
        assert sent.status == entity.status
