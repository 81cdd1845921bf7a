"""Strokes from files: SVG drawings, CSV tables and NPZ arrays."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from concept_control.errors import MissingDependencyError, StrokeError
from concept_control.input_files import one_line, read_bytes, read_npz, read_text
from concept_control.policy.strokes import NUM_STEPS, Strokes, check_curve, strokes_from_curves

SUFFIXES = ('.svg', '.csv', '.npz')

SVG_ACCURACY = 1e-5
"""Accuracy of lengths along a path, relative."""

SVG_POINTS = 400
"""Number of points along a path of an SVG."""

MAX_CURVES, MAX_POINTS = 1000, 1_000_000
"""Most curves of a file, and points of all of them."""

MAX_BYTES = 8 * 2**20
"""Largest file, and largest size that an NPZ unpacks to."""

MAX_SVG_PARTS = 5000
"""Most elements and parts of paths in an SVG, each `<use>` counted with all that it shows."""


def read_curves(path: str | Path) -> list[np.ndarray]:
    """Read the curves of a file, each (L, 2), x to the right and y up, in the file's unit.

    A CSV has two columns x, y with or without a header, or a first column that numbers the curve;
    an NPZ has one array (B, L, 2) or several (L, 2); an SVG has paths and shapes, each of their
    parts between two moves of the pen a curve.

    Raises:
        StrokeError: if the file is missing, of an unknown kind, or holds no curve, too much, or
            what is no line of finite points.
        MissingDependencyError: for an SVG where svgelements is not installed.
    """
    path = Path(path)
    readers = {'.svg': _read_svg, '.csv': _read_csv, '.npz': _read_npz}
    if path.suffix.lower() not in readers:
        raise StrokeError(f'{path}: cannot read {path.suffix or "this"}; known: {SUFFIXES}')
    curves = readers[path.suffix.lower()](path)
    if not curves:
        raise StrokeError(f'{path}: holds no curve to draw')
    if len(curves) > MAX_CURVES or sum(map(len, curves)) > MAX_POINTS:
        raise StrokeError(
            f'{path}: holds {len(curves)} curves of {sum(map(len, curves))} points; at most '
            f'{MAX_CURVES} of {MAX_POINTS} are read'
        )
    try:
        return [check_curve(curve, number) for number, curve in enumerate(curves)]
    except StrokeError as error:
        raise StrokeError(f'{path}: {error}') from error


def read_examples(path: str | Path) -> Strokes:
    """Read a file whose curves are examples of one figure."""
    return strokes_from_curves(read_curves(path), NUM_STEPS, Path(path).stem)


def _read_svg(path: Path) -> list[np.ndarray]:
    try:
        import svgelements  # noqa: PLC0415  (only for those who draw SVG)
    except ImportError as error:
        raise MissingDependencyError(
            f'{path}: reading SVG needs svgelements: `pip install "concept_control[svg]"`'
        ) from error
    data = read_bytes(path, StrokeError, MAX_BYTES)
    curves = []
    try:
        _check_svg(data)
        for element in svgelements.SVG.parse(io.BytesIO(data), reify=True).elements():
            if not isinstance(element, svgelements.Shape) or isinstance(element, svgelements.Text):
                continue
            for part in svgelements.Path(element).as_subpaths():
                sub = svgelements.Path(part)
                if not sub.length(error=SVG_ACCURACY):
                    continue
                at = np.linspace(0.0, 1.0, SVG_POINTS)
                points = np.array([[p.x, p.y] for p in (sub.point(s, SVG_ACCURACY) for s in at)])
                curves.append(points * [1.0, -1.0])  # the y of an SVG points down
    except Exception as error:  # svgelements raises anything on numbers and links that are none
        raise StrokeError(f'{path}: is no SVG that is read: {one_line(error)}') from error
    return curves


def _check_svg(data: bytes) -> None:
    """Refuse an SVG that is small as a file and endless as a drawing."""
    if b'<!ENTITY' in data:
        raise StrokeError('it declares entities')
    root = ElementTree.fromstring(data)
    by_id = {f'#{element.get("id")}': element for element in root.iter() if element.get('id')}
    # What each element shows, from the innermost outwards; a link to what is around it has none.
    shown: dict[ElementTree.Element, int] = {}
    waiting = [(root, False)]
    entered: set[ElementTree.Element] = set()
    while waiting:
        element, is_left = waiting.pop()
        links = [value for name, value in element.attrib.items() if name.endswith('href')]
        inner = [*element, *(by_id[link] for link in links if link in by_id)]
        if is_left:
            text = element.get('d', '') + element.get('points', '')
            parts = sum(c.isalpha() or c in ',' for c in text) + len(text.split()) // 2
            shown[element] = 1 + parts + sum(shown[child] for child in inner)
            if shown[element] > MAX_SVG_PARTS:
                raise StrokeError(
                    f'it shows more than {MAX_SVG_PARTS} elements and parts of paths'
                )
        elif element not in shown:
            if element in entered:
                raise StrokeError('a part of it shows itself')
            entered.add(element)
            waiting += [(element, True), *((child, False) for child in inner)]


def _read_csv(path: Path) -> list[np.ndarray]:
    lines = [line for line in read_text(path, StrokeError, MAX_BYTES).splitlines() if line.strip()]
    rows = []
    for number, line in enumerate(lines):
        try:
            rows.append([float(cell) for cell in line.replace(';', ',').split(',')])
        except ValueError as error:
            if number > 0:
                raise StrokeError(f'{path}:{number + 1}: not numbers: {line!r:.60}') from error
    widths = {len(row) for row in rows}
    if widths not in ({2}, {3}):
        raise StrokeError(
            f'{path}: rows of {sorted(widths)[:5]} cells; expected x, y or curve, x, y'
        )
    table = np.array(rows)
    if table.shape[1] == 2:
        return [table]
    names = np.unique(table[:, 0])
    if len(names) > MAX_CURVES:
        raise StrokeError(f'{path}: {len(names)} curves; at most {MAX_CURVES} are read')
    return [table[table[:, 0] == name, 1:] for name in names]


def _read_npz(path: Path) -> list[np.ndarray]:
    curves: list[np.ndarray] = []
    for value in read_npz(path, StrokeError, MAX_BYTES).values():
        if value.ndim not in (2, 3) or value.shape[-1] != 2:
            raise StrokeError(
                f'{path}: array of shape {value.shape}; expected (L, 2) or (B, L, 2)'
            )
        curves.extend(value if value.ndim == 3 else [value])
    return curves
