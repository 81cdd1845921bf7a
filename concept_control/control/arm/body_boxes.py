"""Where the parts of an arm are, so that perception does not take them for things."""

from __future__ import annotations

import mujoco
import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.world.boxes import OrientedBoxes


class ArmBoxes:
    """The boxes around an arm's geoms, base and links, without what is rigid with its tool.

    The tool is left out because it touches what is to be seen. Not thread-safe.
    """

    def __init__(self, arm: ArmDescription) -> None:
        self._model = model = arm.spec().compile()
        self._data = mujoco.MjData(model)
        tool = int(model.body_weldid[model.site_bodyid[model.site(arm.tool_site).id]])
        is_seen = model.body_weldid[model.geom_bodyid] != tool
        is_seen &= model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE
        self._geoms = np.flatnonzero(is_seen)

    def at(self, q: np.ndarray) -> OrientedBoxes:
        """Return the boxes at joint positions (n,) [rad, m]."""
        self._data.qpos[:] = q
        mujoco.mj_kinematics(self._model, self._data)
        boxes = self._model.geom_aabb[self._geoms]
        rotations = self._data.geom_xmat[self._geoms].reshape(-1, 3, 3).copy()
        centers = self._data.geom_xpos[self._geoms]
        centers = centers + np.einsum('kij,kj->ki', rotations, boxes[:, :3])
        return OrientedBoxes(centers, rotations, boxes[:, 3:])
