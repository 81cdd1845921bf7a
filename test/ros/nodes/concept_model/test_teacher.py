"""Teaching a running concept_model: by messages, by markers, by files; and after a restart."""

import threading

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import rclpy
from concept_control.msg import (
    ConceptCommand,
    ConceptGoal,
    ConceptLibrary,
    ConceptStatus,
    Demonstration,
    Entity,
    EntityArray,
)
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from waiting import wait

from concept_control.concepts.vocabulary import vocabulary
from concept_control.control.arm.description import ArmDescription
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.nodes.concept_model import node
from concept_control.ros.nodes.concept_model.node import ConceptModelNode

WORKSPACE = ArmDescription.load('franka').workspace
COLORS = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.1, 0.7, 0.2], [0.95, 0.85, 0.1]])
PLACES = np.array([[-0.7, 0.6], [0.5, 0.4], [-0.3, -0.6], [0.8, -0.7]])


def entities(places, colors=COLORS, sizes=None):
    message = EntityArray(header=convert.header(1.0, 'world'))
    sizes = np.full(len(places), 0.04) if sizes is None else sizes
    for i, (xy, rgb, size) in enumerate(zip(WORKSPACE.to_world(places), colors, sizes), 1):
        entity = Entity(id=i, position=convert.point(np.array([*xy, 0.02])), shape='box')
        entity.color = convert.color_message(rgb)
        entity.size.x = entity.size.y = entity.size.z = float(size)
        message.entities.append(entity)
    return message


class Peer:
    """The node in this process, with everything it is told and everything it says."""

    def __init__(self, folder):
        self._folder = folder
        self.start()

    def start(self, *parameters):
        given = [word for p in (f'library:={self._folder}', *parameters) for word in ('-p', p)]
        rclpy.init(args=['--ros-args', *given], signal_handler_options=SignalHandlerOptions.NO)
        self.node = ConceptModelNode()
        self.me = rclpy.create_node('peer')
        self.said, self.goals, self.library = [], [], None
        subscribe, publish = self.me.create_subscription, self.me.create_publisher
        subscribe(ConceptLibrary, 'concepts', self._on_library, qos.LATCHED)
        subscribe(ConceptStatus, 'concept_status', self.said.append, qos.RELIABLE)
        subscribe(ConceptGoal, 'concept_goal', self.goals.append, qos.LATCHED)
        self.seen = publish(EntityArray, 'entities', qos.RELIABLE)
        self.shown = publish(Demonstration, 'demonstrations', qos.RELIABLE)
        self.marks = publish(String, 'demonstration_marker', qos.RELIABLE)
        self.commands = publish(ConceptCommand, 'concept_command', qos.RELIABLE)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.me)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()
        wait(lambda: self.library is not None)
        wait(lambda: all(p.get_subscription_count() for p in (self.seen, self.shown, self.marks)))

    def _on_library(self, message):
        self.library = {concept.name: concept for concept in message.concepts}

    def hears(self, text):
        return any(text in status.text for status in list(self.said))

    def show(self, places):
        before = self.node._entities
        self.seen.publish(entities(places))
        wait(lambda: self.node._entities is not before)

    def close(self):
        self.executor.shutdown()
        self.thread.join(timeout=5)
        self.node.close()
        self.node.destroy_node()
        self.me.destroy_node()
        rclpy.shutdown()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('library')


@pytest.fixture(scope='module')
def peer(folder):
    peer = Peer(folder)
    yield peer
    peer.close()


def demonstrations_of(word, name, seed=3):
    """A word's particle demonstrations as messages."""
    events = vocabulary()[word].demonstrations(seed)
    metres = WORKSPACE.half_extent
    for row in range(len(events)):
        there = np.flatnonzero(events.present[row])
        states = [
            entities(
                events.positions[row, step, there].numpy(),
                events.colors[row, there].numpy(),
                metres * events.sizes[row, there].numpy(),
            )
            for step in range(events.num_steps)
        ]
        ids = np.arange(1, len(there) + 1, dtype=np.int32)
        yield Demonstration(
            header=convert.header(1.0, 'world'),
            name=name,
            last=row == len(events) - 1,
            states=states,
            subjects=ids[events.subjects[row, there].numpy()],
            arguments=ids[events.attention[row, there].numpy() > 0.5],
        )


def test_entities_that_later_ones_overtook_are_not_the_newest(peer):
    """As a recorder that has no time stores them; those of another session are taken."""

    def seen(stamp, session, number):
        message = entities(PLACES[:number])
        message.header.stamp, message.session = convert.stamp(stamp), session
        peer.node._on_entities(message)
        return len(peer.node._entities.states)

    assert [seen(12.0, 7, 4), seen(11.2, 7, 1), seen(12.1, 7, 3)] == [4, 4, 3]
    assert [seen(12.0, 8, 2), seen(1.0, 8, 4)] == [2, 4]


def test_demonstrations_become_a_concept_that_acts_at_once_and_is_kept(peer, folder):
    for message in demonstrations_of('between', 'halfway'):
        peer.shown.publish(message)
    wait(lambda: 'halfway' in peer.library)
    concept = peer.library['halfway']
    assert concept.source == 'taught' and concept.acts and concept.max_arguments == 2
    assert concept.num_demonstrations == 5 and 'agree' in concept.self_test
    assert concept.model == peer.node.model.fingerprint and len(concept.demonstrations_hash) == 64
    wait(lambda: peer.hears('learned halfway(subject; argument, argument)'))
    assert (folder / 'halfway.npz').is_file()
    peer.show(PLACES)
    peer.commands.publish(ConceptCommand(expression='halfway(red; blue, green)'))
    wait(lambda: peer.goals)
    goal = peer.goals[0]
    assert goal.terms[0].name == 'halfway' and list(goal.moved) == [1]
    target = WORKSPACE.to_workspace(np.array([[p.x, p.y] for p in goal.targets]))
    np.testing.assert_allclose(target[0], (PLACES[1] + PLACES[2]) / 2, atol=0.1)


def test_markers_cut_demonstrations_out_of_what_is_seen(peer, folder):
    rng = np.random.default_rng(1)
    for _ in range(3):
        places = rng.uniform(-0.8, 0.8, (4, 2))
        peer.show(places)
        peer.marks.publish(String(data='begin midway(#1; #2, #3)'))
        wait(lambda: peer.node._teacher._segmenter._before is not None)
        places[0] = (places[1] + places[2]) / 2
        peer.show(places)
        before = peer.node._teacher._segmenter.num
        peer.marks.publish(String(data='end'))
        wait(lambda n=before: peer.node._teacher._segmenter.num == n + 1)
    peer.marks.publish(String(data='learn'))
    wait(lambda: 'midway' in peer.library)
    assert peer.library['midway'].num_demonstrations == 3 and (folder / 'midway.npz').is_file()


def test_files_that_appear_in_the_folder_or_go_are_followed(peer, folder, monkeypatch):
    from concept_control.cli.main import main

    monkeypatch.setattr(node, 'LOOK_PERIOD', 0.1)
    word = vocabulary()['near'].demonstrations(5)
    np.savez(
        folder.parent / 'shown.npz',
        positions=word.positions, colors=word.colors, sizes=word.sizes, present=word.present,
        subjects=word.subjects, attention=word.attention,
    )  # fmt: skip
    source = str(folder.parent / 'shown.npz')
    assert main(['teach', 'next_to', '--from', source, '--library', str(folder)]) == 0
    wait(lambda: 'next_to' in peer.library)
    changed = [
        (['--rename', 'next_to', 'alongside'], lambda words: 'alongside' in words),
        (['--delete', 'alongside'], lambda words: 'alongside' not in words),
        (['--undo'], lambda words: 'alongside' in words and 'next_to' not in words),
    ]
    for arguments, has_happened in changed:
        assert main(['words', *arguments, '--library', str(folder)]) == 0
        wait(lambda there=has_happened: there(peer.library))


def test_what_cannot_be_taught_is_refused_with_the_reason_and_the_node_goes_on(peer):
    good = list(demonstrations_of('near', 'nearby'))

    def refuses(message, complaint):
        peer.said.clear()
        peer.shown.publish(message)
        wait(lambda: peer.hears(complaint))

    def changed(index=0, **values):
        message = list(demonstrations_of('near', values.pop('name', 'nearby')))[index]
        for name, value in values.items():
            setattr(message, name, value)
        return message

    refuses(changed(name='red'), 'shipped with the package')
    refuses(changed(name='Not A Name'), 'cannot be a name')
    refuses(changed(states=[]), 'has 0 states')
    refuses(changed(subjects=np.array([77], dtype=np.int32)), '[77] were not seen')
    poisoned = changed()
    poisoned.states[0].entities[0].position.x = float('nan')
    refuses(poisoned, 'NaN or infinity')
    foreign = changed()
    foreign.states[-1].header.frame_id = 'moon'
    refuses(foreign, "'moon'")
    peer.marks.publish(String(data='end'))
    wait(lambda: peer.hears('without a "begin NAME"'))
    for message in good[:-1]:
        peer.shown.publish(message)
    for message in list(demonstrations_of('far', 'nearby'))[-1:]:
        peer.shown.publish(message)
    wait(lambda: peer.hears('do not agree: number 5 does not fit'))
    assert 'nearby' not in peer.library and peer.node.failure is None
    peer.node.set_parameters([Parameter('keep_disagreeing', value=True)])
    for message in good:
        peer.shown.publish(message)
    wait(lambda: 'nearby' in peer.library)


def test_what_was_taught_is_there_after_a_restart_and_may_be_taught_anew(peer):
    peer.close()
    peer.start('num_demonstrations:=1')  # shipped words do not matter here
    assert peer.library['halfway'].source == 'taught'
    old = peer.library['halfway'].demonstrations_hash
    for message in demonstrations_of('between', 'halfway', seed=8):
        peer.shown.publish(message)
    wait(lambda: peer.library['halfway'].demonstrations_hash != old)
