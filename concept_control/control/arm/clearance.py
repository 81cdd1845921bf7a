"""How near the links of an arm are to the table and to what stands on it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from concept_control.control.arm.kinematics import ArmKinematics, Frames

TABLE_MARGIN = 0.015
"""Free space wanted between a link and the table [m]."""

BLOCK_MARGIN = 0.01
"""Free space wanted between a link and a block [m]."""


@dataclass(frozen=True)
class LinkClearance:
    """What the links of an arm are to keep away from.

    The links, and the tool from 6 cm above its tip, are covered by spheres, blocks are upright
    capsules; the table is at zero.

    Attributes:
        kinematics: Kinematics of the arm.
        blocks: (M, 4) capsules: centre x, y, height of the top, radius [m].
    """

    kinematics: ArmKinematics
    blocks: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))

    def value(self, frames: Frames) -> np.ndarray:
        """Return (...,) sums of squared intrusions [m²] into the free space."""
        low = self._low(frames)
        depth, _ = self._intrusion(self.kinematics.sphere_centres(frames, low), low)
        return np.einsum('...pk,...pk->...', depth, depth)

    def linearize(self, frames: Frames) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return value (T,), gradient (T, n) and Gauss-Newton Hessian (T, n, n) by the joints."""
        kinematics = self.kinematics
        num = kinematics.num_joints
        low = self._low(frames)
        centres = kinematics.sphere_centres(frames, low)
        depth, outward = self._intrusion(centres, low)
        times, spheres, things = np.nonzero(depth)
        value = np.einsum('tpk,tpk->t', depth, depth)
        gradient, hessian = np.zeros((len(value), num)), np.zeros((len(value), num, num))
        if not len(times):
            return value, gradient, hessian
        which = low[spheres]
        arm = centres[times, spheres][:, None] - frames.anchors[times]
        axes = kinematics.axes(frames)[times]
        moves = np.where(kinematics.is_slide[:, None], axes, np.cross(axes, arm))
        moves[np.arange(moves.shape[1]) > kinematics.sphere_joints[which][:, None]] = 0.0
        # A step outwards makes the intrusion smaller.
        slopes = np.zeros((len(times), num))
        direction = outward[times, spheres, things]
        slopes[:, kinematics.columns] = -(moves @ direction[..., None])[..., 0]
        np.add.at(gradient, times, 2 * depth[times, spheres, things][:, None] * slopes)
        np.add.at(hessian, times, 2 * slopes[:, :, None] * slopes[:, None])
        return value, gradient, hessian

    def _low(self, frames: Frames) -> np.ndarray:
        """Return the indices of the spheres that come low enough to be near anything."""
        joints, spheres = self.kinematics.sphere_joints, self.kinematics.spheres
        upwards = frames.rotations[..., joints, 2, :]
        bottom = np.einsum('...pi,pi->...p', upwards, spheres[:, :3]) - spheres[:, 3]
        bottom += frames.anchors[..., joints, 2]
        tallest = self.blocks[:, 2].max(initial=0.0)
        lowest = bottom.reshape(-1, len(joints)).min(axis=0)
        return np.flatnonzero(lowest < tallest + max(TABLE_MARGIN, BLOCK_MARGIN))

    def _intrusion(self, centres: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return depths (..., L, 1 + M) [m], the table's first, and the ways out (..., 3).

        They are those of the spheres with indices `low` (L,), whose centres are (..., L, 3) [m].
        """
        radii = self.kinematics.spheres[low, 3]
        table = radii + TABLE_MARGIN - centres[..., 2]
        x, y, top, radius = self.blocks.T
        height = np.clip(centres[..., 2:], 0.0, np.maximum(top - radius, 0.0))
        away = np.stack(
            [centres[..., :1] - x, centres[..., 1:2] - y, centres[..., 2:] - height], axis=-1
        )
        distance = np.sqrt(np.einsum('...i,...i->...', away, away) + 1e-12)
        beside = radii[:, None] + radius + BLOCK_MARGIN - distance
        depth = np.maximum(np.concatenate([table[..., None], beside], axis=-1), 0.0)
        up = np.zeros((*table.shape, 1, 3))
        up[..., 2] = 1.0
        return depth, np.concatenate([up, away / distance[..., None]], axis=-2)
