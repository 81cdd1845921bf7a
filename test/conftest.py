"""Every run of the tests is alone: its own ROS domain, this machine only, its own log folder."""

import os
import tempfile
from pathlib import Path

import pytest

# Domains up to 101 leave room for the ports of every operating system.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# Removed when the run ends.
LOGS = tempfile.TemporaryDirectory(prefix='concept_control_test_', ignore_cleanup_errors=True)
LIBRARY = tempfile.TemporaryDirectory(prefix='concept_control_library_')
os.environ['ROS_LOG_DIR'] = LOGS.name
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Read when a process makes its first participant: without it images are lost between processes.
os.environ['FASTDDS_DEFAULT_PROFILES_FILE'] = str(
    Path(__file__).resolve().parent.parent / 'config/fastdds.xml'
)
# Nor do words taught on this machine count.
os.environ['CONCEPT_CONTROL_LIBRARY'] = LIBRARY.name


@pytest.fixture(scope='session')
def small_config():
    """A network small enough for a test that has every part a network may have."""
    from concept_control.energy.networks.energy_network import NetworkConfig

    return NetworkConfig(
        code_width=8,
        hidden=16,
        attribute_width=8,
        channels=4,
        head_width=24,
        num_outputs=5,
        encoder_hidden=16,
        encoder_width=32,
    )


@pytest.fixture(scope='session')
def rail_arm(tmp_path_factory):
    """The YAML of an arm on a rail, not at the origin; what it does not say is derived."""
    import yaml

    from concept_control.control.arm.description import ARMS_FOLDER

    folder = tmp_path_factory.mktemp('rail')
    xml = (ARMS_FOLDER / 'ur5e' / 'ur5e.xml').read_text()
    base = '<body name="base_link" quat="0 0 0 1">'
    assert base in xml
    carriage = (
        '<body name="carriage"><joint name="rail" type="slide" axis="0 1 0" range="-0.3 0.3" '
        'actuatorfrcrange="-400 400" armature="0" damping="5"/>'
        '<geom type="box" size="0.08 0.08 0.01" pos="0 0 -0.01" mass="5"/>' + base
    )
    xml = xml.replace(base, carriage).replace('</worldbody>', '</body></worldbody>')
    (folder / 'rail.xml').write_text(xml)
    fields = {
        'model': 'rail.xml',
        'tool_site': 'suction_tip',
        'suction': True,
        'base': {'position': [0.1, -0.2, 0.05], 'yaw_degrees': 30.0},
    }
    (folder / 'rail.yaml').write_text(yaml.safe_dump(fields))
    return folder / 'rail.yaml'
