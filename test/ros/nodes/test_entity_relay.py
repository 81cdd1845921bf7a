"""Entities from a file and from another package's detections, and back as detections."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import EntityArray
from geometry_msgs.msg import Pose, PoseWithCovariance, Vector3
from waiting import wait

from concept_control.errors import CommandError, PerceptionError
from concept_control.perception.known_things import KnownThings
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.detections import detections_message, detections_of
from concept_control.ros.nodes.entity_relay import FIRST_STANDING, EntityRelay

FILE = """
things:
  box: {size: [0.05, 0.05, 0.05], color: red, class: carton}
  post: {size: [0.04, 0.04, 0.1], color: white, position: [0.5, 0.1, 0.05], yaw: 0.2}
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / 'things.yaml').write_text(FILE)
    return tmp_path / 'things.yaml'


@pytest.fixture
def start(monkeypatch):
    """Return a function that starts the node with parameters."""
    nodes = []

    def make(**parameters):
        settings = [a for key, value in parameters.items() for a in ('-p', f'{key}:={value}')]
        rclpy.init(args=['--ros-args', *settings])
        nodes.append(EntityRelay())
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def vision(monkeypatch):
    """Stand-ins with the fields of vision_msgs 4, which is on no registry."""

    def hypothesis():
        return SimpleNamespace(
            hypothesis=SimpleNamespace(class_id='', score=0.0), pose=PoseWithCovariance()
        )

    def detection(header=None, id=''):
        box = SimpleNamespace(center=Pose(), size=Vector3())
        return SimpleNamespace(header=header, results=[], bbox=box, id=id)

    module = ModuleType('vision_msgs.msg')
    module.ObjectHypothesisWithPose, module.Detection3D = hypothesis, detection
    module.Detection3DArray = lambda header: SimpleNamespace(header=header, detections=[])
    monkeypatch.setitem(sys.modules, 'vision_msgs', ModuleType('vision_msgs'))
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', module)
    return module


def test_things_of_a_file_stand_where_it_says(start, path):
    node, heard = start(things=path, rate=50.0), []
    me = rclpy.create_node('listener')
    me.create_subscription(EntityArray, 'entities', heard.append, qos.RELIABLE)
    wait(
        lambda: (
            rclpy.spin_once(node, timeout_sec=0.02)
            or rclpy.spin_once(me, timeout_sec=0.02)
            or heard
        )
    )
    (post,) = heard[0].entities
    assert (post.id, post.yaw, post.position.z) == (FIRST_STANDING, 0.2, 0.05)
    assert convert.entity_states(heard[0], 'world')[FIRST_STANDING].color.tolist() == (
        pytest.approx([0.95] * 3)
    )
    me.destroy_node()


def test_detections_become_entities_and_entities_detections(start, path, vision):
    things = KnownThings.load(path)
    node, sent = start(things=path), []
    node._entities = SimpleNamespace(publish=sent.append)
    box = vision.Detection3D()
    box.bbox.size = Vector3(x=0.06, y=0.03, z=0.02)
    box.bbox.center.position.x, box.bbox.center.orientation.z = 0.5, np.sin(0.2)
    box.bbox.center.orientation.w = np.cos(0.2)
    named = vision.Detection3D()
    named.bbox.size = Vector3(x=0.9, y=0.9, z=0.9)
    named.bbox.center.position.x = 0.7
    named.results = [vision.ObjectHypothesisWithPose() for _ in range(2)]
    named.results[1].hypothesis.class_id, named.results[1].hypothesis.score = 'carton', 0.9
    for step in range(3):
        header = convert.header(5.0 + 0.1 * step, 'world')
        node.on_detections(SimpleNamespace(header=header, detections=[box, named]))
    first, second, post = sent[-1].entities
    assert (first.id, second.id, post.id) == (1, 2, FIRST_STANDING)
    assert first.yaw == pytest.approx(0.4) and first.size.x == pytest.approx(0.06)
    assert second.size.z == pytest.approx(0.05) and second.color.r == pytest.approx(0.9)
    back = detections_message(sent[-1])
    again = detections_of(back, 'world', things)
    assert [one.id for one in back.detections] == ['1', '2', str(FIRST_STANDING)]
    np.testing.assert_allclose(again[0].position, [0.5, 0.0, 0.0], atol=1e-6)
    assert again[0].yaw == pytest.approx(0.4)
    box.bbox.size.x = float('nan')
    number = len(sent)
    node.on_detections(SimpleNamespace(header=header, detections=[box]))
    assert len(sent) == number and 'no class' in str(node._refusals)
    with pytest.raises(PerceptionError, match="expected 'map'"):
        detections_of(back, 'map', things)


def test_what_it_lacks_is_said(start):
    with pytest.raises(CommandError, match='nothing to publish'):
        start()
    rclpy.shutdown()
    with pytest.raises(CommandError, match='vision-msgs'):
        start(hears_detections='true')
