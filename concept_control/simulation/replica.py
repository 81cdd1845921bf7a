"""A second state of the same model, for a thread that looks while another one simulates."""

from __future__ import annotations

import mujoco
import numpy as np


class Replica:
    """Poses a model from its generalised positions; owned by the thread that reads it."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._data = mujoco.MjData(model)

    def at(self, qpos: np.ndarray) -> mujoco.MjData:
        """Return the state at positions (nq,) with the poses of bodies, cameras and lights."""
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        return self._data
