"""Parameters of `concept_model`."""

from __future__ import annotations

from dataclasses import dataclass

from concept_control.energy.model import ENERGIES
from concept_control.language.goals import GoalConfig
from concept_control.ros.runtime.parameters import parameter


@dataclass
class Parameters:
    """Parameters of the node."""

    arm: str = parameter(
        'franka', 'name of a shipped arm or path of an arm YAML (for its workspace)'
    )
    frame: str = parameter('world', 'fixed frame of the entities')
    model: str = parameter('', 'folder or file of the trained model; empty: the one shipped')
    energy: str = parameter('agreement', 'energy of the concepts', choices=ENERGIES)
    device: str = parameter('auto', 'device that computes', choices=('auto', 'cpu', 'cuda'))
    num_demonstrations: int = parameter(
        5, 'demonstrations of each concept learned at the start', 1, 50
    )
    seed: int = parameter(
        0, 'seed of the demonstrations and inferences at the start', 0, 2**31 - 1
    )
    library: str = parameter(
        '',
        'folder of taught concepts; empty: $CONCEPT_CONTROL_LIBRARY, or '
        '~/.local/share/concept_control/concepts',
    )
    keep_disagreeing: bool = parameter(
        False, 'learn also from demonstrations that do not agree with one another', is_live=True
    )
    entities_timeout: float = parameter(
        10.0, 'longest wait for entities before a command is refused [s]', 0.0, 120.0, is_live=True
    )
    goal_energy: float = parameter(
        GoalConfig.max_energy,
        'largest energy of a part of a solution: about the square of the error in workspace units',
        1e-6,
        1.0,
        is_live=True,
    )
    move_tolerance: float = parameter(
        GoalConfig.move_tolerance,
        'distance below which an entity stays where it is [m]',
        0.0,
        0.05,
        is_live=True,
    )
