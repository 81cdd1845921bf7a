"""Where the parts of an arm are, so that perception does not take them for things."""

from __future__ import annotations

import mujoco
import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.world.boxes import OrientedBoxes

HANDLING_LENGTH = 0.05
"""Length of a tool, from its tip, that may be beside a block that is to be seen [m]."""


class ArmBoxes:
    """The boxes around an arm's geoms, without those of its tool that come near the tip.

    They are left out because they touch what is to be seen. Not thread-safe.
    """

    def __init__(self, arm: ArmDescription) -> None:
        self._model = model = arm.spec().compile()
        self._data = mujoco.MjData(model)
        site = model.site(arm.tool_site).id
        tool = int(model.body_weldid[model.site_bodyid[site]])
        is_link = model.body_weldid[model.geom_bodyid] != tool
        self._geoms = np.flatnonzero(model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE)
        boxes = self.at(arm.home)
        axis = self._data.site_xmat[site].reshape(3, 3)[:, 2]
        # How far each box reaches along the axis that points out of the tip.
        ahead = (boxes.centers - self._data.site_xpos[site]) @ axis
        ahead += (np.abs(axis @ boxes.rotations) * boxes.half_sizes).sum(axis=1)
        self._geoms = self._geoms[is_link[self._geoms] | (ahead < -HANDLING_LENGTH)]

    def at(self, q: np.ndarray) -> OrientedBoxes:
        """Return the boxes at joint positions (n,) [rad, m]."""
        self._data.qpos[:] = q
        mujoco.mj_kinematics(self._model, self._data)
        boxes = self._model.geom_aabb[self._geoms]
        rotations = self._data.geom_xmat[self._geoms].reshape(-1, 3, 3).copy()
        centers = self._data.geom_xpos[self._geoms]
        centers = centers + np.einsum('kij,kj->ki', rotations, boxes[:, :3])
        return OrientedBoxes(centers, rotations, boxes[:, 3:])
