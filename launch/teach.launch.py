"""Teach by showing: `ros2 launch concept_control teach.launch.py`.

Perception and concept model beside your camera, and no controller: the arm stays still while you
move things by hand. Cut what you show into demonstrations by words on `demonstration_marker`:

    ros2 topic pub --once /demonstration_marker std_msgs/msg/String "{data: 'begin bridge'}"
    ros2 topic pub --once /demonstration_marker std_msgs/msg/String "{data: end}"
    ros2 topic pub --once /demonstration_marker std_msgs/msg/String "{data: learn}"

docs/teach.md tells the rest. With `bag:=PATH` everything is recorded too, so that
`concept_control teach NAME --from PATH` can learn from it again.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    ResetLaunchConfigurations,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression

from launch import LaunchDescription

RECORDED = ('entities', 'demonstrations', 'demonstration_marker', 'concepts', 'concept_status')
"""What `concept_control teach` and `recognise` read."""

DRIVER_TOPICS = {
    'joint_states_topic': 'joint_states',
    'color_topic': 'camera/color/image_raw',
    'depth_topic': 'camera/depth/image_raw',
    'info_topic': 'camera/color/camera_info',
}
"""Topics of arm and camera by the argument that renames each."""

CAMERA_POSE = {'camera_position': '"[x, y, z]"', 'camera_rotation': '"[x, y, z, w]"'}
"""Arguments that say where the camera is."""


def generate_launch_description() -> LaunchDescription:
    """Start perception and concept model, and a recorder where one is asked for."""
    share = Path(get_package_share_directory('concept_control'))
    passed = (
        *('params_file', 'namespace', 'use_sim_time', 'perception', 'rviz', 'log_level'),
        *CAMERA_POSE,
        *DRIVER_TOPICS,
    )
    arguments = {
        'params_file': (
            str(share / 'config' / 'robot.yaml'),
            'parameters of all nodes; what it leaves out is as in robot.yaml',
        ),
        'namespace': ('', 'prefix of every node and topic'),
        'use_sim_time': ('false', 'take the time from /clock'),
        'perception': ('true', 'start entity_extractor; false where others publish `entities`'),
        'bag': ('', 'record what is shown into this new bag'),
        **{
            name: (topic, f'what the driver calls {topic}')
            for name, topic in DRIVER_TOPICS.items()
        },
        **{name: ('', f'as of bringup.launch.py: {what}') for name, what in CAMERA_POSE.items()},
        'rviz': ('false', 'open RViz with the shipped view'),
        'log_level': ('info', 'debug, info, warn or error'),
    }
    namespace = LaunchConfiguration('namespace')
    bag = LaunchConfiguration('bag')
    prefix = PythonExpression(["'/' + '", namespace, "'.strip('/') + '/' if '", namespace,
                               "'.strip('/') else '/'"])  # fmt: skip
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=value, description=text)
                for name, (value, text) in arguments.items()
            ),
            # What is not passed on cannot be set, nor is it shown: it is fixed here.
            PushLaunchConfigurations(),
            ResetLaunchConfigurations(
                {'controller': 'false', **{name: LaunchConfiguration(name) for name in passed}}
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(share / 'launch' / 'bringup.launch.py'))
            ),
            PopLaunchConfigurations(),
            ExecuteProcess(
                cmd=['ros2', 'bag', 'record', '--output', bag, '--topics',
                     *([prefix, topic] for topic in RECORDED)],
                name='recorder',
                output='screen',
                condition=IfCondition(PythonExpression(["'", bag, "' != ''"])),
            ),
        ]
    )  # fmt: skip
