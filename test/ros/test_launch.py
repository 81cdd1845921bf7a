"""Launch files: the same executables and parameters as the demonstration; run where launch is."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LAUNCH_FILE = ROOT / 'launch' / 'demo.launch.py'


def constant(name):
    for node in ast.parse(LAUNCH_FILE.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f'{LAUNCH_FILE} has no {name}')


def test_launch_and_demo_start_the_same_with_the_same_parameters():
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from concept_control.ros import demo

    assert constant('EXECUTABLES') == demo.EXECUTABLES
    text = LAUNCH_FILE.read_text()
    assert "'demo.yaml'" in text and "'fastdds.xml'" in text
    assert (ROOT / 'config' / 'demo.yaml').is_file()


def test_every_executable_is_installed_both_ways():
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    project = (ROOT / 'pyproject.toml').read_text()
    for name in constant('EXECUTABLES'):
        assert name in cmake
        assert f'{name} = "concept_control.ros.{name}:main"' in project


def test_the_description_is_built():
    launch = pytest.importorskip('launch', reason='launch is not installed (needs a ROS 2)')
    pytest.importorskip('launch_ros', reason='launch_ros is not installed (needs a ROS 2)')
    import importlib.util

    spec = importlib.util.spec_from_file_location('demo_launch', LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert isinstance(module.generate_launch_description(), launch.LaunchDescription)
