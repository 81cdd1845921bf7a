import json

import cv2
import pytest

from concept_control.cli.main import main
from concept_control.simulation.opengl import find_backend


def run(*arguments):
    return main(['benchmark', 'perception', *map(str, arguments)])


def test_a_small_benchmark_reaches_the_goals_and_writes_everything(tmp_path, capsys):
    if find_backend()[0] == 'raycast':
        pytest.skip('too slow without OpenGL')
    report = tmp_path / 'numbers.json'
    code = run(
        '--scenes',
        2,
        '--stacked',
        2,
        '--sequences',
        1,
        '--save',
        tmp_path / 'png',
        '--json',
        report,
    )
    printed = capsys.readouterr().out
    numbers = json.loads(report.read_text())
    missed = [name for name, goal in numbers['goals'].items() if not goal['reached']]
    # How fast this machine is at this moment is no matter of a test.
    assert missed in ([], ['rate_hz'])
    assert code == (1 if missed else 0)
    kinds = {
        f'{camera}{noise}' for camera in ('top', 'oblique', 'both') for noise in ('', ', noise')
    }
    assert set(numbers['scenes']) == kinds | {'top, table unknown'}
    assert set(numbers['stacked']) == kinds
    assert numbers['stacked']['both']['traits']['on another']['blocks'] > 1
    difficult = numbers['scenes']['top']['traits']
    assert {'touching', 'over-exposed', 'partly hidden', 'in shadow'} <= set(difficult)
    assert 0 < difficult['touching']['blocks'] <= numbers['scenes']['top']['blocks']
    told, untold = numbers['scenes']['top'], numbers['scenes']['top, table unknown']
    assert told['color_median'] < untold['color_median']
    assert numbers['sequences']['top']['held_nees_within_95'] > 0.9
    assert numbers['scenes']['top']['blocks'] > 4
    for followed in numbers['sequences'].values():
        assert followed['frames'] > 50
        faults = [followed[name] for name in ('switches', 'lost', 'extra', 'wrong_holds')]
        assert faults == [0, 0, 0, 0]
        assert followed['seen_median_mm'] < 1.0
    assert 'identity switches' in printed
    for name in ('first', 'worst', 'carry', 'errors'):
        assert cv2.imread(str(tmp_path / 'png' / f'{name}.png')) is not None


def test_nothing_asked_for_is_nothing_missed(tmp_path):
    assert (
        run('--scenes', 0, '--stacked', 0, '--sequences', 0, '--json', tmp_path / 'numbers.json')
        == 0
    )
