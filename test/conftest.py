"""Every run of the tests is alone: its own ROS domain, this machine only, its own log folder."""

import os
import tempfile
from pathlib import Path

import pytest

# Domains up to 101 leave room for the ports of every operating system.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ['ROS_LOG_DIR'] = tempfile.mkdtemp(prefix='concept_control_test_')
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Read when a process makes its first participant: without it images are lost between processes.
os.environ['FASTDDS_DEFAULT_PROFILES_FILE'] = str(
    Path(__file__).resolve().parent.parent / 'config/fastdds.xml'
)
# Nor do words taught on this machine count.
os.environ['CONCEPT_CONTROL_LIBRARY'] = tempfile.mkdtemp(prefix='concept_control_library_')


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
