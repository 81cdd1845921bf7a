"""The graph around a simulated robot as processes: which nodes, with which parameters."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concept_control.paths import share_folder
from concept_control.ros.runtime.process_graph import (
    EXECUTABLES,
    JOINT_STATE_RATES,
    Graph,
    NodeProcess,
)

START_TIMEOUT = 90.0
"""Seconds the nodes get to come up: importing torch alone takes several on a small machine."""

PARTICLE_EXECUTABLES = ('particle_world', 'concept_model')
"""Nodes of the graph without an arm."""


@dataclass(frozen=True, kw_only=True)
class GraphConfig:
    """Configuration of a simulated robot.

    Attributes:
        seed: Seed of the layout and of every choice.
        blocks: Colours of the blocks on the table.
        world: World of the run: 'arm', or 'particles' for points that descend the energy.
        arm: Name of an arm, or path of its description.
        interface: Command interface of the arm, one of `INTERFACES`.
        pushes: Whether blocks are pushed instead of carried.
        num_cameras: Number of simulated cameras, 1 or 2.
        camera: Way in which the simulated cameras make their images.
        speed: Largest number of simulated seconds per second.
        model: Folder of a trained model; None for the shipped one.
    """

    seed: int
    blocks: tuple[str, ...]
    world: str
    arm: str
    interface: str
    pushes: bool
    num_cameras: int
    camera: str
    speed: float
    model: Path | None = None

    @property
    def executables(self) -> tuple[str, ...]:
        """Nodes of the graph."""
        return EXECUTABLES if self.world == 'arm' else PARTICLE_EXECUTABLES


def simulated_graph(config: GraphConfig) -> tuple[Graph, Path]:
    """Return the nodes, to be started by a `with` block, and the folder of their logs."""
    logs = Path(tempfile.mkdtemp(prefix='concept_control_'))
    overrides = node_parameters(config)
    nodes = [NodeProcess(name, overrides[name]) for name in config.executables]
    parameter_file = 'demo.yaml' if config.world == 'arm' else 'particles.yaml'
    return Graph(nodes, share_folder() / 'config' / parameter_file, logs), logs


def node_parameters(config: GraphConfig) -> dict[str, dict[str, Any]]:
    """Return what the configuration sets over the parameter file, by node."""
    model = {'model': str(config.model.resolve())} if config.model else {}
    layout = {'seed': config.seed, 'colors': list(config.blocks)}
    prefixes = ['camera', 'oblique'][: config.num_cameras]
    arm, cameras = {'arm': config.arm}, {'cameras': prefixes}
    return {
        'arm_simulator': {
            **layout,
            **arm,
            **cameras,
            'interface': config.interface,
            'joint_state_rate': JOINT_STATE_RATES[config.interface],
            'backend': config.camera,
            'real_time_factor': config.speed,
        },
        'particle_world': {**layout, **arm, **model},
        'entity_extractor': {**arm, **cameras},
        'concept_model': {**arm, **model},
        'mpc_controller': {**arm, **model, 'output': config.interface, 'pushes': config.pushes},
    }
