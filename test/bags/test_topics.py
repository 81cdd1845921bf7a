"""Topics of a robot among what was recorded."""

from types import SimpleNamespace

import pytest

pytest.importorskip('rosbags', reason='rosbags is not installed')

from concept_control.bags.reader import Topic
from concept_control.bags.topics import ENTITIES, LIBRARY, find_topics


@pytest.mark.parametrize(('name', 'count'), [('/concepts', 0), ('/other/concepts', 1)])
def test_only_what_another_robot_said_is_named_as_left_out(name, count):
    topics = [Topic('/entities', ENTITIES.type, 3), Topic(name, LIBRARY.type, count)]
    bag = SimpleNamespace(
        path='bag', topics={t.name: t for t in topics}, has_fields=lambda *_: True
    )
    left_out = [f'{name} was left out: it is of another namespace'] if count else []
    assert find_topics(bag, (ENTITIES, LIBRARY), '').notes == left_out
