"""The shipped words, learned once, and the event of the sample bag."""

from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')

from concept_control.bags.demonstrated_events import bag_events
from concept_control.bags.reader import Bag
from concept_control.bags.setup import read_setup
from concept_control.benchmarks.control.episodes import Runner
from concept_control.energy.model import ConceptModel

SAMPLE = Path(__file__).resolve().parent.parent / 'data' / 'between'


@pytest.fixture(scope='session')
def runner():
    return Runner(ConceptModel.load())


@pytest.fixture(scope='session')
def event():
    """What happened in the sample: red was put between blue and green, far from where it was."""
    with Bag(SAMPLE) as bag:
        (event,) = bag_events(bag, read_setup())
    return event
