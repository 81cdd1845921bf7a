"""`entity_extractor` as a process, fed by a camera that the test plays."""

import os
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import EntityArray
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import MarkerArray

from concept_control.perception.camera import decode_color
from concept_control.ros import conversions as convert
from concept_control.ros import qos
from concept_control.ros.demo import graph_environment
from concept_control.ros.processes import Graph, NodeProcess, share_folder
from concept_control.simulation.camera import SimulatedCamera
from concept_control.simulation.scene import SceneConfig, build_scene

PREFIXES = {'camera': 'top', 'oblique': 'oblique'}


class CameraPlayer:
    """Publishes one rendered scene again and again, with advancing stamps."""

    def __init__(self, node, scene):
        self.node, self.stamp = node, 1.0
        self.views = {}
        for prefix, name in PREFIXES.items():
            camera = SimulatedCamera(scene.model, name, 320, 240, 'raycast')
            color, depth = camera.render(scene.new_data())
            publishers = [
                node.create_publisher(kind, f'{prefix}/{topic}', qos.RELIABLE)
                for kind, topic in (
                    (CameraInfo, 'color/camera_info'),
                    (Image, 'color/image_raw'),
                    (Image, 'depth/image_raw'),
                )
            ]
            self.views[prefix] = (camera.intrinsics, color, depth, publishers)

    def play(self, spoil=lambda color, depth: None):
        self.stamp += 0.1
        for prefix in reversed(PREFIXES):  # the first camera sets the pace, so it comes last
            intrinsics, color, depth, (info, colors, depths) = self.views[prefix]
            header = convert.header(self.stamp, f'{prefix}_optical_frame')
            color_message = convert.image_message(color, 'rgb8', header)
            depth_message = convert.image_message(depth.astype(np.float32), '32FC1', header)
            spoil(color_message, depth_message)
            info.publish(convert.camera_info_message(intrinsics, header))
            colors.publish(color_message)
            depths.publish(depth_message)


@pytest.fixture(scope='module')
def extractor(tmp_path_factory):
    os.environ.update(graph_environment())
    rclpy.init()
    node = rclpy.create_node('camera_player')
    scene = build_scene(SceneConfig(num_blocks=4, seed=3, min_gap=0.06))
    player = CameraPlayer(node, scene)
    heard = {}
    for kind, topic in (
        (EntityArray, 'entities'),
        (MarkerArray, 'concept_markers'),
        (Image, 'entities/image'),
        (DiagnosticArray, '/diagnostics'),
    ):
        node.create_subscription(
            kind, topic, lambda m, topic=topic: heard.__setitem__(topic, m), qos.RELIABLE
        )
    heard['stamps'] = []
    node.create_subscription(
        EntityArray,
        'entities',
        lambda m: heard['stamps'].append(convert.seconds(m.header.stamp)),
        qos.RELIABLE,
    )
    parameters = {'cameras': list(PREFIXES), 'use_sim_time': False}
    process = NodeProcess('entity_extractor', parameters)
    folder = tmp_path_factory.mktemp('log')
    with Graph([process], share_folder() / 'config/demo.yaml', folder) as graph:
        yield node, player, heard, scene, graph
    node.destroy_node()
    rclpy.shutdown()


def play_until(extractor, condition, spoil=lambda color, depth: None):
    node, player, heard, _, graph = extractor
    end = time.monotonic() + 60
    while not condition(heard):
        assert time.monotonic() < end, 'deadline passed'
        graph.check()
        player.play(spoil)
        rclpy.spin_once(node, timeout_sec=0.1)
        rclpy.spin_once(node, timeout_sec=0.02)


def test_two_cameras_become_entities_markers_and_a_picture(extractor):
    _, _, heard, scene, _ = extractor
    topics = {'entities', 'concept_markers', 'entities/image'}
    play_until(extractor, lambda h: topics <= set(h) and len(h['entities'].entities) == 4)
    found = np.array([[e.position.x, e.position.y] for e in heard['entities'].entities])
    true = scene.initial_positions[:, :2]
    distance = np.linalg.norm(found[:, None] - true[None], axis=-1)
    assert (distance.min(axis=0) < 0.003).all()  # 320 x 240 pixels, two points of view
    assert len({e.id for e in heard['entities'].entities}) == 4
    assert all(e.status == 0 and e.shape == 'box' for e in heard['entities'].entities)
    play_until(extractor, lambda h: len(h['concept_markers'].markers) == 1 + 3 * 4)
    m = heard['entities/image']
    drawn = decode_color(m.encoding, m.height, m.width, m.step, bool(m.is_bigendian), m.data)
    assert drawn.shape == (240, 320, 3)


def wrong_size(color, depth):
    depth.height //= 2


def wrong_encoding(color, depth):
    color.encoding = 'yuv422'


def mismatched_stamps(color, depth):
    later = convert.seconds(depth.header.stamp) + 100
    depth.header = convert.header(later, depth.header.frame_id)


@pytest.mark.parametrize('spoil', [wrong_size, wrong_encoding])
def test_frames_that_cannot_be_used_are_refused_and_counted(extractor, spoil):
    def refused(heard):
        values = {v.key: v.value for v in heard['/diagnostics'].status[0].values}
        return int(values['frames refused'])

    play_until(extractor, lambda h: '/diagnostics' in h)
    before = refused(extractor[2])
    play_until(extractor, lambda h: refused(h) > before, spoil)
    recovered = extractor[1].stamp
    play_until(extractor, lambda h: convert.seconds(h['entities'].header.stamp) > recovered + 0.05)


def test_images_of_different_moments_are_never_paired(extractor):
    _, player, _, _, _ = extractor
    first = player.stamp
    for _ in range(10):
        player.play(mismatched_stamps)
    last = player.stamp
    play_until(extractor, lambda h: convert.seconds(h['entities'].header.stamp) > last + 0.05)
    stamps = extractor[2]['stamps']
    assert not [s for s in stamps if first + 0.05 < s < last + 0.05 or s > last + 60]
