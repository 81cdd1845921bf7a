"""The demonstration graph: `ros2 launch concept_control demo.launch.py`.

The same executables with the same parameter file as `concept_control demo`; give the command with

    ros2 topic pub --once /concept_command concept_control/msg/ConceptCommand \
        "{expression: 'between(red; blue, green)'}"
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    RegisterEventHandler,
    ResetLaunchConfigurations,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """Start the simulator, and the rest as beside a real robot."""
    share = Path(get_package_share_directory('concept_control'))
    defaults = str(share / 'config' / 'demo.yaml')
    namespace = LaunchConfiguration('namespace')
    simulator = Node(
        package='concept_control',
        executable='arm_simulator',
        name='arm_simulator',
        namespace=namespace,
        # It makes the time, so the parameter file gives it the machine's own.
        parameters=[
            defaults,
            LaunchConfiguration('params_file'),
            {'seed': LaunchConfiguration('seed'), 'backend': LaunchConfiguration('camera')},
        ],
        arguments=[
            '--ros-args',
            '--log-level',
            [
                PythonExpression(
                    ["('", namespace, "/arm_simulator').strip('/').replace('/', '.')"]
                ),
                ':=',
                LaunchConfiguration('log_level'),
            ],
        ],
        respawn=LaunchConfiguration('respawn'),
        respawn_delay=1.0,
        output='screen',
    )

    def ended(event: object, context: object) -> object:
        """End with the simulator: without it there is neither an arm nor a clock."""
        is_started_again = LaunchConfiguration('respawn').perform(context).lower() == 'true'
        if context.is_shutdown or is_started_again:
            return None
        if event.returncode != 0:
            # Raised, not a Shutdown: the exit code of ros2 launch shall tell.
            raise RuntimeError(f'the simulator ended with exit code {event.returncode}')
        return EmitEvent(event=Shutdown(reason='the simulator has ended'))

    arguments = {
        'params_file': (
            defaults,
            'parameters of all nodes, laid over those of the demonstration',
        ),
        'namespace': ('', 'prefix of every node and topic'),
        'seed': ('0', 'of the random layout'),
        'camera': ('auto', 'how the simulated camera makes images: auto, egl, osmesa or raycast'),
        'rviz': ('false', 'open RViz with the shipped view'),
        'respawn': ('false', 'start a node again that has died'),
        'localhost_only': ('true', 'discover nodes on this machine only'),
        'log_level': ('info', 'debug, info, warn or error'),
    }
    passed_on = ('params_file', 'namespace', 'rviz', 'respawn', 'localhost_only', 'log_level')
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=value, description=text)
                for name, (value, text) in arguments.items()
            ),
            # What is not passed on cannot be set, nor is it shown: it is fixed here.
            PushLaunchConfigurations(),
            ResetLaunchConfigurations(
                {
                    **{name: LaunchConfiguration(name) for name in passed_on},
                    'defaults_file': defaults,
                    'use_sim_time': 'true',
                }
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share / 'launch' / 'bringup.launch.py'))
            ),
            PopLaunchConfigurations(),
            simulator,
            RegisterEventHandler(OnProcessExit(target_action=simulator, on_exit=ended)),
        ]
    )
