"""Images of a MuJoCo scene by casting rays on the CPU, for machines without OpenGL."""

from __future__ import annotations

import mujoco
import numpy as np

from concept_control.perception.camera_model import Intrinsics

VISIBLE_GROUPS = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)
"""Geom groups that MuJoCo's renderer shows by default."""

BACKGROUND = 20
"""Grey level where nothing is."""


class RaycastBackend:
    """Casts one ray a pixel: exact depth, and Lambert shading by the model's lights.

    Neither shadows nor highlights; a texture counts with its mean colour. 320 x 240 rays take
    about 15 ms on one core. The interpreter lock is released while rays are cast.
    """

    def __init__(self, model: mujoco.MjModel, camera_id: int, intrinsics: Intrinsics) -> None:
        """Prepare the rays."""
        self._model = model
        self._camera_id = camera_id
        self._shape = intrinsics.height, intrinsics.width
        self._textures = _texture_colors(model)
        # With z = 1 the distance along the ray, in units of its length, is the depth.
        self._rays = np.ascontiguousarray(intrinsics.rays().reshape(-1, 3))
        num_rays = len(self._rays)
        self._geom_ids = np.empty(num_rays, dtype=np.int32)
        self._distances = np.empty(num_rays)
        self._normals = np.empty(3 * num_rays)

    def render(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Return (H, W, 3) uint8 RGB and (H, W) float32 depth [m], NaN where nothing is."""
        rotation = data.cam_xmat[self._camera_id].reshape(3, 3) * (1.0, -1.0, -1.0)
        origin = data.cam_xpos[self._camera_id].copy()
        directions = self._rays @ rotation.T
        mujoco.mj_multiRay(
            self._model,
            data,
            origin,
            directions.reshape(-1),
            VISIBLE_GROUPS,
            True,
            -1,
            self._geom_ids,
            self._distances,
            self._normals,
            len(directions),
            float(self._model.vis.map.zfar * self._model.stat.extent),
        )
        hit = self._geom_ids >= 0
        depth = np.where(hit, self._distances, np.nan).astype(np.float32)
        light = self._light(data, origin, directions, depth)
        model = self._model
        # The last one, index -1, is for a ray without a hit.
        colors = np.zeros((model.ngeom + 1, 3), dtype=np.float32)
        colors[:-1] = model.geom_rgba[:, :3]
        # An explicit geom colour overrides its material's, as in MuJoCo's renderer.
        plain = (model.geom_rgba == np.array([0.5, 0.5, 0.5, 1.0], np.float32)).all(axis=1)
        plain &= model.geom_matid >= 0
        colors[:-1][plain] = model.mat_rgba[model.geom_matid[plain], :3]
        for geom, texture in self._textures.items():
            colors[geom] *= texture
        color = colors[self._geom_ids] * light
        color = np.clip(color, 0.0, 1.0) * 255.0 + 0.5
        color[~hit] = BACKGROUND
        return color.astype(np.uint8).reshape(*self._shape, 3), depth.reshape(self._shape)

    def close(self) -> None:
        """Free nothing; there is nothing to free."""

    def _light(
        self, data: mujoco.MjData, origin: np.ndarray, directions: np.ndarray, depth: np.ndarray
    ) -> np.ndarray:
        """Return (P, 3) light a white surface would reflect, after MuJoCo's fixed pipeline."""
        model = self._model
        normals = self._normals.reshape(-1, 3).astype(np.float32)
        headlight = model.vis.headlight
        light = np.zeros((len(depth), 3), dtype=np.float32)
        if headlight.active:
            backward = data.cam_xmat[self._camera_id, 2::3].astype(np.float32)
            facing = np.abs(normals @ backward)
            light += facing[:, None] * headlight.diffuse + headlight.ambient
        for i in range(model.nlight):
            if not model.light_active[i]:
                continue
            if model.light_type[i] == mujoco.mjtLightType.mjLIGHT_DIRECTIONAL:
                facing = normals @ -data.light_xdir[i].astype(np.float32)
            else:
                # (light - point) . normal / |light - point|, point = origin + depth * direction
                offset = (data.light_xpos[i] - origin).astype(np.float32)
                to_light = offset - directions.astype(np.float32) * depth[:, None]
                facing = np.einsum('pi,pi->p', to_light, normals)
                facing /= np.sqrt(np.einsum('pi,pi->p', to_light, to_light))
            light += np.maximum(facing, 0.0)[:, None] * model.light_diffuse[i]
            light += model.light_ambient[i]
        return light


def _texture_colors(model: mujoco.MjModel) -> dict[int, np.ndarray]:
    """Return the (3,) mean colour, in [0, 1], of the texture of each geom that has one."""
    found = {}
    for geom, material in enumerate(model.geom_matid):
        if material >= 0:
            texture = model.mat_texid[material, mujoco.mjtTextureRole.mjTEXROLE_RGB]
            if texture >= 0:
                channels, start = model.tex_nchannel[texture], model.tex_adr[texture]
                size = model.tex_width[texture] * model.tex_height[texture] * channels
                pixels = model.tex_data[start : start + size].reshape(-1, channels)
                mean = pixels.mean(axis=0) / 255.0
                found[geom] = mean[:3] if channels >= 3 else np.full(3, mean[0])
    return found
