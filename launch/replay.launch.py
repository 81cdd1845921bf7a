"""A bag through the nodes: `ros2 launch concept_control replay.launch.py bag:=PATH`.

What the sensors said and what was asked for comes from the bag; entities, goals and plans are
made anew. The player starts when the nodes can take it. The one clock is made by the player; one
that the bag holds is left out, and where somebody else makes one already nothing is played.
"""

from importlib import import_module
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    RegisterEventHandler,
    ResetLaunchConfigurations,
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
    'gripper_command',
)
"""Topics of the nodes that run now: recorded ones would mix with them."""

DRIVER_TOPICS = {
    'joint_states_topic': 'joint_states',
    'color_topic': 'camera/color/image_raw',
    'depth_topic': 'camera/depth/image_raw',
    'info_topic': 'camera/color/camera_info',
}
"""Topics of arm and camera by the argument that renames each."""

MISSING = 'the bag holds goals that cannot be made again, as their commands were not recorded:'


def generate_launch_description() -> LaunchDescription:
    """Start the nodes, then the player; end when the bag ends."""
    share = Path(get_package_share_directory('concept_control'))
    defaults = str(share / 'config' / 'demo.yaml')
    namespace = LaunchConfiguration('namespace')
    lost: list[str] = []

    def check_bag(context: object) -> object:
        """Say it at once, not when the nodes are up."""
        path = LaunchConfiguration('bag').perform(context)
        if not Path(path).exists():
            raise RuntimeError(f'bag: there is no {path}')
        if Path(path).is_dir() and not (Path(path) / 'metadata.yaml').exists():
            storage = 'sqlite3' if [*Path(path).glob('*.db3*')] else 'mcap'
            raise RuntimeError(
                f'bag: {path} has no metadata.yaml, as where the recorder was killed, and the '
                f'player needs it: `ros2 bag reindex {path} -s {storage}` makes it'
            )
        try:
            replayable = import_module('concept_control.bags.replayable')
        except ImportError as error:
            return [LogInfo(msg=f'whether all goals can be made again is not known: {error}')]
        lost.extend(replayable.goals_without_command(Path(path), namespace.perform(context)))
        return [LogInfo(msg=f'{MISSING} {goal}') for goal in lost]

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
            [
                PythonExpression(
                    ["('", namespace, "/wait_until_ready').strip('/').replace('/', '.')"]
                ),
                ':=',
                LaunchConfiguration('log_level'),
            ],
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
        if event.action in players and lost:
            raise RuntimeError(f'{MISSING} {", ".join(lost)}')
        if event.action in players:
            return EmitEvent(event=Shutdown(reason='the bag has ended'))
        return None

    arguments = {
        'rate': ('1.0', 'seconds of the bag per second'),
        'ready_timeout': (
            '180.0',
            'seconds that the nodes get to come up and learn their words',
        ),
        'delay': ('2.0', 'seconds that player and nodes get to find each other'),
        'params_file': (
            defaults,
            'parameters of all nodes, laid over those of the demonstration',
        ),
        'namespace': ('', 'prefix the bag was recorded under'),
        'perception': (
            'false',
            'make the entities anew from the images; false: take those recorded',
        ),
        'controller': ('true', 'let the controller plan along; nothing follows its plans'),
        **{name: (topic, f'name of {topic} in the bag') for name, topic in DRIVER_TOPICS.items()},
        'rviz': ('false', 'open RViz with the shipped view'),
        'log_level': ('info', 'debug, info, warn or error'),
    }
    passed_on = (
        *('params_file', 'namespace', 'perception', 'controller', 'rviz', 'log_level'),
        *DRIVER_TOPICS,
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag', description='folder of the bag, mcap or sqlite3'),
            *(
                DeclareLaunchArgument(name, default_value=value, description=text)
                for name, (value, text) in arguments.items()
            ),
            OpaqueFunction(function=check_bag),
            # What is not passed on cannot be set, nor is it shown: it is fixed here.
            PushLaunchConfigurations(),
            ResetLaunchConfigurations(
                {
                    **{name: LaunchConfiguration(name) for name in passed_on},
                    'defaults_file': defaults,
                    'use_sim_time': 'true',
                    'localhost_only': 'true',
                }
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share / 'launch' / 'bringup.launch.py'))
            ),
            PopLaunchConfigurations(),
            readiness,
            RegisterEventHandler(OnProcessExit(on_exit=ended)),
        ]
    )
