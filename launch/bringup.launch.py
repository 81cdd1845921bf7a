"""Everything but the robot: `ros2 launch concept_control bringup.launch.py`.

Starts perception, concept model and controller beside the drivers of a real arm and camera;
docs/your_arm.md tells what these must provide. The other launch files include this one.
"""

import os
import tempfile
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node

from launch import LaunchDescription

CAMERA_TOPICS = {
    'color_topic': 'camera/color/image_raw',
    'depth_topic': 'camera/depth/image_raw',
    'info_topic': 'camera/color/camera_info',
}
"""Topics of the camera by the argument that renames each."""

CAMERA_POSE = {'position': 3, 'rotation': 4}
"""Number of values of each part of a camera's pose; a rotation is a quaternion x y z w."""


def prepare_parameters(context: object) -> None:
    """Write where the camera is, if arguments say so, as parameters over those of the files.

    Without params_file nothing starts: launch would go on with defaults, made for another robot.
    """
    path = LaunchConfiguration('params_file').perform(context)
    if not Path(path).is_file():
        raise RuntimeError(f'params_file: there is no file {path}')
    given = {name: LaunchConfiguration(f'camera_{name}').perform(context) for name in CAMERA_POSE}
    camera = {name: yaml.safe_load(text) for name, text in given.items() if text}
    for name, values in camera.items():
        count = CAMERA_POSE[name]
        if not isinstance(values, list) or len(values) != count:
            raise RuntimeError(f'camera_{name}: {given[name]!r} is no list of {count} numbers')
    if camera:
        camera = {'from_tf': False, **{k: list(map(float, v)) for k, v in camera.items()}}
        with tempfile.NamedTemporaryFile('w', suffix='.yaml', delete=False) as file:
            yaml.safe_dump({'/**/entity_extractor': {'ros__parameters': {'camera': camera}}}, file)
            path = file.name
    context.launch_configurations['camera_file'] = path


def logger(node: str, namespace: LaunchConfiguration) -> PythonExpression:
    """Return the name of a node's logger, its namespace with dots before it."""
    return PythonExpression(["('", namespace, f"/{node}').strip('/').replace('/', '.')"])


def generate_launch_description() -> LaunchDescription:
    """Start perception, concept model and controller."""
    share = Path(get_package_share_directory('concept_control'))
    namespace = LaunchConfiguration('namespace')

    def node(executable: str, parameters: dict | None = None, **options: object) -> Node:
        return Node(
            package='concept_control',
            executable=executable,
            name=executable,
            namespace=namespace,
            # The one place where launch sets the clock of these nodes.
            parameters=[
                LaunchConfiguration('defaults_file'),
                LaunchConfiguration('params_file'),
                LaunchConfiguration('camera_file'),
                {'use_sim_time': LaunchConfiguration('use_sim_time'), **(parameters or {})},
            ],
            arguments=[
                '--ros-args',
                '--log-level',
                [logger(executable, namespace), ':=', LaunchConfiguration('log_level')],
            ],
            respawn=LaunchConfiguration('respawn'),
            respawn_delay=1.0,
            output='screen',
            **options,
        )

    arguments = {
        'params_file': (
            str(share / 'config' / 'robot.yaml'),
            'parameters of all nodes; what it leaves out is as in defaults_file',
        ),
        'defaults_file': (
            str(share / 'config' / 'robot.yaml'),
            'parameters over which those of params_file are laid',
        ),
        'namespace': ('', 'prefix of every node and topic'),
        'use_sim_time': ('false', 'take the time from /clock'),
        'perception': ('true', 'start entity_extractor; false where others publish `entities`'),
        'controller': ('true', 'start mpc_controller'),
        'autostart': (
            'true',
            'activate the controller; false: no commands before `ros2 lifecycle set '
            'mpc_controller configure`, then `activate`',
        ),
        'trajectory_topic': ('joint_trajectory', 'where the arm takes trajectories'),
        'joint_states_topic': ('joint_states', 'where the arm says how it stands'),
        **{
            name: (
                topic,
                f'what the camera driver calls {topic}; the parameter camera.{name} names '
                'compressed images',
            )
            for name, topic in CAMERA_TOPICS.items()
        },
        **{
            f'camera_{name}': (
                '',
                f'{name} of the optical frame of the camera in the fixed frame, {count} numbers '
                'as in "[0.4, 0, 1]"; empty: as the parameters say',
            )
            for name, count in CAMERA_POSE.items()
        },
        'rviz': ('false', 'open RViz with the shipped view'),
        'respawn': ('false', 'start a node again that has died'),
        'localhost_only': ('false', 'discover nodes on this machine only'),
        'log_level': ('info', 'debug, info, warn or error'),
    }
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=value, description=text)
                for name, (value, text) in arguments.items()
            ),
            OpaqueFunction(function=prepare_parameters),
            # Room for images in shared memory; one thread of BLAS a process; and nodes end when
            # ros2 launch is gone, however it went.
            SetEnvironmentVariable(
                'FASTDDS_DEFAULT_PROFILES_FILE', str(share / 'config' / 'fastdds.xml')
            ),
            SetEnvironmentVariable('OMP_NUM_THREADS', '1'),
            SetEnvironmentVariable('CONCEPT_CONTROL_EXIT_WITH_PARENT', str(os.getpid())),
            SetEnvironmentVariable(
                'ROS_AUTOMATIC_DISCOVERY_RANGE',
                'LOCALHOST',
                condition=IfCondition(LaunchConfiguration('localhost_only')),
            ),
            node(
                'entity_extractor',
                condition=IfCondition(LaunchConfiguration('perception')),
                remappings=[
                    ('joint_states', LaunchConfiguration('joint_states_topic')),
                    *(
                        (topic, LaunchConfiguration(argument))
                        for argument, topic in CAMERA_TOPICS.items()
                    ),
                ],
            ),
            node('concept_model'),
            node(
                'mpc_controller',
                {'autostart': LaunchConfiguration('autostart')},
                condition=IfCondition(LaunchConfiguration('controller')),
                remappings=[
                    ('joint_states', LaunchConfiguration('joint_states_topic')),
                    ('joint_trajectory', LaunchConfiguration('trajectory_topic')),
                ],
            ),
            Node(
                package='rviz2',
                executable='rviz2',
                namespace=namespace,
                arguments=['-d', str(share / 'config' / 'concept.rviz')],
                parameters=[{'use_sim_time': LaunchConfiguration('use_sim_time')}],
                condition=IfCondition(LaunchConfiguration('rviz')),
            ),
        ]
    )
