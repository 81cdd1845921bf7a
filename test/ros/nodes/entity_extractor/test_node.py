"""`entity_extractor` as a process, fed by a camera that the test plays."""

import os
import time
from array import array

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import Entity, EntityArray
from diagnostic_msgs.msg import DiagnosticArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool
from visualization_msgs.msg import MarkerArray

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.paths import share_folder
from concept_control.perception.image_decoding import decode_color
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.process_graph import Graph, NodeProcess, graph_environment
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera

pytestmark = pytest.mark.whole_machine

PREFIXES = ('camera', 'oblique', 'side')
TARGET = np.array([0.48, 0.0, 0.0])
ABOVE = np.array([0.0, 0.0, 0.021])
"""From the centre of a block to the tip of the tool that holds it."""

SIDE = np.array([1.2, 0.75, 0.9])
"""Where the third camera is; the scene itself has two."""


def side_camera(scene):
    """Return the scene with its oblique camera moved to `SIDE`, and that pose (4, 4)."""
    forward = (TARGET - SIDE) / np.linalg.norm(TARGET - SIDE)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    data = scene.new_data()
    index = scene.model.camera('oblique').id
    data.cam_xpos[index] = SIDE
    data.cam_xmat[index] = np.column_stack([right, np.cross(right, forward), -forward]).ravel()
    return data


class CameraPlayer:
    """Publishes one rendered scene again and again, with advancing stamps."""

    def __init__(self, node, scene):
        self.node, self.stamp = node, 100.0
        self.silent = set()
        self.views, self.poses = {}, {}
        for prefix in PREFIXES:
            name = 'top' if prefix == 'camera' else 'oblique'
            data = side_camera(scene) if prefix == 'side' else scene.new_data()
            camera = SimulatedCamera(scene.model, name, 320, 240, 'raycast')
            color, depth = camera.render(data)
            publishers = [
                node.create_publisher(kind, f'{prefix}/{topic}', qos.RELIABLE)
                for kind, topic in (
                    (CameraInfo, 'color/camera_info'),
                    (Image, 'color/image_raw'),
                    (Image, 'depth/image_raw'),
                )
            ]
            self.views[prefix] = (camera.intrinsics, color, depth, publishers)
            self.poses[prefix] = camera.T_world_camera(data)

    def node_parameters(self):
        parameters = {'cameras': list(PREFIXES), 'use_sim_time': False, 'stale_after': 0.5}
        for prefix, pose in self.poses.items():
            rotation = Rotation.from_matrix(pose[:3, :3]).as_quat()
            parameters[f'{prefix}.position'] = pose[:3, 3].tolist()
            parameters[f'{prefix}.rotation'] = rotation.tolist()
        return parameters

    def play(self, spoil=lambda color, depth: None, only=PREFIXES):
        """Send one frame of each camera that is not silent; spoil those of some."""
        self.stamp += 0.1
        for prefix in reversed(PREFIXES):  # the first camera sets the pace, so it comes last
            if prefix in self.silent:
                continue
            intrinsics, color, depth, (info, colors, depths) = self.views[prefix]
            header = convert.header(self.stamp, f'{prefix}_optical_frame')
            color_message = convert.image_message(color, 'rgb8', header)
            depth_message = convert.image_message(depth.astype(np.float32), '32FC1', header)
            if prefix in only:
                spoil(color_message, depth_message)
            info.publish(convert.camera_info_message(intrinsics, header))
            colors.publish(color_message)
            depths.publish(depth_message)


class Heard(dict):
    """The last message of each topic; stamps of all entity arrays."""

    def __init__(self):
        self.stamps = []

    def hear(self, topic, message):
        self[topic] = message
        if topic == 'entities':
            self.stamps.append(convert.seconds(message.header.stamp))

    @property
    def stamp(self):
        return self.stamps[-1] if self.stamps else 0.0

    @property
    def ids(self):
        return sorted(e.id for e in self['entities'].entities if e.id) if self.stamps else []

    @property
    def complaint(self):
        return self['/diagnostics'].status[0].message if '/diagnostics' in self else 'unheard'

    def value(self, key):
        values = {v.key: v.value for v in self['/diagnostics'].status[0].values}
        return values.get(key, '')


class Bench:
    """A running `entity_extractor` and all that plays around it."""

    def __init__(self, node, player, heard, scene, graph):
        self.node, self.player, self.heard, self.scene = node, player, heard, scene
        self.graph = graph
        self.joints = node.create_publisher(JointState, 'joint_states', qos.RELIABLE)
        self.suction = node.create_publisher(Bool, 'suction_state', qos.LATCHED)

    def play_until(self, condition, spoil=lambda color, depth: None, only=PREFIXES, before=None):
        end = time.monotonic() + 60
        while not condition(self.heard):
            assert time.monotonic() < end, f'deadline passed; {self.heard.complaint}'
            self.graph.check()
            if before is not None:
                before(self.player.stamp + 0.1)
            self.player.play(spoil, only)
            rclpy.spin_once(self.node, timeout_sec=0.1)
            for _ in range(5):
                rclpy.spin_once(self.node, timeout_sec=0.01)

    def positions(self):
        return np.array(
            [
                [e.position.x, e.position.y, e.position.z]
                for e in self.heard['entities'].entities
                if e.id
            ]
        )

    def worst_error(self):
        distance = np.linalg.norm(
            self.positions()[:, None] - self.scene.initial_positions[None], axis=-1
        )
        return distance.min(axis=0).max()


@pytest.fixture(scope='module')
def bench(tmp_path_factory):
    os.environ.update(graph_environment())
    rclpy.init()
    node = rclpy.create_node('camera_player')
    scene = build_scene(SceneConfig(num_blocks=4, seed=3, min_gap=0.06))
    player, heard = CameraPlayer(node, scene), Heard()
    for kind, topic in (
        (EntityArray, 'entities'),
        (MarkerArray, 'concept_markers'),
        (Image, 'entities/image'),
        (DiagnosticArray, '/diagnostics'),
    ):
        node.create_subscription(
            kind, topic, lambda m, topic=topic: heard.hear(topic, m), qos.RELIABLE
        )
    process = NodeProcess('entity_extractor', player.node_parameters())
    folder = tmp_path_factory.mktemp('log')
    with Graph([process], share_folder() / 'config/demo.yaml', folder) as graph:
        yield Bench(node, player, heard, scene, graph)
    node.destroy_node()
    rclpy.shutdown()


def test_three_cameras_become_entities_markers_and_a_picture(bench):
    topics = {'entities', 'concept_markers', 'entities/image', '/diagnostics'}
    bench.play_until(lambda h: topics <= set(h) and h.ids == [1, 2, 3, 4])
    assert bench.worst_error() < 0.002  # 320 x 240 pixels, three points of view
    entities = bench.heard['entities'].entities
    assert all(e.status == Entity.STATUS_SEEN and e.shape == 'box' for e in entities)
    bench.play_until(lambda h: len(h['concept_markers'].markers) == 1 + 3 * 4)
    assert decode_color(bench.heard['entities/image']).shape == (240, 320, 3)
    bench.play_until(lambda h: h.complaint == 'ok')
    for key in ('latency median [ms]', 'latency p95 [ms]', 'processing time median [ms]'):
        assert float(bench.heard.value(key)) > 0


@pytest.mark.parametrize('failing', ['camera', 'side'])
def test_a_silent_camera_is_named_and_stops_nobody(bench, failing):
    player = bench.player
    bench.play_until(lambda h: h.complaint == 'ok')
    player.silent = {failing}
    try:
        bench.play_until(lambda h: f'{failing}: no frame for' in h.complaint)
        bench.play_until(lambda h, start=player.stamp: h.stamp > start + 0.25)
        assert len(bench.heard.ids) == 4
        assert bench.worst_error() < 0.003
    finally:
        player.silent = set()
    bench.play_until(lambda h: h.complaint == 'ok')


def wrong_size(color, depth):
    depth.height //= 2


def wrong_encoding(color, depth):
    color.encoding = 'yuv422'


def wrong_frame(color, depth):
    stamp = convert.seconds(depth.header.stamp)
    depth.header = convert.header(stamp, 'camera_depth_optical_frame')


def wrong_unit(color, depth):
    metres = np.frombuffer(bytes(depth.data), np.float32) * 1000.0
    depth.data = array('B', np.where(metres < 99.0, metres, 50.0).astype(np.float32).tobytes())


def later_depth(color, depth):
    later = convert.seconds(depth.header.stamp) + 0.03
    depth.header = convert.header(later, depth.header.frame_id)


SPOILED = [
    (wrong_size, 'depth data of'),
    (wrong_encoding, "'yuv422' is not understood"),
    (wrong_frame, 'camera_depth_optical_frame'),
    (wrong_unit, 'unit of the depth'),
    (later_depth, 'synchronised'),
]


@pytest.mark.parametrize(('spoil', 'reason'), SPOILED)
def test_what_one_camera_sends_is_refused_by_reason_and_the_others_go_on(bench, spoil, reason):
    before = int(bench.heard.value('camera: refused'))
    bench.play_until(
        lambda h: int(h.value('camera: refused')) > before and reason in h.complaint,
        spoil,
        only=('camera',),
    )
    assert bench.heard.complaint.startswith('camera: ')
    assert reason in bench.heard.value('camera: last refusal')
    start = bench.player.stamp
    bench.play_until(lambda h: h.stamp > start + 0.25, spoil, only=('camera',))
    assert len(bench.heard.ids) == 4
    assert bench.worst_error() < 0.003


def test_images_of_different_moments_are_never_paired(bench):
    bench.play_until(lambda h: h.complaint == 'ok')  # as soon as nothing is spoiled any more
    first = bench.player.stamp
    for _ in range(10):
        bench.player.play(later_depth)
    last = bench.player.stamp
    bench.play_until(lambda h: h.stamp > last + 0.05)
    assert not [s for s in bench.heard.stamps if first + 0.05 < s < last + 0.05 or s > last + 60]


def test_a_held_block_follows_the_joints_and_is_published_as_held(bench):
    arm = ArmDescription.load()
    kinematics = ArmKinematics(arm)
    q = arm.home.copy()

    def send_joints(stamp):
        message = JointState(header=convert.header(stamp, 'world'), name=list(arm.joints))
        message.position = q.tolist()  # and no velocities: not every driver has them
        bench.joints.publish(message)

    bench.play_until(lambda h: any(e.id == 0 for e in h['entities'].entities), before=send_joints)
    tool = next(e for e in bench.heard['entities'].entities if e.id == 0)
    np.testing.assert_allclose(
        [tool.position.x, tool.position.y, tool.position.z], kinematics.tool(q).position, atol=1e-6
    )
    # Put the tool on a block, take it, and lift.
    block = bench.scene.initial_positions[0]
    q[:] = reach(arm, block + ABOVE)
    bench.play_until(lambda h, s=bench.player.stamp: h.stamp > s + 0.25, before=send_joints)
    bench.suction.publish(Bool(data=True))
    held = Entity.STATUS_HELD
    bench.play_until(
        lambda h: any(e.status == held for e in h['entities'].entities), before=send_joints
    )
    moved = block + np.array([0.03, 0.04, 0.12])
    q[:] = reach(arm, moved + ABOVE)
    bench.play_until(lambda h, s=bench.player.stamp: h.stamp > s + 0.25, before=send_joints)
    (entity,) = [e for e in bench.heard['entities'].entities if e.status == held]
    np.testing.assert_allclose(
        [entity.position.x, entity.position.y, entity.position.z], moved, atol=4e-3
    )
    bench.suction.publish(Bool(data=False))
    bench.play_until(
        lambda h: all(e.status != held for e in h['entities'].entities), before=send_joints
    )


def reach(arm, target):
    """Return joints that bring the tool's tip to a place."""
    kinematics = ArmKinematics(arm)

    def miss(q):
        return np.concatenate([kinematics.tool(q).position - target, 1e-4 * (q - arm.home)])

    q = least_squares(miss, arm.home, bounds=arm.position_limits.T).x
    assert np.linalg.norm(kinematics.tool(q).position - target) < 1e-3
    return q


def test_a_clock_set_back_forgets_everything_and_says_so(bench):
    bench.play_until(lambda h: len(h.ids) >= 4)
    assert bench.heard.value('tracker resets') == '0'
    session = bench.heard['entities'].session
    bench.player.stamp = 10.0
    bench.play_until(lambda h: h.value('tracker resets') == '1')
    assert 'time went back by' in bench.heard.value('last reset')
    bench.play_until(lambda h: h.stamp < 90 and h.ids == [1, 2, 3, 4])
    assert bench.heard['entities'].session == session + 1
