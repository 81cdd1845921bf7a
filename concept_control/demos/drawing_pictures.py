"""Pictures of a drawing: the table before and after, and the line beside the policy's path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

INK = (20, 90, 220)
"""Colour of the line, RGB."""

HIDDEN_DEPTH = 0.012
"""Depth behind what the camera sees from which a point is hidden [m]."""


def overlay_lines(
    image: np.ndarray,
    depth: np.ndarray,
    T_world_camera: np.ndarray,
    matrix: np.ndarray,
    lines: Sequence[np.ndarray],
    width: int = 3,
) -> np.ndarray:
    """Return an image (H, W, 3) with lines on the table drawn into it where nothing hides them.

    Args:
        image: RGB image.
        depth: (H, W) depth along the optical axis [m].
        T_world_camera: (4, 4) pose of the optical frame.
        matrix: (3, 3) matrix of the camera.
        lines: Lines (L, 3), world frame [m].
        width: Width of a line [pixels].
    """
    picture = np.ascontiguousarray(image)
    rotation, origin = T_world_camera[:3, :3], T_world_camera[:3, 3]
    height, columns = depth.shape
    for line in lines:
        on_table = line * [1.0, 1.0, 0.0]
        seen = (on_table - origin) @ rotation
        at = seen @ matrix.T
        pixels = at[:, :2] / at[:, 2:]
        rounded = np.round(pixels).astype(int)
        inside = ((rounded >= 0) & (rounded < [columns, height])).all(axis=1)
        clipped = np.clip(rounded, 0, [columns - 1, height - 1])
        surface = depth[clipped[:, 1], clipped[:, 0]]
        visible = inside & (seen[:, 2] <= surface + HIDDEN_DEPTH)
        # Sub-pixel coordinates: OpenCV takes them as fixed-point numbers.
        fixed = np.round(pixels * 16).astype(np.int32)
        for k in np.flatnonzero(visible[:-1] & visible[1:]):
            cv2.line(picture, fixed[k], fixed[k + 1], INK, width, cv2.LINE_AA, 4)
    return picture


def draw_report(
    path: Path,
    title: str,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    lines: Sequence[np.ndarray],
    paths: Sequence[np.ndarray],
    deviations: Sequence[float],
) -> None:
    """Write a PNG.

    Args:
        path: File to write.
        title: Title of the whole picture.
        before: Images (H, W, 3) at the start, one a point of view.
        after: Images (H, W, 3) at the end, the line in them.
        lines: (L, 3) track of the tip, one a stroke [m].
        paths: (T + 1, 2) path of the policy, one a stroke [m].
        deviations: Largest distance of each line to its path [m].
    """
    rows = max(len(before), 1)
    figure = Figure(figsize=(15.5, 4.3 * rows), layout='constrained')
    grid = figure.add_gridspec(rows, 3, width_ratios=[1.33, 1.33, 1.0])
    for column, (name, images) in enumerate((('before', before), ('after', after))):
        for row, image in enumerate(images):
            axis = figure.add_subplot(grid[row, column])
            axis.imshow(image)
            axis.axis('off')
            if row == 0:
                axis.set_title(name)
    axis = figure.add_subplot(grid[:, 2])
    for number, (line, wanted) in enumerate(zip(lines, paths)):
        # Seen from above with the robot below: its -y is to the right, its x up.
        axis.plot(
            *(-1000 * wanted[:, 1], 1000 * wanted[:, 0]),
            color='0.75',
            linewidth=6,
            solid_capstyle='round',
            label="the policy's path" if number == 0 else None,
        )
        axis.plot(
            *(-1000 * line[:, 1], 1000 * line[:, 0]),
            color=np.array(INK) / 255,
            linewidth=1.4,
            label='the line the tool drew' if number == 0 else None,
        )
    worst = max(deviations, default=float('nan'))
    axis.set_title(f'largest distance between them {1000 * worst:.2f} mm')
    axis.set(xlabel='right of the robot [mm]', ylabel='in front of the robot [mm]')
    axis.set_aspect('equal')
    axis.margins(0.1)
    axis.legend(loc='upper center', bbox_to_anchor=(0.5, -0.12), frameon=False, fontsize=9)
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
