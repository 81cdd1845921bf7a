"""Reports as one HTML page: tables and pictures inside it, nothing to fetch."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 2em auto; padding: 0 1em;
       color: #222 }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2.2em }
h3 { font-size: 1em; margin: 1.4em 0 .4em }
table { border-collapse: collapse; margin: .6em 0 }
th, td { padding: .25em .8em; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
th { font-weight: 600; border-bottom: 2px solid #888 }
.yes { color: #1a7f37; font-weight: 600 } .no { color: #c0392b; font-weight: 600 }
.note { color: #8a5a00 } svg, img { max-width: 100%; height: auto }
.strip { display: flex; gap: 4px; flex-wrap: wrap } .strip figure { margin: 0; width: 12% }
.strip figcaption { font-size: .75em; color: #666; text-align: center }
"""


def write_page(path: Path, title: str, parts: Sequence[str]) -> None:
    """Write a page of HTML parts under a title."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<style>{STYLE}</style><h1>{escape(title)}</h1>' + '\n'.join(parts) + '</html>\n'
    )


def heading(text: str) -> str:
    """Return a heading."""
    return f'<h2>{escape(text)}</h2>'


def paragraph(text: str, note: bool = False) -> str:
    """Return a paragraph; a note is set off by its colour."""
    return f'<p{" class=note" if note else ""}>{escape(text)}</p>'


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of texts."""
    head = ''.join(f'<th>{escape(name)}</th>' for name in header)
    body = ''.join(
        '<tr>' + ''.join(f'<td>{escape(str(cell))}</td>' for cell in row) + '</tr>' for row in rows
    )
    return f'<table><tr>{head}</tr>{body}</table>'


def picture(figure: Figure, dpi: int = 110) -> str:
    """Return a figure as an image inside the page."""
    buffer = BytesIO()
    figure.savefig(buffer, format='png', dpi=dpi)
    return image(buffer.getvalue())


def image(png: bytes) -> str:
    """Return a PNG as an image inside the page."""
    return f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}">'
