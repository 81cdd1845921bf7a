"""Parameters of `entity_extractor` and of each of its cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.guard import GuardConfig
from concept_control.perception.camera_model import pose_matrix
from concept_control.perception.detection.limits import BlockLimits
from concept_control.perception.image_synchronizer import MAX_STAMP_GAP
from concept_control.ros.runtime.parameters import parameter
from concept_control.simulation.scene import camera_pose
from concept_control.world.workspace import Workspace


@dataclass
class Parameters:
    """Parameters of the node."""

    arm: str = parameter('franka', 'name of a shipped arm or path of an arm YAML')
    joint_prefix: str = parameter('', "prefix of the arm's joints in joint states")
    frame: str = parameter('world', 'fixed frame that entities are published in')
    table_height: float = parameter(0.0, 'height of the table top in that frame [m]', -2.0, 3.0)
    table_color: list[float] = parameter(
        [0.0, 0.0, 0.0],
        'mean albedo of the table, RGB in (0, 1], from which the light is measured; all zero: '
        'unknown, colours are then as bright as the camera shows them',
    )
    min_side: float = parameter(0.022, 'smallest side of a block seen from above [m]', 0.005, 0.5)
    max_side: float = parameter(0.06, 'largest side of a block seen from above [m]', 0.005, 0.5)
    max_height: float = parameter(
        0.065,
        'largest height of a block; what is higher is a stack, arm or clutter [m]',
        0.01,
        0.5,
    )
    max_stack: float = parameter(
        0.26,
        'largest height of blocks on one another, once joint states say where the arm is [m]',
        0.01,
        1.0,
    )
    bounds: list[float] = parameter(
        [0.0, 0.0, 0.0, 0.0],
        'x_min, x_max, y_min, y_max where blocks may be [m]; all zero: where the tool may go',
    )
    things: str = parameter(
        '', 'YAML file of known things; those with AprilTags are found by these, and no others'
    )
    cameras: list[str] = parameter(
        ['camera'], 'topic prefixes; the first that is well sets the pace'
    )
    publish_tf: bool = parameter(
        True, 'publish TF of entities, as concept/entity_ID, and of cameras at `position`'
    )
    max_stamp_gap: float = parameter(
        MAX_STAMP_GAP, 'largest time between colour and depth of one frame [s]', 0.0, 0.1
    )
    max_camera_gap: float = parameter(
        0.05, 'largest time between frames that are fused [s]', 0.0, 0.5, is_live=True
    )
    stale_after: float = parameter(
        1.0, 'silence from which a camera counts as failed [s]', 0.1, 60.0, is_live=True
    )

    def block_limits(self, arm: ArmDescription) -> BlockLimits:
        """Return the limits of what may be on the table in front of an arm."""
        x_min, x_max, y_min, y_max = (
            self.bounds if any(self.bounds) else arm.workspace.bounds(GuardConfig.fence_margin)
        )
        return BlockLimits(
            table_height=self.table_height,
            max_height=self.max_height,
            max_stack=self.max_stack,
            min_side=self.min_side,
            max_side=self.max_side,
            bounds=(x_min, x_max, y_min, y_max),
        )

    def known_table_color(self) -> np.ndarray | None:
        """Return the albedo of the table, (3,) RGB; None if unknown."""
        return np.array(self.table_color) if any(self.table_color) else None


@dataclass
class CameraParameters:
    """Parameters of one camera; their prefix is also that of its topics."""

    color_topic: str = parameter(
        '', 'colour images, compressed if it ends so; empty: color/image_raw below the prefix'
    )
    depth_topic: str = parameter(
        '',
        'depth images registered to colour, compressed if it ends in compressedDepth; empty: '
        'depth/image_raw below the prefix',
    )
    info_topic: str = parameter(
        '', 'calibration of the colour images; empty: color/camera_info below the prefix'
    )
    from_tf: bool = parameter(False, 'take the pose from TF instead of the parameters')
    position: list[float] = parameter(
        [0.0, 0.0, 0.0],
        "position of the optical frame [m]; all zero: beside the arm's workspace, as "
        '`scene_camera` of the simulated scene stands',
    )
    rotation: list[float] = parameter(
        [0.70710678, -0.70710678, 0.0, 0.0],
        'rotation of the optical frame in the fixed frame, quaternion x y z w; not used where the '
        'position is all zero',
    )
    scene_camera: str = parameter(
        'top', 'camera of the simulated scene', choices=('top', 'oblique')
    )

    def pose(self, workspace: Workspace) -> np.ndarray:
        """Return T_world_camera (4, 4) beside a workspace, where TF does not tell it."""
        if any(self.position):
            return pose_matrix(self.position, self.rotation)
        return camera_pose(workspace, self.scene_camera)
