import json

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.benchmarks.graph import images
from concept_control.cli.main import main


def test_images_travel_both_ways_and_every_number_is_written(tmp_path, capsys):
    report = tmp_path / 'numbers.json'
    options = ['--frames', '5', '--width', '64', '--height', '48', '--json', str(report)]
    code = main(['benchmark', 'images', *options])
    ways = json.loads(report.read_text())['ways']
    assert set(ways) == {'default', 'shared memory'}
    for way in ways.values():
        assert way['sent'] == 10
        # Images travel best effort: a busy machine may lose them, but must say so.
        assert 0 <= way['lost'] <= 10
        assert (way['median_ms'] is None) == (way['lost'] == 10)
        assert way['median_ms'] is None or 0 < way['median_ms'] <= way['p95_ms']
    assert code == int(any(way['lost'] == 10 for way in ways.values()))
    assert 'shared memory' in capsys.readouterr().out


def test_a_way_by_which_nothing_came_is_said_in_words():
    nothing = {'sent': 10, 'lost': 10, 'median_ms': None, 'p95_ms': None}
    assert images.describe(nothing) == 'nothing arrived of 10'
    some = {'sent': 10, 'lost': 1, 'median_ms': 2.0, 'p95_ms': 3.0}
    assert images.describe(some) == '2.0 ms median, 3.0 ms p95, 1 of 10 lost'
