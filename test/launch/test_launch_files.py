"""Launch files without launch: what they would start, read by standing in for launch's classes."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.cli.main import build_parser
from concept_control.demos import simulated_graph
from concept_control.demos.simulated_graph import EXECUTABLES, PARTICLE_EXECUTABLES
from concept_control.ros.runtime import entry_points

ROOT = Path(__file__).resolve().parent.parent.parent
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
    def __getattr__(self, kind):
        if kind.startswith('__'):
            raise AttributeError(kind)
        return lambda *args, **options: Recorded(kind, args, options)


@pytest.fixture
def read(monkeypatch):
    """Return a function from a launch file's name to everything in its description."""
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
    (found,) = of_kind(entities, 'IncludeLaunchDescription')
    return Path(found.args[0].args[0]), dict(found.options['launch_arguments'])


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
    assert arguments['use_sim_time'] == 'true' and default(launched, 'localhost_only') == 'true'


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described_and_every_file_is_there(read, name):
    entities = read(name)
    arguments = of_kind(entities, 'DeclareLaunchArgument')
    assert {'namespace', 'params_file', 'rviz', 'log_level'} <= {a.args[0] for a in arguments}
    assert all(len(a.options['description']) > 10 for a in arguments)
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
    somebody = nodes(read('bringup'))['concept_model']
    for action in (readiness, somebody, *players):
        with pytest.raises(RuntimeError, match='it-3 ended with exit code 1'):
            after(action, returncode=1)
        assert after(action, returncode=1, is_shutdown=True) is None
    assert after(somebody) is None


@pytest.mark.parametrize(('name', 'argument'), [('bringup', 'params_file'), ('replay', 'bag')])
def test_a_file_that_is_not_there_is_refused_before_anything_starts(
    read, monkeypatch, tmp_path, name, argument
):
    entities = read(name)
    (check,) = of_kind(entities, 'OpaqueFunction')
    given = {argument: str(tmp_path / 'there.yaml')}
    monkeypatch.setattr(Recorded, 'perform', lambda self, _: given[self.args[0]], raising=False)
    with pytest.raises(RuntimeError, match=f'{argument}: there is no .*there.yaml'):
        check.options['function'](None)
    (tmp_path / 'there.yaml').touch()
    check.options['function'](None)
    starts = [i for i, e in enumerate(entities) if e.kind in ('Node', 'IncludeLaunchDescription')]
    assert entities.index(check) < min(starts)


def test_every_executable_is_installed_both_ways():
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    project = (ROOT / 'pyproject.toml').read_text()
    for name in (*EXECUTABLES, *PARTICLE_EXECUTABLES, 'wait_until_ready'):
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
