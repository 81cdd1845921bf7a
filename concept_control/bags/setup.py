"""The set-up of a recording, which no bag holds: the arm, the pose of the camera, the table.

Read from the parameter file that the recorded nodes were started with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.errors import BagError
from concept_control.input_files import read_yaml
from concept_control.paths import share_folder
from concept_control.perception.camera_model import pose_matrix


@dataclass(frozen=True)
class RecordedSetup:
    """The set-up of a recording.

    Attributes:
        arm: Description of the arm, with the workspace.
        frame: Fixed frame of the entities.
        camera: Topic prefix of the camera that sets the pace.
        T_world_camera: (4, 4) pose of its optical frame; None where it came from TF.
        table_height: Height of the table in the fixed frame [m].
    """

    arm: ArmDescription
    frame: str
    camera: str
    T_world_camera: np.ndarray | None
    table_height: float


def read_setup(path: Path | None = None) -> RecordedSetup:
    """Read a parameter file of the nodes; None: the one of the simulated demonstration.

    Raises:
        BagError: if it is no parameter file.
    """
    path = share_folder() / 'config' / 'demo.yaml' if path is None else path
    tree = read_yaml(path, BagError)
    p = _parameters(tree, 'entity_extractor')
    try:
        camera = str(p.get('cameras', ['camera'])[0])
        placed = p.get(camera, {})
        pose = None
        if not placed.get('from_tf', False):
            pose = pose_matrix(placed['position'], placed['rotation'])
        return RecordedSetup(
            arm=ArmDescription.load(p.get('arm', 'franka')),
            frame=str(p.get('frame', 'world')),
            camera=camera,
            T_world_camera=pose,
            table_height=float(p.get('table_height', 0.0)),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BagError(
            f'{path} does not tell where the camera is: entity_extractor needs `cameras`, and '
            f'`position` and `rotation` of the first of them ({error!r})'
        ) from error


def _parameters(tree: Any, node: str) -> dict[str, Any]:
    """Return what a parameter file sets for a node, by name or by wildcards."""
    found: dict[str, Any] = {}
    if isinstance(tree, dict):
        for key, value in tree.items():
            if str(key).strip('/*') in ('', node) and isinstance(value, dict):
                found.update(value.get('ros__parameters') or {})
    return found
