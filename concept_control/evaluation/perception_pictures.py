"""Pictures of a perception benchmark: annotated tables, the worst of them, errors, a carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from concept_control.evaluation.perception_scenes import BlockResult, FrameResult
from concept_control.perception.annotate import write
from concept_control.perception.tracking import TrackedEntity
from concept_control.simulation.carry import CarryFrame

matplotlib.use('Agg')
from matplotlib import pyplot as plt

NUM_PICTURES = 12
FILM_EVERY = 8
"""Frames of a carry per picture of it."""

FOUND, MISSED, FALSE = (255, 255, 255), (255, 60, 60), (255, 60, 255)
"""RGB of outlines."""

Watch = Callable[[CarryFrame, list[TrackedEntity], np.ndarray], None]


class PictureFolder:
    """Collects pictures of a benchmark and writes them to a folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._first: list[np.ndarray] = []
        self._worst: list[tuple[float, np.ndarray]] = []
        self._film: list[np.ndarray] = []

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
        figure, axes = plt.subplots(figsize=(7, 4.5))
        for kind in sorted(blocks):
            errors = [np.linalg.norm(b.error) for b in blocks[kind] if b.visible >= 0.5]
            found = np.sort(1e3 * np.array([error for error in errors if not np.isnan(error)]))
            if len(found):
                share = np.arange(1, len(found) + 1) / len(errors)
                style = '--' if 'noise' in kind else '-'
                axes.semilogx(found, share, style, label=kind)
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
        plt.close(figure)

    def film(self) -> Watch:
        """Return a watcher that keeps pictures of a carry."""
        count = 0

        def watch(truth: CarryFrame, entities: list[TrackedEntity], picture: np.ndarray) -> None:
            nonlocal count
            if count % FILM_EVERY == 0:
                self._film.append(picture)
            count += 1

        return watch

    def finish(self) -> None:
        """Write the collected pictures."""
        for name, pictures in (
            ('first', self._first),
            ('worst', [picture for _, picture in self._worst]),
            ('carry', self._film),
        ):
            if pictures:
                cv2.imwrite(str(self._folder / f'{name}.png'), _grid(pictures)[..., ::-1])


def draw_frame(frame: FrameResult, caption: str) -> np.ndarray:
    """Return the (H, W, 3) RGB image of a frame with what was found, missed and imagined."""
    picture = frame.color.copy()
    for detection in frame.detections:
        is_false = any(detection is other for other in frame.false)
        polygon = np.rint(detection.outline).astype(np.int32)
        line = FALSE if is_false else FOUND
        cv2.polylines(picture, [polygon], isClosed=True, color=line, lineType=cv2.LINE_AA)
        place = (int(polygon[:, 0].max()) + 3, int(polygon[:, 1].min()) + 8)
        swatch = tuple(round(255 * float(value)) for value in detection.color)
        cv2.rectangle(picture, (place[0], place[1] - 7), (place[0] + 8, place[1] + 1), swatch, -1)
    missed = sum(block.detection is None for block in _judged(frame))
    errors = [1e3 * float(np.linalg.norm(b.error)) for b in _judged(frame) if b.detection]
    text = f'{caption}: {len(errors)} found, worst {max(errors, default=0.0):.2f} mm'
    if missed or frame.false:
        text += f', {missed} missed, {len(frame.false)} false'
    line = MISSED if missed or frame.false else FOUND
    write(picture, text, (6, 18), line, 0.5)
    return picture


def _judged(frame: FrameResult) -> list[BlockResult]:
    return [block for block in frame.blocks if block.visible >= 0.5]


def _grid(pictures: Sequence[np.ndarray], columns: int = 3) -> np.ndarray:
    """Return pictures of one size side by side."""
    blank = np.zeros_like(pictures[0])
    padded = [*pictures, *[blank] * (-len(pictures) % columns)]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    return np.vstack(rows)
