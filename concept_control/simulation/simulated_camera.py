"""A simulated RGB-D camera: OpenGL where a library really works, ray casting where none does.

Threads: one `SimulatedCamera` is used by one thread at a time, any thread; `render` must not run
while another thread steps the same `MjData` (give it a copy made with `mujoco.mj_copyData`).
"""

from __future__ import annotations

from typing import Protocol

import mujoco
import numpy as np

from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics
from concept_control.simulation.opengl import OpenGLBackend, find_backend
from concept_control.simulation.raycast import RaycastBackend

BACKENDS = ('auto', 'egl', 'osmesa', 'raycast')
"""Ways to make the images; `auto` takes the first of the others that really works here."""


class CameraBackend(Protocol):
    """What makes the images of one camera."""

    def render(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Return (H, W, 3) uint8 RGB and (H, W) float32 depth [m], NaN where nothing is."""

    def close(self) -> None:
        """Free what the backend holds."""


class SimulatedCamera:
    """The colour and depth images that a camera of a MuJoCo model sees.

    Attributes:
        name: Name of the camera in the model.
        intrinsics: Calibration of the camera; square pixels, no distortion.
        backend: Way in which the images are made: egl, osmesa or raycast.
        backend_reason: Reason for that choice, for people.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        name: str,
        width: int = 640,
        height: int = 480,
        backend: str = 'auto',
    ) -> None:
        """Prepare a camera of a scene for images of a size [pixels].

        Of `BACKENDS`, `auto` tries those that MUJOCO_GL allows (egl, osmesa or disable), where
        that is set in the environment.

        Raises:
            PerceptionError: For an unknown camera or backend, a size the model's off-screen
                buffer cannot hold, or an explicitly asked backend that does not work here.
        """
        self.name = name
        self._model = model
        self._camera_id = camera_id(model, name)
        focal = 0.5 * height / np.tan(0.5 * np.deg2rad(model.cam_fovy[self._camera_id]))
        # OpenGL's axis goes through the middle of the image; pixel 0 has its centre at 0.
        middle = 0.5 * (width - 1), 0.5 * (height - 1)
        self.intrinsics = Intrinsics(width, height, focal, focal, *middle)
        if backend not in BACKENDS:
            raise PerceptionError(
                f'camera backend {backend!r} is not known; choose from {", ".join(BACKENDS)}'
            )
        chosen, reason = find_backend() if backend == 'auto' else (backend, 'asked for')
        self._backend: CameraBackend | None = None
        if chosen != 'raycast':
            try:
                self._backend = OpenGLBackend(chosen, model, self._camera_id, width, height)
            except PerceptionError as error:
                if backend != 'auto':
                    raise
                chosen, reason = 'raycast', f'{chosen} worked when tried, but not here: {error}'
        if self._backend is None:
            self._backend = RaycastBackend(model, self._camera_id, self.intrinsics)
        self.backend: str = chosen
        self.backend_reason: str = reason

    def render(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Return what the camera sees in a state.

        Args:
            data: State of the model given at construction, positions computed (`mj_forward`,
                `mj_step` or `mj_kinematics` + `mj_camlight`).

        Returns:
            (H, W, 3) uint8 RGB, and (H, W) float32 depth along the optical axis [m], NaN where
            nothing is.
        """
        if self._backend is None:
            raise PerceptionError(f'camera {self.name!r} has been closed')
        return self._backend.render(data)

    def T_world_camera(self, data: mujoco.MjData) -> np.ndarray:  # noqa: N802
        """Return the (4, 4) world-frame pose of the optical frame (x right, y down, z ahead)."""
        pose = np.eye(4)
        # MuJoCo's cameras look along -z with y up.
        pose[:3, :3] = data.cam_xmat[self._camera_id].reshape(3, 3) * (1.0, -1.0, -1.0)
        pose[:3, 3] = data.cam_xpos[self._camera_id]
        return pose

    def close(self) -> None:
        """Free the graphics context; the camera cannot render afterwards."""
        if self._backend is not None:
            self._backend.close()
        self._backend = None

    def __enter__(self) -> SimulatedCamera:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def camera_id(model: mujoco.MjModel, name: str) -> int:
    """Return the index of a camera.

    Raises:
        PerceptionError: If the model has none of that name; the text lists those it has.
    """
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, name)
    if index < 0:
        names = [model.camera(i).name for i in range(model.ncam)]
        raise PerceptionError(f'no camera {name!r} in the model; it has {names or "none"}')
    return index
