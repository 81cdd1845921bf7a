"""A few of the messages that `concept_control benchmark fuzz` makes by the hundred thousand."""

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('hypothesis', reason='hypothesis is not installed')

from concept_control.benchmarks.graph.fuzz import fuzz, targets

CASES = 2000


def test_no_message_can_stop_a_node_or_reach_the_arm_as_nonsense():
    with targets() as found:
        counts, failures = fuzz(found, CASES, start=0)
    assert not failures
    assert sum(counts.values()) >= CASES and all(counts.values()), counts
    # Whatever a node subscribes to is in here by itself; these must never be missing.
    assert {
        'mpc_controller joint_states',
        'mpc_controller entities',
        'mpc_controller concept_goal',
        'concept_model concept_command',
        'entity_extractor camera/depth/image_raw',
        'arm_simulator joint_trajectory',
    } <= set(counts)
