"""A node as a process gets the share of the machine that it was given."""

import os
import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')


def test_a_process_that_gives_way_stays_behind_others_of_any_session():
    program = (
        'import os; from concept_control.ros.runtime.node_process import lower_priority; '
        'lower_priority(); '
        "print(os.nice(0)); print(open('/proc/self/autogroup').read())"
    )
    alone = subprocess.run(
        [sys.executable, '-c', program],
        check=True,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    lines = alone.stdout.split('\n', 1)
    assert int(lines[0]) == min(os.nice(0) + 4, 19)
    if 'nice' in lines[1]:
        assert lines[1].split()[-1] == '4'
