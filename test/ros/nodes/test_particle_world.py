"""Particles answer goals as the arm's controller does: they move, hold still and go on."""

import re

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus

from concept_control.language.expression import parse
from concept_control.language.grounding import ground
from concept_control.language.library import ConceptLibrary
from concept_control.ros.bridge.goals import term_messages
from concept_control.ros.nodes.particle_world import ParticleWorld


@pytest.fixture
def world():
    rclpy.init()
    node = ParticleWorld()
    node.close()  # its worker: the test takes the steps
    yield node
    node.destroy_node()
    rclpy.shutdown()


def test_a_pause_holds_the_particles_and_keeps_the_goal(world, monkeypatch):
    scenes, statuses = [], []
    monkeypatch.setattr(world._entities, 'publish', scenes.append)
    monkeypatch.setattr(world._statuses, 'publish', statuses.append)

    def place():
        world.work_once()
        return np.array([(e.position.x, e.position.y) for e in scenes[-1].entities])

    def tell(command, **fields):
        world._goals.append(ConceptGoal(command=command, **fields))
        return place(), statuses[-1]

    start = place()
    assert statuses[-1].status == ConceptStatus.IDLE
    assert tell(ConceptCommand.PAUSE)[1].status == ConceptStatus.IDLE
    library = ConceptLibrary.learn(world.model, ('red', 'blue', 'near'))
    near = ground(parse('near(red; blue)'), world._world, world.model, library)
    terms = term_messages(near.program, near.scene.ids)
    goal = {'goal_id': 7, 'movable': near.movable, 'terms': terms}
    moved, status = tell(ConceptCommand.ACHIEVE, **goal)
    assert (status.status, status.goal_id) == (ConceptStatus.ACTIVE, 7)
    assert np.abs(moved - start)[0].max() > 0 and np.abs(moved - start)[1:].max() < 1e-6
    held, status = tell(ConceptCommand.PAUSE)
    assert (status.status, status.goal_id) == (ConceptStatus.PAUSED, 7)
    np.testing.assert_array_equal(place(), held)
    resumed, status = tell(ConceptCommand.RESUME)
    assert status.status == ConceptStatus.ACTIVE
    assert np.abs(resumed - held)[0].max() > 0
    for _ in range(100):
        if statuses[-1].status != ConceptStatus.ACTIVE:
            break
        place()
    assert statuses[-1].status == ConceptStatus.SATISFIED
    assert re.fullmatch(r'it holds, after \d+ steps? of descent', statuses[-1].text)
    assert tell(ConceptCommand.CANCEL)[1].status == ConceptStatus.CANCELLED


def test_a_goal_about_things_that_are_not_there_is_refused(world, monkeypatch):
    statuses = []
    monkeypatch.setattr(world._statuses, 'publish', statuses.append)
    library = ConceptLibrary.learn(world.model, ('near',))
    near = ground(parse('near(#1; #2)'), world._world, world.model, library)
    terms = term_messages(near.program, (11, 12, 13, 14))
    world._goals.append(ConceptGoal(command=ConceptCommand.ACHIEVE, goal_id=8, terms=terms))
    world.work_once()
    assert (statuses[-1].status, statuses[-1].goal_id) == (ConceptStatus.REFUSED, 8)
    assert '11' in statuses[-1].text
