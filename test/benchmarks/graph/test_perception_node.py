"""What a benchmark hears of the node is what the node said."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.msg import Entity, EntityArray

from concept_control.benchmarks.graph.perception_node import tracked
from concept_control.benchmarks.perception.frames import Truth, match
from concept_control.benchmarks.perception.report import Tally
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.ros.bridge import conversions as convert
from concept_control.world.entity import TOOL_ID, EntityStatus, tool_state


def entity(number, x, status=EntityStatus.SEEN):
    return TrackedEntity(
        id=number,
        position=np.array([x, 0.1, 0.02]),
        covariance=np.diag([1e-6, 2e-6, 3e-6]),
        yaw=0.3,
        color=np.array([0.25, 0.5, 0.75]),
        size=np.array([0.04, 0.05, 0.06]),
        shape='box',
        status=status,
        last_seen=12.5,
    )


def test_entities_come_back_as_they_were_sent():
    sent = [
        entity(1, 0.4),
        entity(2, 0.5, EntityStatus.OCCLUDED),
        entity(3, 0.6, EntityStatus.HELD),
    ]
    tool, stamp = tool_state(), convert.stamp(12.5)
    message = EntityArray(
        entities=[convert.entity_message(e.id, e, e.shape, stamp, e.covariance) for e in sent]
        + [convert.entity_message(TOOL_ID, tool, 'tool', stamp)]
    )
    for before, after in zip(sent, tracked(message), strict=True):
        assert (after.id, after.status, after.shape) == (before.id, before.status, before.shape)
        assert (after.yaw, after.last_seen) == (before.yaw, before.last_seen)
        for name in ('position', 'covariance', 'color', 'size'):
            np.testing.assert_allclose(getattr(after, name), getattr(before, name), atol=1e-6)
    assert message.entities[-1].id == 0
    assert Entity.STATUS_SEEN == 0


def test_what_is_far_from_every_block_is_false_and_what_nobody_found_is_missed():
    blocks = [
        Truth(np.array([x, 0.1, 0.02]), 0.0, np.full(3, 0.04), np.zeros(3), 'box')
        for x in (0.4, 0.6)
    ]
    matched, false = match(blocks, [entity(1, 0.402), entity(2, 0.5)])
    assert [found and found.id for found in matched] == [1, None]
    assert [found.id for found in false] == [2]
    assert match(blocks, []) == ([None, None], [])


def test_no_tables_have_no_median():
    summary = Tally().summary()
    assert (summary['blocks'], summary['missed'], summary['false']) == (0, 0, 0)
    assert np.isnan(summary['median_mm']) and np.isnan(summary['ms_median'])
