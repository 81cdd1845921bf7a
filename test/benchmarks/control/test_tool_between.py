"""The tool between two points: the judge on paths that are known, and judo where there is none."""

import json
import sys

import numpy as np
import pytest

from concept_control.benchmarks.control.judo_comparison import (
    PeerError,
    compare,
    judo_interpreter,
    peer_paths,
    peer_problem,
)
from concept_control.benchmarks.control.tool_between import (
    ToolCase,
    ToolPath,
    judge_tool,
    play_tool,
    straight_path,
    tool_scene,
)
from concept_control.cli.main import main
from concept_control.control.arm.description import ArmDescription
from concept_control.errors import MissingDependencyError


@pytest.fixture
def arm():
    return ArmDescription.load('franka')


def approach(case, end, steps=150, decay=0.1):
    """Come from 0.2 m at the middle's right to `end` metres from it, exponentially."""
    times = 0.02 * np.arange(steps + 1)
    error = end + (0.2 - end) * np.exp(-times / decay)
    tool = np.array([*case.middle, 0.12]) + np.outer(error, [0.0, 1.0, 0.0])
    return ToolPath(0.02, tool, np.zeros((steps + 1, 7)), np.full(steps, 0.004))


def test_a_known_path_is_judged_as_calculus_says(arm):
    case = ToolCase.draw(arm, 3)
    judged = judge_tool(approach(case, 0.0), case, arm)
    assert judged['final'] < 1e-9
    assert judged['integral'] == pytest.approx(0.2**2 * 0.1 / 2, rel=0.02)
    assert judged['arrival'] == pytest.approx(0.1 * np.log(0.2 / 0.005), abs=0.02)
    assert judged['speed'] == judged['acceleration'] == 0.0
    away = judge_tool(approach(case, 0.006), case, arm)
    assert away['final'] == pytest.approx(0.006) and away['arrival'] == float('inf')


def test_height_does_not_count_and_limits_do(arm):
    case = ToolCase.draw(arm, 4)
    path = approach(case, 0.0)
    path.tool[:, 2] += 0.3
    path.velocities[50:, 2] = 2 * arm.velocity_limits[2]
    judged = judge_tool(path, case, arm)
    assert judged['final'] < 1e-9
    assert judged['speed'] == pytest.approx(2.0)
    expected = 2 * arm.velocity_limits[2] / 0.02 / arm.acceleration_limits[2]
    assert judged['acceleration'] == pytest.approx(expected)


@pytest.mark.parametrize('seed', [0, 1])  # the second is long enough for a stretch at full speed
def test_the_limits_alone_are_used_to_the_full_and_not_beyond(arm, seed):
    case = ToolCase.draw(arm, seed)
    fine = judge_tool(straight_path(arm, case, 0.002), case, arm)
    assert fine['final'] < 0.003
    assert max(fine['speed'], fine['acceleration']) == pytest.approx(1.0, rel=1e-6)
    assert min(fine['speed'], fine['acceleration']) <= 1.0 + 1e-9
    path = straight_path(arm, case, 0.002)
    assert np.abs(path.velocities[-1]).max() < 1e-9
    ours = judge_tool(play_tool('franka', 'ilqg', case), case, arm)
    assert 1.0 < ours['arrival'] / fine['arrival'] < 2.0


def test_ratios_are_those_of_the_best_of_the_others(arm):
    cases = [ToolCase.draw(arm, seed) for seed in range(3)]
    ends = {'ours': 0.0002, 'good': 0.003, 'bad': 0.05}
    paths = {name: [approach(case, end) for case in cases] for name, end in ends.items()}
    section = compare(paths, cases, arm)
    assert section['ratios']['final_mm'] == pytest.approx(15.0, rel=1e-6)
    assert 1.0 < section['ratios']['integral'] < 2.0
    assert [row['within_1_mm'] for row in section['rows']] == [1.0, 0.0, 0.0, 1.0]


def test_an_environment_is_kept_for_the_same_requirements_only(tmp_path, monkeypatch):
    python = tmp_path / 'judo' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / 'judo' / 'requirements.txt').write_text('judo-rai==0.1.0\n')
    assert judo_interpreter(tmp_path / 'judo', ('judo-rai==0.1.0',)) == python
    monkeypatch.setattr(sys, 'executable', str(tmp_path / 'no-python'))
    with pytest.raises(MissingDependencyError, match='virtual environment'):
        judo_interpreter(tmp_path / 'judo', ('judo-rai==0.2.0',))


def test_the_section_is_skipped_with_the_reason(tmp_path, monkeypatch, capsys):
    (tmp_path / 'concept_control').write_text('a file where a folder should be')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    report, html = tmp_path / 'report.json', tmp_path / 'report.html'
    command = ['benchmark', 'control', '--section', 'judo', '--seeds', '1']
    assert main([*command, '--json', str(report), '--html', str(html)]) == 0
    reason = json.loads(report.read_text())['judo']['skipped']
    assert 'virtual environment' in reason
    assert f'skipped: {reason}' in capsys.readouterr().out
    assert 'skipped: ' in html.read_text()


def test_an_interpreter_without_judo_is_an_error_not_a_result(arm):
    cases = [ToolCase.draw(arm, 0)]
    scene = tool_scene('franka')
    with pytest.raises(PeerError, match='judo'):
        list(peer_paths(sys.executable, peer_problem(scene, cases), scene.xml()))
