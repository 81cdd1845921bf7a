"""Launch files without launch: what they would start, read by standing in for launch's classes."""

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('rosbags', reason='rosbags is not installed')

import rclpy

from concept_control.bags import replayable
from concept_control.cli.main import build_parser
from concept_control.ros.runtime import entry_points, simulated_graph
from concept_control.ros.runtime.simulated_graph import EXECUTABLES, PARTICLE_EXECUTABLES

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / 'test' / 'data' / 'between'
FILES = ('bringup', 'demo', 'replay', 'teach')
MODULES = (
    'launch',
    'launch.actions',
    'launch.conditions',
    'launch.event_handlers',
    'launch.events',
    'launch.launch_description_sources',
    'launch.substitutions',
    'launch_ros',
    'launch_ros.actions',
    'launch_ros.parameter_descriptions',
)


class Recorded:
    """What a launch file made: the class it named, and with what."""

    def __init__(self, kind, args, options):
        self.kind, self.args, self.options = kind, args, options


class Recorder(ModuleType):
    """Stands in for a module of launch; notes the names of configurations that are used."""

    used: ClassVar[set[str]] = set()

    def __getattr__(self, kind):
        if kind.startswith('__'):
            raise AttributeError(kind)

        def make(*args, **options):
            if kind == 'LaunchConfiguration':
                self.used.add(args[0])
            return Recorded(kind, args, options)

        return make


@pytest.fixture
def read(monkeypatch):
    """Return a function from a launch file's name to everything in its description."""
    Recorder.used.clear()
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, Recorder(name))
    monkeypatch.setattr(
        'ament_index_python.packages.get_package_share_directory', lambda name: str(ROOT)
    )

    def load(name):
        path = ROOT / 'launch' / f'{name}.launch.py'
        spec = importlib.util.spec_from_file_location(f'{name}_launch', path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.generate_launch_description().args[0]

    return load


def of_kind(entities, kind):
    return [e for e in entities if e.kind == kind]


def nodes(entities):
    return {
        e.options['executable']: e
        for e in of_kind(entities, 'Node')
        if e.options['package'] == 'concept_control'
    }


def default(entities, argument):
    (found,) = [e for e in of_kind(entities, 'DeclareLaunchArgument') if e.args[0] == argument]
    return found.options.get('default_value')


def included(entities):
    """What a launch file includes, and all that it is told: nothing else reaches it."""
    (found,), (reset,) = (
        of_kind(entities, kind)
        for kind in ('IncludeLaunchDescription', 'ResetLaunchConfigurations')
    )
    kinds = [e.kind for e in entities]
    push, pop = map(kinds.index, ('PushLaunchConfigurations', 'PopLaunchConfigurations'))
    assert push + 1 == entities.index(reset) == entities.index(found) - 1 == pop - 2
    return Path(found.args[0].args[0]), reset.args[0]


def demonstration(monkeypatch):
    """What `concept_control demo` would start, and with which parameter file."""
    started = {}

    class StopHereError(Exception):
        pass

    def graph(nodes, parameter_file, logs):
        started.update(nodes=[n.executable for n in nodes], parameter_file=parameter_file)
        raise StopHereError

    monkeypatch.setattr(simulated_graph, 'Graph', graph)
    arguments = build_parser().parse_args(['demo'])
    with pytest.raises(StopHereError):
        arguments.run(arguments)
    return started


def test_launch_and_demo_start_the_same_with_the_same_parameters(read, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    started = demonstration(monkeypatch)
    launched = read('demo')
    path, arguments = included(launched)
    assert path == ROOT / 'launch' / 'bringup.launch.py' and path.is_file()
    assert {*nodes(launched), *nodes(read('bringup'))} == set(started['nodes'])
    file = Path(default(launched, 'params_file'))
    assert file == started['parameter_file'].resolve() and file.is_file()
    assert arguments['params_file'].args == ('params_file',)
    assert Path(arguments['defaults_file']) == file  # an override alone leaves the rest as it is
    layers = nodes(read('bringup'))['concept_model'].options['parameters']
    assert [layer.args for layer in layers[:2]] == [('defaults_file',), ('params_file',)]
    assert nodes(launched)['arm_simulator'].options['parameters'][0] == str(file)
    assert arguments['use_sim_time'] == 'true' and default(launched, 'localhost_only') == 'true'


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described_and_used_and_every_file_is_there(read, name, monkeypatch):
    entities = read(name)
    if name == 'bringup':
        given = {'params_file': str(ROOT / 'config/robot.yaml')}
        perform = lambda self, _: given.get(self.args[0], '')  # noqa: E731
        monkeypatch.setattr(Recorded, 'perform', perform, raising=False)
        of_kind(entities, 'OpaqueFunction')[0].options['function'](
            SimpleNamespace(launch_configurations={})
        )
    arguments = of_kind(entities, 'DeclareLaunchArgument')
    assert {'namespace', 'params_file', 'rviz', 'log_level'} <= {a.args[0] for a in arguments}
    assert all(len(a.options['description']) > 10 for a in arguments)
    assert {a.args[0] for a in arguments} <= Recorder.used  # none is shown that does nothing
    for value in (a.options.get('default_value', '') for a in arguments):
        assert not value.startswith('/') or Path(value).is_file()
    for action in of_kind(entities, 'Node'):
        for argument in action.options['arguments']:
            assert not str(argument).startswith('/') or Path(argument).is_file()


@pytest.mark.parametrize('name', ['demo', 'replay', 'teach'])
def test_what_is_passed_on_is_declared_there(read, name):
    declared = {a.args[0] for a in of_kind(read('bringup'), 'DeclareLaunchArgument')}
    _, arguments = included(read(name))
    assert set(arguments) <= declared


@pytest.mark.parametrize('namespace', ['', 'left', '/left/arm'])
@pytest.mark.parametrize('name', FILES)
def test_the_log_level_is_that_of_the_logger_that_a_node_has_in_its_namespace(
    read, name, namespace
):
    context = rclpy.Context()
    rclpy.init(context=context)
    for executable, action in nodes(read(name)).items():
        node = rclpy.create_node(executable, namespace=namespace, context=context)
        logger, middle, level = action.options['arguments'][2]
        text = ''.join(part if isinstance(part, str) else namespace for part in logger.args[0])
        assert (eval(text), middle) == (node.get_logger().name, ':=')
        assert level.args == ('log_level',)
        node.destroy_node()
    rclpy.shutdown(context=context)


def test_what_drivers_call_their_topics_can_be_said_in_every_launch_file_beside_drivers(read):
    started = nodes(read('bringup'))
    renamed = {
        executable: {topic: argument.args[0] for topic, argument in node.options['remappings']}
        for executable, node in started.items()
        if 'remappings' in node.options
    }
    joints = {'joint_states': 'joint_states_topic'}
    camera = {
        'camera/color/image_raw': 'color_topic',
        'camera/depth/image_raw': 'depth_topic',
        'camera/color/camera_info': 'info_topic',
    }
    assert renamed['entity_extractor'] == joints | camera
    assert renamed['mpc_controller'] == joints | {'joint_trajectory': 'trajectory_topic'}
    for name in ('replay', 'teach'):
        entities = read(name)
        for topic, argument in (joints | camera).items():
            assert included(entities)[1][argument].args == (argument,)
            assert default(entities, argument) == topic


def test_a_replay_plays_when_all_is_ready_and_has_exactly_one_clock(read):
    entities = read('replay')
    (readiness,) = nodes(entities).values()  # no simulator, which would make another clock
    assert readiness.options['executable'] == 'wait_until_ready'
    (handler,) = of_kind(entities, 'RegisterEventHandler')
    ended = handler.args[0].options['on_exit']

    def after(action, returncode=0, is_shutdown=False):
        return ended(
            SimpleNamespace(action=action, returncode=returncode, process_name='it-3'),
            SimpleNamespace(is_shutdown=is_shutdown),
        )

    players = after(readiness)
    assert {p.options['condition'].kind for p in players} == {'IfCondition', 'UnlessCondition'}
    for player in players:
        command = player.options['cmd']
        assert command.count('--clock') == 1
        assert '/clock' in command[command.index('--exclude-topics') :]
        assert after(player).kind == 'EmitEvent'
    assert included(entities)[1]['use_sim_time'] == 'true'
    assert included(entities)[1]['localhost_only'] == 'true'
    somebody = nodes(read('bringup'))['concept_model']
    for action in (readiness, somebody, *players):
        with pytest.raises(RuntimeError, match='it-3 ended with exit code 1'):
            after(action, returncode=1)
        assert after(action, returncode=1, is_shutdown=True) is None
    assert after(somebody) is None


@pytest.mark.parametrize(('name', 'argument'), [('bringup', 'params_file'), ('replay', 'bag')])
def test_what_is_not_there_is_refused_before_anything_starts(
    read, monkeypatch, tmp_path, name, argument
):
    entities = read(name)
    (check,) = of_kind(entities, 'OpaqueFunction')
    there = tmp_path / 'there'
    given, context = {argument: str(there)}, SimpleNamespace(launch_configurations={})
    monkeypatch.setattr(
        Recorded, 'perform', lambda self, _: given.get(self.args[0], ''), raising=False
    )
    with pytest.raises(RuntimeError, match=f'{argument}: there is no .*there'):
        check.options['function'](context)
    if argument == 'bag':
        there.mkdir()
        (there / 'killed_0.db3').symlink_to(next(SAMPLE.glob('*.mcap')))
        with pytest.raises(RuntimeError, match=r'metadata.*`ros2 bag reindex .*there -s sqlite3`'):
            check.options['function'](context)
        shutil.rmtree(there)
    there.symlink_to(SAMPLE if argument == 'bag' else ROOT / 'config/robot.yaml')
    check.options['function'](context)
    starts = [i for i, e in enumerate(entities) if e.kind in ('Node', 'IncludeLaunchDescription')]
    assert entities.index(check) < min(starts)


def test_a_launch_says_where_the_camera_is(read, monkeypatch):
    entities = read('bringup')
    (prepare,) = of_kind(entities, 'OpaqueFunction')
    given = {'params_file': str(ROOT / 'config/robot.yaml')}
    monkeypatch.setattr(
        Recorded, 'perform', lambda self, _: given.get(self.args[0], ''), raising=False
    )

    def written():
        context = SimpleNamespace(launch_configurations={})
        prepare.options['function'](context)
        return Path(context.launch_configurations['camera_file'])

    assert written() == Path(given['params_file'])  # as the parameters say
    layers = nodes(entities)['entity_extractor'].options['parameters']
    assert [layer.args for layer in layers[1:3]] == [('params_file',), ('camera_file',)]
    given['camera_position'] = '[0.4, 0, 1]'
    (values,) = yaml.safe_load(written().read_text()).values()
    assert values['ros__parameters'] == {'camera': {'from_tf': False, 'position': [0.4, 0.0, 1.0]}}
    given['camera_rotation'] = '[0, 1, 0]'
    with pytest.raises(RuntimeError, match=r'camera_rotation: .* no list of 4 numbers'):
        written()


def test_a_bag_whose_commands_were_not_recorded_says_so_and_fails(read, monkeypatch):
    """As those of commands by action were before they were published."""
    monkeypatch.setattr(replayable.topic, 'COMMAND', replace(replayable.topic.COMMAND, name='no'))
    entities = read('replay')
    given = {'bag': str(SAMPLE), 'namespace': ''}
    monkeypatch.setattr(Recorded, 'perform', lambda self, _: given[self.args[0]], raising=False)
    (check,), (readiness,) = of_kind(entities, 'OpaqueFunction'), nodes(entities).values()
    (said,) = check.options['function'](None)
    assert 'cannot be made again' in said.options['msg'] and 'between(red' in said.options['msg']
    ended = of_kind(entities, 'RegisterEventHandler')[0].args[0].options['on_exit']
    context = SimpleNamespace(is_shutdown=False)
    player = ended(SimpleNamespace(action=readiness, returncode=0, process_name='it'), context)[0]
    with pytest.raises(RuntimeError, match=r'cannot be made again.*between\(red'):
        ended(SimpleNamespace(action=player, returncode=0, process_name='it'), context)


@pytest.mark.parametrize('respawn', ['false', 'true'])
def test_the_demonstration_ends_with_its_simulator_unless_that_is_started_again(
    read, monkeypatch, respawn
):
    entities = read('demo')
    monkeypatch.setattr(Recorded, 'perform', lambda self, _: respawn, raising=False)
    (handler,) = of_kind(entities, 'RegisterEventHandler')
    simulator, ended = (handler.args[0].options[name] for name in ('target_action', 'on_exit'))
    assert simulator is nodes(entities)['arm_simulator']
    context = SimpleNamespace(is_shutdown=False)
    end = ended(SimpleNamespace(returncode=0), context)
    assert (end is None) == (respawn == 'true')
    assert ended(SimpleNamespace(returncode=1), SimpleNamespace(is_shutdown=True)) is None
    if respawn == 'false':
        with pytest.raises(RuntimeError, match='exit code 1'):
            ended(SimpleNamespace(returncode=1), context)


def test_every_executable_is_installed_both_ways():
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    project = (ROOT / 'pyproject.toml').read_text()
    for name in (*EXECUTABLES, *PARTICLE_EXECUTABLES, 'entity_relay', 'wait_until_ready'):
        assert name in cmake
        assert f'{name} = "concept_control.ros.runtime.entry_points:{name}"' in project
        assert getattr(entry_points, name).args == (name,)


def test_ctrl_c_while_a_node_is_imported_is_no_error(tmp_path):
    """The node stands in for a library that takes its time."""
    (tmp_path / 'slow.py').write_text(
        'import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint("went on")\n'
    )
    code = (
        'import sys; sys.path.append(sys.argv[1]); '
        'from concept_control.ros.runtime.entry_points import NODE_MODULES, start; '
        'NODE_MODULES["slow"] = "slow"; start("slow")'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')


def test_the_simulated_camera_needs_no_tf_where_its_file_is_laid_over_the_robots():
    cameras = [
        yaml.safe_load((ROOT / 'config' / name).read_text())['/**/entity_extractor'][
            'ros__parameters'
        ]['camera']
        for name in ('robot.yaml', 'demo.yaml')
    ]
    assert cameras[0]['from_tf'] and not (cameras[0] | cameras[1])['from_tf']
