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
from concept_control.interfaces.camera_topics import CameraTopics, camera_topics
from concept_control.paths import share_folder
from concept_control.perception.camera_model import pose_matrix
from concept_control.perception.image_synchronizer import MAX_STAMP_GAP
from concept_control.simulation.scene import camera_pose


@dataclass(frozen=True)
class RecordedSetup:
    """The set-up of a recording.

    Attributes:
        arm: Description of the arm, with the workspace.
        frame: Fixed frame of the entities.
        camera: Topics of the camera that sets the pace.
        T_world_camera: (4, 4) pose of its optical frame; None where it came from TF.
        table_height: Height of the table in the fixed frame [m].
        joint_prefix: Prefix of the arm's joints in joint states.
        max_stamp_gap: Largest time between colour and depth of one moment [s].
    """

    arm: ArmDescription
    frame: str
    camera: CameraTopics
    T_world_camera: np.ndarray | None
    table_height: float
    joint_prefix: str = ''
    max_stamp_gap: float = MAX_STAMP_GAP


def read_setup(path: Path | None = None) -> RecordedSetup:
    """Read a parameter file of the nodes; None: the one of the simulated demonstration.

    Raises:
        BagError: if it is no parameter file.
    """
    path = share_folder() / 'config' / 'demo.yaml' if path is None else path
    tree = read_yaml(path, BagError)
    p = _parameters(tree, 'entity_extractor')
    try:
        prefix = str(p.get('cameras', ['camera'])[0])
        placed = p.get(prefix, {})
        arm, pose = ArmDescription.load(p.get('arm', 'franka')), None
        if not placed.get('from_tf', False):
            pose = (
                camera_pose(arm.workspace, placed['scene_camera'])
                if 'position' not in placed
                else pose_matrix(placed['position'], placed['rotation'])
            )
        return RecordedSetup(
            arm=arm,
            frame=str(p.get('frame', 'world')),
            camera=camera_topics(
                prefix, *(placed.get(f'{n}_topic', '') for n in CameraTopics._fields)
            ),
            T_world_camera=pose,
            table_height=float(p.get('table_height', 0.0)),
            joint_prefix=str(p.get('joint_prefix', '')),
            max_stamp_gap=float(p.get('max_stamp_gap', MAX_STAMP_GAP)),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BagError(
            f'{path} does not tell where the camera is: entity_extractor needs `cameras`, and '
            f'`position` and `rotation`, or `scene_camera`, of the first of them ({error!r})'
        ) from error


def _parameters(tree: Any, node: str) -> dict[str, Any]:
    """Return what a parameter file sets for a node, by name or by wildcards."""
    found: dict[str, Any] = {}
    if isinstance(tree, dict):
        for key, value in tree.items():
            if str(key).strip('/*') in ('', node) and isinstance(value, dict):
                found.update(value.get('ros__parameters') or {})
    return found
