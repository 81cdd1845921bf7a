"""The client is one import, also under its former name, and needs no bags."""

import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')


def test_the_client_is_importable_under_both_names_without_rosbags():
    program = (
        "import sys; sys.modules['rosbags'] = None\n"
        'from concept_control.ros.client import ConceptCommander, Outcome\n'
        'from concept_control.ros import commander\n'
        'assert commander.ConceptCommander is ConceptCommander and commander.Outcome is Outcome'
    )
    subprocess.run([sys.executable, '-c', program], check=True)
