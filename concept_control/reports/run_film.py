"""Pictures of a run: before, after, the energy over time; and a film of the camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from concept_control.errors import ConceptControlError
from concept_control.output_files import replacing

FILM_RATE = 10.0
"""Frames per second of simulated time."""

ENERGY_FLOOR = 1e-5
"""Smallest energy drawn: the axis is logarithmic."""


class Film:
    """Writes camera images to an .mp4 file as they come, dropped ones repeated."""

    def __init__(self, path: Path) -> None:
        if path.suffix != '.mp4':
            raise ConceptControlError(f'{path}: a film is written as .mp4')
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._writer: cv2.VideoWriter | None = None
        self._start: float | None = None
        self._written = 0

    def add(self, time: float, image: np.ndarray) -> None:
        """Append an image (H, W, 3) uint8 RGB taken at `time` [s]."""
        if self._writer is None:
            height, width = image.shape[:2]
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(str(self._path), code, FILM_RATE, (width, height))
            if not self._writer.isOpened():
                raise ConceptControlError(f'{self._path}: OpenCV cannot write a film there')
            self._start = time
        due = int((time - (self._start or 0.0)) * FILM_RATE) + 1
        frame = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        while self._written < due:
            self._writer.write(frame)
            self._written += 1

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


def draw_run(
    path: Path,
    title: str,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    times: Sequence[float],
    energies: Sequence[float],
    phases: Sequence[str],
) -> None:
    """Draw one run to a PNG.

    Args:
        path: PNG file.
        title: Title above everything.
        before: Images (H, W, 3) at the start, one a point of view.
        after: Images (H, W, 3) at the end, from the same points of view.
        times: Times since the command [s].
        energies: Perceived energy at those times; NaN where unknown.
        phases: Phases of the controller at those times.
    """
    rows = max(len(before), len(after), 1)
    strip = 0.3 + 0.16 * len(set(phases))
    figure = Figure(figsize=(11, 3.6 * rows + 2.6 + strip), layout='constrained')
    grid = figure.add_gridspec(rows + 2, 2, height_ratios=[*[3.6] * rows, 2.6, strip])
    draw_before_and_after(figure, grid, before, after)
    axis = figure.add_subplot(grid[rows, :])
    axis.set(title='energy of the scene as perceived', yscale='log')
    axis.plot(times, np.maximum(np.asarray(energies, dtype=float), ENERGY_FLOOR))
    below = figure.add_subplot(grid[rows + 1, :], sharex=axis)
    draw_phases(below, times, phases)
    below.set_xlabel('time since the command [s]')
    figure.suptitle(title)
    with replacing(path) as file:
        figure.savefig(file, dpi=100)


def draw_before_and_after(
    figure: Figure, grid: GridSpec, before: Sequence[np.ndarray], after: Sequence[np.ndarray]
) -> None:
    """Draw images (H, W, 3) in the first two columns of a grid, a row for each point of view."""
    for column, (name, images) in enumerate((('before', before), ('after', after))):
        for row, image in enumerate(images):
            axis = figure.add_subplot(grid[row, column])
            axis.axis('off')
            axis.imshow(image)
            if row == 0:
                axis.set_title(name)


def draw_phases(axis: Axes, times: Sequence[float], phases: Sequence[str]) -> None:
    """Draw when each phase was, a row for each: labels of short phases never overlap.

    Args:
        axis: Axis to draw on.
        times: Times at which the phases were reported [s].
        phases: Phases at those times; each lasts until the next, the last one until its report.
    """
    rows = {phase: row for row, phase in enumerate(dict.fromkeys(phases))}
    for phase, start, end in zip(phases, times, times[1:]):
        axis.barh(rows[phase], end - start, left=start, height=0.8, color='0.6')
    axis.set_yticks(list(rows.values()), list(rows), fontsize=7)
    axis.set_ylim(max(len(rows), 1) - 0.5, -0.5)
