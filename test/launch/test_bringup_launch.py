"""`ros2 launch concept_control bringup.launch.py` for real, the simulator in the robot's place.

Inactive, the controller refuses; made active it does what it is told.
"""

import pytest

pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed (a ROS 2 installation brings it)'
)
pytest.importorskip('launch_ros', reason='launch_ros is not installed (a ROS 2 brings it)')

import launch_pytest
from launched import SHARE, Processes, simulator
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from concept_control.ros.client.commander import ConceptCommander, Outcome
from concept_control.ros.client.monitor import GraphState, MonitorThread

EXECUTABLES = {'arm_simulator', 'entity_extractor', 'concept_model', 'mpc_controller'}
PROCESSES = Processes()


@launch_pytest.fixture(scope='module')
def bringup_launch():
    return PROCESSES.description(
        'bringup.launch.py',
        simulator(),
        params_file=str(SHARE / 'config' / 'demo.yaml'),
        use_sim_time='true',
        autostart='false',
        localhost_only='true',
    )


@pytest.mark.launch(fixture=bringup_launch)
def test_the_controller_commands_the_arm_when_it_was_made_active_and_not_before():
    heard = GraphState()
    with MonitorThread(heard) as monitor, ConceptCommander() as robot:
        change = monitor.create_client(ChangeState, 'mpc_controller/change_state')

        def transition(number):
            future = change.call_async(ChangeState.Request(transition=Transition(id=number)))
            PROCESSES.wait(future.done)
            assert future.result().success

        PROCESSES.wait(lambda: heard.library is not None and change.service_is_ready())
        PROCESSES.wait(lambda: heard.entities is not None and len(heard.entities.entities) == 5)
        transition(Transition.TRANSITION_CONFIGURE)
        PROCESSES.wait(lambda: any(s.phase == 'inactive' for s in list(heard.statuses)))
        robot.go('near(tool; red)')
        result = robot.result(wait=60.0)
        assert result.outcome is Outcome.REFUSED and 'not active' in result.text
        transition(Transition.TRANSITION_ACTIVATE)
        robot.go('near(tool; red)')
        result = robot.result(wait=240.0)
        assert result.outcome is Outcome.SATISFIED, result.text


@pytest.mark.launch(fixture=bringup_launch, shutdown=True)
def test_every_process_ends_cleanly():
    assert dict.fromkeys(EXECUTABLES, 0) == PROCESSES.exit_codes
