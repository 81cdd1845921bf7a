"""`ros2 launch concept_control teach.launch.py` for real, where launch_pytest is installed.

What is pointed at, between markers on a topic, becomes a word; no controller is there.
"""

import os
from pathlib import Path

import pytest

pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed (a ROS 2 installation brings it)'
)
pytest.importorskip('launch_ros', reason='launch_ros is not installed (a ROS 2 brings it)')

import launch_pytest
from launched import SHARE, Processes, simulator
from std_msgs.msg import String

from concept_control.ros.bridge import qos
from concept_control.ros.client.monitor import GraphState, MonitorThread

EXECUTABLES = {'arm_simulator', 'entity_extractor', 'concept_model'}
PROCESSES = Processes()


@launch_pytest.fixture(scope='module')
def teach_launch():
    return PROCESSES.description(
        'teach.launch.py',
        simulator(),
        params_file=str(SHARE / 'config' / 'demo.yaml'),
        use_sim_time='true',
    )


@pytest.mark.launch(fixture=teach_launch)
def test_what_is_pointed_at_becomes_a_word():
    heard = GraphState()
    with MonitorThread(heard) as monitor:
        markers = monitor.create_publisher(String, 'demonstration_marker', qos.RELIABLE)
        PROCESSES.wait(lambda: heard.library is not None and markers.get_subscription_count())
        PROCESSES.wait(lambda: heard.entities is not None and len(heard.entities.entities) == 5)
        for word in ('begin crimson(red)', 'end', 'begin crimson(red)', 'end', 'learn'):
            markers.publish(String(data=word))
        PROCESSES.wait(lambda: 'crimson' in {c.name for c in heard.library.concepts})
    assert (Path(os.environ['CONCEPT_CONTROL_LIBRARY']) / 'crimson.npz').is_file()


@pytest.mark.launch(fixture=teach_launch, shutdown=True)
def test_every_process_ends_cleanly():
    assert dict.fromkeys(EXECUTABLES, 0) == PROCESSES.exit_codes
