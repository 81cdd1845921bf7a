"""Pictures of a perception benchmark: annotated tables, the worst of them, errors, a carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from concept_control.benchmarks.perception.frames import BlockResult, FrameResult, Truth
from concept_control.benchmarks.perception.sequences import Still
from concept_control.perception.annotate import (
    ELLIPSE_COLOR,
    annotate,
    covariance_ellipse,
    draw_polygon,
    draw_swatch,
    write,
)
from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.detector import Detection
from concept_control.perception.detection.outline import outline_polygon
from concept_control.perception.tracking.tracker import TrackedEntity

NUM_PICTURES = 12
MARGIN, MAX_ZOOM = 24, 4.0
"""Margin around the blocks of a close-up [pixels], and its largest magnification."""

FILM_MARGIN = 48
"""Margin around the blocks of a carry [pixels], wide enough for labels and the arm."""

FOUND, MISSED, FALSE = (255, 255, 255), (255, 60, 60), (255, 60, 255)
"""Colours of outlines, RGB."""


class PictureFolder:
    """Collects pictures of a benchmark and writes them to a folder.

    Attributes:
        film: Moments of a carry, of which some are drawn.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._first: list[np.ndarray] = []
        self._worst: list[tuple[float, np.ndarray]] = []
        self.film: list[Still] = []

    def add_frame(self, seed: int, kind: str, frame: FrameResult) -> None:
        """Take in one judged frame; the first and the worst are kept."""
        score = max((1e3 * float(np.linalg.norm(b.error)) for b in _judged(frame)), default=0.0)
        score = 1e3 if np.isnan(score) else score + 100.0 * len(frame.false)
        is_worst = len(self._worst) < NUM_PICTURES or score > self._worst[-1][0]
        if len(self._first) >= NUM_PICTURES and not is_worst:
            return
        picture = draw_frame(frame, f'{kind}, seed {seed}')
        if len(self._first) < NUM_PICTURES:
            self._first.append(picture)
        if is_worst:
            self._worst = sorted([*self._worst, (score, picture)], key=lambda pair: -pair[0])
            self._worst = self._worst[:NUM_PICTURES]

    def add_errors(self, blocks: Mapping[str, Sequence[BlockResult]]) -> None:
        """Draw the distribution of position errors, one curve a kind of frame."""
        figure = Figure(figsize=(7, 4.5))
        axes = figure.subplots()
        colors: dict[str, str] = {}
        for kind in sorted(blocks):
            errors = [np.linalg.norm(b.error) for b in blocks[kind] if b.visible >= 0.5]
            found = np.sort(1e3 * np.array([error for error in errors if not np.isnan(error)]))
            if len(found):
                share = np.arange(1, len(found) + 1) / len(errors)
                style = '--' if 'noise' in kind else '-'
                color = colors.setdefault(kind.split(',')[0], f'C{len(colors)}')
                axes.semilogx(found, share, style, color=color, label=kind)
        axes.set(
            xlabel='position error [mm]',
            ylabel='share of blocks at least half visible',
            xlim=(0.01, 20.0),
            ylim=(0.0, 1.01),
        )
        axes.grid(alpha=0.3, which='both')
        axes.legend()
        figure.tight_layout()
        figure.savefig(self._folder / 'errors.png', dpi=120)

    def finish(self) -> None:
        """Write the collected pictures."""
        for name, pictures in (
            ('first', self._first),
            ('worst', [picture for _, picture in self._worst]),
            ('carry', draw_film(self.film)),
        ):
            if pictures:
                # Three of a size side by side.
                padded = [*pictures, *[np.full_like(pictures[0], 255)] * (-len(pictures) % 3)]
                rows = [np.hstack(padded[i : i + 3]) for i in range(0, len(padded), 3)]
                cv2.imwrite(str(self._folder / f'{name}.png'), np.vstack(rows)[..., ::-1])


def draw_frame(frame: FrameResult, caption: str) -> np.ndarray:
    """Return an enlarged part of a frame's image with what was found, missed and imagined.

    Each block has the outline of the body fitted to it, the ellipse of its covariance (three
    standard deviations), a swatch of the measured colour, and its error in millimetres.

    Args:
        frame: Judged frame.
        caption: Text above it.

    Returns:
        (H, W, 3) uint8 RGB of the size of the frame's image.
    """
    outlines = [_silhouette(block.truth, frame) for block in frame.blocks]
    matrix, picture = _close_up(np.concatenate(outlines), frame.intrinsics, MARGIN, frame.color)

    def draw(polygon: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
        enlarged = polygon @ matrix[:, :2] + matrix[:, 2]
        draw_polygon(picture, enlarged, color)
        return enlarged

    for block in _judged(frame):
        if block.detection is None:
            draw(_silhouette(block.truth, frame), MISSED)
    for false in frame.false:
        draw(false.outline, FALSE)
    for block in frame.blocks:
        detection = block.detection
        if detection is None:
            continue
        polygon = draw(_silhouette(detection, frame), FOUND)
        ellipse = covariance_ellipse(detection, frame.intrinsics, frame.T_world_camera)
        if ellipse is not None:
            draw(ellipse, ELLIPSE_COLOR)
        x, y = int(polygon[:, 0].max()) + 4, int(polygon[:, 1].min()) + 10
        draw_swatch(picture, (x, y + 1), detection.color, 10)
        write(picture, f'{1e3 * np.linalg.norm(block.error):.2f}', (x + 14, y), FOUND, 0.38)
    missed = sum(block.detection is None for block in _judged(frame))
    errors = [1e3 * float(np.linalg.norm(b.error)) for b in _judged(frame) if b.detection]
    text = f'{caption}: {len(errors)} found, worst {max(errors, default=0.0):.2f} mm'
    if missed or frame.false:
        text += f', {missed} missed, {len(frame.false)} false'
    write(picture, text, (6, 18), MISSED if missed or frame.false else FOUND, 0.5)
    return picture


def _silhouette(body: Truth | Detection | TrackedEntity, frame: FrameResult) -> np.ndarray:
    """Return the (C, 2) outline of a body, as it is or as it was detected."""
    return outline_polygon(
        body.shape, body.position, body.size, body.yaw, frame.intrinsics, frame.T_world_camera
    )


def draw_film(stills: Sequence[Still]) -> list[np.ndarray]:
    """Return annotated close-ups of `NUM_PICTURES` moments, evenly spaced; all of one place."""
    if not stills:
        return []
    camera, pose = stills[0].intrinsics, stills[0].T_world_camera
    places = np.concatenate([still.truth.positions for still in stills])
    pixels = camera.project((places - pose[:3, 3]) @ pose[:3, :3])
    pictures = []
    for i in np.linspace(0, len(stills) - 1, min(NUM_PICTURES, len(stills))).round().astype(int):
        matrix, picture = _close_up(pixels, camera, FILM_MARGIN, stills[i].color)
        cx, cy = matrix @ [camera.cx, camera.cy, 1.0]
        fx, fy = matrix[0, 0] * camera.fx, matrix[1, 1] * camera.fy
        close = replace(camera, fx=fx, fy=fy, cx=cx, cy=cy)
        caption = f'{stills[i].truth.stamp:.2f} s'
        pictures.append(annotate(picture, close, pose, stills[i].entities, caption=caption))
    return pictures


def _close_up(
    pixels: np.ndarray, camera: Intrinsics, margin: float, image: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of an image around (N, 2) pixels, enlarged to its size, and the way there.

    The way is an affine matrix (2, 3).
    """
    size = np.array([camera.width, camera.height])
    low, high = pixels.min(axis=0) - margin, pixels.max(axis=0) + margin
    scale = float(min(*(size / (high - low)), MAX_ZOOM))
    corner = 0.5 * (low + high - size / scale)
    matrix = scale * np.column_stack([np.eye(2), -corner])
    return matrix, cv2.warpAffine(image, matrix, size.tolist(), flags=cv2.INTER_CUBIC)


def _judged(frame: FrameResult) -> list[BlockResult]:
    return [block for block in frame.blocks if block.visible >= 0.5]
