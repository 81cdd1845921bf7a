"""Strokes from files: SVG drawings, CSV tables and NPZ arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from concept_control.errors import MissingDependencyError, StrokeError
from concept_control.policy.strokes import NUM_STEPS, Strokes, strokes_from_curves

SUFFIXES = ('.svg', '.csv', '.npz')

SVG_POINTS = 400
"""Number of points along a path of an SVG."""


def read_curves(path: str | Path) -> list[np.ndarray]:
    """Read the curves of a file, each (L, 2), x to the right and y up, in the file's unit.

    A CSV has two columns x, y with or without a header, or a first column that numbers the curve;
    an NPZ has one array (B, L, 2) or several (L, 2); an SVG has paths and shapes, each of their
    parts between two moves of the pen a curve.

    Raises:
        StrokeError: if the file is missing, of an unknown kind, or holds no curve.
        MissingDependencyError: for an SVG where svgelements is not installed.
    """
    path = Path(path)
    readers = {'.svg': _read_svg, '.csv': _read_csv, '.npz': _read_npz}
    if path.suffix.lower() not in readers:
        raise StrokeError(f'{path}: cannot read {path.suffix or "this"}; known: {SUFFIXES}')
    if not path.is_file():
        raise StrokeError(f'{path}: there is no such file')
    curves = readers[path.suffix.lower()](path)
    if not curves:
        raise StrokeError(f'{path}: holds no curve to draw')
    return curves


def read_examples(path: str | Path, num_steps: int = NUM_STEPS) -> Strokes:
    """Read a file whose curves are examples of one figure."""
    return strokes_from_curves(read_curves(path), num_steps, Path(path).stem)


def _read_svg(path: Path) -> list[np.ndarray]:
    try:
        import svgelements  # noqa: PLC0415  (only for those who draw SVG)
    except ImportError as error:
        raise MissingDependencyError(
            f'{path}: reading SVG needs svgelements: `pip install "concept_control[svg]"`'
        ) from error
    try:
        drawing = svgelements.SVG.parse(str(path), reify=True)
    except Exception as error:
        raise StrokeError(f'{path}: is no SVG: {error}') from error
    curves = []
    for element in drawing.elements():
        if not isinstance(element, svgelements.Shape) or isinstance(element, svgelements.Text):
            continue
        for part in svgelements.Path(element).as_subpaths():
            sub = svgelements.Path(part)
            if not sub.length():
                continue
            at = np.linspace(0.0, 1.0, SVG_POINTS)
            points = np.array([[point.x, point.y] for point in map(sub.point, at)])
            curves.append(points * [1.0, -1.0])  # the y of an SVG points down
    return curves


def _read_csv(path: Path) -> list[np.ndarray]:
    try:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise StrokeError(f'{path}: is no text: {error}') from error
    rows = []
    for number, line in enumerate(lines):
        try:
            rows.append([float(cell) for cell in line.replace(';', ',').split(',')])
        except ValueError as error:
            if number > 0:
                raise StrokeError(f'{path}:{number + 1}: not numbers: {line!r}') from error
    widths = {len(row) for row in rows}
    if widths not in ({2}, {3}):
        raise StrokeError(f'{path}: rows of {sorted(widths)} cells; expected x, y or curve, x, y')
    table = np.array(rows)
    if table.shape[1] == 2:
        return [table]
    return [table[table[:, 0] == curve, 1:] for curve in np.unique(table[:, 0])]


def _read_npz(path: Path) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = [arrays[name] for name in arrays.files]
    except (OSError, ValueError) as error:
        raise StrokeError(f'{path}: is no NPZ of numbers: {error}') from error
    curves: list[np.ndarray] = []
    for value in values:
        if value.ndim not in (2, 3) or value.shape[-1] != 2:
            raise StrokeError(
                f'{path}: array of shape {value.shape}; expected (L, 2) or (B, L, 2)'
            )
        curves.extend(value if value.ndim == 3 else [value])
    return curves
