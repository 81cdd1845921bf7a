"""An excerpt is smaller and is judged as the whole bag is."""

import errno
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')

from rosbags.rosbag2 import Writer

from concept_control.bags.excerpt import ExcerptConfig, excerpt
from concept_control.bags.reader import Bag
from concept_control.bags.setup import read_setup
from concept_control.energy.model import ConceptModel
from concept_control.errors import BagError
from concept_control.replay.replay import Replay

SAMPLE = Path(__file__).resolve().parent.parent / 'data' / 'between'


def test_an_excerpt_keeps_what_matters(tmp_path):
    config = ExcerptConfig(rates={'images': 1.0, 'entities': 5.0}, shrink=1, storage='sqlite3')
    count = excerpt(SAMPLE, tmp_path / 'part', config)
    model, setup, reports = ConceptModel.load(), read_setup(), []
    for path in (SAMPLE, tmp_path / 'part'):
        with Bag(path) as bag:
            reports.append(Replay(bag, setup, model, 0.015).run().report)
    whole, part = reports
    assert count == sum(part['messages'].values()) < sum(whole['messages'].values())
    assert part['storage'] == 'sqlite3'
    assert part['commands'][0]['error_mm'] == whole['commands'][0]['error_mm']
    assert part['inputs']['entities']['rate_hz'] < 0.6 * whole['inputs']['entities']['rate_hz']
    assert part['perception']['frames'] < whole['perception']['frames']


def test_a_bag_that_exists_is_not_overwritten(tmp_path):
    with pytest.raises(BagError, match='not overwritten'):
        excerpt(SAMPLE, tmp_path)


def test_where_the_disk_is_full_nothing_is_left(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Writer, 'write', fail)
    with pytest.raises(OSError, match='No space left'):
        excerpt(SAMPLE, tmp_path / 'part')
    assert not list(tmp_path.iterdir())
