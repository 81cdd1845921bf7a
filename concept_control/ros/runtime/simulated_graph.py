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
        world: An arm and cameras, or particles: points that descend the energy by themselves.
        arm: Name of an arm, or path of its description.
        seed: Seed of the layout and of every choice.
        interface: What the arm is sent: trajectories, or a position or torque for each joint
            state.
        pushes: Push blocks over the table instead of carrying them (experimental; slower, so give
            it time).
        blocks: Colours of the blocks on the table.
        open_boxes: Which of these are no blocks but open boxes.
        num_cameras: Number of simulated cameras; of 2, fused, one looks obliquely.
        camera: Way in which they make their images.
        speed: Simulated seconds per second, at most.
        model: Folder of a trained model; None for the shipped one.
    """

    world: str = 'arm'
    arm: str = 'franka'
    seed: int = 0
    interface: str = 'joint_trajectory'
    pushes: bool = False
    blocks: tuple[str, ...] = ('red', 'blue', 'green', 'yellow')
    open_boxes: tuple[str, ...] = ()
    num_cameras: int = 1
    camera: str = 'auto'
    speed: float = 1.0
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
            'open_boxes': ','.join(config.open_boxes),
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
