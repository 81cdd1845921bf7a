"""Entities from a file and from another package's detections, and back as detections."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import Entity, EntityArray
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Vector3
from waiting import wait

from concept_control.errors import CommandError, PerceptionError
from concept_control.perception.known_things import KnownThings
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.bridge.detections import detections_message, detections_of
from concept_control.ros.bridge.planning_scene import PlanningSceneUpdates
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


@pytest.fixture
def moveit(monkeypatch):
    """Stand-ins with the fields of moveit_msgs 2 and shape_msgs 5, which are on no registry."""

    class CollisionObject(SimpleNamespace):
        ADD, REMOVE = b'\0', b'\1'

    class SolidPrimitive(SimpleNamespace):
        BOX, SPHERE, CYLINDER = 1, 2, 3

    def scene(is_diff):
        parts = {name: SimpleNamespace() for name in ('world', 'robot_state')}
        return SimpleNamespace(is_diff=is_diff, **parts)

    classes = {
        'moveit_msgs': {'CollisionObject': CollisionObject, 'PlanningScene': scene},
        'shape_msgs': {'SolidPrimitive': SolidPrimitive},
    }
    for package, members in classes.items():
        module = ModuleType(f'{package}.msg')
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setitem(sys.modules, f'{package}.msg', module)


def test_the_planning_scene_has_what_stands_and_loses_what_is_held_or_gone(moveit):
    header = convert.header(5.0, 'world')
    sides, at = Vector3(x=0.04, y=0.04, z=0.1), Point(x=0.5, z=0.05)

    def entity(number, **fields):
        return Entity(id=number, size=sides, position=at, **fields)

    tool, box, can = entity(0), entity(1, yaw=0.4), entity(2, shape='cylinder')
    updates = PlanningSceneUpdates()
    scene = updates.update(EntityArray(header=header, entities=[tool, box, can]))
    assert scene.is_diff and scene.robot_state.is_diff
    first, second = scene.world.collision_objects
    assert (first.id, first.operation) == ('concept/entity_1', b'\0')
    assert first.pose.position == at and first.header.frame_id == 'world'
    assert first.pose.orientation.z == pytest.approx(np.sin(0.2))
    assert first.primitives[0].dimensions == [0.04, 0.04, 0.1] and first.primitives[0].type == 1
    assert second.primitives[0].dimensions == [0.1, 0.02] and second.primitives[0].type == 3
    can.status = Entity.STATUS_HELD
    scene = updates.update(EntityArray(header=header, entities=[can]))
    assert [(o.id, o.operation) for o in scene.world.collision_objects] == [
        ('concept/entity_1', b'\1'),
        ('concept/entity_2', b'\1'),
    ]


def test_what_it_lacks_is_said(start):
    with pytest.raises(CommandError, match='nothing to publish'):
        start()
    rclpy.shutdown()
    for parameter, package in (
        ('hears_detections', 'vision-msgs'),
        ('publishes_planning_scene', 'moveit-msgs'),
    ):
        with pytest.raises(CommandError, match=package):
            start(**{parameter: 'true'})
        rclpy.shutdown()
