"""A few of the attacks of `concept_control benchmark attack`, on one graph."""

import os

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from concept_control.benchmarks.graph.attack import Aftermath, AttackConfig, attack_output
from concept_control.ros.runtime.process_graph import graph_environment

pytestmark = pytest.mark.whole_machine


def test_a_graph_withstands_false_joint_states_and_killed_nodes(monkeypatch):
    for name, value in graph_environment().items():
        monkeypatch.setitem(os.environ, name, value)
    config = AttackConfig(
        attacks=('nan', 'kill_entity_extractor', 'kill_mpc_controller'), seconds=1.0
    )
    aftermath = Aftermath()
    results = list(attack_output('joint_trajectory', config, aftermath))
    assert [one.attack for one in results] == list(config.attacks)
    for one in results:
        assert one.answers and one.outcome in ('SATISFIED', 'FAILED', 'CANCELLED', 'REPLACED')
        assert one.text
        assert not one.violations, one.examples
        # Commands and the true joints were heard at all.
        assert {'told: speed / limit', 'arm: speed / limit'} <= one.worst.keys()
    assert 'refused' in results[0].said
    assert results[1].outcome == 'SATISFIED', 'a carry survives that perception is killed'
    assert aftermath.is_clean, aftermath
