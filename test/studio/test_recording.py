import math
from pathlib import Path

import pytest

import concept_control as cc
from concept_control.errors import BagError
from concept_control.studio.recording import read_recording

BAG = Path(__file__).resolve().parent.parent / 'data' / 'between'


def test_a_bag_is_scrubbed_through_and_judged():
    recording = read_recording(BAG, cc.ConceptModel.load())
    assert recording.duration > 3
    assert len(recording.table.things) >= 3
    start, end = recording.places_at(1.0), recording.places_at(recording.duration)
    moved = [i for i in start if i in end and math.dist(start[i], end[i]) > 0.1]
    assert len(moved) == 1
    told = recording.told_at(recording.duration)
    assert told.expression.startswith('between(') and any(told.attention)
    assert recording.curve[0][1] > 10 * recording.curve[-1][1]
    assert [' holds, ' in verdict for verdict in recording.verdicts] == [True]


def test_what_is_no_bag_is_refused(tmp_path):
    with pytest.raises(BagError):
        read_recording(tmp_path, cc.ConceptModel.load())
