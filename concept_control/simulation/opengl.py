"""Off-screen OpenGL images of a MuJoCo scene through EGL or OSMesa."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import mujoco
import numpy as np

from concept_control.errors import PerceptionError

LIBRARIES = ('egl', 'osmesa')
"""OpenGL platforms without a window, in the order in which they are tried."""

PACKAGES = {'egl': 'libegl1 libgl1-mesa-dri', 'osmesa': 'libosmesa6'}
"""Debian packages that bring them."""

PROBE_TIMEOUT = 30.0
"""Seconds a driver may take to show that it can draw; a broken one may hang."""

# Drawn in a process of its own: a broken driver may crash, and PyOpenGL ties a process to the
# first platform it is asked for.
_PROBE = """
import importlib, sys
import mujoco, numpy
context = importlib.import_module('mujoco.' + sys.argv[1]).GLContext(16, 16)
context.make_current()
model = mujoco.MjModel.from_xml_string(
    '<mujoco><visual><headlight ambient="1 1 1"/></visual><worldbody><camera pos="0 0 3"/>'
    '<geom type="sphere" size="2" rgba="1 0 0 1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
scene = mujoco.MjvScene(model, 10)
camera = mujoco.MjvCamera()
camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, camera, 7, scene)
drawing = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, drawing)
rect = mujoco.MjrRect(0, 0, 16, 16)
pixels = numpy.zeros((16, 16, 3), numpy.uint8)
mujoco.mjr_render(rect, scene, drawing)
mujoco.mjr_readPixels(pixels, None, rect, drawing)
if not pixels[8, 8, 0] > max(100, 2 * int(pixels[8, 8, 1])):
    sys.exit(f'drew {pixels[8, 8].tolist()} where red was expected')
sys.stdout.write('drew')
sys.stdout.flush()
import os
os._exit(0)
"""


def find_backend() -> tuple[str, str]:
    """Return the best camera backend that works on this machine, and why, for people.

    MUJOCO_GL restricts the search as it does for MuJoCo itself: egl or osmesa tries only that
    one, disable (or off) none.

    Returns:
        egl, osmesa or raycast; and one sentence.
    """
    wanted = os.environ.get('MUJOCO_GL', '').lower().strip()
    if wanted in ('disable', 'disabled', 'off', 'false', '0'):
        return 'raycast', f'MUJOCO_GL={wanted} forbids OpenGL'
    candidates = (wanted,) if wanted in LIBRARIES else LIBRARIES
    failures: list[str] = []
    for library in candidates:
        failure = probe(library)
        if not failure:
            return library, '; '.join([*failures, f'{library} draws'])
        failures.append(f'{library}: {failure}')
    return 'raycast', 'no OpenGL library works here (' + '; '.join(failures) + ')'


@cache
def probe(library: str) -> str:
    """Draw one picture with an OpenGL platform in a process of its own.

    Args:
        library: OpenGL platform, one of `LIBRARIES`.

    Returns:
        An empty string if it worked, else what went wrong. Tried once per process.
    """
    environment = {k: v for k, v in os.environ.items() if k != 'PYOPENGL_PLATFORM'}
    # MuJoCo reads MUJOCO_GL on import; the probe imports its platform by name instead.
    environment['MUJOCO_GL'] = 'disable'
    try:
        done = subprocess.run(
            [sys.executable, '-c', _PROBE, library],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f'cannot be tried ({type(error).__name__})'
    if done.returncode == 0 and done.stdout.endswith('drew'):
        return ''
    if "'NoneType' object has no attribute" in done.stderr:
        # What PyOpenGL says when it found no library to load.
        return f'{library} is not installed (Debian: apt install {PACKAGES[library]})'
    lines = done.stderr.strip().splitlines()
    return lines[-1][:200] if lines else f'ended with code {done.returncode}'


class OpenGLBackend:
    """Renders one camera off-screen; colour and depth come from one drawing."""

    def __init__(
        self,
        library: str,
        model: mujoco.MjModel,
        camera_id: int,
        width: int,
        height: int,
    ) -> None:
        """Create the graphics context, of a platform among `LIBRARIES`.

        Raises:
            PerceptionError: If the library does not work in this process or the image is larger
                than the model's off-screen buffer.
        """
        self._drawing: mujoco.MjrContext | None = None
        limits = model.vis.global_.offwidth, model.vis.global_.offheight
        if width > limits[0] or height > limits[1]:
            raise PerceptionError(
                f"an image of {width} x {height} pixels exceeds the model's off-screen buffer "
                f'of {limits[0]} x {limits[1]}; raise <visual><global offwidth offheight>'
            )
        platform = os.environ.get('PYOPENGL_PLATFORM', library)
        if platform != library:
            raise PerceptionError(
                f'{library} cannot be used: this process already draws with {platform} '
                '(PYOPENGL_PLATFORM), and PyOpenGL serves one platform a process'
            )
        self._model = model
        self._size = height, width
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = camera_id
        self._option = mujoco.MjvOption()
        self._scene = mujoco.MjvScene(model, maxgeom=10 * model.ngeom + 100)
        self._rect = mujoco.MjrRect(0, 0, width, height)
        try:
            self._context = importlib.import_module(f'mujoco.{library}').GLContext(width, height)
            with self._current():
                samples = model.vis.quality.offsamples
                model.vis.quality.offsamples = 0
                try:
                    self._drawing = mujoco.MjrContext(
                        model, mujoco.mjtFontScale.mjFONTSCALE_100.value
                    )
                finally:
                    model.vis.quality.offsamples = samples
                mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._drawing)
                # Reversed depth keeps the precision of floating point at a distance.
                self._drawing.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        except Exception as error:  # PyOpenGL and MuJoCo raise what they like.
            raise PerceptionError(f'{library} does not work: {error}') from error

    def render(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Return (H, W, 3) uint8 RGB and (H, W) float32 depth [m], NaN where nothing is."""
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        color = np.empty((*self._size, 3), dtype=np.uint8)
        buffer = np.empty(self._size, dtype=np.float32)
        with self._current():
            mujoco.mjr_render(self._rect, self._scene, self._drawing)
            mujoco.mjr_readPixels(color, buffer, self._rect, self._drawing)
        # OpenGL's perspective, of a reversed depth buffer (1 is near, 0 is far).
        limits, extent = self._model.vis.map, self._model.stat.extent
        near, far = limits.znear * extent, limits.zfar * extent
        buffer = buffer[::-1]
        depth = 1.0 / (buffer * np.float32(1.0 / near - 1.0 / far) + np.float32(1.0 / far))
        depth[buffer <= 0.0] = np.nan
        return np.ascontiguousarray(color[::-1]), depth

    def close(self) -> None:
        """Free the graphics context."""
        if self._drawing is not None:
            with self._current():
                self._drawing.free()
            self._drawing = None
            self._context.free()

    def __del__(self) -> None:
        # MuJoCo frees its buffers in whatever context is current: it must be their own.
        with contextlib.suppress(Exception):
            self.close()

    @contextlib.contextmanager
    def _current(self) -> Iterator[None]:
        """Hold the context in this thread only while drawing, so that any thread may draw."""
        if hasattr(self._context, 'as_current'):
            with self._context.as_current():
                yield
        else:  # MuJoCo 3
            self._context.make_current()
            yield
