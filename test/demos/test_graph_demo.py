"""The whole graph as processes: the main job, refusals, deaths and signals."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

import numpy as np
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus, EntityArray
from sensor_msgs.msg import Image
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray
from waiting import wait

from concept_control.benchmarks.graph.shared_memory import left_behind, segments_of
from concept_control.cli.main import main
from concept_control.concepts.vocabulary import vocabulary
from concept_control.interfaces.constants import GoalStatus
from concept_control.paths import share_folder
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.client.commander import CommanderError, ConceptCommander, Outcome
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.runtime.process_graph import (
    EXECUTABLES,
    Graph,
    NodeProcess,
    ProcessDiedError,
    graph_environment,
)
from concept_control.ros.runtime.simulated_graph import PARTICLE_EXECUTABLES

pytestmark = pytest.mark.whole_machine

DOMAINS = itertools.count(int(os.environ['ROS_DOMAIN_ID']))


def shell(lines, *arguments, domain=None):
    """Hold a session, by default in a ROS domain of its own; return its exit code and output."""
    done = subprocess.run(
        [sys.executable, '-m', 'concept_control.cli', 'shell', *arguments],
        input='\n'.join(lines) + '\n', capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, 'ROS_DOMAIN_ID': domain or str(1 + next(DOMAINS) % 100)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def demo(*arguments, tmp_path):
    """Start a demonstration in a ROS domain of its own: others of this module are running too."""
    domain = str(1 + next(DOMAINS) % 100)
    return subprocess.Popen(
        [sys.executable, '-m', 'concept_control.cli', 'demo', '--output', str(tmp_path / 'out'),
         *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, 'ROS_DOMAIN_ID': domain},
    )  # fmt: skip


def children(pid):
    """Command lines of living processes that carry our mark and this parent."""
    found = []
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / 'status').read_text()
                command = (entry / 'cmdline').read_bytes().replace(b'\0', b' ').decode()
            except OSError:
                continue
            if f'PPid:\t{pid}\n' in status and 'concept_control.ros' in command:
                found.append((int(entry.name), command))
    return found


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return 'State:\tZ' not in Path(f'/proc/{pid}/status').read_text()


def test_the_main_job(tmp_path):
    """The demonstration as a newcomer runs it, with the camera that needs no GL library."""
    process = demo('--seed', '1', '--camera', 'raycast', '--json', str(tmp_path / 'numbers.json'),
                   tmp_path=tmp_path)  # fmt: skip
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert 'RESULT: SUCCESS: between(red; blue, green) holds' in output.splitlines()[-1]
    numbers = json.loads((tmp_path / 'numbers.json').read_text())
    assert numbers['holds'] and numbers['error_mm'] <= numbers['tolerance_mm'] == 15.0
    assert numbers['camera'].startswith('raycast')
    assert (tmp_path / 'out' / 'demo.png').stat().st_size > 10_000


def test_signals_reach_every_node_and_none_stays(tmp_path):
    process = demo(tmp_path=tmp_path)
    wait(lambda: len(children(process.pid)) == len(EXECUTABLES))
    nodes = [pid for pid, _ in children(process.pid)]
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'interrupted' in output.splitlines()[-1]
    wait(lambda: not any(map(is_alive, nodes)), deadline=10)


def test_nodes_end_when_the_demonstration_is_killed(tmp_path):
    process = demo('--world', 'particles', tmp_path=tmp_path)
    wait(lambda: len(children(process.pid)) == len(PARTICLE_EXECUTABLES))
    nodes = [pid for pid, _ in children(process.pid)]
    process.kill()
    process.wait()
    wait(lambda: not any(map(is_alive, nodes)), deadline=30)


def test_a_dead_node_is_a_loud_failure(tmp_path):
    process = demo('--world', 'particles', tmp_path=tmp_path)
    wait(lambda: any('concept_model' in c for _, c in children(process.pid)))
    victim = next(pid for pid, c in children(process.pid) if 'concept_model' in c)
    nodes = [pid for pid, _ in children(process.pid)]
    os.kill(victim, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'concept_model ended with signal SIGKILL' in output
    wait(lambda: not any(map(is_alive, nodes)), deadline=10)


def test_a_missing_model_is_refused_by_name(tmp_path):
    os.environ.update(graph_environment())
    node = NodeProcess('concept_model', {'model': str(tmp_path / 'nowhere')})
    with (
        Graph([node], share_folder() / 'config/demo.yaml', tmp_path / 'log') as graph,
        pytest.raises(ProcessDiedError, match='nowhere'),
    ):
        wait(lambda: False, graph)


def test_a_session_commands_teaches_and_uses_what_was_taught(tmp_path, monkeypatch):
    """Words taught by the command line before, and by showing in the session itself."""
    shown, library = tmp_path / 'shown.npz', tmp_path / 'library'
    word = vocabulary()['near'].demonstrations(5)
    np.savez(
        shown, positions=word.positions, colors=word.colors, sizes=word.sizes,
        present=word.present, subjects=word.subjects, attention=word.attention,
    )  # fmt: skip
    assert main(['teach', 'next_to', '--from', str(shown), '--library', str(library)]) == 0
    monkeypatch.setenv('CONCEPT_CONTROL_LIBRARY', str(library))
    lines = ['teach middle(red; blue, green)', 'between(red; blue, green)', 'wait', 'end', 'learn',
             'words middle', 'next_to(red; yellow)', 'wait 60', 'middle(red; blue, green)',
             'wait 60', 'status']  # fmt: skip
    code, output = shell(lines, '--world', 'particles')
    assert code == 0, output
    assert 'learned middle(subject; argument, argument)' in output
    for expression in ('next_to(red; yellow)', 'middle(red; blue, green)'):
        assert f'{expression}: satisfied' in output
    assert (library / 'middle.npz').is_file()


@pytest.fixture(scope='module')
def running(tmp_path_factory):
    """The graph with a monitor, ready for commands.

    It stays until the end of this file: tests that start another graph stand above, for two of
    them at once starve each other on a small machine.
    """
    os.environ.update(graph_environment())
    heard = GraphState()
    nodes = [NodeProcess(name) for name in EXECUTABLES]
    folder = tmp_path_factory.mktemp('log')
    with (
        MonitorThread(heard) as monitor,
        Graph(nodes, share_folder() / 'config/demo.yaml', folder) as graph,
    ):
        wait(lambda: heard.library is not None and monitor.is_connected, graph)
        wait(lambda: heard.entities is not None and len(heard.entities.entities) == 5, graph)
        wait(lambda: any(s.source == 'mpc_controller' for s in heard.statuses), graph)
        yield graph, monitor, heard


@pytest.mark.parametrize(
    ('expression', 'complaint'),
    [
        ('hovering(red; blue)', "unknown concept 'hovering'; known: "),
        ('between(red; blue, green', "expected ')'"),
        ('between(purple; blue, green)', "unknown concept 'purple'"),
        ('between(cyan; blue, green)', 'nothing here is cyan'),
        ('between(#77; blue, green)', 'no entity #77'),
        ('between(red; blue)', 'between takes 2 arguments, but blue is 1'),
        ('red(blue)', 'cannot be made to hold'),
        ('left_of(red; blue) and right_of(red; blue)', 'cannot be reached here'),
        ('near(red; red)', 'both subject and argument'),
    ],
)
def test_commands_that_make_no_sense_are_refused_and_the_arm_holds(running, expression, complaint):
    graph, monitor, heard = running
    before = np.array([[e.position.x, e.position.y] for e in heard.truth.entities])
    heard.statuses.clear()
    monitor.command(expression, 0)
    wait(lambda: any(s.status == ConceptStatus.REFUSED for s in list(heard.statuses)), graph)
    refusal = next(s for s in heard.statuses if s.status == ConceptStatus.REFUSED)
    assert complaint in refusal.text
    after = np.array([[e.position.x, e.position.y] for e in heard.truth.entities])
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_a_session_with_a_robot_that_runs_leaves_it_running(running):
    graph, _, _ = running
    lines = ['things', 'near(red; blue)', 'cancel', 'wait 20', 'betwen(red; blue)']
    code, output = shell(lines, '--attach', domain=os.environ['ROS_DOMAIN_ID'])
    assert code == 1 and 'goal: energy' in output, output
    assert 'near(red; blue): cancelled' in output and 'did you mean between?' in output
    graph.check()


def test_nan_in_messages_neither_moves_the_arm_nor_stops_the_graph(running):
    graph, monitor, heard = running
    publisher = monitor.create_publisher(EntityArray, 'entities', qos.RELIABLE)
    poison = EntityArray(header=heard.entities.header, entities=list(heard.entities.entities))
    poison.entities[0].position.x = float('nan')
    wait(lambda: publisher.get_subscription_count() >= 2)
    for _ in range(20):
        publisher.publish(poison)
    heard.statuses.clear()
    wait(lambda: len(heard.statuses) > 5, graph)
    truth = convert.entity_states(heard.truth, 'world')
    assert all(np.isfinite(state.position).all() for state in truth.values())
    monitor.destroy_publisher(publisher)


def test_a_command_can_be_cancelled_on_the_way(running):
    graph, monitor, heard = running
    heard.statuses.clear()
    monitor.command('between(red; blue, green)', 0)
    wait(lambda: any(s.phase == 'lift' for s in list(heard.statuses)), graph)
    monitor.send(ConceptCommand(command=ConceptCommand.CANCEL))
    wait(lambda: any(s.status == ConceptStatus.CANCELLED for s in list(heard.statuses)), graph)


@pytest.fixture(scope='module')
def robot(running):
    with ConceptCommander() as commander:
        yield commander


def is_moving_a_block(robot):
    assert not robot.is_done, robot.result()
    return robot.feedback is not None and robot.feedback.active_entity > 0


def outcome(robot, graph):
    wait(lambda: robot.is_done, graph)
    return robot.result()


def test_a_program_commands_pauses_and_cancels(running, robot):
    graph, _, heard = running
    robot.go('between(yellow; blue, green)', wait_for_server=30.0)
    wait(lambda: is_moving_a_block(robot), graph)
    robot.pause()
    wait(lambda: heard.statuses[-1].status == ConceptStatus.PAUSED, graph)
    robot.resume()
    wait(lambda: heard.statuses[-1].status == ConceptStatus.ACTIVE, graph)
    robot.cancel()
    assert outcome(robot, graph).outcome is Outcome.CANCELLED


def test_a_clock_that_stops_is_told_and_the_task_goes_on_with_it(running, robot):
    """The simulator makes clock and joint states; where it is frozen, a cancel is heard still."""
    graph, monitor, heard = running
    simulator, told = graph.processes['arm_simulator'], []
    monitor.create_subscription(ConceptGoal, 'concept_goal', lambda m: told.append(m.command), 10)

    def is_silent():
        return 'joint states stopped' in heard.statuses[-1].text

    robot.go('between(yellow; blue, green)', wait_for_server=30.0)
    wait(lambda: is_moving_a_block(robot), graph)
    for cancels in (False, True):
        os.killpg(simulator.pid, signal.SIGSTOP)
        try:
            wait(is_silent, graph)
            if cancels:
                robot.cancel()
                wait(lambda: ConceptCommand.CANCEL in told, graph)
        finally:
            os.killpg(simulator.pid, signal.SIGCONT)
        expected = ConceptStatus.CANCELLED if cancels else ConceptStatus.ACTIVE
        wait(lambda e=expected: heard.statuses[-1].status == e and not is_silent(), graph)
    assert outcome(robot, graph).outcome is Outcome.CANCELLED


def test_displays_are_told_of_the_arm_and_of_the_frames_of_all_that_is_shown(running):
    graph, monitor, heard = running
    said, frames = {}, {}

    def listen(kind, topic, profile, note=None):
        monitor.create_subscription(
            kind, topic, note or (lambda m: said.setdefault(topic, m)), profile
        )

    listen(String, 'robot_description', qos.LATCHED)
    for topic in ('camera/color/image_raw', 'camera/depth/image_raw', 'view/image_raw'):
        listen(Image, topic, qos.SENSOR)
    listen(MarkerArray, 'concept_markers', qos.RELIABLE)
    wait(lambda: len(said) == 5, graph)
    assert '<robot name="franka">' in said['robot_description'].data
    tf2 = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs is not installed: make setup')

    def note(message):
        frames.update({t.child_frame_id: t for t in message.transforms})

    listen(tf2.TFMessage, '/tf', qos.TF, note)
    listen(tf2.TFMessage, '/tf_static', qos.LATCHED_INPUT, note)
    blocks = {f'concept/entity_{e.id}' for e in heard.entities.entities if e.id}
    shown = {m.header.frame_id for t, m in said.items() if 'image' in t}
    shown |= {marker.header.frame_id for marker in said['concept_markers'].markers}
    wait(lambda: blocks | {'concept/tool', 'fr3_link7'} <= frames.keys(), graph)
    assert shown == {'camera_optical_frame', 'view_optical_frame', 'world'}
    wait(lambda: shown <= {'world', *frames}, graph)
    above = frames['camera_optical_frame'].transform
    assert above.translation.z == pytest.approx(1.2)  # looking down, image right is -y
    np.testing.assert_allclose(abs(above.rotation.x), np.sqrt(0.5), atol=1e-6)


def test_of_two_commands_at_once_the_newer_is_done_and_the_older_told(running, robot):
    graph, _, _ = running
    with ConceptCommander(name='another') as other:
        other.go('between(yellow; blue, green)', wait_for_server=30.0)
        wait(lambda: is_moving_a_block(other), graph)
        robot.go('near(tool; red)', timeout=60.0)
        result = outcome(other, graph)
        assert result.outcome is Outcome.REPLACED and 'near(tool; red)' in result.text
    assert outcome(robot, graph).outcome is Outcome.SATISFIED


def test_cancel_and_pause_are_heard_at_once_in_a_flood_of_commands(running):
    """Who is replaced by another is told so.

    The time is when the word to the controller was sent: this process, which floods, may hear it
    later.
    """
    graph, monitor, heard = running
    told = []
    monitor.create_subscription(
        ConceptGoal,
        'concept_goal',
        lambda m, info: told.append((m.command, 1e-9 * info['source_timestamp'])),
        10,
    )
    for asked, status in (('PAUSE', ConceptStatus.PAUSED), ('CANCEL', ConceptStatus.CANCELLED)):
        heard.statuses.clear()
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            monitor.send(ConceptCommand(expression='near(red; blue)', command_id='flood'))
            time.sleep(0.001)
        told.clear()
        command, began = getattr(ConceptCommand, asked), time.time()
        monitor.send(ConceptCommand(command=command))
        wait(lambda c=command: c in [t[0] for t in told], graph)
        assert dict(told[::-1])[command] - began < 0.2
        assert sum(s.status == GoalStatus.REPLACED for s in list(heard.statuses)) > 100
        wait(lambda e=status: heard.statuses[-1].status == e, graph)


def test_refusals_and_timeouts_reach_a_program_with_their_reason(running, robot):
    graph, _, _ = running
    robot.go('hovering(red; blue)')
    result = outcome(robot, graph)
    assert result.outcome is Outcome.REFUSED and 'unknown concept' in result.text
    robot.go('between(yellow; blue, green)', timeout=0.5)
    result = outcome(robot, graph)
    assert result.outcome is Outcome.TIMED_OUT and '0.5 s' in result.text


def test_a_program_learns_that_nobody_answers():
    with (
        ConceptCommander(namespace='nobody') as robot,
        pytest.raises(CommanderError, match='/nobody/achieve_concept'),
    ):
        robot.go('near(red; blue)', wait_for_server=0.2)


def test_a_graph_that_ends_leaves_nothing_in_shared_memory(running):
    graph, _, _ = running  # for the last time: this ends it
    segments = [segments_of(process.pid) for process in graph.processes.values()]
    assert all(segments), 'every node has segments while it runs'
    assert not any(graph.stop().values())
    assert not left_behind(set().union(*segments))
