"""Reports as one HTML page: tables and pictures inside it, nothing to fetch.

All HTML stands in `page.html.j2`; a report gives data to the building blocks below and joins them
with `write_page`. Texts are escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Literal

import cv2
import jinja2
import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from concept_control.output_files import replacing

_TEMPLATE = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
).get_template('page.html.j2')
_BLOCKS = _TEMPLATE.make_module()


def write_page(path: Path, title: str, blocks: Sequence[Markup], provenance: str = '') -> None:
    """Write a page.

    Args:
        path: HTML file, whose folder is made where it is missing.
        title: Heading of the page.
        blocks: Building blocks, from the functions below.
        provenance: Line under the title: date, commit, machine.
    """
    text = _TEMPLATE.render(title=title, blocks=blocks, provenance=provenance)
    with replacing(path) as file:
        file.write(text.encode())


def heading(text: str, level: Literal[2, 3] = 2, is_code: bool = False) -> Markup:
    """Return a heading; code is set in a fixed width."""
    return _block('heading', text, level, is_code)


def paragraph(
    text: str,
    style: Literal['', 'note', 'no'] = '',
    verdict: str = '',
    is_good: bool | None = None,
) -> Markup:
    """Return a paragraph.

    Args:
        text: What it says.
        style: Colour of the whole paragraph: plain, a note or a failure.
        verdict: Words that lead the text.
        is_good: Colour of the verdict: green, red, or plain for None.
    """
    return _block('paragraph', text, style, verdict, is_good)


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Markup:
    """Return a table; the first column is aligned left, all others right."""
    return _block('table', header, rows)


def picture(figure: Figure, dpi: int = 110) -> Markup:
    """Return a figure as a PNG inside the page."""
    buffer = BytesIO()
    figure.savefig(buffer, format='png', dpi=dpi)
    return image(buffer.getvalue())


def plot(figure: Figure) -> Markup:
    """Return a figure as SVG that is the same each time it is drawn."""
    text = StringIO()
    with matplotlib.rc_context({'svg.hashsalt': 'concept_control', 'svg.fonttype': 'none'}):
        figure.savefig(text, format='svg', metadata={'Date': None, 'Creator': None})
    # Without the XML declaration and the document type, which stand before the root.
    return Markup('<svg' + text.getvalue().split('<svg', 1)[1])


def image(png: bytes) -> Markup:
    """Return an encoded PNG as an image inside the page."""
    return _block('image', _data_url('png', png))


def filmstrip(frames: Iterable[tuple[str, np.ndarray]]) -> Markup:
    """Return images (H, W, 3) uint8 RGB side by side, each with its caption below."""
    return _block('filmstrip', [(caption, _jpeg(rgb)) for caption, rgb in frames])


def _block(name: str, *values: object) -> Markup:
    return Markup(getattr(_BLOCKS, name)(*values))


def _jpeg(rgb: np.ndarray) -> str:
    _, data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return _data_url('jpeg', data.tobytes())


def _data_url(kind: str, data: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
