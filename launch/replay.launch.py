"""A bag through the nodes: `ros2 launch concept_control replay.launch.py bag:=PATH`.

What the sensors said and what was asked for comes from the bag; entities, goals and plans are
made anew. The player starts when the nodes can take it. The one clock is made by the player; one
that the bag holds is left out, and where somebody else makes one already nothing is played.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

MADE_ANEW = (
    'concepts',
    'concept_goal',
    'concept_status',
    'concept_markers',
    'joint_trajectory',
    'suction_command',
)
"""Topics of the nodes that run now: recorded ones would mix with them."""


def check_bag(context: object) -> None:
    """Say it at once, not when the nodes are up."""
    path = LaunchConfiguration('bag').perform(context)
    if not Path(path).exists():
        raise RuntimeError(f'bag: there is no {path}')


def generate_launch_description() -> LaunchDescription:
    """Start the nodes, then the player; end when the bag ends."""
    share = Path(get_package_share_directory('concept_control'))
    namespace = LaunchConfiguration('namespace')

    def player(condition: object, anew: tuple[str, ...]) -> ExecuteProcess:
        prefix = PythonExpression(["'/' + '", namespace, "'.strip('/') + '/' if '", namespace,
                                   "'.strip('/') else '/'"])  # fmt: skip
        return ExecuteProcess(
            cmd=[
                *('ros2', 'bag', 'play', LaunchConfiguration('bag')),
                *('--clock', '100', '--rate', LaunchConfiguration('rate')),
                *('--delay', LaunchConfiguration('delay')),
                *('--exclude-topics', '/clock', '/diagnostics'),
                *([prefix, topic] for topic in anew),
            ],
            name='player',
            output='screen',
            condition=condition,
        )

    sees_anew = LaunchConfiguration('perception')
    players = [
        player(IfCondition(sees_anew), (*MADE_ANEW, 'entities', 'entities/image')),
        player(UnlessCondition(sees_anew), MADE_ANEW),
    ]
    readiness = Node(
        package='concept_control',
        executable='wait_until_ready',
        name='wait_until_ready',
        namespace=namespace,
        parameters=[
            {
                'timeout': ParameterValue(LaunchConfiguration('ready_timeout'), value_type=float),
                'perception': LaunchConfiguration('perception'),
                'controller': LaunchConfiguration('controller'),
            }
        ],
        arguments=[
            '--ros-args',
            '--log-level',
            ['wait_until_ready:=', LaunchConfiguration('log_level')],
        ],
        output='screen',
    )

    def ended(event: object, context: object) -> object:
        """Go on with the player after the readiness, and end with the player."""
        if context.is_shutdown:
            return None
        if event.returncode != 0:
            # Raised, not a Shutdown: the exit code of ros2 launch shall tell.
            raise RuntimeError(
                f'{event.process_name} ended with exit code {event.returncode}; see what it said'
            )
        if event.action is readiness:
            return players
        if event.action in players:
            return EmitEvent(event=Shutdown(reason='the bag has ended'))
        return None

    passed_on = ('params_file', 'namespace', 'perception', 'controller', 'rviz', 'log_level')
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag', description='folder of the bag, mcap or sqlite3'),
            DeclareLaunchArgument(
                'rate', default_value='1.0', description='seconds of the bag per second'
            ),
            DeclareLaunchArgument(
                'ready_timeout',
                default_value='180.0',
                description='seconds that the nodes get to come up and learn their words',
            ),
            DeclareLaunchArgument(
                'delay',
                default_value='2.0',
                description='seconds that player and nodes get to find each other',
            ),
            DeclareLaunchArgument(
                'params_file',
                default_value=str(share / 'config' / 'demo.yaml'),
                description='parameters of all nodes',
            ),
            DeclareLaunchArgument(
                'namespace', default_value='', description='prefix the bag was recorded under'
            ),
            DeclareLaunchArgument(
                'perception',
                default_value='false',
                description='make the entities anew from the images; false: take those recorded',
            ),
            DeclareLaunchArgument(
                'controller',
                default_value='true',
                description='let the controller plan along; nothing follows its plans',
            ),
            DeclareLaunchArgument(
                'rviz', default_value='false', description='open RViz with the shipped view'
            ),
            DeclareLaunchArgument(
                'log_level', default_value='info', description='debug, info, warn or error'
            ),
            OpaqueFunction(function=check_bag),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share / 'launch' / 'bringup.launch.py')),
                launch_arguments={
                    **{name: LaunchConfiguration(name) for name in passed_on},
                    'use_sim_time': 'true',
                    'localhost_only': 'true',
                }.items(),
            ),
            readiness,
            RegisterEventHandler(OnProcessExit(on_exit=ended)),
        ]
    )
