"""What people look at: markers of a goal, and the views of RViz and Foxglove."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed')

from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from concept_control.benchmarks.control.tool_between import MidpointEnergy
from concept_control.control.goal import GroundedGoal
from concept_control.ros.visualization.markers import (
    FIELD_HEIGHT,
    NAMESPACES,
    GoalDrawing,
    clear_markers,
    energy_field,
)
from concept_control.world.entity import EntityState
from concept_control.world.workspace import Workspace

CONFIG = Path(__file__).resolve().parents[3] / 'config'
WORKSPACE = Workspace((0.48, 0.0), 0.24)


def goal():
    before = np.array([[0.8, 0.8], [-0.5, 0.0], [0.5, 0.0]])
    return GroundedGoal(
        evaluator=MidpointEnergy(0, 1, 2),
        entity_ids=(1, 2, 3),
        before=before,
        colors=np.eye(3),
        sizes=np.full(3, 0.16),
        movable=(1,),
        moved=(1,),
        targets=np.array([[0.0, 0.0], *before[1:]]),
        target_energy=0.0,
        initial_energy=1.0,
    )


def states(positions):
    return {
        i: EntityState(position=np.array([*xy, 0.02]), size=np.full(3, 0.04))
        for i, xy in enumerate(WORKSPACE.to_world(positions), 1)
    }


def test_the_slice_is_lowest_where_the_concept_holds():
    field = energy_field(goal(), goal().before, 0)
    row, column = np.unravel_index(field.argmin(), field.shape)
    axis = np.linspace(-1, 1, len(field))
    np.testing.assert_allclose([axis[column], axis[row]], [0.0, 0.0], atol=1e-9)


def test_a_goal_is_drawn_with_ghost_attention_plan_text_and_field():
    header = Header(frame_id='world')
    path = np.linspace([0.5, 0, 0.3], [0.5, 0, 0.1], 5)
    drawing = GoalDrawing(header, goal(), states(goal().before), WORKSPACE)
    drawn = drawing.markers({2, 3}, 'energy 1.0', path).markers
    assert all(marker.header.frame_id == 'world' for marker in drawn)
    made = [marker for marker in drawn if marker.action == Marker.ADD]
    assert len({(marker.ns, marker.id) for marker in made}) == len(made)
    by_kind = {}
    for marker in made:
        by_kind.setdefault(marker.ns, []).append(marker)
    assert set(by_kind) == set(NAMESPACES)
    (ghost,) = [m for m in by_kind['goal'] if m.type == Marker.CUBE]
    rings = [m for m in by_kind['goal'] if m.type == Marker.CYLINDER]
    assert (ghost.pose.position.x, ghost.pose.position.y) == pytest.approx((0.48, 0.0))
    assert len(rings) == 2 and ghost.color.a < 1.0
    assert by_kind['energy'][0].text == 'energy 1.0' and len(by_kind['plan'][0].points) == 5
    (field,) = by_kind['energy field']
    assert len(field.points) == len(field.colors) and len(field.points) % 3 == 0
    height = np.array([p.z for p in field.points])
    lowest = field.points[int(height.argmin())]
    assert np.ptp(height) == pytest.approx(FIELD_HEIGHT, rel=0.05)
    assert (lowest.x, lowest.y) == pytest.approx((0.48, 0.0), abs=0.02)


def test_clearing_spares_the_entities_on_the_same_topic():
    markers = clear_markers(Header()).markers
    assert {m.ns for m in markers} == set(NAMESPACES) and 'entities' not in NAMESPACES
    assert all(m.action == Marker.DELETEALL and m.ns for m in markers)


@pytest.fixture(scope='module')
def published():
    from docs.make_reference import graph_topics

    return {(topic.name, topic.type) for topic in graph_topics() if topic.publishers}


RVIZ_PLUGINS = {
    *('Grid', 'Image', 'MarkerArray', 'Interact', 'Measure', 'MoveCamera', 'Orbit'),
    *('Displays', 'RobotModel', 'Selection', 'TF', 'Time', 'Views'),
}
"""Names of plugins in rviz_default_plugins/plugins_description.xml and rviz_common."""

FOXGLOVE_PANELS = {'3D', 'DiagnosticSummary', 'Image', 'Plot', 'Publish', 'RawMessages'}
"""Types of Foxglove's own panels."""


def rviz_topics():
    view = yaml.safe_load((CONFIG / 'concept.rviz').read_text())['Visualization Manager']
    for display in view['Displays']:
        if 'Topic' in display:
            yield display['Topic']['Value'], display['Class'].split('/')[1]
        if 'Description Topic' in display:
            yield display['Description Topic']['Value'], 'String'


def foxglove_topics():
    for name, panel in json.loads((CONFIG / 'foxglove.json').read_text())['configById'].items():
        if name.startswith('3D'):
            kinds = {'/robot_description': 'String'}
            yield from ((topic, kinds.get(topic, 'MarkerArray')) for topic in panel['topics'])
        elif name.startswith('Image'):
            yield panel['imageMode']['imageTopic'], 'Image'
        elif name.startswith('Plot'):
            yield from ((path['value'], 'ConceptStatus') for path in panel['paths'])
        elif name.startswith('RawMessages'):
            yield panel['topicPath'], 'ConceptStatus'
        elif name.startswith('Diagnostic'):
            yield panel['topicToRender'], 'DiagnosticArray'
        else:
            assert name.startswith('Publish'), name


@pytest.mark.parametrize(
    ('topic', 'kind'), [*rviz_topics(), *foxglove_topics()], ids=lambda value: value
)
def test_views_show_topics_that_exist(published, topic, kind):
    name, *fields = topic.lstrip('/').split('.')
    (full,) = [t for n, t in published if n.lstrip('/') == name]
    assert full.rsplit('/', 1)[1] == kind
    if fields:
        from concept_control.msg import ConceptStatus

        assert set(fields) <= set(ConceptStatus.get_fields_and_field_types())


def test_the_command_that_foxglove_offers_is_one():
    from concept_control.msg import ConceptCommand

    panels = json.loads((CONFIG / 'foxglove.json').read_text())['configById']
    (panel,) = [p for name, p in panels.items() if name.startswith('Publish')]
    ConceptCommand(**json.loads(panel['value']))
    assert panel['topicName'] == '/concept_command'


def test_foxglove_places_every_panel_once():
    layout = json.loads((CONFIG / 'foxglove.json').read_text())

    def leaves(node):
        if isinstance(node, str):
            return [node]
        return [*leaves(node['first']), *leaves(node['second'])]

    assert sorted(leaves(layout['layout'])) == sorted(layout['configById'])


def test_views_are_made_of_plugins_that_exist():
    text = (CONFIG / 'concept.rviz').read_text()
    named = set(re.findall(r'Class: (?:rviz_common|rviz_default_plugins)/(\w+)', text))
    assert len(named) >= 10 and named <= RVIZ_PLUGINS
    layout = json.loads((CONFIG / 'foxglove.json').read_text())
    assert {name.split('!')[0] for name in layout['configById']} <= FOXGLOVE_PANELS


def test_rviz_lists_the_namespaces_that_are_drawn():
    view = yaml.safe_load((CONFIG / 'concept.rviz').read_text())['Visualization Manager']
    (display,) = [d for d in view['Displays'] if 'MarkerArray' in d['Class']]
    assert set(display['Namespaces']) == {'entities', *NAMESPACES}
