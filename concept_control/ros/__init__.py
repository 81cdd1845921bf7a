"""The ROS 2 side: thin nodes around the core. Nothing outside this folder imports rclpy.

With the ROS wheels from PyPI the root of the virtual environment is the ament prefix, which no
setup script has told anyone; on a ROS 2 installation the variable is set and left alone.
"""

import os
import sys
from pathlib import Path

if 'AMENT_PREFIX_PATH' not in os.environ and (Path(sys.prefix) / 'share/ament_index').is_dir():
    os.environ['AMENT_PREFIX_PATH'] = sys.prefix
