"""Start the graph's nodes as processes, watch them, and leave none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from concept_control.errors import ConceptControlError
from concept_control.paths import share_folder
from concept_control.ros.runtime.node_process import EXIT_WITH_PARENT

EXECUTABLES = ('arm_simulator', 'entity_extractor', 'concept_model', 'mpc_controller')
"""Nodes of the graph with the simulated arm."""

JOINT_STATE_RATES = {'joint_trajectory': 100.0, 'position': 250.0, 'effort': 250.0}
"""Joint states a second by interface: commands go out at this rate, and torques must be quick to
be stable."""

GRACE = 5.0
"""Seconds a node gets to end by itself after SIGINT, and again after SIGTERM."""


class ProcessDiedError(ConceptControlError):
    """A node ended although nobody asked it to."""


@dataclass
class NodeProcess:
    """One executable of this package.

    Attributes:
        executable: Name as in `ros2 run`.
        parameters: Values that replace those of the parameter file.
        remappings: Topic names by the topic names that they replace.
    """

    executable: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)


class Graph:
    """Runs nodes as processes for as long as a `with` block lasts."""

    def __init__(
        self, nodes: Sequence[NodeProcess], parameter_file: Path, log_folder: Path
    ) -> None:
        """Prepare to start nodes in this order; the folder of their logs need not exist."""
        self._nodes = nodes
        self._parameter_file = parameter_file
        self._log_folder = log_folder
        self._environment = {
            **os.environ,
            # Two threads of BLAS a process would fight over the cores.
            'OMP_NUM_THREADS': '1',
            'RCUTILS_COLORIZED_OUTPUT': '0',
            'PYTHONUNBUFFERED': '1',
            EXIT_WITH_PARENT: str(os.getpid()),
        }
        self.processes: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> Graph:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        try:
            for node in self._nodes:
                self.processes[node.executable] = self._start(node)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_path(self, executable: str) -> Path:
        """Where a node's output goes."""
        return self._log_folder / f'{executable}.log'

    def check(self) -> None:
        """Raise if a node is gone.

        Raises:
            ProcessDiedError: with the node's exit code and the end of its log.
        """
        for name, process in self.processes.items():
            code = process.poll()
            if code is not None:
                lines = self.log_path(name).read_text(errors='replace').splitlines()
                tail = '\n'.join(f'  {line}' for line in lines[-15:]) or '  (it printed nothing)'
                raise ProcessDiedError(
                    f'{name} ended with {describe_exit(code)}; the end of '
                    f'{self.log_path(name)}:\n{tail}'
                )

    def wait_for(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait until a condition holds.

        Args:
            condition: Function asked again and again.
            timeout: Longest wait [s of the machine].
            what: Words for what is waited for.

        Raises:
            ProcessDiedError: if a node is gone.
            ConceptControlError: if the time is over, with where the logs are.
        """
        end = time.monotonic() + timeout
        while not condition():
            self.check()
            if time.monotonic() > end:
                raise ConceptControlError(
                    f'waited {timeout:g} s for {what}; see the logs in {self._log_folder}'
                )
            time.sleep(0.02)

    def wait_for_all(self, parts: Mapping[str, Callable[[], bool]], timeout: float) -> None:
        """Wait until all conditions have held, one after the other; show which does not yet.

        Args:
            parts: Functions that are asked again and again, by words for what is waited for.
            timeout: Longest wait for each of them [s of the machine].

        Raises:
            ConceptControlError: as `wait_for`.
        """
        bar = tqdm(parts.items(), 'waiting for', leave=False, file=sys.stderr, disable=None)
        for what, is_there in bar:
            bar.set_postfix_str(what)
            self.wait_for(is_there, timeout, what)

    def restart(self, executable: str) -> None:
        """Kill one node and start it anew; its log begins again."""
        process = self.processes[executable]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        (node,) = [node for node in self._nodes if node.executable == executable]
        self.processes[executable] = self._start(node)

    def stop(self) -> dict[str, int]:
        """End all nodes, gently first; return their exit codes."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for process in self.processes.values():
                if process.poll() is None:
                    # The whole session: a node may have children of its own.
                    os.killpg(process.pid, number)
            deadline = time.monotonic() + GRACE
            for process in self.processes.values():
                try:
                    process.wait(timeout=max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    continue
        return {name: process.returncode for name, process in self.processes.items()}

    def _start(self, node: NodeProcess) -> subprocess.Popen:
        module, file = 'concept_control.ros.runtime.entry_points', str(self._parameter_file)
        command = [sys.executable, '-m', module, node.executable]
        command += ['--ros-args', '--params-file', file]
        if node.parameters:
            overrides = Path(tempfile.mkdtemp(dir=self._log_folder)) / f'{node.executable}.yaml'
            tree = {f'/**/{node.executable}': {'ros__parameters': dict(node.parameters)}}
            overrides.write_text(yaml.safe_dump(tree))
            command += ['--params-file', str(overrides)]
        for old, new in node.remappings.items():
            command += ['-r', f'{old}:={new}']
        with self.log_path(node.executable).open('wb') as log:
            # A session of its own: Ctrl-C reaches only us, and we pass it on in order.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )


def describe_exit(code: int) -> str:
    """Say an exit code in words: negative ones are signals."""
    if code >= 0:
        return f'exit code {code}'
    try:
        return f'signal {signal.Signals(-code).name}'
    except ValueError:
        return f'signal {-code}'


def graph_environment() -> dict[str, str]:
    """Return what the graph's processes need: discovery on this machine only, large segments."""
    environment = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    if 'FASTDDS_DEFAULT_PROFILES_FILE' not in os.environ:
        environment['FASTDDS_DEFAULT_PROFILES_FILE'] = str(share_folder() / 'config/fastdds.xml')
    if 'ROS_LOG_DIR' not in os.environ and not os.access(os.path.expanduser('~'), os.W_OK):
        environment['ROS_LOG_DIR'] = tempfile.mkdtemp(prefix='concept_control_ros_')
    return environment
