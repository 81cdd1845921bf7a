"""What a demonstration waits for, asks of the nodes and says, without a graph."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.msg import ConceptGoal, ConceptStatus, Entity, EntityArray
from geometry_msgs.msg import Point, Vector3

from concept_control.cli.demo import demo_config
from concept_control.cli.main import build_parser
from concept_control.demos.demo_run import (
    SETTLING,
    DemoRun,
    HoldTimer,
    blocks_of,
    goal_text,
    has_succeeded,
    status_text,
    surplus_text,
)
from concept_control.language.expression import parse
from concept_control.language.judge import Verdict
from concept_control.ros.client.monitor import GraphState
from concept_control.ros.runtime.simulated_graph import node_parameters
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop


def configured(*arguments):
    return demo_config(build_parser().parse_args(['demo', *arguments]))


def test_a_condition_has_settled_when_it_held_without_a_break():
    timer = HoldTimer()
    assert not timer.update(10.0, True)
    assert not timer.update(10.0 + 0.9 * SETTLING, True)
    assert not timer.update(10.0 + SETTLING, False)
    assert not timer.update(10.0 + 1.1 * SETTLING, True)
    assert timer.update(10.0 + 2.2 * SETTLING, True)


def test_things_that_no_block_explains_are_named():
    def things(*places):
        size = Vector3(x=0.04, y=0.04, z=0.04)
        return EntityArray(
            entities=[
                Entity(id=i + 1, position=Point(x=x, y=y), size=size)
                for i, (x, y) in enumerate(places)
            ]
        )

    text = surplus_text(
        things((0.5, 0.1), (0.06, 0.08), (0.501, 0.2), (0.3, 0.0)),
        things((0.5, 0.2), (0.5, 0.101)),
    )
    assert text.startswith(
        'seen 2 things that no block explains at (0.060, 0.080), (0.300, 0.000)'
    )


def test_the_command_line_becomes_a_configuration_in_metres():
    config = configured('--concept', 'near(red; blue)', '--tolerance', '12', '--cameras', '2')
    assert config.expression == config.judged == parse('near(red; blue)')
    assert config.tolerance == 0.012 and config.num_cameras == 2
    taught = configured('--concept', 'next_to(red; blue)', '--judge', 'near(red; blue)')
    assert str(taught.judged) == 'near(red; blue)' != str(taught.expression)


def test_a_taught_word_is_not_judged_by_geometry_but_by_its_energy(tmp_path):
    config = configured('--world', 'particles', '--concept', 'next_to(red; blue)')
    run = DemoRun(config, GraphState(), None, None, Event())
    scene = Tabletop(
        (1, 2), np.array([[0.0, 0.0], [0.5, 0.0]]), np.eye(3)[[0, 2]], np.full(2, 0.2)
    )
    assert run._judge(scene) is None
    for ending in ('satisfied', 'failed'):
        result = run._report(None, ending, 'energy 0.1', 3.0, tmp_path)
        assert (result['succeeded'], result['holds']) == (ending == 'satisfied', None)
    text = run._result_text(None, ending, 'energy 0.1', 3.0)
    assert text.startswith('next_to(red; blue): failed, energy 0.1, after 3.0 simulated seconds')
    assert text.endswith('not judged by geometry')


def test_the_nodes_get_what_was_asked_for(tmp_path):
    config = configured('--control', 'effort', '--push', '--blocks', 'red, blue', '--seed', '3',
                        '--model', str(tmp_path), '--camera', 'raycast',
                        '--open-boxes', 'blue')  # fmt: skip
    parameters = node_parameters(config)
    assert parameters['arm_simulator'] == {
        'seed': 3, 'colors': ['red', 'blue'], 'arm': 'franka', 'cameras': ['camera'],
        'interface': 'effort', 'joint_state_rate': 250.0, 'backend': 'raycast',
        'real_time_factor': 1.0, 'open_boxes': 'blue',
    }  # fmt: skip
    assert parameters['mpc_controller']['output'] == 'effort'
    assert parameters['mpc_controller']['pushes'] is True
    assert Path(parameters['concept_model']['model']) == tmp_path.resolve()


def test_people_read_goals_and_statuses_in_one_line():
    goal = ConceptGoal(entities=[2, 3], moved=[3], initial_energy=0.5, target_energy=0.01)
    goal.targets = [Point(), Point(x=0.4, y=-0.1)]
    assert goal_text(goal) == 'goal: energy 0.5000 -> 0.0100 by moving #3 to x 400 y -100 mm'
    status = ConceptStatus(phase='lift', energy=0.25, plan_time=float('nan'), text='up')
    assert status_text(status) == 'lift       energy   0.2500  up'
    status.plan_time = 0.004
    assert status_text(status) == 'lift       energy   0.2500  plan   4.0 ms  up'


def test_the_tool_is_no_block():
    entities = EntityArray(entities=[Entity(id=TOOL_ID), Entity(id=4)])
    assert [entity.id for entity in blocks_of(entities)] == [4]


@pytest.mark.parametrize(
    ('holds', 'ending', 'succeeded'),
    [
        (True, 'satisfied', True),
        (True, 'time is up', True),  # geometry judges, not the energy
        (False, 'satisfied', False),
        (True, 'refused', False),  # it held before: nothing was done for it
        (True, 'cancelled', False),
        (None, 'satisfied', True),
        (None, 'time is up', False),
        (None, 'refused', False),
    ],
)
def test_what_was_refused_never_succeeds(holds, ending, succeeded):
    verdict = None if holds is None else Verdict(holds, 0.0, 0.05, ())
    assert has_succeeded(verdict, ending) is succeeded
